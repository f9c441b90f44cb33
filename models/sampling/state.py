"""The state of a sampler: all that it has drawn and goes on from, as plain named tensors.

A sampler's `state()` is a copy, taken between two spans. `restore` puts it into a sampler that was made anew from the
same model, requests and lanes, which then draws what the first one would have drawn, bit for bit. What follows from
those (packed weights, an item's conditions) is no part of it, nor is any address.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class State:
    """Tensors by name, on the CPU, and `facts` that can be written as JSON."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_parts(cls, facts: Mapping[str, Any], **parts: "State") -> "State":
        """Facts of its own, and the states of parts under their names."""
        tensors = {f"{name}.{key}": value for name, part in parts.items() for key, value in part.tensors.items()}
        return cls(tensors, {**facts, **{name: part.facts for name, part in parts.items()}})

    def part(self, name: str) -> "State":
        """A part's state again; KeyError where there is none."""
        begin = f"{name}."
        tensors = {key.removeprefix(begin): value for key, value in self.tensors.items() if key.startswith(begin)}
        return State(tensors, self.facts[name])


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}


def fill(tensors: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> None:
    """Write the saved numbers into these tensors, where they lie; ValueError where shapes or dtypes differ."""
    for name, tensor in tensors.items():
        if saved[name].shape != tensor.shape or saved[name].dtype != tensor.dtype:
            raise ValueError(
                f"{name} is {tuple(tensor.shape)} of {tensor.dtype}, and what was saved is "
                f"{tuple(saved[name].shape)} of {saved[name].dtype}"
            )
        tensor.copy_(saved[name])


def narrow(levels: Tensor) -> Tensor:
    """Levels in the fewest bytes that hold them: a state of long waveforms is mostly these."""
    return levels.to(torch.uint8 if not levels.numel() or int(levels.max()) < 2**8 else torch.int32)


def narrow_and_joined(parts: Sequence[Tensor]) -> Tensor:
    """Levels flat, one part after another."""
    most = max((int(part.max()) for part in parts if part.numel()), default=0)
    dtype = torch.uint8 if most < 2**8 else torch.int32
    return joined([part.to(dtype) for part in parts], dtype)


def joined(parts: Sequence[Tensor], like: torch.dtype) -> Tensor:
    """Tensors flat, one after another; an empty one of this dtype where there are none."""
    return torch.cat([part.flatten() for part in parts]) if parts else torch.empty(0, dtype=like)
