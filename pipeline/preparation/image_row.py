"""One picture to one row: decode, crop and resize, quantise."""

from collections import Counter
from typing import Any

import numpy as np
from PIL import Image

from pipeline.corpora.packed import packed_bytes, packed_pixels
from pipeline.image.decode import Channels, Decoded, Pixels, decode_with_notes
from pipeline.image.quantise import quantise
from pipeline.image.resize import resize
from pipeline.items import ImageItem
from pipeline.preparation.config import PrepareConfig
from pipeline.preparation.media import image_file
from pipeline.preparation.reading import bytes_of, failures_of
from pipeline.preparation.splits import split_of
from pipeline.shards.schema import ImageConventions
from pipeline.storage import Location


def image_row(
    item: ImageItem, config: PrepareConfig, conventions: ImageConventions, notes: Counter[str]
) -> dict[str, Any]:
    """A row of `shards/schema.py`; what the corpus does not say is null."""
    height, width, channels = conventions.height, conventions.width, conventions.channels
    decoded = read_pixels(item, 1 if channels == 1 else 3)
    notes.update(decoded.notes)
    pixels = resize(decoded.pixels, height, width, config.image.filter)
    return {
        "item_id": item.item_id,
        "source": item.source,
        "split": split_of(item, config.split),
        "label": item.label or None,
        "licence": item.licence or None,
        "levels": quantise(pixels, conventions.num_levels).tobytes(),
        "height": height,
        "width": width,
        "channels": channels,
        **image_file(pixels, conventions),
    }


def read_pixels(item: ImageItem, channels: Channels | None) -> Decoded:
    """The picture as [H, W, C]; `channels` None leaves it what the file has."""
    with failures_of(item.source):
        if item.container in ("idx", "cifar"):
            return recoloured(packed_pixels(item), channels)
        data = packed_bytes(item) if item.container else bytes_of(Location(item.source))
        return decode_with_notes(data, channels)


def recoloured(pixels: Pixels, channels: Channels | None) -> Decoded:
    """Pixels that were never in a file of their own, in as many channels as are asked for."""
    if channels in (None, pixels.shape[2]):
        return Decoded(pixels, ())
    if channels == 3:
        return Decoded(np.repeat(pixels, 3, axis=2), ())
    return Decoded(np.asarray(Image.fromarray(pixels).convert("L"))[:, :, None], ("colour turned to grey",))
