"""The command line that the races share."""

import argparse
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from benchmarks.harness import record
from benchmarks.quality.data import CORPORA
from benchmarks.quality.race import Case, Figure, table


def main(subject: str, cases: Callable[[Path, Path], Iterable[Case]]) -> list[Figure]:
    """Run every case of a subject, print its table and, where asked to, record all of them."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{subject}")
    parser.add_argument("--cpu-s", type=float, default=120.0, help="CPU seconds of training for each (default 120)")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default 3)")
    parser.add_argument("--data", type=Path, default=CORPORA, help="folder of the corpora (default ../shared/data)")
    parser.add_argument("--only", default="", help="only the cases whose name holds this text")
    parser.add_argument("--record", action="store_true", help="write the figures below benchmarks/results/")
    options = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(options.data, Path(folder)):
            if options.only in case.name:
                print(case.name, flush=True)
                found = case.run(range(options.seeds), options.cpu_s, partial(print, flush=True))
                print(table(found), flush=True)
                figures += found
    if options.record:
        print(f"recorded in {record(subject, figures)}")
    return figures
