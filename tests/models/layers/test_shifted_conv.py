"""Shifted, strided and transposed convolutions, in loops; weight normalisation and its start from data."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.drawn.shifted import DrawnGrowth, DrawnPixels, finished_rows
from models.layers.gated_resnet import GatedResnet
from models.layers.masked_conv import POINT, Reach
from models.layers.shifted_conv import (
    ABOVE,
    UP_LEFT,
    ShiftedConv2d,
    TransposedConv2d,
    WeightNormConv2d,
    started_from_data,
)
from tests.models.picture_checks import randomise
from tests.models.shifted_references import reference_conv, reference_resnet, reference_transposed, weight_and_bias

HEIGHT, WIDTH = 4, 6
REACHES = [ABOVE, UP_LEFT, POINT, Reach(up=0, left=1, right=1), Reach(up=1, left=0, right=0)]


def maps(features: int = 3, batch_size: int = 2, height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    shape = (batch_size, features, height, width)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def randomised(conv: WeightNormConv2d) -> WeightNormConv2d:
    conv.double()
    randomise(conv)
    return conv


def strided(reach: Reach, stride: int = 1) -> ShiftedConv2d:
    conv = randomised(ShiftedConv2d(3, 5, reach, stride))
    assert isinstance(conv, ShiftedConv2d)
    return conv


def transposed(reach: Reach) -> TransposedConv2d:
    conv = randomised(TransposedConv2d(3, 5, reach))
    assert isinstance(conv, TransposedConv2d)
    return conv


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize("stride", [1, 2])
def test_a_shifted_convolution_in_loops(reach: Reach, stride: int) -> None:
    conv, x = strided(reach, stride), maps()
    expected = np.stack([reference_conv(conv, item.numpy(), stride) for item in x])
    torch.testing.assert_close(conv(x).detach(), torch.from_numpy(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("reach", [ABOVE, UP_LEFT])
def test_a_transposed_convolution_in_loops(reach: Reach) -> None:
    conv, x = transposed(reach), maps()
    expected = np.stack([reference_transposed(conv, item.numpy()) for item in x])
    torch.testing.assert_close(conv(x).detach(), torch.from_numpy(expected), rtol=0, atol=1e-12)


CONVS: list[Callable[[], WeightNormConv2d]] = [
    lambda: strided(ABOVE),
    lambda: strided(UP_LEFT),
    lambda: strided(ABOVE, 2),
    lambda: strided(UP_LEFT, 2),
    lambda: transposed(ABOVE),
    lambda: transposed(UP_LEFT),
]


@pytest.mark.parametrize("make", CONVS)
def test_what_is_seen_is_where_the_gradient_is(make: Callable[[], WeightNormConv2d]) -> None:
    conv, x = make(), maps(batch_size=1).requires_grad_()
    y = conv(x)
    for row, column in [(0, 0), (1, 2), (y.shape[2] - 1, y.shape[3] - 1), (1, 1)]:
        (gradient,) = torch.autograd.grad(y[0, :, row, column].sum(), x, retain_graph=True)
        field = torch.zeros(y.shape[2:], dtype=torch.bool)
        field[row, column] = True
        assert torch.equal(conv.seen_by(field), gradient[0].any(0))


@pytest.mark.parametrize(("reach", "stride"), [(ABOVE, 1), (ABOVE, 2), (POINT, 1), (Reach(up=0, left=1, right=1), 1)])
def test_drawn_by_rows(reach: Reach, stride: int) -> None:
    conv, x = strided(reach, stride), maps()
    rows = finished_rows(conv, len(x), WIDTH)
    for number, row in enumerate(x.unbind(2)):
        if number % conv.stride == 0:
            expected = conv(x)[:, :, number // conv.stride]
            torch.testing.assert_close(rows.push(row), expected, rtol=0, atol=1e-12)
        else:
            rows.keep(row)


@pytest.mark.parametrize(("reach", "stride"), [(UP_LEFT, 1), (UP_LEFT, 2), (Reach(up=1, left=0, right=0), 1)])
def test_drawn_pixel_by_pixel(reach: Reach, stride: int) -> None:
    conv, x = strided(reach, stride), maps()
    pixels, expected = DrawnPixels(conv, len(x), WIDTH), conv(x)
    for row, column in np.ndindex(HEIGHT, WIDTH):
        if column == 0 and row % stride == 0:
            pixels.start_row(pixels.row_above())
        if row % stride == 0 and column % stride == 0:
            got = pixels.push(column, x[:, :, row, column])
            torch.testing.assert_close(got, expected[:, :, row // stride, column // stride], rtol=0, atol=1e-12)
        else:
            pixels.keep(column, x[:, :, row, column])


@pytest.mark.parametrize("reach", [ABOVE, UP_LEFT])
def test_growth_of_a_row_of_cells_and_of_one(reach: Reach) -> None:
    conv, x = transposed(reach), maps(height=2)
    expected = conv(x)
    growth = DrawnGrowth(conv, len(x), 2 * WIDTH)
    growth.take(0, x[:, :, 1])
    torch.testing.assert_close(growth.pixels, expected[:, :, 2:], rtol=0, atol=1e-12)
    if reach == UP_LEFT:  # a cell reaches no pixel of another
        for column in range(WIDTH):
            growth.take(2 * column, x[:, :, 0, column : column + 1])
        torch.testing.assert_close(growth.pixels, expected[:, :, :2], rtol=0, atol=1e-12)


@pytest.mark.parametrize("num_beside", [0, 1, 2])
@pytest.mark.parametrize("reach", [ABOVE, UP_LEFT])
def test_a_gated_resnet_in_loops(reach: Reach, num_beside: int) -> None:
    resnet = GatedResnet(3, reach, num_beside, dropout=0.5).double().eval()
    randomise(resnet)
    x, bias = maps(), maps(6, 1)
    beside = [maps().flip(number) for number in range(num_beside)]
    got = resnet(x, beside, bias).detach()
    for number in range(len(x)):
        parts = [part[number].numpy() for part in beside]
        expected = reference_resnet(resnet, x[number].numpy(), parts, bias[0].numpy())
        torch.testing.assert_close(got[number], torch.from_numpy(expected), rtol=0, atol=1e-12)


def test_only_the_direction_of_the_weights_counts() -> None:
    conv = strided(ABOVE)
    before = conv.weight()
    with torch.no_grad():
        conv.direction.mul_(torch.arange(1.0, 6.0)[:, None, None, None])
    torch.testing.assert_close(conv.weight(), before, rtol=0, atol=1e-12)
    weight, _ = weight_and_bias(conv)
    np.testing.assert_allclose(conv.weight().detach().numpy(), weight, atol=1e-12)
    np.testing.assert_allclose(
        np.sqrt((weight**2).sum((1, 2, 3))), np.abs(conv.scale.detach().numpy()), atol=1e-12, rtol=0
    )


def chain() -> nn.Sequential:
    """Layers of which each changes the size of what the next one sees."""
    layers = [
        ShiftedConv2d(3, 4, ABOVE, start_scale=0.1),
        ShiftedConv2d(4, 4, UP_LEFT, stride=2),
        TransposedConv2d(4, 5, ABOVE),
    ]
    model = nn.Sequential(layers[0], nn.ELU(), layers[1], nn.ELU(), layers[2]).double()
    randomise(model)
    return model


def start_faults(model: nn.Module, call: Callable[[], object]) -> list[str]:
    """Layers whose features, in a call of the model, have not mean 0 and the layer's deviation; measured in numpy."""
    faults: list[str] = []

    def check(name: str) -> Callable[..., None]:
        def look(layer: WeightNormConv2d, _: tuple[Tensor], output: Tensor) -> None:
            for features in output.detach().movedim(1, 0).flatten(1).numpy():
                mean, deviation = features.mean(), np.sqrt(np.mean((features - features.mean()) ** 2))
                if abs(mean) > 1e-6 or abs(deviation / layer.start_scale - 1) > 1e-6:
                    faults.append(f"{name}: mean {mean:.3g}, deviation {deviation:.3g}")

        return look

    layers = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, WeightNormConv2d)]
    hooks = [layer.register_forward_hook(check(name)) for name, layer in layers]
    call()
    for hook in hooks:
        hook.remove()
    return faults


