"""What a progress line tells, of made-up times."""

import time

import pytest

from pipeline.preparation.advance import Advance, shown_s
from pipeline.preparation.make import Made
from pipeline.shards.schema import AudioConventions, ImageConventions


def advance(conventions: AudioConventions | ImageConventions, monkeypatch: pytest.MonkeyPatch) -> Advance:
    """Twenty seconds after the start, of 100 items."""
    started = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: started + 20.0)
    return Advance(conventions, 100, started=started)


def made(num_items: int, num_failures: int = 0, *, stood: bool = False) -> Made:
    return Made(0, "shard", num_items, num_failures, num_items * 8000 * 360, stood)


def test_rates_are_of_this_run_and_what_stood_counts_as_done(monkeypatch: pytest.MonkeyPatch) -> None:
    found = advance(AudioConventions(8000), monkeypatch)
    found.add(made(50, 1, stood=True))
    assert found.told() == "0.00 h of audio, 1 failed"
    found.add(made(10, 2))
    assert found.told() == "0.5 items/s, 1.00 h of audio, 3 failed, 1 min 20 s left"
    found.add(made(40))
    assert found.told() == "2.5 items/s, 5.00 h of audio, 3 failed"
    assert (found.num_done, found.num_shards_stood) == (100, 1)


def test_pictures_have_no_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    found = advance(ImageConventions(1, 1, 1), monkeypatch)
    found.add(made(60))
    assert found.told() == "3.0 items/s, 13 s left"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0 s"), (59.0, "59 s"), (60.0, "1 min 00 s"), (3599.0, "59 min 59 s"), (7260.0, "2 h 01 min")],
)
def test_lengths_of_time_are_said_as_people_do(seconds: float, shown: str) -> None:
    assert shown_s(seconds) == shown
