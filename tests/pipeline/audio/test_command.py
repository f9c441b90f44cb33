import os
import sys
from pathlib import Path

import pytest

from pipeline.audio.command import command_output
from pipeline.errors import ItemError
from tests.watching import wait_until_gone


def program(folder: Path, body: str, name: str = "play") -> Path:
    """A program of this name, written in Python."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!{sys.executable} -IS\nimport os, sys, time\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return tmp_path / "bin"


ECHO = "print(sys.argv[1:])"


def test_an_allowed_program_is_run_with_its_arguments(on_path: Path) -> None:
    program(on_path, ECHO)
    output = command_output("""play -c 'a | b' "c d" e\\ f g=1""", ["play"], 1000, 10)
    assert output == b"['-c', 'a | b', 'c d', 'e f', 'g=1']\n"


def test_output_is_bytes_of_any_kind_and_errors_that_are_only_said_do_no_harm(on_path: Path) -> None:
    program(on_path, "sys.stderr.write('note ' * 100_000); sys.stdout.buffer.write(bytes(range(256)) * 4000)")
    assert command_output("play", ["play"], 2**20, 30) == bytes(range(256)) * 4000


@pytest.mark.parametrize("command", ["play x", "/usr/bin/play x", "'play' x"])
def test_a_program_that_is_not_allowed_is_not_run_and_the_setting_is_told(on_path: Path, command: str) -> None:
    program(on_path, f"open({str(on_path / 'was-run')!r}, 'w')")
    with pytest.raises(ItemError, match=r"play is not run .* --set 'audio\.allow_programs=\[flac, play\]'") as caught:
        command_output(command, ["flac"], 1000, 10)
    assert caught.value.stage == "command"
    assert not (on_path / "was-run").exists()


def test_the_program_is_the_one_on_the_path_whatever_folder_the_corpus_names(on_path: Path, tmp_path: Path) -> None:
    theirs = program(tmp_path / "corpus", "print('theirs')")
    program(on_path, "print('ours')")
    assert command_output(f"{theirs} x", ["play"], 1000, 10) == b"ours\n"
    assert command_output(f"{theirs} x", [str(theirs)], 1000, 10) == b"theirs\n"


def test_a_program_that_is_not_installed_is_told(on_path: Path) -> None:
    with pytest.raises(ItemError, match="no-such-program is not installed here"):
        command_output("no-such-program x", ["no-such-program"], 1000, 10)


@pytest.mark.parametrize(
    "command",
    [
        "play a | play b",
        "play a > b",
        "play < a",
        "play a; rm b",
        "play a && play b",
        "play a & ",
        "play $HOME",
        'play "$HOME"',
        "play `id`",
        'play "`id`"',
        "play $(id)",
        "play *.wav",
        "play a?.wav",
        "play [ab].wav",
        "play {a,b}.wav",
        "play ~/a.wav",
        "play a # b",
        "play a\nplay b",
        "play 'a",
        'play "a',
        "play a\\",
        "play a\0b",
    ],
)
def test_what_needs_a_shell_is_refused(on_path: Path, command: str) -> None:
    program(on_path, ECHO)
    with pytest.raises(ItemError, match=r"needs a shell|expected a program"):
        command_output(command, ["play"], 1000, 10)


@pytest.mark.parametrize("command", ["", "   ", "''", "'' a"])
def test_no_program_at_all_is_refused(command: str) -> None:
    with pytest.raises(ItemError, match="expected a program"):
        command_output(command, ["", "play"], 1000, 10)


def test_a_program_that_fails_says_what_it_said(on_path: Path) -> None:
    program(on_path, "print('half'); sys.stderr.write('x' * 10_000 + ' no such\\nfile'); sys.exit(3)")
    with pytest.raises(ItemError, match=r"ended with 3: x+ no such file$") as caught:
        command_output("play", ["play"], 1000, 10)
    assert len(caught.value.reason) < 250


def test_output_is_bounded(on_path: Path) -> None:
    program(on_path, "while True: sys.stdout.write('x' * 1000)")
    with pytest.raises(ItemError, match="wrote more than 5000 bytes"):
        command_output("play", ["play"], 5000, 30)


def test_time_is_bounded_and_everything_that_was_started_is_ended(on_path: Path, tmp_path: Path) -> None:
    note = tmp_path / "pids"
    program(on_path, f"os.fork(); open({str(note)!r}, 'a').write(f'{{os.getpid()}} '); time.sleep(600)")
    with pytest.raises(ItemError, match=r"not done after 5 s; it was stopped"):
        command_output("play", ["play"], 1000, 5)
    pids = note.read_text().split()
    assert len(pids) == 2
    wait_until_gone(*map(int, pids))


def test_a_program_that_closes_its_output_and_goes_on_is_stopped(on_path: Path) -> None:
    program(on_path, "os.close(1); os.close(2); time.sleep(600)")
    with pytest.raises(ItemError, match="it was stopped"):
        command_output("play", ["play"], 1000, 1)


def test_secrets_of_the_environment_are_not_handed_on(on_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    program(on_path, "print(sorted(os.environ))")
    assert b"AWS" not in command_output("play", ["play"], 10_000, 10)
