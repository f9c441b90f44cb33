"""What tests see of other processes does not fall over when it vanishes."""

import os
import sys
import threading
from pathlib import Path

import pytest

from tests.watching import at_work, below, files_in, is_running

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_a_folder_that_is_removed_while_it_is_looked_through(tmp_path: Path) -> None:
    folder, is_over = tmp_path / "snapshots", threading.Event()

    def come_and_go() -> None:
        while not is_over.is_set():
            folder.mkdir()
            folder.rmdir()

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        assert all(files_in(folder, "[!.]*") == [] for _ in range(20_000))
    finally:
        is_over.set()
        other.join()


def test_a_command_ends_with_its_block_also_by_an_error() -> None:
    seen = list[int]()

    def fail() -> None:
        with at_work(SLEEP) as process:
            seen.append(process.pid)
            assert process.pid in below(os.getpid())
            assert is_running(process.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not is_running(*seen)
