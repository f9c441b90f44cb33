"""Multi-scale: the joint likelihood from its definition, the order of drawing, and what belongs to which scale."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.conditioning import Condition, ConditionConfig
from models.counter_random import item_keys
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.multiscale import Multiscale, MultiscaleConfig
from models.pixelcnn import PixelCNNConfig
from models.pixelcnn_pp import PixelCNNPPConfig
from models.pixelrnn import PixelRNNConfig
from models.sampling import sample_cached, sample_naive
from tests.models.contract_checks import forwarded, stepped
from tests.models.picture_checks import all_pictures, gradient_at, make_positive, randomise

SMALL: dict[str, Any] = {"hidden": 4, "num_layers": 2, "head_channels": 4, "first_kernel": 3}
PIXELCNN, GATED = PixelCNNConfig(**SMALL), GatedPixelCNNConfig(**SMALL)
TWO_SCALES = MultiscaleConfig(num_levels=4, channels=1, map_channels=3, base=PIXELCNN, upscaler=GATED)
THREE_SCALES = replace(TWO_SCALES, base=replace(TWO_SCALES, base=GATED, upscaler=PIXELCNN))
THIRDS = replace(TWO_SCALES, channels=3, factor=3, base=GATED, upscaler=PIXELCNN)
LABELLED = replace(TWO_SCALES, condition=ConditionConfig({"label": 3}, vector_size=2, channels=5))
SCALES = pytest.mark.parametrize(
    ("config", "shape"), [(TWO_SCALES, (1, 2, 4)), (THREE_SCALES, (1, 4, 8)), (THIRDS, (3, 3, 6))]
)


def build(config: MultiscaleConfig, seed: int = 0) -> Multiscale:
    model = Multiscale(config).double()
    randomise(model, seed)
    return model


def pictures(shape: tuple[int, ...], num_levels: int = 4, batch_size: int = 2) -> Tensor:
    return torch.randint(0, num_levels, (batch_size, *shape), generator=torch.Generator().manual_seed(1))


def label(batch_size: int = 2) -> Condition:
    return Condition(torch.arange(batch_size)[:, None] % 3, vector=torch.ones(batch_size, 2) * 0.5)


def low_picture(x: Tensor, factor: int) -> Tensor:
    """x [B, C, H, W] → the picture of every factor-th pixel of every factor-th row, one pixel at a time."""
    low = np.zeros((*x.shape[:2], x.shape[2] // factor, x.shape[3] // factor), np.int64)
    for item, colour, row, column in np.ndindex(*low.shape):
        low[item, colour, row, column] = x[item, colour, row * factor, column * factor]
    return torch.from_numpy(low)


def joint_nll(model: Multiscale, x: Tensor, condition: Condition | None = None) -> Tensor:
    """-log p(x) [B] as §3.6 has it: the low-resolution picture under the base, every other pixel under the upscaler."""
    factor, num_levels = model.config.factor, model.config.num_levels
    low = low_picture(x, factor)
    of_low = joint_nll(model.base, low) if isinstance(model.base, Multiscale) else model.base.nll_nats(low, condition)
    planes = 2 * low.double() / (num_levels - 1) - 1
    of_all = model.upscaler.nll_nats(x, replace(condition or Condition(), planes=planes))
    total = of_low.reshape(len(x), -1).sum(1)
    for item, colour, row, column in np.ndindex(*x.shape):
        if row % factor or column % factor:
            total[item] += of_all[item, colour, row, column]
    return total


@SCALES
@torch.no_grad()
def test_the_joint_likelihood_is_that_of_the_parts(config: MultiscaleConfig, shape: tuple[int, ...]) -> None:
    model, x = build(config), pictures(shape)
    torch.testing.assert_close(model.nll_nats(x).flatten(1).sum(1), joint_nll(model, x), rtol=0, atol=1e-12)


@torch.no_grad()
def test_the_condition_goes_to_every_part() -> None:
    model, x = build(LABELLED), pictures((1, 4, 4))
    got = model.nll_nats(x, label()).flatten(1).sum(1)
    torch.testing.assert_close(got, joint_nll(model, x, label()), rtol=0, atol=1e-12)


@SCALES
@torch.no_grad()
def test_each_level_of_the_low_resolution_picture_counts_as_the_base_has_it(
    config: MultiscaleConfig, shape: tuple[int, ...]
) -> None:
    model, x = build(config), pictures(shape)
    low = low_picture(x, config.factor)
    torch.testing.assert_close(model.low(model.nll_nats(x)), model.base.nll_nats(low), rtol=0, atol=1e-12)


TINIEST: dict[str, Any] = {"hidden": 4, "num_layers": 1, "head_channels": 4, "first_kernel": 3}
BINARY = MultiscaleConfig(
    num_levels=2, channels=1, map_channels=4, base=PixelCNNConfig(**TINIEST), upscaler=GatedPixelCNNConfig(**TINIEST)
)
ENUMERATED = pytest.mark.parametrize(
    ("config", "shape"),
    [
        (BINARY, (1, 2, 4)),
        (replace(BINARY, condition=LABELLED.condition), (1, 2, 4)),
        (replace(BINARY, factor=3), (1, 3, 3)),
        (replace(BINARY, base=BINARY), (1, 4, 4)),
    ],
)


@ENUMERATED
@torch.no_grad()
def test_probabilities_of_all_pictures_sum_to_one(config: MultiscaleConfig, shape: tuple[int, int, int]) -> None:
    model = build(config)
    log_p = torch.cat([-nll_of_batch(model, x) for x in all_pictures(2, shape).split(2048)])
    assert log_p.std() > 0.1
    assert torch.logsumexp(log_p, 0).item() == pytest.approx(0, abs=1e-10)


def nll_of_batch(model: Multiscale, x: Tensor) -> Tensor:
    """-log p(x) [B], all under the same condition where the model takes one."""
    condition = None if model.condition_config.is_empty else label(1).each(lambda value: value.expand(len(x), -1))
    return model.nll_nats(x, condition).flatten(1).sum(1)


@torch.no_grad()
def test_copied_pixels_scored_twice_or_by_the_upscaler_are_caught() -> None:
    """Planted: what the upscaler says of the pixels that it was given, beside the base's word or in its place."""
    model, x = build(BINARY, seed=2), all_pictures(2, (1, 2, 4))  # its upscaler heeds what it is given
    of_low = model.base.nll_nats(model.low(x)).flatten(1).sum(1)
    of_all = model.upscaler.nll_nats(x, Condition(planes=model.low(model.encode(x)))).flatten(1).sum(1)
    for planted in (of_low + of_all, of_all):
        assert abs(torch.logsumexp(-planted, 0).item()) > 0.01
        assert (planted - joint_nll(model, x)).abs().min() > 1e-3


