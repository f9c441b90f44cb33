"""The start of a waveform that is given: {"prefix": "start.wav", "duration_s": 2, ...}, and the rest is drawn.

The file is decoded, mixed down and resampled as `prepare` does it, and neither levelled nor cut: the model goes on from
what it holds. It counts to the item's length, and conditions lie over all of it. nll_nats is of what was drawn, given
the start: exact, since all of it comes first.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch

from models.sampling import Kept
from pipeline.audio.companding import encode_fast
from pipeline.audio.decode import decode
from pipeline.audio.resample import resample
from pipeline.errors import RequestError
from pipeline.generation.fields import text_of
from pipeline.generation.given_files import bytes_of, require_checksum, require_unchanged, told_at
from pipeline.shards.levels import Levels
from pipeline.shards.schema import AudioConventions
from pipeline.storage import Location, locate

PREFIX_KEYS = ("prefix", "prefix_sha256")

MOST_BYTES = 2**28
"""Of a file: ten minutes of 16-bit stereo at 96 kHz."""


@dataclass(frozen=True)
class Prefix:
    """A file, what it held and how many timesteps it has at the model's rate; 0 for none."""

    uri: str = ""
    sha256: str = ""
    num_timesteps: int = 0

    @property
    def told(self) -> dict[str, str]:
        """What a row's request says of it."""
        return {"prefix_sha256": self.sha256} if self.num_timesteps else {}


NO_PREFIX = Prefix()


class PrefixRead(NamedTuple):
    """Levels [T], and the checksum of the file."""

    levels: Levels
    sha256: str


def prefix_of(
    data: Mapping[str, Any], conventions: AudioConventions, folder: str, num_timesteps: int, where: str
) -> Prefix:
    """What a request names, read once: RequestError unless it can be, and ends before the item of `num_timesteps`."""
    if "prefix" not in data:
        if "prefix_sha256" in data:
            raise RequestError(f"{where}: prefix_sha256 is the checksum of a file that the request does not name.")
        return NO_PREFIX
    uri = locate(text_of(data, "prefix", where), folder).uri
    read = read_prefix(uri, conventions, num_timesteps, f"{where}: prefix")
    require_checksum(data, "prefix", uri, read.sha256, where)
    if len(read.levels) >= num_timesteps:
        raise RequestError(
            f"{where}: prefix: {uri} has {len(read.levels)} timesteps at {conventions.sample_rate_hz} Hz, and the item "
            f"{num_timesteps} in all, so that nothing is drawn; ask for a longer item, or give less of the start."
        )
    return Prefix(uri, read.sha256, len(read.levels))


def kept_prefix(prefix: Prefix, conventions: AudioConventions, num_timesteps: int, where: str) -> Kept:
    """It as samplers take it, [1, T]; RequestError where the file has changed since the check."""
    read = read_prefix(prefix.uri, conventions, num_timesteps, where)
    require_unchanged(prefix.uri, prefix.sha256, read.sha256, where)
    return Kept.prefix(torch.from_numpy(read.levels.astype(np.int64))[None], num_timesteps)


def read_prefix(uri: str, conventions: AudioConventions, num_timesteps: int, where: str) -> PrefixRead:
    """The file's levels; RequestError for what cannot be read, or lasts longer than the item and a second."""
    most_s = num_timesteps / conventions.sample_rate_hz + 1
    with told_at(where, uri, "a recording, such as a WAV file, that is shorter than the item"):
        return read_file(uri, Location(uri).fingerprint(), conventions, most_s)


@lru_cache(maxsize=4)
def read_file(uri: str, fingerprint: str, conventions: AudioConventions, most_s: float) -> PrefixRead:
    """The same, kept for the next request that names it. `fingerprint` is that of the file as it stands."""
    data = bytes_of(uri, MOST_BYTES)
    recording = decode(data, most_s)
    waveform = resample(recording.waveform, recording.sample_rate_hz, conventions.sample_rate_hz)
    levels = encode_fast(waveform, conventions.num_levels, conventions.companding)
    return PrefixRead(levels, hashlib.sha256(data).hexdigest())
