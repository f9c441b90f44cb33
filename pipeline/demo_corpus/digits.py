"""Handwritten digits in pictures of 8 × 8, as scikit-learn ships them: an ImageFolder of PNG files, no download.

FOLDER/train/0/0000.png ... FOLDER/test/9/1793.png   grey, 8 bits; the number counts through the whole set

Every eleventh picture is held out for the test: the set repeats 0 to 9 in turn, and 11 wanders through the classes.

Source and licence: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (UCI, 1998), CC BY 4.0; the
1,797 pictures of its test set, each pixel the count of ink over a block of 4 × 4, 0 to 16.

Grey values: prepare takes a grey v to the level floor(v · num_levels / 256). Pixels are written as the greys that
`intensities` gives for 17 levels (0, 16, 32, 48, 64, 80, 96, 112, 128, 143, ... 255), so `image.num_levels=17` gives
back the 17 counts of the source exactly. With 16 levels the counts 8 and 9 fall together and all others stay apart.
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.demo_corpus.made import is_made, mark_made
from pipeline.errors import MissingExtra
from pipeline.image.quantise import intensities
from pipeline.storage import Location

NUM_COUNTS = 17

TEST_EVERY = 11


@dataclass(frozen=True)
class DigitsCorpusConfig:
    """How much to make; all there is takes two seconds."""

    num_pictures: int = 1797


def make_digits_corpus(folder: Location, config: DigitsCorpusConfig | None = None) -> int:
    """Write the pictures as PNG files in a folder per class, or find them made already; returns their number."""
    config = config or DigitsCorpusConfig()
    if (num_made := is_made(folder, config)) is not None:
        return num_made
    counts, classes = load_counts()
    counts, classes = counts[: config.num_pictures], classes[: config.num_pictures]
    for index, (picture, label) in enumerate(zip(counts, classes, strict=True)):
        split = "train" if index % TEST_EVERY else "test"
        (folder / f"{split}/{label}/{index:04d}.png").write_bytes(png_bytes(intensities(picture, NUM_COUNTS)))
    mark_made(folder, config, len(counts))
    return len(counts)


def load_counts() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The counts [1797, 8, 8], 0 to 16, and the classes [1797]."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingExtra(
            "the digit pictures of the demo come with scikit-learn, which is not installed; "
            "install it, in the checkout, with: pip install '.[demo]'"
        ) from None
    digits = load_digits()
    return digits.images.astype(np.uint8), digits.target.astype(np.int64)


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """A grey picture [H, W] as a PNG file."""
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "PNG")
    return sink.getvalue()
