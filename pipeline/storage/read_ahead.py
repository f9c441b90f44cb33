"""Listing folders before their turn: a store answers many requests in the time of one.

What comes next in the order of the walk is listed in threads, deeper and deeper, as many at once as small folders
allow: twice as many after each that was small, one after one that was large, so that memory stays bounded by a few of
the largest.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from pipeline.storage.walk import FileEntry

MOST_AHEAD = 16
"""Listings under way or waiting; a store would take more, and the driver has other things to do."""

SMALL = 2_000
"""Entries of a folder that costs no memory to speak of: two answers of S3."""


@dataclass
class Level:
    """What is left of a folder that was listed: all that lies in it, and of that the folders."""

    children: "deque[FileEntry | Folder]"
    folders: "deque[Folder]"


@dataclass
class Folder:
    """A folder that is to be walked, and its listing, once that is asked for."""

    path: str
    answer: "Future[Level] | None" = None

    def below(self) -> Iterator["Folder"]:
        """The folders in it and in them, as far as is known, depth first."""
        if self.answer and self.answer.done() and not self.answer.exception():
            for child in self.answer.result().folders:
                yield child
                yield from child.below()


class ReadAhead:
    """A walk, depth first. `list_folder` gives a folder's files and, ending in "/", its folders, in order."""

    def __init__(self, list_folder: Callable[[str], Sequence[FileEntry | str]]) -> None:
        self._list_folder = list_folder
        self._pool = ThreadPoolExecutor(MOST_AHEAD)
        self._stack: list[Level] = []
        self._allowed = 1

    def files(self) -> Iterator[FileEntry]:
        """Every file, in the order in which one folder after the other would give it."""
        try:
            self._enter(Folder(""))
            while self._stack:
                level = self._stack[-1]
                if not level.children:
                    self._stack.pop()
                elif isinstance(child := level.children.popleft(), FileEntry):
                    yield child
                else:
                    level.folders.popleft()
                    self._enter(child)
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _enter(self, folder: Folder) -> None:
        """Go on in a folder; the next ones are asked for before its listing is waited for, and after."""
        self._ask(folder)
        self._ask_ahead()
        assert folder.answer
        level = folder.answer.result()
        self._allowed = min(2 * self._allowed, MOST_AHEAD) if len(level.children) <= SMALL else 1
        self._stack.append(level)
        self._ask_ahead()

    def _ask_ahead(self) -> None:
        """Ask for the next folders, as many as may stand in memory before their turn."""
        for folder in islice(self._coming(), self._allowed):
            self._ask(folder)

    def _ask(self, folder: Folder) -> None:
        if folder.answer is None:
            folder.answer = self._pool.submit(self._list, folder.path)

    def _list(self, path: str) -> Level:
        children = deque(Folder(child) if isinstance(child, str) else child for child in self._list_folder(path))
        return Level(children, deque(child for child in children if isinstance(child, Folder)))

    def _coming(self) -> Iterator[Folder]:
        """The folders that come next, as far as is known."""
        for level in reversed(self._stack):
            for child in level.folders:
                yield child
                yield from child.below()
