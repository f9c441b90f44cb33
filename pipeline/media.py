"""Levels as files that anything can open: 16-bit WAV or FLAC, 8-bit PNG. Read and encoded again, they are the same.

One exception: +1.0 is no 16-bit value, so that of more than 32,768 linear levels the highest comes back as the one
below. No recording has it: `prepare` reads 16 bits.
"""

import io
import wave
from typing import Literal

import numpy as np
import soundfile as sf
from numpy.typing import NDArray
from PIL import Image

from pipeline.audio.companding import decode_levels
from pipeline.image.quantise import intensities
from pipeline.shards.levels import unpack_levels
from pipeline.shards.schema import AudioConventions, ImageConventions

AudioFormat = Literal["wav", "flac"]


def pcm_of(levels: bytes, conventions: AudioConventions) -> NDArray[np.int16]:
    """The 16-bit value of each timestep, int16 [T], the low byte first."""
    x = decode_levels(unpack_levels(levels, conventions.num_levels), conventions.num_levels, conventions.companding)
    values: NDArray[np.int16] = np.clip(np.rint(x * 32768.0), -32768, 32767).astype("<i2")
    return values


def audio_bytes(levels: bytes, conventions: AudioConventions, ending: AudioFormat) -> bytes:
    """A mono 16-bit file of this format; encoded again it gives the levels back."""
    return wav_bytes(levels, conventions) if ending == "wav" else flac_bytes(levels, conventions)


def wav_bytes(levels: bytes, conventions: AudioConventions) -> bytes:
    """A mono 16-bit WAV file; encoded again it gives the levels back."""
    sink = io.BytesIO()
    with wave.open(sink, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(conventions.sample_rate_hz)
        file.writeframes(pcm_of(levels, conventions).tobytes())
    return sink.getvalue()


def flac_bytes(levels: bytes, conventions: AudioConventions) -> bytes:
    """A mono 16-bit FLAC file, without loss; about half as large as WAV."""
    sink = io.BytesIO()
    sf.write(sink, pcm_of(levels, conventions), conventions.sample_rate_hz, format="FLAC", subtype="PCM_16")
    return sink.getvalue()


def png_bytes(levels: bytes, conventions: ImageConventions) -> bytes:
    """An 8-bit PNG file, grey for one channel, RGB for three."""
    pixels = np.frombuffer(levels, np.uint8).reshape(conventions.height, conventions.width, conventions.channels)
    image = Image.fromarray(
        intensities(pixels, conventions.num_levels).squeeze(-1 if conventions.channels == 1 else ())
    )
    sink = io.BytesIO()
    image.save(sink, "PNG")
    return sink.getvalue()
