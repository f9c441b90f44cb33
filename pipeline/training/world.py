"""The workers of a run: one alone, or many that add up what each has found."""

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal, Protocol, cast

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.nn.parallel import DistributedDataParallel

from models.autoregressive import Autoregressive

Parallel = Literal["ddp", "fsdp"]


class World(Protocol):
    """What a worker knows of the others."""

    rank: int
    size: int
    device: torch.device

    def shard(self, model: Autoregressive, *, trained: bool) -> bool:
        """Spread a model's weights over the workers, where that is how they work; whether it was done."""

    def wrap(self, model: Autoregressive) -> nn.Module:
        """The model as it is called in training; its gradients are the mean over the workers."""

    def unshared(self, network: nn.Module) -> AbstractContextManager[object]:
        """Inside, gradients are added up by each worker for itself; the next ones outside are shared with them."""

    def sum(self, values: list[float]) -> list[float]:
        """Sums over the workers, which all call this equally often. Exact to float64."""


class Alone:
    """A run in one process."""

    rank = 0
    size = 1

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)

    def shard(self, model: Autoregressive, *, trained: bool) -> bool:  # noqa: D102
        return False

    def wrap(self, model: Autoregressive) -> nn.Module:  # noqa: D102
        return model

    def unshared(self, network: nn.Module) -> AbstractContextManager[object]:  # noqa: D102
        return nullcontext()

    def sum(self, values: list[float]) -> list[float]:  # noqa: D102
        return values


class Distributed:
    """A run over the processes of torch's default process group, which stands already (gloo, or NCCL on GPUs).

    `parallel` is "ddp", where every worker holds all weights, or "fsdp", where each holds a part of each unit's, and
    whole ones only while it works with them. A model without units is small, and its weights are not spread.
    """

    def __init__(self, device: torch.device | str = "cpu", parallel: Parallel = "ddp") -> None:
        self.rank: int = torch.distributed.get_rank()
        self.size: int = torch.distributed.get_world_size()
        self.device, self.parallel = torch.device(device), parallel

    def shard(self, model: Autoregressive, *, trained: bool) -> bool:  # noqa: D102
        units = model.units()
        if self.parallel != "fsdp" or self.size == 1 or not units:
            return False
        mesh = init_device_mesh(self.device.type, (self.size,))
        for unit in units:
            fully_shard(unit, mesh=mesh)
        # The gradient needs the root's weights at once after the forward; where there is none they are let go.
        fully_shard(model, mesh=mesh, reshard_after_forward=not trained)
        return True

    def wrap(self, model: Autoregressive) -> nn.Module:  # noqa: D102
        if isinstance(model, FSDPModule):
            # Torch warns of views, which nobody may write into; nobody does.
            warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view", UserWarning)
            return model
        # The buffers are masks, the same on every worker from the start: as many numbers as weights, sent for nothing.
        return cast(nn.Module, DistributedDataParallel(model, forward_sync_buffers=False))

    def unshared(self, network: nn.Module) -> AbstractContextManager[object]:  # noqa: D102
        if isinstance(network, DistributedDataParallel):
            return network.no_sync()
        return unshared_fsdp(cast(Any, network))

    def sum(self, values: list[float]) -> list[float]:  # noqa: D102
        total: Any = torch.tensor(values, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(total)
        return cast("list[float]", total.tolist())


def adds_up_anew(network: nn.Module) -> bool:
    """Whether its first gradient is added up in another order than those that follow.

    DistributedDataParallel lays gradients out anew after its first one, in the order in which they came. Where they
    lie decides in which order three workers and more add them up; the sum of two knows no order.
    """
    return isinstance(network, DistributedDataParallel) and torch.distributed.get_world_size() > 2


@contextmanager
def unshared_fsdp(network: FSDPModule) -> Iterator[None]:
    """The same where weights are spread: gradients stay whole on every worker until they are shared."""
    network.set_requires_gradient_sync(False)
    try:
        yield
    finally:
        network.set_requires_gradient_sync(True)
