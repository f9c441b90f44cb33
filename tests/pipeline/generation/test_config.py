import math
from typing import Any

import pytest

from pipeline.generation.config import GenerateConfig


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_lanes": 12}, "num_lanes must be a multiple of 8, got 12"),
        ({"precision": "bfloat16", "sampler": "torch"}, "precision is that of a kernel"),
        ({"canary_one_in": 0}, "canary_one_in must be at least 1, got 0"),
        ({"gpus_per_actor": 0}, "gpus_per_actor must be above 0, got 0"),
        ({"gpus_per_actor": 2}, "gpus_per_actor must be at most 1, an actor draws on one GPU; got 2"),
        ({"gpus_per_actor": 0.5}, "gpus_per_actor 0.5 is for device=cuda"),
        ({"stop_after_s": math.nan}, "stop_after_s must be above 0"),
        ({"price_per_hour": -1}, "price_per_hour must be a price"),
        ({"stop_at_cost": 5}, "stop_at_cost 5 needs price_per_hour"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GenerateConfig(**settings)


def test_a_run_ends_at_the_nearer_of_its_limits() -> None:
    assert GenerateConfig().time_limit_s == math.inf
    assert GenerateConfig(stop_after_s=60, stop_at_cost=2, price_per_hour=60).time_limit_s == 60
    assert GenerateConfig(stop_after_s=600, stop_at_cost=2, price_per_hour=60).time_limit_s == 120
