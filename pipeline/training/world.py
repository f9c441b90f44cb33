"""The workers of a run: one alone, or many that add up what each has found."""

from typing import Any, Protocol, cast

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from models.autoregressive import Autoregressive


class World(Protocol):
    """What a worker knows of the others."""

    rank: int
    size: int
    device: torch.device

    def wrap(self, model: Autoregressive) -> nn.Module:
        """The model as it is called in training; its gradients are the mean over the workers."""

    def sum(self, values: list[float]) -> list[float]:
        """Sums over the workers, which all call this equally often. Exact to float64."""


class Alone:
    """A run in one process."""

    rank = 0
    size = 1

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)

    def wrap(self, model: Autoregressive) -> nn.Module:  # noqa: D102
        return model

    def sum(self, values: list[float]) -> list[float]:  # noqa: D102
        return values


class Distributed:
    """A run over the processes of torch's default process group, which stands already (gloo, or NCCL on GPUs)."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.rank: int = torch.distributed.get_rank()
        self.size: int = torch.distributed.get_world_size()
        self.device = torch.device(device)

    def wrap(self, model: Autoregressive) -> nn.Module:  # noqa: D102
        # The buffers are masks, the same on every worker from the start: as many numbers as weights, sent for nothing.
        return cast(nn.Module, DistributedDataParallel(model, forward_sync_buffers=False))

    def sum(self, values: list[float]) -> list[float]:  # noqa: D102
        total: Any = torch.tensor(values, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(total)
        return cast("list[float]", total.tolist())