def test_the_order_of_drawing() -> None:
    x = torch.arange(16).reshape(1, 1, 4, 4)
    assert build(TWO_SCALES).to_sequence(x)[0].tolist() == [0, 2, 8, 10, 1, 3, 4, 5, 6, 7, 9, 11, 12, 13, 14, 15]
    assert build(THREE_SCALES).to_sequence(x)[0].tolist() == [0, 2, 8, 10, 1, 3, 4, 5, 6, 7, 9, 11, 12, 13, 14, 15]
    wide = torch.arange(32).reshape(1, 1, 4, 8)
    assert build(THREE_SCALES).to_sequence(wide)[0, :8].tolist() == [0, 4, 2, 6, 16, 18, 20, 22]
    coloured = torch.arange(18).reshape(1, 3, 2, 3).repeat_interleave(3, 2)[:, :, :3]
    assert build(THIRDS).to_sequence(coloured)[0, :6].tolist() == [0, 6, 12, 1, 7, 13]


@SCALES
def test_from_sequence_is_the_inverse(config: MultiscaleConfig, shape: tuple[int, ...]) -> None:
    model, x = build(config), pictures(shape)
    assert torch.equal(model.from_sequence(model.to_sequence(x), shape), x)
    parameters = model(x)
    assert model.to_sequence(parameters).shape == (2, math.prod(shape), 4)


