"""Held-out bits of small networks after a few steps on real data: recorded, and not allowed to get worse.

A change that is right in every other test may still train worse: another start, another order of layers, a gate that
is scaled. The page `tests/golden/held_out_bits.json` holds what each network reached when it was recorded; to record
anew, where a change is meant to cost bits or a network is new, run

    python -m tests.models.test_held_out_bits

Binarised MNIST at 14 × 14, CIFAR-10 at 8 × 8 and 16 levels, spoken digits at 8 kHz and 256 mu-law levels. A fixed
seed, float32, one thread.
"""

import gzip
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from torch import Tensor

from models import MODELS, build
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.linear_ar import LinearARConfig
from models.multiscale import MultiscaleConfig
from models.pixelcnn import PixelCNNConfig
from models.pixelcnn_pp import PixelCNNPPConfig
from models.pixelrnn import PixelRNNConfig
from models.wavenet import WaveNetConfig
from models.wavenet_context import ContextStackConfig
from pipeline.audio.companding import encode

PAGE = Path(__file__).parent.parent / "golden" / "held_out_bits.json"
TOLERANCE = 0.01
"""Of the bits recorded: weights that start a millionth off move them by 0.0004 of themselves at the most."""

HELD_OUT = 128


def mnist(data: Path) -> Tensor:
    """[768, 1, 14, 14] of two levels: every second pixel, white where it is more than half white."""
    file = gzip.decompress((data / "mnist" / "t10k-0-5000-images-idx3-ubyte.gz").read_bytes())
    images = np.frombuffer(file, np.uint8, offset=16).reshape(-1, 1, 28, 28)[:768, :, ::2, ::2]
    return torch.from_numpy((images > 127).astype(np.int64))


