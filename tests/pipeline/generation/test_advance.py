from collections import Counter

from pipeline.generation.advance import Advance
from pipeline.generation.reading import Totals
from pipeline.shards.commit import Commit, Tally
from tests.pipeline.generation.tiny_models import AUDIO, IMAGE


def commit(num_rows: int) -> Commit:
    tally = Tally(num_levels=Counter({"train": num_rows * 100}))
    return Commit("000000", "", num_rows, 0, "", tally)


def advance() -> Advance:
    return Advance(AUDIO, Totals(2, 10, 1000, ""))


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
    assert Advance(IMAGE, Totals(1, 3, 0, "")).total_levels == 3 * 60
    assert "levels/s" in Advance(IMAGE, Totals(1, 3, 0, "")).rates()
