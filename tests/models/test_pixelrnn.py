"""PixelRNN against the paper: the whole network in loops, its sizes from Table 1, what it sees."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.layers.masked_conv import MaskedConv2d
from models.layers.picture_lstm import RowLSTM
from models.pixelrnn import PixelRNN, PixelRNNConfig
from tests.models.lstm_references import Map, reference_diagonal, reference_row
from tests.models.picture_checks import (
    drawn_parameters,
    gradient_at,
    make_positive,
    randomise,
    reference_masked_conv,
)

ROW, DIAGONAL = "row_lstm", "diagonal_bilstm"
both = pytest.mark.parametrize("recurrence", [ROW, DIAGONAL])
COLOURS_OF: dict[tuple[int, int], list[int]] = {
    (3, 3): [0, 1, 2],
    (4, 3): [0, 0, 1, 2],
    (5, 3): [0, 0, 1, 1, 2],
    (8, 3): [0, 0, 0, 1, 1, 1, 2, 2],
    (9, 3): [0, 0, 0, 1, 1, 1, 2, 2, 2],
}
"""The colour of each feature map: in runs, what does not divide goes to the first colours."""


def pixelrnn(recurrence: str, channels: int = 3, **settings: Any) -> PixelRNN:
    tiny = {"num_levels": 3, "hidden": 4, "num_layers": 2, "head_channels": 5, "first_kernel": 5}
    return PixelRNN(PixelRNNConfig(channels=channels, recurrence=recurrence, **{**tiny, **settings})).double()  # type: ignore[arg-type]


def colours(num_features: int, channels: int) -> list[int]:
    return [0] * num_features if channels == 1 else COLOURS_OF[num_features, channels]


def reference_conv(conv: MaskedConv2d, x: Map, channels: int, mask_type: str) -> Map:
    kernel, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
    grouping = colours(kernel.shape[1], channels), colours(kernel.shape[0], channels)
    return reference_masked_conv(x, kernel, bias, (kernel.shape[2] - 1, kernel.shape[3] // 2), grouping, mask_type)


def reference_network(model: PixelRNN, x: Map) -> np.ndarray:
    """Table 1 and Figure 5, in loops: x [C, H, W] to logits [C, H, W, K]."""
    config, channels = model.config, len(x)
    stream = reference_conv(model.first, x, channels, "A")
    to_head = []
    for block in model.blocks:
        reference = reference_row if isinstance(block.lstm, RowLSTM) else reference_diagonal
        grouping = colours(len(stream), channels), colours(config.hidden, channels)
        h = reference(block.lstm, stream, grouping, np.zeros(1))  # type: ignore[arg-type]
        to_head += [reference_conv(block.skip, h, channels, "B")] if block.skip is not None else []
        stream = stream + reference_conv(block.expand, h, channels, "B") if block.expand is not None else h
    y = sum(to_head, stream)
    for conv in model.head:
        y = reference_conv(conv, y.clip(0), channels, "B")
    return np.moveaxis(y.reshape(channels, config.num_levels, *x.shape[1:]), 1, -1)


@both
@pytest.mark.parametrize(("residual", "skip"), [(True, False), (False, True), (True, True), (False, False)])
@pytest.mark.parametrize("channels", [1, 3])
@torch.no_grad()
def test_the_network_equals_the_paper_in_loops(recurrence: str, residual: bool, skip: bool, channels: int) -> None:
    model = pixelrnn(recurrence, channels, residual=residual, skip=skip)
    randomise(model)
    x = torch.randn(channels, 3, 4, dtype=torch.float64)
    expected = torch.from_numpy(reference_network(model, x.numpy()))
    torch.testing.assert_close(model.predict(x[None])[0], expected, rtol=0, atol=1e-12)


def num_parameters(**settings: Any) -> int:
    with torch.device("meta"):
        return PixelRNN(PixelRNNConfig(**settings)).num_parameters()


def first_and_head(stream: int, head: int, colours: int, levels: int) -> int:
    """7×7 mask A without the rows below; ReLU and 1×1, twice; the logits."""
    first = (colours * stream) * (4 * 7) + stream
    return first + (stream * head + head) + (head * head + head) + (head * colours * levels + colours * levels)


def row_layer(stream: int, h: int, *, residual: bool = True) -> int:
    """Four gates: K_is 3×1 without the half that the mask hides, K_ss 3×1; h and c at first; back up to 2h."""
    input_to_state, state_to_state = stream * 4 * h * 2 + 4 * h, h * 4 * h * 3
    return input_to_state + state_to_state + 2 * h + (h * stream + stream if residual else 0)


def diagonal_layer(stream: int, h: int) -> int:
    """In each direction four gates: K_is 1×1, K_ss 2×1; h and c at first. Then back up to 2h."""
    input_to_state, state_to_state = stream * 4 * h + 4 * h, h * 4 * h * 2
    return 2 * (input_to_state + state_to_state + 2 * h) + (h * stream + stream)


def test_parameters_of_the_paper_by_hand() -> None:
    """Table 1 and section 5: CIFAR-10, MNIST (two levels), ImageNet 32 × 32, ImageNet 64 × 64 (nothing residual)."""
    row = {"recurrence": ROW}
    cifar = first_and_head(256, 1024, 3, 256)
    assert num_parameters(**row) == cifar + 12 * row_layer(256, 128) == 8_032_256
    assert num_parameters() == cifar + 12 * diagonal_layer(256, 128) == 8_827_904
    mnist = {"channels": 1, "num_levels": 2, "hidden": 16, "num_layers": 7, "head_channels": 32}
    assert num_parameters(**mnist) == first_and_head(32, 32, 1, 2) + 7 * diagonal_layer(32, 16) == 65_602
    imagenet32 = row | {"hidden": 384}
    assert num_parameters(**imagenet32) == first_and_head(768, 1024, 3, 256) + 12 * row_layer(768, 384) == 55_810_560
    imagenet64 = row | {"hidden": 512, "num_layers": 4, "residual": False}
    expected = first_and_head(512, 1024, 3, 256) + 4 * row_layer(512, 512, residual=False)
    assert num_parameters(**imagenet64) == expected == 23_389_440


def test_a_skip_is_a_point_of_each_layer() -> None:
    assert num_parameters(skip=True) - num_parameters() == 12 * (128 * 256 + 256)


SIZE = 7, 9


def around(pixel: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """How far above (rows) and to the right (columns) of a pixel those of a picture of SIZE are, [H, W] each."""
    rows, columns = torch.meshgrid(*(torch.arange(side) for side in SIZE), indexing="ij")
    return pixel[0] - rows, columns - pixel[1]


def triangle(pixel: tuple[int, int], channels: int, num_layers: int, first_half: int, row_half: int) -> torch.Tensor:
    """What Row LSTMs show. Each row above widens it by the half of K_ss; each K_is adds its half at the left. The first
    convolution adds its own at the left; at the right it may take the last row up in place of a K_ss, which after it,
    of one colour, shows the pixel before only.
    """
    above, right = around(pixel)
    left_edge = -(above * row_half + num_layers * row_half + first_half)
    right_edge = torch.where(above > 0, (above - 1) * row_half + max(first_half, row_half - (channels == 1)), -1)
    return (above >= 0) & (right >= left_edge) & (right <= right_edge)


def everything_before(pixel: tuple[int, int], channels: int, first_half: int) -> torch.Tensor:
    """What Diagonal BiLSTMs show: all, but of one colour not the last pixel of the row above, unless it is near."""
    above, right = around(pixel)
    field = (above > 0) | ((above == 0) & (right < 0))
    if channels == 1 and pixel[0] > 0 and SIZE[1] - 1 - pixel[1] > first_half:
        field[pixel[0] - 1, -1] = False
    return field


FIELD_PIXELS = [(0, 0), (0, 4), (3, 0), (4, 4), (6, 8)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("first_kernel", "row_kernel"), [(3, 3), (5, 3), (3, 5)])
def test_row_lstm_sees_a_triangle(channels: int, first_kernel: int, row_kernel: int) -> None:
    model = pixelrnn(ROW, channels, first_kernel=first_kernel, row_kernel=row_kernel)
    make_positive(model)
    for pixel in FIELD_PIXELS:
        expected = triangle(pixel, channels, 2, first_kernel // 2, row_kernel // 2)
        assert torch.equal(model.receptive_field((channels, *SIZE), *pixel), expected)
        assert torch.equal(pixels_seen(model, pixel), expected)
    assert not triangle((4, 4), channels, 2, 1, 1)[:4].all()  # something above is missed


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("first_kernel", [3, 5])
def test_diagonal_bilstm_sees_everything_before(channels: int, first_kernel: int) -> None:
    model = pixelrnn(DIAGONAL, channels, first_kernel=first_kernel)
    make_positive(model)
    for pixel in FIELD_PIXELS:
        expected = everything_before(pixel, channels, first_kernel // 2)
        assert torch.equal(model.receptive_field((channels, *SIZE), *pixel), expected)
        assert torch.equal(pixels_seen(model, pixel), expected)


def pixels_seen(model: PixelRNN, pixel: tuple[int, int]) -> torch.Tensor:
    """[H, W]: the other pixels that the last colour of a pixel depends on, by the gradient."""
    channels = model.config.channels
    seen = (gradient_at(model, torch.ones(1, channels, *SIZE, dtype=torch.float64), (channels - 1, *pixel)) > 0).any(0)
    seen[pixel] = False
    return seen


def test_the_last_colour_of_the_row_above_goes_through_the_first_convolution_alone() -> None:
    model = pixelrnn(DIAGONAL, first_kernel=5)
    make_positive(model)
    for column, is_near in ((5, False), (6, True)):
        seen = gradient_at(model, torch.ones(1, 3, *SIZE, dtype=torch.float64), (2, 3, column))[:, 2, 8] > 0
        assert seen.tolist() == [True, True, is_near]


@both
def test_a_draw_costs_what_is_multiplied(recurrence: str) -> None:
    # 16 features a colour and the like: nothing is filled up to whole vectors.
    settings = {"hidden": 48, "head_channels": 96, "num_levels": 16, "first_kernel": 3}
    model = pixelrnn(recurrence, **settings)
    x = torch.randint(0, 16, (1, 3, 4, 5))
    with FlopCounterMode(display=False) as drawn:
        drawn_parameters(model, x, None)
    # Nothing takes the right direction's last row, and it is not computed: 5 of the 20 pixels, in each layer.
    right = 0 if recurrence == ROW else 2 * model.config.num_layers * (2 * 48) * (4 * 48)
    assert drawn.get_total_flops() == model.flops_per_draw((3, 4, 5)) * 3 * 20 - right * 5


@both
@pytest.mark.parametrize("hidden", [7, 16])
def test_the_bits_of_an_item_do_not_depend_on_its_lane(recurrence: str, hidden: int) -> None:
    model = pixelrnn(recurrence, hidden=hidden, head_channels=2 * hidden)
    randomise(model)
    model = model.float()
    x = torch.randint(0, 3, (16, 3, 3, 4), generator=torch.Generator().manual_seed(2))
    here = drawn_parameters(model, x, None)
    for by in (1, 7, 8):
        assert torch.equal(drawn_parameters(model, x.roll(by, 0), None), here.roll(by, 0))


@both
def test_two_pictures_side_by_side_from_one_model(recurrence: str) -> None:
    model = pixelrnn(recurrence)
    randomise(model)
    x = torch.randint(0, 3, (2, 3, 3, 4), generator=torch.Generator().manual_seed(1))
    sequences = [model.to_sequence(x[item : item + 1])[0] for item in range(2)]
    caches = [model.init_cache(1, None, (3, 3, 4)) for _ in range(2)]
    previous: list[torch.Tensor | None] = [None, None]
    drawn: list[list[torch.Tensor]] = [[], []]
    for n in range(36):
        for item in range(2):
            parameters, caches[item] = model.step(previous[item], caches[item])
            drawn[item].append(parameters[0])
            previous[item] = sequences[item][n : n + 1]
    with torch.no_grad():
        expected = model.to_sequence(model(x))
    torch.testing.assert_close(torch.stack([torch.stack(item) for item in drawn]), expected, rtol=0, atol=1e-10)


def test_what_the_model_cannot_be_given() -> None:
    with pytest.raises(ValueError, match="num_layers of 1 or more, got 0"):
        replace(PixelRNNConfig(), num_layers=0)
    with pytest.raises(ValueError, match=r"odd kernel size of 3 or more .* got 4"):
        pixelrnn(ROW, row_kernel=4)
    with pytest.raises(ValueError, match="feature map for each, got 3 and 2"):
        pixelrnn(DIAGONAL, hidden=2)
