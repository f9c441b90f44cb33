"""A multi-scale model on Ray: a pool of actors for each scale, and the same bytes whatever the actors."""

import io
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray
from rich.console import Console

import jobs.generate as job
from jobs.cluster import RunningCluster
from jobs.sampler import Sampler
from jobs.scales import Crew, Pools, crew_for, pool_sizes, shared, shares_of_work
from pipeline.generation.config import GenerateConfig
from pipeline.generation.pictures_scales import scales_at
from pipeline.model_folder import ExportedModel, read_model_info
from pipeline.shards.verify import verify_folder
from pipeline.storage import Location
from tests.pipeline.generation.tiny_models import DIGITS, save_tiny
from tests.pipeline.generation.tiny_scales import negated, save_multiscale

REQUESTS = [{"label": "1", "count": 6, "children": [1, 3]}, {"label": "2", "count": 3, "seed": 4, "temperature": 0.8}]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    return save_multiscale(Location(str(tmp_path_factory.mktemp("multiscale"))))


def made(
    model: ExportedModel, folder: Path, num_actors: int, console: Console | None = None, **settings: Any
) -> dict[str, bytes]:
    """Everything but the commits of a dataset that so many actors make."""
    requests, out = folder / "requests.jsonl", Location(str(folder / f"out-{num_actors}"))
    requests.write_text("".join(json.dumps(line) + "\n" for line in REQUESTS))
    config = GenerateConfig(num_actors=num_actors, items_per_shard=2, num_lanes=8, **settings)
    console = console or Console(file=io.StringIO())
    job.generate(model.folder, out, Location(str(requests)), config, RunningCluster("local", 2, 0), console)
    assert list(verify_folder(out)) == []
    names = [entry.path for entry in out.files() if not entry.path.startswith(("commits/", "plan.json"))]
    return {name: (out / name).read_bytes() for name in names}


class Here:
    """An actor of this process: what is asked of it is done at once."""

    def __init__(self, run: Any) -> None:
        sampler = Sampler(run.work.model, run.work.out, run.work.config)
        self.generate, self.draw_scale = (
            Remote(lambda *given: Made(sampler.generate(*given))),
            Remote(sampler.draw_scale),
        )


class Made:
    """In place of a reference."""

    def __init__(self, commit: Any) -> None:
        self.commit = commit


class Remote:
    def __init__(self, method: Callable[..., Any]) -> None:
        self.remote = method


