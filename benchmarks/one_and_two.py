"""One worker and two that share the same work, on a core each, in turn; what is held is how many times as fast two are.

Each one's figure is its best round. Beside the clock stands CPU time, in which waiting for a core that others use does
not count.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

HEADING = f"{'':32}{'1 worker':>9}{'2 workers':>12}{'ratio':>12}{'by CPU time':>14}"

Work = Callable[[Path, int, int], float]
"""Do one share of so many of the work, below a folder, and say how much CPU time it took."""


@dataclass
class Best:
    """The best rounds of one worker and of two: seconds by the clock, and of CPU over all workers."""

    clock_s: dict[int, float] = field(default_factory=lambda: {1: float("inf"), 2: float("inf")})
    cpu_s: dict[int, float] = field(default_factory=lambda: {1: float("inf"), 2: float("inf")})

    def take(self, num_workers: int, clock_s: float, cpu_s: float) -> None:
        """Keep what is better than before."""
        self.clock_s[num_workers] = min(self.clock_s[num_workers], clock_s)
        self.cpu_s[num_workers] = min(self.cpu_s[num_workers], cpu_s)

    @property
    def ratio(self) -> float:
        """How many times as fast two are, by the clock."""
        return self.clock_s[1] / self.clock_s[2]

    @property
    def cpu_ratio(self) -> float:
        """The same where each had its core to itself: twice what work costs alone over what it costs beside another."""
        return 2 * self.cpu_s[1] / self.cpu_s[2]


@contextmanager
def workers() -> Iterator[list[ProcessPoolExecutor]]:
    """Two processes, each on a core of its own where the system can hold it there."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                ProcessPoolExecutor(1, get_context("spawn"), hold_to, (cores[number] if len(cores) > 1 else None,))
            )
            for number in range(2)
        ]


def hold_to(core: int | None) -> None:
    """Keep this process on one core."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def measure(work: Work, pool: Sequence[ProcessPoolExecutor], rounds: int) -> Best:
    """One worker and two in turn, after a round of each to warm up."""
    return measure_all([work], pool, rounds)[0]


def measure_all(works: Sequence[Work], pool: Sequence[ProcessPoolExecutor], rounds: int) -> list[Best]:
    """The same of several kinds of work, in the same rounds."""
    bests = [Best() for _ in works]
    for turn in range(rounds + 1):
        for work, best in zip(works, bests, strict=True):
            for num_workers in (1, 2):
                clock_s, cpu_s = one_round(work, pool[:num_workers])
                if turn:
                    best.take(num_workers, clock_s, cpu_s)
    return bests


def one_round(work: Work, pool: Sequence[ProcessPoolExecutor]) -> tuple[float, float]:
    """All of the work, shared out: seconds by the clock, and of CPU."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        shares = [one.submit(work, Path(folder), number, len(pool)) for number, one in enumerate(pool)]
        cpu_s = sum(share.result() for share in shares)
        return time.perf_counter() - started, cpu_s


def line(name: str, best: Best) -> str:
    """One result as text."""
    seconds = f"{best.clock_s[1]:7.3f} s{best.clock_s[2]:10.3f} s"
    return f"{name:32}{seconds}{best.ratio:10.2f} x{best.cpu_ratio:12.2f} x"
