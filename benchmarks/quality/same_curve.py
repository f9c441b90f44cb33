"""The loss curve of the Gated PixelCNN as it is computed and of the plain formulation: `curves.py` says how.

    python -m benchmarks.quality.same_curve [--data FOLDER] [--steps N]

Batches of 16 pictures (every second pixel of CIFAR-10's PNG files); bits per dimension.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.plain_pictures import PlainGatedPixelCNN, plain_nats
from benchmarks.quality.curves import Subject, tell
from models.autoregressive import Autoregressive
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig

CONFIG = GatedPixelCNNConfig(hidden=32, num_layers=7, head_channels=256)
"""Recipe `gated-pixelcnn-small` with a wider head, so that products by colour are among what is compared."""

BATCH_SIZE, LEARNING_RATE = 16, 1e-3


def batches(corpora: Path, num_batches: int) -> Sequence[Tensor]:
    """So many batches of pictures."""
    given: Sequence[Tensor] = pictures(corpora / "cifar10-png", num_batches * BATCH_SIZE).split(BATCH_SIZE)
    return given


def pictures(folder: Path, num_pictures: int) -> Tensor:
    """Levels [N, 3, 16, 16] of so many PNG files, mixed by their names; ends the command where there are too few."""
    files = sorted(folder.rglob("*.png"), key=lambda file: file.name[::-1])[:num_pictures]
    if len(files) < num_pictures:
        raise SystemExit(f"{folder}: expected {num_pictures} PNG files or more, found {len(files)}")
    levels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
    return torch.from_numpy(levels).movedim(3, 1)[:, :, ::2, ::2].long()


def nats(model: Autoregressive, x: Tensor, precision: str) -> Tensor:
    """The mean over all levels."""
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        of_levels = plain_nats(model, x) if isinstance(model, PlainGatedPixelCNN) else model.nll_nats(x)
    return of_levels.mean()


SUBJECT = Subject(PlainGatedPixelCNN, GatedPixelCNN, CONFIG, LEARNING_RATE, batches, nats)

if __name__ == "__main__":
    tell("same_curve", SUBJECT)
