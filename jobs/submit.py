"""`submit`: a verb as a Ray job, its log followed here; the exit code is that of the job.

Ctrl-C stops the job, as it stops the verb when it runs here. What was finished is kept, and the same command goes on.
"""

import asyncio
import logging
import re
import shlex
import sys
import time
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import AuthenticationError
from ray.job_submission import JobStatus, JobSubmissionClient
from rich.console import Console

from jobs.cluster import AUTO, code_to_send, local_ray, own_environment, refuse_dead_address, take_token
from jobs.progress import say
from pipeline.errors import ClusterError, Interrupted

CHATTY = ("ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk", "ray._private.runtime_env.packaging")
"""Loggers that tell of uploads and closed connections amid the job's own log."""

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_UNTIL_WAITING_IS_TOLD = 10.0
SECONDS_TO_STOP = 20.0
"""Ray asks a job to end, and kills it some seconds later."""
SECONDS_FOR_AGENT = 20.0
"""A Ray that has just started takes jobs a moment after its dashboard answers."""


@dataclass(frozen=True)
class SubmitConfig:
    """How a job is sent. What the verb itself may be told stands behind the `--`.

    submission_id: the job's name on the dashboard, one of a kind; empty lets Ray make one.
    metadata: words that the dashboard shows beside the job, such as whose it is.
    num_cpus: CPUs that the command asks for beside its workers; 0, since it does little but wait for them.
    """

    submission_id: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    num_cpus: float = 0.0

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.-]*", self.submission_id):
            raise ValueError(f"submission_id: expected letters, digits, _ . and -, got {self.submission_id!r}")
        if not self.num_cpus >= 0:
            raise ValueError(f"num_cpus: expected 0 or more, got {self.num_cpus}")


def submit(
    words: list[str],
    num_names: int,
    folder: str,
    address: str,
    console: Console,
    config: SubmitConfig | None = None,
) -> int:
    """Run `ancestral WORDS` as a job and return 0 where it succeeded, 1 where not.

    The first `num_names` words name a verb that takes an address; 0 says that it takes none. `folder` is where the
    job's relative paths start. Raises ClusterError (nobody there, no token), Interrupted.
    """
    ray_to_use: AbstractContextManager[str] = nullcontext(address) if address else local_ray(dashboard=True)
    # Ray prefers RAY_ADDRESS to the address that it is given.
    with own_environment(), ray_to_use as url:
        client = open_client(url)
        # Where two run on one machine, auto may mean the other one, hence the whole address of ours.
        python, at = ("python", AUTO) if address else (sys.executable, ray.get_runtime_context().gcs_address)
        line = entrypoint(words, at if num_names else "", folder, python, num_names)
        job = send(client, line, console, config or SubmitConfig())
        try:
            asyncio.run(follow(client, job, console))
        except KeyboardInterrupt:
            if not address:
                # The terminal sent Ctrl-C to our own Ray too, which may not answer any more; the job ends with it.
                raise Interrupted(stopped(job)) from None
            stop(client, job, console)
        return tell_end(client, job, console)


def entrypoint(words: list[str], at: str, folder: str, python: str = "python", num_names: int = 1) -> str:
    """The command line of the job, at a Ray's address where the verb takes one; quoted, since a shell reads it."""
    address = ["--address", at] if at else []
    return shlex.join([python, "-m", "jobs.cli", "-C", folder, *words[:num_names], *address, *words[num_names:]])


def open_client(address: str) -> JobSubmissionClient:
    """A client of the dashboard that answers there."""
    if address != AUTO:
        refuse_dead_address(address)
    take_token()
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        return JobSubmissionClient(address)
    except AuthenticationError as error:
        raise ClusterError(no_token(address)) from error
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        raise ClusterError(
            f"no Ray dashboard answered at {address} ({first_line(error)}). Expected its address, such as "
            "http://HOST:8265; leave --address out to start a Ray here."
        ) from error


def no_token(address: str) -> str:
    """The message for a Ray that wants a token which we do not have."""
    return (
        f"the Ray at {address} wants its token and did not get it. Put the token that it was started with into "
        "~/.ray/auth_token, or name its file in RAY_AUTH_TOKEN_PATH."
    )


