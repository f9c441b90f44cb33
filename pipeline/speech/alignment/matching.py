"""Two strings of phones that should say the same: which of one is which of the other.

Edit distance over classes of sounds (`phone_classes.class_of`): equal ones fit, a vowel may stand for a vowel and a
consonant for a consonant, and what fits nowhere is left out on either side.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.speech.alignment.phone_classes import class_of, is_vowel_label

LEFT_OUT = 0.7
RELATED = 0.4
"""Less than leaving out both."""
UNRELATED = 1.6
"""More than leaving out both: never chosen."""


def matched(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of places, rising in both, that fit together at the least cost."""
    costs = substitution_costs(left, right)
    total = np.empty((len(left) + 1, len(right) + 1))
    total[0] = LEFT_OUT * np.arange(len(right) + 1)
    total[:, 0] = LEFT_OUT * np.arange(len(left) + 1)
    columns = LEFT_OUT * np.arange(len(right) + 1)
    for row, cost in enumerate(costs):
        best = np.minimum(total[row, :-1] + cost, total[row, 1:] + LEFT_OUT)
        # Leaving out columns along the row: a running minimum where each step costs the same.
        total[row + 1] = np.minimum.accumulate(np.append(total[row + 1, 0], best) - columns) + columns
    return traced(total, costs)


def traced(total: np.ndarray, costs: np.ndarray) -> list[tuple[int, int]]:
    """The pairs, from the last to the first; a fit is preferred where costs tie."""
    row, column = costs.shape
    pairs = []
    while row and column:
        here = total[row, column] - 1e-9
        if total[row - 1, column - 1] + costs[row - 1, column - 1] <= here + 2e-9:
            row, column = row - 1, column - 1
            pairs.append((row, column))
        elif total[row - 1, column] + LEFT_OUT <= here + 2e-9:
            row -= 1
        else:
            column -= 1
    return pairs[::-1]


def substitution_costs(left: Sequence[str], right: Sequence[str]) -> np.ndarray:
    """[left, right] what it costs to take one for the other."""
    names = [np.array([class_of(label) for label in side]) for side in (left, right)]
    vowels = [np.array([is_vowel_label(label) for label in side], np.bool_) for side in (left, right)]
    kin = np.where(vowels[0][:, None] == vowels[1][None, :], RELATED, UNRELATED)
    return np.where(names[0][:, None] == names[1][None, :], 0.0, kin)