def test_pools_in_one_process_make_what_one_actor_makes(
    model: ExportedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def draw_here(run: Any, num_actors: int) -> None:
        pools = [[Here(run) for _ in range(num_actors)] for _ in range(2)] if num_actors > 1 else []
        crew = Crew([Here(run)], Pools(pools))
        asked.append(f"{len(crew.everyone)} actors")
        for plan in run.pending():
            run.drawn(crew.pools.start(crew.actors[0], plan).commit)

    monkeypatch.setattr(job, "draw", draw_here)
    one = made(model, tmp_path, 1)
    assert made(model, tmp_path, 2) == one
    assert asked == ["1 actors", "5 actors"]
    assert len([name for name in one if name.startswith("shards/")]) == 5


@pytest.mark.slow
def test_pools_on_ray_make_what_one_actor_makes(
    ray_local: None, model: ExportedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow: five processes import torch. One of a lower pool is killed on the way, and Ray starts it again."""
    sizes: list[tuple[int, int]] = []
    killed: list[int] = []

    class Killing(Pools):
        def start(self, actor: Any, plan: Any) -> Any:
            reference = super().start(actor, plan)
            if self.actors and len(killed) < 2:
                lower = self.actors[len(killed)]
                killed.append(ray.get(lower.__ray_call__.remote(lambda self: os.getpid())))
                os.kill(killed[-1], signal.SIGKILL)
            return reference

    def noted(work: Any, num_actors: int) -> Crew:
        crew = crew_for(work, num_actors)
        sizes.append((len(crew.actors), len(crew.pools.actors)))
        return Crew(crew.actors, Killing([[actor] for actor in crew.pools.actors]))

    monkeypatch.setattr(job, "crew_for", noted)
    one = made(model, tmp_path, 1)
    assert made(model, tmp_path, 2) == one
    assert sizes == [(1, 0), (2, 2)]
    assert len(killed) == 2


def spoil(sampler: Any) -> None:
    """Its memory is damaged after the model was loaded: what is drawn is no longer what the model says."""
    scale = scales_at(sampler.exported)[0]
    vars(scale)["drawn_from"] = negated(scale.model)


def blind(sampler: Any) -> None:
    """It compares no pictures that it hands on."""
    sampler.canary.compare_pictures = lambda *given, **more: 0


@pytest.mark.slow
@pytest.mark.parametrize("sees", ["scale 0", "scale 1", "item"])
def test_a_lower_scale_that_lies_is_given_up_and_the_bytes_are_the_same(
    ray_local: None, model: ExportedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sees: str
) -> None:
    """Where it does not see it by itself, those who draw around its pictures do; none of the last scale is put out."""
    one, settings = made(model, tmp_path, 1, sampler="torch"), {"sampler": "torch", "canary_one_in": 1}
    crews: list[Crew] = []

    def spoilt(work: Any, num_actors: int) -> Crew:
        crews.append(crew := crew_for(work, num_actors))
        smallest = crew.pools.actors[0]
        ray.get(smallest.__ray_call__.remote(spoil))
        for actor in crew.pools.actors[: ["scale 0", "scale 1", "item"].index(sees)]:
            ray.get(actor.__ray_call__.remote(blind))
        return crew

    monkeypatch.setattr(job, "crew_for", spoilt)
    console = Console(file=io.StringIO(), width=200)
    assert made(model, tmp_path, 2, console, **settings) == one
    (crew,) = crews
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "The actors of the lower scales were put out" in said
    assert f"drawn again: {sees} " in " ".join(said.split())
    assert "An actor was put out" not in said
    assert crew.pools.actors == []


def test_work_is_shared_by_the_scales_in_their_order(model: ExportedModel, tmp_path: Path) -> None:
    shares = shares_of_work(read_model_info(model.folder))
    assert shares == sorted(shares)
    assert sum(shares) == pytest.approx(1)
    one_scale = save_tiny(Location(str(tmp_path)), "image", DIGITS)
    assert shares_of_work(one_scale.info) == [1.0]


def test_every_scale_has_an_actor_and_all_share_what_the_run_may_take() -> None:
    assert pool_sizes([0.05, 0.2, 0.75], 2) == [1, 1, 2]
    assert pool_sizes([0.05, 0.2, 0.75], 16) == [1, 3, 12]
    assert pool_sizes([1.0], 4) == [4]
    assert shared({"num_cpus": 1}, 2 / 3) == {"num_cpus": 0.6666}
    assert shared({"num_cpus": 1}, 1) == {"num_cpus": 1}


def test_lower_pools_take_turns_and_each_gets_the_pictures_below() -> None:
    asked: list[Any] = []

    class Asked:
        def __init__(self, name: str) -> None:
            self.name, self.draw_scale, self.generate = name, self, self

        def remote(self, *given: Any) -> str:
            asked.append((self.name, *given))
            return f"{self.name}'s" if self.name != "top" else f"shard {given[0]}"

    pools = Pools([[Asked("a"), Asked("b")], [Asked("c")], [Asked("d")]])
    assert len(pools.actors) == 4
    made = [pools.start(Asked("top"), plan) for plan in ("p", "q")]  # type: ignore[arg-type]
    assert asked == [
        ("a", 0, "p"),
        ("c", 1, "p", "a's"),
        ("d", 2, "p", "c's"),
        ("top", "p", "a's", "c's", "d's"),
        ("b", 0, "q"),
        ("c", 1, "q", "b's"),
        ("d", 2, "q", "c's"),
        ("top", "q", "b's", "c's", "d's"),
    ]
    assert [pools.of(reference) for reference in made] == [[(0, 0), (1, 0), (2, 0)], [(0, 1), (1, 0), (2, 0)]]
