"""A Ray to work on: a running one by its address, or a local one that is started for the command and ends with it."""

import contextlib
import fcntl
import functools
import json
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import ray
from ray._private import auto_init_hook, parameter
from ray._private.authentication import authentication_token_setup as token_setup

from pipeline.errors import ClusterError

auto_init_hook.enable_auto_connect = False
"""Ray starts where `connect` starts it: by itself it would make another one of any call before or after that."""

LOCAL = "local"
"""The address that means: start one here."""

AUTO = "auto"
"""The address that means: the Ray that runs on this machine, or the one that this job was submitted to."""

OBJECT_STORE_BYTES = 256 * 2**20
"""Nothing large travels through the object store: tasks read from storage and write to it."""

PROJECT_ROOT = Path(__file__).resolve().parent.parent

SENT = ("jobs", "pipeline", "models")
"""What travels to a cluster: the import packages and nothing else that may lie in the checkout."""

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_IGNORE_UNHANDLED_ERRORS": "1"}

FOLDER_PREFIX = "ancestral-ray-"
LOCK_NAME = "in-use"

SECONDS_TO_ANSWER = 5.0
"""How long a Ray may take to accept a connection; Ray itself would try for minutes."""

SECONDS_TO_CLEAR = 10.0


class Cluster(Protocol):
    """A connected Ray and what it has."""

    @property
    def address(self) -> str:
        """Where it is; LOCAL for one of our own."""

    @property
    def num_cpus(self) -> int:
        """At least 1."""

    @property
    def num_gpus(self) -> int:
        """0 where there is none."""


@dataclass(frozen=True)
class RunningCluster:
    """A Ray that runs."""

    address: str
    num_cpus: int
    num_gpus: int


class ClusterOnDemand:
    """A local Ray that starts when it is first asked what it has.

    Starting takes seconds. A verb checks its inputs before it asks for workers, so a mistake in the command is told at
    once.
    """

    address = LOCAL

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack

    @functools.cached_property
    def running(self) -> RunningCluster:
        """The Ray, started; it ends with the stack."""
        self._stack.enter_context(local_ray())
        return describe(LOCAL)

    @property
    def num_cpus(self) -> int:
        """At least 1."""
        return self.running.num_cpus

    @property
    def num_gpus(self) -> int:
        """0 where there is none."""
        return self.running.num_gpus


@contextlib.contextmanager
def connect(address: str = LOCAL) -> Iterator[Cluster]:
    """Connect for the length of a block. A Ray that this process is already connected to is used as it is."""
    if ray.is_initialized():
        yield describe(address)
    elif address == LOCAL:
        with contextlib.ExitStack() as stack:
            yield ClusterOnDemand(stack)
    else:
        with running_ray(address):
            yield describe(address)


def describe(address: str) -> RunningCluster:
    """What the connected cluster has."""
    resources = ray.cluster_resources()
    return RunningCluster(address, max(1, int(resources.get("CPU", 1))), int(resources.get("GPU", 0)))


@contextlib.contextmanager
def local_ray(*, dashboard: bool = False) -> Iterator[str]:
    """A Ray of our own, which leaves neither processes nor files behind; yields the dashboard's address, or nothing."""
    with own_environment(), ray_folder() as folder:
        try:
            address = start_local(folder, dashboard)
            with sigterm_as_ctrl_c():
                yield address
        finally:
            with uninterrupted():
                ray.shutdown()


def start_local(folder: Path, dashboard: bool) -> str:
    """Start Ray in this folder, on free ports, so that two commands can run side by side."""
    with agent_on_free_port(), start_explained():
        context = ray.init(
            address=LOCAL,
            include_dashboard=dashboard,
            dashboard_port=0 if dashboard else None,
            object_store_memory=OBJECT_STORE_BYTES,
            logging_level=logging.ERROR,
            log_to_driver=False,
            _temp_dir=str(folder),
        )
    return f"http://{context.dashboard_url}" if context.dashboard_url else ""


