"""What holds for both picture models alike. What is each paper's own stands in its own file."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.autoregressive import ImageModel
from models.conditioning import Condition, ConditionConfig
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig
from models.pixelcnn import PixelCNN, PixelCNNConfig
from tests.models.picture_checks import all_pictures, drawn_parameters, fit, gradient_at, randomise

CONDITIONS = ConditionConfig(attributes={"label": 3, "style": 2}, channels=5)
ATTRIBUTES = torch.tensor([[0, 1], [2, 0]])
GIVEN = Condition(attributes=ATTRIBUTES)
TINY: dict[str, Any] = {"num_levels": 4, "hidden": 7, "num_layers": 2, "head_channels": 14, "first_kernel": 5}
"""7 features of 3 colours are 3, 2 and 2, and 14 are 5, 5 and 4: every mask meets the remainder. Of fewer in the head
all of a colour's may be shut by a ReLU at the pixel that is looked at.
"""

KINDS = [PixelCNN, GatedPixelCNN]


def build(kind: type[ImageModel], channels: int = 3, random: bool = True, **settings: Any) -> ImageModel:
    config = PixelCNNConfig if kind is PixelCNN else GatedPixelCNNConfig
    model = kind(config(**{**TINY, "channels": channels, **settings})).double()
    if random:
        randomise(model)
    return model


def pictures(channels: int = 3, size: int = 5) -> torch.Tensor:
    return torch.randint(0, 4, (2, channels, size, size + 1), generator=torch.Generator().manual_seed(1))


def colours_seen(model: ImageModel) -> torch.Tensor:
    """[C, C] bool: which colours of its own pixel each colour sees."""
    rows = [gradient_at(model, model.encode(pictures()), (colour, 2, 3))[:, 2, 3] for colour in range(3)]
    return torch.stack(rows) > 0


STRICTLY_EARLIER = torch.ones(3, 3).tril(-1).bool()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hidden", [6, 7, 128])
def test_the_nine_colour_pairs(kind: type[ImageModel], hidden: int) -> None:
    assert torch.equal(colours_seen(build(kind, hidden=hidden)), STRICTLY_EARLIER)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_nothing_later_is_seen_and_something_earlier_is(kind: type[ImageModel], channels: int) -> None:
    model = build(kind, channels)
    inputs = model.encode(pictures(channels))
    for position in [(0, 0, 0), (0, 2, 3), (channels - 1, 2, 0), (channels - 1, 4, 5)]:
        colour, row, column = position
        seen = model.to_sequence(gradient_at(model, inputs, position)[None])[0]
        number = (row * 6 + column) * channels + colour
        assert (seen[number:] == 0).all()
        assert number == 0 or seen[:number].any()


@pytest.mark.parametrize("kind", KINDS)
def test_masks_survive_momentum_and_weight_decay(kind: type[ImageModel]) -> None:
    model = build(kind)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=0.1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for _ in range(3):
        optimiser.zero_grad()
        model.nll_nats(pictures()).mean().backward()
        optimiser.step()
    # Decay has moved the weights under the masks as well: what hides them is not their being zero.
    moved = [name for name, value in model.state_dict().items() if (value != before[name]).all()]
    assert len(moved) == len(before)
    assert torch.equal(colours_seen(model), STRICTLY_EARLIER)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_probabilities_of_all_pictures_sum_to_one(kind: type[ImageModel], channels: int) -> None:
    model = build(kind, channels, num_levels=2, hidden=3, head_channels=3, first_kernel=3)
    x = all_pictures(2, (channels, 2, 2))
    assert len(x) == 2 ** (4 * channels)
    with torch.no_grad():
        log_p = -model.nll_nats(x).flatten(1).sum(1)
    assert log_p.std() > 0.1  # not the uniform distribution
    assert torch.logsumexp(log_p, 0).item() == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("conditional", [False, True])
def test_step_equals_forward_at_every_position(kind: type[ImageModel], channels: int, conditional: bool) -> None:
    model = build(kind, channels, num_layers=3, condition=CONDITIONS if conditional else ConditionConfig())
    condition = GIVEN if conditional else None
    for seed in range(2):  # a second pair of pictures, with other weights: nothing is left of the first
        randomise(model, seed)
        x = pictures(channels, size=5 + seed)
        with torch.no_grad():
            expected = model.to_sequence(model(x, condition))
        torch.testing.assert_close(drawn_parameters(model, x, condition), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kernel_wider_than_the_picture(kind: type[ImageModel]) -> None:
    model, x = build(kind, first_kernel=7, kernel=5), pictures()[:, :, :2, :1]
    with torch.no_grad():
        expected = model.to_sequence(model(x))
    torch.testing.assert_close(drawn_parameters(model, x, None), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_drawing_a_picture_costs_no_more_than_one_forward(kind: type[ImageModel]) -> None:
    model, x = build(kind, hidden=48, head_channels=96, num_levels=16), pictures()  # 16 a colour: nothing is filled up
    with FlopCounterMode(display=False) as once, torch.no_grad():
        model(x)
    with FlopCounterMode(display=False) as drawn:
        drawn_parameters(model, x, None)
    assert 0.3 * once.get_total_flops() < drawn.get_total_flops() < once.get_total_flops()


@pytest.mark.parametrize("kind", KINDS)
def test_each_item_is_drawn_by_itself(kind: type[ImageModel]) -> None:
    model, x = build(kind, condition=CONDITIONS), pictures()
    alone = [drawn_parameters(model, x[i : i + 1], Condition(ATTRIBUTES[i : i + 1])) for i in range(2)]
    together = drawn_parameters(model, x, GIVEN)
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hidden", [7, 32])
def test_the_bits_of_an_item_do_not_depend_on_its_lane(kind: type[ImageModel], hidden: int) -> None:
    model = build(kind, hidden=hidden, head_channels=2 * hidden).float()
    x = torch.randint(0, 4, (16, 3, 4, 5), generator=torch.Generator().manual_seed(2))
    here = drawn_parameters(model, x, None)
    for by in (1, 7, 8):
        assert torch.equal(drawn_parameters(model, x.roll(by, 0), None), here.roll(by, 0))


@pytest.mark.parametrize("kind", KINDS)
def test_the_condition_reaches_every_position(kind: type[ImageModel]) -> None:
    model, x = build(kind, hidden=24, head_channels=24, condition=CONDITIONS), pictures()
    one, other = (model(x, Condition(torch.tensor([[label, 0]] * 2))) for label in (0, 1))
    assert (one != other).any(-1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_has_a_gradient(kind: type[ImageModel]) -> None:
    # Data-parallel training refuses a model of which a part is unused; the condition of every layer is such a part.
    model = build(kind, condition=CONDITIONS)
    model.nll_nats(pictures(), GIVEN).mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name
    to_layers = model.condition.to_layers.weight.grad  # type: ignore[union-attr]
    assert to_layers.any(1).float().mean() > 0.9  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("kind", KINDS)
def test_one_batch_is_learned_by_heart(kind: type[ImageModel]) -> None:
    # Two pictures that differ at the first position: only their labels can tell them apart there.
    x = pictures(size=3)
    x[:, 0, 0, 0] = torch.tensor([0, 3])
    torch.manual_seed(0)
    model = build(kind, random=False, hidden=12, head_channels=24, condition=CONDITIONS)
    assert fit(model, x, GIVEN, num_steps=200) < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_model_cannot_be_given(kind: type[ImageModel]) -> None:
    with pytest.raises(ValueError, match="frames condition waveforms"):
        build(kind, condition=ConditionConfig(num_phones=3))
    with pytest.raises(ValueError, match="num_layers of 1 or more, got 0"):
        build(kind, num_layers=0)
    with pytest.raises(ValueError, match="feature map for each, got 3 and 2"):
        build(kind, hidden=2)
    conditional = build(kind, condition=CONDITIONS)
    with pytest.raises(ValueError, match="unknown style 2"):
        conditional(pictures(), replace(GIVEN, attributes=torch.tensor([[0, 2], [0, 0]])))
    with pytest.raises(ValueError, match="conditioned on attributes"):
        conditional.init_cache(2, None, (3, 4, 4))
    with pytest.raises(ValueError, match="not conditioned on attributes"):
        build(kind)(pictures(), GIVEN)


@pytest.mark.parametrize("kind", KINDS)
def test_levels_are_encoded_from_minus_one_to_one(kind: type[ImageModel]) -> None:
    model = build(kind)
    assert model.encode(torch.tensor([0, 1, 2, 3])).tolist() == pytest.approx([-1, -1 / 3, 1 / 3, 1])
    assert model.encode(pictures()).dtype == torch.float64
    assert model.float().encode(pictures()).dtype == torch.float32
