from collections import Counter
from dataclasses import replace

from pipeline.generation.advance import Advance, duration
from pipeline.generation.reading import Totals
from pipeline.shards.commit import Commit, Failure, Tally
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


def test_what_an_earlier_run_had_drawn_of_a_shard_is_no_pace_of_this_one() -> None:
    so_far = advance()
    so_far.started -= 10
    assert so_far.rates(300, 200).startswith("0.10 items/s, 10 timesteps/s")
    assert so_far.items(300) == 3
    so_far.drawn(replace(commit(4), run={"went_on_from_levels": 200}))
    assert (so_far.num_items, so_far.num_levels) == (4, 200)
    so_far.drawn(replace(commit(1), run={"went_on_from_levels": 150}))
    assert so_far.num_levels == 200, "what was gone on with was rejected, and nothing is drawn less than not at all"


def test_pictures_have_levels_and_no_time() -> None:
    assert Advance(IMAGE, Totals(1, 3, 0, "")).total_levels == 3 * 60
    assert "levels/s" in Advance(IMAGE, Totals(1, 3, 0, "")).rates()


def test_what_is_left_and_what_it_cost_are_told() -> None:
    now = [0.0]
    so_far = Advance(AUDIO, Totals(2, 10, 1000, ""), price_per_hour=36.0, clock=lambda: now[0])
    now[0] = 10.0
    so_far.drawn(commit(2))
    so_far.levels_at_peak = 80.0
    assert so_far.rates() == (
        "0.20 items/s, 20 timesteps/s, 0.02 × real time, 0.00 h of audio, 25% of peak, 40 s left, cost so far 0.1"
    )


def test_what_is_drawn_again_counts_once() -> None:
    so_far = advance()
    so_far.drawn(commit(4))
    some_rejected = replace(commit(3), failures=(Failure("a", "", "accept", "too loud"),))
    so_far.drawn(some_rejected)
    so_far.withdrawn(some_rejected)
    assert (so_far.num_items, so_far.num_rejected) == (4, 0)
    assert so_far.num_levels == 700


def test_lengths_of_time_as_people_say_them() -> None:
    assert [duration(seconds) for seconds in (3.2, 89, 200, 8000)] == ["3 s", "89 s", "3 min", "2.2 h"]


def test_the_share_that_is_accepted_is_told() -> None:
    so_far = advance()
    so_far.drawn(replace(commit(3), failures=(Failure("x", "{}", "accept", "too loud"),)))
    assert "75% accepted" in so_far.rates()
    assert "accepted" not in advance().rates()
