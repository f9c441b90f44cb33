"""idx: the packed arrays of MNIST and its relatives (Fashion-MNIST, KMNIST, EMNIST, QMNIST).

Source: yann.lecun.com/exdb/mnist; EMNIST: Cohen et al. 2017, nist.gov/itl/products-and-services/emnist-dataset; QMNIST:
github.com/facebookresearch/qmnist. Licence: MNIST CC BY-SA 3.0 as commonly stated.
Layout: {name}-images-idx3-ubyte with {name}-labels-idx1-ubyte (QMNIST: -labels-idx2-int) beside it, each raw or .gz;
train, t10k or test in the name says which split it is. `idx_format.py` tells of the files themselves.
Traps: some copies write a dot for the last hyphen (images.idx3-ubyte); where a file stands unpacked beside its gz, it
is read once, unpacked; counts may disagree between images and labels; a lone t10k is a whole corpus (`splits.py`).
EMNIST's pictures are stored transposed, and turned upright here. Its labels are numbers of classes, of which
{name}-mapping.txt, where it is there, gives the characters (the first one: "A" where A and a are one class). Its six
divisions share pictures, so that two of them in one folder would put the same picture into train and test: refused.
"""

import re
from collections.abc import Iterator
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from pipeline.corpora.idx_format import IMAGES, LABELS, WIDE_LABELS, array_of, record_of, shape_of
from pipeline.corpora.layout import Layout
from pipeline.corpora.splits import own_splits, split_word
from pipeline.errors import CorpusError, ItemError
from pipeline.items import ImageItem, Item
from pipeline.storage import Location

IMAGES_NAME = re.compile(r"^(?P<stem>.+)-images[-.]idx3-ubyte(\.gz)?$")

EMNIST_STEM = re.compile(r"^emnist-(?P<division>[^-]+)-")

MOST_MAPPING_BYTES = 2**16


def image_files(folder: Location) -> dict[str, str]:
    """Names of image files, by what stands before "-images"; of a file and its gz the file, which sorts first."""
    found: dict[str, str] = {}
    for name in folder.names():
        if match := IMAGES_NAME.match(name):
            found.setdefault(match["stem"], name)
    return found


def detect(folder: Location) -> bool:
    """Whether a file here is named as idx images are."""
    return bool(image_files(folder))


def items(folder: Location) -> Iterator[Item]:
    """One item a record, file by file."""
    files = image_files(folder)
    check_divisions(folder, files)
    splits = own_splits(word for stem in files if (word := split_word(stem)))
    for stem, name in files.items():
        source, fingerprint = str(folder / name), (folder / name).fingerprint()
        split = splits.get(split_word(stem), "")
        num_images, height, width = shape_of(source, fingerprint, IMAGES)
        for record, label in enumerate(labels_of(folder, stem, num_images)):
            yield ImageItem(
                item_id=f"{stem}-{record:06d}",
                source=source,
                fingerprint=fingerprint,
                container="idx",
                record=record,
                label=label,
                split=split,
                num_bytes=height * width,
            )


def check_divisions(folder: Location, stems: dict[str, str]) -> None:
    """EMNIST's divisions are selections of the same pictures: one at a time."""
    divisions = sorted({match["division"] for stem in stems if (match := EMNIST_STEM.match(stem))})
    if len(divisions) > 1:
        raise CorpusError(
            f"{folder}: holds EMNIST's divisions {', '.join(divisions)}, which are selections of the same pictures; "
            "expected one. Give a folder with the files of one (links will do)."
        )


def labels_of(folder: Location, stem: str, num_images: int) -> Iterator[str]:
    """The labels as text, one for each image; empty ones where there is no labels file."""
    pattern = re.compile(re.escape(stem) + r"-labels[-.](idx1-ubyte|idx2-int)(\.gz)?$")
    match = next((found for name in folder.names() if (found := pattern.match(name))), None)
    if not match:
        return repeat("", num_images)
    place = folder / match[0]
    is_wide = match[1] == "idx2-int"
    labels = array_of(str(place), place.fingerprint(), WIDE_LABELS if is_wide else LABELS)
    if len(labels) != num_images:
        raise CorpusError(
            f"{folder}: {stem} has {num_images} images, and {place.name} {len(labels)} labels; expected as many. "
            "One of the two is not the file it is named as: fetch it again."
        )
    classes = labels[:, 0] if is_wide else labels  # QMNIST: then writer, page and position of the digit
    names = class_names(folder, stem, np.unique(classes).tolist())
    return (names[number] for number in map(int, classes))


def class_names(folder: Location, stem: str, numbers: list[int]) -> dict[int, str]:
    """What to call each class: its number, or its character where EMNIST's mapping gives one."""
    match = EMNIST_STEM.match(stem)
    place = folder / f"emnist-{match['division']}-mapping.txt" if match else None
    if place is None or not place.is_file():
        return {number: str(number) for number in numbers}
    characters = read_mapping(place)
    if missing := [number for number in numbers if number not in characters]:
        raise CorpusError(f"{place}: has no line for the classes {missing}; it is not the mapping of these labels.")
    return characters


def read_mapping(place: Location) -> dict[int, str]:
    """Lines of a class's number and the codes of its characters, of which the first is taken."""
    try:
        rows = [[int(word) for word in line.split()] for line in place.read_range(0, MOST_MAPPING_BYTES).splitlines()]
        characters = {row[0]: chr(row[1]) for row in rows if row}
    except (ValueError, IndexError, OverflowError) as error:
        raise CorpusError(f"{place}: expected lines of a class and the codes of its characters ({error}).") from error
    if odd := [character for character in characters.values() if not character.isprintable()]:
        raise CorpusError(f"{place}: expected lines of a class and the codes of its characters, got {odd[0]!r}.")
    return characters


def read_record(item: ImageItem) -> NDArray[np.uint8]:
    """One record as [H, W, 1], upright. ItemError at stage "read" where the file is no longer what was listed."""
    try:
        record = record_of(item.source, item.fingerprint, IMAGES, item.record)
    except CorpusError as error:
        raise ItemError("read", str(error)) from error
    name = item.source.split("::")[0].rsplit("/", 1)[-1]
    return (record.T if EMNIST_STEM.match(name) else record)[:, :, None]


LAYOUT = Layout("idx", "image", "files named ...-images-idx3-ubyte, raw or .gz (MNIST)", detect, items)
