"""Bounded items: what hangs, grows or crashes costs itself alone, and nothing is left running."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import CorpusError, ItemError, PassingStorageError
from pipeline.guarding import guard as subject
from pipeline.guarding.guard import ChildLost, Guard, LimitsConfig
from pipeline.guarding.guarded import unwatched
from tests.pipeline.guarding.guarded_work import do_all
from tests.watching import at_work, wait_until_gone

ROOT = Path(__file__).parents[3]

LIMITS = LimitsConfig(item_s=2, item_memory_bytes=64 * 2**20)

PATIENT = LimitsConfig(item_s=60)

needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="memory is told by /proc alone")


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    guard = Guard()
    yield guard
    guard.close()


def run(guard: Guard, *things: tuple[Any, ...], limits: LimitsConfig = LIMITS) -> list[Any]:
    result: list[Any] = guard.run(do_all, [("ok", "first"), *things, ("ok", "last")], limits=limits)
    assert (result[0], result[-1]) == ("first", "last")
    return result[1:-1]


def test_results_come_back_and_one_child_serves_many_shards(guard: Guard) -> None:
    (first,) = run(guard, ("pid",))
    assert first != os.getpid()
    assert run(guard, ("pid",), ("ok", {"a": [1, 2]})) == [first, {"a": [1, 2]}]
    assert guard.run(do_all, [], limits=LIMITS) == []


@pytest.mark.parametrize(
    ("thing", "reason"),
    [
        (("sleep", 600), "took longer than 2 s"),
        (("block", 600), "took longer than 2 s"),
        (("stop",), "took longer than 2 s"),
        pytest.param(("grow", 2**40), "took more than 0.1 GiB of memory", marks=needs_proc),
        (("huge",), "took more memory than there is"),
        (("segfault",), "crashed the process that read it (SIGSEGV)"),
        (("kill", signal.SIGABRT), "crashed the process that read it (SIGABRT)"),
        (("kill", signal.SIGKILL), "crashed the process that read it (SIGKILL)"),
        (("exit", 0), "ended the process that read it (exit status 0)"),
        (("sys.exit", 3), "ended the process that read it (exit status 3)"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_bad_item_is_passed_over_with_its_reason(guard: Guard, thing: tuple[Any, ...], reason: str) -> None:
    assert run(guard, ("ok", 1), thing, ("ok", 2)) == [1, reason, 2]


def test_several_bad_items_of_a_shard_are_found_one_by_one(guard: Guard) -> None:
    found = run(guard, ("segfault",), ("exit", 4), ("ok", 1), ("segfault",))
    assert [str(reason).rsplit(maxsplit=1)[-1] for reason in found] == ["(SIGSEGV)", "4)", "1", "(SIGSEGV)"]


def test_a_kill_from_outside_is_nobody_s_fault(guard: Guard, tmp_path: Path) -> None:
    assert run(guard, ("once", str(tmp_path / "killed"), "kill", signal.SIGKILL)) == ["later"]
    assert run(guard, ("once", str(tmp_path / "ended"), "kill", signal.SIGTERM)) == ["later"]


@needs_proc
def test_rows_of_earlier_items_are_not_the_item_s_memory(guard: Guard) -> None:
    run(guard, ("ok", np.zeros(1)))  # a child that has just begun imports numpy, at the cost of what needs it first
    held = ("ok", bytes(24 * 2**20))
    found = run(guard, *[thing for _ in range(5) for thing in (held, ("sleep", 0.3))])
    assert [len(row or b"") for row in found] == [24 * 2**20, 0] * 5


def test_every_item_has_the_whole_time(guard: Guard) -> None:
    assert run(guard, *[("sleep", 0.8)] * 3) == [None] * 3


def test_what_follows_the_last_item_is_not_limited_and_not_blamed_on_it(guard: Guard) -> None:
    assert guard.run(do_all, [("ok", 1)], "pid", limits=LIMITS) == [1]
    with pytest.raises(ChildLost, match=r"do_all crashed .* \(SIGSEGV\), at work on no item of the shard"):
        guard.run(do_all, [("ok", 1)], "segfault", limits=LIMITS)
    assert run(guard) == []


@pytest.mark.parametrize("error", [CorpusError("no corpus"), PassingStorageError("slow"), ItemError("decode", "odd")])
def test_errors_come_back_as_they_are(guard: Guard, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        run(guard, ("raise", error))
    assert str(caught.value) == str(error)
    assert caught.value.__dict__.get("stage") == error.__dict__.get("stage")
    assert "in fail\n    raise error" in caught.value.__notes__[-1]


def test_an_error_that_cannot_travel_is_told(guard: Guard) -> None:
    with pytest.raises(RuntimeError, match="Unportable: the file is odd"):
        run(guard, ("raise unportable",))


def test_ctrl_c_ends_the_child(guard: Guard, tmp_path: Path) -> None:
    def press() -> None:
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run(guard, ("write pid", str(tmp_path / "pid"), "block", 600), limits=PATIENT)
    wait_until_gone(int((tmp_path / "pid").read_text()))
    assert run(guard, ("ok", 1)) == [1]


def test_what_the_child_has_started_goes_with_it(guard: Guard, tmp_path: Path) -> None:
    assert run(guard, ("child", str(tmp_path / "pid"))) == ["took longer than 2 s"]
    wait_until_gone(int((tmp_path / "pid").read_text()))


PARENT = """
import sys, threading
from pipeline.guarding.guard import Guard, LimitsConfig
from tests.pipeline.guarding.guarded_work import do_all

def work():
    guard = Guard()
    guard.run(do_all, [("write pid", sys.argv[1], *eval(sys.argv[3]))], limits=LimitsConfig())

if sys.argv[2] == "main":
    work()
else:
    threading.Thread(target=work, daemon=True).start()
    threading.Event().wait()
"""


@pytest.mark.parametrize(
    ("thread", "thing"),
    [
        pytest.param("main", ("block", 600), marks=pytest.mark.skipif(sys.platform != "linux", reason="prctl")),
        ("other", ("sleep", 600)),
    ],
    ids=["by the kernel", "by the pipe"],
)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_child_dies_with_its_parent(
    tmp_path: Path, thread: str, thing: tuple[Any, ...], number: signal.Signals
) -> None:
    file = tmp_path / "pid"
    with at_work([sys.executable, "-c", PARENT, str(file), thread, repr(thing)], cwd=ROOT) as parent:
        while not (file.exists() and file.read_text()):
            assert parent.poll() is None
            time.sleep(0.01)
        parent.send_signal(number)
        parent.wait()
    wait_until_gone(int(file.read_text()))


def test_a_child_that_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "START", "raise SystemExit(7)")
    with pytest.raises(ChildLost, match="exit status 7"):
        Guard().run(do_all, [], limits=LIMITS)


def test_nothing_stays_open(tmp_path: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else []  # noqa: PTH208
    guard = Guard()
    (pid,) = run(guard, ("pid",))
    run(guard, ("segfault",))
    del guard
    wait_until_gone(pid)
    assert sorted(os.listdir("/proc/self/fd")) == before if before else True  # noqa: PTH208


def test_the_same_work_runs_without_a_guard() -> None:
    assert unwatched(do_all, [("ok", 1), ("segfault",)], condemned={1: "odd"}) == [1, "odd"]


@pytest.mark.parametrize(("name", "value"), [("item_s", 0), ("item_memory_bytes", -1), ("item_s", float("nan"))])
def test_limits_that_allow_nothing_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"limits.{name}: expected more than 0"):
        LimitsConfig(**{name: value})  # type: ignore[arg-type]
