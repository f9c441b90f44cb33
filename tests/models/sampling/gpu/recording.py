"""What a CUDA graph does, on the CPU: operations are noted once with the tensors that they look at, and run again.

As in a graph, numbers that Python had while it was noted stay what they were, results are written where they were then,
and looking at a tensor's number is an error.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

LOOKS_AT_A_NUMBER = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default}


class Noting(TorchDispatchMode):
    """Runs operations and notes them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.noted: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in LOOKS_AT_A_NUMBER:
            raise RuntimeError("operation not permitted when stream is capturing\nmore lines")
        result = func(*args, **(kwargs or {}))
        self.noted.append((func, args, kwargs or {}, result))
        return result

    def replay(self) -> None:
        for func, args, kwargs, result in self.noted:
            for old, new in zip(tree_leaves(result), tree_leaves(func(*args, **kwargs)), strict=True):
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                    written_once(old, old).copy_(written_once(old, new))


def written_once(like: Tensor, x: Tensor) -> Tensor:
    """A tensor without the repetitions that another one looks at its memory with."""
    for axis, stride in enumerate(like.stride()):
        x = x.narrow(axis, 0, 1) if stride == 0 and like.shape[axis] else x
    return x


class Recording:
    """A `Capture`."""

    def __init__(self) -> None:
        self.num_captured = 0

    def warm_up(self, body: Callable[[], None]) -> None:
        body()

    def __call__(self, body: Callable[[], None]) -> Callable[[], None]:
        self.num_captured += 1
        noting = Noting()
        with noting:
            body()
        return noting.replay
