"""The command's own behaviour: fast help, one message for each mistake, exit codes, folders, a quiet end."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from ray.exceptions import WorkerCrashedError

from jobs.cli import app, parse_verb
from jobs.cli_errors import run_explained
from pipeline.errors import CorpusError, Interrupted
from pipeline.reports.config import ReportConfig
from pipeline.storage import Location
from tests.watching import with_words

VERBS = (
    "prepare",
    "train",
    "sweep",
    "generate",
    "requests",
    "say",
    "evaluate",
    "export",
    "verify",
    "report",
    "submit",
    "demo",
)


def run(*words: str) -> int:
    return run_explained(typer.main.get_command(app), list(words))


def command(*words: str, **kwargs: Any) -> "subprocess.Popen[str]":
    line = [sys.executable, "-m", "jobs.cli", *words]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)


@pytest.fixture
def report_calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A `report` that notes what it was called with, in place of the real one."""
    calls: list[Any] = []
    fake: Any = ModuleType("jobs.report")
    fake.report = lambda *arguments: calls.append(arguments)
    monkeypatch.setitem(sys.modules, "jobs.report", fake)
    return calls


def failing_report(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object) -> None:
        raise error

    fake: Any = ModuleType("jobs.report")
    fake.report = fail
    monkeypatch.setitem(sys.modules, "jobs.report", fake)


def test_help_imports_neither_ray_nor_torch() -> None:
    check = (
        "import sys; sys.argv = ['ancestral', '--help']; from jobs.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "heavy = {'ray', 'torch', 'pyarrow', 'numpy', 'fsspec.core'} & set(sys.modules) - {'fsspec.core'}\n"
        "assert not heavy, heavy"
    )
    ended = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "prepare" in ended.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_with_examples_in_80_columns(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(verb, "--help") == 0
    said = capsys.readouterr().out
    assert "Examples" in said
    assert f"ancestral {verb}" in said
    assert max(len(line) for line in said.splitlines()) <= 80
    assert "…" not in said, "something did not fit"


def test_the_version_is_that_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == "ancestral 0.1.0\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["prepair"], "Did you mean 'prepare'"),
        (["prepare"], "CORPUS"),
        (["train", "a", "b"], "--recipe"),
        (["generate", "a", "b"], "--requests"),
        (["verify", "a", "--adress", "x"], "--address"),
        (["submit", "--", "prepair", "a", "b"], "Did you mean 'prepare'"),
        (["submit", "--", "prepare", "a"], "OUT"),
        (["submit", "--", "demo"], "cannot run as a job"),
        (["submit", "--", "verify", "x", "--address", "auto"], "where the job is sent"),
        (["submit"], "VERB"),
    ],
)
def test_what_is_not_understood_exits_with_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(*words) == 2
    streams = capsys.readouterr()
    assert said in streams.err
    assert streams.out == ""
    assert "Traceback" not in streams.err


def test_relative_paths_start_at_the_folder_given(report_calls: list[Any], tmp_path: Path) -> None:
    assert run("-C", str(tmp_path), "report", "a", "/b", "s3://c/d", "--out", "r.html") == 0
    paths, out, *_ = report_calls[0]
    assert paths == [Location(f"{tmp_path}/a"), Location("/b"), Location("s3://c/d")]
    assert out == Location(f"{tmp_path}/r.html")


def test_else_at_the_working_folder(report_calls: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("report", "a", "../b") == 0
    assert report_calls[0][0] == [Location(f"{tmp_path}/a"), Location(f"{tmp_path.parent}/b")]


def test_our_errors_are_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    message = "/a/[b]/" + "long/" * 40 + " is no corpus; look again."
    failing_report(monkeypatch, CorpusError(message))
    assert run("report", "x") == 1
    streams = capsys.readouterr()
    assert streams.err == f"error: {message}\n"
    assert streams.out == ""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Interrupted("stopped here"), 130, "stopped here\n"),
        (
            KeyboardInterrupt(),
            130,
            "stopped; what is finished is kept; run the same command again to go on\n",
        ),
        (OSError(errno.ENOSPC, "No space left on device", "/full"), 1, "error: /full: the disk is full."),
        (WorkerCrashedError(), 1, "error: a worker was lost again and again"),
    ],
)
def test_other_ends_are_one_message_too(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    failing_report(monkeypatch, error)
    assert run("report", "x") == code
    said_on_stderr = capsys.readouterr().err
    assert said_on_stderr.startswith(said)
    assert said_on_stderr.count("\n") == 1


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    failing_report(monkeypatch, ZeroDivisionError("oh"))
    assert run("report", "x") == 1
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "ZeroDivisionError: oh" in said
    assert "this is a bug in ancestral" in said


def test_settings_are_shown_without_naming_a_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("prepare", "--set", "audio.sample_rate_hz=8000", "--show-config") == 0
    assert "  sample_rate_hz: 8000\n" in capsys.readouterr().out


def test_the_settings_of_a_recipe_s_model_are_shown_with_their_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "--recipe", "wavenet-small", "--set", "model.input=scalar", "--show-config") == 0
    shown = capsys.readouterr().out
    assert "  input: scalar\n" in shown
    assert "  output: softmax\n" in shown


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "demo"])
def test_each_verb_takes_settings_and_an_address(verb: str) -> None:
    options = {option for parameter in verbs()[verb].params for option in parameter.opts}
    here = {"--address"} if verb == "say" else set()  # which is done in this process
    assert {"--config", "--set", "--address", "--show-config"} - here <= options


