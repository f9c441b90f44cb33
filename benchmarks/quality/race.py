"""Equal CPU seconds: everyone trains in turns in one process on one thread, sees the same batches, is scored alike.

A turn is a slice of CPU time, so that what else the machine does is shared. Making a batch and scoring cost nobody
anything. Several seeds, of the first weights and of the order of batches; what counts is the median.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.harness import pin_threads
from benchmarks.quality.data import Material
from benchmarks.quality.racers import Racer
from pipeline.batches import Batch

SLICE_S = 2.0

SIZE_TOLERANCE = 0.02
"""How far a number of parameters may be from ours."""


@dataclass(frozen=True)
class Figure:
    """What one contestant reached: bits for each seed and their median, less ours of the same seeds."""

    case: str
    name: str
    role: str
    unit: str
    num_parameters: int
    cpu_s: float
    num_steps: int
    bits: tuple[float, ...]
    median_bits: float
    median_less_ours: float


@dataclass
class Course:
    """A contestant on its way: its own pass over the batches, what it has spent."""

    racer: Racer
    batches: Iterator[Batch]
    spent_s: float = 0.0
    num_steps: int = 0

    def run(self, budget_s: float, slice_s: float) -> None:
        """Train for a slice, or as long as the budget is enough for."""
        end = min(self.spent_s + slice_s, budget_s)
        while self.spent_s < end:
            batch = next(self.batches)
            started = time.process_time()
            self.racer.learn(batch, self.spent_s / budget_s)
            self.spent_s += time.process_time() - started
            self.num_steps += 1


@dataclass
class Case:
    """One comparison. `entrants` makes those who take part, from a seed; ours comes first."""

    name: str
    unit: str
    material: Material
    entrants: Callable[[int], Sequence[Racer]]
    courses: list[list[Course]] = field(default_factory=list)

    def run(self, seeds: Iterable[int], budget_s: float, tell: Callable[[str], object] = print) -> list[Figure]:
        """Every seed; one figure for each contestant. What a seed gave is told when it is known."""
        pin_threads()
        self.courses, bits = [], []
        for seed in seeds:
            self.courses.append(self.run_seed(seed, budget_s))
            bits.append([course.racer.bits(self.material.held_out) for course in self.courses[-1]])
            tell(f"  seed {seed}: " + ", ".join(f"{one:.3f}" for one in bits[-1]))
        by_place = list(zip(*bits, strict=True))
        return [self.figure(place, found, ours=by_place[0]) for place, found in enumerate(by_place)]

    def run_seed(self, seed: int, budget_s: float) -> list[Course]:
        """All contestants, in turns, until each has spent its budget."""
        racers = self.entrants(seed)
        check_sizes(racers)
        courses = [Course(racer, self.material.batches(seed)) for racer in racers]
        while any(course.spent_s < budget_s for course in courses):
            for course in courses:
                course.run(budget_s, SLICE_S)
        return courses

    def figure(self, place: int, bits: Sequence[float], ours: Sequence[float]) -> Figure:
        """What the contestant at a place reached over all seeds."""
        courses = [row[place] for row in self.courses]
        median = statistics.median(bits)
        return Figure(
            case=self.name,
            name=courses[0].racer.name,
            role=courses[0].racer.role,
            unit=self.unit,
            num_parameters=courses[0].racer.num_parameters,
            cpu_s=round(statistics.median(course.spent_s for course in courses), 1),
            num_steps=round(statistics.median(course.num_steps for course in courses)),
            bits=tuple(round(one, 4) for one in bits),
            median_bits=round(median, 4),
            median_less_ours=round(median - statistics.median(ours), 4),
        )


def check_sizes(racers: Sequence[Racer]) -> None:
    """AssertionError where a number of parameters is further from ours than it may be."""
    ours = racers[0].num_parameters
    for racer in racers:
        apart = racer.num_parameters / ours - 1
        assert abs(apart) <= SIZE_TOLERANCE, (
            f"{racer.name} has {racer.num_parameters:,} parameters, {100 * apart:+.1f} per cent of our {ours:,}; "
            f"expected {100 * SIZE_TOLERANCE:.0f} at most"
        )


def table(figures: Sequence[Figure]) -> str:
    """One case as text."""
    lines = [f"{figures[0].case}  ({figures[0].unit}, {figures[0].cpu_s:.0f} CPU seconds each)"]
    lines.append(f"  {'':8}{'':44}{'parameters':>12}{'steps':>8}{'median':>9}{'- ours':>9}   each seed")
    for one in figures:
        each = " ".join(f"{bits:.3f}" for bits in one.bits)
        lines.append(
            f"  {one.role:8}{one.name:44}{one.num_parameters:>12,}{one.num_steps:>8,}"
            f"{one.median_bits:>9.3f}{one.median_less_ours:>+9.3f}   {each}"
        )
    return "\n".join(lines)
