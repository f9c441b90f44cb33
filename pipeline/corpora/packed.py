"""Items that lie in packed files: the one place that knows which reader takes which container."""

import numpy as np
from numpy.typing import NDArray

from pipeline.corpora import cifar, hf_rows, idx
from pipeline.corpora.webdataset import read_member
from pipeline.items import AudioItem, ImageItem


def packed_bytes(item: AudioItem | ImageItem) -> bytes:
    """The file that lies packed, as bytes: containers "parquet" and "tar". ItemError where it cannot be had."""
    if item.container == "parquet":
        return hf_rows.read_record(item)
    if item.container == "tar":
        return read_member(item)
    raise ValueError(f"a container of kind {item.container!r} holds no files; expected parquet or tar")


def packed_pixels(item: ImageItem) -> NDArray[np.uint8]:
    """The pixels that lie packed, as [H, W, C]: containers "idx" and "cifar". ItemError where they cannot be had."""
    if item.container == "idx":
        return idx.read_record(item)
    if item.container == "cifar":
        return cifar.read_record(item)
    raise ValueError(f"a container of kind {item.container!r} holds no pixels; expected idx or cifar")
