"""The conditioning that a dataset offers, for what `training.condition_on` asks for."""

from collections.abc import Mapping, Sequence

from pipeline.conditions import Conditioning
from pipeline.errors import ConfigError, DatasetError
from pipeline.frames import LINGUISTIC_COLUMNS
from pipeline.shards.schema import AudioConventions, Conventions

BESIDE_PHONES = ("linguistic", "f0")
"""What a frame can be told besides its phone; every row is looked at for it (`conditioned_rows.py`)."""


def conditioning_of(
    conventions: Conventions,
    vocabularies: Mapping[str, Sequence[str]],
    condition_on: Sequence[str],
    frame_period_s: float,
) -> Conditioning:
    """Attributes, `phones`, `linguistic` and `f0`, as far as they are asked for.

    A DatasetError says that no row has an attribute, or phones; a ConfigError that the others are asked for without
    phones.
    """
    require_phones_beside(condition_on)
    from_vocabularies = [name for name in condition_on if name not in BESIDE_PHONES]
    require_offered(from_vocabularies, vocabularies)
    attributes = {name: tuple(sorted(vocabularies[name])) for name in from_vocabularies if name != "phones"}
    if "phones" not in condition_on or not isinstance(conventions, AudioConventions):
        return Conditioning(attributes)
    return Conditioning(
        attributes,
        tuple(sorted(vocabularies["phone"])),
        hop_of(conventions, frame_period_s),
        LINGUISTIC_COLUMNS if "linguistic" in condition_on else (),
        "f0" in condition_on,
    )


def require_phones_beside(condition_on: Sequence[str]) -> None:
    """A ConfigError where frames are to be told something besides a phone, and not the phone."""
    for name in BESIDE_PHONES:
        if name in condition_on and "phones" not in condition_on:
            raise ConfigError(
                f"training.condition_on asks for {name} without phones, and it is told phone by phone; "
                f"ask for [phones, {name}]."
            )


def require_offered(names: Sequence[str], vocabularies: Mapping[str, Sequence[str]]) -> None:
    """A DatasetError for a name whose column is empty in every row, or has another name here (phone: phones)."""
    offered = {"phones" if key == "phone" else key for key, values in vocabularies.items() if values}
    for name in names:
        if name not in offered:
            known = ", ".join(sorted(offered)) or "nothing"
            raise DatasetError(f"condition_on asks for {name}, which no row has; this dataset offers: {known}.")


def hop_of(conventions: AudioConventions, frame_period_s: float) -> int:
    """Timesteps a frame; the period must be a whole number of them."""
    hop = round(frame_period_s * conventions.sample_rate_hz)
    if hop < 1 or abs(hop - frame_period_s * conventions.sample_rate_hz) > 1e-6:
        raise DatasetError(
            f"frame_period_s {frame_period_s} at {conventions.sample_rate_hz} Hz is no whole number of timesteps; "
            "choose one that is, such as 0.005."
        )
    return hop
