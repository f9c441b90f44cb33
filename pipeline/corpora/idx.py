"""idx: the packed arrays of MNIST and its relatives (Fashion-MNIST, KMNIST, EMNIST, QMNIST).

Source: yann.lecun.com/exdb/mnist, which defines the format. Licence: MNIST CC BY-SA 3.0 as commonly stated.
Layout: {name}-images-idx3-ubyte with {name}-labels-idx1-ubyte beside it, each raw or .gz; train, t10k or test in the
name says which split it is. Big-endian: magic 2051, count, height, width, then a byte a pixel, row by row; for
labels magic 2049, count, then a byte each.
Traps: some copies write a dot for the last hyphen (images.idx3-ubyte); a gz may be raw in spite of its name, so content
decides; EMNIST is transposed and is read as it stands; counts may disagree between the two files; a lone t10k is a
whole corpus (`splits.py`).
"""

import gzip
import io
import math
import re
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.corpora.layout import Layout
from pipeline.corpora.splits import own_splits
from pipeline.errors import CorpusError
from pipeline.items import ImageItem, Item
from pipeline.storage import Location

IMAGES_NAME = re.compile(r"^(?P<stem>.+)-images[-.]idx3-ubyte(\.gz)?$")

IMAGES_MAGIC = 2051
LABELS_MAGIC = 2049

MOST_BYTES = 4 * 2**30
"""A gz of a few megabytes can unpack to anything; EMNIST, the largest known, has 550 MB unpacked."""


def image_files(folder: Location) -> dict[str, str]:
    """Names of image files, by what stands before "-images"."""
    matches = [match for name in folder.names() if (match := IMAGES_NAME.match(name))]
    return {match["stem"]: match[0] for match in matches}


def detect(folder: Location) -> bool:
    """Whether a file here is named as idx images are."""
    return bool(image_files(folder))


def items(folder: Location) -> Iterator[Item]:
    """One item a record, file by file."""
    files = image_files(folder)
    split_names = {stem: split_word(stem) for stem in files}
    splits = own_splits([word for word in split_names.values() if word])
    fingerprints = {entry.path: entry.fingerprint for entry in folder.files()}
    for stem, name in files.items():
        num_images = len(images_of(str(folder / name), fingerprints.get(name, "")))
        for record, label in enumerate(read_labels(folder, stem, num_images)):
            yield ImageItem(
                item_id=f"{stem}-{record:06d}",
                source=str(folder / name),
                fingerprint=fingerprints.get(name, ""),
                record=record,
                label=label,
                split=splits.get(split_names[stem], ""),
            )


def split_word(stem: str) -> str:
    """The split that a file's name begins with or holds, "" where it names none."""
    words = re.split(r"[-_.]", stem.lower())
    return "train" if "train" in words else "test" if {"t10k", "test"} & set(words) else ""


def read_labels(folder: Location, stem: str, num_images: int) -> list[str]:
    """The labels as text, one for each image; empty ones where there is no labels file."""
    pattern = re.compile(re.escape(stem) + r"-labels[-.]idx1-ubyte(\.gz)?$")
    name = next((name for name in folder.names() if pattern.match(name)), "")
    if not name:
        return [""] * num_images
    labels = read_array(folder / name, LABELS_MAGIC)
    if len(labels) != num_images:
        raise CorpusError(
            f"{folder}: {stem} has {num_images} images, and {name} {len(labels)} labels; expected as many. "
            "One of the two is not the file it is named as: fetch it again."
        )
    return [str(label) for label in labels]


@lru_cache(maxsize=2)
def images_of(uri: str, fingerprint: str) -> NDArray[np.uint8]:
    """All images of a file, [N, H, W]; the last two files are kept, since a shard asks for record after record."""
    return read_array(Location(uri), IMAGES_MAGIC)


def read_record(item: ImageItem) -> NDArray[np.uint8]:
    """One record as [H, W, 1]."""
    return images_of(item.source, item.fingerprint)[item.record, :, :, None]


def is_packed(source: str) -> bool:
    """Whether an item's source is an idx file, from which `read_record` takes one record."""
    return bool(IMAGES_NAME.match(source.rsplit("/", 1)[-1]))


def read_array(place: Location, magic: int) -> NDArray[np.uint8]:
    """A whole idx file of unsigned bytes, checked against its own header."""
    data = unpacked(place)
    num_axes = magic & 0xFF
    length = 4 * (1 + num_axes)
    found, *shape = struct.unpack(f">{1 + num_axes}I", data[:length]) if len(data) >= length else (0,)
    if found != magic:
        raise CorpusError(f"{place}: expected an idx file that begins with {magic}, got {found}; fetch it again.")
    if not all(shape):
        raise CorpusError(f"{place}: its header promises {' x '.join(map(str, shape))} bytes, which is nothing.")
    if len(data) - length != math.prod(shape):  # on Python's integers: 64 bits can wrap around to the right length
        raise CorpusError(
            f"{place}: its header promises {' x '.join(map(str, shape))} bytes, {len(data) - length} are there; "
            "it is truncated or damaged: fetch it again."
        )
    return np.frombuffer(data, np.uint8, offset=length).reshape(shape)


def unpacked(place: Location) -> bytes:
    """The file's bytes, through gzip where they begin as gzip does."""
    if place.size_bytes() > MOST_BYTES:
        raise CorpusError(f"{place}: has more than {MOST_BYTES:,} bytes, which no idx corpus does.")
    data = place.read_bytes()
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        with gzip.open(io.BytesIO(data)) as file:
            unpacked_data = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"{place}: a gzip file that cannot be unpacked ({error}); fetch it again.") from error
    if len(unpacked_data) > MOST_BYTES:
        raise CorpusError(f"{place}: unpacks to more than {MOST_BYTES:,} bytes, which no idx corpus does.")
    return unpacked_data


LAYOUT = Layout("idx", "image", "files named ...-images-idx3-ubyte, raw or .gz (MNIST)", detect, items)
