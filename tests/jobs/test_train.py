"""Training on Ray's workers: what they tell, what ends them, Ctrl-C. Killed: tests/chaos/test_training_on_ray.py."""

import errno
import io
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray.train import WorkerGroupError
from rich.console import Console

from jobs import train as subject
from jobs.cluster import RunningCluster, describe
from jobs.progress import ProgressView
from jobs.recipes import Recipe
from jobs.train import Training, Workers, last_line, summary, told, train, workers_of
from jobs.training_mailbox import Mailbox, News
from pipeline.errors import ClusterError, ConfigError, Interrupted, StorageError
from pipeline.model_folder import ModelInfo, read_model_info
from pipeline.shards.dataset import Dataset
from pipeline.shards.schema import AudioConventions, ImageConventions
from pipeline.storage import Location
from pipeline.training.loop import run
from pipeline.training.metrics import Measured
from pipeline.training.plan import RunPlan
from tests.pipeline.training.datasets import audio_dataset
from tests.pipeline.training.runs import TRAINING, WAVENET, Watcher, small_plan
from tests.watching import below, ctrl_c_once

LONG = replace(TRAINING, num_steps=200, log_every=20, validate_every=100, checkpoint_every=25)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return audio_dataset(tmp_path_factory.mktemp("data") / "audio")


def console() -> tuple[Console, io.StringIO]:
    page = io.StringIO()
    return Console(file=page, width=200), page


def trained(dataset: Dataset, out: Path, recipe: Recipe) -> tuple[ModelInfo, str]:
    screen, page = console()
    info = train(dataset.folder, Location(str(out)), recipe, describe("local"), screen)
    return info, page.getvalue()


def wait_for(condition: Callable[[], Any], seconds: float = 150) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def checkpoint_steps(out: Path) -> list[int]:
    return sorted(int(page.stem) for page in (out / "run/checkpoints").glob("*.json"))


def workers() -> list[int]:
    """The pids of the workers of a training run that is at work below this process."""
    return [pid for pid, line in below(os.getpid()).items() if b"RayTrainWorker" in line]


@pytest.mark.ray
@pytest.mark.timeout(300)
def test_ctrl_c_writes_a_checkpoint_and_the_same_command_goes_on(
    dataset: Dataset, tmp_path: Path, ray_local: None
) -> None:
    out, endless = tmp_path / "out", replace(LONG, num_steps=10**6, checkpoint_every=10**6)

    with (
        ctrl_c_once(workers, after_s=3),
        pytest.raises(Interrupted, match="the same command goes on"),
    ):
        trained(dataset, out, Recipe(WAVENET, endless, num_workers=1))
    (step,) = checkpoint_steps(out)
    assert 0 < step < 10**6


@pytest.mark.ray
@pytest.mark.timeout(300)
def test_an_error_of_our_own_comes_out_as_it_is_and_is_not_tried_again(
    dataset: Dataset, tmp_path: Path, ray_local: None
) -> None:
    recipe = Recipe(WAVENET, replace(LONG, learning_rate=1e30, warm_up_steps=0, precision="float32"))
    screen, page = console()
    with pytest.raises(ConfigError, match="training diverged at step") as caught:
        train(dataset.folder, Location(str(tmp_path / "out")), recipe, describe("local"), screen)
    assert caught.value.__cause__ is None
    assert "lost" not in page.getvalue()


def test_no_more_workers_than_there_is_room_for() -> None:
    screen, page = console()
    recipe = Recipe(WAVENET, TRAINING, num_workers=4)
    assert workers_of(recipe, RunningCluster("local", 8, 0), screen).for_ray == 4
    assert page.getvalue() == ""
    assert workers_of(recipe, RunningCluster("local", 2, 0), screen).for_ray == 2
    assert "this cluster has 2 CPUs" in page.getvalue()
    assert workers_of(recipe, RunningCluster("local", 8, 1), screen).for_ray == 1
    assert "this cluster has 1 GPUs" in page.getvalue()


def test_an_elastic_run_takes_what_there_is_and_waits_for_more() -> None:
    screen, _ = console()
    recipe = Recipe(WAVENET, TRAINING, num_workers=4, elastic=True, min_workers=2)
    workers = workers_of(recipe, RunningCluster("local", 3, 0), screen)
    assert workers.for_ray == (2, 4)
    assert str(workers) == "2 to 4"
    with pytest.raises(ClusterError, match="min_workers 2 and this cluster has 1 CPUs"):
        workers_of(recipe, RunningCluster("local", 1, 0), screen)
    with pytest.raises(ValueError, match=r"min_workers must be from 1 to num_workers \(2\), got 3"):
        Recipe(WAVENET, TRAINING, num_workers=2, min_workers=3)