def verbs() -> dict[str, Any]:
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


@pytest.mark.parametrize(
    ("verb", "setting", "shown"),
    [
        ("verify", "most_problems=7", "most_problems: 7\n"),
        ("report", "title=A voice", "title: A voice\n"),
        ("submit", "metadata.owner=ann", "metadata:\n  owner: ann\n"),
    ],
)
def test_verbs_that_make_no_data_have_settings_too(
    verb: str, setting: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(verb, "--set", setting, "--show-config") == 0
    assert shown in capsys.readouterr().out


def test_a_verb_to_show_the_settings_of_leaves_those_of_submit_alone() -> None:
    assert run("submit", "--") == 2
    assert parse_verb(["submit", "--", "prepare", "--show-config"]).params["show_config"] is False


def test_a_verb_of_two_words_is_understood() -> None:
    verb = parse_verb(["align", "compare", "timit"])
    assert (verb.command_path, verb.params["corpora"]) == ("ancestral align compare", ["timit"])
    assert run("submit", "--", "align") == 2


def test_settings_reach_the_report(report_calls: list[Any]) -> None:
    assert run("report", "a", "--set", "most_pairs=3") == 0
    *_, config, cluster = report_calls[0]
    assert (config, cluster) == (ReportConfig(most_pairs=3), None)


def test_shown_settings_are_taken_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("generate", "--show-config", "--set", "num_lanes=32") == 0
    shown = capsys.readouterr().out
    (tmp_path / "c.yaml").write_text(shown)
    assert run("-C", str(tmp_path), "generate", "--config", "c.yaml", "--show-config") == 0
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["prepare", "a", "memory://b"], "memory:// is the memory of one process"),
        (["prepare", "a", "b", "--set", "audio.sample_rate=1"], "Did you mean audio.sample_rate_hz?"),
        (["evaluate", "a", "b", "--set", "splitt=test"], "Did you mean split?"),
        (["prepare", "a", "b", "--config", "none.yaml"], "none.yaml does not exist"),
        (["verify", "a", "--set", "most_problem=1"], "Did you mean most_problems?"),
        (["verify", "a", "--set", "most_problems=0"], "expected 1 or more"),
        (["report", "a", "--set", "titel=x"], "Did you mean title?"),
        (["report", "a", "--set", "most_pairs=0"], "expected 1 or more"),
        (["submit", "--set", "submission_id=a/b", "--", "verify", "a"], "expected letters"),
        (["train", "a", "b", "--recipe", "wavenet-smal"], "wavenet-small"),
    ],
)
def test_a_wrong_setting_is_told_before_anything_starts(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 1
    assert said in capsys.readouterr().err


def test_a_missing_dataset_fails_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", str(tmp_path / "none")) == 1
    assert "holds no dataset" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["prepare", "corpus", "out", "--address", "127.0.0.1:1"],
        ["submit", "--address", "http://127.0.0.1:1", "--", "verify", "x"],
    ],
)
def test_an_address_where_nobody_is_is_told_at_once(tmp_path: Path, words: list[str]) -> None:
    # In a process of its own: one that is connected to a Ray already goes on with that.
    start = time.monotonic()
    command = [sys.executable, "-m", "jobs.cli", *words]
    done = subprocess.run(command, cwd=Path.cwd(), capture_output=True, text=True)
    assert done.returncode == 1
    assert "no Ray answered at" in done.stderr
    assert "127.0.0.1:1" in done.stderr
    assert done.stderr.count("\n") == 1
    assert time.monotonic() - start < 30  # Ray by itself looks for two minutes


def test_a_verb_parsed_for_a_job_is_not_run(report_calls: list[Any]) -> None:
    assert parse_verb(["report", "a"]).params["paths"] == ["a"]
    assert not report_calls


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = command("prepare", "--show-config", env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(30) in (0, 1)


@pytest.mark.ray
def test_ctrl_c_ends_the_command_and_its_ray(tmp_path: Path) -> None:
    """A real command in its own process group, as a shell starts it, stopped while Ray works."""
    script = (
        "import sys, time\n"
        "from types import ModuleType\n"
        "import ray\n"
        "def report(paths, out, *_):\n"
        "    from jobs.cluster import connect\n"
        "    with connect() as cluster:\n"
        "        assert cluster.num_cpus\n"  # which starts it
        "        work = ray.remote(lambda: time.sleep(600)).remote()\n"
        "        ray.wait([work], timeout=1)\n"
        "        folder = ray._private.worker._global_node.get_session_dir_path()\n"
        "        print(folder, flush=True)\n"
        "        ray.get(work)\n"
        "sys.modules['jobs.report'] = module = ModuleType('jobs.report')\n"
        "module.report = report\n"
        "sys.argv = ['ancestral', 'report', 'x']\n"
        "from jobs.cli import main\n"
        "main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    assert folder.name.startswith("session_")
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said == "stopped; what is finished is kept; run the same command again to go on\n"
    assert not folder.parent.exists()
    assert not with_words(str(folder))
