"""Two and three real processes, sharing gradients or weights: the losses and the model of one, to 1e-10.

One is also gone on with by the others, whatever their number and however weights are spread over them.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch

from pipeline.batches import Batch
from pipeline.errors import ConfigError
from pipeline.model_folder import load_model
from pipeline.shards.dataset import Dataset
from pipeline.storage import Location
from pipeline.training.execution import ExecutionConfig
from pipeline.training.guards import Divergence, write_divergence
from pipeline.training.index import Slot
from pipeline.training.loop import Run, run
from pipeline.training.plan import RunPlan, make_plan
from pipeline.training.supply import Supply
from pipeline.training.world import Alone, Distributed, Parallel
from tests.models.tiny import EACH_ONCE, tiny_condition, tiny_levels, tiny_model
from tests.pipeline.training.datasets import audio_dataset, uneven_dataset
from tests.pipeline.training.fleet import run_jobs
from tests.pipeline.training.runs import TRAINING, Watcher, figures, small_plan

PARALLEL: tuple[Parallel, ...] = ("ddp", "fsdp")
FSDP, PARTS = ExecutionConfig(parallel="fsdp"), ExecutionConfig(num_parts=3, prefetch=0)


def train(plan: RunPlan, stop_after: int = 10**9) -> None:
    world = Distributed(parallel=plan.execution.parallel)
    with noting(Path(str(plan.out)) / f"seen-{world.size}-{world.rank}.jsonl"):
        run(plan, world, Watcher(stop_after))


def diverge(plan: RunPlan) -> None:
    """A run whose second step has no loss; what each process is told of it is noted.

    It takes a while to write down, and nobody raises before it is: Ray ends all workers once one has.
    """
    world = Distributed(parallel=plan.execution.parallel)
    with patch("pipeline.training.loop.write_divergence", write_slowly), pytest.raises(ConfigError) as told:
        run(plan, world)
    assert (Path(str(plan.out)) / "run/diverged.json").exists()
    (Path(str(plan.out)) / f"told-{world.rank}.txt").write_text(str(told.value))


def write_slowly(run_folder: Location, divergence: Divergence) -> None:
    time.sleep(0.5)
    write_divergence(run_folder, divergence)


@contextmanager
def noting(page: Path) -> Iterator[None]:
    """Inside, each window that a process is given is noted: step, number in the global batch, item, window."""
    seen: list[Any] = []
    batch = Supply.batch

    def noted(supply: Supply, slots: list[Slot], step: int, numbers: Sequence[int]) -> Batch:
        seen.extend([step, n, supply.item_ids([slots[n]])[0], slots[n].window] for n in numbers)
        return batch(supply, slots, step, numbers)

    with patch.object(Supply, "batch", noted):
        yield
    page.write_text(json.dumps(seen))


def score_every_model(out: Path) -> None:
    """The loss of every tiny model and the norm of its gradient, its weights spread over the processes."""
    world, found = Distributed(parallel="fsdp"), {}
    for name, kind in EACH_ONCE:
        found[f"{name}, {kind}"] = spread_loss(name, kind, world)
    if world.rank == 0:
        out.write_text(json.dumps(found))


def spread_loss(name: str, kind: str, world: Distributed) -> list[float]:
    model, size = tiny_model(name, kind), world.size
    assert world.shard(model, trained=True) or name == "linear_ar"
    network = world.wrap(model)
    x = tiny_levels(name, 4)
    condition, mine = tiny_condition(kind, 4, size=(x.shape[-2], x.shape[-1])), torch.arange(world.rank, 4, size)
    nll = model.distribution.nll_nats(network(x[mine], condition.rows(mine) if condition else None), x[mine]).sum()
    (nll * (size / x.numel())).backward()
    norm: Any = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    return [world.sum([float(nll.detach())])[0], float(getattr(norm, "full_tensor", lambda: norm)())]


def loss_alone(name: str, kind: str) -> list[float]:
    model, x = tiny_model(name, kind), tiny_levels(name, 4)
    nll = model.nll_nats(x, tiny_condition(kind, 4, size=(x.shape[-2], x.shape[-1]))).sum()
    (nll / x.numel()).backward()
    return [float(nll.detach()), float(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0))]


@dataclass(frozen=True)
class Runs:
    """Where runs lie by name, and the plan that all of them have but for the execution."""

    folder: Path
    plan: RunPlan

    def planned(self, name: str, execution: ExecutionConfig | None = None) -> RunPlan:
        return replace(self.plan, out=Location(str(self.folder / name)), execution=execution or ExecutionConfig())

    def diverging(self, parallel: Parallel) -> RunPlan:
        """One whose first step goes much too far."""
        plan = self.planned(f"diverged by {parallel}", ExecutionConfig(parallel))
        return replace(plan, training=replace(TRAINING, learning_rate=1e30, warm_up_steps=0, precision="float32"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return audio_dataset(tmp_path_factory.mktemp("data") / "audio")


def linear_plan(dataset: Dataset, out: Path) -> RunPlan:
    """A model that starts at a fit to data: its start tells which data each worker looked at."""
    training = replace(TRAINING, num_steps=3, condition_on=())
    return make_plan(dataset, Location(str(out)), {"name": "linear_ar", "order": 4}, training)


def uneven_plans(folder: Path) -> list[RunPlan]:
    """Two epochs over shards of 1, 7 and 2 rows, one window each; of the last batch's one window a process has none."""
    dataset = uneven_dataset(folder / "uneven", (1, 7, 2))
    plan = small_plan(dataset, folder, num_steps=8, batch_size=3, window=200, shards_in_memory=1)
    executions = [ExecutionConfig(parallel) for parallel in PARALLEL]
    return [replace(plan, out=Location(str(folder / f"uneven {how.parallel}")), execution=how) for how in executions]


