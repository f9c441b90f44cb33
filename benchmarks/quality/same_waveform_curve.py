"""The loss curve of WaveNet as it is computed and of the plain formulation: `curves.py` says how.

    python -m benchmarks.quality.same_waveform_curve [--data FOLDER] [--steps N]

Batches of 4 × 512 timesteps of FSDD at 8 kHz, and what stands before them; bits per timestep.
"""

import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from torch import Tensor

from benchmarks.plain_waveforms import PlainWaveNet
from benchmarks.quality.curves import Subject, tell
from benchmarks.quality.data import Material, prepared
from models.autoregressive import Autoregressive
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


def batches(corpora: Path, num_batches: int) -> Sequence[Batch]:
    """The first so many batches of a training on the corpus."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = prepared(corpora / "fsdd", Path(folder) / "dataset", PrepareConfig())
        material = Material(dataset, BATCH_SIZE, BATCH_SIZE, WINDOW, CONFIG.receptive_field)
        return list(islice(material.batches(seed=0), num_batches))


def nats(model: Autoregressive, batch: Batch, precision: str) -> Tensor:
    """The mean over the levels that count."""
    return sum_nats(model, model, batch, "bfloat16" if precision == "bf16" else precision) / batch.scored.sum()


SUBJECT = Subject(PlainWaveNet, WaveNet, CONFIG, LEARNING_RATE, batches, nats)

if __name__ == "__main__":
    tell("same_waveform_curve", SUBJECT)
