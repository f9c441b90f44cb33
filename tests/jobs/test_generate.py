import errno
import json
import os
import signal
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import ray

import jobs.generate as job
from jobs.actor_pool import fan_out_actors
from jobs.fan_out import TASK_RETRIES
from jobs.generation_run import Run
from jobs.generation_work import Work
from jobs.sampler import ACTOR_OPTIONS, SHARD_RETRIES, Plan
from jobs.scales import Crew, Pools, crew_for
from pipeline.errors import (
    ClusterError,
    ConfigError,
    DisagreementError,
    Interrupted,
    OccupiedError,
    RequestError,
    StorageError,
    TooManyFailures,
)
from pipeline.generation.accept.config import AcceptConfig
from pipeline.generation.shard import generate_shard
from pipeline.model_folder import load_model
from pipeline.shards.dataset import claim
from pipeline.shards.verify import verify_folder
from pipeline.storage import PARTIAL_PREFIX, Location
from tests.jobs.generating import WrongCanary, contents, draw_here, run
from tests.pipeline.generation.tiny_models import DIGITS, SPEECH, save_tiny

REQUESTS = """\
{"count": 5, "speaker": "ann", "emotion": "glad", "phones": [["a", LONG], ["sil", 0.002]]}
{"id": "two", "count": 4, "seed": 3, "speaker": "bob", "emotion": "calm", "phones": [["b", LONG]]}
"""

START = Pools.start


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Location:
    return save_tiny(Location(str(tmp_path_factory.mktemp("model"))), "audio", SPEECH).folder


@pytest.fixture
def requests(tmp_path: Path) -> Location:
    (tmp_path / "requests.jsonl").write_text(REQUESTS.replace("LONG", "0.02"))
    return Location(str(tmp_path / "requests.jsonl"))


def start_and_kill(pools: Pools, actor: Any, plan: Plan) -> Any:
    """Start a plan and kill the actor's process once it has drawn a part of it."""
    pid = ray.get(actor.__ray_call__.remote(lambda self: os.getpid()))
    reference = START(pools, actor, plan)
    while not (underway := ray.get(actor.levels_underway.remote())):
        assert not ray.wait([reference], timeout=0)[0], "the shard was drawn before it could be killed"
    assert 0 < underway < sum(item.num_timesteps for item in plan.entries)
    os.kill(pid, signal.SIGKILL)
    return reference


