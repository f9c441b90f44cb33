"""What an item is generated given: a global condition (one vector per item) and a local one (a sequence).

Axes: B batch, A attribute, F frame, T timestep, D embedding, C channel.

A global condition is a few named attributes (speaker, emotion, class label), each one of a known number of values. A
local condition is a sequence of frames, each a phone and a few real features; every frame lasts `hop` timesteps and
holds for all of them: upsampling is repetition (WaveNet, section 2.5).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class ConditionConfig:
    """What a model is conditioned on. Empty means unconditional.

    `attributes` maps each global attribute (speaker, emotion, label) to the number of its values, in order.
    `num_phones` > 0 turns the local condition on: one phone id and `num_features` real features per frame,
    `hop` timesteps a frame.
    """

    attributes: Mapping[str, int] = field(default_factory=dict)
    num_phones: int = 0
    num_features: int = 0
    hop: int = 1
    channels: int = 32

    def __post_init__(self) -> None:
        if min(self.hop, self.channels, *self.attributes.values()) < 1:
            raise ValueError(f"hop, channels and the number of each attribute's values must be at least 1, got {self}")
        if min(self.num_phones, self.num_features) < 0 or (self.num_features and not self.num_phones):
            raise ValueError(f"num_features needs num_phones > 0, and neither is negative, got {self}")

    @property
    def has_global(self) -> bool:
        """Whether attributes of the item condition it."""
        return len(self.attributes) > 0

    @property
    def has_local(self) -> bool:
        """Whether frames condition the timesteps under them."""
        return self.num_phones > 0


@dataclass(frozen=True)
class Condition:
    """A batch of conditions: attributes [B, A] int64; phones [B, F] int64; features [B, F, num_features] float.

    The columns of `attributes` follow the order of `ConditionConfig.attributes`. A field that the model is not
    conditioned on is None.
    """

    attributes: Tensor | None = None
    phones: Tensor | None = None
    features: Tensor | None = None

    def to(self, device: torch.device | str) -> "Condition":
        """The same on another device."""
        moved = (None if t is None else t.to(device) for t in (self.attributes, self.phones, self.features))
        return Condition(*moved)


ANY_SIZE = -1
"""Stands in an expected shape for an axis of any size."""


def check_condition(config: ConditionConfig, condition: Condition | None, batch_size: int) -> Condition:
    """The condition, found to be what `config` asks for; ValueError says what is missing, unknown or misshapen."""
    given = condition or Condition()
    check_attributes(config, given, batch_size)
    check_frame_values(config, given, batch_size)
    return given


def check_attributes(config: ConditionConfig, given: Condition, batch_size: int) -> Tensor | None:
    """The attributes [B, A], every value known; None where the model takes none."""
    check_field("attributes", given.attributes, config.has_global, (batch_size, len(config.attributes)))
    if given.attributes is not None:
        for column, (name, num_values) in enumerate(config.attributes.items()):
            check_known(name, given.attributes[:, column], num_values)
    return given.attributes


def check_frame_values(config: ConditionConfig, given: Condition, batch_size: int) -> None:
    """A ValueError unless phones and features are there as `config` says, in equally many frames."""
    check_field("phones", given.phones, config.has_local, (batch_size, ANY_SIZE))
    num_frames = ANY_SIZE if given.phones is None else given.phones.shape[1]
    check_field("features", given.features, config.num_features > 0, (batch_size, num_frames, config.num_features))
    if given.phones is not None:
        check_known("phone", given.phones, config.num_phones)


def check_field(name: str, value: Tensor | None, is_wanted: bool, shape: tuple[int, ...]) -> None:
    """A ValueError unless `value` is there exactly when it is wanted, and of this shape."""
    expected = str(shape).replace(str(ANY_SIZE), "any")
    if value is None and is_wanted:
        raise ValueError(f"the model is conditioned on {name}, and none came: give {name} of shape {expected}")
    if value is not None and not is_wanted:
        raise ValueError(f"the model is not conditioned on {name}, and some came: leave {name} out")
    if value is not None and not fits(tuple(value.shape), shape):
        raise ValueError(f"{name} must have shape {expected}, got {tuple(value.shape)}")


def fits(shape: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    """Whether a shape is the expected one, ANY_SIZE meeting any."""
    return len(shape) == len(expected) and all(w in (ANY_SIZE, s) for s, w in zip(shape, expected, strict=True))


def check_known(name: str, values: Tensor, num_values: int) -> None:
    """A ValueError unless all values are among the num_values that the model knows."""
    unknown = values[(values < 0) | (values >= num_values)]
    if unknown.numel():
        raise ValueError(f"unknown {name} {int(unknown[0])}: the model knows {name} 0 to {num_values - 1}")


def check_frames(num_frames: int, hop: int, num_timesteps: int) -> None:
    """A ValueError unless the frames cover the timesteps exactly."""
    if num_frames * hop != num_timesteps:
        raise ValueError(
            f"{num_frames} frames of {hop} timesteps make {num_frames * hop} timesteps, and the item has "
            f"{num_timesteps}: pad or cut one of them, so that frames × hop = timesteps"
        )


class GlobalEmbedding(nn.Module):
    """One vector for all attributes of an item: the sum of an embedding per attribute."""

    def __init__(self, attributes: Mapping[str, int], channels: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(num_values, channels) for num_values in attributes.values())

    def forward(self, attributes: Tensor) -> Tensor:
        """Attributes [B, A] int64, checked before, to [B, D]."""
        return torch.stack([table(attributes[:, column]) for column, table in enumerate(self.tables)]).sum(0)


class FrameEmbedding(nn.Module):
    """One vector per frame: the phone's embedding plus a linear map of the features."""

    def __init__(self, num_phones: int, num_features: int, channels: int) -> None:
        super().__init__()
        self.phones = nn.Embedding(num_phones, channels)
        self.features = nn.Linear(num_features, channels, bias=False) if num_features else None

    def forward(self, phones: Tensor, features: Tensor | None) -> Tensor:
        """Phones [B, F] int64 and features [B, F, num_features], checked before, to [B, F, D]."""
        vectors: Tensor = self.phones(phones)
        if self.features is not None and features is not None:
            vectors = vectors + self.features(features.to(vectors.dtype))
        return vectors