def cifar10(data: Path) -> Tensor:
    """[768, 3, 8, 8] of 16 levels, 4 × 4 pixels averaged to one; the classes take turns."""
    folders = sorted((data / "cifar10-png" / "train").iterdir())
    files = [file for turn in zip(*(sorted(folder.glob("*.png")) for folder in folders), strict=True) for file in turn]
    images = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files[:768]])
    small = images.reshape(-1, 8, 4, 8, 4, 3).mean((2, 4)).transpose(0, 3, 1, 2)
    return torch.from_numpy((small // 16).astype(np.int64))


def digits(data: Path) -> Tensor:
    """[600, 320] of 256 mu-law levels, from the middle of a recording each; speakers and digits take turns."""
    files = sorted((data / "fsdd" / "recordings").glob("*.wav"), key=lambda file: file.stem.split("_")[::-1])
    waves = [soundfile.read(file, dtype="float32")[0] for file in files]
    middles = [np.resize(wave[max(0, len(wave) // 2 - 160) :], 320) for wave in waves]
    return torch.from_numpy(encode(np.stack(middles)).astype(np.int64))


@dataclass(frozen=True)
class Subject:
    """A network, as a function of levels and channels, the data that it is tried on, and how it is trained."""

    model: str
    corpora: tuple[Callable[[Path], Tensor], ...]
    config: Callable[[int, int], Any]
    learning_rate: float = 0.01
    num_steps: int = 60


PICTURES = (mnist, cifar10)
SMALL: dict[str, Any] = {"hidden": 24, "num_layers": 2, "head_channels": 32, "first_kernel": 5}
WAVENET: dict[str, Any] = {
    "residual_channels": 16,
    "gate_channels": 32,
    "skip_channels": 32,
    "head_channels": 32,
    "dilations": (1, 2, 4, 8, 16),
    "num_stacks": 1,
}
MIXTURE: dict[str, Any] = {"input": "scalar", "output": "logistic_mixture", "input_kernel_size": 2}
CONTEXT = ContextStackConfig(16, 8, 16, 16, dilations=(1, 2, 4))
SUBJECTS = {
    "pixelcnn": Subject("pixelcnn", PICTURES, lambda k, c: PixelCNNConfig(k, c, **SMALL)),
    "row_lstm": Subject("pixelrnn", PICTURES, lambda k, c: PixelRNNConfig(k, c, "row_lstm", **SMALL)),
    "diagonal_bilstm": Subject("pixelrnn", (cifar10,), lambda k, c: PixelRNNConfig(k, c, "diagonal_bilstm", **SMALL)),
    "gated_pixelcnn": Subject("gated_pixelcnn", PICTURES, lambda k, c: GatedPixelCNNConfig(k, c, **SMALL)),
    "pixelcnn_pp": Subject(
        "pixelcnn_pp",
        (cifar10,),
        lambda k, c: PixelCNNPPConfig(
            k, c, filters=16, num_resnets=1, num_resolutions=2, num_components=5, dropout=0.0
        ),
    ),
    "multiscale": Subject(
        "multiscale",
        (cifar10,),
        lambda k, c: MultiscaleConfig(
            num_levels=k,
            channels=c,
            map_channels=8,
            base=GatedPixelCNNConfig(**SMALL),
            upscaler=GatedPixelCNNConfig(**SMALL),
        ),
    ),
    "wavenet": Subject("wavenet", (digits,), lambda k, _: WaveNetConfig(k, **WAVENET), 0.02, 100),
    "wavenet_context": Subject(
        "wavenet", (digits,), lambda k, _: WaveNetConfig(k, contexts=(CONTEXT,), **WAVENET), 0.02, 100
    ),
    "wavenet_mixture": Subject("wavenet", (digits,), lambda k, _: WaveNetConfig(k, **MIXTURE, **WAVENET)),
    "linear_ar": Subject("linear_ar", (digits,), lambda k, _: LinearARConfig(16, k)),
}
LEVELS: dict[Callable[[Path], Tensor], int] = {mnist: 2, cifar10: 16, digits: 256}
CASES = [(name, corpus.__name__) for name, subject in SUBJECTS.items() for corpus in subject.corpora]
LONG = (("row_lstm", "mnist"), ("gated_pixelcnn", "mnist"))
"""Left to the long tests: the same networks on coloured pictures, and PixelCNN on these, stand among the others."""


@cache
def levels_of(corpus: Callable[[Path], Tensor], data: Path) -> Tensor:
    """The corpus, read once."""
    return corpus(data)


def held_out_bits(name: str, corpus: str, data: Path) -> float:
    """Bits per dimension, or timestep, of the last HELD_OUT items after the subject's training on all others."""
    subject = SUBJECTS[name]
    source = next(source for source in subject.corpora if source.__name__ == corpus)
    x = levels_of(source, data)
    torch.manual_seed(0)
    model = build(subject.model, subject.config(LEVELS[source], x.shape[1]))
    optimiser = torch.optim.Adam(model.parameters())
    generator = torch.Generator().manual_seed(0)
    model.initialise(x[:16])
    for step in range(subject.num_steps):
        optimiser.param_groups[0]["lr"] = (
            subject.learning_rate * min(1, (step + 1) / 10) * (1 - step / subject.num_steps)
        )
        rows = torch.randint(0, len(x) - HELD_OUT, (16,), generator=generator)
        optimiser.zero_grad()
        model.nll_nats(x[rows]).mean().backward()
        optimiser.step()
    with torch.no_grad():
        return model.eval().nll_nats(x[-HELD_OUT:]).mean().item() / math.log(2)


def test_every_model_of_the_registry_is_held_to_its_bits() -> None:
    assert {subject.model for subject in SUBJECTS.values()} == MODELS.keys()
    assert json.loads(PAGE.read_text()).keys() == {f"{name} {corpus}" for name, corpus in CASES}


@pytest.mark.parametrize(
    ("name", "corpus"), [pytest.param(*case, marks=[pytest.mark.slow] * (case in LONG)) for case in CASES]
)
def test_held_out_bits_are_no_worse_than_recorded(name: str, corpus: str, shared_data: Path) -> None:
    recorded = json.loads(PAGE.read_text())[f"{name} {corpus}"]
    assert held_out_bits(name, corpus, shared_data) < recorded * (1 + TOLERANCE)


def record(data: Path) -> None:
    """Write the page anew."""
    torch.set_num_threads(1)
    bits = {f"{name} {corpus}": round(held_out_bits(name, corpus, data), 4) for name, corpus in CASES}
    PAGE.write_text(json.dumps(bits, indent=2) + "\n")


if __name__ == "__main__":
    record(PAGE.parents[2].parent / "shared" / "data")
