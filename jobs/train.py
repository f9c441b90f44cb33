"""`train`: Ray Train's workers run the training loop of `pipeline.training` and tell how far they are.

train(dataset, out, load_recipe("wavenet-small"), cluster, console)

Checkpoints are the run's own (`pipeline/training/checkpoint.py`): whoever starts the workers, they go on from the last
whole one. After a lost worker `fit` is called again here and not left to Ray's `max_failures`, which cannot tell a lost
worker from an error that our own code raised, and would start the workers again after both.
"""

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import ray
import torch
from ray.exceptions import RayError
from rich.console import Console

from jobs.cluster import LOCAL, Cluster
from jobs.no_effect import of_training, say_each
from jobs.progress import ProgressView, progress, say
from jobs.recipes import Recipe
from jobs.training_losses import MOST_STARTS_IN_VAIN, is_loss, raise_unless_lost, start_until_done
from jobs.training_mailbox import Messenger, News, open_mailbox
from pipeline.errors import AncestralError, ClusterError, Interrupted
from pipeline.model_folder import ModelInfo, read_model_info
from pipeline.shards.dataset import open_dataset
from pipeline.shards.schema import AudioConventions, Conventions
from pipeline.storage import Location, open_filesystem
from pipeline.training.allocator import keep_freed_memory
from pipeline.training.checkpoint import last_step
from pipeline.training.loop import run
from pipeline.training.metrics import Measured
from pipeline.training.plan import RunPlan, claim, exported, finished, make_plan
from pipeline.training.prosody import prosody_summary
from pipeline.training.world import Distributed

SECONDS_BETWEEN_LOOKS = 0.3
SECONDS_TO_END = 30
SECONDS_FOR_A_LARGER_GROUP = "10"
"""How long an elastic run waits for a place that Ray has promised before it starts with fewer."""
MOST_GROUPS_IN_VAIN = 20
"""How often Ray tries to start the workers, a minute each, before `fit` ends: so long a cluster may take to grow. It
would try for ever where what was lost has left a place that nobody clears (10 s each where a run is elastic)."""
SECONDS_BETWEEN_SIZES = 30.0
"""How often Ray looks whether there is room for more. What was trained since the last checkpoint is trained again."""
SECONDS_TO_STOP = 90
"""After Ctrl-C: workers that are only starting take most of it."""


def train(dataset: Location, out: Location, recipe: Recipe, cluster: Cluster, console: Console) -> ModelInfo:
    """Train a model; the same command again goes on where it stopped, and does nothing where it is finished.

    DatasetError, ConfigError (settings that do not fit the dataset; divergence), OccupiedError, ModelError,
    StorageError, ClusterError (workers lost again and again), Interrupted (Ctrl-C; a checkpoint is written).
    """
    plan = make_plan(open_dataset(dataset), out, recipe.model, recipe.training)
    plan = replace(plan, execution=recipe.execution, telling=recipe.telling)
    claim(plan)
    if info := finished(plan):
        say(console, f"{out} is finished already. {summary(info)}")
        return info
    if exported(plan):
        say(console, f"{out}: the weights beside model.json are missing or damaged; the model is written again.")
    workers = workers_of(recipe, cluster, console)
    if cluster.address == LOCAL:  # nobody takes this machine away: an actor less that would look out for it
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
    say_each(console, of_training(recipe, plan, workers.most))
    Training(plan, workers, cluster.num_gpus > 0, console).run()
    info = read_model_info(out)
    say(console, f"{out}: {summary(info)}")
    if told_of := prosody_summary(info):
        say(console, told_of)
    return info


@dataclass(frozen=True)
class Workers:
    """At least and at most how many; equal where a run is not elastic."""

    fewest: int
    most: int

    @property
    def are_elastic(self) -> bool:
        """Whether their number may change."""
        return self.fewest < self.most

    @property
    def for_ray(self) -> int | tuple[int, int]:
        """As Ray Train takes them: a range is an elastic group."""
        return (self.fewest, self.most) if self.are_elastic else self.most

    def __str__(self) -> str:
        return f"{self.fewest} to {self.most}" if self.are_elastic else str(self.most)


def workers_of(recipe: Recipe, cluster: Cluster, console: Console) -> Workers:
    """As many as the recipe says, or as many as there is room for; an elastic run waits for more.

    ClusterError where an elastic run has not got its fewest.
    """
    places, kind = cluster.num_gpus or cluster.num_cpus, "GPUs" if cluster.num_gpus else "CPUs"
    if recipe.elastic and places < recipe.min_workers:
        raise ClusterError(
            f"the recipe asks for min_workers {recipe.min_workers} and this cluster has {places} {kind}; "
            "set min_workers to fewer, or start the command again when there are more."
        )
    if places < recipe.num_workers:
        say(console, f"The recipe asks for {recipe.num_workers} workers; this cluster has {places} {kind}.")
    if recipe.elastic:
        return Workers(recipe.min_workers, recipe.num_workers)
    return Workers(*[min(places, recipe.num_workers)] * 2)


