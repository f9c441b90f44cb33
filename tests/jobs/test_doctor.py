"""What the doctor finds, and that it finds a kernel that draws something else."""

import io

import pytest
import torch
import typer
from rich.console import Console

from jobs import doctor
from jobs.cli import app
from jobs.cli_errors import run_explained
from models.native import best, library, opened


def said() -> tuple[str, int]:
    """What is printed, and how much is broken."""
    console = Console(file=io.StringIO(), width=200)
    broken = doctor.doctor(console)
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue(), broken


@pytest.mark.skipif(best() is None, reason="built without a compiler")
def test_it_tells_which_kernels_are_used() -> None:
    text, broken = said()
    used = best()
    assert used is not None
    assert f"kernels {used.level}" in text
    assert "used: float32" in text
    assert "which draw what torch draws" in text
    assert "torch" in text
    assert broken == 0


def test_without_a_compiler_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    opened.cache_clear()
    monkeypatch.setattr(library, "candidates", lambda level: iter(()))
    text, broken = said()
    opened.cache_clear()
    assert "install a C++ compiler and the package again" in text
    assert "not built" in text
    assert broken == 0


@pytest.mark.skipif(best() is None, reason="built without a compiler")
def test_a_kernel_that_draws_something_else_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "equal", lambda one, other: False)
    text, broken = said()
    assert "do not draw what torch draws" in text
    assert broken == 1


def test_a_missing_extra_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(doctor.EXTRAS, "speech", ("no_such_package", "phones from text"))
    text, broken = said()
    assert "missing (phones from text): pip install 'ancestral[speech]'" in text
    assert broken == 0


def test_it_is_a_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_explained(typer.main.get_command(app), ["doctor"]) == 0
    assert "kernels" in capsys.readouterr().out
    assert torch.get_num_threads() >= 1
