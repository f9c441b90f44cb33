"""Names to numbers: how speakers, emotions, labels and what is said become the condition that a model sees.

Axes: B batch, A attribute, F frame. What the features of a frame are stands in `pipeline/frames.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.conditioning import Condition, ConditionConfig, Upsampling
from pipeline.errors import RequestError
from pipeline.frames import (
    F0_COLUMNS,
    LINGUISTIC_COLUMNS,
    NUM_F0_FEATURES,
    NUM_PHONE_FEATURES,
    PHONE_COLUMNS,
    Frames,
    Row,
    f0_features,
    frame_centres,
    linguistic_features,
    phone_at,
    phone_features,
)
from pipeline.shards.schema import AudioConventions


@dataclass(frozen=True)
class Conditioning:
    """All that turns a row into the condition that a model was trained with; saved beside it, so that names keep their
    numbers and features their scale whatever dataset the model meets later.

    attributes: name → its values in order. phones: the inventory, empty for no local condition.
    hop: timesteps a frame (frame period × sample rate), 1 where there is no local condition.
    linguistic: the columns whose features follow those of the phones, in order; empty for none. f0: whether log F0 and
    voicing come last. f0_centre, f0_spread: ln Hz; by default 148 Hz is 0, 90 Hz is -1 and 245 Hz is 1.
    """

    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    phones: tuple[str, ...] = ()
    hop: int = 1
    linguistic: tuple[str, ...] = ()
    f0: bool = False
    f0_centre: float = 5.0
    f0_spread: float = 0.5

    def __post_init__(self) -> None:
        if (self.linguistic or self.f0) and not self.phones:
            raise ValueError("linguistic features and F0 need phones beside them")
        if unknown := set(self.linguistic) - set(LINGUISTIC_COLUMNS):
            raise ValueError(f"unknown linguistic features {', '.join(sorted(unknown))}")

    @property
    def has_local(self) -> bool:
        """Whether frames of phones condition the timesteps."""
        return bool(self.phones)

    @property
    def num_features(self) -> int:
        """Real features of a frame."""
        return (NUM_PHONE_FEATURES if self.phones else 0) + len(self.linguistic) + NUM_F0_FEATURES * self.f0

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Each condition, as `training.condition_on` names it → the columns of a row that it is made of."""
        local = {"phones": PHONE_COLUMNS, "linguistic": self.linguistic, "f0": F0_COLUMNS}
        chosen = {"phones": self.has_local, "linguistic": bool(self.linguistic), "f0": self.f0}
        return {name: (name,) for name in self.attributes} | {
            name: columns for name, columns in local.items() if chosen[name]
        }

    def model_config(
        self, channels: int, upsampling: Upsampling = "repeat", factors: tuple[int, ...] = ()
    ) -> ConditionConfig:
        """What the model needs to know of it: how many of each; and how frames are brought to timesteps."""
        return ConditionConfig(
            attributes={name: len(values) for name, values in self.attributes.items()},
            num_phones=len(self.phones),
            num_features=self.num_features,
            hop=self.hop,
            channels=channels,
            upsampling=upsampling,
            upsampling_factors=factors,
        )

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

    def frames(self, row: Row, conventions: AudioConventions, where: str) -> Frames:
        """The local condition of an item, whole; `row` has the columns of `columns` and its num_timesteps."""
        return self.frames_in(range(self.num_frames(row)), row, conventions, where)

    def num_frames(self, row: Row) -> int:
        """Frames that cover an item."""
        return -(-int(row["num_timesteps"]) // self.hop)

    def frames_in(self, span: range, row: Row, conventions: AudioConventions, where: str) -> Frames:
        """Those of an item's frames; a RequestError says what the row lacks, or which phone is unknown."""
        numbers = self._phone_ids(row.get("phone"), where)
        centres = frame_centres(span, self.hop)
        starts, ends = np.asarray(row["phone_start"], np.int64), np.asarray(row["phone_end"], np.int64)
        which = phone_at(ends, centres)
        features = [phone_features(starts[which], ends[which], centres, self.hop)]
        if self.linguistic:
            features.append(linguistic_features(row, self.linguistic, where)[which])
        if self.f0:
            places = centres / (conventions.features.frame_period_s * conventions.sample_rate_hz)
            features.append(f0_features(row, places, self.f0_centre, self.f0_spread, where))
        return Frames(numbers[which], np.concatenate(features, axis=1))

    def _phone_ids(self, phones: Sequence[str] | None, where: str) -> npt.NDArray[np.int64]:
        if not phones:
            raise RequestError(f"{where}: no phones; this model needs them. Give phones with times, or text.")
        try:
            return np.array([self._id_of_phone[phone] for phone in phones], np.int64)
        except KeyError as error:
            known = " ".join(self.phones)
            raise RequestError(f"{where}: unknown phone {error.args[0]!r}; this model knows: {known}.") from None

    @cached_property
    def _id_of_phone(self) -> dict[str, int]:
        return {phone: number for number, phone in enumerate(self.phones)}


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
