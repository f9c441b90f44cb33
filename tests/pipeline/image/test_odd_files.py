"""Every odd kind of file: what it becomes, and what is said of it."""

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import ItemError
from pipeline.image.decode import decode, decode_with_notes
from tests.image_builders import chunk, gradient, interlaced_png, png, saved, tiff, wide_png

PICTURE = Image.fromarray(gradient())

WIDE = np.array([[0, 255, 256, 40_000, 65_535]], np.uint16)

CUT = ("16 bits cut to 8",)


def test_a_plain_picture_has_no_notes() -> None:
    for file_format in ("PNG", "BMP", "TIFF", "PPM"):
        pixels, notes = decode_with_notes(saved(PICTURE, file_format))
        assert pixels.tolist() == gradient().tolist()
        assert notes == ()
    for file_format in ("JPEG", "WEBP"):
        assert decode_with_notes(saved(PICTURE, file_format)).notes == ()
    assert decode_with_notes(saved(PICTURE.convert("L"), "JPEG")).notes == ()


def test_a_palette() -> None:
    few = PICTURE.quantize(7)
    for file_format in ("PNG", "GIF", "BMP", "TIFF"):
        pixels, notes = decode_with_notes(saved(few, file_format))
        assert pixels.tolist() == np.asarray(few.convert("RGB")).tolist()
        assert notes == ("palette looked up",)


def test_a_palette_with_transparency() -> None:
    few = PICTURE.quantize(7)
    index = few.getpixel((0, 0))
    for file_format in ("PNG", "GIF"):
        pixels, notes = decode_with_notes(saved(few, file_format, transparency=index))
        assert (pixels[np.asarray(few) == index] == 255).all()
        assert (pixels[np.asarray(few) != index] != 255).any()
        assert notes == ("palette looked up", "alpha laid on white")


def test_a_palette_with_an_alpha_for_each_entry() -> None:
    data = saved(Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P"), transparency=bytes([0, 128]))
    assert decode_with_notes(data).notes == ("palette looked up", "alpha laid on white")
    assert decode(data)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_said_where_something_is_transparent(mode: str) -> None:
    image = PICTURE.convert(mode)
    pixels, notes = decode_with_notes(saved(image))
    assert notes == ()
    assert pixels.shape[2] == len(mode) - 1
    image.putalpha(Image.new("L", image.size, 128))
    pixels, notes = decode_with_notes(saved(image))
    assert notes == ("alpha laid on white",)
    expected = np.asarray(PICTURE.convert(mode[:-1])).reshape(12, 9, -1) * (128 / 255) + 255 * (127 / 255)
    assert np.abs(pixels - expected).max() <= 1


@pytest.mark.parametrize(
    "data", [wide_png(WIDE), tiff(WIDE, "<"), tiff(WIDE, ">"), saved(Image.fromarray(WIDE), "TIFF")]
)
def test_sixteen_bit_grey_in_either_order_of_bytes(data: bytes) -> None:
    pixels, notes = decode_with_notes(data)
    assert pixels[0, :, 0].tolist() == [0, 0, 1, 156, 255]
    assert notes == CUT


def test_sixteen_bit_grey_of_a_pgm_and_colour_of_a_ppm() -> None:
    pixels, notes = decode_with_notes(b"P5 5 1 65535\n" + WIDE.astype(">u2").tobytes())
    assert (pixels[0, :, 0].tolist(), notes) == ([0, 0, 1, 156, 255], CUT)
    assert decode_with_notes(b"P6 1 1 65535\n" + WIDE[:, :3].astype(">u2").tobytes()).notes == CUT
    assert decode_with_notes(b"P6 1 1 255\n\1\2\3").notes == ()


def test_sixteen_bit_colour_keeps_the_upper_byte() -> None:
    values = np.arange(0, 60_000, 997)[:60].reshape(4, 5, 3).astype(np.uint16)
    pixels, notes = decode_with_notes(wide_png(values))
    assert pixels.tolist() == (values >> 8).tolist()
    assert notes == CUT


def test_a_wide_value_that_stands_for_transparency_is_white() -> None:
    pixels, notes = decode_with_notes(wide_png(WIDE, chunk(b"tRNS", (256).to_bytes(2, "big"))))
    assert (pixels[0, :, 0].tolist(), notes) == ([0, 0, 255, 156, 255], CUT)


def test_floating_point_is_said() -> None:
    values = np.array([[-3, 0.4, 7.6, 300]], np.float32)
    pixels, notes = decode_with_notes(saved(Image.fromarray(values), "TIFF"))
    assert notes == ("floating point rounded and cut to 0..255",)
    assert pixels[0, :, 0].tolist() in ([0, 0, 7, 255], [0, 0, 8, 255])


def test_thirty_two_bits_are_said() -> None:
    values = np.array([[0, 256, 70_000, -1]], np.int32)
    pixels, notes = decode_with_notes(saved(Image.fromarray(values), "TIFF"))
    assert (pixels[0, :, 0].tolist(), notes) == ([0, 1, 255, 0], ("32 bits cut to 8",))


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
def test_cmyk(file_format: str) -> None:
    ink = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    pixels, notes = decode_with_notes(saved(ink, file_format))
    assert notes == ("CMYK turned to RGB",)
    assert np.abs(pixels.astype(int) - [255, 0, 0]).max() <= 4


def frames(count: int = 12) -> list[Image.Image]:
    return [Image.new("RGB", (6, 5), (20 * number, 0, 200)) for number in range(count)]


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "TIFF", "WEBP", "MPO"])
def test_the_first_of_several_frames(file_format: str) -> None:
    first, *others = frames()
    data = saved(first, file_format, save_all=True, append_images=others, lossless=True, quality=100)
    pixels, notes = decode_with_notes(data)
    assert pixels.shape == (5, 6, 3)
    assert np.abs(pixels.astype(int) - [0, 0, 200]).max() <= (2 if file_format == "MPO" else 0)
    assert notes[-1] == "first of several frames"


