"""Scales drawn one after another: the picture of the whole model, by torch and by the kernels of every level."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from models.conditioning import Condition, ConditionConfig
from models.counter_random import item_key
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.multiscale import Multiscale, MultiscaleConfig
from models.pixelcnn import PixelCNNConfig
from models.pixelrnn import PixelRNNConfig
from models.sampling import Departures, DrawnItem, Kept, LaneRequest, sample_lanes
from models.sampling.draws import sampling_mode
from models.sampling.fused_scales import pixel_numbers, sample_scale_fused, scale_lanes, upscaled_lanes
from models.sampling.gpu.cached_graphs import CachedGraphs
from models.sampling.gpu.graph import AsItIs, Capture
from models.sampling.lockstep import LockstepLanes
from models.sampling.scales import Scale, joined, request_at, scales_of
from tests.models.native.levels import library_of, needs_kernels, on_every_level
from tests.models.sampling.gpu.recording import Recording
from tests.models.tiny import perturb

SMALL: dict[str, Any] = {"hidden": 10, "num_layers": 2, "head_channels": 9}
SQUARE, GATED = PixelCNNConfig(first_kernel=5, **SMALL), GatedPixelCNNConfig(first_kernel=3, **SMALL)
SHAPES = {"grey": (1, 4, 8), "colours": (3, 4, 4)}


def three_scales(channels: int) -> Multiscale:
    """A square network, a gated one around it, and the other way round for colours; every part sees the label."""
    inner, outer = (SQUARE, GATED) if channels == 1 else (GATED, SQUARE)
    base = MultiscaleConfig(map_channels=3, base=outer, upscaler=inner)
    label = ConditionConfig({"label": 3}, channels=5)
    config = MultiscaleConfig(
        num_levels=6, channels=channels, map_channels=4, base=base, upscaler=outer, condition=label
    )
    torch.manual_seed(0)
    model = Multiscale(config)
    perturb(model, seed=1)
    return model.eval()


def requests_of(shape: tuple[int, ...]) -> list[LaneRequest]:
    """Four pictures, of which one keeps pixels, and two are drawn at another temperature."""
    generator = torch.Generator().manual_seed(0)
    kept = Kept(torch.randint(0, 6, (1, *shape), generator=generator), torch.rand(1, *shape, generator=generator) < 0.4)
    return [
        LaneRequest(
            shape,
            item_key(3, f"item {i}"),
            Condition(torch.tensor([[i % 3]])),
            Departures(1 - 0.2 * (i % 2)),
            kept if i == 2 else None,
        )
        for i in range(4)
    ]


def scale_by_scale(
    model: Multiscale, requests: Sequence[LaneRequest], draw: Callable[[Scale, list[LaneRequest]], list[DrawnItem]]
) -> list[DrawnItem]:
    below: list[Any] = [None] * len(requests)
    for scale in scales_of(model, requests[0].shape):
        given = [
            request_at(scale, request, request.key, None if item is None else item.levels)
            for request, item in zip(requests, below, strict=True)
        ]
        below = [joined(item, above) for item, above in zip(below, draw(scale, given), strict=True)]
    return below


@pytest.mark.parametrize("name", SHAPES)
def test_scales_by_torch_are_the_whole_to_the_bit(name: str) -> None:
    model, requests = three_scales(SHAPES[name][0]), requests_of(SHAPES[name])
    whole = sample_lanes(model, requests, 8)
    parts = scale_by_scale(model, requests, lambda scale, given: sample_lanes(scale.drawn_from, given, 8))
    for one, other in zip(whole, parts, strict=True):
        assert torch.equal(one.levels, other.levels)
        assert one.nll_nats == pytest.approx(other.nll_nats, abs=1e-9)


@needs_kernels
@on_every_level
@pytest.mark.parametrize("name", SHAPES)
def test_scales_by_kernel_are_the_whole(level: str, name: str) -> None:
    model, requests = three_scales(SHAPES[name][0]), requests_of(SHAPES[name])

    def draw(scale: Scale, given: list[LaneRequest]) -> list[DrawnItem]:
        if not isinstance(scale.model, Multiscale):
            return sample_scale_fused(scale, given, 3)
        with torch.inference_mode():
            lanes = upscaled_lanes(scale.model, given, 3, library_of(level), torch.float32)
            while lanes.advance():
                pass
            return lanes.items()

    whole, parts = sample_lanes(model, requests, 8), scale_by_scale(model, requests, draw)
    for one, other in zip(whole, parts, strict=True):
        assert torch.equal(one.levels, other.levels)
        assert one.nll_nats == pytest.approx(other.nll_nats, abs=2e-4)


@needs_kernels
def test_an_upscaled_picture_is_the_same_in_any_company() -> None:
    model, shape = three_scales(1), SHAPES["grey"]
    scale, requests = scales_of(model, shape)[-1], requests_of(shape)
    given = [request_at(scale, request, request.key, torch.full((1, 2, 4), i)) for i, request in enumerate(requests)]
    told: list[int] = []
    together = sample_scale_fused(scale, given, 4, on_levels=told.append)
    assert told == [32, 64, 96, 128]
    for request, item in zip(given, together, strict=True):
        (alone,) = sample_scale_fused(scale, [request], 1)
        assert torch.equal(alone.levels, item.levels)
        assert alone.nll_nats == item.nll_nats


@pytest.mark.parametrize("capture", [AsItIs(), Recording()], ids=lambda capture: type(capture).__name__)
def test_a_scale_as_graphs_is_what_the_plain_step_draws(capture: Capture) -> None:
    """As on a GPU, where nothing else draws an upscaler: one set of graphs for two sets of pictures."""
    model, shape = three_scales(1), SHAPES["grey"]
    scale = scales_of(model, shape)[-1]
    graphs = CachedGraphs(scale.drawn_from, capture)
    assert scale.drawn_from is scale.drawn_from
    for level in (1, 4):
        request = requests_of(shape)[level % 2]
        given = [request_at(scale, request, request.key, torch.full((1, 2, 4), level))]
        (plain,) = sample_lanes(scale.drawn_from, given, 8)
        with sampling_mode(model):
            lanes = LockstepLanes(scale.drawn_from, given, 8, graphs.begin)
            while lanes.advance():
                pass
        (drawn,) = lanes.items()
        assert torch.equal(drawn.levels, plain.levels)
        assert drawn.nll_nats == plain.nll_nats
    assert graphs.reason == ""


def test_nll_of_a_whole_picture_is_the_sum_over_scales() -> None:
    model, shape = three_scales(1), SHAPES["grey"]
    requests = [request for request in requests_of(shape) if request.kept is None]
    items = scale_by_scale(model, requests, lambda scale, given: sample_lanes(scale.drawn_from, given, 8))
    for request, item in zip(requests, items, strict=True):
        with torch.no_grad():
            expected = model.nll_nats(item.levels[None], request.condition).double().sum()
        assert item.nll_nats == pytest.approx(float(expected), abs=1e-3)


def test_the_numbers_of_pixels_go_on_from_the_scale_below() -> None:
    model = three_scales(1)
    numbers = pixel_numbers(model, (1, 4, 8))
    places = torch.arange(32).reshape(1, 4, 8)
    in_order = model.to_sequence(places[None])[0]
    expected = torch.zeros(32, dtype=torch.int64)
    expected[in_order[8:]] = torch.arange(8, 32)
    assert torch.equal(numbers.flatten(), expected)


def test_scales_are_the_smallest_first_and_share_pixels() -> None:
    scales = scales_of(three_scales(1), (1, 4, 8))
    assert [(scale.shape, scale.stride) for scale in scales] == [((1, 1, 2), 4), ((1, 2, 4), 2), ((1, 4, 8), 1)]
    assert scales[0].part(torch.arange(32).reshape(4, 8)).tolist() == [[0, 4]]
    assert [scale.shape for scale in scales_of(scales[0].model, (1, 3, 3))] == [(1, 3, 3)]


@needs_kernels
def test_what_no_kernel_draws_is_refused() -> None:
    shape = SHAPES["grey"]
    scale = scales_of(three_scales(1), shape)[-1]
    with pytest.raises(ValueError, match="keep its pixels"):
        sample_scale_fused(scale, [requests_of(shape)[0]], 1)
    rnn = MultiscaleConfig(channels=1, base=GATED, upscaler=PixelRNNConfig(hidden=4, num_layers=1, head_channels=4))
    with pytest.raises(ValueError, match="no kernel for PixelRNN"):
        sample_scale_fused(scales_of(Multiscale(rnn), shape)[-1], [], 1)


@pytest.mark.parametrize("path", ["torch", pytest.param("kernel", marks=needs_kernels)])
@pytest.mark.parametrize("num_spans", [1, 2])
def test_a_scale_goes_on_from_a_state_bit_for_bit(path: str, num_spans: int) -> None:
    model, shape = three_scales(1), (1, 20, 20)  # 400 positions, two spans of torch
    scale = scales_of(model, shape)[-1]
    given = [
        request_at(scale, LaneRequest(shape, item_key(1, str(i)), Condition(torch.tensor([[i]]))), (1, i), low)
        for i, low in enumerate(torch.randint(0, 6, (2, 1, 10, 10), generator=torch.Generator().manual_seed(0)))
    ]

    def begun() -> Any:
        return scale_lanes(scale, given, 8) if path == "kernel" else LockstepLanes(scale.drawn_from, given, 8)

    with sampling_mode(model):
        first = begun()
        for _ in range(num_spans):
            first.advance()
        state = first.state()
        while first.advance():
            pass
        second = begun()  # after the first: a network that is packed has memory for one set of lanes
        second.restore(state)
        while second.advance():
            pass
    for one, other in zip(first.items(), second.items(), strict=True):
        assert torch.equal(one.levels, other.levels)
        assert one.nll_nats == other.nll_nats
