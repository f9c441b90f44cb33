"""`submit`: on a Ray head of our own that is ended by its process, and where there is none."""

import contextlib
import io
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ray.job_submission import JobStatus
from rich.console import Console

from jobs import submit as subject
from jobs.submit import SubmitConfig, entrypoint, send, submit, tell_end
from pipeline.errors import ClusterError, Interrupted
from tests.jobs.builders import write_tones
from tests.watching import with_words

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Head:
    """A running Ray: where its dashboard is, and its process."""

    url: str
    process: "subprocess.Popen[bytes]"


def free_ports(count: int) -> list[int]:
    """Below those that the kernel gives out, so that nobody gets one by chance before Ray takes it."""
    found: list[int] = []
    for port in random.sample(range(20_000, 32_000), 200):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
        if len(found) == count:
            break
    return found


def await_answer(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the head did not come up: {log.read_text()}")


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    folder = Path(f"/tmp/ancestral-test-{os.getpid()}")  # Ray's sockets need a short path
    log = tmp_path_factory.mktemp("head") / "log"
    gcs, dashboard, agent, client = free_ports(4)
    line = [str(BIN / "ray"), "start", "--head", "--block", "--node-ip-address=127.0.0.1", "--disable-usage-stats"]
    line += [f"--port={gcs}", f"--dashboard-port={dashboard}", f"--dashboard-agent-listen-port={agent}"]
    line += [f"--ray-client-server-port={client}", f"--temp-dir={folder}", "--num-cpus=2"]
    line += ["--min-worker-port=0", "--max-worker-port=0", "--object-store-memory=100000000"]
    with log.open("wb") as file:
        # `python` in a job is that of the PATH which Ray was started with.
        environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
        process = subprocess.Popen(line, stdout=file, stderr=file, env=environment)
    try:
        await_answer(dashboard, process, log)
        yield Head(f"http://127.0.0.1:{dashboard}", process)
    finally:
        end(process, folder)


def end(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """End the head, and see its children gone."""
    import shutil

    process.send_signal(signal.SIGTERM)
    process.wait(30)
    left = left_of(str(folder))
    shutil.rmtree(folder, ignore_errors=True)
    assert not left, f"the head's processes outlived it: {left}"


def left_of(words: str) -> list[str]:
    """The command lines with these words that are still there in ten seconds."""
    for _ in range(100):
        if not (left := with_words(words)):
            break
        time.sleep(0.1)
    return left


@dataclass
class Submitted:
    """A console whose text is read while a job writes to it."""

    console: Console
    file: io.StringIO

    @property
    def text(self) -> str:
        return self.file.getvalue()


@pytest.fixture
def said() -> Submitted:
    file = io.StringIO()
    return Submitted(Console(file=file, width=80), file)


@pytest.mark.ray
class TestOnAHead:
    """Jobs on a running Ray."""

    def test_a_verb_runs_as_a_job_and_its_log_is_followed(self, head: Head, said: Submitted, tmp_path: Path) -> None:
        write_tones(tmp_path / "two words" / "corpus", num_items=3)
        words = ["prepare", "corpus", "data set", "--set", "shards.items_per_shard=2"]
        config = SubmitConfig(submission_id="tones-1", metadata={"owner": "ann"})
        assert submit(words, True, str(tmp_path / "two words"), head.url, said.console, config) == 0
        assert "submitted tones-1\n" in said.text
        assert (tmp_path / "two words" / "data set" / "dataset.json").is_file()
        assert "3 rows" in said.text
        assert said.text.rstrip().endswith("succeeded")

    def test_a_verb_that_fails_is_told_by_its_own_message_whatever_address_the_environment_has(
        self, head: Head, said: Submitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:1")
        assert submit(["prepare", "none", "out"], True, str(tmp_path), head.url, said.console) == 1
        assert os.environ["RAY_ADDRESS"] == "http://127.0.0.1:1"
        assert f"error: {tmp_path}/none does not exist" in said.text
        assert "Traceback" not in said.text
        assert said.text.rstrip().endswith("failed")

    def test_ctrl_c_stops_the_job(
        self, head: Head, said: Submitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # A named pipe in the place of a request file: the job waits for it for ever.
        os.mkfifo(tmp_path / "config.yaml")

        async def interrupted(client: Any, job: str, console: Console) -> None:
            while client.get_job_status(job) != JobStatus.RUNNING:
                time.sleep(0.1)
            raise KeyboardInterrupt

        monkeypatch.setattr(subject, "follow", interrupted)
        words = ["prepare", "corpus", "out", "--config", "config.yaml"]
        with pytest.raises(Interrupted, match="was stopped; what is finished is kept"):
            submit(words, True, str(tmp_path), head.url, said.console)
        assert not left_of(f"-C {tmp_path} prepare"), "the job's process lives on"


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.usefixtures("head")
def test_without_an_address_a_ray_is_started_for_the_job_beside_another_one(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "jobs.cli", "-C", str(tmp_path), "submit", "--", "verify", "none"]
    ended = subprocess.run(line, capture_output=True, text=True, check=False, timeout=100)
    assert ended.returncode == 1
    assert f"{tmp_path}/none holds no dataset" in ended.stdout, ended.stdout
    assert ended.stderr == ""


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "127.0.0.1:1"])
def test_nobody_there_is_one_message(address: str, said: Submitted) -> None:
    with pytest.raises(ClusterError, match="no Ray answered at"):
        submit(["verify", "x"], True, "/", address, said.console)


def test_every_word_is_quoted() -> None:
    line = entrypoint(["prepare", "a b", "$(rm x)", "--set", "a=[1, 2]"], "auto", "/home/a b")
    at = ["python", "-m", "jobs.cli", "-C", "/home/a b", "prepare", "--address", "auto"]
    assert shlex.split(line) == [*at, "a b", "$(rm x)", "--set", "a=[1, 2]"]
    assert "'$(rm x)'" in line


def test_a_verb_that_needs_no_ray_gets_no_address() -> None:
    assert "--address" not in entrypoint(["report", "a"], "", "/")
    assert entrypoint(["align", "compare", "a"], "auto", "/", num_names=2).endswith(" align compare --address auto a")


class FakeClient:
    """A Jobs API that refuses so often, and then tells of a job that ended so."""

    def __init__(self, refusals: list[Exception] | None = None, **info: Any) -> None:
        self.refusals = refusals or []
        self.info = info
        self.sent: dict[str, Any] = {}

    def submit_job(self, **sent: Any) -> str:
        self.sent = sent
        if self.refusals:
            raise self.refusals.pop(0)
        return "job_1"

    def get_job_info(self, job: str) -> Any:
        return type("Info", (), self.info)

    def get_job_status(self, job: str) -> JobStatus:
        status: JobStatus = self.info["status"]
        return status

    def get_address(self) -> str:
        return "http://head:8265"


def test_a_ray_that_is_not_ready_yet_is_waited_for(said: Submitted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "SECONDS_BETWEEN_LOOKS", 0.001)
    client: Any = FakeClient([RuntimeError("status code 500: No available agent to submit job")] * 3)
    assert send(client, "x", said.console, SubmitConfig()) == "job_1"


def test_a_job_is_named_and_described_as_the_settings_say(said: Submitted) -> None:
    client: Any = FakeClient()
    send(client, "x", said.console, SubmitConfig("lj-1", {"owner": "ann"}, 2.0))
    expected = {"submission_id": "lj-1", "metadata": {"owner": "ann"}, "entrypoint_num_cpus": 2.0}
    assert {name: client.sent[name] for name in expected} == expected
    send(client, "x", said.console, SubmitConfig())
    assert client.sent["submission_id"] is None, "Ray takes the empty name for a name"


def test_a_refusal_is_told_by_its_last_line(said: Submitted) -> None:
    client: Any = FakeClient([RuntimeError("code 500: Traceback\n  File x\nValueError: Job 1 already exists.\n.\n.")])
    with pytest.raises(ClusterError, match=r"^Ray did not take the job: ValueError: Job 1 already exists\.$"):
        send(client, "x", said.console, SubmitConfig())


def test_a_job_that_ray_could_not_start_is_explained(said: Submitted) -> None:
    client: Any = FakeClient(status=JobStatus.FAILED, driver_exit_code=None, message="runtime_env setup failed\nmore")
    assert tell_end(client, "job_1", said.console) == 1
    assert said.text == "job_1 failed: runtime_env setup failed\n"


def test_a_job_that_waits_for_a_place_says_so(said: Submitted, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    monkeypatch.setattr(subject, "SECONDS_UNTIL_WAITING_IS_TOLD", 0.001)
    client: Any = FakeClient(status=JobStatus.PENDING, message="no node has 8 CPUs.")

    async def watch() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(subject.tell_waiting(client, "job_1", said.console), 0.1)

    asyncio.run(watch())
    assert "job_1 waits: no node has 8 CPUs. Ctrl-C withdraws it." in said.text


@pytest.mark.slow
@pytest.mark.ray
def test_ctrl_c_ends_the_job_and_the_ray_that_was_started_for_it(tmp_path: Path) -> None:
    """Ctrl-C reaches the whole process group, as in a terminal: our own Ray's processes too."""
    os.mkfifo(tmp_path / "config.yaml")  # the job waits for it for ever
    words = ["-C", str(tmp_path), "submit", "--", "prepare", "corpus", "out", "--config", "config.yaml"]
    line = [sys.executable, "-m", "jobs.cli", *words]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process: subprocess.Popen[str] = subprocess.Popen(line, start_new_session=True, **streams)
    assert process.stdout is not None
    while "Running entrypoint" not in process.stdout.readline():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "was stopped; what is finished is kept" in said
    assert "Traceback" not in said
    assert not left_of(f"-C {tmp_path} prepare"), "the job's process lives on"
