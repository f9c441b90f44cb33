"""The figures of a comparison, as they stand in an evaluation's page. What each means: `docs/metrics.md`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter


@dataclass(frozen=True)
class Distance:
    """One thing that was counted on both sides. `generated` and `real` are what it is there, in `unit`.

    For levels these are entropies, else means; `*_spread` are standard deviations. `distance` is between generated and
    real, `floor` between two halves of the real items (None where a half is empty). Over channels or bands all of them
    are means; `by_series` has the distance of each.
    """

    unit: str
    generated: float
    real: float
    distance: float
    floor: float | None
    generated_spread: float | None = None
    real_spread: float | None = None
    by_series: tuple[float, ...] = ()


@dataclass(frozen=True)
class Neighbour:
    """A generated item and the training item nearest to it."""

    item_id: str
    training_id: str
    distance: float


@dataclass(frozen=True)
class Memorisation:
    """Median distance to the nearest training item, of generated and of held-out real ones, in `unit`.

    nearer_share: how likely a generated item is nearer than a held-out one (0.5 is what to expect). copied_share: of
    items whose levels are those of a training item. nearest: the nearest ones of all.
    """

    unit: str
    generated: float
    real: float
    nearer_share: float
    generated_copied_share: float
    real_copied_share: float
    nearest: tuple[Neighbour, ...]


@dataclass(frozen=True)
class Diversity:
    """How different items are from each other: mean distance of all pairs, and how many have levels of their own."""

    unit: str
    num_generated: int
    num_real: int
    generated: float
    real: float
    generated_distinct_share: float
    real_distinct_share: float


@dataclass(frozen=True)
class ClassAccuracy:
    """What the classifier tells right of a class, or of all; None where there are no such items."""

    generated: float | None
    real: float | None
    num_generated: int
    num_real: int


@dataclass(frozen=True)
class Classification:
    """Of one attribute: over all items, and by class. `num_training_items` are what the classifier learned from."""

    num_training_items: int
    whole: ClassAccuracy
    by_class: Mapping[str, ClassAccuracy]


@dataclass(frozen=True)
class CopyFigures:
    """Over the frames of all pairs. F0's are None where it was not estimated, or no frame is voiced in both."""

    mel_cepstral_distortion_db: float | None
    f0_rmse_hz: float | None
    f0_rmse_cents: float | None
    voicing_error_share: float | None


@dataclass(frozen=True)
class CopySynthesis:
    """Of the pairs, and of the real rows held against themselves backwards. left_out: why → how many."""

    num_pairs: int
    num_frames: int
    copy: CopyFigures
    backwards: CopyFigures
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class AgainstReal:
    """A generated dataset against the split. notes: what could not be measured, and why, in sentences."""

    generated: str
    generated_digest: str
    num_generated: int
    num_real: int
    distances: Mapping[str, Distance]
    memorisation: Memorisation | None = None
    diversity: Diversity | None = None
    classification: Mapping[str, Classification] = field(default_factory=dict)
    copy_synthesis: CopySynthesis | None = None
    notes: tuple[str, ...] = ()


def from_plain(data: Mapping[str, Any]) -> AgainstReal:
    """The figures from what JSON has of them; a ValueError for anything else."""
    return TypeAdapter(AgainstReal).validate_python(data)
