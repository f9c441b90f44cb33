"""Progress: a bar on a terminal that goes away, a line now and then where output goes to a file."""

import io

import pytest
from rich.console import Console

from jobs import progress as subject
from jobs.progress import progress


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_file_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 6.0, 6.0, 7.0, 20.0, 20.0])
    monkeypatch.setattr("jobs.progress.time.monotonic", lambda: next(clock))
    console = Console(file=io.StringIO())
    with progress(console, "prepare", 10) as view:
        view.update(1)
        view.update(2, "shards [1]")
        view.advance()
        view.update(5, total=20)
    assert text_of(console) == "prepare: 2/10 shards [1]\nprepare: 5/20\n"


def test_a_total_that_is_not_known_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "SECONDS_BETWEEN_LINES", 0.0)
    console = Console(file=io.StringIO())
    with progress(console, "train") as view:
        view.advance(3, "loss 2.5")
    assert text_of(console) == "train: 3 loss 2.5\n"


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with progress(console, "prepare", 4) as view:
        view.update(2, "halfway")
    written = text_of(console)
    assert "prepare" in written
    assert "50%" in written
    assert written.rstrip().endswith("\x1b[2K"), "the bar stays on the screen"
