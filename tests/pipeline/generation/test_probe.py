import pytest

from pipeline.generation.config import GenerateConfig
from pipeline.generation.plan import PlannedItem, shard_plans
from pipeline.generation.probe import draw_until, probe
from pipeline.generation.requests import parse_request
from pipeline.generation.target import Target
from pipeline.model_folder import ExportedModel
from pipeline.shards.plan import ShardPlan

SPOKEN = '{"count": 40, "speaker": "ann", "emotion": "glad", "phones": [["a", 0.9], ["sil", 0.1]]}'


def plans(exported: ExportedModel, config: GenerateConfig) -> list[ShardPlan[PlannedItem]]:
    target = Target(exported.info.conventions, exported.info.conditioning, 10_000)
    return list(shard_plans([parse_request(SPOKEN, 1, target, "")], "m", config))


def test_a_probe_measures_and_writes_nothing(speech_model: ExportedModel) -> None:
    config = GenerateConfig(items_per_shard=8)
    found = probe(plans(speech_model, config), speech_model, config, 2.0)
    assert 1e3 < found.levels_per_s < 1e8
    assert 0.6 < found.bytes_per_level < 10, "five bits each, with columns and a file around them"
    assert found.levels_at_peak > found.levels_per_s
    assert found.lane_bytes > 1000
    assert found.load_s > 0


def test_a_shard_that_takes_too_long_is_broken_off(speech_model: ExportedModel) -> None:
    config = GenerateConfig()
    (plan, *_) = plans(speech_model, config)
    num_levels, data = draw_until(plan, speech_model, config, until=0.0)
    assert 0 < num_levels < 40 * 1000
    assert data == b""
    num_levels, data = draw_until(plan, speech_model, config, until=float("inf"))
    assert num_levels == 40 * 1000
    assert data.startswith(b"PAR1")


def test_what_no_shard_was_finished_of_has_no_bytes(speech_model: ExportedModel) -> None:
    config = GenerateConfig()
    assert probe(plans(speech_model, config), speech_model, config, 0.0).bytes_per_level == pytest.approx(0)
