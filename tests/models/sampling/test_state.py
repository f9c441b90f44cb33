"""Stopped between two spans, its state written out, and gone on with by a sampler made anew: the same, bit for bit."""

import itertools
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest
import safetensors.torch
import torch

from models.conditioning import Condition, ConditionConfig
from models.counter_random import item_key
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig
from models.pixelcnn import PixelCNN, PixelCNNConfig
from models.sampling import Departures, DrawnItem, Kept, LaneRequest, sample_lanes
from models.sampling.draws import sampling_mode
from models.sampling.fused import Lanes
from models.sampling.fused_pictures import PictureLanes
from models.sampling.fused_waveforms import WaveformLanes
from models.sampling.lockstep import LockstepLanes
from models.sampling.packed import LAST_USED
from models.sampling.state import State
from models.wavenet import WaveNet, WaveNetConfig
from models.wavenet_context import ContextStackConfig
from tests.models.native.levels import in_every_precision, library_of, needs_kernels
from tests.models.tiny import EACH_ONCE, TINY, perturb, tiny_condition, tiny_model


def travelled(state: State) -> State:
    """As it comes back from a file."""
    return State(safetensors.torch.load(safetensors.torch.save(state.tensors)), json.loads(json.dumps(state.facts)))


def to_the_end(lanes: Lanes) -> list[DrawnItem]:
    while lanes.advance():
        pass
    return lanes.items()


def is_equal_from_any_stop(begin: Callable[[], Lanes], seed: str) -> None:
    """Two stops at random, begin and end among them; the second sampler draws what the first would have."""
    spans, whole = itertools.count(), begin()
    while whole.advance():
        next(spans)
    num_spans = next(spans)
    for stop in random.Random(seed).sample(range(num_spans + 1), 2):
        first = begin()
        for _ in range(stop):
            first.advance()
        num_drawn, state = first.num_drawn, travelled(first.state())
        to_the_end(first)
        LAST_USED.clear()  # so that nothing of the first one's memory is there for the second
        second = begin()
        second.restore(state)
        assert second.num_drawn == num_drawn
        for item, other in zip(to_the_end(second), whole.items(), strict=True):
            assert torch.equal(item.levels, other.levels)
            assert item.nll_nats == other.nll_nats
        assert second.num_drawn == whole.num_drawn


def built(config: WaveNetConfig | GatedPixelCNNConfig | PixelCNNConfig) -> WaveNet | GatedPixelCNN | PixelCNN:
    torch.manual_seed(3)
    kinds = {WaveNetConfig: WaveNet, GatedPixelCNNConfig: GatedPixelCNN, PixelCNNConfig: PixelCNN}
    model = cast(WaveNet, kinds[type(config)](config))
    perturb(model, seed=4, by=0.1)
    return model.eval()


CONTEXTS = (ContextStackConfig(6, 4, 6, 5, dilations=(1, 2)), ContextStackConfig(4, 4, 6, 5, dilations=(1, 4)))
WAVENETS = {
    "alone": WaveNetConfig(256, 20, 44, 33, 19, kernel_size=3, dilations=(1, 2, 5), num_stacks=2, input_kernel_size=3),
    "speaker and phones": WaveNetConfig(
        300, 16, 32, 24, 16, condition=ConditionConfig({"speaker": 3}, num_phones=4, hop=10, channels=8)
    ),
    "upsampled": WaveNetConfig(
        64, 16, 32, 24, 16, condition=ConditionConfig(num_features=2, hop=4, channels=8, upsampling="linear")
    ),
    "contexts, frames": WaveNetConfig(
        20, 8, 12, 8, 8, condition=ConditionConfig(num_phones=4, hop=2, channels=4), contexts=CONTEXTS
    ),
    "sixteen bits": WaveNetConfig(65536, 24, 48, 32, 32, input="scalar", output="logistic_mixture"),
}


