"""The loss curve of the Gated PixelCNN as it is computed and of the plain formulation, in three precisions.

    python -m benchmarks.quality.same_curve [--data FOLDER] [--steps N]

The same weights at the start, the same batches of 16 pictures (every second pixel of CIFAR-10's PNG files), the same
optimiser; bits per dimension of each training batch. Both are one curve up to rounding, which training makes larger
with every step: float64 shows that it is nothing else. bf16 is to stay as near as the plain formulation's does.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.plain_pictures import PlainGatedPixelCNN, plain_nats
from benchmarks.quality.data import CORPORA
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig

CONFIG = GatedPixelCNNConfig(hidden=32, num_layers=7, head_channels=256)
"""Recipe `gated-pixelcnn-small` with a wider head, so that products by colour are among what is compared."""

BATCH_SIZE, LEARNING_RATE = 16, 1e-3
PRECISIONS = ("float64", "float32", "bf16")


def pictures(folder: Path, num_pictures: int) -> Tensor:
    """Levels [N, 3, 16, 16] of so many PNG files, mixed by their names; ends the command where there are too few."""
    files = sorted(folder.rglob("*.png"), key=lambda file: file.name[::-1])[:num_pictures]
    if len(files) < num_pictures:
        raise SystemExit(f"{folder}: expected {num_pictures} PNG files or more, found {len(files)}")
    levels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
    return torch.from_numpy(levels).movedim(3, 1)[:, :, ::2, ::2].long()


def curve(kind: type[GatedPixelCNN], precision: str, batches: Sequence[Tensor]) -> list[float]:
    """Bits per dimension of each batch before the step on it."""
    torch.manual_seed(0)
    model = kind(CONFIG).to(torch.float64 if precision == "float64" else torch.float32)
    nats = partial(plain_nats, model) if kind is PlainGatedPixelCNN else model.nll_nats
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    bits = []
    for x in batches:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = nats(x).mean()
        torch.autograd.backward(loss)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        bits.append(float(loss.detach()) / math.log(2))
    return bits


def table(curves: Mapping[str, Sequence[float]]) -> str:
    """Every tenth step, and how far apart the curves come."""
    rows = [f"{'step':>6}" + "".join(f"{name:>16}" for name in curves)]
    for step, bits in enumerate(zip(*curves.values(), strict=True)):
        if step % 10 == 0:
            rows.append(f"{step:6}" + "".join(f"{one:16.6f}" for one in bits))
    return "\n".join(rows)


def told_apart(curves: Mapping[str, Sequence[float]], one: str, other: str) -> str:
    """How far apart two curves are, in their first ten steps and in all."""
    differences = [abs(a - b) for a, b in zip(curves[one], curves[other], strict=True)]
    return f"{one} and {other}: {max(differences[:10]):.1e} bits in ten steps, {max(differences):.1e} in all"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.same_curve")
    parser.add_argument("--data", type=Path, default=CORPORA, help="where the corpora lie (default ../shared/data)")
    parser.add_argument("--steps", type=int, default=120, help="of training (default 120)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    batches = pictures(options.data / "cifar10-png", options.steps * BATCH_SIZE).split(BATCH_SIZE)
    curves = {
        f"{name} {precision}": curve(kind, precision, batches)
        for precision in PRECISIONS
        for name, kind in (("plain", PlainGatedPixelCNN), ("ours", GatedPixelCNN))
    }
    print(table(curves))
    for precision in PRECISIONS:
        print(told_apart(curves, f"plain {precision}", f"ours {precision}"))
    for name in ("plain", "ours"):
        print(told_apart(curves, "plain float64", f"{name} bf16"))


if __name__ == "__main__":
    main()
