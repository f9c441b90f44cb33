"""Audio files to mono waveforms, with everything checked that a header can lie about.

libsndfile reads what it can of a damaged file and says nothing, so lengths are compared here: a RIFF or SPHERE header
with the file's size (`riff.py`, `sphere.py`), and every header with the timesteps that came.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from pipeline.audio import sphere
from pipeline.audio.kept_memory import keep_freed_memory
from pipeline.audio.piece import SLACK_S, WHOLE, AudioFile, Piece, go_to, span_of
from pipeline.audio.riff import chunks_of, pcm_of
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


def decode(source: Path | bytes, max_duration_s: float, piece: Piece = WHOLE) -> Recording:
    """Read a file, or a piece of it, and mix it down to mono; channels count equally.

    Reads what libsndfile reads: WAV, FLAC, Ogg Vorbis and Opus, MP3, AIFF, NIST SPHERE and others; 8 to 32 bits, float.
    A piece costs what it lasts, however long the file is.
    Raises ItemError at stage "decode" for a file that is no audio, is truncated or empty, claims a rate or a number of
    channels that cannot be, lasts longer than `max_duration_s`, or holds NaN or infinity, and for a piece that does not
    lie within it.
    """
    keep_freed_memory()
    with opened(source) as raw:
        chunks = chunks_of(raw)
        if chunks:
            check_whole(chunks.missing_bytes)
            if pcm := pcm_of(raw, chunks):
                return read_recording(pcm, piece, max_duration_s)
    return decode_any(source, max_duration_s, piece)


def decode_any(source: Path | bytes, max_duration_s: float, piece: Piece) -> Recording:
    """`decode` by libsndfile: of all that it reads, the plain path."""
    try:
        with sf.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as file:
            if file.format == "NIST":
                check_whole(sphere.missing_bytes(source))
            return read_recording(file, piece, max_duration_s)
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


def opened(source: Path | bytes) -> IO[bytes]:
    """The file's bytes. Unbuffered: a few are read of a header, and then all of the rest at once."""
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb", buffering=0)


def check_whole(missing: int) -> None:
    """Refuse a file that lacks so many bytes of what its header promises."""
    if missing:
        raise ItemError("decode", f"truncated: the header promises {missing} more bytes than the file has")


def num_bytes(source: Path | bytes) -> int:
    """How long the file is."""
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def check_header(file: AudioFile) -> None:
    """Refuse what no real recording has."""
    rate, channels = file.samplerate, file.channels
    if not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
        raise ItemError("decode", f"the header claims {rate} Hz; expected {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz")
    if channels > MOST_CHANNELS:
        raise ItemError("decode", f"the header claims {channels} channels; expected at most {MOST_CHANNELS}")
    if file.frames <= 0:
        raise ItemError("decode", "empty: no timesteps")


def read_recording(file: AudioFile, piece: Piece, max_duration_s: float) -> Recording:
    """A piece of an opened file."""
    check_header(file)
    start, end = (0, file.frames) if piece is WHOLE else span_of(piece, file.frames, file.samplerate)
    check_length(end - start, file, max_duration_s)
    if start:
        go_to(file, start)
    return Recording(read_mono(file, end - start, piece), file.samplerate)


def check_length(num_timesteps: int, file: AudioFile, max_duration_s: float) -> None:
    """Refuse what is too long, before memory is set aside for it."""
    duration_s = num_timesteps / file.samplerate
    if duration_s > max_duration_s:
        raise ItemError(
            "decode", f"lasts {duration_s:.1f} s by its header; audio.max_duration_s allows {max_duration_s:g} s"
        )
    if num_timesteps * file.channels > MOST_VALUES:
        raise ItemError(
            "decode",
            f"{num_timesteps} timesteps in {file.channels} channels; expected at most {MOST_VALUES} values in all",
        )


def read_mono(file: AudioFile, num_timesteps: int, piece: Piece) -> Waveform:
    """So many timesteps of the file from where it stands, as float32 [T]."""
    is_int16 = file.subtype in INT16_SUBTYPES
    buffer = np.empty((num_timesteps, file.channels), np.int16 if is_int16 else np.float32)
    num_read = len(file.read(out=buffer, dtype="int16" if is_int16 else "float32"))
    if num_read < num_timesteps:
        if num_read < fewest(file, num_timesteps, piece):
            raise ItemError("decode", f"truncated: the header promises {num_timesteps} timesteps, {num_read} came")
        buffer = buffer[:num_read]
    waveform = downmix(one_channel(buffer, piece.channel))
    if not is_int16 and not np.isfinite(waveform.dot(waveform)):
        raise ItemError("decode", "holds values that are not finite numbers")
    return waveform


def fewest(file: AudioFile, num_timesteps: int, piece: Piece) -> int:
    """How many timesteps have to come: all, save for an MP3, whose length libsndfile guesses from its size."""
    if file.format != "MP3":
        return num_timesteps
    return 1 if piece.end_s is None else max(1, num_timesteps - round(SLACK_S * file.samplerate))


def one_channel(buffer: NDArray[Any], channel: int | None) -> NDArray[Any]:
    """[T, C] to [T, 1] of one channel, counted from 0; None leaves all."""
    if channel is None:
        return buffer
    if not 0 <= channel < buffer.shape[1]:
        raise ItemError("decode", f"channel {channel} (from 0) of a recording that has {buffer.shape[1]} of them")
    return buffer[:, channel : channel + 1]


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
