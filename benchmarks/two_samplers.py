"""Sampling by one worker and by two, on a core each: how many times as fast two are.

    python -m benchmarks.two_samplers [--rounds N] [--record]

A worker is a process on one thread that draws lanes of WaveNet's architecture i by the compiled kernel, as an actor of
`generate` does. One worker draws all items or two draw half of them each, in turn. The ceiling is a loop of
multiply-adds on registers: what this machine allows in the same minutes.
"""

import argparse
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from benchmarks.harness import pin_threads, record
from benchmarks.one_and_two import HEADING, line, measure_all, workers
from benchmarks.sampling import peak, requests
from models.sampling.fused import Precision, sample_fused
from models.wavenet import WaveNet, WaveNetConfig

NUM_LANES, NUM_TIMESTEPS, NUM_SETS = 16, 1000, 4


@dataclass(frozen=True)
class Ratio:
    """How many times as fast two workers are."""

    case: str
    by_the_clock: float
    by_cpu_time: float


def draw_share(precision: Precision, folder: Path, worker: int, num_workers: int) -> float:
    """Every so many-th set of lanes, in this process."""
    pin_threads()
    torch.manual_seed(0)
    model = WaveNet(WaveNetConfig()).eval()
    started = time.process_time()
    for _ in range(worker, NUM_SETS, num_workers):
        sample_fused(model, requests((NUM_TIMESTEPS,), NUM_LANES), NUM_LANES, precision)
    return time.process_time() - started


def multiply_share(precision: Precision, folder: Path, worker: int, num_workers: int) -> float:
    """A share of the loop on registers."""
    started = time.process_time()
    for _ in range(worker, NUM_SETS, num_workers):
        peak(3_000_000, precision)
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.two_samplers")
    parser.add_argument("--rounds", type=int, default=7, help="turns that one worker and two get (default 7)")
    parser.add_argument("--record", action="store_true", help="write the figures below benchmarks/results/")
    options = parser.parse_args()
    precisions: list[Precision] = ["float32", "bfloat16"]
    works = {f"WaveNet arch i, {p}": partial(draw_share, p) for p in precisions}
    works |= {f"multiply-adds on registers, {p}": partial(multiply_share, p) for p in precisions}
    print(HEADING)
    ratios = []
    with workers() as pool:
        for name, best in zip(works, measure_all(list(works.values()), pool, options.rounds), strict=True):
            print(line(name, best), flush=True)
            ratios.append(Ratio(name, best.ratio, best.cpu_ratio))
    if options.record:
        print(f"recorded in {record('two_samplers', ratios)}")


if __name__ == "__main__":
    main()
