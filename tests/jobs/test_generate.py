import errno
import io
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, islice, takewhile
from pathlib import Path
from typing import Any

import pytest
import ray
from rich.console import Console

import jobs.generate as job
from jobs.actor_pool import Again, fan_out_actors
from jobs.cluster import RunningCluster
from jobs.fan_out import TASK_RETRIES
from jobs.generation_run import Run
from jobs.generation_work import Work
from jobs.sampler import ACTOR_OPTIONS, SHARD_RETRIES, Plan, Sampler
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
from pipeline.generation.accept.content import fingerprint_of
from pipeline.generation.accept.duplicates import Redraw, verdicts
from pipeline.generation.config import GenerateConfig
from pipeline.generation.shard import generate_shard
from pipeline.model_folder import load_model
from pipeline.shards.dataset import DatasetInfo, claim, open_dataset
from pipeline.shards.verify import verify_folder
from pipeline.storage import PARTIAL_PREFIX, Location
from tests.pipeline.generation.tiny_models import DIGITS, SPEECH, save_tiny

REQUESTS = """\
{"count": 5, "speaker": "ann", "emotion": "glad", "phones": [["a", LONG], ["sil", 0.002]]}
{"id": "two", "count": 4, "seed": 3, "speaker": "bob", "emotion": "calm", "phones": [["b", LONG]]}
"""

ROOM = RunningCluster("local", 2, 0)
START = Pools.start


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Location:
    return save_tiny(Location(str(tmp_path_factory.mktemp("model"))), "audio", SPEECH).folder


@pytest.fixture
def requests(tmp_path: Path) -> Location:
    (tmp_path / "requests.jsonl").write_text(REQUESTS.replace("LONG", "0.02"))
    return Location(str(tmp_path / "requests.jsonl"))


def run(model: Location, out: Location, requests: Location, **settings: Any) -> tuple[DatasetInfo, str]:
    said = io.StringIO()
    config = GenerateConfig(**{"items_per_shard": 2, **settings})
    info = job.generate(model, out, requests, config, ROOM, Console(file=said, width=200))
    return info, said.getvalue()


def contents(out: Location) -> dict[str, bytes]:
    """Everything that a rerun has to give back byte by byte: all but the commits, which name time and host."""
    names = [entry.path for entry in out.files() if not entry.path.startswith("commits/")]
    return {name: (out / name).read_bytes() for name in names}


def start_and_kill(pools: Pools, actor: Any, plan: Plan) -> Any:
    """Start a plan and kill the actor's process once it has drawn a part of it."""
    pid = ray.get(actor.__ray_call__.remote(lambda self: os.getpid()))
    reference = START(pools, actor, plan)
    while not (underway := ray.get(actor.levels_underway.remote())):
        assert not ray.wait([reference], timeout=0.01)[0], "the shard was drawn before it could be killed"
    assert 0 < underway < sum(item.num_timesteps for item in plan.entries)
    os.kill(pid, signal.SIGKILL)
    return reference


