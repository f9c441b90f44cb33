from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.sampler import Sampler
from pipeline.errors import DisagreementError
from pipeline.generation.accept.duplicates import Redraw
from pipeline.generation.config import GenerateConfig
from pipeline.generation.shard import generate_shard
from pipeline.shards.plan import ShardPlan
from pipeline.shards.writer import write_shard
from pipeline.storage import Location
from tests.pipeline.generation.test_snapshots import Killed, Watch, plan_of
from tests.pipeline.generation.tiny_models import DIGITS, IMAGE, save_tiny


def test_levels_of_a_shard_are_underway_until_it_stands_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted as finished must not be counted as underway too."""
    sampler, plan = Sampler(Location("model"), Location("out"), GenerateConfig()), ShardPlan[Any](0, "000000", (), "")
    vars(sampler)["exported"] = SimpleNamespace()
    seen: list[int] = []

    def drawn(drawing: Any, near: dict[str, str]) -> str:
        drawing.on_levels(70)
        seen.append(sampler.num_levels)
        return "commit"

    monkeypatch.setattr("jobs.sampler.redraw_shard", drawn)
    assert str(sampler.redraw(Redraw(plan, {"a": "b"}))) == "commit"
    assert (seen, sampler.num_levels) == ([70], 0)


def test_what_a_killed_run_had_drawn_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.sampling.draws.PROGRESS_EVERY", 7)
    monkeypatch.setattr("models.sampling.cached.PROGRESS_EVERY", 7)
    exported, out = save_tiny(Location(str(tmp_path / "model")), "image", DIGITS), Location(str(tmp_path / "out"))
    config = GenerateConfig(sampler="torch", num_lanes=8, snapshot_every_s=1e-9)
    plan = plan_of(['{"label": "1", "count": 20}'], exported, config)
    with pytest.raises(Killed):
        generate_shard(out, plan, exported, config, Watch(20))
    sampler, seen = Sampler(exported.folder, out, config), list[tuple[int, int]]()

    def tell(num_levels: int) -> None:
        Sampler.tell(sampler, num_levels)
        seen.append((sampler.levels_underway(), sampler.levels_drawn_before()))

    monkeypatch.setattr(sampler, "tell", tell)
    commit = sampler.generate(plan)
    before = commit.run["went_on_from_levels"]
    assert 0 < before < seen[0][0]
    assert {drawn_before for _, drawn_before in seen} == {before}
    assert sampler.levels_drawn_before() == 0


def test_a_shard_that_stands_is_no_proof_of_the_actor_that_finds_it(tmp_path: Path) -> None:
    """It was made by another one, which was compared; this one has drawn nothing and needs no model."""
    out, plan = Location(str(tmp_path)), ShardPlan[Any](0, "000000", (), "digest")
    write_shard(out, plan, [], [], IMAGE, run={"num_compared": 3})
    found = Sampler(Location("model"), out, GenerateConfig()).generate(plan)
    assert (found.plan_digest, found.run["num_compared"]) == ("digest", 0)


def test_who_was_found_to_lie_makes_nothing_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What waits for it is begun before the driver has heard of it. Where it had help, it may not have been itself."""
    sampler, plan = Sampler(Location("m"), Location(str(tmp_path)), GenerateConfig()), ShardPlan[Any](0, "0", (), "")
    vars(sampler)["exported"] = SimpleNamespace()
    made: list[str] = []

    def lies(*given: Any) -> None:
        made.append("shard")
        raise DisagreementError("it lies")

    monkeypatch.setattr("jobs.sampler.draw_from_the_first", lies)
    monkeypatch.setattr("jobs.sampler.levels_at_peak", lambda *given: 1.0)
    monkeypatch.setattr("jobs.sampler.Canary", lambda *given: None)
    helps: list[list[Any]] = [[{}], [{}], [], [], [{}]]
    for below in helps:
        with pytest.raises(DisagreementError, match="it lies"):
            sampler.generate(plan, *below)
    assert made == ["shard"] * 3
