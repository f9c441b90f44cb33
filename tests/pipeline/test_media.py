"""Levels as files: what others read of them, encoded again, gives every level back."""

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from pipeline.audio.companding import decode_levels, encode_fast
from pipeline.image.quantise import quantise
from pipeline.media import audio_bytes, png_bytes, wav_bytes
from pipeline.shards.levels import pack_levels
from pipeline.shards.schema import AudioConventions, ImageConventions


@pytest.mark.parametrize("ending", ["wav", "flac"])
@pytest.mark.parametrize(("companding", "num_levels"), [("mu-law", 256), ("linear", 256), ("linear", 65_536)])
def test_a_file_of_audio_gives_every_level_back_to_another_reader(
    companding: str, num_levels: int, ending: str
) -> None:
    conventions = AudioConventions(8000, companding, num_levels)  # type: ignore[arg-type]
    levels = np.arange(min(num_levels, 65_535))  # of 65,536 the last is +1.0, which no 16-bit value is
    data = audio_bytes(pack_levels(levels, num_levels), conventions, ending)  # type: ignore[arg-type]
    x, sample_rate_hz = soundfile.read(io.BytesIO(data), dtype="float32")
    assert (sample_rate_hz, x.ndim) == (8000, 1)
    assert soundfile.info(io.BytesIO(data)).format == ending.upper()
    exact = np.minimum(decode_levels(levels, num_levels, conventions.companding), 1 - 2**-15)  # the largest of 16 bits
    assert np.abs(x - exact).max() <= 2**-16
    assert encode_fast(x.astype(np.float32), num_levels, conventions.companding).tolist() == levels.tolist()


def test_flac_is_smaller() -> None:
    levels, conventions = bytes(range(100, 150)) * 200, AudioConventions(8000)
    assert len(audio_bytes(levels, conventions, "flac")) < len(wav_bytes(levels, conventions)) / 2


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_a_png_file_has_the_rows_pixels(channels: int, mode: str) -> None:
    levels = (np.arange(6 * channels) % 8).astype(np.uint8)
    image = Image.open(io.BytesIO(png_bytes(levels.tobytes(), ImageConventions(2, 3, channels, 8))))
    assert (image.mode, image.size) == (mode, (3, 2))
    assert quantise(np.asarray(image), 8).flatten().tolist() == levels.tolist()
