"""What an item is generated given: a global condition (one vector per item) and a local one (frames, or a map).

Axes: B batch, A attribute, V entry of a given vector, F frame, T timestep, P plane, H W, D embedding, C channel.

A global condition is a few named attributes (speaker, emotion, class label), each one of a known number of values, and
a vector that was made elsewhere (a speaker embedding). A waveform's local condition is a sequence of frames, each a
phone, a few real features (where the phone stands, F0, mel), or both; a frame covers `hop` timesteps. A picture's local
condition is a map of planes, each of whose cells covers `plane_factor` × `plane_factor` pixels.

An item may be drawn without its condition (`dropped`): nothing is added to any layer, and what is left is the
unconditional network that classifier-free guidance needs (Ho and Salimans 2022). Training drops some at random.
A map that is a part of the item itself, as the low-resolution picture in `multiscale.py`, is no condition of the whole
and stays.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

import torch
from torch import Tensor

Upsampling = Literal["repeat", "linear", "transposed"]


@dataclass(frozen=True)
class ConditionConfig:
    """What a model is conditioned on. Empty means unconditional.

    `attributes` maps each global attribute (speaker, emotion, label) to the number of its values, in order;
    `vector_size` > 0 is the length of a vector given beside them. `num_phones` > 0 or `num_features` > 0 turns the
    frames of a waveform on: a phone id, so many real features, `hop` timesteps a frame, brought to timesteps as
    `upsampling` says (`upsampling.py`; `upsampling_factors`, whose product is hop, are the strides of the learned
    one, one stage of `hop` where there are none). `num_planes` > 0 turns the map of a picture on; where
    `planes_of_item`, it is a part of the item itself, and `dropped` does not drop it.
    `channels` is D, the width of what is embedded.
    """

    attributes: Mapping[str, int] = field(default_factory=dict)
    num_phones: int = 0
    num_features: int = 0
    hop: int = 1
    channels: int = 32
    vector_size: int = 0
    upsampling: Upsampling = "repeat"
    upsampling_factors: tuple[int, ...] = ()
    num_planes: int = 0
    plane_factor: int = 1
    planes_of_item: bool = False

    def __post_init__(self) -> None:
        if min(self.hop, self.channels, self.plane_factor, *self.attributes.values(), *self.upsampling_factors) < 1:
            raise ValueError(
                "hop, channels, plane_factor, upsampling_factors and the number of each attribute's values must be at "
                f"least 1, got {self}"
            )
        if min(self.num_phones, self.num_features, self.vector_size, self.num_planes) < 0:
            raise ValueError(f"num_phones, num_features, vector_size and num_planes cannot be negative, got {self}")
        if self.upsampling_factors and math.prod(self.upsampling_factors) != self.hop:
            raise ValueError(
                f"the product of upsampling_factors must be the number of timesteps in a frame, {self.hop}, got "
                f"{list(self.upsampling_factors)}, which make {math.prod(self.upsampling_factors)}; give other "
                "factors, or frames of another length"
            )
        if self.upsampling_factors and self.upsampling != "transposed":
            raise ValueError(
                f"upsampling_factors are those of upsampling=transposed, got {list(self.upsampling_factors)} and "
                f"upsampling={self.upsampling}"
            )

    @property
    def has_global(self) -> bool:
        """Whether attributes or a vector of the item condition it."""
        return len(self.attributes) > 0 or self.vector_size > 0

    @property
    def has_local(self) -> bool:
        """Whether frames condition the timesteps under them."""
        return self.num_phones > 0 or self.num_features > 0

    @property
    def has_planes(self) -> bool:
        """Whether a map conditions the pixels under its cells."""
        return self.num_planes > 0

    @property
    def is_empty(self) -> bool:
        """Whether there is no condition at all."""
        return not (self.has_global or self.has_local or self.has_planes)


@dataclass(frozen=True)
class Condition:
    """A batch of conditions; a field that the model is not conditioned on is None.

    attributes  [B, A] int64, columns in the order of `ConditionConfig.attributes`
    phones      [B, F] int64
    features    [B, F, num_features] float
    vector      [B, vector_size] float
    planes      [B, num_planes, H / plane_factor, W / plane_factor] float
    dropped     [B] bool, true where the item is drawn without its condition; None for nowhere. It may be given whatever
                the model is conditioned on.
    """

    attributes: Tensor | None = None
    phones: Tensor | None = None
    features: Tensor | None = None
    vector: Tensor | None = None
    planes: Tensor | None = None
    dropped: Tensor | None = None

    def each(self, change: Callable[[Tensor], Tensor]) -> "Condition":
        """The same with `change` made to every field that is there."""
        values = (getattr(self, entry.name) for entry in fields(self))
        return Condition(*(None if value is None else change(value) for value in values))

    def to(self, device: torch.device | str) -> "Condition":
        """The same on another device."""
        return self.each(lambda value: value.to(device))

    def rows(self, chosen: Tensor) -> "Condition":
        """Those of some items of the batch: `chosen` is an index or a mask of axis B."""
        return self.each(lambda value: value[chosen])

    def frames(self, start: int, stop: int) -> "Condition":
        """The same with frames start to stop alone."""
        phones = None if self.phones is None else self.phones[:, start:stop]
        features = None if self.features is None else self.features[:, start:stop]
        return replace(self, phones=phones, features=features)

    @property
    def num_frames(self) -> int:
        """F; 0 where there are no frames."""
        frames = self.phones if self.phones is not None else self.features
        return 0 if frames is None else frames.shape[1]


def without_dropped(x: Tensor, dropped: Tensor | None) -> Tensor:
    """What a condition adds, x [B, ...], with zeros for the items that are drawn without theirs."""
    return x if dropped is None else x.masked_fill(dropped.reshape(-1, *[1] * (x.ndim - 1)), 0)


ANY_SIZE = -1
"""Stands in an expected shape for an axis of any size."""


def check_condition(config: ConditionConfig, condition: Condition | None, batch_size: int) -> Condition:
    """The condition, found to be what `config` asks for; ValueError says what is missing, unknown or misshapen."""
    given = condition or Condition()
    check_attributes(config, given, batch_size)
    check_frame_values(config, given, batch_size)
    check_field("vector", given.vector, config.vector_size > 0, (batch_size, config.vector_size))
    check_field("planes", given.planes, config.has_planes, (batch_size, config.num_planes, ANY_SIZE, ANY_SIZE))
    check_field("dropped", given.dropped, given.dropped is not None, (batch_size,))
    return given


def check_attributes(config: ConditionConfig, given: Condition, batch_size: int) -> Tensor | None:
    """The attributes [B, A], every value known; None where the model takes none."""
    check_field("attributes", given.attributes, len(config.attributes) > 0, (batch_size, len(config.attributes)))
    if given.attributes is not None:
        for column, (name, num_values) in enumerate(config.attributes.items()):
            check_known(name, given.attributes[:, column], num_values)
    return given.attributes


def check_frame_values(config: ConditionConfig, given: Condition, batch_size: int) -> None:
    """A ValueError unless phones and features are there as `config` says, in equally many frames."""
    check_field("phones", given.phones, config.num_phones > 0, (batch_size, ANY_SIZE))
    num_frames = ANY_SIZE if given.phones is None else given.phones.shape[1]
    check_field("features", given.features, config.num_features > 0, (batch_size, num_frames, config.num_features))
    if given.phones is not None:
        check_known("phone", given.phones, config.num_phones)


def check_field(name: str, value: Tensor | None, is_wanted: bool, shape: tuple[int, ...]) -> None:
    """A ValueError unless `value` is there exactly when it is wanted, and of this shape."""
    if value is None and is_wanted:
        raise ValueError(f"the model is conditioned on {name}, and none came: give {name} of shape {in_words(shape)}")
    if value is not None and not is_wanted:
        raise ValueError(f"the model is not conditioned on {name}, and some came: leave {name} out")
    if value is not None and not fits(tuple(value.shape), shape):
        raise ValueError(f"{name} must have shape {in_words(shape)}, got {tuple(value.shape)}")


def in_words(shape: tuple[int, ...]) -> str:
    """An expected shape as errors tell it."""
    return str(shape).replace(str(ANY_SIZE), "any")


def fits(shape: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    """Whether a shape is the expected one, ANY_SIZE meeting any."""
    # By ==, not by `in`: sizes that a compiled model leaves open are not found in a tuple.
    return len(shape) == len(expected) and all(s == w for s, w in zip(shape, expected, strict=True) if w != ANY_SIZE)


def check_known(name: str, values: Tensor, num_values: int) -> None:
    """A ValueError unless all values are among the num_values that the model knows.

    Looked at on the CPU alone, and not while a model is compiled. On a GPU a look at numbers waits for all that was
    asked of it before, at every call, and would cut a compiled model in two; there the lookup in the embedding refuses
    what is unknown, in other words.
    """
    if values.device.type != "cpu" or torch.compiler.is_compiling():
        return
    unknown = values[(values < 0) | (values >= num_values)]
    if unknown.numel():
        raise ValueError(f"unknown {name} {int(unknown[0])}: the model knows {name} 0 to {num_values - 1}")


def check_planes(planes: Tensor, factor: int, size: tuple[int, int]) -> None:
    """A ValueError unless the cells of planes [B, P, h, w] cover a picture of this height and width exactly."""
    cells = (planes.shape[2], planes.shape[3])
    if (cells[0] * factor, cells[1] * factor) != size:
        raise ValueError(
            f"planes of {cells[0]} × {cells[1]} cells of {factor} × {factor} pixels do not cover a picture of "
            f"{size[0]} × {size[1]} exactly"
        )


def check_frames(num_frames: int, hop: int, num_timesteps: int) -> None:
    """A ValueError unless the frames cover the timesteps exactly."""
    if num_frames * hop != num_timesteps:
        raise ValueError(
            f"{num_frames} frames of {hop} timesteps make {num_frames * hop} timesteps, and the item has "
            f"{num_timesteps}: pad or cut one of them, so that frames × hop = timesteps"
        )
