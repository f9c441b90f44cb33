"""Ours, its peers and a ceiling, taken alternately in one process on one thread; what is held is the ratio.

    python -m benchmarks.prepare_audio                 prints a table for each case
    python -m benchmarks.prepare_audio --rounds 20     more rounds: steadier on a busy machine
    python -m benchmarks.prepare_audio --record        also writes benchmarks/results/SUBJECT_HARDWARE_MONTH.json

Absolute figures differ between machines and from minute to minute; contestants that take turns share their weather.
Each one's figure is its best round in CPU time. `benchmarks/__init__.py` pins the thread pools.
"""

import argparse
import json
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

RESULTS = Path(__file__).parent / "results"

PACKAGES = ("numpy", "torch", "soundfile", "soxr", "pyworld-prebuilt", "pyarrow", "ray")
PEERS = ("librosa", "lhotse", "wavenet_vocoder")

PRODUCTS = {"avx512_bf16": "AVX-512 with bfloat16", "avx512f": "AVX-512", "avx2": "AVX2"}
"""Flags of a processor, the widest first, and how they are told."""


@dataclass(frozen=True)
class Contestant:
    """Something to time. `call` does `amount` units of work; a slow one may do less of it than the others."""

    name: str
    role: Literal["ours", "peer", "ceiling"]
    call: Callable[[], object]
    amount: float


@dataclass(frozen=True)
class Case:
    """One comparison; `unit` says what a contestant's amount counts, as in "seconds of audio" or "timesteps"."""

    name: str
    unit: str
    contestants: Sequence[Contestant]


@dataclass(frozen=True)
class Figure:
    """What one contestant reached. `ours_to_this` is our rate over this one's."""

    case: str
    name: str
    role: str
    per_cpu_s: float
    unit: str
    ours_to_this: float


def pin_threads() -> None:
    """Hold libraries that are loaded already to one thread."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def measure(case: Case, rounds: int) -> list[Figure]:
    """Take turns for `rounds` rounds after one to warm up, and keep each contestant's best."""
    pin_threads()
    best = [float("inf")] * len(case.contestants)
    for turn in range(rounds + 1):
        for place, contestant in enumerate(case.contestants):
            taken = cpu_seconds(contestant.call)
            if turn:
                best[place] = min(best[place], taken)
    rates = [contestant.amount / seconds for contestant, seconds in zip(case.contestants, best, strict=True)]
    ours = next(rate for rate, one in zip(rates, case.contestants, strict=True) if one.role == "ours")
    return [
        Figure(case.name, one.name, one.role, rate, case.unit, ours / rate)
        for one, rate in zip(case.contestants, rates, strict=True)
    ]


def cpu_seconds(call: Callable[[], object]) -> float:
    """CPU time of one call; a call that is too short for the clock is repeated until it is not."""
    num_calls = 0
    started = time.process_time()
    while True:
        call()
        num_calls += 1
        taken = time.process_time() - started
        if taken > 0.005:
            return taken / num_calls


def table(figures: Sequence[Figure]) -> str:
    """One case as text."""
    lines = [f"{figures[0].case}  ({figures[0].unit} per CPU second; ratio = ours / this)"]
    lines += [f"  {f.role:8}{f.name:44}{f.per_cpu_s:>14,.1f}{f.ours_to_this:>10.2f} x" for f in figures]
    return "\n".join(lines)


def main(subject: str, cases: Callable[[], Iterable[Case]]) -> list[Figure]:
    """Run every case, print its table and, where asked to, record all of them."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{subject}")
    parser.add_argument("--rounds", type=int, default=7, help="turns that each contestant gets (default 7)")
    parser.add_argument("--only", default="", help="only the cases whose name holds this text")
    parser.add_argument("--record", action="store_true", help="write the figures below benchmarks/results/")
    options = parser.parse_args()
    figures: list[Figure] = []
    for case in cases():
        if options.only in case.name:
            figures += measure(case, options.rounds)
            print(table([f for f in figures if f.case == case.name]), flush=True)
    if options.record:
        print(f"recorded in {record(subject, figures)}")
    return figures


def record(subject: str, figures: Sequence[object], folder: Path = RESULTS, on: str = "", command: str = "") -> Path:
    """Write figures (dataclasses) with what they were taken `on`, this processor unless said otherwise.

    `subject` is the module's name below `benchmarks`; `command` is told in place of the one that was typed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    on = on or hardware()
    slug = re.sub(r"[^a-z0-9]+", "-", on.lower()).strip("-")
    path = folder / f"{subject.replace('.', '_')}_{slug}_{time.strftime('%Y-%m')}.json"
    page: dict[str, Any] = {
        "subject": subject,
        "hardware": on,
        "python": platform.python_version(),
        "packages": {name: found for name in (*PACKAGES, *PEERS) if (found := installed(name))},
        "command": command or " ".join(["python -m", f"benchmarks.{subject}", *without_data(sys.argv[1:])]),
        "figures": [vars(figure) for figure in figures],
    }
    path.write_text(json.dumps(page, indent=1) + "\n")
    return path


def without_data(arguments: Sequence[str]) -> list[str]:
    """A command's arguments but for `--data FOLDER`: where the corpora lie is nothing that a figure depends on."""
    taken = {place for at, word in enumerate(arguments) if word == "--data" for place in (at, at + 1)}
    return [word for at, word in enumerate(arguments) if at not in taken and not word.startswith("--data=")]


def installed(package: str) -> str:
    """The version of a package, or nothing where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def hardware() -> str:
    """The processor's own name and number, and which products it has.

    Figures of two that differ there are not compared. A name alone says little: one of these multiplies twice as fast
    as another that is called the same.
    """
    lines = processor_lines()
    name = lines.get("model name", platform.processor() or platform.machine())
    if "cpu family" in lines and "model" in lines:
        name += f" {lines['cpu family']}-{lines['model']}"
    widest = next((told for flag, told in PRODUCTS.items() if flag in lines.get("flags", "").split()), "")
    return f"{name}, {widest}" if widest else name


def processor_lines() -> dict[str, str]:
    """What the system tells of the first processor; nothing where it has no /proc."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return {}
    lines = text.split("\n\n")[0].splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