def summary(info: ModelInfo) -> str:
    """The figures of a trained model in a line."""
    level = "timestep" if isinstance(info.conventions, AudioConventions) else "dimension"
    figures, bits = info.figures, info.figures["validation_bits"]
    held_out = f"held out {bits:.3f} (after step {figures['best_step']}), " if bits is not None else ""
    size = f"{info.name}, {figures['num_parameters']:,} weights"
    steps = f"{figures['num_steps']} steps"
    if figures.get("stopped") == "early":
        steps += ", ended early since held-out bits got no better,"
    work = f"{steps} in {figures['seconds']:.0f} s ({figures['levels_per_s']:,.0f} {level}s/s"
    work += f", {figures['waiting_share']:.0%} of it waiting for batches)" if "waiting_share" in figures else ")"
    return f"{size}, {work}; bits per {level}: {held_out}training {figures['train_bits']:.3f}."


class Training:
    """One command's training: starts the workers, shows what they tell, starts them again when one is lost."""

    def __init__(self, plan: RunPlan, workers: Workers, use_gpu: bool, console: Console) -> None:
        self.plan, self.workers, self.use_gpu, self.console = plan, workers, use_gpu, console
        self.mailbox = open_mailbox()
        self.last_failure, self.num_workers = "", 0

    def run(self) -> None:
        """To the end of the run, or out with the error that ended it."""
        make_ray_data_settings()
        try:
            with progress(self.console, "train", self.plan.training.num_steps) as view:
                view.update(0, f"starting {self.workers} workers")
                if start_until_done(lambda: self.attempt(view), lambda: last_step(self.plan.run_folder)):
                    return
        finally:
            ray.kill(self.mailbox)
        raise ClusterError(
            f"workers were lost or could not be started {MOST_STARTS_IN_VAIN} times in a row without a new checkpoint, "
            f"the last time with: {self.last_failure}. A likely cause is too little memory: lower training.batch_size. "
            f"The same command {self.where_it_goes_on()}."
        )

    def attempt(self, view: ProgressView) -> bool:
        """One start of the workers; whether they came to the end. Errors of our own code come out as they are."""
        self.mailbox.forget_error.remote()
        fit = Fit(self.plan, self.mailbox, self.workers, self.use_gpu)
        fit.start()
        try:
            while not fit.ended.wait(SECONDS_BETWEEN_LOOKS):
                self.show(view)
        except KeyboardInterrupt:
            self.stop(fit, view)
        except AncestralError:
            # Ray Train is still ending its workers: a call of its after Ray has ended would start another Ray.
            fit.ended.wait(SECONDS_TO_END)
            raise
        told_error = self.show(view)
        if fit.error is None:
            return True
        raise_unless_lost(fit.error, told_error, self.plan.run_folder)
        self.last_failure = last_line(fit.error)
        view.update(0, f"a worker was lost; starting {self.workers} again")
        return False

    def show(self, view: ProgressView) -> Exception | None:
        """What the workers have told; raises what a person can mend, returns what else our own code raised there."""
        news: News = ray.get(self.mailbox.news.remote())
        measured, notes, error, num_workers = news
        self.tell_workers(num_workers)
        for note in notes:
            say(self.console, note)
        if measured:
            view.update(measured.step, told(measured, self.plan.conventions))
        if isinstance(error, AncestralError):
            raise error from None
        return error

    def tell_workers(self, num_workers: int) -> None:
        """Say how many there are of an elastic run, when that has changed."""
        if num_workers != self.num_workers and self.workers.are_elastic:
            say(self.console, f"Workers that train: {num_workers}, of at most {self.workers.most}.")
        self.num_workers = num_workers

    def stop(self, fit: "Fit", view: ProgressView) -> None:
        """Let the workers write a checkpoint; a second Ctrl-C does not wait for it.

        An error that they end with instead comes out as it is, unless they were lost: they start again next time.
        """
        view.update(0, "stopping after a checkpoint")
        self.mailbox.wish_stop.remote()
        with contextlib.suppress(KeyboardInterrupt, RayError):
            fit.ended.wait(SECONDS_TO_STOP)
            told_error = self.show(view)
            if fit.error:
                raise_unless_lost(fit.error, told_error, self.plan.run_folder)
        raise Interrupted(f"stopped; the same command {self.where_it_goes_on()}.")

    def where_it_goes_on(self) -> str:
        """What another start begins with."""
        if not last_step(self.plan.run_folder):
            return "begins anew, since no checkpoint is written yet"
        return f"goes on from the last checkpoint in {self.plan.run_folder}"


