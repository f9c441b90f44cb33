"""How far a generation run is, how fast, and at what cost."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.generation.reading import Totals
from pipeline.shards.commit import Commit
from pipeline.shards.schema import AudioConventions, Conventions, ImageConventions


def levels_of_a_picture(conventions: Conventions) -> int:
    """What each item has where items are pictures; 0 for waveforms, whose requests say."""
    if isinstance(conventions, ImageConventions):
        return conventions.height * conventions.width * conventions.channels
    return 0


@dataclass
class Advance:
    """What is finished, in this run and in the ones before.

    `num_items` counts both, `num_levels` and `num_shards` what this run has drawn: rates are of this run alone. Of a
    shard that is gone on with, a part was drawn by another.
    `levels_at_peak` is what all actors could draw in a second if they did nothing but multiply; 0 where that is not
    known yet.
    """

    conventions: Conventions
    totals: Totals
    price_per_hour: float = 0.0
    num_items: int = 0
    num_levels: int = 0
    num_shards: int = 0
    num_rejected: int = 0
    levels_at_peak: float = 0.0
    clock: Callable[[], float] = time.monotonic
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def total_levels(self) -> int:
        """Timesteps or pixel channels that all requests ask for."""
        return self.totals.num_timesteps or self.totals.num_items * levels_of_a_picture(self.conventions)

    @property
    def elapsed_s(self) -> float:
        """How long this run has lasted."""
        return max(self.clock() - self.started, 1e-3)

    def found(self, commit: Commit) -> None:
        """Count a shard that an earlier run made."""
        self.num_items += commit.num_rows
        self.num_rejected += len(commit.failures)

    def drawn(self, commit: Commit) -> None:
        """Count a shard that this run made."""
        self.num_shards += 1
        self.num_items += commit.num_rows
        self.num_rejected += len(commit.failures)
        drawn_before = int(commit.run.get("went_on_from_levels", 0))
        self.num_levels += max(0, sum(commit.tally.num_levels.values()) - drawn_before)

    def withdrawn(self, commit: Commit) -> None:
        """A shard is to be made again; what was drawn was drawn."""
        self.num_items -= commit.num_rows
        self.num_rejected -= len(commit.failures)

    def items(self, levels_underway: int) -> float:
        """Items finished, with the part that is drawn of those underway."""
        return min(self.num_items + levels_underway * self._items_per_level, float(self.totals.num_items))

    def rates(self, levels_underway: int = 0, drawn_before: int = 0, *, is_over: bool = False) -> str:
        """Items and levels a second, the share of the peak, what is left unless it is over, and what it has cost.

        `drawn_before`: how many of the levels underway an earlier run had drawn.
        """
        levels_s = (self.num_levels + max(0, levels_underway - drawn_before)) / self.elapsed_s
        items_s = levels_s * self._items_per_level
        parts = [f"{items_s:,.2f} items/s"]
        if isinstance(self.conventions, AudioConventions):
            seconds = self.num_items / self._items_per_level / self.conventions.sample_rate_hz
            parts += [f"{levels_s:,.0f} timesteps/s", f"{levels_s / self.conventions.sample_rate_hz:,.2f} × real time"]
            parts += [f"{seconds / 3600:,.2f} h of audio"]
        else:
            parts += [f"{levels_s:,.0f} levels/s"]
        if self.levels_at_peak:
            parts.append(f"{levels_s / self.levels_at_peak:.0%} of peak")
        if self.num_rejected:
            parts.append(f"{self.num_items / (self.num_items + self.num_rejected):.0%} accepted")
        left = self.totals.num_items - self.items(levels_underway)
        if left and items_s and not is_over:
            parts.append(f"{duration(left / items_s)} left")
        if self.price_per_hour:
            parts.append(f"cost so far {self.cost:,.4g}")
        return ", ".join(parts)

    @property
    def cost(self) -> float:
        """What this run has cost so far."""
        return self.price_per_hour * self.elapsed_s / 3600

    @property
    def _items_per_level(self) -> float:
        return self.totals.num_items / self.total_levels


def duration(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
