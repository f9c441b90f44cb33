"""Outputs of layers in one memory, where each layer writes its own: a concatenation that is none.

Axes: B batch, T timestep, L parts, H width of a part.
"""

from functools import cached_property
from typing import Any

import torch
from torch import Tensor


class SideBySide:
    """Room [B, T, L·H] for the outputs of so many layers, like x [B, T, R]; taken once a layer asks for it."""

    def __init__(self, x: Tensor, num_parts: int, width: int) -> None:
        self.width = width
        self.like, self.shape = x.detach(), (*x.shape[:2], num_parts * width)

    @cached_property
    def whole(self) -> Tensor:
        """The memory."""
        return self.like.new_empty(self.shape)

    def part(self, index: int) -> "Part":
        """A layer's part."""
        return Part(self, index)

    def joined(self, parts: list[Tensor]) -> Tensor:
        """All parts [B, T, H] side by side: copied, unless each was written in its place."""
        if not self.holds(parts):
            return torch.cat(parts, -1)
        return _Joined.apply(self, *parts)  # type: ignore[no-any-return, no-untyped-call]

    def holds(self, parts: list[Tensor]) -> bool:
        """Whether each was written in its place."""
        if "whole" not in vars(self):
            return False
        begin, step = self.whole.data_ptr(), self.width * self.whole.element_size()
        return all(part.data_ptr() == begin + index * step for index, part in enumerate(parts))


class Part:
    """Where a layer may write [B, T, H]. It is no tensor, so nobody casts it, moves it or takes a gradient of it."""

    def __init__(self, room: SideBySide, index: int) -> None:
        self.room, self.begin = room, index * room.width

    def tensor(self) -> Tensor:
        """The part's memory: no view, to autograd, of the whole."""
        whole = self.room.whole
        shape = (*whole.shape[:2], self.room.width)
        return whole.new_empty(0).set_(whole.untyped_storage(), self.begin, shape, whole.stride())


class _Joined(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, room: SideBySide, *parts: Tensor) -> Tensor:
        ctx.width = room.width
        return room.whole.detach()

    @staticmethod
    def backward(ctx: Any, of_whole: Tensor) -> tuple[Tensor | None, ...]:
        return None, *of_whole.split(ctx.width, -1)
