"""CIFAR-10 and CIFAR-100 in their binary versions: 60,000 colour pictures of 32 x 32 in 10 or 100 classes.

Source: cs.toronto.edu/~kriz/cifar.html; Krizhevsky 2009. Licence: none is given.
Layout: data_batch_1.bin to data_batch_5.bin and test_batch.bin, here or in cifar-10-batches-bin/: records of 3,073
bytes, the class, then 1,024 of red, 1,024 of green, 1,024 of blue, each row by row; batches.meta.txt names the classes.
CIFAR-100: train.bin and test.bin, here or in cifar-100-binary/: records of 3,074 bytes, the coarse class, the fine one,
the planes; fine_label_names.txt names the fine ones, which are the labels here.
Traps: planes, not pixels, follow each other; the names of classes end in empty lines. The version "for Python" (files
without .bin) is pickled: to unpickle a file is to run whatever code it says, so it is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.corpora.layout import Layout
from pipeline.corpora.ranges import read_range
from pipeline.corpora.splits import own_splits
from pipeline.errors import CorpusError, ItemError
from pipeline.items import BadItem, ImageItem, Item
from pipeline.storage import Location

SIDE = 32
PIXEL_BYTES = 3 * SIDE * SIDE

RECORDS_AT_ONCE = 1000
"""Three megabytes, for their labels when they are listed."""

MOST_NAMES_BYTES = 2**16

PICKLE = b"\x80"
"""What a pickle of protocol 2 or later begins with."""


@dataclass(frozen=True)
class Version:
    """One of the two: its folder, its files, what names its classes, and how many labels a record begins with."""

    folder: str
    files: re.Pattern[str]
    names: str
    num_classes: int
    label_bytes: int

    @property
    def record_bytes(self) -> int:
        """The length of a record."""
        return self.label_bytes + PIXEL_BYTES


VERSIONS = (
    Version("cifar-10-batches-bin", re.compile(r"(data_batch_[1-5]|test_batch)\.bin"), "batches.meta.txt", 10, 1),
    Version("cifar-100-binary", re.compile(r"(train|test)\.bin"), "fine_label_names.txt", 100, 2),
)

PYTHON_FOLDERS = ("cifar-10-batches-py", "cifar-100-python")


def found_in(folder: Location) -> list[tuple[Version, Location]]:
    """The versions that lie here or in their own folders below, with the place."""
    names = folder.names()
    below = [(it, folder / it.folder) for it in VERSIONS if it.folder in names]
    return [found for found in ((it, folder) for it in VERSIONS) if is_here(*found)] or below


def is_here(version: Version, folder: Location) -> bool:
    """Whether a file is named as this version's are; train.bin may be anything, and needs its names or its length."""
    names = folder.names()
    files = [name for name in names if version.files.fullmatch(name)]
    if not files or version.num_classes == 10 or version.names in names:
        return bool(files)
    num_bytes = (folder / files[0]).size_bytes()
    return num_bytes > 0 and num_bytes % version.record_bytes == 0


def is_python(folder: Location) -> bool:
    """Whether the pickled version lies here or below."""
    places = [folder, *(folder / name for name in folder.names() if name in PYTHON_FOLDERS)]
    return any(begins_pickled(place, name) for place in places for name in ("batches.meta", "meta"))


def begins_pickled(place: Location, name: str) -> bool:
    """Whether a file of this name begins as a pickle does."""
    return name in place.names() and (place / name).is_file() and (place / name).read_range(0, 1) == PICKLE


def detect(folder: Location) -> bool:
    """Whether a version of CIFAR lies here; the pickled one is recognised too, to be refused with a reason."""
    return bool(found_in(folder)) or is_python(folder)


def items(folder: Location) -> Iterator[Item]:
    """One item a record, file by file."""
    found = found_in(folder)
    if not found:
        raise CorpusError(
            f"{folder}: CIFAR in its version for Python, which is pickled; to unpickle a file is to run whatever code "
            "it says, so that is never done. Expected the binary version, of the same pictures: fetch "
            "cifar-10-binary.tar.gz (cifar-100-binary.tar.gz) from www.cs.toronto.edu/~kriz/cifar.html and unpack it."
        )
    if len(found) > 1:
        raise CorpusError(f"{folder}: holds both CIFAR-10 and CIFAR-100; expected one. Give the folder of one of them.")
    version, place = found[0]
    names = class_names(place / version.names)
    files = [name for name in place.names() if version.files.fullmatch(name)]
    splits = own_splits("test" if name.startswith("test") else "train" for name in files)
    for name in files:
        split = splits["test" if name.startswith("test") else "train"]
        yield from items_of(place / name, version, names, split)


def class_names(place: Location) -> list[str]:
    """The names of the classes, a line each; none where the file is not there."""
    if not place.is_file():
        return []
    try:
        lines = place.read_range(0, MOST_NAMES_BYTES).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise CorpusError(f"{place}: expected names of classes in UTF-8 ({error}); fetch it again.") from error
    return [line.strip() for line in lines if line.strip()]


def items_of(file: Location, version: Version, names: list[str], split: str) -> Iterator[Item]:
    """One item a record of a file."""
    num_bytes, fingerprint = file.size_bytes(), file.fingerprint()
    num_records, num_over = divmod(num_bytes, version.record_bytes)
    num_classes = len(names) or version.num_classes
    source, stem = str(file), file.name.removesuffix(".bin")
    for record, number in enumerate(labels_in(file, fingerprint, version, num_records)):
        item_id = f"{stem}-{record:05d}"
        if number >= num_classes:
            reason = f"a class of {number}; expected one below {num_classes}"
            yield BadItem(item_id, source, reason)
            continue
        yield ImageItem(
            item_id=item_id,
            source=source,
            fingerprint=fingerprint,
            container="cifar",
            record=record,
            label=names[number] if names else str(number),
            split=split,
            num_bytes=version.record_bytes,
        )
    if num_over or not num_records:
        reason = f"{num_over} bytes after {num_records} records of {version.record_bytes}: it is torn, fetch it again"
        yield BadItem(f"{stem}-{num_records:05d}", source, reason)


def labels_in(file: Location, fingerprint: str, version: Version, num_records: int) -> Iterator[int]:
    """The label of each record: the last byte before its pixels."""
    for first in range(0, num_records, RECORDS_AT_ONCE):
        num_bytes = min(RECORDS_AT_ONCE, num_records - first) * version.record_bytes
        data = read_range(str(file), fingerprint, first * version.record_bytes, num_bytes)
        yield from data[version.label_bytes - 1 :: version.record_bytes]


def read_record(item: ImageItem) -> NDArray[np.uint8]:
    """One record as [32, 32, 3], only its own bytes being read. ItemError at stage "read"."""
    data = read_range(item.source, item.fingerprint, item.record * item.num_bytes, item.num_bytes)
    if len(data) < item.num_bytes or item.num_bytes < PIXEL_BYTES:
        raise ItemError("read", f"record {item.record} is not there: the file was cut after it was listed")
    planes = np.frombuffer(data[-PIXEL_BYTES:], np.uint8).reshape(3, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


LAYOUT = Layout(
    "cifar", "image", "data_batch_1.bin ... or train.bin and test.bin (CIFAR, binary version)", detect, items
)
