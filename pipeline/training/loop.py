"""The loop over steps: the same in one process and in many, from the start and after a restart."""

import math
import time
from dataclasses import replace

import torch
from torch import Tensor

from models.autoregressive import Autoregressive
from pipeline.batches import Batch, cut_for
from pipeline.errors import ConfigError, ModelError
from pipeline.shards.dataset import Dataset, open_dataset
from pipeline.training.chance import left_to_chance
from pipeline.training.checkpoint import Best, Checkpoint, Position, Tally, load_checkpoint, restore, save_checkpoint
from pipeline.training.checkpoint import tensors_of as checkpoint_tensors
from pipeline.training.export import export
from pipeline.training.feed import Feed
from pipeline.training.index import Slot, read_contents
from pipeline.training.metrics import Measured, MetricsFile, Observer, Silent
from pipeline.training.order import Order, share
from pipeline.training.plan import HELD_OUT_SPLIT, TRAIN_SPLIT, RunPlan, claim, finished
from pipeline.training.schedule import learning_rate
from pipeline.training.step import Learner, backward, on_device
from pipeline.training.validation import bits_per_level, held_out_slots, measure_bits
from pipeline.training.world import Alone, World


def run(plan: RunPlan, world: World | None = None, observer: Observer | None = None) -> bool:
    """Train from where the run stands to its end, and export; False if it was asked to stop before.

    Every worker of a run calls this with the same plan. A run that is finished already is left as it is.
    """
    world, observer = world or Alone(), observer or Silent()
    if world.rank == 0:
        claim(plan)
    if finished(plan):
        return True
    dataset = open_dataset(plan.dataset, plan.conventions.kind)
    if dataset.info.digest != plan.dataset_digest:
        raise ConfigError(f"{plan.dataset} was made again since this run was planned; start the command again.")
    return Run(plan, dataset, world, observer).go()


