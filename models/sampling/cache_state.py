"""A model's cache as plain tensors, whatever it is made of: nested objects, lists, tensors that share memory.

A cache is described from its root down: what is plain as itself, a tensor by the memory that it looks at. Memory is
saved once, so tensors that are views of each other are so again. To restore it, a cache that has just begun is walked
along the description: objects stay those of the new cache, and get their numbers back. Nothing is made by name.

Weights are not saved, nor is what still is as it was after the first step (weights in another order, conditions).
"""

from collections.abc import Iterable
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor, nn

from models.sampling.state import State

Plain = int | float | str | None
"""With bool, which is an int."""

AS_BEGUN = (nn.Module, type, slice, FunctionType, MethodType, BuiltinFunctionType, torch.dtype, torch.device)
"""What stays as a cache begins with it."""


def cache_state(cache: Any, begun: Any, model: nn.Module) -> State:
    """The state of a cache; `begun` is one of the same lanes and conditions after its first step."""
    now, before = Walk(model), Walk(model)
    facts = now.described(cache)
    before.described(begun)
    return State(changed(now.blocks, before.blocks), {"cache": facts, "views": now.views})


def restored_cache(state: State, begun: Any, model: nn.Module) -> Any:
    """A cache as it was, made from one of the same lanes and conditions after its first step, which is given up."""
    before = Walk(model)
    before.described(begun)
    return Restoring(state, before).value(begun, state.facts["cache"])


class Walk:
    """A cache taken apart. `blocks`: memory as bytes; `views`: of each the tensors, as dtype, size, stride, offset."""

    def __init__(self, model: nn.Module) -> None:
        weights: Iterable[Tensor] = (*model.parameters(), *model.buffers())
        self.weights = {weight.untyped_storage().data_ptr() for weight in weights}
        self.met: set[int] = set()
        self.held: list[Any] = []  # so that no id is given to another object meanwhile
        self.numbers: dict[int, int] = {}
        self.blocks: list[Tensor] = []
        self.views: list[list[list[Any]]] = []

    def described(self, thing: Any) -> Any:
        """As JSON has it: a list whose first entry says what it is."""
        if isinstance(thing, Plain):
            return ["plain", thing]
        if isinstance(thing, Tensor):
            return self.tensor(thing)
        if isinstance(thing, AS_BEGUN) or id(thing) in self.met:
            return ["begun"]
        self.held.append(thing)
        if not isinstance(thing, tuple):
            self.met.add(id(thing))
        if isinstance(thing, list | tuple):
            return ["row", [self.described(value) for value in thing]]
        values = thing if isinstance(thing, dict) else vars(thing)
        return ["named", {name: self.described(value) for name, value in values.items()}]

    def tensor(self, tensor: Tensor) -> Any:
        """Which view of which memory it is."""
        storage = tensor.untyped_storage()
        if storage.nbytes() and storage.data_ptr() in self.weights:
            return ["begun"]
        self.held.append(tensor)
        key = storage.data_ptr() if storage.nbytes() else -1 - len(self.blocks)
        if key not in self.numbers:
            self.numbers[key] = len(self.blocks)
            self.blocks.append(torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(storage))
            self.views.append([])
        views = self.views[self.numbers[key]]
        views.append([str(tensor.dtype), [*tensor.shape], [*tensor.stride()], tensor.storage_offset()])
        return ["tensor", self.numbers[key], len(views) - 1]


def changed(blocks: list[Tensor], before: list[Tensor]) -> dict[str, Tensor]:
    """The blocks that are not what they were, by number."""
    return {
        str(number): block.to("cpu", copy=True)
        for number, block in enumerate(blocks)
        if number >= len(before) or not torch.equal(block, before[number])
    }


class Restoring:
    """A cache that has begun, led to what a state says."""

    def __init__(self, state: State, begun: Walk) -> None:
        self.views, self.blocks = state.facts["views"], dict(enumerate(begun.blocks))
        device = begun.blocks[0].device if begun.blocks else torch.device("cpu")
        self.blocks |= {int(name): block.to(device, copy=True) for name, block in state.tensors.items()}

    def value(self, begun: Any, described: list[Any]) -> Any:
        """What stands where `begun` does."""
        kind, *rest = described
        if kind == "plain":
            return rest[0]
        if kind == "tensor":
            return self.tensor(*rest)
        if kind == "row":
            return self.row(begun, rest[0])
        return self.named(begun, rest[0]) if kind == "named" else begun

    def tensor(self, block: int, view: int) -> Tensor:
        """A view of memory; RuntimeError where it looks past its end."""
        name, size, stride, offset = self.views[block][view]
        dtype = getattr(torch, name.removeprefix("torch."))
        if not isinstance(dtype, torch.dtype):
            raise ValueError(f"{name} is no dtype")
        return self.blocks[block].view(dtype).as_strided(size, stride, offset)

    def row(self, begun: Any, described: list[Any]) -> Any:
        """A list, which may have grown, or a tuple of the same kind."""
        beginnings = [*begun, *[None] * (len(described) - len(begun))]
        values = [self.value(*pair) for pair in zip(beginnings, described, strict=False)]
        if isinstance(begun, list):
            begun[:] = values
            return begun
        return type(begun)(*values) if hasattr(begun, "_fields") else tuple(values)

    def named(self, begun: Any, described: dict[str, Any]) -> Any:
        """A dict, or an object with its attributes; one that comes into being late is made by `begin_late`."""
        values = begun if isinstance(begun, dict) else vars(begun)
        for name, one in described.items():
            if one[0] == "named" and values[name] is None:
                begun.begin_late()
            values[name] = self.value(values[name], one) if one[0] != "plain" else one[1]
        return begun