def test_a_damaged_later_frame_is_said() -> None:
    first, *others = frames(2)
    data = saved(first, "GIF", save_all=True, append_images=others)
    second = data.rindex(b"\x2c\0\0\0\0")  # the descriptor of its place in the picture
    pixels, notes = decode_with_notes(data[: second + 3])
    assert (pixels == [0, 0, 200]).all()
    assert notes == ("palette looked up", "first of several frames, of which one is damaged")


def test_a_damaged_later_frame_does_not_cost_the_first() -> None:
    first, *others = frames(3)
    data = saved(first, "TIFF", save_all=True, append_images=others)
    assert (decode(data[: len(data) - 100]) == [0, 0, 200]).all()


ORIENTED = {
    1: lambda it: it,
    2: lambda it: it[:, ::-1],
    3: lambda it: it[::-1, ::-1],
    4: lambda it: it[::-1],
    5: lambda it: it.transpose(1, 0, 2),
    6: lambda it: it.transpose(1, 0, 2)[:, ::-1],
    7: lambda it: it[::-1, ::-1].transpose(1, 0, 2),
    8: lambda it: it.transpose(1, 0, 2)[::-1],
}
"""EXIF 2.3, section 4.6.4 A: what has to be done to what is stored so that it stands upright."""


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "compressed TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_applied_once(file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"compression": "tiff_lzw"} if file_format.startswith("compressed") else {"lossless": True}
    pixels, notes = decode_with_notes(saved(PICTURE, file_format.split()[-1], exif=exif, **options))
    assert pixels.tolist() == ORIENTED[orientation](gradient()).tolist()
    assert notes == (() if orientation == 1 else (f"EXIF orientation {orientation} applied",))


def test_an_orientation_that_is_none_is_passed_over() -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    assert decode_with_notes(saved(PICTURE, exif=exif)).notes == ()


def test_one_bit_is_black_and_white() -> None:
    bits = Image.fromarray(np.array([[0, 255, 0]], np.uint8)).convert("1")
    for file_format in ("PNG", "TIFF", "BMP", "PPM"):
        pixels, notes = decode_with_notes(saved(bits, file_format))
        assert pixels.tolist() == [[[0], [255], [0]]]
        assert set(notes) <= {"palette looked up"}


@pytest.mark.parametrize(("bits", "row", "expected"), [(2, 0b00011011, [0, 85, 170, 255]), (4, 0x1F, [17, 255])])
def test_few_bits_are_spread(bits: int, row: int, expected: list[int]) -> None:
    data = png([bytes([row])], (len(expected), 1), bits, 0)
    assert decode(data)[0, :, 0].tolist() == expected


def test_an_interlaced_png() -> None:
    assert decode(interlaced_png(gradient())).tolist() == gradient().tolist()
    with pytest.raises(ItemError, match="not an image that can be read"):
        decode(interlaced_png(gradient())[:-60])


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.98])
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_truncated_jpeg_is_no_picture(share: float, options: dict[str, bool]) -> None:
    data = saved(Image.fromarray(gradient(200, 300)), "JPEG", **options)
    with pytest.raises(ItemError, match="not an image that can be read"):
        decode(data[: int(len(data) * share)])


def test_grey_of_colour_is_said() -> None:
    assert decode_with_notes(saved(PICTURE), 1).notes == ("colour turned to grey",)
    assert decode_with_notes(saved(PICTURE.convert("L")), 1).notes == ()
    assert decode_with_notes(saved(PICTURE.convert("L")), 3).notes == ()
