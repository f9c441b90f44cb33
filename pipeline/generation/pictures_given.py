"""Pixels that are given, from the files that a request names: read, checked, and as the samplers take them.

Axes: C channel, H W. The check reads each file once, and whoever draws reads it again: what is kept between is a name
and a checksum.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.sampling import Kept
from pipeline.errors import RequestError
from pipeline.generation.fields import shown, text_of
from pipeline.generation.given_files import bytes_of, require_checksum, require_unchanged, told_at
from pipeline.generation.pictures_rows import picture_row
from pipeline.image.decode import Pixels, decode
from pipeline.image.quantise import quantise
from pipeline.shards.schema import ImageConventions
from pipeline.storage import Location, locate

MOST_BYTES = 2**26
"""Of a picture's file: what is larger is no picture of a model's size."""

DRAWN_FROM = 128
"""Of a mask: the least value of a pixel that is drawn."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Source:
    """A picture's file, or a row of a dataset; `size` is its height and width, `sha256` of what it held."""

    uri: str
    size: Size
    sha256: str
    item_id: str = ""


@dataclass(frozen=True)
class Given:
    """Pixels of `picture`, which is every `stride`-th pixel of every `stride`-th row of the item, are kept, but for
    those that are drawn: where `mask` is white, or in `rectangle` (top, left, height, width).
    """

    picture: Source | None = None
    mask: Source | None = None
    rectangle: tuple[int, ...] = ()
    stride: int = 1


NOTHING_GIVEN = Given()


class PictureRead(NamedTuple):
    """Pixels [H, W, C] and the checksum of what held them."""

    pixels: Pixels
    sha256: str


def source_of(
    data: Mapping[str, Any], key: str, folder: str, conventions: ImageConventions, sizes: tuple[Size, ...], where: str
) -> Source:
    """What a key names, read and found to be of one of these sizes, and unchanged where the request has a checksum."""
    uri, item_id = place_of(data, key, folder, where)
    read = read_source(uri, item_id, 1 if key == "mask" else conventions.channels, f"{where}: {key}")
    height, width = read.pixels.shape[:2]
    if (height, width) not in sizes:
        wanted = " or ".join(f"{rows} x {columns}" for rows, columns in sizes) or "another size"
        raise RequestError(
            f"{where}: {key}: expected {wanted} pixels (height x width), and {uri} has {height} x {width}; resize it."
        )
    source = Source(uri, (height, width), read.sha256, item_id)
    require_checksum(data, key, uri, read.sha256, where)
    return source


def place_of(data: Mapping[str, Any], key: str, folder: str, where: str) -> tuple[str, str]:
    """The file's URI and "", or the dataset's and the id of the row."""
    value = data[key]
    if isinstance(value, dict) and key != "mask":
        if set(value) != {"dataset", "item"}:
            raise RequestError(
                f'{where}: {key} must be a path or {{"dataset": "DIR", "item": "ID"}}, got {shown(value)}.'
            )
        named = f"{where}: {key}"
        return locate(text_of(value, "dataset", named), folder).uri, text_of(value, "item", named)
    return locate(text_of(data, key, where), folder).uri, ""


def read_source(uri: str, item_id: str, channels: int, where: str) -> PictureRead:
    """A picture with so many channels; RequestError for what cannot be read."""
    with told_at(where, uri, "a picture, such as a PNG file"):
        if item_id:
            return PictureRead(*picture_row(Location(uri), item_id, channels))
        return read_file(uri, Location(uri).fingerprint(), channels)


@lru_cache(maxsize=8)
def read_file(uri: str, fingerprint: str, channels: int) -> PictureRead:
    """A file's picture; kept for the next request that names it. `fingerprint` is that of the file as it stands."""
    data = bytes_of(uri, MOST_BYTES)
    return PictureRead(decode(data, 1 if channels == 1 else 3), hashlib.sha256(data).hexdigest())


def require_given(given: Given, conventions: ImageConventions, where: str) -> None:
    """A RequestError where nothing would be drawn: a row that is all given is no generated item."""
    if given.picture is not None and bool(kept_of(given, conventions, where).mask.all()):
        raise RequestError(f"{where}: mask is black everywhere, so that nothing is drawn; white pixels are drawn.")


def kept_of(given: Given, conventions: ImageConventions, where: str) -> Kept:
    """The given pixels as samplers take them, [1, C, H, W]; RequestError where a file has changed since the check."""
    assert given.picture is not None
    shape = 1, conventions.channels, conventions.height, conventions.width
    levels, mask = torch.zeros(shape, dtype=torch.int64), torch.zeros(shape, dtype=torch.bool)
    pixels = quantise(unchanged(given.picture, conventions.channels, where), conventions.num_levels)
    own = ..., slice(None, None, given.stride), slice(None, None, given.stride)
    levels[own] = torch.from_numpy(pixels.astype(np.int64)).permute(2, 0, 1)
    mask[own] = True
    return Kept(levels, mask & ~drawn_pixels(given, shape[2:], where))


def drawn_pixels(given: Given, size: Size, where: str) -> Tensor:
    """[H, W] bool: what a mask or a rectangle leaves to be drawn."""
    drawn: npt.NDArray[np.bool_] = np.zeros(size, bool)
    if given.mask is not None:
        drawn = unchanged(given.mask, 1, where)[:, :, 0] >= DRAWN_FROM
    elif given.rectangle:
        top, left, height, width = given.rectangle
        drawn[top : top + height, left : left + width] = True
    return torch.from_numpy(drawn)


def unchanged(source: Source, channels: int, where: str) -> Pixels:
    """What a source holds, if it is what was checked."""
    read = read_source(source.uri, source.item_id, channels, where)
    require_unchanged(source.uri, source.sha256, read.sha256, where)
    return read.pixels
