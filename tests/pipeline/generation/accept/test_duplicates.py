"""Near-duplicates: what comes of them is what the definition says, however the run was disturbed."""

import random
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

import pytest

from pipeline.generation.accept.attempts import attempt_id
from pipeline.generation.accept.content import fingerprint_of
from pipeline.generation.accept.duplicates import LOST, verdict_on
from pipeline.generation.accept.fingerprint import Seen
from pipeline.generation.accept.kept import PUT_OFF, put_off, what_stays
from pipeline.generation.plan import items_of
from pipeline.generation.shard import redraw_shard, thin_shard
from pipeline.shards.commit import Commit, Failure, Tally, commit_file, shard_file
from pipeline.storage import Location
from tests.pipeline.generation.accept.scripted import ACCEPT, Killed, Outcome, Scripts, by_definition, scripted_requests
from tests.pipeline.generation.tiny_models import IMAGE

SEEDS = (1, 2, 5, 8)
"""In each of these something is rejected for an item that goes itself later on. In 8 it comes back: rounds that only
ever move on end with other rows there, and with others again after a kill."""
FEW_SEEDS = [pytest.param(seed, marks=[pytest.mark.slow] * (seed in (2, 5))) for seed in SEEDS]
"""For what takes long: the others are left to the long tests."""


def scripts(folder: Location, seed: int, items_per_shard: int) -> Scripts:
    """Sixteen places for about a dozen kinds of pictures: many are near, and some places find none."""
    return Scripts(folder, seed, 10 + seed % 5, 16, items_per_shard)


def expected(one: Scripts) -> Outcome:
    return by_definition(one.seed, one.kinds, one.num_places)


def plain(outcome: Outcome) -> tuple[list[tuple[str, bytes]], list[Failure]]:
    rows, failures = outcome
    return [(row["item_id"], row["levels"]) for row in rows], failures


def killed_after(num_redraws: int) -> Any:
    left = [num_redraws]

    def before_each() -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1

    return before_each


def go_on(one: Scripts, num_redraws: int) -> bool:
    """Run until so many shards were made again; whether it came to its end."""
    one.before_each = killed_after(num_redraws)
    try:
        one.run()
    except Killed:
        return False
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_makes_what_the_definition_says_whatever_the_shards(folder: Location, seed: int) -> None:
    for size in (1, 3, 16):
        one = scripts(folder / str(size), seed, size)
        one.run()
        assert plain(one.outcome()) == plain(expected(one))


@pytest.mark.parametrize("seed", FEW_SEEDS)
def test_a_run_that_is_killed_after_any_number_of_redraws_makes_the_same(folder: Location, seed: int) -> None:
    """Killed after one more redraw each time, so that each run goes on from the middle of a round of the one before;
    and killed once, after so many."""
    often = scripts(folder / "often", seed, 2)
    assert not go_on(often, 0), "there is something to make again"
    while not go_on(often, 1):
        pass
    assert plain(often.outcome()) == plain(expected(often))
    for num_redraws in range(2, 12, 3):
        once = scripts(folder / str(num_redraws), seed, 3)
        go_on(once, num_redraws)
        assert go_on(once, 1000)
        assert plain(once.outcome()) == plain(expected(once))


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_befalls_it_a_dataset_ends_as_the_definition_says(folder: Location, seed: int) -> None:
    """Shards drawn in any order, kills, lost commits and limits, by chance; at the end a shard is torn."""
    chance, one = random.Random(seed), scripts(folder, seed, 1 + seed % 4)
    for _ in range(10):
        befall(one, chance)
    one.draw(one.plans[:1])
    found = one.look().get("000000", LOST)
    (folder / shard_file("000000")).write_bytes(b"torn")
    redraw_shard(one.drawing(one.plans[0]), found.near)
    assert go_on(one, 1000)
    assert plain(one.outcome()) == plain(expected(one))


def befall(one: Scripts, chance: random.Random) -> None:
    event = chance.choice(["draw", "kill", "lose", "thin"])
    if event == "draw":
        one.draw(chance.sample(one.plans, 2))
    elif event == "kill":
        go_on(one, chance.randrange(4))
    elif event == "lose" and one.standing:
        one.lose(chance.choice(one.standing))
    elif event == "thin":
        one.thin()
        assert_no_two_are_near(one)


def assert_no_two_are_near(one: Scripts) -> None:
    prints = [fingerprint_of(row, IMAGE) for row in one.outcome()[0]]
    assert all((a ^ b).bit_count() > ACCEPT.same_bits for a, b in combinations(prints, 2))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_limit_leaves_is_thinned_to_items_that_are_not_near(folder: Location, seed: int) -> None:
    one = scripts(folder, seed, 3)
    one.draw(one.plans[:-1])
    before = {row["item_id"] for row in one.outcome()[0]}
    one.thin()
    rows, _ = one.outcome()
    assert rows
    assert {row["item_id"] for row in rows} < before
    assert_no_two_are_near(one)
    again = plain(one.outcome())
    one.thin()
    assert plain(one.outcome()) == again, "a second one finds nothing to leave out"
    one.run()
    assert plain(one.outcome()) == plain(expected(one))