def uneven(config: WaveNetConfig, num_items: int) -> list[LaneRequest]:
    """Waveforms of different lengths and temperatures, every other one with a beginning that is given."""
    generator, condition = torch.Generator().manual_seed(0), config.condition
    requests = []
    for number in range(num_items):
        num_timesteps = int(torch.randint(3, 90, (1,), generator=generator))
        num_frames = -(-num_timesteps // condition.hop)
        given = Condition(
            torch.tensor([[number % 3]]) if condition.attributes else None,
            torch.randint(0, 4, (1, num_frames), generator=generator) if condition.num_phones else None,
            torch.randn(1, num_frames, 2, generator=generator) if condition.num_features else None,
        )
        prefix = torch.randint(0, config.num_levels, (1, 3 * (number % 2)), generator=generator)
        kept = Kept.prefix(prefix, num_timesteps) if number % 2 else None
        requests.append(
            LaneRequest((num_timesteps,), item_key(7, str(number)), given, Departures(0.5 + number % 2), kept)
        )
    return requests


@needs_kernels
@in_every_precision
@pytest.mark.parametrize("name", WAVENETS)
def test_waveforms_by_the_kernel(level: str, dtype: torch.dtype, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.sampling.fused_waveforms.LONGEST_SPAN", 7)
    config = replace(WAVENETS[name], dilations=(1, 2, 5), num_stacks=2)
    model, requests = cast(WaveNet, built(config)), uneven(config, 7)
    with torch.inference_mode():
        is_equal_from_any_stop(lambda: WaveformLanes(model, requests, 3, library_of(level), dtype), f"{level} {dtype}")


PICTURES: dict[str, tuple[GatedPixelCNNConfig | PixelCNNConfig, tuple[int, int, int]]] = {
    "gated, of a class": (GatedPixelCNNConfig(16, 3, 25, 4, 40, 5, 3, ConditionConfig({"label": 3})), (3, 5, 6)),
    "gated, of a map": (
        GatedPixelCNNConfig(16, 1, 32, 3, 24, 5, 3, ConditionConfig(num_planes=2, plane_factor=2, channels=4)),
        (1, 4, 6),
    ),
    "square": (PixelCNNConfig(16, 3, 25, 3, 40, 5, 3), (3, 5, 6)),
    "square, of a class": (PixelCNNConfig(8, 1, 32, 2, 64, 7, 3, ConditionConfig({"label": 3})), (1, 5, 7)),
}


def pictures_of(config: GatedPixelCNNConfig | PixelCNNConfig, shape: tuple[int, int, int]) -> list[LaneRequest]:
    """Five pictures, some pixels of the second one given."""
    generator, condition = torch.Generator().manual_seed(0), config.condition
    requests = []
    for number in range(5):
        planes = torch.randn(1, 2, shape[1] // 2, shape[2] // 2, generator=generator) if condition.num_planes else None
        given = Condition(torch.tensor([[number % 3]]) if condition.attributes else None, planes=planes)
        levels = torch.randint(0, config.num_levels, (1, *shape), generator=generator)
        kept = Kept(levels, torch.rand(1, *shape, generator=generator) < 0.3) if number == 1 else None
        requests.append(LaneRequest(shape, item_key(7, str(number)), given, Departures(0.8), kept))
    return requests


@needs_kernels
@in_every_precision
@pytest.mark.parametrize("name", PICTURES)
def test_pictures_by_the_kernels(level: str, dtype: torch.dtype, name: str) -> None:
    config, shape = PICTURES[name]
    model, requests = cast(PixelCNN, built(config)), pictures_of(config, shape)
    with torch.inference_mode():
        is_equal_from_any_stop(lambda: PictureLanes(model, requests, 2, library_of(level), dtype), f"{level} {dtype}")


@pytest.mark.parametrize(("name", "kind"), EACH_ONCE)
def test_any_model_by_torch(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three items in eight rows: a guided one, one that is given in part, and an uneven length where there can be."""
    for module in ("cached", "draws"):
        monkeypatch.setattr(f"models.sampling.{module}.PROGRESS_EVERY", 5)
    model, condition, shape = tiny_model(name, kind).eval(), tiny_condition(kind), TINY[name].shape
    parts = [None if condition is None else condition.rows(torch.tensor([number])) for number in range(3)]
    requests = [LaneRequest(shape, item_key(5, str(number)), part) for number, part in enumerate(parts)]
    if kind != "none":
        requests[0] = replace(requests[0], departures=Departures(guidance=1.5))
    kept = Kept(torch.ones(1, *shape, dtype=torch.int64), torch.arange(12).remainder(2).expand(1, 12) == 0)
    if len(shape) == 1:
        requests[1] = replace(requests[1], kept=kept)
        requests[2] = replace(requests[2], shape=(9,))
    with sampling_mode(model):
        is_equal_from_any_stop(lambda: LockstepLanes(model, requests, 8), f"{name} {kind}")
    monkeypatch.undo()
    drawn = sample_lanes(model, requests, 8)
    assert [item.levels.shape for item in drawn] == [request.shape for request in requests]
