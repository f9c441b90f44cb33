"""The idx format: an array behind its type and shape, raw or gzipped.

Source: yann.lecun.com/exdb/mnist, "The IDX file format". Big-endian: two zero bytes, the type (8 for unsigned bytes, 12
for integers of 32 bits), the number of axes, the length of each; then the values, the last axis fastest.
Traps: a gz may be raw in spite of its name, so that content decides; a header may promise what is not there; a gz of a
few megabytes can unpack to anything. Of raw files only what is asked for is read; a gz is unpacked whole by whoever
wants a record of it, but nowhere held where its shape alone is asked for.
"""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.corpora.ranges import read_range
from pipeline.errors import CorpusError, ItemError
from pipeline.storage import Location, explained_as, retried

IMAGES, LABELS, WIDE_LABELS = 0x0803, 0x0801, 0x0C02
"""Magic numbers: images [N, H, W], labels [N], and QMNIST's labels [N, 8] of 32 bits."""

MOST_BYTES = 4 * 2**30
"""EMNIST, the largest corpus known, has 550 MB unpacked."""

PIECE_BYTES = 2**20

GZIP = b"\x1f\x8b"

Stream = IO[bytes] | gzip.GzipFile


@lru_cache(maxsize=64)
@retried
def shape_of(uri: str, fingerprint: str, magic: int) -> tuple[int, ...]:
    """The array's shape, held to the file's length. CorpusError says what is wrong with the file."""
    place = Location(uri)
    with unpacked(place) as stream:
        shape = read_header(stream, place, magic)
        is_raw = not isinstance(stream, gzip.GzipFile)
        total = place.size_bytes() - header_bytes(magic) if is_raw else sum(map(len, pieces(stream, place)))
    check_length(place, shape, magic, total)
    return shape


@lru_cache(maxsize=2)
@retried
def array_of(uri: str, fingerprint: str, magic: int) -> NDArray[Any]:
    """The whole array; the last two are kept, since a shard asks for record after record."""
    place, data = Location(uri), bytearray()
    with unpacked(place) as stream:
        shape = read_header(stream, place, magic)
        for piece in pieces(stream, place):
            data += piece
    check_length(place, shape, magic, len(data))
    return np.frombuffer(data, type_of(magic)).reshape(shape)


def record_of(uri: str, fingerprint: str, magic: int, number: int) -> NDArray[Any]:
    """One entry along the first axis."""
    shape = array_of(uri, fingerprint, magic).shape if is_gzip(uri, fingerprint) else shape_of(uri, fingerprint, magic)
    if number >= shape[0]:
        raise ItemError("read", f"record {number} of {shape[0]}: the file was changed after it was listed")
    if is_gzip(uri, fingerprint):
        record: NDArray[Any] = array_of(uri, fingerprint, magic)[number]
        return record
    num_bytes = math.prod(shape[1:]) * type_of(magic).itemsize
    data = read_range(uri, fingerprint, header_bytes(magic) + number * num_bytes, num_bytes)
    return np.frombuffer(data, type_of(magic)).reshape(shape[1:])


@lru_cache(maxsize=64)
def is_gzip(uri: str, fingerprint: str) -> bool:
    """Whether the file begins as gzip does."""
    return read_range(uri, fingerprint, 0, 2) == GZIP


@contextmanager
def unpacked(place: Location) -> Iterator[Stream]:
    """The file's content from its beginning, through gzip where it begins as gzip does."""
    if place.size_bytes() > MOST_BYTES:
        raise CorpusError(f"{place}: has more than {MOST_BYTES:,} bytes, which no idx corpus does.")
    with place.open() as file, explained_as(place.uri):
        begins = file.read(2)
        file.seek(0)
        try:
            yield gzip.GzipFile(fileobj=file) if begins == GZIP else file
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise CorpusError(f"{place}: a gzip file that cannot be unpacked ({error}); fetch it again.") from error


def pieces(stream: Stream, place: Location) -> Iterator[bytes]:
    """The rest of a stream, unless it is more than any corpus."""
    total = 0
    while piece := stream.read(PIECE_BYTES):
        total += len(piece)
        if total > MOST_BYTES:
            raise CorpusError(f"{place}: unpacks to more than {MOST_BYTES:,} bytes, which no idx corpus does.")
        yield piece


def read_header(stream: Stream, place: Location, magic: int) -> tuple[int, ...]:
    """The shape that the file promises."""
    data = stream.read(header_bytes(magic))
    found, *shape = struct.unpack(f">{len(data) // 4}I", data) if len(data) == header_bytes(magic) else (0,)
    if found != magic:
        raise CorpusError(f"{place}: expected an idx file that begins with {magic}, got {found}; fetch it again.")
    if not all(shape):
        raise CorpusError(f"{place}: its header promises {' x '.join(map(str, shape))} bytes, which is nothing.")
    return tuple(shape)


def check_length(place: Location, shape: tuple[int, ...], magic: int, num_bytes: int) -> None:
    """Hold the header to what is there; on Python's integers: 64 bits can wrap around to the right length."""
    if math.prod(shape) * type_of(magic).itemsize != num_bytes:
        values = "bytes" if type_of(magic).itemsize == 1 else f"values of {type_of(magic).itemsize} bytes"
        raise CorpusError(
            f"{place}: its header promises {' x '.join(map(str, shape))} {values}, {num_bytes} are there; "
            "it is truncated or damaged: fetch it again."
        )


def type_of(magic: int) -> np.dtype[Any]:
    """The type of the values."""
    return np.dtype(">i4") if magic >> 8 == 0x0C else np.dtype(np.uint8)


def header_bytes(magic: int) -> int:
    """The length of the header: the magic number, and one for each axis."""
    return 4 * (1 + (magic & 0xFF))
