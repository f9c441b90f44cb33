from functools import cache
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.speech.alignment.matching import LEFT_OUT, matched, substitution_costs

LABELS = st.lists(st.sampled_from(["aa", "iy", "k", "s", "t", "AH0", "ə"]), max_size=7)


def plain_cost(left: list[str], right: list[str]) -> float:
    """The least cost, by the definition."""
    costs = substitution_costs(left, right)

    @cache
    def least(i: int, j: int) -> float:
        if not i or not j:
            return LEFT_OUT * (i + j)
        fitted = least(i - 1, j - 1) + float(costs[i - 1, j - 1])
        return min(fitted, least(i - 1, j) + LEFT_OUT, least(i, j - 1) + LEFT_OUT)

    return least(len(left), len(right))


@settings(deadline=None)
@given(left=LABELS, right=LABELS)
def test_pairs_rise_in_both_and_cost_the_least(left: list[str], right: list[str]) -> None:
    pairs = matched(left, right)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
    costs = substitution_costs(left, right)
    cost = sum(costs[pair] for pair in pairs) + LEFT_OUT * (len(left) + len(right) - 2 * len(pairs))
    assert abs(cost - plain_cost(left, right)) < 1e-9


def test_inventories_are_matched_across() -> None:
    timit = ["sh", "iy", "hv", "ae", "d", "y", "er", "dcl"]
    espeak = ["ʃ", "iː", "h", "æ", "d", "j", "ʊ", "ɹ"]
    assert matched(timit, espeak) == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7)]
    assert matched(["t", "AH0", "m", "EY1"], ["t", "ə", "m", "ɑː", "ɹ"]) == [(0, 0), (1, 1), (2, 2), (3, 3)]


def test_a_vowel_never_stands_for_a_consonant() -> None:
    assert matched(["aa"], ["k"]) == []
    assert matched([], ["k"]) == matched(["k"], []) == []
