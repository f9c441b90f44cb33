"""The fused kernels of pictures: equal to naive on every level of processor, the same picture in any company."""

from typing import cast

import pytest
import torch

from models import MODELS
from models.conditioning import Condition, ConditionConfig
from models.counter_random import item_key, item_keys
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig
from models.native import best
from models.native.colour_blocks import Kernel
from models.native.pictures import PictureSize
from models.pixelcnn import PixelCNN, PixelCNNConfig
from models.sampling import Departures, DrawnItem, Kept, LaneRequest, sample_naive
from models.sampling.fused import checked_items, sample_fused, why_not_fused
from models.sampling.fused_pictures import PictureLanes, network_of
from tests.models.native.levels import in_every_precision, library_of, needs_kernels, on_every_level
from tests.models.tiny import CASES, TINY, perturb, tiny_condition, tiny_model

Network = GatedPixelCNN | PixelCNN
pytestmark = needs_kernels
pictures = [(name, kind) for name, kind in CASES if MODELS[TINY[name].model].model in (GatedPixelCNN, PixelCNN)]


def drawn_on(
    level: str, model: Network, requests: list[LaneRequest], num_lanes: int, dtype: torch.dtype = torch.float32
) -> list[DrawnItem]:
    """`sample_fused` on a level of processor."""
    with torch.inference_mode():
        lanes = PictureLanes(model, requests, num_lanes, library_of(level), dtype)
        while lanes.advance():
            pass
    return checked_items(lanes.items())


def float32(name: str, kind: str) -> Network:
    return cast(Network, tiny_model(name, kind).float().eval())


def requests_of(condition: Condition | None, shape: tuple[int, ...], num_items: int) -> list[LaneRequest]:
    parts = [None if condition is None else condition.rows(torch.tensor([i])) for i in range(num_items)]
    temperatures = [Departures(1 - 0.2 * (i % 2)) for i in range(num_items)]
    return [
        LaneRequest(shape, item_key(5, f"item {i}"), part, departures)
        for i, (part, departures) in enumerate(zip(parts, temperatures, strict=True))
    ]


@on_every_level
@pytest.mark.parametrize(("name", "kind"), pictures)
def test_it_draws_what_naive_draws(level: str, name: str, kind: str) -> None:
    model, condition, shape = float32(name, kind), tiny_condition(kind), TINY[name].shape
    condition = None if condition is None else condition.each(lambda x: x.float() if x.is_floating_point() else x)
    requests = requests_of(condition, shape, 3)
    temperatures = Departures(torch.tensor([float(request.departures.temperature) for request in requests]))
    keys = item_keys([(5, f"item {i}") for i in range(3)])
    naive = sample_naive(model, shape, condition, keys, temperatures)
    fused = drawn_on(level, model, requests, 2)
    assert torch.equal(torch.stack([item.levels for item in fused]), naive.levels)
    assert [item.nll_nats for item in fused] == pytest.approx(naive.nll_nats.tolist(), abs=2e-4)


SHAPES: dict[str, tuple[GatedPixelCNNConfig | PixelCNNConfig, tuple[int, int, int]]] = {
    "three colours in uneven groups": (GatedPixelCNNConfig(16, 3, 25, 4, 40, 5, 3), (3, 5, 6)),
    "grey, whole vectors": (GatedPixelCNNConfig(8, 1, 32, 3, 64, 7, 3), (1, 6, 7)),
    "two colours, a wide kernel": (GatedPixelCNNConfig(7, 2, 20, 2, 17, 3, 5), (2, 4, 5)),
    "square, three colours in uneven groups": (PixelCNNConfig(16, 3, 25, 3, 40, 5, 3), (3, 5, 6)),
    "square, grey": (PixelCNNConfig(8, 1, 32, 2, 64, 7, 3), (1, 6, 7)),
    "square, two colours, a wide kernel": (PixelCNNConfig(7, 2, 20, 2, 17, 3, 5), (2, 4, 5)),
    "one row, one column": (GatedPixelCNNConfig(5, 1, 9, 2, 9, 3, 3), (1, 1, 1)),
}


def built(config: GatedPixelCNNConfig | PixelCNNConfig) -> Network:
    torch.manual_seed(3)
    model = GatedPixelCNN(config) if isinstance(config, GatedPixelCNNConfig) else PixelCNN(config)
    perturb(model, seed=4, by=0.1)
    return model.eval()


@on_every_level
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("num_lanes", [1, 7])
def test_its_parameters_are_those_of_the_whole_network(level: str, shape: str, num_lanes: int) -> None:
    config, (colours, height, width) = SHAPES[shape]
    model = built(config)
    net = network_of(model, PictureSize(num_lanes, width), Kernel(library_of(level), torch.float32))
    for lane in range(num_lanes):
        net.start(lane, item_key(1, str(lane)), 1.0)
    net.begin()
    rows = []
    for row in range(height):
        rows.append(net.draw_row(row, with_parameters=True))
        if row + 1 < height:
            net.finish_row(row)
    levels = torch.cat([row.levels for row in rows]).t().long()
    parameters = torch.cat([row.parameters for row in rows if row.parameters is not None]).transpose(0, 1)
    with torch.no_grad():
        expected = model.to_sequence(model(model.from_sequence(levels, (colours, height, width))))
    torch.testing.assert_close(parameters, expected, rtol=2e-5, atol=2e-5)


