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

from models.autoregressive import Autoregressive, WaveformModel
from models.conditioning import Condition
from pipeline.conditions import Conditioning, stack_conditions
from pipeline.frames import Frames
from pipeline.shards.levels import unpack_levels
from pipeline.shards.schema import AudioConventions, ImageConventions


@dataclass(frozen=True)
class Batch:
    """x: levels [B, T] or [B, C, H, W] int64. scored: the same shape, true where the likelihood counts.

    dropout_keys: [B, 2] int64 while training, what the masks of dropout are made from (`models/layers/dropout.py`).
    """

    x: Tensor
    scored: Tensor
    condition: Condition | None
    dropout_keys: Tensor | None = None

    @property
    def num_scored(self) -> int:
        """How many levels count."""
        return int(self.scored.sum())


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of an item: timesteps [start, stop) are scored, [context_start, start) stand before them.

    `context_start` lies at a multiple of the model's `alignment`. It is 0, or at least a receptive
    field before `start`; so the parameters at every scored timestep are those that the whole item would give.
    The frames reach `margin` timesteps past `stop`.
    """

    context_start: int
    start: int
    stop: int
    margin: int = 0


@dataclass(frozen=True)
class Cut:
    """How items are cut: `window` timesteps are scored, the model's receptive field stands before them.

    What is cut begins at a multiple of `alignment`, the model's own: at a frame's edge, at that of a context's block.
    `margin` timesteps on either side bring the frames that those inside are interpolated with.
    """

    window: int
    receptive_field: int = 0
    alignment: int = 1
    margin: int = 0


def cut_windows(num_timesteps: int, cut: Cut) -> list[Window]:
    """Cut an item so that every timestep is scored exactly once."""
    windows = []
    for start in range(0, num_timesteps, cut.window):
        context = max(0, start - cut.receptive_field - cut.margin)
        stop = min(start + cut.window, num_timesteps)
        windows.append(Window(context - context % cut.alignment, start, stop, cut.margin))
    return windows


def cut_for(model: Autoregressive, window: int) -> Cut:
    """How a model's items are cut, where they are: pictures stay whole."""
    if not isinstance(model, WaveformModel):
        return Cut(window)
    return Cut(window, model.receptive_field, model.alignment, model.margin)


def silence_level(conventions: AudioConventions) -> int:
    """The level that stands for zero: what padding is filled with."""
    return conventions.num_levels // 2


def audio_batch(
    rows: Sequence[Mapping[str, Any]],
    windows: Sequence[Window],
    conventions: AudioConventions,
    conditioning: Conditioning,
) -> Batch:
    """One window of each row, padded with silence to the longest; what is padded is not scored.

    `conventions` are those of the dataset that the rows are from: they say how far apart its values of F0 stand.
    """
    hop = conditioning.hop
    num_frames = max(math.ceil((window.stop + window.margin - window.context_start) / hop) for window in windows)
    x = np.full((len(rows), num_frames * hop), silence_level(conventions), np.int64)
    scored = np.zeros(x.shape, bool)
    attributes, frames = [], []
    for lane, (row, window) in enumerate(zip(rows, windows, strict=True)):
        levels = unpack_levels(row["levels"], conventions.num_levels)[window.context_start : window.stop]
        x[lane, : len(levels)] = levels
        scored[lane, window.start - window.context_start : len(levels)] = True
        attributes.append(conditioning.attribute_ids(row, row["item_id"]))
        if conditioning.has_local:
            first = window.context_start // hop
            frames.append(window_frames(row, range(first, first + num_frames), conventions, conditioning))
    condition = stack_conditions(conditioning, attributes, frames)
    return Batch(torch.from_numpy(x), torch.from_numpy(scored), condition)


def window_frames(
    row: Mapping[str, Any], span: range, conventions: AudioConventions, conditioning: Conditioning
) -> Frames:
    """The frames under a window; past the item's end its last one is repeated."""
    there = range(span.start, min(span.stop, conditioning.num_frames(row)))
    return conditioning.frames_in(there, row, conventions, row["item_id"]).padded(len(span))


def image_batch(rows: Sequence[Mapping[str, Any]], conventions: ImageConventions, conditioning: Conditioning) -> Batch:
    """Images as [B, C, H, W]; every level is scored."""
    x = torch.from_numpy(np.stack([image_levels(row["levels"], conventions) for row in rows]).astype(np.int64))
    attributes = [conditioning.attribute_ids(row, row["item_id"]) for row in rows]
    return Batch(x, torch.ones(x.shape, dtype=torch.bool), stack_conditions(conditioning, attributes, []))


def image_levels(data: bytes, conventions: ImageConventions) -> npt.NDArray[np.uint8]:
    """A row's bytes (row, column, channel) as [C, H, W]."""
    shape = (conventions.height, conventions.width, conventions.channels)
    return np.frombuffer(data, np.uint8).reshape(shape).transpose(2, 0, 1)
