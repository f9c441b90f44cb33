"""Pictures by class: corpus and generated side by side, enlarged by whole factors with nearest neighbour."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.image.quantise import intensities
from pipeline.reports.data_uri import png_uri
from pipeline.reports.rows import Place, look, with_levels
from pipeline.reports.subjects import DatasetSubject
from pipeline.shards.schema import ImageConventions

MOST_CLASSES = 12
LONGEST_SIDE = 40
"""Dots that a picture is enlarged to, or less where the next whole factor would pass it."""

GAP = 4

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Strip:
    """Pictures of one class in a row."""

    uri: str
    alt: str


@dataclass(frozen=True)
class SheetRow:
    """One class: its name and its pictures; either strip may be missing."""

    label: str
    corpus: Strip | None
    generated: Strip | None


def sheet_rows(
    corpus: DatasetSubject | None, generated: DatasetSubject | None, num_columns: int
) -> tuple[SheetRow, ...]:
    """A row per class, up to MOST_CLASSES of them; all pictures in one row where there are no classes."""
    corpus_by_label = by_label(corpus)
    generated_by_label = by_label(generated)
    labels = sorted(set(generated_by_label) or set(corpus_by_label), key=in_reading_order)[:MOST_CLASSES]
    return tuple(
        SheetRow(
            label,
            strip(corpus, corpus_by_label.get(label, []), num_columns, "corpus"),
            strip(generated, generated_by_label.get(label, []), num_columns, "generated"),
        )
        for label in labels
    )


def in_reading_order(label: str) -> tuple[int, str]:
    """10 after 9."""
    return (int(label), "") if label.isdecimal() and len(label) < 10 else (10**10, label)


def by_label(subject: DatasetSubject | None) -> dict[str, list[Place]]:
    """The first rows by class."""
    places: dict[str, list[Place]] = {}
    for place in look(subject.dataset) if subject else []:
        places.setdefault(place.row.get("label") or "", []).append(place)
    return places


def strip(subject: DatasetSubject | None, places: Sequence[Place], num_columns: int, what: str) -> Strip | None:
    """Some pictures of one class in a row."""
    if subject is None or not places:
        return None
    chosen = places[:num_columns]
    levels = with_levels(subject.dataset, chosen)
    pictures = [picture_of(subject, levels[place.shard, place.number]) for place in chosen]
    label = chosen[0].row.get("label") or ""
    return Strip(
        png_uri(side_by_side(pictures)), f"{len(pictures)} {what} pictures" + (f" of {label}" if label else "")
    )


def picture_of(subject: DatasetSubject, levels: bytes) -> Picture:
    """Levels to an enlarged picture [H, W, 4]."""
    conventions = subject.dataset.info.conventions
    assert isinstance(conventions, ImageConventions)
    shape = (conventions.height, conventions.width, conventions.channels)
    pixels = intensities(np.frombuffer(levels, np.uint8).reshape(shape), conventions.num_levels)
    colours = pixels if conventions.channels == 3 else np.repeat(pixels[..., :1], 3, axis=2)
    opaque = np.dstack([colours, np.full(shape[:2], 255, np.uint8)])
    return enlarge(opaque, max(1, LONGEST_SIDE // max(shape[:2])))


def enlarge(picture: Picture, factor: int) -> Picture:
    """Every pixel as a square of `factor` × `factor`."""
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def side_by_side(pictures: Sequence[Picture]) -> Picture:
    """Pictures of one size in a row, parted by transparent gaps."""
    gap = np.zeros((pictures[0].shape[0], GAP, 4), np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)][1:]
    return np.concatenate(parts, axis=1)
