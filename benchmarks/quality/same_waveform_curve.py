"""The loss curve of WaveNet as it is computed and of the plain formulation, in three precisions.

    python -m benchmarks.quality.same_waveform_curve [--data FOLDER] [--steps N]

The same weights at the start, the same batches of 4 × 512 timesteps of FSDD at 8 kHz (and what stands before them), the
same optimiser; bits per timestep of each training batch. Both are one curve up to rounding, as in `same_curve.py`.
"""

import argparse
import math
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch

from benchmarks.plain_waveforms import PlainWaveNet
from benchmarks.quality.data import CORPORA, Material, prepared
from benchmarks.quality.same_curve import PRECISIONS, table, told_apart
from models.wavenet import WaveNet, WaveNetConfig
from pipeline.batches import Batch
from pipeline.preparation.config import PrepareConfig
from pipeline.training.step import sum_nats

CONFIG = WaveNetConfig(
    residual_channels=32,
    gate_channels=64,
    skip_channels=64,
    head_channels=64,
    dilations=(1, 2, 4, 8, 16, 32, 64, 128),
    num_stacks=1,
)
BATCH_SIZE, WINDOW, LEARNING_RATE = 4, 512, 4e-3


def batches(corpus: Path, num_batches: int) -> list[Batch]:
    """The first so many batches of a training on the corpus."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = prepared(corpus, Path(folder) / "dataset", PrepareConfig())
        material = Material(dataset, BATCH_SIZE, BATCH_SIZE, WINDOW, CONFIG.receptive_field)
        return list(islice(material.batches(seed=0), num_batches))


def curve(kind: type[WaveNet], precision: str, given: Sequence[Batch]) -> list[float]:
    """Bits per timestep of each batch before the step on it."""
    torch.manual_seed(0)
    model = kind(CONFIG).to(torch.float64 if precision == "float64" else torch.float32)
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    bits = []
    for batch in given:
        loss = sum_nats(model, model, batch, "bfloat16" if precision == "bf16" else precision) / batch.scored.sum()
        torch.autograd.backward(loss)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        bits.append(float(loss.detach()) / math.log(2))
    return bits


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.same_waveform_curve")
    parser.add_argument("--data", type=Path, default=CORPORA, help="where the corpora lie (default ../shared/data)")
    parser.add_argument("--steps", type=int, default=120, help="of training (default 120)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    given = batches(options.data / "fsdd", options.steps)
    curves = {
        f"{name} {precision}": curve(kind, precision, given)
        for precision in PRECISIONS
        for name, kind in (("plain", PlainWaveNet), ("ours", WaveNet))
    }
    print(table(curves))
    for precision in PRECISIONS:
        print(told_apart(curves, f"plain {precision}", f"ours {precision}"))
    for name in ("plain", "ours"):
        print(told_apart(curves, "plain float64", f"{name} bf16"))


if __name__ == "__main__":
    main()
