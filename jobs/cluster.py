"""A Ray to work on: a running one by its address, or a local one that is started for the command and ends with it."""

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ray

from pipeline.errors import ClusterError

LOCAL = "local"
"""The address that means: start one here."""

OBJECT_STORE_BYTES = 256 * 2**20
"""Nothing large travels through the object store: tasks read from storage and write to it."""

PROJECT_ROOT = Path(__file__).resolve().parent.parent

NOT_SENT = [
    ".git",
    ".venv",
    "demo",
    "build",
    "dist",
    "**/__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
]
"""What stays behind when the code travels to a cluster."""


@dataclass(frozen=True)
class Cluster:
    """A connected Ray and what it has."""

    address: str
    num_cpus: int
    num_gpus: int

    @property
    def is_local(self) -> bool:
        """Whether it was started for this command."""
        return self.address == LOCAL


@contextlib.contextmanager
def connect(address: str = LOCAL) -> Iterator[Cluster]:
    """Connect for the length of a block. A Ray that this process is already connected to is used as it is."""
    if ray.is_initialized():
        yield describe(address)
        return
    with local_ray() if address == LOCAL else running_ray(address):
        yield describe(address)


def describe(address: str) -> Cluster:
    """What the connected cluster has."""
    resources = ray.cluster_resources()
    return Cluster(address, max(1, int(resources.get("CPU", 1))), int(resources.get("GPU", 0)))


@contextlib.contextmanager
def local_ray(*, dashboard: bool = False) -> Iterator[None]:
    """A Ray of our own, which leaves neither processes nor files behind."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's sockets live below this folder and their paths may not pass 107 characters, hence no deeper place.
    folder = Path(tempfile.mkdtemp(prefix="ancestral-ray-", dir="/tmp" if Path("/tmp").is_dir() else None))  # noqa: S108
    try:
        ray.init(
            address=LOCAL,
            num_cpus=os.cpu_count(),
            include_dashboard=dashboard,
            object_store_memory=OBJECT_STORE_BYTES,
            logging_level=logging.ERROR,
            log_to_driver=False,
            _temp_dir=str(folder),
        )
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running_ray(address: str) -> Iterator[None]:
    """A Ray that runs already; our code travels to its workers as their working directory."""
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, runtime_env=code_to_send(address))
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ClusterError(
            f"no Ray answered at {address} ({error}). Expected that of a running Ray, such as auto or HOST:6379; "
            "leave --address out to start one here."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def code_to_send(address: str) -> dict[str, object]:
    """The runtime environment of a driver outside the cluster; inside a job Ray has sent the code already."""
    if address == "auto" and "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ:
        return {}
    return {"working_dir": str(PROJECT_ROOT), "excludes": NOT_SENT}
