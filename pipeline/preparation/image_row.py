"""One picture to one row: decode, crop and resize, quantise."""

from typing import Any

import numpy as np

from pipeline.corpora.idx import is_packed, read_record
from pipeline.image.decode import Channels, Pixels, decode
from pipeline.image.quantise import quantise
from pipeline.image.resize import resize
from pipeline.items import ImageItem
from pipeline.preparation.config import PrepareConfig
from pipeline.preparation.reading import bytes_of, failures_of
from pipeline.preparation.splits import split_of
from pipeline.shards.schema import ImageConventions
from pipeline.storage import Location


def image_row(item: ImageItem, config: PrepareConfig, conventions: ImageConventions) -> dict[str, Any]:
    """A row of `shards/schema.py`; what the corpus does not say is null."""
    height, width, channels = conventions.height, conventions.width, conventions.channels
    pixels = read_pixels(item, 1 if channels == 1 else 3)
    levels = quantise(resize(pixels, height, width, config.image.filter), conventions.num_levels)
    return {
        "item_id": item.item_id,
        "source": item.source,
        "split": split_of(item.item_id, item.split, config.split.held_out_share),
        "label": item.label or None,
        "licence": item.licence or None,
        "levels": levels.tobytes(),
        "height": height,
        "width": width,
        "channels": channels,
    }


def read_pixels(item: ImageItem, channels: Channels | None) -> Pixels:
    """The picture as [H, W, C]; `channels` None leaves it what the file has."""
    with failures_of(item.source):
        if is_packed(item.source):
            record = read_record(item)
            return np.repeat(record, 3, axis=2) if channels == 3 else record
        return decode(bytes_of(Location(item.source)), channels)
