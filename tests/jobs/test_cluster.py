"""Connecting: a local Ray that leaves nothing behind, addresses that are wrong in every way, the code that travels."""

import errno
import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import ray

from jobs import cluster as subject
from jobs.cluster import LOCAL, clear_abandoned, code_to_send, connect, own_environment, ray_folder, start_explained
from pipeline.errors import ClusterError


def lines_of_output(script: str, **environment: str) -> tuple[list[str], str]:
    """Run a script of its own, since a process has one Ray; its lines on stdout, and all of stderr."""
    ended = subprocess.run(
        [sys.executable, "-W", "default", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, **environment},
    )
    return ended.stdout.splitlines(), ended.stderr


@pytest.mark.ray
def test_a_local_ray_is_quiet_leaves_nothing_and_ignores_a_stale_address() -> None:
    script = (
        "import os, ray, warnings\n"
        "from jobs.cluster import connect\n"
        "try:\n"
        "    with connect() as cluster:\n"
        "        print(ray.is_initialized(), cluster.num_cpus >= 1, ray.is_initialized())\n"
        "        ray.get(ray.remote(lambda: print('not for the console')).remote())\n"
        "        print(ray._private.worker._global_node.get_session_dir_path())\n"
        "        raise KeyError('in the middle')\n"
        "except KeyError:\n"
        "    print(os.environ['RAY_ADDRESS'], ray.is_initialized())\n"
    )
    (kinds, folder, after), stderr = lines_of_output(script, RAY_ADDRESS="127.0.0.1:1")
    assert kinds == "False True True", "a local Ray starts when it is first asked what it has"
    assert after == "127.0.0.1:1 False", "the user's own environment was not put back"
    assert stderr == ""
    assert not Path(folder).parent.exists()


def test_a_ray_that_does_not_start_is_told_with_what_to_do() -> None:
    said = r"^Ray did not start on this machine: The current node timed out. .* Run the same command again later"
    with pytest.raises(ClusterError, match=said), start_explained():
        raise Exception("The current node timed out.")  # as Ray does
    with pytest.raises(OSError, match="No space left"), start_explained():
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.ray
@pytest.mark.usefixtures("ray_local")
class TestConnected:
    """What `connect` does where this process is connected already."""

    def test_it_uses_what_there_is_and_leaves_it(self) -> None:
        with connect() as cluster:
            assert cluster.address == LOCAL
            assert cluster.num_cpus == max(1, int(ray.cluster_resources()["CPU"]))
        assert ray.is_initialized()

    def test_an_error_inside_leaves_it_too(self) -> None:
        with pytest.raises(KeyError), connect():
            raise KeyError("oh")
        assert ray.is_initialized()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", "Connection refused"),
        ("ray://127.0.0.1:1", "Connection refused"),
        ("127.0.0.1:99999", "127.0.0.1:99999"),
        ("http://127.0.0.1:8265", "ancestral submit --address http://127.0.0.1:8265"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_wrong_address_is_told_at_once(address: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise ValueError("Invalid address format: nonsense\nand much more")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    start = time.monotonic()
    with pytest.raises(ClusterError) as caught, connect(address):
        pass
    assert said in str(caught.value)
    assert "HOST:6379" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - start < 2


def test_auto_names_the_variable_that_misleads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(ClusterError, match="auto means what RAY_ADDRESS says"):
        subject.refuse_wrong_address("auto")


def test_only_our_packages_travel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("jobs", "pipeline", "models", "secrets", ".git", "dataset"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.py").touch()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / ".env").touch()
    monkeypatch.setattr(subject, "PROJECT_ROOT", tmp_path)
    sent = code_to_send()
    assert sent["working_dir"] == str(tmp_path)
    assert packed(sent, tmp_path) == ["jobs/file.py", "models/file.py", "pipeline/file.py"]


def packed(sent: dict[str, Any], folder: Path) -> list[str]:
    """The files that Ray puts into the package."""
    import zipfile

    from ray._private.runtime_env.packaging import create_package

    target = folder.with_suffix(".zip")
    create_package(sent["working_dir"], target, include_gitignore=True, excludes=sent["excludes"])
    with zipfile.ZipFile(target) as archive:
        return sorted(name for name in archive.namelist() if not name.endswith("/"))


def test_inside_a_job_the_code_is_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    job = {"runtime_env": {"working_dir": "gcs://_ray_pkg_1.zip"}, "metadata": {}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(job))
    assert code_to_send() == {}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"runtime_env": {}}))
    assert "working_dir" in code_to_send(), "a job that brought no code has to be given it"


def test_what_is_installed_does_not_travel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "PROJECT_ROOT", tmp_path)
    assert code_to_send() == {}


def test_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "somewhere:1")
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    before = dict(os.environ)
    with own_environment():
        assert "RAY_ADDRESS" not in os.environ
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert dict(os.environ) == before


def test_the_folder_goes_whatever_happens() -> None:
    seen = []

    def fail() -> None:
        with ray_folder() as folder:
            seen.append(folder)
            (folder / "log").touch()
            raise RuntimeError("oh")

    with pytest.raises(RuntimeError):
        fail()
    assert not seen[0].exists()


def test_what_a_killed_command_left_is_cleared_and_what_is_in_use_stays(tmp_path: Path) -> None:
    old = time.time() - 3600
    for name in ("left", "used", "young"):
        folder = tmp_path / f"ancestral-ray-{name}"
        folder.mkdir()
        (folder / "in-use").touch()
        if name != "young":
            os.utime(folder / "in-use", (old, old))
    (tmp_path / "ancestral-ray-foreign").mkdir()
    with (tmp_path / "ancestral-ray-used" / "in-use").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        clear_abandoned(tmp_path)
    left = sorted(folder.name.removeprefix("ancestral-ray-") for folder in tmp_path.iterdir())
    assert left == ["foreign", "used", "young"]
