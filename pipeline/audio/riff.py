"""WAV files by their chunks: whether one is all there, and samples that need no decoder.

Layout: "RIFF" size "WAVE", then chunks of a four-letter name, a 32-bit little-endian size and that many bytes, padded
to an even number; "fmt " holds tag, channels, rate, bytes a second, bytes a frame, bits (Microsoft/IBM, Multimedia
Programming Interface and Data Specifications 1.0, 1991). libsndfile shortens a truncated one without a word.

Most speech lies in such files, as 16-bit PCM. Those are read here, straight into the buffer: opening one with
libsndfile costs as much as mixing down a second of stereo. All else (other widths, extensible headers, lengths left
open) is left to libsndfile, and what both read is the same to the last bit.
"""

import io
import struct
import sys
from dataclasses import dataclass
from typing import IO, Any

from numpy.typing import NDArray

STREAMED = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000)
"""Sizes that writers leave in a header when they could not seek back: they promise nothing."""

PCM_TAG = 1

LONGEST_FMT = 40
"""Bytes of the longest "fmt " there is, the extensible one."""


@dataclass(frozen=True, slots=True)
class Chunks:
    """Where the samples lie, [data_start, data_start + data_bytes) of a file of `num_bytes`, and the "fmt " before."""

    fmt: bytes
    data_start: int
    data_bytes: int
    num_bytes: int

    @property
    def missing_bytes(self) -> int:
        """How many bytes of its samples the file lacks."""
        return 0 if self.data_bytes in STREAMED else max(0, self.data_start + self.data_bytes - self.num_bytes)


def chunks_of(file: IO[bytes]) -> Chunks | None:
    """Walk the chunks up to the samples. None in other formats, where there are none, or at a name that is no text."""
    num_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    head, fmt, place = file.read(12), b"", 12
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        place += 8
        if not (name.isascii() and name.decode().isprintable()):
            return None
        if name == b"data":
            return Chunks(fmt, place, size, num_bytes)
        if name == b"fmt ":
            fmt = file.read(min(size, LONGEST_FMT))
        place += size + size % 2
        file.seek(place)
    return None


class PcmFile:
    """The samples of an opened WAV file of 16-bit PCM, with what is used of soundfile's SoundFile."""

    format = "WAV"
    subtype = "PCM_16"

    def __init__(self, file: IO[bytes], chunks: Chunks) -> None:
        _, self.channels, self.samplerate, _, self.width, _ = struct.unpack("<HHIIHH", chunks.fmt[:16])
        self.frames = chunks.data_bytes // self.width
        self.file = file
        self.start = chunks.data_start
        self.seek(0)

    def seekable(self) -> bool:
        """Always: a timestep is so many bytes."""
        return True

    def seek(self, place: int) -> int:
        """Go to a timestep."""
        self.file.seek(self.start + place * self.width)
        return place

    def read(self, *, out: NDArray[Any], dtype: str) -> NDArray[Any]:
        """Fill `out` [T, C], int16, from here on; what is returned is as much of it as came."""
        assert out.dtype == dtype == "int16"
        target = out.data.cast("B")
        num_read = 0
        while num_read < len(target) and (came := self.file.readinto(target[num_read:])):  # type: ignore[attr-defined]
            num_read += came
        return out[: num_read // self.width]


def pcm_of(file: IO[bytes], chunks: Chunks) -> PcmFile | None:
    """The file's samples where they are plainly 16-bit PCM, in whole frames and of a length that is promised."""
    if len(chunks.fmt) < 16 or chunks.data_bytes in STREAMED or sys.byteorder != "little":
        return None
    tag, channels, _, _, width, bits = struct.unpack("<HHIIHH", chunks.fmt[:16])
    is_plain = tag == PCM_TAG and bits == 16 and channels and width == 2 * channels and not chunks.data_bytes % width
    return PcmFile(file, chunks) if is_plain else None
