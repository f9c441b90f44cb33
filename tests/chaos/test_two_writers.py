"""Two commands that prepare the same corpus into the same folder at once: both end well, with the same bytes."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.storage import Location, locate
from tests.chaos.runs import ROOT, Undisturbed, content_of, prepare_here, undisturbed


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed(tmp_path_factory.mktemp("alone"))


def test_two_commands_at_once(expected: Undisturbed, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "tests.chaos.runs", str(expected.corpus), str(tmp_path / "out")]
    both = [subprocess.Popen(line, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        _, said = process.communicate(timeout=100)
        assert process.returncode == 0, said
    assert content_of(tmp_path / "out") == expected.content


def test_one_that_tidies_up_takes_nothing_from_one_that_writes(tmp_path: Path) -> None:
    """A command that finishes clears what killed ones left, and cannot tell that from what another is writing."""
    folder, stop = locate(str(tmp_path)), threading.Event()

    def tidy() -> None:
        while not stop.is_set():
            folder.remove_partials()

    thread = threading.Thread(target=tidy)
    thread.start()
    try:
        for number in range(300):
            (folder / f"{number % 7}.bin").write_bytes(bytes([number % 256]) * 5000)
    finally:
        stop.set()
        thread.join()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{number}.bin" for number in range(7)]
    assert Location(f"{folder}/{299 % 7}.bin").read_bytes() == bytes([299 % 256]) * 5000


def test_the_second_finds_what_the_first_has_made(expected: Undisturbed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare_here(locate(str(expected.corpus)), locate(str(out)))
    assert f"({expected.num_shards} stood already)" in prepare_here(locate(str(expected.corpus)), locate(str(out)))
