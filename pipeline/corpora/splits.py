"""Splits that a corpus brings along: train, validation and test, under the names that people give them.

What is left empty is divided by the hash of the item's id, as the config says (`split.held_out_share`). Two kinds of
corpus leave it empty although their folders have names:

- one split alone is the whole corpus (a folder `train` and nothing beside it has nothing to validate on);
- train and test without validation: the train items are left to the hash, which takes a validation share out of them,
  because a test set that chooses the best model is no test set any more.
"""

import re
from collections.abc import Iterable

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""The corpus's name, in lower case → ours."""


def own_splits(found: Iterable[str]) -> dict[str, str]:
    """The split to give items of each of the corpus's own, "" where the hash is to decide."""
    ours = {name: SPLIT_NAMES[name.lower()] for name in found}
    if len(set(ours.values())) < 2:
        return dict.fromkeys(ours, "")
    if "validation" in ours.values():
        return ours
    return {name: "" if split == "train" else split for name, split in ours.items()}


def split_word(name: str) -> str:
    """The split that a word in the name or path of a packed file says (train-000.tar, t10k-images), "" without one."""
    words = re.split(r"[-_./]", name.lower())
    return next((word for word in words if word in SPLIT_NAMES), "test" if "t10k" in words else "")