def last_line(error: Exception | None) -> str:
    """The end of a long message from Ray, which is where the cause stands."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if error and lines else type(error).__name__


def told(measured: Measured, conventions: Conventions) -> str:
    """What stands beside the bar."""
    held_out = "" if measured.validation_bits is None else f", held out {measured.validation_bits:.3f}"
    return (
        f"{measured.train_bits:.3f} bits{held_out}, {speed(measured, conventions)}, {measured.peak_share:.0%} of peak, "
        f"waits {measured.waiting_share:.0%} for batches, {time_left(measured)} left"
    )


def speed(measured: Measured, conventions: Conventions) -> str:
    """Timesteps or pictures a second."""
    if isinstance(conventions, AudioConventions):
        return f"{measured.levels_per_s:,.0f} timesteps/s"
    size = conventions.height * conventions.width * conventions.channels
    return f"{measured.levels_per_s / size:,.1f} pictures/s"


def time_left(measured: Measured) -> str:
    """At the pace of the run so far."""
    seconds = measured.seconds / measured.step * (measured.num_steps - measured.step)
    minutes, hours = round(seconds / 60), seconds / 3600
    return f"{seconds:.0f} s" if seconds < 90 else f"{minutes} min" if minutes < 90 else f"{hours:.1f} h"


class Fit(threading.Thread):
    """`TorchTrainer.fit` in a thread: there Ray leaves Ctrl-C to us, and the driver can tell what goes on."""

    def __init__(self, plan: RunPlan, mailbox: Any, workers: Workers, use_gpu: bool) -> None:
        super().__init__(name="fit", daemon=True)
        self.plan, self.mailbox, self.workers, self.use_gpu = plan, mailbox, workers, use_gpu
        self.error: Exception | None = None
        self.ended = threading.Event()  # a `join` that Ctrl-C interrupts takes the thread for ended (Python 3.11)

    def run(self) -> None:  # noqa: D102
        try:
            with ray_storage(self.plan.run_folder) as storage:
                self.fit(storage)
        except Exception as error:  # whatever it is, the driver's own thread decides what it means
            self.error = error
        finally:
            self.ended.set()

    def fit(self, storage: dict[str, Any]) -> None:
        """Start the workers and wait for them. Ray looks every 2 s by itself, a noticeable part of a short run.

        An elastic group that finds more room is ended by Ray and started larger: its workers call `work` again.
        """
        os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.1")
        if self.workers.are_elastic:
            os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", SECONDS_FOR_A_LARGER_GROUP)
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer

        TorchTrainer(
            work,
            train_loop_config={"plan": self.plan, "mailbox": self.mailbox},
            scaling_config=ScalingConfig(
                num_workers=self.workers.for_ray,
                use_gpu=self.use_gpu,
                elastic_resize_monitor_interval_s=SECONDS_BETWEEN_SIZES,
            ),
            run_config=RunConfig(
                name="train",
                failure_config=FailureConfig(max_failures=0, controller_failure_limit=MOST_GROUPS_IN_VAIN),
                **storage,
            ),
        ).fit()


def make_ray_data_settings() -> None:
    """Have Ray make the settings of Ray Data, which `fit` asks for: it warns of its own defaults when it does."""
    import ray.data

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        ray.data.DataContext.get_current()


@contextlib.contextmanager
def ray_storage(run_folder: Location) -> Iterator[dict[str, Any]]:
    """Where Ray Train keeps its own papers, which nobody needs afterwards; every node must reach it."""
    folder = run_folder / "ray"
    folder.make_folder()
    try:
        if folder.local_path:
            yield {"storage_path": str(folder.local_path)}
        else:
            from pyarrow.fs import FSSpecHandler, PyFileSystem

            filesystem, path = open_filesystem(folder.uri)
            wrapped = PyFileSystem(FSSpecHandler(filesystem))  # type: ignore[abstract]  # the stubs miss its methods
            yield {"storage_path": path, "storage_filesystem": wrapped}
    finally:
        folder.remove_folder()


def work(settings: dict[str, Any]) -> None:
    """What each worker does. An error of our own code is told before it is raised."""
    import ray.train.torch

    torch.set_num_threads(1)  # one thread a worker: more of them slow each other down
    keep_freed_memory()
    try:
        plan: RunPlan = settings["plan"]
        world = Distributed(ray.train.torch.get_device(), plan.execution.parallel)
        if world.rank == 0:
            settings["mailbox"].begin.remote(world.size)
        run(plan, world, Messenger(settings["mailbox"]))
    except Exception as error:
        if not is_loss(error):
            ray.get(settings["mailbox"].fail.remote(error))
        raise
