"""Whether a WAV file is all there: libsndfile shortens a truncated one without a word.

Layout: "RIFF" size "WAVE", then chunks of a four-letter name, a 32-bit little-endian size and that many bytes, padded
to an even number (Microsoft/IBM, Multimedia Programming Interface and Data Specifications 1.0, 1991).
"""

import io
import os
import struct
from pathlib import Path
from typing import IO

STREAMED = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000)
"""Sizes that writers leave in a header when they could not seek back: they promise nothing."""


def missing_bytes(source: Path | bytes) -> int:
    """How many bytes of its data chunk a WAV file lacks; 0 for whole files and for other formats."""
    if isinstance(source, bytes):
        return missing_from(io.BytesIO(source), len(source))
    with source.open("rb", buffering=0) as file:  # a few bytes are read: filling a buffer would cost more
        return missing_from(file, os.fstat(file.fileno()).st_size)


def missing_from(file: IO[bytes], num_bytes: int) -> int:
    """Walk the chunks up to the data."""
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return 0
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        if name == b"data":
            return 0 if size in STREAMED else max(0, file.tell() + size - num_bytes)
        file.seek(size + size % 2, io.SEEK_CUR)
    return 0
