"""How fast a run would be on this machine: its own first shards are drawn for a few seconds, and nothing is written."""

import contextlib
import math
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import torch

from models.multiscale import Multiscale
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawing import shape_of
from pipeline.generation.drawn_rows import make_rows
from pipeline.generation.memory import measured, require_memory
from pipeline.generation.paths import why_not_by_kernel
from pipeline.generation.pictures_scales import lane_bytes_at
from pipeline.generation.plan import PlannedItem
from pipeline.model_folder import ExportedModel
from pipeline.peak import peak_of
from pipeline.shards.plan import ShardPlan
from pipeline.shards.schema import AudioConventions, Conventions
from pipeline.shards.writer import parquet_bytes


@dataclass(frozen=True)
class Probe:
    """What one process measured.

    levels_per_s: timesteps or pixel channels drawn, with all that a shard needs around it. bytes_per_level: of a
    finished shard, 0 where none was finished in time. lane_bytes: the memory of the longest item's lane.
    process_bytes: the most that the process had at a time, the model and all.
    levels_at_peak: what could be drawn in a second if all there were to it were the model's products. load_s: how long
    the model took to load and its weights to be packed.
    """

    levels_per_s: float
    bytes_per_level: float
    lane_bytes: int
    levels_at_peak: float
    load_s: float
    process_bytes: int = 0


class TimeIsUp(Exception):
    """The probe has lasted long enough."""


def probe(
    plans: Sequence[ShardPlan[PlannedItem]],
    exported: ExportedModel,
    config: GenerateConfig,
    seconds: float,
    longest: int = 0,
) -> Probe:
    """Draw these plans, one after the other and again, for so many seconds. ConfigError, ModelError.

    `longest`: timesteps of the longest item of the run, which may be in none of these plans; there must be room for it.
    """
    if longest:
        # In one lane of a kernel: how many like it are drawn at once, the plans here do not say.
        require_memory(exported, config, 1, (longest,), by_kernel=not why_not_by_kernel(exported, config))
    loading = time.perf_counter()
    draw_until(plans[0], exported, config, 0.0)
    begun = time.perf_counter()
    num_levels = num_bytes = num_of_bytes = 0
    for plan in cycle(plans):
        drawn, data = draw_until(plan, exported, config, begun + seconds)
        num_levels += drawn
        if not data:
            break
        num_bytes, num_of_bytes = num_bytes + len(data), num_of_bytes + drawn
    return Probe(
        levels_per_s=num_levels / (time.perf_counter() - begun),
        bytes_per_level=num_bytes / num_of_bytes if num_of_bytes else 0.0,
        lane_bytes=lane_bytes_of(plans, exported, config, longest),
        levels_at_peak=levels_at_peak(exported, config),
        load_s=begun - loading,
        process_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def draw_until(
    plan: ShardPlan[PlannedItem], exported: ExportedModel, config: GenerateConfig, until: float
) -> tuple[int, bytes]:
    """The levels drawn of a shard up to a time, and its bytes if it was finished by then; at least one span of it."""
    done = 0

    def told(num_levels: int) -> None:
        nonlocal done
        done = num_levels
        if time.perf_counter() > until:
            raise TimeIsUp

    with contextlib.suppress(TimeIsUp):
        rows, drawn = make_rows(plan.entries, exported, config, told)
        return sum(item.levels.numel() for item in drawn), parquet_bytes(rows, exported.info.conventions)
    return done, b""


def lane_bytes_of(
    plans: Sequence[ShardPlan[PlannedItem]], exported: ExportedModel, config: GenerateConfig, longest: int
) -> int:
    """The memory of the longest item's lane, of several scales the largest."""
    if isinstance(exported.model, Multiscale):
        return lane_bytes_at(exported, config)
    shape = (longest,) if longest else longest_shape(plans, exported)
    return measured(exported.model, shape, kernel_dtype(exported, config))


def longest_shape(plans: Sequence[ShardPlan[PlannedItem]], exported: ExportedModel) -> tuple[int, ...]:
    """The shape of the longest item."""
    shapes = [shape_of(item, exported.info) for plan in plans for item in plan.entries]
    return max(shapes, key=math.prod)


def kernel_dtype(exported: ExportedModel, config: GenerateConfig) -> torch.dtype | None:
    """The precision of the products of a CPU's kernel; None elsewhere."""
    is_elsewhere = config.device != "cpu" or why_not_by_kernel(exported, config)
    return None if is_elsewhere else getattr(torch, config.precision)


def levels_at_peak(exported: ExportedModel, config: GenerateConfig) -> float:
    """Levels a second that one process could draw if all there were to it were the products of the model."""
    device = next(exported.model.parameters()).device
    peak = peak_of(device, getattr(torch, config.precision))
    return peak / exported.model.flops_per_draw(nominal_shape(exported.info.conventions))


def nominal_shape(conventions: Conventions) -> tuple[int, ...]:
    """The shape of a picture; a second of a waveform, whose length hardly matters to what a draw takes."""
    if isinstance(conventions, AudioConventions):
        return (conventions.sample_rate_hz,)
    return conventions.channels, conventions.height, conventions.width
