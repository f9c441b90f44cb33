"""Rows to tensors: windows of audio with their left context, images, and what they are conditioned on.

Axes: B batch, T timestep, F frame, C channel, H W.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.conditioning import Condition
from pipeline.conditions import Conditioning, Frames, stack_conditions
from pipeline.errors import DatasetError
from pipeline.shards.schema import AudioConventions, Conventions, ImageConventions


@dataclass(frozen=True)
class Batch:
    """x: levels [B, T] or [B, C, H, W] int64. scored: the same shape, true where the likelihood counts."""

    x: Tensor
    scored: Tensor
    condition: Condition | None

    @property
    def num_scored(self) -> int:
        """How many levels count."""
        return int(self.scored.sum())


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of an item: timesteps [start, stop) are scored, [context_start, start) stand before them.

    `context_start` lies at a frame's edge. It is 0, or at least a receptive field before `start`; so the parameters at
    every scored timestep are those that the whole item would give.
    """

    context_start: int
    start: int
    stop: int


def cut_windows(num_timesteps: int, window: int, receptive_field: int, hop: int = 1) -> list[Window]:
    """Cut an item so that every timestep is scored exactly once."""
    windows = []
    for start in range(0, num_timesteps, window):
        context = max(0, start - receptive_field)
        windows.append(Window(context - context % hop, start, min(start + window, num_timesteps)))
    return windows


def silence_level(conventions: AudioConventions) -> int:
    """The level that stands for zero: what padding is filled with."""
    return conventions.num_levels // 2


def audio_batch(
    rows: Sequence[Mapping[str, Any]],
    windows: Sequence[Window],
    conventions: AudioConventions,
    conditioning: Conditioning,
) -> Batch:
    """One window of each row, padded with silence to the longest; what is padded is not scored."""
    hop = conditioning.hop
    num_frames = max(math.ceil((window.stop - window.context_start) / hop) for window in windows)
    x = np.full((len(rows), num_frames * hop), silence_level(conventions), np.int64)
    scored = np.zeros(x.shape, bool)
    attributes, frames = [], []
    for lane, (row, window) in enumerate(zip(rows, windows, strict=True)):
        levels = np.frombuffer(row["levels"], np.uint8)[window.context_start : window.stop]
        x[lane, : len(levels)] = levels
        scored[lane, window.start - window.context_start : len(levels)] = True
        attributes.append(conditioning.attribute_ids(row, row["item_id"]))
        if conditioning.has_local:
            frames.append(window_frames(row, window, conditioning, num_frames))
    condition = stack_conditions(conditioning, attributes, frames)
    return Batch(torch.from_numpy(x), torch.from_numpy(scored), condition)


def window_frames(row: Mapping[str, Any], window: Window, conditioning: Conditioning, num_frames: int) -> Frames:
    """The frames under a window."""
    whole = conditioning.frames(
        row["phone"] or (), row["phone_start"] or (), row["phone_end"] or (), row["num_timesteps"], row["item_id"]
    )
    first = window.context_start // conditioning.hop
    return whole.cut(first, first + num_frames).padded(num_frames)


def image_batch(rows: Sequence[Mapping[str, Any]], conventions: ImageConventions, conditioning: Conditioning) -> Batch:
    """Images as [B, C, H, W]; every level is scored."""
    x = torch.from_numpy(np.stack([image_levels(row["levels"], conventions) for row in rows]).astype(np.int64))
    attributes = [conditioning.attribute_ids(row, row["item_id"]) for row in rows]
    return Batch(x, torch.ones(x.shape, dtype=torch.bool), stack_conditions(conditioning, attributes, []))


def image_levels(data: bytes, conventions: ImageConventions) -> npt.NDArray[np.uint8]:
    """A row's bytes (row, column, channel) as [C, H, W]."""
    shape = (conventions.height, conventions.width, conventions.channels)
    return np.frombuffer(data, np.uint8).reshape(shape).transpose(2, 0, 1)


def conditioning_of(
    conventions: Conventions,
    vocabularies: Mapping[str, Sequence[str]],
    condition_on: Sequence[str],
    frame_period_s: float,
) -> Conditioning:
    """The conditioning that a dataset offers, for the columns asked for (attributes, and `phones`)."""
    attributes = {}
    for name in condition_on:
        column = "phone" if name == "phones" else name
        if not vocabularies.get(column):
            offered = ", ".join(sorted(key + "s" * (key == "phone") for key, values in vocabularies.items() if values))
            raise DatasetError(
                f"condition_on asks for {name}, which no row has; this dataset offers: {offered or 'nothing'}."
            )
        if name != "phones":
            attributes[name] = tuple(sorted(vocabularies[name]))
    if "phones" not in condition_on or not isinstance(conventions, AudioConventions):
        return Conditioning(attributes)
    return Conditioning(attributes, tuple(sorted(vocabularies["phone"])), hop_of(conventions, frame_period_s))


def hop_of(conventions: AudioConventions, frame_period_s: float) -> int:
    """Timesteps a frame; the period must be a whole number of them."""
    hop = round(frame_period_s * conventions.sample_rate_hz)
    if hop < 1 or abs(hop - frame_period_s * conventions.sample_rate_hz) > 1e-6:
        raise DatasetError(
            f"frame_period_s {frame_period_s} at {conventions.sample_rate_hz} Hz is no whole number of timesteps; "
            "choose one that is, such as 0.005."
        )
    return hop
