"""Every model under every kind of condition: what it does to the parameters, where it is dropped, what is refused."""

from dataclasses import fields, replace

import pytest
import torch

from models import build
from models.autoregressive import Autoregressive
from models.conditioning import Condition
from tests.models.contract_checks import forwarded, stepped
from tests.models.tiny import CASES, CONDITIONS, SOME_DROPPED, TINY, tiny_condition, tiny_levels, tiny_model

all_models = pytest.mark.parametrize("name", TINY)
conditional_cases = pytest.mark.parametrize(("name", "kind"), [(n, k) for n, k in CASES if k != "none"])


@conditional_cases
def test_the_condition_matters_from_the_first_position_on(name: str, kind: str) -> None:
    model, x = tiny_model(name, kind), tiny_levels(name)
    one, other = (forwarded(model, x, tiny_condition(kind, seed=seed)) for seed in (2, 3))
    with_condition = slice(1, None, 2) if kind.endswith(SOME_DROPPED) else slice(None)
    assert ((one != other).any(-1)[with_condition, 0]).all()


def unconditional(model: Autoregressive, name: str) -> Autoregressive:
    """The network of the same weights that takes no condition."""
    plain = build(TINY[name].model, TINY[name].config(5, CONDITIONS["none"])).double()
    weights = model.state_dict()
    plain.load_state_dict({key: weights[key] for key in plain.state_dict()})
    return plain


@conditional_cases
def test_an_item_drawn_without_its_condition_meets_the_unconditional_network(name: str, kind: str) -> None:
    """Nothing is added anywhere where it is dropped, and nothing is missing where it is not."""
    model, x, given = tiny_model(name, kind), tiny_levels(name), tiny_condition(kind)
    assert given is not None
    dropped = torch.tensor([True, False, True])
    without = forwarded(unconditional(model, name), x, None)
    kept = forwarded(model, x, replace(given, dropped=None))
    expected = torch.where(dropped[:, None, None], without, kept)
    for got in (forwarded, stepped):
        torch.testing.assert_close(got(model, x, replace(given, dropped=dropped)), expected, rtol=0, atol=1e-12)


@conditional_cases
def test_each_item_has_its_own_condition(name: str, kind: str) -> None:
    model, x, given = tiny_model(name, kind), tiny_levels(name), tiny_condition(kind)
    assert given is not None
    alone = [forwarded(model, x[[i]], given.rows(torch.tensor([i]))) for i in range(len(x))]
    torch.testing.assert_close(forwarded(model, x, given), torch.cat(alone), rtol=0, atol=1e-12)


@all_models
def test_an_unconditional_model_refuses_a_condition(name: str) -> None:
    model, condition = tiny_model(name), tiny_condition("global")
    with pytest.raises(ValueError, match="not conditioned on attributes"):
        model(tiny_levels(name), condition)
    with pytest.raises(ValueError, match="not conditioned on attributes"):
        model.init_cache(3, condition, TINY[name].shape)


@conditional_cases
def test_a_missing_condition_is_an_error(name: str, kind: str) -> None:
    model, condition = tiny_model(name, kind), tiny_condition(kind)
    wanted = next(part.name for part in fields(Condition) if getattr(condition, part.name) is not None)
    with pytest.raises(ValueError, match=f"conditioned on {wanted}, and none came"):
        model(tiny_levels(name), None)
    with pytest.raises(ValueError, match=f"conditioned on {wanted}, and none came"):
        model.init_cache(3, Condition(), TINY[name].shape)


@conditional_cases
def test_an_unknown_value_is_an_error(name: str, kind: str) -> None:
    model, condition = tiny_model(name, kind), tiny_condition(kind)
    assert condition is not None
    if condition.attributes is not None:
        unknown = replace(
            condition, attributes=condition.attributes + torch.tensor([3] + [0] * (len(condition.attributes[0]) - 1))
        )
        with pytest.raises(ValueError, match=r"unknown speaker \d: the model knows speaker 0 to 2"):
            model(tiny_levels(name), unknown)
    if condition.phones is not None:
        with pytest.raises(ValueError, match="unknown phone -1: the model knows phone 0 to 3"):
            model(tiny_levels(name), replace(condition, phones=torch.full_like(condition.phones, -1)))


@pytest.mark.parametrize(("name", "kind"), [(n, k) for n, k in CASES if CONDITIONS[k].has_local])
def test_frames_that_do_not_cover_the_timesteps_are_an_error(name: str, kind: str) -> None:
    hop = CONDITIONS[kind].hop
    model, short = tiny_model(name, kind), tiny_condition(kind, num_timesteps=12 - hop)
    expected = f"{12 // hop - 1} frames of {hop} timesteps make {12 - hop} timesteps, and the item has 12"
    with pytest.raises(ValueError, match=expected):
        model(tiny_levels(name), short)
    with pytest.raises(ValueError, match=expected):
        model.init_cache(3, short, (12,))


# Torch itself, in tracing one: we never do.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_a_conditional_network_is_compiled_in_one_piece() -> None:
    name, kind = "gated_pixelcnn grey", "global and planes"
    model, x, condition = tiny_model(name, kind), tiny_levels(name), tiny_condition(kind)
    compiled = torch.compile(model, backend="eager", fullgraph=True, dynamic=True)  # no size is taken for a constant
    torch.testing.assert_close(compiled(x, condition), model(x, condition), rtol=0, atol=1e-12)
