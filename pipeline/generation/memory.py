"""Whether the lanes that are asked for fit into this machine's memory, said before any of them is made."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch

from models.sampling.gpu import gpu_bytes_that_can_be_had, gpu_lane_bytes
from models.sampling.memory import lane_bytes
from pipeline.errors import ConfigError
from pipeline.generation.config import GenerateConfig
from pipeline.model_folder import ExportedModel

MEMORY = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")
"""The memory that a container may have stands here, on Linux."""

LANES_AT_A_TIME = 8

COPIES = 4
"""Of a lane, while a snapshot is taken: itself, its state, and that as bytes and as a file."""


def require_memory(
    exported: ExportedModel, config: GenerateConfig, num_items: int, shape: tuple[int, ...], *, by_kernel: bool
) -> None:
    """A ConfigError unless so many items of up to `shape` fit side by side; it names the number of lanes that would."""
    if config.device == "cuda":
        if by_kernel:
            require_gpu_memory(exported, config, shape)
        return
    if (available := available_bytes()) is None:
        return
    share = available // min(config.num_actors, os.cpu_count() or 1)
    num_lanes = min(config.num_lanes, num_items) if by_kernel else config.num_lanes
    one = COPIES * measured(exported.model, shape, getattr(torch, config.precision) if by_kernel else None)
    require_room(num_lanes, one, share, "this machine's memory")


def require_gpu_memory(exported: ExportedModel, config: GenerateConfig, shape: tuple[int, ...]) -> None:
    """The same of a GPU, whose kernels always compute all lanes; actors that share it have each a part."""
    weights = sum(weight.numel() * weight.element_size() for weight in exported.model.parameters())
    share = int((gpu_bytes_that_can_be_had() - 2 * weights) * min(1.0, config.gpus_per_actor))  # theirs, and packed
    one = measured_on_gpu(exported.model, shape, config.precision)
    require_room(config.num_lanes, one, share, "the GPU's memory")


def require_room(num_lanes: int, one: int, share: int, of_what: str) -> None:
    """A ConfigError unless lanes of so many bytes fit into the share that an actor has."""
    if num_lanes * one <= share:
        return
    most = share // one // LANES_AT_A_TIME * LANES_AT_A_TIME
    remedy = f"set num_lanes={most}" if most > 0 else "ask for shorter items, or give num_actors=1"
    raise ConfigError(
        f"{num_lanes} lanes of {one / 2**20:,.1f} MiB take {num_lanes * one / 2**30:,.1f} GiB, and an actor has "
        f"{share / 2**30:,.1f} GiB of {of_what}, room for {max(share // one, 0)}: {remedy}."
    )


@lru_cache(maxsize=64)
def measured_on_gpu(model: torch.nn.Module, shape: tuple[int, ...], precision: Literal["float32", "bfloat16"]) -> int:
    """`gpu_lane_bytes`, once for each length."""
    return gpu_lane_bytes(model, shape, precision)  # type: ignore[arg-type]


@lru_cache(maxsize=64)
def measured(model: torch.nn.Module, shape: tuple[int, ...], dtype: torch.dtype | None) -> int:
    """`lane_bytes`, once for each length: shards have many items of the same."""
    return lane_bytes(model, shape, dtype)  # type: ignore[arg-type]


def available_bytes() -> int | None:
    """Memory that can still be had, of this machine or of this container; None where nothing tells of it."""
    if not MEMORY.is_file():
        return None
    lines = dict(line.split(":") for line in MEMORY.read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) * 1024
    try:
        limit, used = ((GROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return free
    return free if limit == "max" else min(free, int(limit) - int(used))
