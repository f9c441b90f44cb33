"""Image files of every odd kind, made on the spot; some that Pillow reads and does not write are put together here."""

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def saved(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    """The file of a picture."""
    sink = io.BytesIO()
    image.save(sink, file_format, **options)
    return sink.getvalue()


def gradient(height: int = 12, width: int = 9) -> NDArray[np.uint8]:
    """[H, W, 3] of which no two rows or columns are alike."""
    row, column, channel = np.indices((height, width, 3))
    return np.asarray((17 * row + 11 * column + 60 * channel) % 256, np.uint8)


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    rows: Sequence[bytes],
    size: tuple[int, int],
    bits: int,
    colour: int,
    interlaced: bool = False,
    more: bytes = b"",
) -> bytes:
    """A PNG of these rows, unfiltered; `colour` 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA; `more` chunks."""
    header = struct.pack(">IIBBBBB", *size, bits, colour, 0, 0, int(interlaced))
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def wide_png(values: NDArray[np.uint16], more: bytes = b"") -> bytes:
    """A PNG of 16 bits from [H, W] (grey) or [H, W, 3]."""
    height, width, *channels = values.shape
    rows = [row.astype(">u2").tobytes() for row in values]
    return png(rows, (width, height), 16, 2 if channels else 0, more=more)


ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row and column, and steps between them, of the seven passes (PNG specification, section 8.2)."""


def interlaced_png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of [H, W, 3] in seven passes."""
    passes = (pixels[row::down, column::right] for row, column, down, right in ADAM7)
    rows = [row.tobytes() for part in passes for row in part if row.size]
    return png(rows, (pixels.shape[1], pixels.shape[0]), 8, 2, interlaced=True)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims a size."""
    return png([], (width, height), 8, 0)


def tiff(values: NDArray[np.uint16], order: str) -> bytes:
    """A TIFF of 16-bit grey, [H, W], in either order of bytes ("<" or ">")."""
    height, width = values.shape
    data = values.astype(order + "u2").tobytes()
    tags = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, 1, 16),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (278, 3, 1, height),
        (279, 4, 1, len(data)),
    ]
    entries = b"".join(
        struct.pack(order + "HHI", tag, kind, count)
        + (struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "I", value))
        for tag, kind, count, value in tags
    )
    start = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8 + len(data))
    return start + data + struct.pack(order + "H", len(tags)) + entries + bytes(4)
