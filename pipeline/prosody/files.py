"""Prosody beside a model: a page to read and the numbers, checked by their sums from `model.json` on.

prosody.json          symbols, attributes, pauses, penalties, figures on held-out rows, sha256 of the numbers
prosody.safetensors   weights, biases and bounds, float64

`model.json` names the sha256 of `prosody.json` (`prosody_sha256`, empty where a model has none).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.prosody.features import FeatureSpace
from pipeline.prosody.least_squares import Ridge
from pipeline.prosody.pauses import Pauses
from pipeline.prosody.prosody import POINTS, Pitch, Prosody
from pipeline.storage import Location

FORMAT = "ancestral-prosody"
FORMAT_VERSION = 1

PAGE_FILE = "prosody.json"
NUMBERS_FILE = "prosody.safetensors"

Numbers = Mapping[str, NDArray[np.float64]]


def save_prosody(folder: Location, prosody: Prosody) -> Prosody:
    """Write both files, the page last; returns the prosody with the sum of its page."""
    data = safetensors.numpy.save(numbers_of(prosody))
    page = {"format": FORMAT, "format_version": FORMAT_VERSION, "numbers_sha256": sum_of(data), **page_of(prosody)}
    text = (json.dumps(page, indent=1, ensure_ascii=False) + "\n").encode()
    (folder / NUMBERS_FILE).write_bytes(data)
    (folder / PAGE_FILE).write_bytes(text)
    return replace(prosody, sha256=sum_of(text))


def sum_of(data: bytes) -> str:
    """SHA-256."""
    return hashlib.sha256(data).hexdigest()


def numbers_of(prosody: Prosody) -> dict[str, NDArray[np.float64]]:
    """All arrays by name."""
    found = {"shortest": prosody.shortest, "longest": prosody.longest}
    ridges = {"durations": prosody.durations} | ({"pitch": prosody.pitch.ridge} if prosody.pitch else {})
    for name, ridge in ridges.items():
        found |= {f"{name}.{part}": getattr(ridge, part) for part in ("weights", "bias", "variance")}
    return {name: np.ascontiguousarray(values, np.float64) for name, values in found.items()}


def page_of(prosody: Prosody) -> dict[str, Any]:
    """All else."""
    pitch = prosody.pitch
    return {
        "phones": prosody.space.phones,
        "attributes": prosody.space.attributes,
        "pauses": asdict(prosody.pauses),
        "durations": {"penalty": prosody.durations.penalty},
        "pitch": pitch
        and {"penalty": pitch.ridge.penalty, "lowest_ln_hz": pitch.lowest, "highest_ln_hz": pitch.highest},
        "points": POINTS,
        "figures": prosody.figures,
    }


def read_prosody(folder: Location, sha256: str) -> Prosody | None:
    """What stands beside a model whose `model.json` names this sum; None where it names none.

    ModelError for files that are missing, exchanged or damaged.
    """
    if not sha256:
        return None
    text = checked(folder / PAGE_FILE, sha256, "model.json")
    try:
        page = json.loads(text)
        check_format(page, str(folder / PAGE_FILE))
        numbers = safetensors.numpy.load(checked(folder / NUMBERS_FILE, page["numbers_sha256"], PAGE_FILE))
        return prosody_from(page, numbers, sha256)
    except (ValueError, KeyError, TypeError, AttributeError, safetensors.SafetensorError) as error:
        raise ModelError(f"{folder / PAGE_FILE}: damaged ({error}); train the model again.") from error


def checked(place: Location, sha256: str, named_in: str) -> bytes:
    """A file's bytes, if they are those that were written."""
    if not place.is_file():
        raise ModelError(f"{place} is missing, and {named_in} names it: copy the model's whole folder again.")
    data = place.read_bytes()
    if sum_of(data) != sha256:
        raise ModelError(f"{place}: its checksum differs from the one in {named_in}; it is damaged or exchanged.")
    return data


def check_format(page: Mapping[str, Any], where: str) -> None:
    """Refuse other formats, versions and points."""
    expected = {"format": FORMAT, "format_version": FORMAT_VERSION, "points": list(POINTS)}
    for key, value in expected.items():
        if page[key] != value:
            raise ModelError(
                f"{where}: {key} is {page[key]!r}, this release reads {value!r}; train the model again with it."
            )


def prosody_from(page: Mapping[str, Any], numbers: Numbers, sha256: str) -> Prosody:
    """The prosody that both files hold; ValueError where they do not fit each other."""
    attributes = {name: tuple(values) for name, values in page["attributes"].items()}
    space, pitch = FeatureSpace(tuple(page["phones"]), attributes), page["pitch"]
    if {len(numbers["shortest"]), len(numbers["longest"])} != {len(space.phones)}:
        raise ValueError("not as many bounds as phones")
    return Prosody(
        space,
        ridge_from(numbers, "durations", page["durations"]["penalty"], (space.num_features, 1)),
        numbers["shortest"],
        numbers["longest"],
        Pauses(**page["pauses"]),
        None if pitch is None else pitch_from(pitch, numbers, space),
        page["figures"],
        sha256,
    )


def pitch_from(page: Mapping[str, Any], numbers: Numbers, space: FeatureSpace) -> Pitch:
    """The regression of ln F0."""
    ridge = ridge_from(numbers, "pitch", page["penalty"], (space.num_features, len(POINTS)))
    return Pitch(ridge, float(page["lowest_ln_hz"]), float(page["highest_ln_hz"]))


def ridge_from(numbers: Numbers, name: str, penalty: float, shape: tuple[int, int]) -> Ridge:
    """One regression; ValueError where it has another shape."""
    weights, bias, variance = (numbers[f"{name}.{part}"] for part in ("weights", "bias", "variance"))
    if weights.shape != shape or bias.shape != shape[1:] or variance.shape != shape[1:]:
        raise ValueError(f"{name}: weights of shape {weights.shape}, expected {shape}")
    return Ridge(weights, bias, variance, penalty)
