"""Whatever a file holds, decoding it gives a picture or the item's failure."""

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import ItemError
from pipeline.image.decode import decode_with_notes
from tests.image_builders import gradient, interlaced_png, saved, tiff, wide_png
from tests.mutations import mutations

PICTURE = Image.fromarray(gradient(40, 30))

EXIF = Image.Exif()
EXIF[0x0112], EXIF[0x010F] = 6, "maker"

FILES = {
    "png": saved(PICTURE, exif=EXIF),
    "interlaced png": interlaced_png(gradient(16, 11)),
    "wide png": wide_png(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100),
    "palette png": saved(PICTURE.quantize(9), transparency=2),
    "animated png": saved(PICTURE, save_all=True, append_images=[PICTURE.rotate(90)]),
    "jpeg": saved(PICTURE, "JPEG", exif=EXIF),
    "progressive jpeg": saved(PICTURE, "JPEG", progressive=True),
    "cmyk jpeg": saved(PICTURE.convert("CMYK"), "JPEG"),
    "gif": saved(PICTURE, "GIF", save_all=True, append_images=[PICTURE.rotate(90), PICTURE]),
    "tiff": saved(PICTURE, "TIFF", exif=EXIF),
    "compressed tiff": saved(PICTURE, "TIFF", compression="tiff_lzw"),
    "wide tiff": tiff(np.arange(600, dtype=np.uint16).reshape(20, 30), ">"),
    "pages of tiff": saved(PICTURE, "TIFF", save_all=True, append_images=[PICTURE]),
    "webp": saved(PICTURE, "WEBP", exif=EXIF),
    "bmp": saved(PICTURE, "BMP"),
    "ppm": saved(PICTURE, "PPM"),
}


def outcome(data: bytes) -> str:
    """What decoding comes to: the stage of the failure, or "read"."""
    try:
        pixels, notes = decode_with_notes(data)
    except ItemError as error:
        return error.stage if error.reason else "no reason"
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] in (1, 3)
    assert all(notes)
    return "read"


@pytest.mark.parametrize("kind", FILES)
def test_three_hundred_damaged_copies(kind: str) -> None:
    found = [outcome(data) for data in mutations(FILES[kind], 300)]
    assert set(found) <= {"read", "decode"}
    assert found.count("decode") > 50, "the copies are hardly damaged"
