"""What every test of this folder starts from."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.runs import Undisturbed, undisturbed


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """A corpus and what becomes of it where nothing goes wrong."""
    return undisturbed(tmp_path_factory.mktemp("calm"))


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder of a short name, as a cluster's sockets need."""
    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
