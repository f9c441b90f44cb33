"""One worker's part of a global batch, in as many batches as it is worked through in."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

from torch import Tensor

from pipeline.batches import Batch
from pipeline.training.index import Slot

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Part:
    """`slots` are the windows of the whole global batch of a step, `num_levels` the levels that it scores."""

    batches: Sequence[Batch]
    slots: list[Slot]
    num_levels: int


def pinned(part: Part) -> Part:
    """The same in memory that a GPU copies from by itself, while it and the processor do other things."""
    return replace(part, batches=[pinned_tensors(batch) for batch in part.batches])


def pinned_tensors(of: Any) -> Any:
    """A dataclass with all its tensors pinned, those of dataclasses within it too."""
    changed = {}
    for entry in fields(of):
        value = getattr(of, entry.name)
        if isinstance(value, Tensor):
            changed[entry.name] = value.pin_memory()
        elif is_dataclass(value):
            changed[entry.name] = pinned_tensors(value)
    return replace(of, **changed)


def chunks(of: Sequence[Entry], num_chunks: int) -> list[Sequence[Entry]]:
    """A sequence in so many stretches, as equal as they can be; some are empty where it is shorter."""
    edges = [len(of) * number // num_chunks for number in range(num_chunks + 1)]
    return [of[start:stop] for start, stop in pairwise(edges)]
