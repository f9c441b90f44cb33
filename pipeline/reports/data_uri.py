"""Files inside the page: bytes as data URIs, so that the report is one file that asks nothing of a network."""

import base64
import io

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image


def data_uri(data: bytes, media_type: str) -> str:
    """Bytes as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def wav_uri(waveform: NDArray[np.float32], sample_rate_hz: int) -> str:
    """A waveform [T] as a 16-bit WAV file, which every browser plays."""
    sink = io.BytesIO()
    soundfile.write(sink, waveform, sample_rate_hz, format="WAV", subtype="PCM_16")
    return data_uri(sink.getvalue(), "audio/wav")


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """Pixels [H, W, 4] as a PNG file."""
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "PNG", optimize=True)
    return data_uri(sink.getvalue(), "image/png")
