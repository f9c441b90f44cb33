"""Every model in the registry, held to the definition: p(x) = Π p(x_n | x_<n, condition)."""

import itertools

import pytest
import torch

from models import MODELS, build
from models.conditioning import Condition, ConditionConfig
from tests.models.contract_checks import causality_faults, forwarded, influence, rolled, stepped
from tests.models.tiny import (
    CASES,
    COLOURS,
    CONDITIONS,
    EACH_ONCE,
    TINY,
    perturb,
    tiny_condition,
    tiny_levels,
    tiny_model,
)

all_cases = pytest.mark.parametrize(("name", "kind"), CASES)
all_models = pytest.mark.parametrize("name", TINY)
models_and_conditions = pytest.mark.parametrize(("name", "kind"), EACH_ONCE)
coloured = pytest.mark.parametrize("name", [name for name, tiny in TINY.items() if tiny.shape[0] == len(COLOURS)])


def test_every_model_of_the_registry_has_a_tiny_config() -> None:
    assert {tiny.model for tiny in TINY.values()} == MODELS.keys(), "add the new model's variants to tiny.py"
    assert {name for name, tiny in TINY.items() if name == tiny.model} == MODELS.keys()


@all_cases
def test_causal_by_gradient(name: str, kind: str) -> None:
    assert causality_faults(tiny_model(name, kind), tiny_levels(name), tiny_condition(kind)) == []


@all_models
@pytest.mark.parametrize(("by", "complaint"), [(1, "2 does not see 1"), (-1, "1 sees 1")])
def test_a_second_shift_and_a_missing_shift_are_caught(name: str, by: int, complaint: str) -> None:
    model = tiny_model(name)
    faults = causality_faults(
        model, tiny_levels(name), None, lambda inputs, condition: model.predict(rolled(model, inputs, by), condition)
    )
    assert complaint in faults


@coloured
def test_the_nine_colour_pairs(name: str) -> None:
    """The Jacobian within a pixel: each colour sees the colours before it in the order red, green, blue, no other."""
    model, x = tiny_model(name), tiny_levels(name)
    seen = influence(model, model.predict, model.encode(x), None) != 0
    for first in range(0, seen.shape[0], len(COLOURS)):
        pixel = slice(first, first + len(COLOURS))
        assert torch.equal(seen[pixel, pixel], torch.ones(3, 3).tril(-1).bool()), f"pixel {first // len(COLOURS)}"


@models_and_conditions
def test_causal_by_perturbation(name: str, kind: str) -> None:
    model, x, condition = tiny_model(name, kind), tiny_levels(name), tiny_condition(kind)
    before = forwarded(model, x, condition)
    sequence = model.to_sequence(x)
    for n in range(sequence.shape[1]):
        changed = sequence.clone()
        changed[:, n] = (changed[:, n] + 1) % 5
        after = forwarded(model, model.from_sequence(changed, TINY[name].shape), condition)
        torch.testing.assert_close(after[:, : n + 1], before[:, : n + 1], rtol=0, atol=1e-12)
        assert n == sequence.shape[1] - 1 or (after[:, n + 1 :] != before[:, n + 1 :]).any()


@all_cases
@pytest.mark.parametrize("batch_size", [1, 3])
def test_step_equals_forward(name: str, kind: str, batch_size: int) -> None:
    model = tiny_model(name, kind)
    for item in range(2):  # the second finds nothing left of the first
        x, condition = tiny_levels(name, batch_size, seed=item), tiny_condition(kind, batch_size, seed=item)
        torch.testing.assert_close(
            stepped(model, x, condition), forwarded(model, x, condition), rtol=0, atol=1e-10, msg=f"item {item}"
        )


@models_and_conditions
def test_step_equals_forward_after_the_weights_change(name: str, kind: str) -> None:
    model, x, condition = tiny_model(name, kind), tiny_levels(name), tiny_condition(kind)
    before = stepped(model, x, condition)
    perturb(model, seed=7)
    after = stepped(model, x, condition)
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, forwarded(model, x, condition), rtol=0, atol=1e-10)


@models_and_conditions
def test_step_equals_forward_in_float32(name: str, kind: str) -> None:
    # 2e-5: sums of tens of numbers of the order of 1, in another order.
    model, x, condition = tiny_model(name, kind).float(), tiny_levels(name), tiny_condition(kind)
    torch.testing.assert_close(stepped(model, x, condition), forwarded(model, x, condition), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize(("name", "kind"), [(n, k) for n, k in EACH_ONCE if TINY[n].enumerated])
def test_probabilities_of_all_items_sum_to_one(name: str, kind: str) -> None:
    enumerated = TINY[name].enumerated
    assert enumerated is not None
    num_levels, shape = enumerated
    model = tiny_model(name, kind, num_levels)
    every_item = torch.tensor(list(itertools.product(range(num_levels), repeat=torch.Size(shape).numel())))
    x = model.from_sequence(every_item, shape)
    with torch.no_grad():
        log_p = -model.nll_nats(x, repeated_condition(kind, shape, len(every_item))).flatten(1).sum(1)
    assert log_p.std() > 0.01, "the distribution is uniform: nothing is tested"
    assert torch.logsumexp(log_p, 0).item() == pytest.approx(0, abs=1e-9)


def repeated_condition(kind: str, shape: tuple[int, ...], batch_size: int) -> Condition | None:
    """The same condition for every item of the batch."""
    size = (shape[-2], shape[-1]) if len(shape) > 1 else (0, 0)
    one = tiny_condition(kind, 1, num_timesteps=shape[0], size=size)
    return None if one is None else one.rows(torch.zeros(batch_size, dtype=torch.int64))


@all_cases
def test_gradient_reaches_every_parameter(name: str, kind: str) -> None:
    model = tiny_model(name, kind)
    model.nll_nats(tiny_levels(name), tiny_condition(kind)).mean().backward()
    untouched = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert untouched == []


@all_models
def test_a_fresh_model_knows_little(name: str) -> None:
    torch.manual_seed(0)
    model = build(TINY[name].model, TINY[name].config(5, ConditionConfig()))
    with torch.no_grad():
        nll_nats = model.nll_nats(tiny_levels(name, batch_size=64)).mean().item()
    assert nll_nats == pytest.approx(torch.tensor(5.0).log().item(), rel=0.25)


@all_models
def test_sequence_and_back(name: str) -> None:
    model, x = tiny_model(name), tiny_levels(name)
    assert torch.equal(model.from_sequence(model.to_sequence(x), TINY[name].shape), x)


@all_models
def test_a_model_tells_what_it_was_built_from(name: str) -> None:
    config = TINY[name].config(5, ConditionConfig())
    model = build(TINY[name].model, config)
    assert model.config == config
    assert isinstance(model, MODELS[TINY[name].model].model)
    assert model.condition_config == ConditionConfig()
    assert model.num_parameters() == sum(value.numel() for value in model.state_dict().values())


def test_conditional_models_say_so() -> None:
    for name, kind in CASES:
        assert tiny_model(name, kind).condition_config == CONDITIONS[kind]


def test_an_unknown_name_offers_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown model 'wavnet': choose from linear_ar, .*wavenet"):
        build("wavnet", None)
    with pytest.raises(ValueError, match="'wavenet' is built from WaveNetConfig, got LinearARConfig"):
        build("wavenet", TINY["linear_ar"].config(5, ConditionConfig()))