def test_a_torn_shard_is_not_thinned_but_given_up(folder: Location) -> None:
    one = scripts(folder, 0, 4)
    one.draw(one.plans)
    (folder / shard_file("000001")).write_bytes(b"torn")
    assert thin_shard(one.drawing(one.plans[1]), {}) is None
    assert not (folder / commit_file("000001")).is_file()


def commit_of(prints: Mapping[str, int], reasons: Mapping[str, str] | None = None) -> Commit:
    failures = tuple(Failure(item_id, "{}", "accept", reason) for item_id, reason in (reasons or {}).items())
    digits = {item_id: f"{fingerprint:016x}" for item_id, fingerprint in prints.items()}
    return Commit("000000", "digest", 0, 0, "", Tally(), failures, fingerprints=digits)


FAR = 2**64 - 1
W, W1, U, U1, V, V1 = "w-0000", "w-0000.1", "u-0000", "u-0000.1", "v-0000", "v-0000.1"


def test_an_item_that_was_rejected_for_one_that_goes_comes_back() -> None:
    """W.1 is near to U, and U to V. A run that was killed had gone on from V, for U, before W had gone on to W.1."""
    seen = Seen(1)
    seen.add("a-0000", FAR)
    prints = {W: FAR, W1: 0b1, U: 0b11, V: 0b111, V1: 0b111 << 20}
    verdict = verdict_on(commit_of(prints, {W: "nearly the same as a-0000", V: f"nearly the same as {U}"}), seen, 3)
    assert verdict.near == {W: "nearly the same as a-0000", U: f"nearly the same as {W1}"}, "V is near to nothing now"
    assert (verdict.num_owed, verdict.is_listed) == (2, False), "U's next attempt, and V"


@pytest.mark.parametrize(
    ("prints", "reasons", "num_owed", "is_listed"),
    [
        ({U: FAR}, {}, 0, True),
        ({U: 0}, {}, 1, False),
        ({U: 0}, {U: "nearly the same as w-0000"}, 1, True),
        ({U: 0, U1: 1}, {U: "nearly the same as w-0000"}, 1, False),
        ({U: 0, U1: FAR}, {U: "nearly the same as w-0000"}, 0, True),
        ({U: 0, U1: FAR}, {U: "nearly the same as another"}, 0, False),
        ({U: FAR}, {U: PUT_OFF}, 1, False),
        ({U: 0, "u-0000.2": 0}, {U1: "bits"}, 0, False),
        ({U: 0}, {U: "nearly the same as w-0000", U1: "bits", "u-0000.2": "bits"}, 0, True),
    ],
)
def test_what_a_shard_owes(prints: dict[str, int], reasons: dict[str, str], num_owed: int, is_listed: bool) -> None:
    """With three attempts a place, against an item W before it."""
    seen = Seen(1)
    seen.add(W, 0)
    verdict = verdict_on(commit_of(prints, reasons), seen, 3)
    assert (verdict.num_owed, verdict.is_listed) == (num_owed, is_listed)
    assert verdict.is_met == (is_listed and not num_owed)


def kept(prints: Iterable[str], rows: Iterable[str], reasons: Mapping[str, str], near: Mapping[str, str]) -> Any:
    """What stays of one place, and which attempt is its item where that is no row; then what is listed of it."""
    items = [next(items_of(scripted_requests(2)[0]))]
    commit = commit_of(dict.fromkeys(prints, 5), reasons)
    attempts, missing = what_stays(items, commit, [{"item_id": item_id} for item_id in rows], near)
    put_off(items, missing, commit, attempts)
    listed = [(failure.item_id, failure.reason) for failure in attempts.failures()]
    return [row["item_id"] for row in attempts.in_order()], missing, listed, sorted(attempts.prints)


def test_what_stays_of_a_place() -> None:
    first, second, third = (attempt_id(W, number) for number in range(3))
    assert kept([first], [first], {}, {}) == ([first], {}, [], [(0, 0)])
    assert kept([first], [first], {}, {first: "near"}) == ([], {0: 1}, [(first, "near")], [(0, 0)])
    judged = {second: "bits"}
    far = [first, third], [third], {first: "near", **judged}
    assert kept(*far, {first: "near"}) == ([third], {}, [(first, "near"), (second, "bits")], [(0, 0), (0, 2)])
    assert kept(*far, {}) == ([], {0: 0}, [(first, PUT_OFF)], [(0, 0)]), (
        "it goes back, and what came after is forgotten"
    )
    both = {first: "near", third: "other"}
    assert kept(*far, both)[1:3] == ({0: 3}, [(first, "near"), (second, "bits"), (third, "other")])