def test_actors_interrupts_and_kills_leave_no_trace(
    ray_local: None, model: Location, requests: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One actor undisturbed; one stopped by Ctrl-C, then two of which one is killed: the same bytes."""
    requests.write_text(REQUESTS.replace("LONG", "15"))
    one, two = Location(str(tmp_path / "one")), Location(str(tmp_path / "two"))
    info, said = run(model, one, requests, num_actors=1, export="files")
    assert (info.num_rows, len(info.shards)) == (9, 5)
    assert list(verify_folder(one)) == []
    assert "9 items" in said
    assert "× real time" in said

    started: list[int] = []

    def interrupted(pools: Pools, actor: Any, plan: Plan) -> Any:
        if len(started) == 4:
            raise KeyboardInterrupt
        started.append(plan.index)
        return START(pools, actor, plan)

    monkeypatch.setattr(Pools, "start", interrupted)
    with pytest.raises(Interrupted, match=r"[46] of 9 items stand in .*The same command"):
        run(model, two, requests, num_actors=1, export="files")
    assert not (two / "dataset.json").exists()
    assert started == [0, 1, 2, 3]

    killed: list[int] = []

    def killing(pools: Pools, actor: Any, plan: Plan) -> Any:
        if killed:
            return START(pools, actor, plan)
        killed.append(plan.index)
        return start_and_kill(pools, actor, plan)

    monkeypatch.setattr(Pools, "start", killing)
    run(model, two, requests, num_actors=2, export="files")
    assert killed
    assert contents(two) == {**contents(one), "plan.json": (two / "plan.json").read_bytes()}


class DrawingBegins(Exception):
    """Stands for all that comes after the requests are found to be good."""


def test_only_a_model_that_was_trained_so_is_guided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(*given: Any) -> None:
        raise DrawingBegins

    monkeypatch.setattr(job, "draw", begin)
    model = save_tiny(Location(str(tmp_path / "model")), "image", DIGITS).folder
    requests = tmp_path / "requests.jsonl"
    requests.write_text('{"label": "1", "guidance": 2}\n')
    with pytest.raises(
        RequestError, match=r"line 1: guidance 2 needs a model that has also learnt to draw without its"
    ):
        run(model, Location(str(tmp_path / "out")), Location(str(requests)))
    page = json.loads((model / "model.json").read_text())
    page["lineage"] = {"training": {"condition_dropout": 0.1}}
    (model / "model.json").write_text(json.dumps(page))
    with pytest.raises(DrawingBegins):
        run(model, Location(str(tmp_path / "out")), Location(str(requests)))


def test_a_shard_that_takes_its_actor_with_it_every_time_ends_the_run(ray_local: None, tmp_path: Path) -> None:
    class Doomed:
        def generate(self, plan: str) -> None:
            with (tmp_path / "tries").open("a") as tries:
                tries.write("x")
            os.kill(os.getpid(), signal.SIGKILL)

        def levels_underway(self) -> int:
            return 0

    actor: Any = ray.remote(**{**ACTOR_OPTIONS, "max_task_retries": 3})(Doomed).remote()
    with pytest.raises(ClusterError, match="lost again and again"):
        list(fan_out_actors(["plan"], [actor], lambda doomed, plan: doomed.generate.remote(plan)))
    assert len((tmp_path / "tries").read_text()) == 1 + 3
    assert ACTOR_OPTIONS["max_task_retries"] == SHARD_RETRIES > TASK_RETRIES, "a shard goes on from its snapshot"
    ray.kill(actor)


def test_the_dataset_is_unfinished_from_the_first_shard_that_is_redone(
    model: Location, requests: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Location(str(tmp_path / "out"))
    monkeypatch.setattr(job, "draw", draw_here)
    run(model, out, requests)
    assert (out / "dataset.json").exists()
    (out / "commits/000003.json").remove()

    def stopped(run: Run, num_actors: int) -> None:
        assert next(run.pending()).index == 3
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "draw", stopped)
    with pytest.raises(Interrupted):
        run(model, out, requests)
    assert not (out / "dataset.json").exists(), "it lists a shard that is being rewritten"


def test_what_stands_is_not_made_again(
    ray_local: None, model: Location, requests: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shards are made in this process; then a run finds nothing to do and starts no actor."""
    out = Location(str(tmp_path / "out"))
    monkeypatch.setattr(job, "draw", draw_here)
    run(model, out, requests)
    before = contents(out)
    monkeypatch.undo()
    monkeypatch.setattr(job, "crew_for", None)
    assert "stood already" in run(model, out, requests)[1]
    assert contents(out) == before


@pytest.mark.parametrize("export", ["none", "files"])
def test_a_disk_that_fills_up_at_any_write_loses_nothing(
    model: Location, requests: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, export: str
) -> None:
    """One message each time, nothing half-written, and the same command goes on where there is room again."""
    monkeypatch.setattr(job, "draw", draw_here)
    whole, plain, most = Location(str(tmp_path / "whole")), os.fsync, [0]

    def sync_until_full(file: int) -> None:
        most[0] -= 1
        if not most[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(file)

    monkeypatch.setattr(os, "fsync", sync_until_full)
    run(model, whole, requests, export=export)
    num_writes = -most[0]
    assert num_writes > 10
    for full_at in range(1, num_writes + 1):
        out, most[0] = Location(str(tmp_path / f"out-{full_at}")), full_at
        with pytest.raises(StorageError, match=r"the disk is full; nothing is half-written\. Free some space"):
            run(model, out, requests, export=export)
        assert not (out / "dataset.json").exists()
        assert list(tmp_path.rglob(PARTIAL_PREFIX + "*")) == []
        run(model, out, requests, export=export)
        assert contents(out) == contents(whole)


def test_nothing_is_drawn_and_nothing_claimed_when_a_late_request_is_bad(
    model: Location, requests: Location, tmp_path: Path
) -> None:
    requests.write_text(
        REQUESTS.replace("LONG", "0.02") + '{"speaker": "eve", "emotion": "calm", "phones": [["b", 0.4]]}\n'
    )
    with pytest.raises(RequestError, match="line 3: speaker 'eve'"):
        run(model, Location(str(tmp_path / "out")), requests)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_refused(model: Location, requests: Location, tmp_path: Path) -> None:
    with pytest.raises(OccupiedError, match="already holds something else"):
        run(model, Location(str(tmp_path)), requests)


def test_what_another_model_has_made_is_never_overwritten(model: Location, requests: Location, tmp_path: Path) -> None:
    out = Location(str(tmp_path / "out"))
    claim(out, "generate", {}, {"model digest": "another"})
    with pytest.raises(OccupiedError, match="its model digest is another, not "):
        run(model, out, requests)
    assert not (out / "shards").exists()


def test_a_gpu_that_is_not_there_is_told(model: Location, requests: Location, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no GPU"):
        run(model, Location(str(tmp_path / "out")), requests, device="cuda")


def test_fewer_requests_leave_no_stale_shards_or_files(
    model: Location, requests: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "draw", draw_here)
    out = Location(str(tmp_path / "out"))
    run(model, out, requests, export="files")
    assert (out / "wav/000002").names() == ["000001-0004.wav", "two-0000.wav"]
    requests.write_text(REQUESTS.replace("LONG", "0.02").splitlines()[1] + "\n")
    before = contents(out)
    with pytest.raises(OccupiedError, match=r"holds 5 items that these requests do not ask for, such as '000001-0000'"):
        run(model, out, requests, export="files")
    assert contents(out) == before
    run(model, out, requests, export="files", overwrite=True)
    assert (out / "wav").names() == ["000000", "000001"]
    assert (out / "shards").names() == ["000000.parquet", "000001.parquet"]
    assert list(verify_folder(out)) == []
    run(model, out, requests)
    assert (out / "wav").names() == []


def test_a_run_that_is_out_of_time_leaves_a_valid_dataset(
    model: Location, requests: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops after two shards; the same command without the limit makes the rest, and the same bytes."""
    out, whole = Location(str(tmp_path / "out")), Location(str(tmp_path / "whole"))
    now = [0.0]

    def draw_slowly(run: Run, num_actors: int) -> None:
        run.advance.clock, run.advance.started = (lambda: now[0]), 0.0
        for plan in takewhile(lambda plan: not run.is_out_of_time(), run.pending()):
            run.drawn(generate_shard(run.work.out, plan, load_model(run.work.model), run.work.config))
            now[0] += 100.0

    monkeypatch.setattr(job, "draw", draw_slowly)
    info, said = run(model, out, requests, stop_at_cost=1.0, price_per_hour=36.0 * 0.75)
    assert (info.num_rows, len(info.shards)) == (4, 2), "an hour costs 27: 1 is reached after 133 s"
    assert "4 items" in said
    assert "its limit was reached, of 9 that are asked for. The same command goes on" in said
    assert list(verify_folder(out)) == []
    monkeypatch.setattr(job, "draw", draw_here)
    run(model, out, requests)
    run(model, whole, requests)
    assert {**contents(out), "plan.json": b""} == {**contents(whole), "plan.json": b""}


def test_what_an_actor_made_that_lies_is_made_again(
    model: Location, requests: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Location(str(tmp_path / "out"))

    def draw_and_distrust(run: Run, num_actors: int) -> None:
        plans = list(run.pending())
        for plan in plans:
            run.drawn(generate_shard(run.work.out, plan, load_model(run.work.model), run.work.config))
        for plan in plans[1:3]:
            run.withdraw(plan)
        run.tell_of_distrust([0], DisagreementError("it lies"), 2)
        assert run.advance.num_items == 5
        assert not (out / "commits/000001.json").exists()

    monkeypatch.setattr(job, "draw", draw_and_distrust)
    info, said = run(model, out, requests)
    assert info.num_rows == 5, "what is not trusted is no part of the dataset"
    assert "An actor was put out, and 2 finished shards are drawn again: it lies" in said


def test_items_that_no_attempt_of_was_accepted_are_told(
    model: Location, requests: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "draw", draw_here)
    strict = AcceptConfig(bits=(0, 0.1), max_attempts=2)
    with pytest.raises(TooManyFailures, match=r"9 of 9 items were not accepted .* in 2 attempts each"):
        run(model, Location(str(tmp_path / "out")), requests, accept=strict)
    assert list(verify_folder(Location(str(tmp_path / "out")))) == []
    once = replace(strict, max_attempts=1)
    info, said = run(model, Location(str(tmp_path / "once")), requests, accept=once)
    assert (info.num_rows, info.num_failures) == (0, 9)
    assert "9 of 9 items were not accepted" in said


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize(("num_actors", "num_wrong"), [(5, 0), (3, 1), (5, 4)])
def test_five_actors_and_some_that_disagree_make_what_one_makes(
    ray_local: None,
    model: Location,
    requests: Location,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    num_actors: int,
    num_wrong: int,
) -> None:
    """Each of those that disagree is put out, and what it had is drawn by the others."""
    whole, out = Location(str(tmp_path / "whole")), Location(str(tmp_path / "out"))
    with monkeypatch.context() as patched:
        patched.setattr(job, "draw", draw_here)
        run(model, whole, requests, items_per_shard=1)

    def some_are_wrong(work: Work, num_actors: int) -> Crew:
        crew = crew_for(work, num_actors)
        for actor in crew.actors[:num_wrong]:
            ray.get(actor.__ray_call__.remote(lambda self: self.__dict__.update(canary=WrongCanary())))
        return crew

    monkeypatch.setattr("jobs.scales.resources_of", lambda config: {"num_cpus": 0.2})
    monkeypatch.setattr(job, "room_for", lambda config, cluster: config.num_actors)
    monkeypatch.setattr(job, "crew_for", some_are_wrong)
    _, said = run(model, out, requests, items_per_shard=1, num_actors=num_actors)
    assert said.count("An actor was put out") <= num_wrong
    assert ("An actor was put out" in said) == bool(num_wrong)
    assert contents(out) == contents(whole)


def test_what_splits_share_is_told(
    model: Location, requests: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "draw", draw_here)
    apart = REQUESTS.replace("LONG", "0.02")
    assert " share " not in run(model, Location(str(tmp_path / "one")), requests)[1]
    requests.write_text(apart + apart.splitlines()[0].replace('{"count": 5', '{"count": 5, "split": "test"') + "\n")
    said = run(model, Location(str(tmp_path / "two")), requests)[1]
    assert "test and train share 1 of speakers, 'ann' for one" in said


def test_what_stands_behind_the_place_where_the_limit_ends_a_run_stays(
    model: Location, requests: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first shard is missing, and there is no time: those behind it, which nobody came to, are not dropped."""
    out = Location(str(tmp_path / "out"))
    with monkeypatch.context() as patched:
        patched.setattr(job, "draw", draw_here)
        run(model, out, requests)
    (out / "commits/000000.json").remove()
    monkeypatch.setattr(job, "crew_for", lambda *given: Crew([]))
    monkeypatch.setattr(job, "longest_first", lambda plans, picture_levels: plans)
    monkeypatch.setattr(job, "fan_out_actors", lambda plans, *given, **more: iter(list(plans)))
    monkeypatch.setattr(Run, "is_out_of_time", lambda run: True)
    info, said = run(model, out, requests)
    assert (info.num_rows, len(info.shards)) == (7, 4)
    assert "its limit was reached, of 9 that are asked for" in said


@pytest.mark.parametrize("grows", [False, True])
def test_requests_that_change_while_they_are_drawn_are_told(
    model: Location, requests: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grows: bool
) -> None:
    """Fewer shards than were counted, and more."""

    def draw_then(run: Run, num_actors: int) -> None:
        more = REQUESTS.replace("two", "three")
        text = REQUESTS + more if grows else REQUESTS.splitlines()[0]
        requests.write_text(text.replace("LONG", "0.02") + "\n")
        draw_here(run, num_actors)

    monkeypatch.setattr(job, "draw", draw_then)
    with pytest.raises(RequestError, match="was changed while it was drawn from"):
        run(model, Location(str(tmp_path / "out")), requests)


def test_more_of_the_same_takes_nothing_away(
    model: Location, requests: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More items of a line, another line before it, other settings: all that stands is asked for still."""
    monkeypatch.setattr(job, "draw", draw_here)
    out, text = Location(str(tmp_path / "out")), REQUESTS.replace("LONG", "0.02")
    requests.write_text(text.splitlines()[1] + "\n")
    run(model, out, requests)
    requests.write_text(text.replace('"count": 4', '"count": 6, "split": "test"'))
    info, _ = run(model, out, requests, num_lanes=8)
    assert info.num_rows == 11
    requests.write_text(text.replace('"seed": 3', '"seed": 4'))
    with pytest.raises(OccupiedError, match="holds 6 items"):
        run(model, out, requests)
