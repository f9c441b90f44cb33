"""Listing ahead: the order and the content of a plain walk, many requests at once where folders are small."""

import threading
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.storage.read_ahead import MOST_AHEAD, SMALL, ReadAhead
from pipeline.storage.walk import FileEntry, depth_first

Tree = dict[str, "Tree | None"]

trees: st.SearchStrategy[Tree] = st.recursive(
    st.none(), lambda below: st.dictionaries(st.sampled_from("abcde"), below, max_size=4), max_leaves=40
).filter(lambda tree: isinstance(tree, dict))  # type: ignore[assignment]


class Store:
    """Lists a tree, and notes which folders were asked for, and how many at once."""

    def __init__(self, tree: Tree, takes_s: float = 0.0) -> None:
        self.tree = tree
        self.takes_s = takes_s
        self.asked: list[str] = []
        self.now = self.most = 0
        self.lock = threading.Lock()

    def list_folder(self, folder: str) -> Sequence[FileEntry | str]:
        with self.lock:
            self.asked.append(folder)
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(self.takes_s)
        tree = self.tree
        for name in folder.split("/")[:-1]:
            below = tree[name]
            assert below is not None
            tree = below
        with self.lock:
            self.now -= 1
        names = sorted(f"{name}/" if below is not None else name for name, below in tree.items())
        return [folder + name if name.endswith("/") else FileEntry(folder + name, 0, "") for name in names]


@given(trees)
def test_it_is_the_plain_walk(tree: Tree) -> None:
    ahead, plain = Store(tree), Store(tree)
    assert list(ReadAhead(ahead.list_folder).files()) == list(depth_first(plain.list_folder, str))
    assert sorted(ahead.asked) == sorted(plain.asked)


def leaves(number: int) -> Tree:
    return {f"{name:05}": None for name in range(number)}


@pytest.mark.parametrize("width", [40, 3])
def test_small_folders_are_asked_for_side_by_side(width: int) -> None:
    """Also where many folders hold few each, as chapters of speakers do."""
    tree: Tree = {f"{n:02}": {f"{m:02}": leaves(2) for m in range(40 // width)} for n in range(width)}
    store = Store(tree, takes_s=0.02)
    assert sum(1 for _ in ReadAhead(store.list_folder).files()) == width * (40 // width) * 2
    assert 4 <= store.most <= MOST_AHEAD


def test_large_folders_are_asked_for_almost_one_by_one() -> None:
    store = Store({f"{number:02}": leaves(SMALL + 1) for number in range(12)})
    files = ReadAhead(store.list_folder).files()
    for number in range(1, 12):
        while int(next(files).path[:2]) < number - 1:
            pass
        assert len(store.asked) <= number + 3


def test_an_error_comes_when_its_turn_does() -> None:
    store = Store({"a": leaves(2), "b": leaves(1), "c": leaves(1)})

    def refuse(folder: str) -> Sequence[FileEntry | str]:
        if folder == "b/":
            raise PermissionError
        return store.list_folder(folder)

    files = ReadAhead(refuse).files()
    assert [next(files).path, next(files).path] == ["a/00000", "a/00001"]
    with pytest.raises(PermissionError):
        next(files)


def test_a_reader_that_stops_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    files = ReadAhead(Store({f"{number:02}": leaves(2) for number in range(30)}).list_folder).files()
    next(files)
    files.close()  # type: ignore[attr-defined]
    assert not set(threading.enumerate()) - before
