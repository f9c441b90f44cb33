"""Items that hang, eat memory or crash the process, by a word in their ids: what a guard's child does with them."""

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from pipeline.guarding.guarded import Report
from pipeline.preparation import prepare
from pipeline.preparation.make import guarded_shard


def hang() -> None:
    """In C, with the interpreter's lock held."""
    ctypes.PyDLL(None).sleep(600)


def eat() -> None:
    """All there is, sixteen megabytes at a time."""
    held = []
    while True:
        held.append(np.ones(2**24, np.uint8))


def crash() -> None:
    """Read where nothing is."""
    ctypes.string_at(0)


DEEDS = {"hang": hang, "eat": eat, "crash": crash}


def shard_with_bad_items(report: Report, condemned: Mapping[int, str], *given: Any) -> Any:
    """`guarded_shard`, in which items do what they are called."""
    plain: Any = prepare.prepare_item

    def prepare_item(item: Any, *more: Any) -> Any:
        for word, deed in DEEDS.items():
            if word in item.item_id:
                deed()
        return plain(item, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "prepare_item", prepare_item)
        return guarded_shard(report, condemned, *given)
