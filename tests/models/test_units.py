"""The parts of a model that training shards and recomputes one at a time: what FSDP and recomputation rely on."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.autoregressive import Autoregressive
from models.linear_ar import LinearAR
from tests.models.tiny import CASES, tiny_condition, tiny_levels, tiny_model

cases = pytest.mark.parametrize(("name", "kind"), CASES)


def loss_of(model: Autoregressive, name: str, kind: str) -> Tensor:
    x = tiny_levels(name)
    return model.nll_nats(x, tiny_condition(kind, size=(x.shape[-2], x.shape[-1]))).sum()


@cases
def test_no_unit_lies_within_another_and_together_they_hold_most_weights(name: str, kind: str) -> None:
    model = tiny_model(name, kind)
    parts = list(model.units())
    inside = [id(module) for unit in parts for module in unit.modules()]
    assert len(inside) == len(set(inside))
    assert set(inside) < {id(module) for module in model.modules()} or isinstance(model, LinearAR)
    held = sum(parameter.numel() for unit in parts for parameter in unit.parameters())
    assert held > 0 or isinstance(model, LinearAR)


@cases
def test_the_weights_of_a_unit_are_used_by_its_own_forward_alone(name: str, kind: str) -> None:
    """Weights are there while a unit's forward runs, and are no numbers before and after, as when they are sharded."""
    model = tiny_model(name, kind)
    with torch.no_grad():
        expected = loss_of(model, name, kind)
    called: set[nn.Module] = set()
    for unit in model.units():
        take_away(unit, called.add)
    with torch.no_grad():
        assert torch.equal(loss_of(model, name, kind), expected)
    assert called == set(model.units())


def take_away(unit: nn.Module, note: Callable[[nn.Module], None]) -> None:
    weights = {parameter: parameter.detach().clone() for parameter in unit.parameters()}

    def spoil(*_: Any) -> None:
        for parameter in weights:
            parameter.data.fill_(torch.nan)

    def give_back(*_: Any) -> None:
        note(unit)
        for parameter, weight in weights.items():
            parameter.data.copy_(weight)

    spoil()
    unit.register_forward_pre_hook(give_back)
    unit.register_forward_hook(spoil)