@SCALES
def test_step_equals_forward(config: MultiscaleConfig, shape: tuple[int, ...]) -> None:
    model, x = build(config), pictures(shape)
    expected = forwarded(model, x, None)
    torch.testing.assert_close(stepped(model, x, None), expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(stepped(model, x[1:], None), expected[1:], rtol=0, atol=1e-10)


@SCALES
def test_naive_equals_cached(config: MultiscaleConfig, shape: tuple[int, ...]) -> None:
    model, keys = build(config), item_keys([(0, "a"), (0, "b")])
    naive, cached = sample_naive(model, shape, None, keys), sample_cached(model, shape, None, keys)
    assert torch.equal(naive.levels, cached.levels)
    with torch.no_grad():
        torch.testing.assert_close(cached.nll_nats, joint_nll(model, cached.levels), rtol=0, atol=1e-9)


@SCALES
def test_the_low_resolution_picture_is_what_the_base_draws(config: MultiscaleConfig, shape: tuple[int, ...]) -> None:
    model, keys = build(config), item_keys([(3, f"item {number}") for number in range(8)])
    whole = sample_cached(model, shape, None, keys).levels
    alone = sample_cached(model.base, model.low_shape(shape), None, keys).levels
    assert torch.equal(low_picture(whole, config.factor), alone)


PLUS_PLUS = PixelCNNPPConfig(filters=3, num_resnets=1, num_resolutions=2, num_components=2, dropout=0.0)
PARTS = pytest.mark.parametrize(
    "part", [PIXELCNN, GATED, PixelRNNConfig(**SMALL), PLUS_PLUS], ids=lambda part: part.name
)


@PARTS
def test_any_network_may_draw_any_scale(part: Any) -> None:
    model = build(replace(TWO_SCALES, channels=2, base=part, upscaler=part))
    x = pictures((2, 4, 4), batch_size=1)
    torch.testing.assert_close(stepped(model, x, None), forwarded(model, x, None), rtol=0, atol=1e-10)
    with torch.no_grad():
        torch.testing.assert_close(model.nll_nats(x).sum()[None], joint_nll(model, x), rtol=0, atol=1e-10)
    for network in (model.base, model.upscaler):
        assert torch.equal(network.encode(x), model.encode(x))


def test_the_bits_of_an_item_do_not_depend_on_its_lane() -> None:
    model, x = build(THREE_SCALES).float(), pictures((1, 4, 8), batch_size=16)
    here = stepped(model, x, None)
    assert torch.equal(stepped(model, x.roll(7, 0), None), here.roll(7, 0))


@pytest.mark.parametrize("pixel", [(0, 0), (0, 4), (2, 2), (6, 6), (1, 0), (2, 5), (7, 3)])
def test_what_a_pixel_of_three_scales_sees(pixel: tuple[int, int]) -> None:
    model, (row, column) = build(THREE_SCALES), pixel
    make_positive(model)
    seen = gradient_at(model, torch.ones(1, 1, 8, 8, dtype=torch.float64), (0, row, column))[0] > 0
    assert torch.equal(model.receptive_field((1, 8, 8), row, column), seen)


def test_an_item_without_its_condition_keeps_its_low_resolution_picture() -> None:
    """The last low-resolution pixel reaches the second pixel, which is drawn before it in raster order, as a map."""
    model, x = build(LABELLED), pictures((1, 4, 4), batch_size=2)
    make_positive(model)
    changed = x.clone()
    changed[:, :, 2, 2] = (changed[:, :, 2, 2] + 1) % 4
    dropped = replace(label(), dropped=torch.tensor([True, False]))
    before, after = model(x, dropped)[:, :, 0, 1], model(changed, dropped)[:, :, 0, 1]
    assert (before != after).any(-1).all()
    other = replace(dropped, attributes=torch.tensor([[2], [2]]))
    same = (model(x, dropped) == model(x, other)).flatten(1).all(1)
    assert same.tolist() == [True, False]


def test_the_parts_are_given_what_the_whole_says() -> None:
    model = Multiscale(replace(LABELLED, num_levels=7, channels=2, factor=3))
    for part in (model.base, model.upscaler):
        assert (part.config.num_levels, part.config.channels) == (7, 2)
        assert part.condition_config.attributes == {"label": 3}
    assert model.base.condition_config == LABELLED.condition
    low = model.upscaler.condition_config
    assert (low.num_planes, low.plane_factor, low.channels) == (2, 3, LABELLED.map_channels)


def test_parameters_of_the_paper_by_hand() -> None:
    """Its Row LSTMs for ImageNet: h = 384 at 32 × 32, h = 512 at 64 × 64, whose sizes `test_pixelrnn.py` works out."""
    base = PixelRNNConfig(recurrence="row_lstm", hidden=384)
    upscaler = PixelRNNConfig(recurrence="row_lstm", hidden=512, num_layers=4, residual=False)
    with torch.device("meta"):
        model = Multiscale(MultiscaleConfig(base=base, upscaler=upscaler, map_channels=64))
    map_network = (3 * 64 * 9 + 64) + (64 * 64 * 4 + 64)
    to_layers = 64 * (512 + 4 * 4 * 512)  # the first convolution's features and four gates of h in every layer
    assert model.num_parameters() == 55_810_560 + 23_389_440 + map_network + to_layers == 79_775_296


def test_what_a_draw_costs() -> None:
    model = build(TWO_SCALES)
    expected = model.base.flops_per_draw((1, 4, 4)) / 4 + model.upscaler.flops_per_draw((1, 8, 8))
    assert model.flops_per_draw((1, 8, 8)) == pytest.approx(expected)


def test_sizes_that_fit_every_network() -> None:
    for base, upscaler, divisor in (
        (GATED, GATED, 2),
        (PLUS_PLUS, GATED, 4),
        (GATED, PLUS_PLUS, 2),
        (THIRDS, GATED, 6),
    ):
        assert replace(TWO_SCALES, base=base, upscaler=upscaler).size_divisor == divisor
    assert replace(THIRDS, upscaler=PLUS_PLUS).size_divisor == 6


@pytest.mark.parametrize("shape", [(1, 6, 8), (1, 8, 6), (1, 2, 4), (1, 5, 4)])
def test_a_size_that_the_factors_do_not_divide_is_refused(shape: tuple[int, ...]) -> None:
    model = build(THREE_SCALES)
    for use in (lambda: model(torch.zeros(1, *shape).long()), lambda: model.init_cache(1, None, shape)):
        with pytest.raises(ValueError, match=r"H and W divisible by 4, so that every scale has whole pixels, got"):
            use()


def test_what_means_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="a factor of 2 or more from one scale to the next, got 1"):
        replace(TWO_SCALES, factor=1)
    with pytest.raises(ValueError, match="its upscaler's map is the low-resolution picture; set num_planes to 0"):
        replace(TWO_SCALES, condition=ConditionConfig(num_planes=2))
    with pytest.raises(ValueError, match=r"same distribution, got Categorical.* \(pixelcnn\) and .* \(pixelcnn_pp\)"):
        Multiscale(replace(TWO_SCALES, upscaler=PLUS_PLUS))
    with pytest.raises(ValueError, match="not conditioned on planes"):
        build(TWO_SCALES)(pictures((1, 2, 2)), Condition(planes=torch.zeros(2, 1, 1, 1)))


def test_a_level_is_given_after_every_step_but_none_before_the_first() -> None:
    model = build(TWO_SCALES)
    level = torch.zeros(1, dtype=torch.int64)
    with pytest.raises(ValueError, match="no level at the first step"):
        model.step(level, model.init_cache(1, None, (1, 2, 2)))
    cache = model.init_cache(1, None, (1, 2, 2))
    for previous in (None, level, level, level):
        _, cache = model.step(previous, cache)
    with pytest.raises(ValueError, match="all 4 positions are drawn"):
        model.step(level, cache)
