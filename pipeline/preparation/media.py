"""A row's own file, for readers that want to hear or see it without knowing our levels: Hugging Face's, for one."""

import hashlib
import io
from typing import Any

import numpy as np
import soundfile as sf
from PIL import Image

from pipeline.audio.decode import Waveform
from pipeline.image.decode import Pixels
from pipeline.shards.schema import AudioConventions, ImageConventions


def audio_file(waveform: Waveform, conventions: AudioConventions) -> dict[str, Any]:
    """The column `audio`: the waveform in 16 bits, before it was companded; no column where none is asked for."""
    media = conventions.features.media
    if media == "off":
        return {}
    sink = io.BytesIO()
    values = np.clip(np.rint(waveform * np.float32(32768)), -32768, 32767).astype(np.int16)
    sf.write(sink, values, conventions.sample_rate_hz, format=media.upper(), subtype="PCM_16")
    return {"audio": as_file(sink.getvalue(), media)}


def image_file(pixels: Pixels, conventions: ImageConventions) -> dict[str, Any]:
    """The column `image`: the pixels [H, W, C] as they were resized, before they were quantised."""
    media = conventions.features.media
    if media == "off":
        return {}
    sink = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(sink, media.upper())
    return {"image": as_file(sink.getvalue(), media)}


def as_file(data: bytes, ending: str) -> dict[str, Any]:
    """Bytes with a name made of themselves: an id may hold anything, and a path must not."""
    return {"bytes": data, "path": f"{hashlib.sha256(data).hexdigest()[:16]}.{ending}"}
