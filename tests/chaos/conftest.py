"""What every test of this folder starts from."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.runs import Undisturbed, undisturbed


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: runs by `-m slow` alone, for it takes minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests out, unless marks are asked for by name."""
    if not config.option.markexpr:
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


@pytest.fixture(scope="session")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """A corpus and what becomes of it where nothing goes wrong."""
    return undisturbed(tmp_path_factory.mktemp("calm"))


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder of a short name, as a cluster's sockets need."""
    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
