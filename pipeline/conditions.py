"""Names to numbers: how speakers, emotions, labels and timed phones become the condition that a model sees.

Axes: B batch, A attribute, F frame. A frame is `hop` timesteps; frame f covers [f·hop, (f+1)·hop).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.conditioning import Condition, ConditionConfig
from pipeline.errors import RequestError

NUM_FEATURES = 2
"""Real features of a frame: where in its phone it lies, in [-1, 1], and the phone's log duration."""


@dataclass(frozen=True)
class Conditioning:
    """The vocabularies that a model was trained with; saved beside it, so that names keep their numbers.

    attributes: name → its values in order. phones: the inventory, empty for no local condition.
    hop: timesteps a frame (frame period × sample rate), 1 where there is no local condition.
    """

    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    phones: tuple[str, ...] = ()
    hop: int = 1

    @property
    def has_local(self) -> bool:
        """Whether frames of phones condition the timesteps."""
        return bool(self.phones)

    def model_config(self, channels: int) -> ConditionConfig:
        """What the model needs to know of it: how many of each."""
        sizes = {name: len(values) for name, values in self.attributes.items()}
        features = NUM_FEATURES if self.phones else 0
        return ConditionConfig(sizes, len(self.phones), features, self.hop, channels)

    def attribute_ids(self, values: Mapping[str, Any], where: str) -> npt.NDArray[np.int64]:
        """The numbers of an item's attributes, [A]; an unknown or missing value is an error that lists the known."""
        return np.array([self._attribute_id(name, values.get(name), where) for name in self.attributes], np.int64)

    def _attribute_id(self, name: str, value: Any, where: str) -> int:
        known = self.attributes[name]
        if value in known:
            return known.index(value)
        came = f"{name} {value!r}" if value else f"no {name}"
        shown = ", ".join(known[:20]) + (f", ... ({len(known)} in all)" if len(known) > 20 else "")
        raise RequestError(f"{where}: {came}; this model knows these values of {name}: {shown}.")

    def frames(
        self, phones: Sequence[str], starts: Sequence[int], ends: Sequence[int], num_timesteps: int, where: str
    ) -> "Frames":
        """The local condition of an item whose phones cover it: each frame takes the phone at its centre."""
        if not phones:
            raise RequestError(f"{where}: no phones; this model needs them. Give phones with times, or text.")
        numbers = np.array([self._phone_id(phone, where) for phone in phones], np.int64)
        begin, end = np.asarray(starts, np.int64), np.asarray(ends, np.int64)
        centres = np.arange(math.ceil(num_timesteps / self.hop)) * self.hop + self.hop / 2
        which = np.clip(np.searchsorted(end, centres, side="right"), 0, len(numbers) - 1)
        length = np.maximum(end - begin, 1)[which]
        position = np.clip((centres - begin[which]) / length, 0, 1) * 2 - 1
        # About ±1 for durations from 20 ms to 300 ms at a 5 ms frame, so that it weighs as much as the position does.
        duration = (np.log(length / self.hop) - 2.7) / 1.4
        return Frames(numbers[which], np.stack([position, duration], axis=1).astype(np.float32))

    def _phone_id(self, phone: str, where: str) -> int:
        try:
            return self.phones.index(phone)
        except ValueError:
            known = " ".join(self.phones)
            raise RequestError(f"{where}: unknown phone {phone!r}; this model knows: {known}.") from None


@dataclass(frozen=True)
class Frames:
    """The local condition of one item: phones [F] int64, features [F, NUM_FEATURES] float32."""

    phones: npt.NDArray[np.int64]
    features: npt.NDArray[np.float32]

    def cut(self, start: int, stop: int) -> "Frames":
        """Frames [start, stop)."""
        return Frames(self.phones[start:stop], self.features[start:stop])

    def padded(self, num_frames: int) -> "Frames":
        """The same, its last frame repeated up to `num_frames`; what stands there is never scored."""
        missing = num_frames - len(self.phones)
        phones = np.pad(self.phones, (0, missing), mode="edge")
        return Frames(phones, np.pad(self.features, ((0, missing), (0, 0)), mode="edge"))


def stack_conditions(
    conditioning: Conditioning, attributes: Sequence[npt.NDArray[np.int64]], frames: Sequence[Frames]
) -> Condition | None:
    """A batch's condition from its items'; `frames` (all of one length) is empty where there is no local condition."""
    if not conditioning.attributes and not conditioning.has_local:
        return None
    ids = torch.from_numpy(np.stack(attributes)) if conditioning.attributes else None
    if not conditioning.has_local:
        return Condition(ids)
    phones = torch.from_numpy(np.stack([item.phones for item in frames]))
    return Condition(ids, phones, torch.from_numpy(np.stack([item.features for item in frames])))
