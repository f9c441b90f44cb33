"""Progress: a bar on a terminal that goes away, a line now and then where output goes to a file."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from jobs import progress as subject
from jobs.progress import progress, say


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


ODD = "out[/x] [noise] [bold]a[/bold] :smile: {0}"
"""Each of these would be an error, nothing, or something else where it were read as markup."""


def test_what_is_said_is_shown_as_it_is() -> None:
    console = Console(file=io.StringIO(), width=20)
    say(console, ODD)
    assert text_of(console) == ODD + "\n"


def test_a_bar_shows_its_title_and_detail_as_they_are() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=200)
    with progress(console, f"title {ODD}", 4) as view:
        view.update(2, f"detail {ODD}")
    assert f"title {ODD}" in text_of(console)
    assert f"detail {ODD}" in text_of(console)


def test_no_verb_prints_past_say() -> None:
    """`Console.print` reads text as markup; what is no text of ours goes through `say`."""
    files = sorted(Path(subject.__file__).parent.glob("*.py"))
    past = {file.name: file.read_text().count("console.print(") for file in files if file.name != "progress.py"}
    tables = {"align_compare.py": 1, "doctor.py": 1, "evaluate.py": 1, "plan_page.py": 1, "sweep.py": 1}
    assert {name: count for name, count in past.items() if count} == tables, "tables alone"
