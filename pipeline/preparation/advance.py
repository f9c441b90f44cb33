"""How far a preparation is, and how fast."""

import time
from dataclasses import dataclass, field

from pipeline.preparation.make import Made
from pipeline.shards.schema import AudioConventions, Conventions


@dataclass
class Advance:
    """What is finished, in this run and in the ones before: rates are of this run alone."""

    conventions: Conventions
    num_items: int
    num_done: int = 0
    num_made: int = 0
    num_levels: int = 0
    num_failures: int = 0
    num_shards_stood: int = 0
    started: float = field(default_factory=time.monotonic)

    def add(self, made: Made) -> None:
        """Count a shard."""
        self.num_done += made.num_items
        self.num_failures += made.num_failures
        self.num_shards_stood += made.stood
        if not made.stood:
            self.num_made += made.num_items
            self.num_levels += made.num_levels

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return max(time.monotonic() - self.started, 1e-3)

    def told(self) -> str:
        """Items a second, hours of audio, failures, and the time that is left at this pace."""
        elapsed_s = self.elapsed_s
        parts = []
        if self.num_made:
            parts.append(f"{self.num_made / elapsed_s:,.1f} items/s")
        if isinstance(self.conventions, AudioConventions):
            parts.append(f"{self.num_levels / self.conventions.sample_rate_hz / 3600:,.2f} h of audio")
        if self.num_failures:
            parts.append(f"{self.num_failures:,} failed")
        if self.num_made and self.num_done < self.num_items:
            parts.append(f"{shown_s((self.num_items - self.num_done) * elapsed_s / self.num_made)} left")
        return ", ".join(parts)


def shown_s(seconds: float) -> str:
    """A length of time as people say it."""
    minutes = int(seconds) // 60
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min {int(seconds) % 60:02d} s" if minutes else f"{seconds:.0f} s"
