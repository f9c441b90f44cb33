"""Audio files to mono waveforms, with everything checked that a header can lie about.

libsndfile reads what it can of a damaged file and says nothing, so lengths are compared here: a RIFF or SPHERE header
with the file's size (`riff.py`, `sphere.py`), and every header with the timesteps that came.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from pipeline.audio import sphere
from pipeline.audio.riff import missing_bytes
from pipeline.errors import ItemError

Waveform = NDArray[np.float32]

LOWEST_RATE_HZ = 4_000
HIGHEST_RATE_HZ = 192_000
"""Headers lie: one file in the wild claims 1,092,676 Hz. Speech below 4 kHz is lost; no recorder passes 192."""

MOST_CHANNELS = 32

MOST_VALUES = 2**27
"""Timesteps x channels: ten minutes of stereo at 96 kHz. A few megabytes of silent FLAC can unpack to gigabytes."""

INT16_SUBTYPES = frozenset({"PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW"})
"""What 16 bits hold exactly: read as int16, which is 13 times cheaper for libsndfile than float32."""


@dataclass(frozen=True)
class Recording:
    """A mono waveform, float32 [T] over [-1, 1], at its own rate."""

    waveform: Waveform
    sample_rate_hz: int

    @property
    def duration_s(self) -> float:
        """How long it sounds."""
        return len(self.waveform) / self.sample_rate_hz


def decode(source: Path | bytes, max_duration_s: float) -> Recording:
    """Read a whole file and mix it down to mono; channels count equally.

    Reads what libsndfile reads: WAV, FLAC, Ogg Vorbis and Opus, MP3, AIFF, NIST SPHERE and others; 8 to 32 bits, float.
    Raises ItemError at stage "decode" for a file that is no audio, is truncated or empty, claims a rate or a number of
    channels that cannot be, lasts longer than `max_duration_s`, or holds NaN or infinity.
    """
    check_whole(missing_bytes(source))
    try:
        with sf.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as file:
            check_header(file, max_duration_s)
            if file.format == "NIST":
                check_whole(sphere.missing_bytes(source))
            return Recording(read_mono(file), file.samplerate)
    except sf.LibsndfileError as error:
        if not num_bytes(source):
            raise ItemError("decode", "empty: the file has no bytes") from error
        if packed := sphere.compression(source):
            reason = f"a SPHERE file compressed by {packed!r}; unpack it, with sph2pipe for one"
            raise ItemError("decode", reason) from error
        raise ItemError("decode", f"not audio that can be read: {error.error_string.rstrip('.')}") from error
    except (ItemError, OSError, MemoryError):
        raise
    except Exception as error:  # soundfile takes a .raw for headerless and raises TypeError, for one
        raise ItemError("decode", f"not audio that can be read: {error}") from error


def check_whole(missing: int) -> None:
    """Refuse a file that lacks so many bytes of what its header promises."""
    if missing:
        raise ItemError("decode", f"truncated: the header promises {missing} more bytes than the file has")


def num_bytes(source: Path | bytes) -> int:
    """How long the file is."""
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def check_header(file: sf.SoundFile, max_duration_s: float) -> None:
    """Refuse what no real recording has, before memory is set aside for it."""
    rate, channels, frames = file.samplerate, file.channels, file.frames
    if not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
        raise ItemError("decode", f"the header claims {rate} Hz; expected {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz")
    if channels > MOST_CHANNELS:
        raise ItemError("decode", f"the header claims {channels} channels; expected at most {MOST_CHANNELS}")
    if frames <= 0:
        raise ItemError("decode", "empty: no timesteps")
    if frames / rate > max_duration_s:
        raise ItemError(
            "decode", f"lasts {frames / rate:.1f} s by its header; audio.max_duration_s allows {max_duration_s:g} s"
        )
    if frames * channels > MOST_VALUES:
        raise ItemError(
            "decode", f"{frames} timesteps in {channels} channels; expected at most {MOST_VALUES} values in all"
        )


def read_mono(file: sf.SoundFile) -> Waveform:
    """Everything in the file as float32 [T]."""
    is_int16 = file.subtype in INT16_SUBTYPES
    buffer = np.empty((file.frames, file.channels), np.int16 if is_int16 else np.float32)
    num_read = len(file.read(out=buffer, dtype="int16" if is_int16 else "float32"))
    if file.format == "MP3" and num_read:
        buffer = buffer[:num_read]  # an MP3 has no length of its own: libsndfile guesses one from the file's size
    if num_read < len(buffer):
        raise ItemError("decode", f"truncated: the header promises {len(buffer)} timesteps, {num_read} came")
    waveform = downmix(buffer)
    if not is_int16 and not np.isfinite(waveform.dot(waveform)):
        raise ItemError("decode", "holds values that are not finite numbers")
    return waveform


def downmix(buffer: NDArray[np.int16] | NDArray[np.float32]) -> Waveform:
    """[T, C] to the mean over C, as float32 over [-1, 1].

    One product with a vector: twice as fast as `mean(axis=1)`, which walks the short axis value by value.
    """
    full_scale = 32768 if buffer.dtype == np.int16 else 1
    channels = buffer.shape[1]
    if channels == 1:
        return np.multiply(buffer[:, 0], np.float32(1 / full_scale), dtype=np.float32)
    weights = np.full(channels, 1 / (channels * full_scale), np.float32)
    mono: Waveform = buffer.astype(np.float32, copy=False) @ weights
    return mono