def send(client: JobSubmissionClient, command: str, console: Console, config: SubmitConfig) -> str:
    """Send our code and the command; returns the job's id, which Ray makes anew where the config names none."""
    end = time.monotonic() + SECONDS_FOR_AGENT
    while True:
        try:
            job: str = client.submit_job(
                entrypoint=command,
                runtime_env=code_to_send(),
                submission_id=config.submission_id or None,
                metadata=config.metadata,
                entrypoint_num_cpus=config.num_cpus,
            )
        except AuthenticationError as error:
            raise ClusterError(no_token(client.get_address())) from error
        except (RuntimeError, OSError) as error:
            if "No available agent" not in str(error) or time.monotonic() > end:
                raise ClusterError(f"Ray did not take the job: {last_line(error)}") from error
            time.sleep(SECONDS_BETWEEN_LOOKS)
        else:
            say(console, f"submitted {job}")
            return job


async def follow(client: JobSubmissionClient, job: str, console: Console) -> None:
    """Print the log as it grows, until the job has ended; say so where it has not started after a while."""
    told = asyncio.create_task(tell_waiting(client, job, console))
    try:
        with warnings.catch_warnings():
            # Ray calls aiohttp in a way that is deprecated there.
            warnings.simplefilter("ignore", DeprecationWarning)
            async for lines in client.tail_job_logs(job):
                say(console, lines, end="")
    except (RuntimeError, OSError) as error:
        say(console, f"the log broke off ({first_line(error)}); still waiting for {job}")
    finally:
        told.cancel()
    while not status_of(client, job).is_terminal():
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)


async def tell_waiting(client: JobSubmissionClient, job: str, console: Console) -> None:
    """Say why nothing happens, for as long as the job waits for a place."""
    while True:
        await asyncio.sleep(SECONDS_UNTIL_WAITING_IS_TOLD)
        if status_of(client, job) != JobStatus.PENDING:
            return
        reason = client.get_job_info(job).message or "the cluster has no place for it yet"
        say(console, f"{job} waits: {first_line(reason)} Ctrl-C withdraws it.")


def status_of(client: JobSubmissionClient, job: str) -> JobStatus:
    """How the job stands; a Ray that has gone away is told as such."""
    try:
        return client.get_job_status(job)
    except (RuntimeError, OSError) as error:
        raise ClusterError(
            f"the Ray that runs {job} does not answer any more ({first_line(error)}). Where the job stands: "
            f"ray job status --address {client.get_address()} {job}"
        ) from error


def stop(client: JobSubmissionClient, job: str, console: Console) -> None:
    """Stop the job and wait until it has ended."""
    say(console, f"stopping {job} ...")
    client.stop_job(job)
    end = time.monotonic() + SECONDS_TO_STOP
    while not status_of(client, job).is_terminal() and time.monotonic() < end:
        time.sleep(SECONDS_BETWEEN_LOOKS)


def stopped(job: str) -> str:
    """The message for a job that was stopped."""
    return f"{job} was stopped; what is finished is kept; submit the same command again to go on"


def tell_end(client: JobSubmissionClient, job: str, console: Console) -> int:
    """Say how the job ended; 0 where it succeeded."""
    info: Any = client.get_job_info(job)
    if info.status == JobStatus.STOPPED:
        raise Interrupted(stopped(job))
    if info.status == JobStatus.SUCCEEDED:
        say(console, f"{job} succeeded")
        return 0
    # Of a command that ran and failed, the log has told why; all else only Ray knows.
    why = "" if info.driver_exit_code is not None else f": {first_line(info.message or 'no reason given')}"
    say(console, f"{job} {info.status.value.lower()}{why}")
    return 1


def first_line(said: object) -> str:
    """The first line of what Ray said; its servers' tracebacks follow it."""
    return (str(said).strip().splitlines() or ["no reason given"])[0]


def last_line(said: object) -> str:
    """The last line with anything in it: where a server answers with a traceback, that is its error."""
    return ([line for line in str(said).splitlines() if line.strip(" .")] or ["no reason given"])[-1]
