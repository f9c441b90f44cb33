"""PixelCNN++ against the paper: the whole network in loops, its size, its start, its dropout."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.conditioning import Condition, ConditionConfig
from models.counter_random import item_keys
from models.layers.dropout import set_dropout_keys
from models.layers.picture_condition import MapBias, plus
from models.pixelcnn_pp import Layer, PixelCNNPP, PixelCNNPPConfig, Streams
from tests.models.layers.test_shifted_conv import start_faults
from tests.models.picture_checks import drawn_parameters, fit, gradient_at, randomise
from tests.models.shifted_references import Maps, reference_conv, reference_resnet, reference_transposed

TINY: dict[str, Any] = {"num_levels": 4, "filters": 3, "num_resnets": 2, "num_resolutions": 3, "num_components": 2}


def build(random: bool = True, **settings: Any) -> PixelCNNPP:
    torch.manual_seed(0)
    model = PixelCNNPP(PixelCNNPPConfig(**{**TINY, **settings})).double().eval()
    if random:
        randomise(model)
    return model


def pictures(channels: int = 3, batch_size: int = 2, size: tuple[int, int] = (4, 8)) -> Tensor:
    return torch.randint(0, 4, (batch_size, channels, *size), generator=torch.Generator().manual_seed(1))


def moved(x: Maps, axis: int) -> Maps:
    """Down (1) or right (2) by one, zeros coming in."""
    zeros = np.zeros_like(x.take([0], axis))
    return np.concatenate([zeros, x.take(range(x.shape[axis] - 1), axis)], axis)


def reference_layer(layer: Layer, u: Maps, ul: Maps, shortcut: tuple[Maps, Maps] | None) -> tuple[Maps, Maps]:
    u = reference_resnet(layer.u, u, [shortcut[0]] if shortcut else [])
    return u, reference_resnet(layer.ul, ul, [u, shortcut[1]] if shortcut else [u])


def reference_output(model: PixelCNNPP, x: Maps) -> Maps:
    """The network as the reference code has it: one list of all that the way up will take. x is [C, H, W]."""
    x = np.concatenate([x, np.ones_like(x[:1])])
    u = moved(reference_conv(model.above, x), 1)
    ul = moved(reference_conv(model.row_above, x), 1) + moved(reference_conv(model.left, x), 2)
    kept = [(u, ul)]
    levels = [model.level]
    while (smaller := levels[-1].smaller) is not None:
        levels.append(smaller.level)
    for level in levels:
        for layer in level.down:
            kept.append(reference_layer(layer, *kept[-1], None))
        if level.smaller is not None:
            shrink = level.smaller.shrink_u, level.smaller.shrink_ul
            kept.append(tuple(reference_conv(c, m, 2) for c, m in zip(shrink, kept[-1], strict=True)))  # type: ignore[arg-type]
    u, ul = kept.pop()
    for level in reversed(levels):
        if level.smaller is not None:
            u, ul = reference_transposed(level.smaller.grow_u, u), reference_transposed(level.smaller.grow_ul, ul)
        for layer in level.up:
            u, ul = reference_layer(layer, u, ul, kept.pop())
    assert kept == []
    return reference_conv(model.head, np.where(ul > 0, ul, np.exp(np.minimum(ul, 0)) - 1))


@pytest.mark.parametrize(("channels", "num_resolutions"), [(1, 1), (3, 3)])
def test_the_network_equals_the_papers_in_loops(channels: int, num_resolutions: int) -> None:
    model, x = build(channels=channels, num_resolutions=num_resolutions), pictures(channels)
    inputs = model.encode(x)
    got = model.output(inputs, None).detach()
    for number in range(len(x)):
        expected = torch.from_numpy(reference_output(model, inputs[number].numpy()))
        torch.testing.assert_close(got[number], expected, rtol=0, atol=1e-10)


def test_parameters_by_hand() -> None:
    """CIFAR-10: 160 filters, 5 resnets, 3 sizes, 10 components of 10 numbers. An output has its g and its b."""
    f = 160

    def conv(features_in: int, features_out: int, kernel: int) -> int:
        return features_in * features_out * kernel + 2 * features_out

    first = conv(4, f, 2 * 3) + conv(4, f, 1 * 3) + conv(4, f, 2 * 1)  # three colours and the ones
    u, ul = (conv(2 * f, f, kernel) + conv(2 * f, 2 * f, kernel) for kernel in (2 * 3, 2 * 2))
    down = u + (ul + conv(2 * f, f, 1))  # ul takes u
    up = (u + conv(2 * f, f, 1)) + (ul + conv(4 * f, f, 1))  # and each stream its shortcut
    between = conv(f, f, 2 * 3) + conv(f, f, 2 * 2)  # strided or transposed, of both streams
    head = conv(f, 100, 1)
    by_hand = first + (5 + 5 + 5) * down + (5 + 6 + 6) * up + (2 + 2) * between + head
    assert PixelCNNPP(PixelCNNPPConfig()).num_parameters() == by_hand == 53_659_080


def test_step_equals_forward_at_three_sizes_with_a_condition_and_dropout() -> None:
    condition = ConditionConfig({"label": 3}, num_planes=2, plane_factor=2, channels=4)
    model = build(condition=condition)
    for batch_size, size in ((1, (8, 4)), (3, (4, 12))):
        planes = torch.randn(batch_size, 2, size[0] // 2, size[1] // 2, dtype=torch.float64)
        given = Condition(attributes=torch.arange(batch_size)[:, None], planes=planes)
        x = pictures(batch_size=batch_size, size=size)
        with torch.no_grad():
            expected = model.to_sequence(model(x, given))
        torch.testing.assert_close(drawn_parameters(model, x, given), expected, rtol=0, atol=1e-10)


def test_what_a_pixel_sees_through_three_sizes() -> None:
    model, shape = build(channels=1, num_resnets=1), (1, 16, 32)
    inputs = model.encode(pictures(1, 1, shape[1:]))
    unseen = 0
    for row, column in [(0, 0), (3, 2), (7, 30), (13, 17), (15, 0), (14, 8)]:
        seen = gradient_at(model, inputs, (0, row, column))[0] > 0
        assert torch.equal(model.receptive_field(shape, row, column), seen)
        unseen += row * shape[2] + column - int(seen.sum())
    assert unseen > 0  # or all that is drawn before would do for an answer


def test_a_map_is_brought_to_the_size_of_a_layer_by_the_mean_over_a_cell() -> None:
    model = build(condition=ConditionConfig(num_planes=1, channels=2), num_resnets=1)
    given = Condition(planes=torch.randn(1, 1, 4, 8, dtype=torch.float64))
    features, weights = model.condition.upsample(given.planes), model.condition.map_to_layers.weight.split(6)
    sizes = [1, 1, 2, 2, 4, 4, 4, 4, 2, 2, 2, 2, 1, 1, 1, 1]  # of u and ul: one layer each, then one, two and two
    for size, bias, weight in zip(sizes, model.biases(given, 1, (4, 8)), weights, strict=True):
        added = plus(features.new_zeros(1, 6, 4 // size, 8 // size), bias)
        cell = torch.nn.functional.conv2d(features, weight)[:, :, -size:, :size]
        torch.testing.assert_close(added[:, :, -1, 0], cell.mean((2, 3)), rtol=0, atol=1e-12)


def test_a_size_that_cannot_be_halved_is_refused() -> None:
    model = build()
    with pytest.raises(ValueError, match=r"divisible by 4, since num_resolutions is 3, got 4 × 6"):
        model(pictures(size=(4, 6)))
    with pytest.raises(ValueError, match=r"divisible by 4, since num_resolutions is 3, got 2 × 4"):
        model.init_cache(1, None, (3, 2, 4))


@pytest.mark.parametrize("settings", [{"num_resolutions": 0}, {"num_components": 0}, {"dropout": 1.0}])
def test_settings_that_make_no_network_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be at least 1, and dropout at least 0 and below 1"):
        PixelCNNPPConfig(**settings)


def test_the_start_from_data_standardises_every_layer_of_the_network() -> None:
    model, x = build(random=False, num_resolutions=2, dropout=0.5).train(), pictures(batch_size=8)
    model.initialise(x)
    assert model.training
    model.eval()
    assert start_faults(model, lambda: model(x)) == []
    assert start_faults(model.train(), lambda: model(x)) != []  # with dropout, others


def test_dropout_belongs_to_the_picture() -> None:
    model, x = build(num_resolutions=1).train(), pictures(batch_size=3)
    keys = item_keys((5, f"picture {number}") for number in range(3))
    set_dropout_keys(model, keys)
    together = model.nll_nats(x)
    set_dropout_keys(model, keys[1:2])
    torch.testing.assert_close(model.nll_nats(x[1:2]), together[1:2], rtol=0, atol=1e-12)
    set_dropout_keys(model, keys.flip(0))
    assert not torch.allclose(model.nll_nats(x)[2], together[2])
    assert not torch.allclose(model.eval().nll_nats(x), together)


def test_training_in_bfloat16_tells_means_apart() -> None:
    model = build(num_resnets=1, num_resolutions=2).float()
    with torch.autocast("cpu", torch.bfloat16):
        parameters = model(pictures())
    means = parameters[:, 0, ..., 2:4]  # of red: those of the later colours move with what it is
    assert means.dtype == torch.float32
    assert (means != means.bfloat16()).any()


@pytest.mark.parametrize("shortcut", [False, True])
def test_a_layer_is_compiled_in_one_piece(shortcut: bool) -> None:
    layer = Layer(PixelCNNPPConfig(filters=3, dropout=0.5), shortcut=shortcut).train()
    streams = Streams(torch.randn(1, 3, 4, 4), torch.randn(1, 3, 4, 4))
    biases = None, MapBias(torch.randn(1, 2, 4, 4), torch.randn(6, 2, 1, 1), torch.randn(1, 6, 1, 1))
    given = streams, streams if shortcut else None, *biases
    set_dropout_keys(layer, item_keys([(0, "picture")]))
    torch.testing.assert_close(torch.compile(layer, backend="eager", fullgraph=True)(*given), layer(*given))


def test_one_batch_is_learned_by_heart() -> None:
    x, labels = pictures(batch_size=2, size=(2, 4)), torch.tensor([[0], [1]])
    x[:, 0, 0, 0] = torch.tensor([0, 3])  # at the first colour only their labels can tell them apart
    condition = ConditionConfig({"label": 2}, channels=4)
    model = build(random=False, filters=6, num_resnets=1, num_resolutions=2, dropout=0.0, condition=condition)
    model.initialise(x, Condition(attributes=labels))
    assert fit(model, x, Condition(attributes=labels), num_steps=40) < 0.5  # 1.39 without any knowledge


def test_the_bits_of_a_picture_do_not_depend_on_its_lane() -> None:
    """Where filters are a multiple of 8, as in every recipe: the last vector of a buffer is a whole one then."""
    model, x = build(filters=8, num_resnets=1, num_resolutions=2, num_components=5).float(), pictures(batch_size=16)
    here = drawn_parameters(model, x, None)
    for by in (1, 7, 8):
        assert torch.equal(drawn_parameters(model, x.roll(by, 0), None), here.roll(by, 0))
