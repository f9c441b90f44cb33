"""What chose the defaults of training: one setting varied at a time, held-out bits after the same number of steps.

    python -m benchmarks.quality.choices wavenet                        every group of variants, two seeds
    python -m benchmarks.quality.choices pixelcnn --only start --steps 800
    python -m benchmarks.quality.choices wavenet --set learning_rate=0.004 --seeds 1

Variants of one network cost the same per step, so equal steps are equal CPU seconds, and nothing depends on what else
the machine does: the same command gives the same figures. All variants of a seed begin with the same random weights
(but for what they change of them) and see the same batches. `docs/decisions/0008-training-defaults.md` holds what was
found. Data: FSDD at 8 kHz; CIFAR-10 at 16 × 16 and 8 levels, so that minutes are enough.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

from benchmarks.harness import pin_threads
from benchmarks.quality import starts
from benchmarks.quality.data import CORPORA, Material, prepared
from benchmarks.quality.racers import Ours, ours
from jobs.config import overlay, parse_config, parse_set
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.pixelcnn import PixelCNNConfig
from models.wavenet import WaveNetConfig
from pipeline.preparation.config import AudioConfig, ImageConfig, PrepareConfig, SpeechConfig
from pipeline.training.config import TrainingConfig


@dataclass(frozen=True)
class Variant:
    """What differs from the defaults: settings of training, or how the weights start.

    A setting may be a function of the number of steps.
    """

    group: str
    name: str
    training: Mapping[str, Any] = field(default_factory=dict)
    start: starts.Start | None = None


@dataclass(frozen=True)
class Subject:
    """A network on a corpus."""

    model: str
    corpus: str
    preparation: PrepareConfig
    config: Any
    starts: Mapping[str, starts.Start]
    batch_size: int
    num_held_out: int
    window: int = 1
    receptive_field: int = 0


AUDIO = PrepareConfig(audio=AudioConfig(sample_rate_hz=8000), speech=SpeechConfig(phones="off"))
CIFAR = "cifar10-png"
PICTURES = PrepareConfig(image=ImageConfig(height=16, width=16, num_levels=8, filter="box"))

WAVENET = WaveNetConfig(256, 16, 32, 64, 64, dilations=(1, 2, 4, 8, 16, 32, 64, 128), num_stacks=2)
"""Recipe `wavenet-small` at half its width."""
GATED_PIXELCNN = GatedPixelCNNConfig(8, 3, 24, 5, 48)
PIXELCNN = PixelCNNConfig(8, 3, 24, 7, 48)

SUBJECTS = {
    "wavenet": Subject("wavenet", "fsdd", AUDIO, WAVENET, starts.WAVENET, 4, 128, 1024, WAVENET.receptive_field),
    "gated_pixelcnn": Subject(
        "gated_pixelcnn", "cifar10-png", PICTURES, GATED_PIXELCNN, starts.GATED_PIXELCNN, 16, 128
    ),
    "pixelcnn": Subject("pixelcnn", "cifar10-png", PICTURES, PIXELCNN, starts.PIXELCNN, 16, 128),
}


def settings() -> Iterator[Variant]:
    """What is asked of every network."""
    for rate in (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016):
        yield Variant("learning rate", f"adam {rate:g}", {"learning_rate": rate})
    for rate in (0.0003, 0.001, 0.003):
        yield Variant("learning rate", f"rmsprop {rate:g}", {"learning_rate": rate, "optimiser": "rmsprop"})
    for betas in ((0.9, 0.99), (0.95, 0.9995), (0.8, 0.999)):
        yield Variant("betas", f"adam {betas[0]:g}, {betas[1]:g}", {"adam_betas": betas})
    for steps in (0, 20, 200):
        yield Variant("warm-up", f"{steps} steps", {"warm_up_steps": steps})
    yield Variant("schedule", "constant", {"decay": "constant"})
    halved = {"decay": "halving", "halve_every_steps": lambda num_steps: max(1, num_steps // 4)}
    yield Variant("schedule", "halved three times", halved)
    for share in (0.0, 0.2):
        yield Variant("schedule", f"cosine to {share:g}", {"final_share": share})
    for decay in (0.0, 0.9, 0.98):
        yield Variant("average", f"{decay:g}", {"ema_decay": decay})
    yield Variant("average", "0, constant rate", {"ema_decay": 0.0, "decay": "constant"})
    for norm in (0.1, 10.0):
        yield Variant("clipping", f"{norm:g}", {"clip_gradient_norm": norm})


def variants(subject: Subject) -> Iterator[Variant]:
    """All that is tried with a network. "as it is" is what each of the others departs from."""
    yield Variant("start", "as it is")
    for name, start in subject.starts.items():
        yield Variant("start", name, start=start)
    yield from settings()


def racer_of(subject: Subject, variant: Variant, base: TrainingConfig, num_steps: int) -> Ours:
    """The network at its start."""
    given = {name: value(num_steps) if callable(value) else value for name, value in variant.training.items()}
    racer = ours(variant.name, subject.model, subject.config, replace(base, **given))
    learner = racer.learner
    if variant.start:
        variant.start(learner.model)
        learner.restart_average()
    return racer


def bits_of(subject: Subject, material: Material, variant: Variant, base: TrainingConfig, num_steps: int) -> float:
    """Held-out bits after so many steps."""
    racer = racer_of(subject, variant, base, num_steps)
    for step, batch in zip(range(num_steps), material.batches(base.seed), strict=False):
        racer.learn(batch, step / num_steps)
    return racer.bits(material.held_out)


def material_of(subject: Subject, data: Path, folder: Path) -> Material:
    """The subject's corpus, prepared into a folder."""
    dataset = prepared(data / subject.corpus, folder / subject.corpus, subject.preparation)
    return Material(dataset, subject.batch_size, subject.num_held_out, subject.window, subject.receptive_field)


def measure(subject: Subject, chosen: Callable[[Variant], bool], options: argparse.Namespace) -> Iterator[str]:
    """A line for each variant that is asked for."""
    base = parse_config(TrainingConfig, reduce(overlay, map(parse_set, options.set), {}), "--set")
    with tempfile.TemporaryDirectory() as folder:
        material = material_of(subject, options.data, Path(folder))
        for variant in filter(chosen, variants(subject)):
            started = time.process_time()
            seeds = [replace(base, seed=base.seed + number) for number in range(options.seeds)]
            found = [bits_of(subject, material, variant, of_seed, options.steps) for of_seed in seeds]
            yield line(variant, found, time.process_time() - started)


def line(variant: Variant, bits: Sequence[float], cpu_s: float) -> str:
    """One result as text."""
    each = " ".join(f"{one:.4f}" for one in bits)
    return f"{variant.group + ': ' + variant.name:48}{statistics.mean(bits):8.4f}   ({each})  {cpu_s:6.1f} CPU s"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.choices")
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("--data", type=Path, default=CORPORA, help="folder of the corpora (default ../shared/data)")
    parser.add_argument("--steps", type=int, default=400, help="of each training (default 400)")
    parser.add_argument("--seeds", type=int, default=2, help="how many (default 2), from --set seed=0 on")
    parser.add_argument("--only", default="", help="only what holds this text: 'start', 'learning rate: adam'")
    parser.add_argument("--set", action="append", default=[], help="a setting of training for all: learning_rate=0.004")
    options = parser.parse_args()
    pin_threads()
    for result in measure(SUBJECTS[options.subject], lambda it: options.only in f"{it.group}: {it.name}", options):
        print(result, flush=True)


if __name__ == "__main__":
    main()
