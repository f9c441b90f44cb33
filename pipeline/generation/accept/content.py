"""What a row holds, as it is heard or seen, and its fingerprint."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.companding import decode_levels
from pipeline.generation.accept import fingerprint
from pipeline.image.quantise import intensities
from pipeline.shards.levels import unpack_levels
from pipeline.shards.schema import AudioConventions, Conventions, ImageConventions

Row = Mapping[str, Any]


def content_of(row: Row, conventions: Conventions) -> NDArray[Any]:
    """A waveform [T] in [-1, 1], or a picture [H, W, C] of 0 to 255."""
    if isinstance(conventions, ImageConventions):
        shape = conventions.height, conventions.width, conventions.channels
        return intensities(np.frombuffer(row["levels"], np.uint8).reshape(shape), conventions.num_levels)
    levels = unpack_levels(row["levels"], conventions.num_levels)
    return decode_levels(levels, conventions.num_levels, conventions.companding)


def fingerprint_of(row: Row, conventions: Conventions) -> int:
    """The 64 bits of a row."""
    content = content_of(row, conventions)
    if isinstance(conventions, AudioConventions):
        return fingerprint.of_waveform(content, conventions.sample_rate_hz)
    return fingerprint.of_picture(content)
