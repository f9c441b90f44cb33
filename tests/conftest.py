"""What every test may ask for: one local Ray for all, the real corpora where they are at hand, quiet and one thread."""

import fcntl
import gc
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A property holds or not; how long an example takes says how busy the machine is.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Set before anything imports ray or a BLAS: the test machine is shared, and its Ray listens on loopback alone.
os.environ["RAY_AUTH_MODE"] = "disabled"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # as in a worker of Ray: on some processors two threads add up otherwise than one
for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
    os.environ.pop(name, None)

# Where nobody may write down what was compiled, every process compiles the project anew, and every run all tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell's background jobs ignore Ctrl-C, and hand that on to what they start; tests of Ctrl-C need it heard.
signal.signal(signal.SIGINT, signal.default_int_handler)

RAY_FOLDERS = "ancestral-ray-*"
FOLDER = re.compile(r"/tmp/ancestral-ray-\w+")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """No search for garbage in what is imported: it stays, and to look through it again and again takes seconds."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests out, unless marks are asked for by name."""
    if not config.option.markexpr:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("slow")])
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


@pytest.fixture(autouse=True)
def one_torch_thread() -> None:
    """Torch, where a test has imported it, works on one thread; importing it here would slow every other test."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Hold the whole session to what `local_ray` promises: no process and no folder stays."""
    before = set(Path("/tmp").glob(RAY_FOLDERS))
    yield
    for _ in range(50):  # another session may be about to remove one of its own
        left = {folder for folder in set(Path("/tmp").glob(RAY_FOLDERS)) - before if is_abandoned(folder)}
        if not left:
            break
        time.sleep(0.1)
    assert not left, f"a local Ray left {left} behind"
    assert not orphans(), f"Ray processes outlived the Ray that they belong to: {orphans()}"


def is_abandoned(folder: Path) -> bool:
    """Whether no process holds the folder: it was left behind, and is not that of a Ray beside the tests."""
    try:
        with (folder / "in-use").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return folder.exists()
    return True


def orphans() -> list[str]:
    """Processes that run with a local Ray's folder which is gone; looks again for a while, as ending takes a moment."""
    from tests.watching import with_words

    for _ in range(50):
        lines = with_words("/ancestral-ray-")
        found = [line for line in lines if any(not Path(it).exists() for it in FOLDER.findall(line))]
        if not found:
            return []
        time.sleep(0.1)
    return found


@pytest.fixture(scope="session")
def ray_local() -> Iterator[None]:
    """One local Ray for all tests that need one; `connect()` inside it uses it as it is."""
    from jobs.cluster import local_ray

    with local_ray():
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real corpora, which lie beside the checkout and are no part of it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real corpora in ../shared/data")
    return folder
