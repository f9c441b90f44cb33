"""What verbs tell while they work: lines, a live bar on a terminal, a line now and then where output goes to a file.

Names, paths and reasons come from users' data. They are shown as they are: `[x]` is no markup, `:x:` no picture.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

SECONDS_BETWEEN_LINES = 5.0


def say(console: Console, message: str, style: str = "", end: str = "\n") -> None:
    """Print a message as it is; a terminal wraps it, a file gets each line in one piece."""
    console.print(Text(message, style=style), end=end, soft_wrap=True)


class ProgressView:
    """What a verb tells of its advance. `total` 0 means not known yet."""

    def __init__(self, console: Console, title: str, total: float = 0) -> None:
        self._console = console
        self._title = title
        self._done = 0.0
        self._total = total
        self._detail = ""
        self._last_line = time.monotonic()
        self._printed = ""
        self._bar = self._make_bar() if console.is_terminal else None
        self._task = self._bar.add_task(title, total=total or None, detail="") if self._bar else None

    def _make_bar(self) -> Progress:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
        )
        return Progress(*columns, console=self._console, transient=True)

    def update(self, done: float, detail: str = "", total: float | None = None) -> None:
        """Say how much is done, out of how much, and one more thing worth knowing."""
        self._done, self._detail = done, detail
        self._total = self._total if total is None else total
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, detail=detail, total=self._total or None)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._print_line()

    def advance(self, by: float = 1, detail: str = "") -> None:
        """Say that so much more is done."""
        self.update(self._done + by, detail)

    def _print_line(self) -> None:
        self._last_line = time.monotonic()
        share = f"{self._done:g}/{self._total:g}" if self._total else f"{self._done:g}"
        line = f"{self._title}: {share} {self._detail}".rstrip()
        if line != self._printed:
            say(self._console, line)
        self._printed = line


@contextmanager
def progress(console: Console, title: str, total: float = 0) -> Iterator[ProgressView]:
    """A view for the length of a block."""
    view = ProgressView(console, title, total)
    if view._bar is None:
        yield view
        return
    with view._bar:
        yield view
