"""Any number of requests by the kernels: each item as it is drawn alone and naively, whatever enters beside it."""

from typing import cast

import pytest
import torch

from models.autoregressive import Autoregressive
from models.conditioning import Condition
from models.counter_random import item_key
from models.sampling import Departures, Kept, LaneRequest, sample_naive
from models.sampling.gpu import gpu_lanes, sample_on_gpu, waveform_lanes
from models.sampling.gpu.lane_memory import BYTES_PER_LEVEL, gpu_lane_bytes
from models.sampling.gpu.packing import Precision
from models.sampling.gpu.waveform_lanes import WaveformLanes
from models.wavenet import WaveNet, WaveNetConfig
from tests.models.interpreter import interpreted, needs_triton  # noqa: F401 (a fixture of the whole module)
from tests.models.tiny import tiny_condition, tiny_model

pytestmark = needs_triton

NUM_LANES = 8
PREFIX = torch.tensor([[3, 1]])
HOP = 2
"""Of the conditions with frames below."""

LENGTHS = (7, 12, 7, 0, 6, 6, 9, 4, 6, 6, 11, 5, 5)
"""Three of them enter lanes that others have left, and have three frames each."""


def float32(name: str, kind: str) -> Autoregressive:
    return tiny_model(name, kind).float().eval()


def conditions(kind: str, number: int, size: tuple[int, int] = (4, 4)) -> list[Condition | None]:
    """A condition for each of so many items."""
    together = tiny_condition(kind, number, size=size)
    if together is None:
        return [None] * number
    together = together.each(lambda x: x.float() if x.is_floating_point() else x)
    return [together.rows(torch.tensor([place])) for place in range(number)]


def waveforms(kind: str) -> list[LaneRequest]:
    """Uneven lengths and temperatures; one begins with what is given, one is weighed and so takes another way."""
    whole = conditions(kind, len(LENGTHS))
    given = [one and one.frames(0, -(-length // HOP)) for one, length in zip(whole, LENGTHS, strict=True)]
    requests = [
        LaneRequest((length,), item_key(7, str(place)), given[place], Departures(0.8 + 0.1 * (place % 3)))
        for place, length in enumerate(LENGTHS)
    ]
    requests[6] = LaneRequest((9,), (5, 6), given[6], kept=Kept.prefix(PREFIX, 9))
    requests[7] = LaneRequest((4,), (7, 8), given[7], Departures(top_k=2))
    return requests


def assert_drawn_as_alone(model: Autoregressive, requests: list[LaneRequest], num_lanes: int = NUM_LANES) -> None:
    for request, item in zip(requests, sample_on_gpu(model, requests, num_lanes), strict=True):
        shape = request.shape if len(request.shape) == 3 else (-(-request.shape[0] // HOP) * HOP,)
        kept = (
            request.kept if request.kept is None or len(shape) == 3 else Kept.prefix(torch.tensor([[3, 1]]), shape[0])
        )
        lengths = torch.tensor([request.shape[0]]) if len(shape) == 1 else None
        asked = torch.tensor([request.key]), request.departures, lengths, kept
        naive = sample_naive(model, shape, request.condition, *asked)
        alone = naive.levels[0] if len(shape) == 3 else naive.levels[0, : request.shape[0]]
        assert torch.equal(item.levels, alone)
        assert item.nll_nats == pytest.approx(float(naive.nll_nats), abs=1e-4)


@pytest.mark.parametrize(("name", "kind"), [("wavenet", "both"), ("wavenet input", "linear"), ("wavenet k3", "none")])
def test_waveforms_enter_lanes_as_these_are_left(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waveform_lanes, "SPAN", 3)
    assert_drawn_as_alone(float32(name, kind), waveforms(kind))


def drawn_in_spans(span: int, requests: list[LaneRequest], monkeypatch: pytest.MonkeyPatch) -> WaveformLanes:
    """Two lanes that have drawn all."""
    monkeypatch.setattr(waveform_lanes, "SPAN", span)
    with torch.inference_mode():
        lanes = WaveformLanes(cast(WaveNet, float32("wavenet", "none")), requests, 2, "float32")
        while lanes.advance():
            pass
    return lanes


def test_lanes_are_used_and_an_item_has_its_bits_whenever_it_enters(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [
        LaneRequest((length,), item_key(7, str(place))) for place, length in enumerate((5, 5, 5, 4, 3, 3, 2, 1))
    ]
    lanes = drawn_in_spans(1, requests, monkeypatch)
    assert lanes.lane_use > 0.9
    late = drawn_in_spans(4, requests, monkeypatch)  # items end within a span, and lanes compute on
    alone = drawn_in_spans(4, requests[-1:], monkeypatch)
    for item, again in zip([*lanes.items(), lanes.items()[-1]], [*late.items(), *alone.items()], strict=True):
        assert torch.equal(item.levels, again.levels)
        assert item.nll_nats == again.nll_nats


def test_what_has_ended_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waveform_lanes, "SPAN", 2)
    model = float32("wavenet", "none")
    requests = [LaneRequest((length,), item_key(7, str(length))) for length in (3, 7, 0, 5, 2)]
    whole = sample_on_gpu(model, requests, NUM_LANES)
    with torch.inference_mode():
        stopped = gpu_lanes(model, requests, NUM_LANES)
        for _ in range(2):
            stopped.advance()
        again = gpu_lanes(model, requests, NUM_LANES)
        again.restore(stopped.state())
        assert again.num_drawn == 5  # those of 3, 2 and 0 timesteps
        while again.advance():
            pass
    assert all(torch.equal(old.levels, new.levels) for old, new in zip(whole, again.items(), strict=True))


def test_pictures_are_drawn_set_after_set() -> None:
    kind, shape = "global and planes", (1, 2, 2)
    levels, mask = torch.tensor([[[[2, 1], [1, 4]]]]), torch.tensor([[[[True, False], [False, True]]]])
    requests = [
        LaneRequest(shape, item_key(2, str(place)), one, Departures(1 - 0.05 * place), Kept(levels - place % 2, mask))
        for place, one in enumerate(conditions(kind, 9, size=(2, 2)))
    ]
    assert_drawn_as_alone(float32("gated_pixelcnn grey", kind), requests)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_lane_takes_its_rings_and_levels_and_little_else(precision: Precision) -> None:
    model = WaveNet(WaveNetConfig(16, 16, 32, 16, 16, dilations=(1, 2, 512), num_stacks=1))
    rings = (1 + 2 + 512 + 3) * 16 * (4 if precision == "float32" else 2)
    found = gpu_lane_bytes(model, (100_000,), precision) - rings - 100_000 * BYTES_PER_LEVEL
    assert 0 < found < 50_000
