"""Which split of the dataset a request's items go to.

"split": "test"                      all of them
"split": {"train": 8, "test": 2}     of ten items the first eight, then two
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.errors import RequestError
from pipeline.generation.fields import shown, whole_number

DEFAULT_SPLIT = "train"
"""Generated items are there to be trained on; held-out likelihood is measured on items that nobody made."""

SPLIT_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
"""They become folders where a dataset is exported, so they are plain."""


def splits_of(data: Mapping[str, Any], count: int, where: str) -> Mapping[str, int]:
    """How many of the `count` items go to each split; RequestError for anything else."""
    value = data.get("split", DEFAULT_SPLIT)
    if isinstance(value, str):
        return {split_name(value, where): count}
    if not isinstance(value, dict) or not value:
        raise RequestError(f'{where}: split must be a name or numbers such as {{"train": 8}}, got {shown(value)}.')
    splits = {split_name(name, where): whole_number(value, name, 0, 0, count, f"{where}: split") for name in value}
    if (total := sum(splits.values())) != count:
        raise RequestError(f"{where}: the numbers of split add up to {total}, and count is {count}; make them equal.")
    return splits


def split_name(name: str, where: str) -> str:
    """A plain name."""
    if not SPLIT_NAME.fullmatch(name):
        raise RequestError(
            f"{where}: a split is named by small letters, digits, - and _, a letter first, as in train; "
            f"got {shown(name)}."
        )
    return name


def split_of_each(splits: Mapping[str, int]) -> Iterator[str]:
    """The split of one item after the other."""
    for name, number in splits.items():
        for _ in range(number):
            yield name