def test_actors_interrupts_and_kills_leave_no_trace(
    ray_local: None, model: Location, requests: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One actor undisturbed; one stopped by Ctrl-C, then two of which one is killed: the same bytes."""
    requests.write_text(REQUESTS.replace("LONG", "1.5"))
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


def draw_here(run: Run, num_actors: int) -> None:
    for plan in run.pending():
        run.drawn(generate_shard(run.work.out, plan, load_model(run.work.model), run.work.config))


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


@pytest.mark.slow
@pytest.mark.ray
def test_near_duplicates_are_drawn_again_on_actors(ray_local: None, tmp_path: Path) -> None:
    """Tiny pictures: many look alike. None of those that stay does."""
    model = save_tiny(Location(str(tmp_path / "model")), "image", DIGITS).folder
    (tmp_path / "requests.jsonl").write_text('{"label": "1", "count": 12}\n')
    accept = AcceptConfig(against="items", same_bits=5, max_attempts=30)
    out = Location(str(tmp_path / "out"))
    settings = {"items_per_shard": 4, "accept": accept, "num_actors": 1}
    info, said = run(model, out, Location(str(tmp_path / "requests.jsonl")), **settings)
    assert info.num_rows == 12
    assert "near-duplicates are drawn again" in said
    assert info.num_failures > 0
    assert list(verify_folder(out)) == []
    assert verdicts(out, [f"{index:06d}" for index in range(3)], accept) == {}


TWINS = AcceptConfig(against="items", same_bits=5, max_attempts=30)


class WrongCanary:
    """Sits in an actor that draws something else."""

    def compare(self, *given: Any, of_others: bool) -> int:
        raise DisagreementError("2 is not 3")


@pytest.mark.slow
@pytest.mark.ray
def test_an_actor_that_disagrees_while_it_draws_near_duplicates_again_is_put_out(
    ray_local: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, requests = pictures(tmp_path)
    settings: dict[str, Any] = {"items_per_shard": 2, "accept": TWINS}
    out, whole = Location(str(tmp_path / "out")), Location(str(tmp_path / "whole"))
    with monkeypatch.context() as patched:
        patched.setattr(job, "draw", draw_here)
        run(model, out, requests, **settings, num_actors=1, stop_after_s=1e-9)
        patched.setattr(job, "remake", remake_here)
        run(model, whole, requests, **settings)

    def one_is_wrong(work: Work, num_actors: int, **more: Any) -> Crew:
        crew = crew_for(work, num_actors, **more)
        if len(crew.actors) > 1:
            ray.get(crew.actors[0].__ray_call__.remote(lambda self: self.__dict__.update(canary=WrongCanary())))
        return crew

    monkeypatch.setattr(job, "draw", draw_here)
    monkeypatch.setattr(job, "crew_for", one_is_wrong)
    _, said = run(model, out, requests, **settings, num_actors=2)
    assert "An actor was put out, and 0 finished shards are drawn again: 2 is not 3" in said
    assert contents(out) == contents(whole)


def pictures(folder: Path) -> tuple[Location, Location]:
    """A model of tiny pictures, of which many look alike, and requests for twelve."""
    (folder / "requests.jsonl").write_text('{"label": "1", "count": 12}\n')
    model = save_tiny(Location(str(folder / "model")), "image", DIGITS).folder
    return model, Location(str(folder / "requests.jsonl"))


def remake_here(run: Run, redraws: Iterator[Redraw], num_actors: int) -> None:
    sampler = Sampler(run.work.model, run.work.out, run.work.config)
    for redraw in redraws:
        run.redrawn(sampler.redraw(redraw))


@pytest.mark.parametrize("num_in_time", [3, 4, 5, 6])
def test_a_limit_leaves_near_duplicates_out_and_the_next_run_draws_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_in_time: int
) -> None:
    """Time for three of four shards, for all of them, and for one and two that are made again."""
    model, requests = pictures(tmp_path)
    out, whole = Location(str(tmp_path / "out")), Location(str(tmp_path / "whole"))
    settings: dict[str, Any] = {"items_per_shard": 3, "accept": TWINS}
    monkeypatch.setattr(job, "draw", draw_here)
    monkeypatch.setattr(job, "remake", remake_here)
    run(model, whole, requests, **settings)
    left = [num_in_time]

    def timed(given: Iterator[Any]) -> Iterator[Any]:
        for one in given:
            if not left[0]:
                return
            left[0] -= 1
            yield one

    def draw_timed(run: Run, num_actors: int) -> None:
        for plan in timed(run.pending()):
            run.drawn(generate_shard(run.work.out, plan, load_model(run.work.model), run.work.config))

    def remake_timed(run: Run, redraws: Iterator[Redraw], num_actors: int) -> None:
        remake_here(run, timed(redraws) if isinstance(redraws, Again) else redraws, num_actors)

    monkeypatch.setattr(Run, "is_out_of_time", lambda run: not left[0])
    monkeypatch.setattr(job, "draw", draw_timed)
    monkeypatch.setattr(job, "remake", remake_timed)
    info, said = run(model, out, requests, **settings)
    assert "The limit is reached: near-duplicates are left out and not drawn again" in said
    assert "its limit was reached, of 12 that are asked for. The same command goes on" in said
    assert 0 < info.num_rows < 12
    assert list(verify_folder(out)) == []
    assert not any(are_near(*pair) for pair in combinations(prints(out), 2))
    before = contents(out)
    again, said = run(model, out, requests, **settings)
    assert (again.num_rows, contents(out)) == (info.num_rows, before), "still no time: nothing changes"
    assert "its limit was reached" in said
    monkeypatch.undo()
    monkeypatch.setattr(job, "draw", draw_here)
    monkeypatch.setattr(job, "remake", remake_here)
    assert run(model, out, requests, **settings)[0].num_rows == 12
    assert contents(out) == contents(whole)
    monkeypatch.undo()
    monkeypatch.setattr(job, "crew_for", None)
    run(model, out, requests, **settings)
    assert contents(out) == contents(whole), "no actor is started where nothing is near"


def prints(out: Location) -> list[int]:
    """The fingerprints of all rows."""
    dataset = open_dataset(out)
    rows = (row for index in range(len(dataset.info.shards)) for row in dataset.read_shard(index).to_pylist())
    return [fingerprint_of(row, dataset.info.conventions) for row in rows]


def are_near(one: int, other: int) -> bool:
    return (one ^ other).bit_count() <= TWINS.same_bits


@pytest.mark.parametrize("given", [TWINS, replace(TWINS, max_attempts=1)])
def test_commits_that_are_lost_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: AcceptConfig
) -> None:
    """Of a finished dataset, and in the middle of a round."""
    model, requests = pictures(tmp_path)
    out, whole = Location(str(tmp_path / "out")), Location(str(tmp_path / "whole"))
    settings: dict[str, Any] = {"items_per_shard": 3, "accept": given}
    monkeypatch.setattr(job, "draw", draw_here)
    monkeypatch.setattr(job, "remake", remake_here)
    run(model, whole, requests, **settings)

    def remake_and_lose(run: Run, redraws: Iterator[Redraw], num_actors: int) -> None:
        monkeypatch.setattr(job, "remake", remake_here)
        remake_here(run, islice(redraws, 1), num_actors)
        (out / "commits/000001.json").remove()
        remake_here(run, redraws, num_actors)
        (out / "commits/000000.json").remove()

    monkeypatch.setattr(job, "remake", remake_and_lose)
    run(model, out, requests, **settings)
    assert contents(out) == contents(whole)
    (out / "commits/000002.json").remove()
    run(model, out, requests, **settings)
    assert contents(out) == contents(whole)


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