class Run:
    """A run at work: the parts that the loop holds together."""

    def __init__(self, plan: RunPlan, dataset: Dataset, world: World, observer: Observer) -> None:
        config = plan.training
        self.plan, self.config, self.dataset, self.world, self.observer = plan, config, dataset, world, observer
        self.learner = Learner(plan.model_name, plan.model_config, config, world.device)
        self.feed = self._feed(config.shards_in_memory)
        contents = read_contents(dataset, (TRAIN_SPLIT, HELD_OUT_SPLIT), config.window)
        self.licences = contents.licences
        self.order = Order(contents.splits[TRAIN_SPLIT], config.batch_size, config.shards_in_memory, config.seed)
        self.held_out = held_out_slots(contents.splits[HELD_OUT_SPLIT], config.validation_items, config.seed)
        self.held_out_feed = self._feed(1)
        self.position = Position(seed=config.seed, plan_digest=plan.digest)
        self.best: dict[str, Tensor] = {}
        self.metrics: MetricsFile | None = None

    def _feed(self, shards_in_memory: int) -> Feed:
        cut = cut_for(self.learner.model, self.config.window)
        return Feed(self.dataset, self.plan.conditioning, cut, shards_in_memory)

    def go(self) -> bool:
        """All steps that are left, then the export; False if asked to stop before."""
        self.resume_or_initialise()
        if self.world.rank == 0:
            self.metrics = self.open_metrics()
        network = self.world.wrap(self.learner.model)
        while self.position.step < self.config.num_steps:
            if self.take_step(network):
                self.save()
                return False
        self.export()
        return True

    def open_metrics(self) -> MetricsFile:
        """The metrics up to here; says what is lost of them, which is no reason not to go on."""
        metrics = MetricsFile(self.plan.out, self.position.step)
        if metrics.is_damaged or (self.position.train_bits is not None and metrics.is_empty):
            self.observer.note(
                f"{metrics.place} has lost lines that were written before step {self.position.step}: its curves will "
                "have a gap. The training itself does not read it."
            )
        return metrics

    def resume_or_initialise(self) -> None:
        """Put back the last whole checkpoint, or start from the first global batch; the same on every rank."""
        checkpoint, notes = load_checkpoint(self.plan.run_folder, self.plan.digest)
        step = checkpoint.position.step if checkpoint else 0
        if self.world.sum([float(step)])[0] != step * self.world.size:
            raise ModelError(
                f"{self.plan.run_folder}: the workers found different checkpoints; expected a folder that all can read."
            )
        if checkpoint:
            self.position, self.best = checkpoint.position, restore(self.learner, checkpoint.tensors)
        else:
            self.initialise()
        for note in notes if self.world.rank == 0 else ():
            self.observer.note(note)
        if self.world.rank == 0:
            self.say_where_it_starts(step)

    def say_where_it_starts(self, step: int) -> None:
        """What a person should know before the first step."""
        if step:
            self.observer.note(f"Going on from step {step} of {self.config.num_steps}.")
        if not self.held_out:
            self.observer.note(
                f"The dataset has no rows of split {HELD_OUT_SPLIT!r}: the last weights are kept instead of the best."
            )

    def initialise(self) -> None:
        """The model's own start from data, on the whole first global batch, which every rank reads."""
        batch = on_device(whole_rows(self.feed.batch(self.order.batch(0))), self.world.device)
        self.learner.model.initialise(batch.x, batch.condition)
        self.learner.restart_average()

    def take_step(self, network: torch.nn.Module) -> bool:
        """One step and what is due after it; whether to stop."""
        started = time.monotonic()
        step, slots = self.position.step, self.order.batch(self.position.step)
        num_levels = sum(slot.num_levels for slot in slots)
        batch = on_device(self.part(step, slots), self.world.device)
        nats = backward(self.learner.model, network, batch, num_levels, self.world.size)
        wish = float(self.world.rank == 0 and self.observer.stop_asked(step))
        total, stop = self.world.sum([nats, wish])
        norm = self.learner.update(step) if math.isfinite(total) else math.nan
        if not math.isfinite(norm):
            raise ConfigError(self.diverged(slots))
        self.count(total, num_levels, time.monotonic() - started)
        self.after_step()
        self.position = replace(self.position, seconds=self.position.seconds + time.monotonic() - started)
        return stop > 0 and self.position.step < self.config.num_steps

    def count(self, nats: float, num_levels: int, seconds: float) -> None:
        """One step more is done."""
        before = self.position.tally
        tally = Tally(before.nats + nats, before.num_levels + num_levels, before.seconds + seconds)
        total = self.position.num_levels + num_levels
        self.position = replace(self.position, step=self.position.step + 1, num_levels=total, tally=tally)

    def part(self, step: int, slots: list[Slot]) -> Batch:
        """What falls to this rank of the global batch of a step, and what chance decides for it."""
        numbers = share(range(len(slots)), self.world.rank, self.world.size)
        batch = self.feed.batch([slots[n] for n in numbers]) if numbers else self.feed.silent_batch(slots[0])
        return left_to_chance(batch, self.config, step, numbers or range(1))

    def diverged(self, slots: list[Slot]) -> str:
        """What to say when loss or gradient are no numbers any more; the weights are still those before the step."""
        ids = self.feed.item_ids(slots)
        shown = ", ".join(ids[:8]) + (f", and {len(ids) - 8} more" if len(ids) > 8 else "")
        return (
            f"training diverged at step {self.position.step}: loss or gradient is no finite number. "
            f"Items of this batch: {shown}. Lower training.learning_rate or training.clip_gradient_norm "
            "and train into another folder; if it happens at once, look at these items with `ancestral report`."
        )

    def after_step(self) -> None:
        """Validation, metrics and checkpoint, where they are due."""
        step, last = self.position.step, self.position.step == self.config.num_steps
        bits = self.validate() if self.held_out and (last or step % self.config.validate_every == 0) else None
        if last or bits is not None or step % self.config.log_every == 0:
            self.log(bits)
        if last or step % self.config.checkpoint_every == 0:
            self.save()

    def validate(self) -> float:
        """Held-out bits now; the best weights so far are kept."""
        average: Autoregressive = self.learner.average
        bits = measure_bits(average, self.held_out_feed, self.held_out, self.config.batch_size, self.world)
        if self.position.best is None or bits < self.position.best.bits:
            self.position = replace(self.position, best=Best(self.position.step, bits))
            self.best = {name: tensor.detach().clone() for name, tensor in average.state_dict().items()}
        return bits

    def log(self, validation_bits: float | None) -> None:
        """A line of metrics over the steps since the last one."""
        tally = self.position.tally
        train_bits = bits_per_level(tally.nats, tally.num_levels)
        self.position = replace(self.position, tally=Tally(), train_bits=train_bits)
        measured = Measured(
            step=self.position.step,
            num_steps=self.config.num_steps,
            train_bits=train_bits,
            learning_rate=learning_rate(self.config, self.position.step - 1),
            seconds=round(self.position.seconds + tally.seconds, 3),
            levels_per_s=round(tally.num_levels / max(tally.seconds, 1e-9), 1),
            validation_bits=validation_bits,
        )
        if self.metrics:
            self.metrics.add(measured)
            self.observer.measured(measured)

    def save(self) -> None:
        """Write the metrics, then the checkpoint; rank 0 alone.

        In this order: a run killed between the two drops the lines past its checkpoint, and could not make up for
        missing ones.
        """
        if self.metrics:
            self.metrics.write()
            checkpoint = Checkpoint(self.position, checkpoint_tensors(self.learner, self.best))
            save_checkpoint(self.plan.run_folder, checkpoint, self.config.keep_checkpoints)

    def export(self) -> None:
        """Write the best model; rank 0 alone."""
        if self.metrics is None:
            return
        if self.best:
            self.learner.average.load_state_dict(self.best)
        best = self.position.best
        figures = {
            "train_bits": self.position.train_bits,
            "validation_bits": best.bits if best else None,
            "best_step": best.step if best else self.position.step,
            "num_steps": self.position.step,
            "seconds": round(self.position.seconds, 1),
            "levels_per_s": round(self.position.num_levels / max(self.position.seconds, 1e-9), 1),
            "weights": "averaged" if self.config.ema_decay else "last",
        }
        export(self.plan, self.dataset.info.lineage, self.licences, self.learner.average, figures)


def whole_rows(batch: Batch) -> Batch:
    """The rows of a batch without padding: the longest windows; a batch of images as it is."""
    if batch.x.ndim != 2:
        return batch
    last = torch.where(batch.scored, torch.arange(batch.x.shape[1]), -1).amax(1)
    keep = last == last.max()
    condition = batch.condition.rows(keep) if batch.condition else None
    return Batch(batch.x[keep], batch.scored[keep], condition)