def test_what_stands_beside_the_bar() -> None:
    line = Measured(
        step=50,
        num_steps=200,
        train_bits=3.9126,
        learning_rate=0.1,
        seconds=100.0,
        levels_per_s=24_000.4,
        gradient_norm=0.5,
        waiting_share=0.0,
        peak_share=0.314,
    )
    audio, pictures = AudioConventions(16_000), ImageConventions(num_levels=256, height=4, width=5, channels=3)
    assert told(line, audio) == "3.913 bits, 24,000 timesteps/s, 31% of peak, waits 0% for batches, 5 min left"
    later = replace(line, step=199, validation_bits=4.0, waiting_share=0.25)
    assert told(later, pictures) == (
        "3.913 bits, held out 4.000, 400.0 pictures/s, 31% of peak, waits 25% for batches, 1 s left"
    )


class Answer:
    """A method of an actor that is none."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer

    def remote(self) -> Any:
        return self.answer


class Ended:
    """A `Fit` that has ended with an error, or without; `error` is called for each start."""

    def __init__(self, error: Callable[[], Exception | None]) -> None:
        self.error, self.ended = error(), threading.Event()
        self.ended.set()

    def start(self) -> None:
        pass


class Stopped(Ended):
    """One that Ctrl-C is pressed in, before it ends."""

    def __init__(self, error: Callable[[], Exception | None]) -> None:
        super().__init__(error)
        self.num_waits, self.ended = 0, SimpleNamespace(wait=self.wait)  # type: ignore[assignment]

    def wait(self, seconds: float) -> bool:
        self.num_waits += 1
        if self.num_waits == 1:
            raise KeyboardInterrupt
        return True


def training_that_fails(
    monkeypatch: pytest.MonkeyPatch,
    plan: RunPlan,
    error: Callable[[], Exception | None],
    told: Exception | None = None,
    fit: type[Ended] = Ended,
) -> Training:
    mailbox = SimpleNamespace(news=Answer(News(error=told)), forget_error=Answer(), wish_stop=Answer())
    monkeypatch.setattr("jobs.train.open_mailbox", lambda: mailbox)
    monkeypatch.setattr("jobs.train.make_ray_data_settings", lambda: None)
    monkeypatch.setattr("jobs.train.ray", SimpleNamespace(get=lambda answer: answer, kill=lambda actor: None))
    monkeypatch.setattr("jobs.train.Fit", lambda *_: fit(error))
    return Training(plan, Workers(2, 2), use_gpu=False, console=console()[0])


@pytest.mark.parametrize(
    ("error", "told", "expected", "message"),
    [
        (StorageError("the disk is full"), None, StorageError, "the disk is full"),
        (OSError(errno.ENOSPC, "no space"), None, StorageError, "run: the disk is full"),
        (ValueError("a setting of Ray's"), None, ValueError, "a setting of Ray's"),
        (WorkerGroupError("", {}), RuntimeError("shapes cannot be multiplied"), RuntimeError, "shapes cannot"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_would_only_come_again_ends_the_first_start(
    dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    told: Exception | None,
    expected: type[Exception],
    message: str,
) -> None:
    errors = iter([error])
    training = training_that_fails(monkeypatch, small_plan(dataset, tmp_path / "out"), lambda: next(errors), told)
    with pytest.raises(expected, match=message):
        training.run()


@pytest.mark.parametrize(
    ("error", "told", "expected", "message"),
    [
        (None, None, Interrupted, "the same command begins anew"),
        (WorkerGroupError("Connection closed by peer", {}), None, Interrupted, "the same command begins anew"),
        (WorkerGroupError("", {}), ConfigError("training diverged"), ConfigError, "training diverged"),
        (WorkerGroupError("", {}), RuntimeError("shapes cannot be multiplied"), RuntimeError, "shapes cannot"),
        (OSError(errno.ENOSPC, "no space"), None, StorageError, "run: the disk is full"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_ctrl_c_hides_no_error(
    dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception | None,
    told: Exception | None,
    expected: type[Exception],
    message: str,
) -> None:
    training = training_that_fails(monkeypatch, small_plan(dataset, tmp_path / "out"), lambda: error, told, Stopped)
    with pytest.raises(expected, match=message):
        training.run()


@pytest.mark.parametrize(("fewest", "said"), [(1, [2, 1, 2]), (2, [])])
def test_how_many_workers_there_are_is_told_when_it_changes(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fewest: int, said: list[int]
) -> None:
    training = training_that_fails(monkeypatch, small_plan(dataset, tmp_path / "out"), lambda: None)
    training.workers, (training.console, page), mailbox = Workers(fewest, 2), console(), Mailbox()
    view = ProgressView(training.console, "train")
    for num_workers in (0, 2, 2, 1, 1, 2):
        if num_workers:
            mailbox.begin(num_workers)
        training.mailbox = SimpleNamespace(news=Answer(mailbox.news()))
        training.show(view)
    assert page.getvalue().splitlines() == [f"Workers that train: {number}, of at most 2." for number in said]


def test_lost_workers_are_started_again_until_nothing_comes_of_it(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, starts = small_plan(dataset, tmp_path / "out"), []
    lost: Exception = WorkerGroupError("Connection closed by peer", {})

    def lose() -> Exception:
        starts.append(1)
        if len(starts) == 3:
            (plan.run_folder / "checkpoints/000000003.json").write_text("")
        return lost

    with pytest.raises(ClusterError, match=r"lost or could not be started 4 times in a row .*closed by peer"):
        training_that_fails(monkeypatch, plan, lose).run()
    assert len(starts) == 3 + 4


def test_the_end_of_a_long_message() -> None:
    assert last_line(RuntimeError("one\n\n two \n")) == "two"
    assert last_line(RuntimeError("")) == "RuntimeError"


def test_a_dataset_that_does_not_fit_is_told_before_anything_is_started(dataset: Dataset, tmp_path: Path) -> None:
    cluster, (screen, _) = RunningCluster("local", 2, 0), console()
    recipe = Recipe({"name": "pixelcnn"}, TRAINING)
    with pytest.raises(ConfigError, match=r"model pixelcnn makes pictures, and .* holds waveforms"):
        train(dataset.folder, Location(str(tmp_path / "out")), recipe, cluster, screen)
    assert not (tmp_path / "out").exists()


def test_the_summary_tells_the_figures(dataset: Dataset, tmp_path: Path) -> None:
    plan = small_plan(dataset, tmp_path / "out")
    run(plan)
    data = json.loads((tmp_path / "out/model.json").read_text())
    screen, page = console()
    info = train(dataset.folder, plan.out, Recipe(WAVENET, TRAINING), RunningCluster("local", 2, 0), screen)
    assert f"held out {data['figures']['validation_bits']:.3f}" in page.getvalue()
    assert f"{plan.out} is finished already. {summary(info)}" in page.getvalue()
    assert read_model_info(plan.out) == info


def test_the_summary_tells_what_share_of_the_run_was_waiting(dataset: Dataset, tmp_path: Path) -> None:
    plan = small_plan(dataset, tmp_path / "out")
    run(plan)
    info = read_model_info(plan.out)
    waited = replace(info, figures={**info.figures, "seconds": 10.0, "levels_per_s": 1500.0, "waiting_share": 0.25})
    assert "8 steps in 10 s (1,500 timesteps/s, 25% of it waiting for batches); bits" in summary(waited)
    del waited.figures["waiting_share"]  # a model of before
    assert "8 steps in 10 s (1,500 timesteps/s); bits" in summary(waited)
    waited.figures["stopped"] = "early"
    assert "8 steps, ended early since held-out bits got no better, in 10 s (1,500" in summary(waited)


@pytest.mark.ray
@pytest.mark.timeout(300)
def test_a_model_that_has_lost_its_weights_is_told(dataset: Dataset, tmp_path: Path, ray_local: None) -> None:
    plan = small_plan(dataset, tmp_path / "out")
    run(plan)
    (tmp_path / "out/weights.safetensors").unlink()
    screen, page = console()
    train(dataset.folder, plan.out, Recipe(WAVENET, TRAINING, num_workers=1), describe("local"), screen)
    assert "the weights beside model.json are missing or damaged; the model is written again." in page.getvalue()
    assert (tmp_path / "out/weights.safetensors").is_file()


@pytest.mark.ray
def test_where_another_start_begins(dataset: Dataset, tmp_path: Path, ray_local: None) -> None:
    plan = small_plan(dataset, tmp_path / "out", num_steps=6, checkpoint_every=3)
    training = Training(plan, Workers(1, 1), False, console()[0])
    assert training.where_it_goes_on() == "begins anew, since no checkpoint is written yet"
    assert not run(plan, observer=Watcher(3))
    assert training.where_it_goes_on() == f"goes on from the last checkpoint in {plan.run_folder}"


class Sitter:
    """Takes the place that others wait for."""

    def sits(self) -> bool:
        return True


@pytest.mark.ray
@pytest.mark.timeout(300)
def test_workers_that_no_place_is_ever_found_for_end_it(
    dataset: Dataset, tmp_path: Path, ray_local: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where Ray has lost a worker and what kept its place: it would wait for another for ever."""
    monkeypatch.setenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "1")
    monkeypatch.setattr(subject, "MOST_GROUPS_IN_VAIN", 1)

    remote: Any = ray.remote(num_cpus=describe("local").num_cpus)
    sitter = remote(Sitter).remote()
    assert ray.get(sitter.sits.remote())
    try:
        with pytest.raises(ClusterError, match=r"were lost or could not be started 4 times in a row .* begins anew"):
            trained(dataset, tmp_path / "out", Recipe(WAVENET, TRAINING, num_workers=1))
    finally:
        ray.kill(sitter)
