"""Resizing: the largest centred crop of the wanted shape, then one of two filters.

lanczos  windowed sinc over three lobes (Pillow's LANCZOS, which widens it for shrinking): sharp, the usual choice
box      the mean over each target pixel's area (Pillow's BOX): what published downsampled ImageNet sets used
"""

from typing import Literal

import numpy as np
from PIL import Image

from pipeline.image.decode import Pixels

Filter = Literal["lanczos", "box"]

FILTERS = {"lanczos": Image.Resampling.LANCZOS, "box": Image.Resampling.BOX}


def resize(pixels: Pixels, height: int, width: int, method: Filter = "lanczos") -> Pixels:
    """[H, W, C] to [height, width, C]; the same array where nothing changes."""
    if pixels.shape[:2] == (height, width):
        return pixels
    source = centred_crop(pixels.shape[0], pixels.shape[1], height, width)
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    resized = np.asarray(image.resize((width, height), FILTERS[method], box=source))
    return resized.reshape(height, width, pixels.shape[2])


def centred_crop(from_height: int, from_width: int, height: int, width: int) -> tuple[float, float, float, float]:
    """The largest centred box of the shape height : width, as left, upper, right, lower."""
    scale = min(from_height / height, from_width / width)
    left = (from_width - width * scale) / 2
    upper = (from_height - height * scale) / 2
    return left, upper, left + width * scale, upper + height * scale
