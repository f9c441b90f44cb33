"""The progress of `generate`, also within long shards: a thread asks the actors how far they are."""

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import ray
from ray.exceptions import RayError

from jobs.progress import ProgressView
from pipeline.generation.advance import Advance

SECONDS_BETWEEN_LOOKS = 1.0
"""How often the actors are asked how far they are."""


@contextlib.contextmanager
def watched(actors: Sequence[Any], advance: Advance, view: ProgressView) -> Iterator[None]:
    """Keep the view moving for the length of a block."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            underway = int(total(actor.levels_underway.remote() for actor in actors))
            drawn_before = int(total(actor.levels_drawn_before.remote() for actor in actors))
            if not ended.is_set():
                at_peak = total(actor.levels_at_peak.remote() for actor in actors)
                advance.levels_at_peak = max(advance.levels_at_peak, at_peak)  # those that are starting have none yet
                view.update(round(advance.items(underway), 1), advance.rates(underway, drawn_before))

    thread = threading.Thread(target=look, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=2 * SECONDS_BETWEEN_LOOKS)


def total(asked: Iterable[Any]) -> float:
    """The sum of what actors answer; one that is starting, or lost, counts for nothing."""
    found = 0.0
    references = list(asked)
    with contextlib.suppress(RayError):
        for reference in ray.wait(references, num_returns=len(references), timeout=SECONDS_BETWEEN_LOOKS)[0]:
            with contextlib.suppress(RayError):
                found += ray.get(reference)
    return found