def test_the_start_from_data_standardises_every_layer() -> None:
    model, x = chain(), maps(batch_size=8)
    assert start_faults(model, lambda: model(x)) != []
    with started_from_data(model):
        model(x)
    assert start_faults(model, lambda: model(x)) == []


def test_a_start_from_activations_of_before_is_caught() -> None:
    """All layers set from one pass through the network as it was: each but the first has other inputs afterwards."""
    model, x = chain(), maps(batch_size=8)
    inputs: list[tuple[WeightNormConv2d, Tensor]] = []
    layers = [layer for layer in model if isinstance(layer, WeightNormConv2d)]
    hooks = [layer.register_forward_pre_hook(lambda layer, given: inputs.append((layer, given[0]))) for layer in layers]
    model(x)
    for hook in hooks:
        hook.remove()
    for layer, stale in inputs:
        layer.start_from(stale)
    faults = start_faults(model, lambda: model(x))
    assert {fault[0] for fault in faults} == {"2", "4"}  # the layer after the first, and the one after that


def test_a_start_leaves_no_hook_behind_and_ends_with_an_error() -> None:
    conv = strided(ABOVE)
    before = conv.scale.detach().clone()
    with pytest.raises(ZeroDivisionError), started_from_data(conv):
        raise ZeroDivisionError
    conv(maps())
    assert torch.equal(conv.scale, before)


def test_a_feature_that_does_not_vary_keeps_its_scale() -> None:
    conv = strided(POINT)
    conv.start_from(torch.ones(2, 3, 2, 2, dtype=torch.float64))
    assert torch.equal(conv.scale, torch.ones(5, dtype=torch.float64))
    assert conv(torch.ones(1, 3, 1, 1, dtype=torch.float64)).abs().max() < 1e-12
