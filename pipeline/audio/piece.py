"""A piece of a recording: which timesteps it is, and how to come to them without reading what lies before.

Traps: after a jump within Ogg Vorbis, Opus and MP3 the decoder starts from nothing, and its first blocks are not those
of a reading from the start; it is given a second to settle. What libsndfile cannot jump in (GSM 6.10, some ADPCM) is
read and dropped up to the piece. An MP3's length is a guess.
"""

import math
from dataclasses import dataclass

import numpy as np
import soundfile as sf

from pipeline.audio.riff import PcmFile
from pipeline.errors import ItemError

SLACK_S = 0.02
"""A piece may end so much after the recording and is cut there: lists of pieces count in hundredths of a second."""

SETTLING_S = 1.0
"""Measured on Vorbis and Opus at 16 to 48 kHz: 0.5 s leaves differences of 1e-4 now and then, 1 s none."""

SETTLING_FORMATS = frozenset({"OGG", "MP3"})

BLOCK = 2**16
"""Timesteps read at once where they are dropped."""


@dataclass(frozen=True, slots=True)
class Piece:
    """From `start_s` to `end_s` (None: to the end) of one channel, counted from 0 (None: the mean of all)."""

    start_s: float = 0.0
    end_s: float | None = None
    channel: int | None = None


WHOLE = Piece()

AudioFile = sf.SoundFile | PcmFile
"""An opened file, at a timestep."""


def span_of(piece: Piece, num_timesteps: int, sample_rate_hz: int) -> tuple[int, int]:
    """The timesteps [start, end) of a piece of a recording that has `num_timesteps`; halves are rounded up.

    Raises ItemError at stage "decode" for a piece that is empty or does not lie within the recording.
    """
    start_s, end_s, duration_s = piece.start_s, piece.end_s, num_timesteps / sample_rate_hz
    if not (0 <= start_s < math.inf) or (end_s is not None and not start_s < end_s < math.inf):
        raise ItemError("decode", f"expected a piece that starts at 0 s or later and ends after it, got {told(piece)}")
    if start_s >= duration_s or (end_s or 0) > duration_s + SLACK_S:
        raise ItemError("decode", f"the piece is {told(piece)}, but the recording lasts {duration_s:.3f} s")
    start = math.floor(start_s * sample_rate_hz + 0.5)
    end = num_timesteps if end_s is None else min(math.floor(end_s * sample_rate_hz + 0.5), num_timesteps)
    if end <= start:
        raise ItemError("decode", f"the piece is {told(piece)}, which is no timestep at {sample_rate_hz} Hz")
    return start, end


def told(piece: Piece) -> str:
    """A piece in a message."""
    return f"{piece.start_s:g} s to " + ("the end" if piece.end_s is None else f"{piece.end_s:g} s")


def go_to(file: AudioFile, start: int) -> None:
    """Bring an opened file to a timestep, such that what is read next is what stands there in a whole reading."""
    if file.seekable():
        settling = round(SETTLING_S * file.samplerate) if file.format in SETTLING_FORMATS else 0
        drop(file, start - int(file.seek(max(0, start - settling))))
    else:
        drop(file, start)


def drop(file: AudioFile, num_timesteps: int) -> None:
    """Read past so many timesteps, or to the end."""
    if num_timesteps > 0:
        block = np.empty((min(num_timesteps, BLOCK), file.channels), np.int16)
        while num_timesteps > 0 and (num_read := len(file.read(out=block[:num_timesteps], dtype="int16"))):
            num_timesteps -= num_read