@pytest.fixture(scope="module")
def runs(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """All runs by all processes. Batches are of 4 windows: of three processes one now and then has none."""
    folder = tmp_path_factory.mktemp("runs")
    made = Runs(folder, small_plan(dataset, folder, num_steps=12))
    with noting(folder / "seen.jsonl"):
        assert run(made.planned("alone"))
    assert run(linear_plan(dataset, folder / "linear"))
    assert not run(made.planned("grown"), observer=Watcher(5))
    by_two = [
        partial(train, made.planned("ddp 2")),
        partial(train, made.planned("fsdp 2", FSDP)),
        partial(train, made.planned("parts", PARTS)),
        partial(train, made.planned("spread in parts", replace(PARTS, parallel="fsdp", recompute_activations=True))),
        partial(train, linear_plan(dataset, folder / "linear 2")),
        partial(train, made.planned("grown", FSDP), 7),
        partial(train, made.planned("shrunk", FSDP), 4),
        partial(train, made.planned("spread later"), 5),
        partial(train, made.planned("spread later", FSDP)),
        *(partial(train, plan) for plan in uneven_plans(folder)),
        *(partial(diverge, made.diverging(parallel)) for parallel in PARALLEL),
        partial(score_every_model, folder / "losses.json"),
    ]
    by_three = [
        partial(train, made.planned("ddp 3")),
        partial(train, made.planned("fsdp 3", FSDP)),
        partial(train, made.planned("grown", FSDP)),
        *(partial(train, made.planned(f"stopped {how.num_parts}", how), 5) for how in (ExecutionConfig(), PARTS)),
        *(partial(train, made.planned(f"stopped {how.num_parts}", how)) for how in (ExecutionConfig(), PARTS)),
        partial(train, made.planned("parts 3", PARTS)),
    ]
    run_jobs(by_two, 2, folder)
    run_jobs(by_three, 3, folder)
    assert run(made.planned("shrunk"))
    return made


def bits(lines: list[tuple[Any, ...]]) -> list[float]:
    """Training and held-out bits of all lines."""
    return [value for line in lines for value in line[1:3] if value is not None]


NAMES = ["ddp 2", "fsdp 2", "parts", "spread in parts", "ddp 3", "fsdp 3", "grown", "shrunk", "spread later"]


@pytest.mark.parametrize("name", NAMES)
def test_losses_and_weights_are_those_of_one(runs: Runs, name: str) -> None:
    alone, here = figures(runs.folder / "alone"), figures(runs.folder / name)
    assert [line[0] for line in here] == list(range(1, 13))
    assert bits(here) == pytest.approx(bits(alone), rel=1e-10)
    weights = [load_model(Location(str(runs.folder / each))).model.state_dict() for each in ("alone", name)]
    torch.testing.assert_close(weights[1], weights[0], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("stopped", "straight"), [("stopped 1", "ddp 3"), ("stopped 3", "parts 3")])
def test_three_that_were_stopped_end_with_the_weights_of_three_that_were_not(
    runs: Runs, stopped: str, straight: str
) -> None:
    """To the bit: what is added up first does not depend on how long a process has lived."""
    weights = [(runs.folder / name / "weights.safetensors").read_bytes() for name in (stopped, straight)]
    assert weights[0] == weights[1]
    assert figures(runs.folder / stopped) == figures(runs.folder / straight)


@pytest.mark.parametrize("name", ["ddp 2", "parts", "ddp 3", "fsdp 3"])
def test_every_number_of_processes_sees_the_same_items_in_the_same_batches(runs: Runs, name: str) -> None:
    alone = json.loads((runs.folder / "seen.jsonl").read_text())
    shares = [json.loads(page.read_text()) for page in (runs.folder / name).glob("seen-*.jsonl")]
    assert len(shares) == int(name[-1:] if name[-1:].isdigit() else "2")
    assert sorted(window for share in shares for window in share) == sorted(alone)
    assert {step for step, *_ in alone} == set(range(12))


def test_a_run_that_goes_on_with_other_processes_sees_what_is_left(runs: Runs) -> None:
    """From step 5 by two and from step 7 by three; a step or two more are made ready, and given up, where one stops."""
    alone = json.loads((runs.folder / "seen.jsonl").read_text())
    for size, first in ((2, 5), (3, 7)):
        pages = (runs.folder / "grown").glob(f"seen-{size}-*.jsonl")
        seen = [window for page in pages for window in json.loads(page.read_text())]
        last = 6 if size == 2 else 11
        assert sorted(w for w in seen if w[0] <= last) == sorted(w for w in alone if first <= w[0] <= last)
        assert all(window in alone for window in seen)


def last_weights(plan: RunPlan, dataset: Dataset) -> dict[str, Any]:
    """Those of the run's last checkpoint, whole and as precise as they were trained."""
    run_again = Run(plan, dataset, Alone(), Watcher())
    run_again.resume_or_initialise()
    assert run_again.position.step == plan.training.num_steps
    return run_again.learner.model.state_dict()


def test_weights_that_are_spread_from_some_step_on_are_those_of_one_to_the_tenth_digit(
    runs: Runs, dataset: Dataset
) -> None:
    """By gradients that two processes share up to step 5, by weights that they share from there on."""
    found, expected = (last_weights(runs.planned(name), dataset) for name in ("spread later", "ddp 2"))
    assert {weight.dtype for weight in found.values() if weight.is_floating_point()} == {torch.float64}
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    second_part = runs.folder / "spread later/seen-2-0.jsonl"
    assert {step for step, *_ in json.loads(second_part.read_text())} == set(range(5, 12))
    assert len(json.loads((runs.folder / "spread later/run/checkpoints/000000012.json").read_text())["files"]) == 2


@pytest.mark.parametrize("parallel", PARALLEL)
def test_shards_of_few_rows_hold_nobody_up_and_every_item_is_seen(runs: Runs, parallel: Parallel) -> None:
    pages = sorted((runs.folder / f"uneven {parallel}").glob("seen-2-*.jsonl"))
    seen = [window for page in pages for window in json.loads(page.read_text())]
    every_item = [f"item-{number:03d}" for number in range(10)]
    for epoch in (range(4), range(4, 8)):
        assert sorted(item for step, _, item, _ in seen if step in epoch) == every_item
    assert [sum(step == last for step, *_ in seen) for last in (3, 7)] == [1, 1]
    assert len(pages) == 2
    assert [line[0] for line in figures(runs.folder / f"uneven {parallel}")] == list(range(1, 9))


def test_the_start_from_data_is_that_of_one(runs: Runs) -> None:
    lines = [figures(runs.folder / name) for name in ("linear", "linear 2")]
    assert bits(lines[1]) == pytest.approx(bits(lines[0]), rel=1e-10)


@pytest.mark.parametrize(("name", "kind"), EACH_ONCE)
def test_every_model_has_its_loss_and_its_gradient_when_its_weights_are_spread(
    runs: Runs, name: str, kind: str
) -> None:
    found = json.loads((runs.folder / "losses.json").read_text())[f"{name}, {kind}"]
    assert found == pytest.approx(loss_alone(name, kind), rel=1e-10)


@pytest.mark.parametrize("parallel", PARALLEL)
def test_all_processes_stop_alike_where_one_loss_is_no_number(runs: Runs, parallel: Parallel) -> None:
    folder = runs.folder / f"diverged by {parallel}"
    told = [(folder / f"told-{rank}.txt").read_text() for rank in range(2)]
    assert told[0] == told[1]
    assert "diverged at step 1" in told[0]
    assert json.loads((folder / "run/diverged.json").read_text())["step"] == 1


def test_no_process_writes_all_of_what_is_spread(runs: Runs) -> None:
    last = json.loads((runs.folder / "fsdp 2/run/checkpoints/000000012.json").read_text())
    assert len(last["files"]) == 2
    chunks = {name: [chunk["file"] for chunk in stored["chunks"]] for name, stored in last["tensors"].items()}
    assert any(len(set(files)) == 2 for files in chunks.values())
    sizes = [(runs.folder / "fsdp 2/run/checkpoints" / name).stat().st_size for name in last["files"]]
    assert max(sizes) < 0.7 * sum(sizes)
