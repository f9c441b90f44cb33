import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.corpora.listing import IMAGE_ENDINGS
from pipeline.errors import ItemError
from pipeline.image.decode import FORMATS, Channels, decode


def saved(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    sink = io.BytesIO()
    image.save(sink, file_format, **options)
    return sink.getvalue()


def corners() -> Image.Image:
    """Two by two: red, green over blue, white."""
    pixels = [[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]]
    return Image.fromarray(np.array(pixels, np.uint8))


def test_colours_come_row_by_row_channel_last() -> None:
    assert decode(saved(corners())).tolist() == [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]]


def test_grey_files_have_one_channel_and_colour_becomes_luma() -> None:
    grey = Image.fromarray(np.array([[0, 7, 255]], np.uint8))
    assert decode(saved(grey)).tolist() == [[[0], [7], [255]]]
    assert decode(saved(grey), 3).tolist() == [[[0] * 3, [7] * 3, [255] * 3]]
    assert decode(saved(corners()), 1)[:, :, 0].tolist() == [[76, 150], [29, 255]]


def test_palettes_are_looked_up() -> None:
    assert decode(saved(corners().quantize(4))).tolist() == decode(saved(corners())).tolist()


def test_what_is_transparent_lies_on_white() -> None:
    image = corners().convert("RGBA")
    image.putpixel((0, 0), (255, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 128))
    assert decode(saved(image))[0].tolist() == [[255, 255, 255], [127, 127, 127]]
    grey = Image.fromarray(np.array([[[9, 0], [9, 255]]], np.uint8), "LA")
    assert decode(saved(grey)).tolist() == [[[255], [9]]]


def test_a_transparent_palette_entry_is_white_too() -> None:
    image = corners().quantize(4)
    index = image.getpixel((0, 0))
    assert decode(saved(image, transparency=index))[0, 0].tolist() == [255, 255, 255]


def test_sixteen_bits_keep_the_upper_byte() -> None:
    wide = Image.fromarray(np.array([[0, 255, 256, 65535]], np.uint16))
    assert decode(saved(wide))[0, :, 0].tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize(
    ("orientation", "first"), [(1, [255, 0, 0]), (3, [255, 255, 255]), (6, [0, 0, 255]), (8, [0, 255, 0])]
)
def test_pictures_stand_upright(orientation: int, first: list[int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert decode(saved(corners(), exif=exif))[0, 0].tolist() == first


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims a size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8001, 12_000, 60_000])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(side: int) -> None:
    with pytest.raises(ItemError, match="pixels") as caught:
        decode(bomb(side, side))
    assert caught.value.stage == "decode"


@pytest.mark.parametrize(
    "data", [b"", b"no picture", saved(corners())[:-30], saved(corners(), "JPEG")[:200], bomb(4, 4)]
)
def test_damage_is_the_item_s_failure(data: bytes) -> None:
    with pytest.raises(ItemError, match=r"not an image that can be read: [^<]+$"):
        decode(data)


@pytest.mark.parametrize("channels", [1, 3])
def test_real_pictures(shared_data: Path, channels: Channels) -> None:
    data = next((shared_data / "cifar10-png" / "train" / "bird").glob("*.png")).read_bytes()
    assert decode(data, channels).shape == (32, 32, channels)


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP"])
def test_damaged_exif_is_the_item_s_failure(file_format: str) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    data = saved(corners(), file_format, exif=exif)
    assert decode(data).shape == (2, 2, 3)
    width_in_letters = data.replace(b"\x01\x0f\x00\x02", b"\x01\x00\x00\x02")
    with pytest.raises(ItemError, match="not an image that can be read"):
        decode(width_in_letters)


def test_what_is_listed_as_a_picture_is_what_is_decoded() -> None:
    known = Image.registered_extensions()
    assert {known[ending] for ending in IMAGE_ENDINGS} == set(FORMATS)


def test_a_format_that_is_not_listed_is_not_tried() -> None:
    with pytest.raises(ItemError, match="unknown format"):
        decode(saved(corners(), "EPS"))
    with pytest.raises(ItemError, match="unknown format"):
        decode(saved(corners(), "TGA"))
