"""Networks packed for the kernels, kept for the next items: packing takes as long as some draws."""

from collections.abc import Callable, Hashable
from typing import TypeVar
from weakref import WeakKeyDictionary

from torch import nn

Net = TypeVar("Net")

LAST_USED: "WeakKeyDictionary[nn.Module, tuple[Hashable, object]]" = WeakKeyDictionary()
"""Each model's network as it was last packed."""


def packed(model: nn.Module, shape: Hashable, make: Callable[[], Net]) -> Net:
    """The model's network for the kernels, of a `shape` that names all that it is made for.

    It is made anew where that is another, or where a weight has changed since: torch counts what is written to one.
    """
    if (weights := weights_as_they_are(model)) is None:
        return make()
    key = shape, weights
    if (known := LAST_USED.get(model)) is not None and known[0] == key:
        return known[1]  # type: ignore[return-value]
    net = make()
    LAST_USED[model] = key, net
    return net


def weights_as_they_are(model: nn.Module) -> Hashable:
    """What is another once a weight has been written to; None for weights of which nothing is counted."""
    if any(weight.is_inference() for weight in model.parameters()):
        return None
    return tuple((weight.data_ptr(), weight._version) for weight in model.parameters())
