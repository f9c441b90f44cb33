"""How far a generation run is, and how fast."""

import time
from dataclasses import dataclass, field

from pipeline.generation.reading import Totals
from pipeline.shards.commit import Commit
from pipeline.shards.schema import AudioConventions, Conventions, ImageConventions


@dataclass
class Advance:
    """What is finished, in this run and in the ones before.

    `num_items` counts both, `num_levels` what this run has drawn: rates are of this run alone.
    """

    conventions: Conventions
    totals: Totals
    num_items: int = 0
    num_levels: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def total_levels(self) -> int:
        """Timesteps or pixel channels that all requests ask for."""
        if isinstance(self.conventions, ImageConventions):
            one = self.conventions.height * self.conventions.width * self.conventions.channels
            return self.totals.num_items * one
        return self.totals.num_timesteps

    def found(self, commit: Commit) -> None:
        """Count a shard that an earlier run made."""
        self.num_items += commit.num_rows

    def drawn(self, commit: Commit) -> None:
        """Count a shard that this run made."""
        self.num_items += commit.num_rows
        self.num_levels += sum(commit.tally.num_levels.values())

    def items(self, levels_underway: int) -> float:
        """Items finished, with the part that is drawn of those underway."""
        return min(self.num_items + levels_underway * self._items_per_level, float(self.totals.num_items))

    def rates(self, levels_underway: int = 0) -> str:
        """Items and levels a second, and for audio the multiple of real time."""
        levels_s = (self.num_levels + levels_underway) / max(time.monotonic() - self.started, 1e-3)
        items_s = levels_s * self._items_per_level
        if not isinstance(self.conventions, AudioConventions):
            return f"{items_s:,.2f} items/s, {levels_s:,.0f} levels/s"
        times = levels_s / self.conventions.sample_rate_hz
        return f"{items_s:,.2f} items/s, {levels_s:,.0f} timesteps/s, {times:,.2f} × real time"

    @property
    def _items_per_level(self) -> float:
        return self.totals.num_items / self.total_levels
