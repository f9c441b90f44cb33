"""Parts that are written in their places are joined without a copy, and have the gradients of a concatenation."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.layers.side_by_side import Part, SideBySide


class Doubled(torch.autograd.Function):
    """Twice a tensor, written in its place."""

    @staticmethod
    def forward(ctx: object, x: Tensor, room: Part) -> Tensor:
        return torch.mul(x, 2, out=room.tensor())

    @staticmethod
    def backward(ctx: object, of: Tensor) -> tuple[Tensor, None]:
        return 2 * of, None


doubled: Any = Doubled.apply


def given() -> list[Tensor]:
    return [torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True) for _ in range(4)]


def test_parts_in_their_places_are_the_whole_itself() -> None:
    parts = given()
    room = SideBySide(parts[0], 4, 3)
    written = [doubled(part, room.part(index)) for index, part in enumerate(parts)]
    joined = room.joined(written)
    assert joined.data_ptr() == written[0].data_ptr()
    assert torch.equal(joined, 2 * torch.cat(parts, -1))


def test_their_gradient_is_that_of_a_concatenation() -> None:
    def joined(*parts: Tensor) -> Tensor:
        room = SideBySide(parts[0], 4, 3)
        return room.joined([doubled(part, room.part(index)) for index, part in enumerate(parts)])

    assert torch.autograd.gradcheck(joined, given())


def test_a_part_that_lies_elsewhere_is_copied() -> None:
    parts = given()
    room = SideBySide(parts[0], 4, 3)
    written = [doubled(part, room.part(index)) for index, part in enumerate(parts[:3])]
    joined = room.joined([*written, parts[3]])
    assert torch.equal(joined, torch.cat([*(2 * part for part in parts[:3]), parts[3]], -1))
    in_turn = [doubled(part, room.part(index)) for index, part in enumerate(parts)]
    assert torch.equal(room.joined(in_turn[::-1]), 2 * torch.cat(parts[::-1], -1))


def test_no_memory_is_taken_where_nobody_writes() -> None:
    parts = given()
    room = SideBySide(parts[0], 4, 3)
    assert torch.equal(room.joined(parts), torch.cat(parts, -1))
    assert "whole" not in vars(room)


def test_a_layer_that_is_worked_out_again_writes_the_same() -> None:
    layers, x = [nn.Linear(3, 3).double() for _ in range(4)], given()[0]

    def outcome(*, again: bool) -> list[Tensor]:
        room = SideBySide(x, 4, 3)

        def part(index: int, layer: nn.Linear) -> Tensor:
            done: Tensor = doubled(layer(x).tanh(), room.part(index))
            return done.tanh() * done

        def whole(index: int, layer: nn.Linear) -> Tensor:
            done: Tensor = checkpoint(part, index, layer, use_reentrant=False) if again else part(index, layer)
            return done

        loss = torch.stack([whole(index, layer) for index, layer in enumerate(layers)]).sum()
        return [loss, *torch.autograd.grad(loss, [x, *(p for layer in layers for p in layer.parameters())])]

    for one, other in zip(outcome(again=True), outcome(again=False), strict=True):
        assert torch.equal(one, other)
