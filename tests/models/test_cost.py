"""What a draw is said to cost, against the products that `step` makes, counted operation by operation."""

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.drawn import conv
from models.linear_ar import LinearAR, LinearARConfig
from tests.models.contract_checks import stepped
from tests.models.tiny import TINY, tiny_condition, tiny_model

HEIGHT, WIDTH = 8, 4
"""Of pictures. What finished rows add to the one below is computed for one row less than there are."""

with_products = pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name, tiny in TINY.items()
        for kind in dict.fromkeys((*tiny.conditions[: name == tiny.model], tiny.conditions[-1]))
        if tiny.model != "linear_ar"
    ],
)
"""Every variant under one condition, the first one of each model also under none."""


def added_product(_: Any, left: list[int], right: list[int], **__: Any) -> int:
    """FLOPs of `addmm_`, which torch's counter overlooks, from the shapes of what is multiplied."""
    return 2 * left[0] * left[1] * right[1]


def flops_of_steps(name: str, kind: str, shape: tuple[int, ...]) -> int:
    """FLOPs of all matrix products and convolutions that one item takes, with those of its condition."""
    x = torch.zeros(1, *shape, dtype=torch.int64)
    condition = tiny_condition(kind, 1, size=(HEIGHT, WIDTH))
    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.addmm_: added_product}) as counter:
        stepped(tiny_model(name, kind), x, condition)
    return int(counter.get_total_flops())


@with_products
def test_a_draw_costs_what_is_said(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conv, "WHOLE_VECTORS", 1)  # columns of zeros that fill products up are no work
    shape = TINY[name].shape if len(TINY[name].shape) == 1 else (TINY[name].shape[0], HEIGHT, WIDTH)
    said = tiny_model(name, kind).flops_per_draw(shape) * torch.Size(shape).numel()
    # 1.02: linear interpolation embeds the first and the last frame once more.
    assert 1 - 1 / HEIGHT <= flops_of_steps(name, kind, shape) / said <= 1.02


def test_linear_autoregression_multiplies_once_for_each_coefficient() -> None:
    assert LinearAR(LinearARConfig(order=7)).flops_per_draw((100,)) == 2 * 7
