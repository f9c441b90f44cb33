from dataclasses import replace
from typing import Any

import pytest
import torch

from models.native import best
from models.sampling import DrawnItem
from pipeline.errors import DisagreementError
from pipeline.generation.canary import Canary
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawn_rows import make_rows
from pipeline.generation.plan import items_of, shard_plans
from pipeline.generation.requests import parse_request
from pipeline.generation.shard import generate_shard
from pipeline.generation.target import Target
from pipeline.model_folder import ExportedModel
from pipeline.storage import Location

SPOKEN = (
    '{"count": 6, "speaker": "ann", "emotion": "glad", "phones": [["a", 0.021], ["sil", 0.012]], "temperature": 0.7}'
)
DRAWN = '{"label": "1", "count": 5}'

ALL = GenerateConfig(canary_one_in=1)


def drawn(line: str, exported: ExportedModel, config: GenerateConfig) -> Any:
    """Items, rows and what was drawn, as they come to the canary."""
    target = Target(exported.info.conventions, exported.info.conditioning, 1000)
    items = list(items_of(parse_request(line, 1, target, "")))
    return items, *make_rows(items, exported, config, lambda num_levels: None)


@pytest.mark.parametrize("sampler", ["fastest", "torch"])
@pytest.mark.parametrize("window", [8, 8192])
def test_what_is_drawn_is_what_the_model_says(
    speech_model: ExportedModel,
    digit_model: ExportedModel,
    sampler: Any,
    window: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also scored in windows that are shorter than an item."""
    monkeypatch.setattr("pipeline.generation.canary.WINDOW", window)
    config = replace(ALL, sampler=sampler)
    assert Canary(speech_model, config).compare(*drawn(SPOKEN, speech_model, config)) == 6
    assert Canary(digit_model, config).compare(*drawn(DRAWN, digit_model, config)) == 5


def test_the_first_item_is_compared_and_then_few(speech_model: ExportedModel) -> None:
    config = GenerateConfig(canary_one_in=10**9)
    canary = Canary(speech_model, config)
    found = drawn(SPOKEN, speech_model, config)
    assert [canary.compare(*found), canary.compare(*found)] == [1, 0]
    assert canary.compare([], [], []) == 0


def with_wrong(found: Any, change: Any) -> Any:
    items, rows, results = found
    return items, rows, [change(result) for result in results]


def test_a_likelihood_that_is_not_the_models_is_found(speech_model: ExportedModel) -> None:
    found = drawn(SPOKEN, speech_model, ALL)
    slightly = with_wrong(found, lambda result: DrawnItem(result.levels, result.nll_nats + 0.01))
    assert Canary(speech_model, ALL).compare(*slightly) == 6
    wrong = with_wrong(found, lambda result: DrawnItem(result.levels, result.nll_nats + 0.1))
    with pytest.raises(DisagreementError, match=r"item '000001-0000', drawn by .*computes something else"):
        Canary(speech_model, ALL).compare(*wrong)


@pytest.mark.skipif(best() is None, reason="built without a compiler")
def test_a_kernel_with_other_weights_is_found_before_anything_is_written(
    folder: Location, speech_model: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the packed weights were damaged in memory: the model itself is whole."""
    from models.native.wavenet import NativeWaveNet

    class Damaged(NativeWaveNet):
        def product(self, linear: torch.nn.Linear, *given: Any) -> Any:
            other = torch.nn.Linear(linear.in_features, linear.out_features)
            other.weight.data, other.bias.data = linear.weight.data.roll(1, 0), linear.bias.data
            return super().product(other, *given)

    monkeypatch.setattr("models.sampling.fused_waveforms.NativeWaveNet", Damaged)
    monkeypatch.setattr("models.sampling.fused_waveforms.packed", lambda model, shape, make: make())
    target = Target(speech_model.info.conventions, speech_model.info.conditioning, 1000)
    plan = next(iter(shard_plans([parse_request(SPOKEN, 1, target, "")], "m", ALL)))
    with pytest.raises(DisagreementError):
        generate_shard(folder, plan, speech_model, ALL, canary=Canary(speech_model, ALL))
    assert not (folder / "shards").exists()