@in_every_precision
@pytest.mark.parametrize("kind", ["global and planes", "vector", "none"])
@pytest.mark.parametrize("config", [GatedPixelCNNConfig, PixelCNNConfig])
def test_a_picture_is_the_same_in_any_lane_and_company(level: str, dtype: torch.dtype, kind: str, config: type) -> None:
    conditions = {
        "none": ConditionConfig(),
        "vector": ConditionConfig(vector_size=3, channels=4),
        "global and planes": ConditionConfig({"label": 3}, num_planes=2, plane_factor=2, channels=4),
    }
    model, shape = built(config(32, 3, 25, 2, 40, 3, 3, conditions[kind])), (3, 4, 6)
    generator = torch.Generator().manual_seed(0)
    requests = []
    for number in range(7):
        given = {
            "none": None,
            "vector": Condition(vector=torch.randn(1, 3, generator=generator)),
            "global and planes": Condition(
                torch.tensor([[number % 3]]), planes=torch.randn(1, 2, 2, 3, generator=generator)
            ),
        }
        requests.append(LaneRequest(shape, item_key(7, str(number)), given[kind]))
    together, wide = drawn_on(level, model, requests, 3, dtype), drawn_on(level, model, requests[::-1], 7, dtype)[::-1]
    for request, one, other in zip(requests, together, wide, strict=True):
        alone = drawn_on(level, model, [request], 1, dtype)[0]
        assert torch.equal(alone.levels, one.levels)
        assert torch.equal(alone.levels, other.levels)
        assert alone.nll_nats == one.nll_nats == other.nll_nats


@on_every_level
def test_given_pixels_are_kept_and_the_rest_is_drawn_as_naive_draws_it(level: str) -> None:
    model, shape = float32("gated_pixelcnn", "none"), TINY["gated_pixelcnn"].shape
    generator = torch.Generator().manual_seed(0)
    kept = Kept(torch.randint(0, 5, (1, *shape), generator=generator), torch.rand(1, *shape, generator=generator) < 0.5)
    request = LaneRequest(shape, item_key(0, "a"), kept=kept)
    naive = sample_naive(model, shape, None, torch.tensor([request.key]), kept=kept)
    item = drawn_on(level, model, [request, LaneRequest(shape, item_key(0, "b"))], 2)[0]
    assert torch.equal(item.levels, naive.levels[0])
    assert item.nll_nats == pytest.approx(naive.nll_nats.item(), abs=1e-4)


def test_what_the_kernel_does_not_take_is_refused() -> None:
    model = built(SHAPES["grey, whole vectors"][0])
    with pytest.raises(ValueError, match=r"one shape \(1, height, width\), got \[\(3, 4, 4\)\]"):
        sample_fused(model, [LaneRequest((3, 4, 4), (0, 0))], 1)
    with pytest.raises(ValueError, match="one shape"):
        sample_fused(model, [LaneRequest((1, 4, 4), (0, 0)), LaneRequest((1, 4, 5), (0, 0))], 1)
    assert "up to 4 colours, got 5" in why_not_fused(built(GatedPixelCNNConfig(5, 5, 10, 1, 10, 3)))
    assert "up to 64 pixels" in why_not_fused(built(GatedPixelCNNConfig(5, 1, 8, 1, 8, 13)))
    with torch.no_grad():
        model.head[0].weight.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"not finite \(items \[0\]\)"):
        sample_fused(model, [LaneRequest((1, 3, 3), (0, 0))], 1)


def test_progress_counts_levels() -> None:
    told: list[int] = []
    assert best() is not None
    sample_fused(
        built(SHAPES["grey, whole vectors"][0]),
        [LaneRequest((1, 3, 4), (0, i)) for i in range(3)],
        2,
        on_levels=told.append,
    )
    assert told == [8, 16, 24, 28, 32, 36]


def test_weights_that_have_changed_are_packed_anew() -> None:
    model = built(SHAPES["square, grey"][0])
    requests = [LaneRequest((1, 5, 6), (0, i)) for i in range(2)]
    before, again = (sample_fused(model, requests, 2) for _ in range(2))
    assert all(torch.equal(a.levels, b.levels) for a, b in zip(before, again, strict=True))
    with torch.no_grad():
        model.head[-1].bias[3] += 5
    after = sample_fused(model, requests, 2)
    naive = sample_naive(model, (1, 5, 6), None, torch.tensor([request.key for request in requests]))
    assert torch.equal(torch.stack([item.levels for item in after]), naive.levels)
    assert not torch.equal(after[0].levels, before[0].levels)


def test_conditions_of_earlier_pictures_leave_nothing_behind() -> None:
    condition = ConditionConfig({"label": 3}, num_planes=2, plane_factor=2, channels=4)
    model = built(GatedPixelCNNConfig(8, 1, 16, 2, 16, 3, 3, condition))
    generator = torch.Generator().manual_seed(0)
    requests = [
        LaneRequest(
            (1, 4, 6),
            (0, i),
            Condition(torch.tensor([[i % 3]]), planes=torch.randn(1, 2, 2, 3, generator=generator)),
        )
        for i in range(4)
    ]
    first, *_ = sample_fused(model, requests[:2], 2)
    sample_fused(model, requests[2:], 2)
    again, *_ = sample_fused(model, requests[:2], 2)
    assert torch.equal(first.levels, again.levels)
    assert first.nll_nats == again.nll_nats
