"""Image files to uint8 arrays, upright and flat."""

import io
import warnings
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pipeline.errors import ItemError

Pixels = NDArray[np.uint8]

Channels = Literal[1, 3]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""What a corpus lists as pictures, by Pillow's names. Others are not tried: Pillow gives EPS to Ghostscript to run."""

MOST_PIXELS = 64_000_000
"""A small file can claim pixels by the billion (a decompression bomb); no camera passes 64 megapixels by much."""

SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")
"""Modes that hold 16-bit grey; Pillow reads some of those files as 32-bit "I"."""


def decode(data: bytes, channels: Channels | None = None) -> Pixels:
    """A file's first picture as [H, W, C]; `channels` None takes 1 for grey files and 3 for all others.

    EXIF orientation is applied; palettes are looked up; what is transparent lies on white; 16-bit values keep their
    upper byte; grey from colour is ITU-R 601 luma. Raises ItemError at stage "decode".
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of oddities in metadata; pixels are checked below
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                check_size(image.width, image.height)
                return to_pixels(ImageOps.exif_transpose(image), channels)
    except Image.DecompressionBombError as error:
        raise ItemError("decode", f"claims more than {MOST_PIXELS:,} pixels") from error
    except ItemError:
        raise
    except Exception as error:  # a damaged file lets Pillow raise whatever its parsers run into, struct.error for one
        raise ItemError("decode", f"not an image that can be read: {first_line(error)}") from error


def check_size(width: int, height: int) -> None:
    """Refuse a decompression bomb before it is unpacked."""
    if width * height > MOST_PIXELS:
        raise ItemError("decode", f"claims {width} x {height} pixels; expected at most {MOST_PIXELS:,} in all")
    if width * height == 0:
        raise ItemError("decode", f"empty: {width} x {height} pixels")


def to_pixels(image: Image.Image, channels: Channels | None) -> Pixels:
    """Any of Pillow's modes to [H, W, C]."""
    if image.mode in SIXTEEN_BIT_MODES:
        wide = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        image = Image.fromarray((wide >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = on_white(image)
    if channels is None:
        channels = 1 if image.mode in ("1", "L", "F") else 3
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return pixels[:, :, None] if channels == 1 else pixels


def on_white(image: Image.Image) -> Image.Image:
    """Lay a picture with transparency on white; a grey one stays grey."""
    is_grey = image.mode in ("1", "L", "LA", "La")
    above = image.convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", image.size, "white"), above)
    return flat.convert("L" if is_grey else "RGB")


def first_line(error: Exception) -> str:
    """The first line of an error, without the address of the buffer that Pillow puts into some."""
    text = str(error).split("\n")[0]
    return "unknown format" if "<_io.BytesIO" in text else text or type(error).__name__