@contextlib.contextmanager
def start_explained() -> Iterator[None]:
    """What keeps Ray from starting here, told with what to do; a full disk stays what it is.

    On a machine with far too much to do its processes miss Ray's own time limit, which Ray raises as a bare Exception.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise ClusterError(
            f"Ray did not start on this machine: {error} A likely cause is that it has too much to do, or too little "
            "memory. Run the same command again later, or name a running Ray by --address."
        ) from error


@contextlib.contextmanager
def agent_on_free_port() -> Iterator[None]:
    """Let the agent that starts submitted jobs choose its port.

    `ray.init` has no option for it and takes 52365, which a second Ray on the machine cannot have; that one would
    then refuse every job with "No available agent".
    """
    plain = parameter.RayParams
    parameter.RayParams = functools.partial(plain, dashboard_agent_listen_port=0)
    try:
        yield
    finally:
        parameter.RayParams = plain


@contextlib.contextmanager
def own_environment() -> Iterator[None]:
    """The environment without addresses of some other Ray, which would win over ours; no usage statistics.

    The first error ends a fan-out and is told; those of tasks that were still at work are not Ray's to print.
    """
    kept = dict(os.environ)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name in (*QUIET, "RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
            os.environ.pop(name, None)
            if name in kept:
                os.environ[name] = kept[name]


@contextlib.contextmanager
def ray_folder() -> Iterator[Path]:
    """A folder for Ray's logs and sockets, gone afterwards; one that a killed command left behind goes with it."""
    # The sockets' paths may not pass 107 characters, hence no deeper place.
    root = Path("/tmp") if Path("/tmp").is_dir() else Path(tempfile.gettempdir())  # noqa: S108
    clear_abandoned(root)
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=root))
    with (folder / LOCK_NAME).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            with uninterrupted():
                clear(folder)


def clear(folder: Path) -> None:
    """Remove a folder into which processes that are just ending may still write."""
    end = time.monotonic() + SECONDS_TO_CLEAR
    while folder.exists() and time.monotonic() < end:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            time.sleep(0.05)


def clear_abandoned(root: Path) -> None:
    """Remove the folders of commands that were killed: those whose lock nobody holds."""
    for lock_file in root.glob(f"{FOLDER_PREFIX}*/{LOCK_NAME}"):
        with contextlib.suppress(OSError), lock_file.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A folder this young may belong to a command that has not come to lock it yet.
            if time.time() - lock_file.stat().st_mtime > 60:
                shutil.rmtree(lock_file.parent, ignore_errors=True)


@contextlib.contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """What `kill`, systemd and Kubernetes send stops a command as cleanly as Ctrl-C; Ray's own handler does not."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Finish cleaning up even where the user presses Ctrl-C again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def running_ray(address: str) -> Iterator[None]:
    """A Ray that runs already; our code travels to its workers as their working directory."""
    refuse_wrong_address(address)
    take_token()
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, runtime_env=code_to_send())
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ClusterError(no_answer(address, str(error))) from error
    try:
        with sigterm_as_ctrl_c():
            yield
    finally:
        with uninterrupted():
            ray.shutdown()


def refuse_wrong_address(address: str) -> None:
    """Refuse what Ray would chew on for minutes: the address of a dashboard, or one where nobody listens."""
    if address.startswith(("http://", "https://")):
        raise ClusterError(
            f"{address} is the address of a Ray dashboard: expected that of the Ray itself, such as auto or HOST:6379. "
            f"To run the command as a job there: ancestral submit --address {address} -- VERB ..."
        )
    if address != AUTO:
        refuse_dead_address(address)
    elif "RAY_ADDRESS" in os.environ:
        refuse_dead_address(os.environ["RAY_ADDRESS"], "auto means what RAY_ADDRESS says; ")


def refuse_dead_address(address: str, note: str = "") -> None:
    """Find out at once that nobody listens at a host and port; an address without a port is left to Ray."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        if parts.hostname and parts.port:
            socket.create_connection((parts.hostname, parts.port), timeout=SECONDS_TO_ANSWER).close()
    except (OSError, ValueError) as error:
        raise ClusterError(no_answer(address, f"{note}{error}")) from error


def take_token() -> None:
    """Show a Ray that wants a token the one of this user (RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH, ~/.ray/auth_token).

    By itself Ray does so for local clusters alone. One that wants no token does not mind it.
    """
    logging.getLogger(token_setup.__name__).setLevel(logging.ERROR)
    token_setup.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)


def no_answer(address: str, why: str) -> str:
    """The message for an address where no Ray is."""
    example = "http://HOST:8265" if address.startswith("http") else "auto or HOST:6379"
    return (
        f"no Ray answered at {address} ({why.splitlines()[0] if why else 'no reason given'}). Expected that of a "
        f"running Ray, such as {example}; leave --address out to start one here."
    )


def code_to_send() -> dict[str, object]:
    """The runtime environment that carries our code to a cluster's workers.

    Empty inside a submitted job, whose code Ray has sent already, and where we run installed instead of from a
    checkout: then the workers are expected to have the same image.
    """
    job = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR") or "{}")
    if "working_dir" in (job.get("runtime_env") or {}) or not (PROJECT_ROOT / "pyproject.toml").is_file():
        return {}
    left_behind = sorted(f"/{entry.name}" for entry in PROJECT_ROOT.iterdir() if entry.name not in SENT)
    return {"working_dir": str(PROJECT_ROOT), "excludes": [*left_behind, "__pycache__"]}
