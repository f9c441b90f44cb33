from types import SimpleNamespace
from typing import Any

import pytest

from jobs.sampler import Sampler
from pipeline.generation.accept.duplicates import Redraw
from pipeline.generation.config import GenerateConfig
from pipeline.shards.plan import ShardPlan
from pipeline.storage import Location


def test_levels_of_a_shard_are_underway_until_it_stands_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted as finished must not be counted as underway too."""
    sampler, plan = Sampler(Location("model"), Location("out"), GenerateConfig()), ShardPlan[Any](0, "000000", (), "")
    vars(sampler)["exported"] = SimpleNamespace()
    seen: list[int] = []

    def drawn(drawing: Any, duplicates: dict[str, str]) -> str:
        drawing.on_levels(70)
        seen.append(sampler.num_levels)
        return "commit"

    monkeypatch.setattr("jobs.sampler.redraw_shard", drawn)
    assert str(sampler.redraw(Redraw(plan, {"a": "b"}))) == "commit"
    assert (seen, sampler.num_levels) == ([70], 0)
