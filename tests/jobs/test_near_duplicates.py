"""Near-duplicates in a run of `generate`: by whom they are drawn again, and within which limit; lost commits."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, islice
from pathlib import Path
from typing import Any

import pytest
import ray

import jobs.generate as job
from jobs.actor_pool import Again
from jobs.generation_run import Run
from jobs.generation_work import Work
from jobs.sampler import Sampler
from jobs.scales import Crew, crew_for
from pipeline.generation.accept.config import AcceptConfig
from pipeline.generation.accept.content import fingerprint_of
from pipeline.generation.accept.duplicates import Redraw, verdicts
from pipeline.generation.shard import generate_shard
from pipeline.model_folder import load_model
from pipeline.shards.dataset import open_dataset
from pipeline.shards.verify import verify_folder
from pipeline.storage import Location
from tests.jobs.generating import WrongCanary, contents, draw_here, run
from tests.pipeline.generation.tiny_models import DIGITS, save_tiny

TWINS = AcceptConfig(against="items", same_bits=5, max_attempts=30)


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
