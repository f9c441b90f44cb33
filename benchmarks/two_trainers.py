"""Training by one worker and by two, on a core each: how many times as fast two are.

    python -m benchmarks.two_trainers [--rounds N] [--steps N] [--only "gated"] [--record]

Workers are processes on one thread, each held to a core of its own. One works through the global batch, or two
through half of it each, whose gradients are averaged as in a run (`pipeline.training.world`, over gloo): likelihood,
gradient, the sums over the workers, the update. The ceiling is two that do the same halves without a word to each
other, in the same rounds: what this machine allows, with what is lost by halving a batch.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.architectures import ARCHITECTURES
from benchmarks.harness import hardware, record
from benchmarks.one_and_two import HEADING, Best, line, measure_all, workers
from models import build
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.wavenet import WaveNetConfig
from pipeline.batches import Batch
from pipeline.training.allocator import keep_freed_memory
from pipeline.training.config import TrainingConfig
from pipeline.training.parts import Part
from pipeline.training.step import Learner, backward
from pipeline.training.world import Alone, Distributed, World

WINDOW = 4096


@dataclass(frozen=True)
class Training:
    """A network and its global batch: `shape` of an item, of which the first `context` levels count not."""

    model: str
    config: Any
    shape: tuple[int, ...]
    batch_size: int
    context: int = 0

    def part(self, rank: int, size: int) -> Part:
        """A worker's part of a batch of levels at random."""
        x = torch.randint(256, (self.batch_size, *self.shape), generator=torch.Generator().manual_seed(0))
        scored = torch.ones(x.shape, dtype=torch.bool)
        scored[..., : self.context] = False
        batch = Batch(x[rank::size], scored[rank::size], None)
        return Part([batch], [], int(scored.sum()))


WAVENET = WaveNetConfig(
    residual_channels=32,
    gate_channels=64,
    skip_channels=128,
    head_channels=128,
    dilations=(1, 2, 4, 8, 16, 32, 64, 128),
    num_stacks=2,
)

TRAININGS = {
    "gated-pixelcnn-small": Training(
        "gated_pixelcnn", GatedPixelCNNConfig(hidden=32, num_layers=7, head_channels=64), (3, 32, 32), 16
    ),
    "wavenet-small": Training("wavenet", WAVENET, (WAVENET.receptive_field + WINDOW,), 8, WAVENET.receptive_field),
    "gated pixelcnn, 15 × 128": Training("gated_pixelcnn", GatedPixelCNNConfig(), (3, 32, 32), 8),
    "wavenet arch i": Training("wavenet", ARCHITECTURES["arch i"], (WINDOW,), 4),
}
"""Two recipes without a condition, and the networks that a step's speed is measured on."""


@dataclass(frozen=True)
class Figure:
    """What two workers reached, and the ceiling in the same rounds."""

    training: str
    num_parameters: int
    precision: str
    one_s: float
    two_s: float
    ratio: float
    ratio_by_cpu_time: float
    ceiling: float
    ceiling_by_cpu_time: float


@dataclass
class Trainer:
    """One worker at work."""

    learner: Learner
    network: nn.Module
    world: World
    part: Part

    def step(self, number: int) -> None:
        """What the loop does in a step."""
        precision = self.learner.config.precision
        nats = backward(self.learner.model, self.network, self.part, precision, self.world)
        self.world.sum([nats, 0.0])
        self.learner.update(number)


@cache
def trainer(name: str, precision: Any, rank: int, size: int, meeting: str) -> Trainer:
    """A worker of a training, made when it is first asked for; those that name a file to meet at are linked."""
    training = TRAININGS[name]
    torch.set_num_threads(1)
    keep_freed_memory()
    if meeting:
        torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
    config = TrainingConfig(batch_size=training.batch_size, precision=precision)
    world = Distributed() if meeting else Alone()
    learner = Learner(training.model, training.config, config, world.device)
    return Trainer(learner, world.wrap(learner.model), world, training.part(rank, size))


def train_share(
    name: str, precision: str, num_steps: int, meeting: str, folder: Path, worker: int, num_workers: int
) -> float:
    """So many steps of one worker of one or two; CPU seconds."""
    one = trainer(name, precision, worker, num_workers, meeting if num_workers > 1 else "")
    started = time.process_time()
    for number in range(num_steps):
        one.step(number)
    return time.process_time() - started


def measured(name: str, precision: str, options: argparse.Namespace) -> Figure:
    """One training by one worker and two, linked and not, in turn."""
    with tempfile.TemporaryDirectory() as folder, workers() as pool:
        works = [partial(train_share, name, precision, options.steps, meeting) for meeting in (f"{folder}/at", "")]
        together, apart = measure_all(works, pool, options.rounds)
    print(line(f"{name}, {precision}", together))
    print(line("  the ceiling: not linked", apart), flush=True)
    return figure(name, precision, together, apart)


def figure(name: str, precision: str, together: Best, apart: Best) -> Figure:
    """Both ratios."""
    training = TRAININGS[name]
    num_parameters = build(training.model, training.config).num_parameters()
    seconds = round(together.clock_s[1], 3), round(together.clock_s[2], 3)
    ratios = (together.ratio, together.cpu_ratio, apart.ratio, apart.cpu_ratio)
    return Figure(name, num_parameters, precision, *seconds, *(round(ratio, 3) for ratio in ratios))


def figures(options: argparse.Namespace) -> Iterator[Figure]:
    """Every training that was asked for, in both precisions."""
    for name in TRAININGS:
        for precision in ("float32", "bfloat16"):
            if options.only in f"{name}, {precision}":
                yield measured(name, precision, options)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.two_trainers")
    parser.add_argument("--rounds", type=int, default=7, help="turns that one worker and two get (default 7)")
    parser.add_argument("--steps", type=int, default=3, help="steps in a turn (default 3)")
    parser.add_argument("--only", default="", help="only the trainings whose name holds this text")
    parser.add_argument("--record", action="store_true", help="write the figures below benchmarks/results/")
    options = parser.parse_args()
    print(f"{options.steps} steps on {hardware()}")
    print(HEADING)
    found = list(figures(options))
    if options.record:
        print(f"recorded in {record('two_trainers', found)}")


if __name__ == "__main__":
    main()
