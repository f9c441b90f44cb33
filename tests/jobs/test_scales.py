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
from jobs.scales import Crew, crew_for, pool_sizes, shared, shares_of_work
from pipeline.generation.config import GenerateConfig
from pipeline.model_folder import ExportedModel, read_model_info
from pipeline.shards.verify import verify_folder
from pipeline.storage import Location
from tests.pipeline.generation.tiny_models import DIGITS, save_tiny
from tests.pipeline.generation.tiny_scales import save_multiscale

REQUESTS = [{"label": "1", "count": 6, "children": [1, 3]}, {"label": "2", "count": 3, "seed": 4, "temperature": 0.8}]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    return save_multiscale(Location(str(tmp_path_factory.mktemp("multiscale"))))


def made(model: ExportedModel, folder: Path, num_actors: int) -> dict[str, bytes]:
    """Everything but the commits of a dataset that so many actors make."""
    requests, out = folder / "requests.jsonl", Location(str(folder / f"out-{num_actors}"))
    requests.write_text("".join(json.dumps(line) + "\n" for line in REQUESTS))
    config = GenerateConfig(num_actors=num_actors, items_per_shard=2, num_lanes=8)
    console = Console(file=io.StringIO())
    job.generate(model.folder, out, Location(str(requests)), config, RunningCluster("local", 2, 0), console)
    assert list(verify_folder(out)) == []
    names = [entry.path for entry in out.files() if not entry.path.startswith(("commits/", "plan.json"))]
    return {name: (out / name).read_bytes() for name in names}


class Here:
    """An actor of this process: what is asked of it is done at once."""

    def __init__(self, run: Any) -> None:
        sampler = Sampler(run.work.model, run.work.out, run.work.config)
        self.generate, self.draw_scale = Remote(sampler.generate), Remote(sampler.draw_scale)


class Remote:
    def __init__(self, method: Callable[..., Any]) -> None:
        self.remote = method


def test_pools_in_one_process_make_what_one_actor_makes(
    model: ExportedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def draw_here(run: Any, num_actors: int) -> None:
        pools = [[Here(run) for _ in range(num_actors)] for _ in range(2)] if num_actors > 1 else []
        crew = Crew([Here(run)], pools)
        asked.append(f"{len(crew.everyone)} actors")
        for plan in run.pending():
            run.drawn(crew.start(crew.actors[0], plan))

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
    sizes: list[tuple[int, list[int]]] = []
    killed: list[int] = []

    class Killing(Crew):
        def start(self, actor: Any, plan: Any) -> Any:
            reference = super().start(actor, plan)
            if self.pools and len(killed) < 2:
                lower = self.pools[len(killed)][0]
                killed.append(ray.get(lower.__ray_call__.remote(lambda self: os.getpid())))
                os.kill(killed[-1], signal.SIGKILL)
            return reference

    def noted(work: Any, num_actors: int) -> Crew:
        crew = crew_for(work, num_actors)
        sizes.append((len(crew.actors), [len(pool) for pool in crew.pools]))
        return Killing(crew.actors, crew.pools)

    monkeypatch.setattr(job, "crew_for", noted)
    one = made(model, tmp_path, 1)
    assert made(model, tmp_path, 2) == one
    assert sizes == [(1, []), (2, [1, 1])]
    assert len(killed) == 2


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
            return f"{self.name}'s"

    crew = Crew([Asked("top")], [[Asked("a"), Asked("b")], [Asked("c")], [Asked("d")]])
    for plan in ("p", "q"):
        crew.start(crew.actors[0], plan)  # type: ignore[arg-type]
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
    assert len(crew.everyone) == 5
