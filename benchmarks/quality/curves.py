"""The loss curves of a network as it is computed and of its plain formulation, in three precisions.

The same weights at the start, the same batches, the same optimiser; bits per level of each training batch. Both are one
curve up to rounding, which training makes larger with every step: float64 shows that it is nothing else. bf16 is to
stay as near as the plain formulation's does.
"""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from benchmarks.quality.data import CORPORA
from models.autoregressive import Autoregressive

PRECISIONS = ("float64", "float32", "bf16")

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Subject(Generic[Batch]):
    """What is trained, in two formulations of the same weights.

    `batches` gives so many of a folder of corpora; `nats` is the mean over a batch's levels, in one of PRECISIONS.
    """

    plain: type[Autoregressive]
    ours: type[Autoregressive]
    config: Any
    learning_rate: float
    batches: Callable[[Path, int], Sequence[Batch]]
    nats: Callable[[Autoregressive, Batch, str], Tensor]


def curve(subject: Subject[Batch], kind: type[Autoregressive], precision: str, given: Sequence[Batch]) -> list[float]:
    """Bits per level of each batch before the step on it."""
    torch.manual_seed(0)
    model = kind(subject.config).to(torch.float64 if precision == "float64" else torch.float32)
    optimiser = torch.optim.Adam(model.parameters(), lr=subject.learning_rate)
    bits = []
    for batch in given:
        loss = subject.nats(model, batch, precision)
        torch.autograd.backward(loss)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        bits.append(float(loss.detach()) / math.log(2))
    return bits


def curves(subject: Subject[Batch], given: Sequence[Batch]) -> dict[str, list[float]]:
    """Those of both formulations in every precision, by their names."""
    return {
        f"{name} {precision}": curve(subject, kind, precision, given)
        for precision in PRECISIONS
        for name, kind in (("plain", subject.plain), ("ours", subject.ours))
    }


def table(found: Mapping[str, Sequence[float]]) -> str:
    """Every tenth step."""
    rows = [f"{'step':>6}" + "".join(f"{name:>16}" for name in found)]
    for step, bits in enumerate(zip(*found.values(), strict=True)):
        if step % 10 == 0:
            rows.append(f"{step:6}" + "".join(f"{one:16.6f}" for one in bits))
    return "\n".join(rows)


def told_apart(found: Mapping[str, Sequence[float]], one: str, other: str) -> str:
    """How far apart two curves are, in their first ten steps and in all."""
    differences = [abs(a - b) for a, b in zip(found[one], found[other], strict=True)]
    return f"{one} and {other}: {max(differences[:10]):.1e} bits in ten steps, {max(differences):.1e} in all"


def tell(command: str, subject: Subject[Any]) -> None:
    """The whole of a command: its options, the curves, how far apart they come."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.quality.{command}")
    parser.add_argument("--data", type=Path, default=CORPORA, help="where the corpora lie (default ../shared/data)")
    parser.add_argument("--steps", type=int, default=120, help="of training (default 120)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = curves(subject, subject.batches(options.data, options.steps))
    print(table(found))
    for precision in PRECISIONS:
        print(told_apart(found, f"plain {precision}", f"ours {precision}"))
    for name in ("plain", "ours"):
        print(told_apart(found, "plain float64", f"{name} bf16"))
