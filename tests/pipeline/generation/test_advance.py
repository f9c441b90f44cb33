from collections import Counter

import pytest

from pipeline.errors import TooManyFailures
from pipeline.generation.advance import Advance
from pipeline.generation.reading import Totals
from pipeline.shards.commit import Commit, Failure, Tally
from tests.pipeline.generation.tiny_models import AUDIO, IMAGE


def commit(num_rows: int, num_failures: int = 0) -> Commit:
    failures = tuple(Failure(f"{number}", "{}", "draw", "no number") for number in range(num_failures))
    tally = Tally(num_levels=Counter({"train": num_rows * 100}))
    return Commit(0, "", num_rows, 0, "", tally, failures)


def advance(max_failure_share: float = 0.0) -> Advance:
    return Advance(AUDIO, Totals(2, 10, 1000, ""), max_failure_share)


def test_rates_are_of_this_run_and_items_of_all_runs() -> None:
    so_far = advance()
    so_far.found(commit(4))
    so_far.started -= 10
    assert so_far.rates().startswith("0.00 items/s")
    so_far.drawn(commit(2))
    assert so_far.num_items == 6
    assert so_far.items(150) == 7.5
    assert so_far.rates(300).startswith("0.50 items/s, 50 timesteps/s, 0.05 × real time")


def test_pictures_have_levels_and_no_time() -> None:
    assert Advance(IMAGE, Totals(1, 3, 0, ""), 0.0).total_levels == 3 * 60
    assert "levels/s" in Advance(IMAGE, Totals(1, 3, 0, ""), 0.0).rates()


def test_failures_stop_the_run_once_they_are_too_many() -> None:
    so_far = advance(max_failure_share=0.2)
    so_far.drawn(commit(3, num_failures=2))
    with pytest.raises(TooManyFailures, match=r"3 of 10 items failed, more than the max_failure_share of 0\.2"):
        so_far.found(commit(0, num_failures=1))


def test_no_failure_is_allowed_by_default() -> None:
    with pytest.raises(TooManyFailures, match="no number"):
        advance().drawn(commit(9, num_failures=1))
