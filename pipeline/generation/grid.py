"""A grid: every combination of the values of its axes is a request, each for as many items.

    grid:
      speaker: [jackson, theo]
      text: {file: sentences.txt}        a line a value; the path starts where the grid lies
      temperature: [0.9, 1.0]
      seed: {from: 0, to: 4}             0, 1, 2, 3, 4
    count: 10                            items of each combination; or total: 400, which they share evenly
    duration_s: 1.5                      any other key of a request is the same for all
    split: {train: 0.8, test: 0.2}       shares
    split_by: text                       no value of this axis stands in two splits; else each combination is spread

Axes vary as the digits of a number do, the last one fastest. A combination is named by its values, so an axis that is
given another value leaves the items of all other combinations as they were. Values are kept in memory, combinations
are not.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import yaml

from pipeline.errors import RequestError
from pipeline.generation.apportion import Apportioned, shares_of, split_of_each_value
from pipeline.generation.fields import MOST_WHOLE_NUMBER, plain_value, shown, whole_number
from pipeline.plain_yaml import read_plain
from pipeline.storage import Location, locate

OWN_KEYS = ("grid", "count", "total", "split", "split_by")

PLAIN_VALUE = re.compile(r"[A-Za-z0-9_.+-]{1,40}")
"""What may stand in an id as it is; other values stand there as twelve digits of their digest."""

MOST_RANGE = 10**7
"""Values of a range: they are kept in memory."""


def read_grid(file: Location) -> Iterator[dict[str, Any]]:
    """The grid's requests, one at a time; RequestError for what is no grid."""
    page = page_of(file)
    axes = {key: values_of(key, values, file) for key, values in page["grid"].items()}
    count = count_of(page, prod(map(len, axes.values())), str(file))
    rest = {key: plain_value(key, value) for key, value in page.items() if key not in OWN_KEYS}
    if both := [key for key in axes if key in rest or key == "count" or (key in OWN_KEYS and key in page)]:
        raise RequestError(f"{file}: {both[0]} stands in the grid and beside it; leave one out.")
    split = splitter(page, axes, count, str(file))
    for values in product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        yield {"id": id_of(chosen), **rest, **chosen, "count": count, **split(chosen)}


def page_of(file: Location) -> dict[str, Any]:
    """The file's mapping, whose `grid` is one too."""
    try:
        page = read_plain(file.read_text())
    except yaml.YAMLError as error:
        raise RequestError(f"{file}: expected YAML, got something else: {error}") from None
    if not isinstance(page, dict) or not isinstance(page.get("grid"), dict) or not page["grid"]:
        raise RequestError(f"{file}: expected a grid, such as `grid: {{label: [0, 1]}}` and `count: 10`.")
    if other := [key for key in (*page, *page["grid"]) if not isinstance(key, str)]:
        raise RequestError(f"{file}: expected names of keys, such as label, got {shown(other[0])}.")
    return page


def values_of(key: str, values: Any, file: Location) -> Sequence[Any]:
    """The values of an axis: a list, the lines of a file, or a range; each once."""
    if isinstance(values, dict) and set(values) == {"file"}:
        values = lines_of(locate(str(values["file"]), file.uri.rpartition("/")[0]), f"{file}: {key}")
    elif isinstance(values, dict) and set(values) == {"from", "to"}:
        first = whole_number(values, "from", 0, 0, MOST_WHOLE_NUMBER, f"{file}: {key}")
        values = list(range(first, whole_number(values, "to", 0, first, first + MOST_RANGE, f"{file}: {key}") + 1))
    if not isinstance(values, list) or not values:
        raise RequestError(
            f"{file}: {key}: expected a list of values, {{file: PATH}} or {{from: 0, to: 4}}, got {shown(values)}."
        )
    plain = [plain_value(key, value) for value in values]
    counts = Counter(json.dumps(value, sort_keys=True) for value in plain)
    if twice := [json.loads(name) for name, number in counts.items() if number > 1]:
        value = shown(twice[0])
        raise RequestError(f"{file}: {key}: the value {value} comes twice; it would be asked for twice as often.")
    return plain


def lines_of(file: Location, where: str) -> list[str]:
    """What stands on the lines of a text file, blank ones left out; RequestError where that is nothing."""
    lines = [line.strip() for line in file.read_text().splitlines() if line.strip()]
    if not lines:
        raise RequestError(f"{where}: {file} has no values, so there are no combinations; write one a line.")
    return lines


def count_of(page: Mapping[str, Any], num_combinations: int, where: str) -> int:
    """Items of each combination; a RequestError where a total does not divide evenly."""
    if ("count" in page) == ("total" in page):
        came = "both" if "count" in page else "neither"
        raise RequestError(f"{where}: give one of count (of each combination) and total, got {came}.")
    if "count" in page:
        return whole_number(page, "count", 1, 1, MOST_WHOLE_NUMBER, where)
    total = whole_number(page, "total", 1, 1, MOST_WHOLE_NUMBER, where)
    count, left = divmod(total, num_combinations)
    if left or not count:
        near = num_combinations * max(1, round(total / num_combinations))
        raise RequestError(
            f"{where}: a total of {total} cannot be shared evenly by {num_combinations} combinations; "
            f"{near} could. Give that, or count."
        )
    return count


def splitter(page: Mapping[str, Any], axes: Mapping[str, Sequence[Any]], count: int, where: str) -> Any:
    """What says of each combination, in order, which split its items go to."""
    if "split" not in page:
        if "split_by" in page:
            raise RequestError(f"{where}: split_by needs shares: give split too, such as {{train: 0.8, test: 0.2}}.")
        return lambda chosen: {}
    if isinstance(page["split"], str):
        return lambda chosen: {"split": page["split"]}
    shares = shares_of(page["split"], where)
    if "split_by" not in page:
        apportioned = Apportioned(shares)
        return lambda chosen: {"split": apportioned.next(count)}
    axis = page["split_by"]
    if axis not in axes:
        raise RequestError(f"{where}: split_by must be one of the axes {', '.join(axes)}, got {shown(axis)}.")
    known = split_of_each_value(axes[axis], shares)
    return lambda chosen: {"split": known[json.dumps(chosen[axis], sort_keys=True)]}


def id_of(chosen: Mapping[str, Any]) -> str:
    """A combination's name: its values, those that are no text with the first letter of their key before them."""
    return "-".join(part_of_id(key, value) for key, value in chosen.items())


def part_of_id(key: str, value: Any) -> str:
    """One value of a name."""
    text = value if isinstance(value, str) else key[0] + json.dumps(value, sort_keys=True)
    return text if PLAIN_VALUE.fullmatch(text) else hashlib.sha256(text.encode()).hexdigest()[:12]
