"""Image files to uint8 arrays, upright and flat; what was lost or changed on the way is said.

Notes are constant phrases, so that they can be counted over a corpus ("palette looked up: 1,204 files").
Profiles of colour (ICC) are not applied: values are taken as sRGB, which most files hold.
"""

import io
import warnings
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, ImageOps

from pipeline.errors import ItemError

Pixels = NDArray[np.uint8]

Channels = Literal[1, 3]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""What a corpus lists as pictures, by Pillow's names. Others are not tried: Pillow gives EPS to Ghostscript to run."""

MOST_PIXELS = 64_000_000
"""A small file can claim pixels by the billion (a decompression bomb); no camera passes 64 megapixels by much."""

SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")
"""Modes that hold 16-bit grey; Pillow reads some of those files as 32-bit "I"."""

GREY_MODES = ("1", "L", "LA", "La", "F")


class Decoded(NamedTuple):
    """A picture as [H, W, C], and what was done to it that its file does not show."""

    pixels: Pixels
    notes: tuple[str, ...]


def decode(data: bytes, channels: Channels | None = None) -> Pixels:
    """A file's first picture as [H, W, C]; `channels` None takes 1 for grey files and 3 for all others.

    EXIF orientation is applied; palettes are looked up; what is transparent lies on white; 16-bit values keep their
    upper byte; grey from colour is ITU-R 601 luma. Raises ItemError at stage "decode".
    """
    return decode_with_notes(data, channels).pixels


def decode_with_notes(data: bytes, channels: Channels | None = None) -> Decoded:
    """The same, and notes of what was lost or changed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of oddities in metadata; pixels are checked below
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                check_size(image.width, image.height)
                return upright_and_flat(image, channels)
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


def upright_and_flat(file: ImageFile.ImageFile, channels: Channels | None) -> Decoded:
    """The first picture of an opened file; the order matters: a palette's transparency goes with the palette."""
    depth = depth_note(file)  # before a PNG is asked for its EXIF data, for which Pillow loads all of it
    turned = orientation_note(file)
    notes = [depth, turned, mode_note(file)]
    file.load()
    image = narrowed(ImageOps.exif_transpose(file) if turned else file)
    if image.has_transparency_data:
        image, note = on_white(image)
        notes.append(note)
    if channels is None:
        channels = 1 if image.mode in GREY_MODES else 3
    elif channels == 1 and image.mode not in GREY_MODES:
        notes.append("colour turned to grey")
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    notes.append(frames_note(file))
    return Decoded(pixels[:, :, None] if channels == 1 else pixels, tuple(filter(None, notes)))


def depth_note(file: ImageFile.ImageFile) -> str:
    """Whether values are wider than a byte; asked before loading, after which Pillow no longer tells for colour."""
    arguments = file.tile[0].args if file.tile else ""
    if file.mode == "F":
        return "floating point rounded and cut to 0..255"
    if "I;32" in str(arguments):
        return "32 bits cut to 8"
    if file.format == "PPM" and isinstance(arguments, tuple):
        return "16 bits cut to 8" if int(arguments[-1] or 0) > 255 else ""
    return "16 bits cut to 8" if ";16" in str(arguments) or file.mode in SIXTEEN_BIT_MODES else ""


def orientation_note(file: ImageFile.ImageFile) -> str:
    """Whether the picture lies on its side or is mirrored."""
    orientation = file.getexif().get(ExifTags.Base.Orientation, 1)
    return f"EXIF orientation {orientation} applied" if orientation in range(2, 9) else ""


def mode_note(file: ImageFile.ImageFile) -> str:
    """Whether pixels are something else than grey or red, green and blue."""
    if file.mode in ("P", "PA"):
        return "palette looked up"
    return f"{file.mode} turned to RGB" if file.mode in ("CMYK", "YCbCr", "LAB", "HSV") else ""


def frames_note(file: ImageFile.ImageFile) -> str:
    """Whether there is more than one picture. How many would take a walk through all of some files."""
    try:
        return "first of several frames" if getattr(file, "is_animated", False) else ""
    except Exception:  # the first frame is whole, and has been read
        return "first of several frames, of which one is damaged"


def narrowed(image: Image.Image) -> Image.Image:
    """16-bit grey by its upper byte, a value that stands for transparency as white; others as they are."""
    if image.mode not in SIXTEEN_BIT_MODES:
        return image
    wide = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        wide[wide == transparent] = 65535
    return Image.fromarray((wide >> 8).astype(np.uint8))


def on_white(image: Image.Image) -> tuple[Image.Image, str]:
    """Lay a picture with transparency on white; a grey one stays grey."""
    above = image.convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", image.size, "white"), above)
    is_opaque = above.getchannel("A").getextrema() == (255, 255)
    return flat.convert("L" if image.mode in GREY_MODES else "RGB"), "" if is_opaque else "alpha laid on white"


def first_line(error: Exception) -> str:
    """The first line of an error, without the address of the buffer that Pillow puts into some."""
    text = str(error).split("\n")[0]
    return "unknown format" if "<_io.BytesIO" in text else text or type(error).__name__
