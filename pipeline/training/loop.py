"""The loop over steps: the same in one process and in many, from the start and after a restart."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from models.autoregressive import Autoregressive
from pipeline.batches import cut_for
from pipeline.errors import ConfigError
from pipeline.shards.dataset import Dataset, open_dataset
from pipeline.training.checkpoint import Best, Position, Tally
from pipeline.training.export import export, whole_model
from pipeline.training.guards import (
    Divergence,
    are_finite,
    explain_divergence,
    explain_lost_weights,
    is_stale,
    write_divergence,
)
from pipeline.training.index import Slot
from pipeline.training.items import draw_items
from pipeline.training.metrics import Observer, Silent
from pipeline.training.network import network_of
from pipeline.training.peak import flops_per_level, probed_peak
from pipeline.training.plan import HELD_OUT_SPLIT, RunPlan, claim, finished
from pipeline.training.prefetch import Taken
from pipeline.training.record import Record
from pipeline.training.schedule import learning_rate
from pipeline.training.step import Learner, backward, on_device
from pipeline.training.store import Store
from pipeline.training.supply import Supply
from pipeline.training.validation import bits_per_level, measure_bits
from pipeline.training.world import Alone, World, adds_up_anew


def run(plan: RunPlan, world: World | None = None, observer: Observer | None = None) -> bool:
    """Train from where the run stands to its end, and export; False if it was asked to stop before.

    Every worker of a run calls this with the same plan. A run that is finished already is left as it is.
    """
    world, observer = world or Alone(), observer or Silent()
    if world.rank == 0:
        claim(plan)
    if world.sum([float(finished(plan) is not None)])[0]:
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
        self.supply = Supply(plan, dataset, cut_for(self.learner.model, config.window))
        self.store = Store(plan, world)
        self.position = Position(seed=config.seed, plan_digest=plan.digest)
        self.best: dict[str, Tensor] = {}
        self.record: Record | None = None
        self.is_rehearsed = False

    def go(self) -> bool:
        """From where the run stands to its end; False if asked to stop before."""
        self.resume_or_initialise()
        levels_at_peak = self.levels_at_peak()
        if self.world.rank == 0:
            self.record = Record(self.plan, self.position, self.observer, levels_at_peak)
        try:
            return self.take_steps()
        finally:
            if self.record:
                self.record.close()

    def levels_at_peak(self) -> float:
        """How many levels a second the workers could train on if they did nothing but the products."""
        needed = flops_per_level(self.learner.model, self.plan.conventions, self.config.window)
        return self.world.sum([probed_peak(self.world.device, self.config.precision)])[0] / needed

    def take_steps(self) -> bool:
        """All steps that are left, and the export; False if asked to stop before."""
        network = network_of(self.learner.model, self.plan.execution, self.world)
        with self.supply.ahead(self.position.step, self.world) as parts:
            while not self.is_over():
                if self.take_step(network, self.rehearsed(network, parts.take())):
                    self.save()
                    return False
        self.export()
        return True

    def rehearsed(self, network: torch.nn.Module, taken: Taken) -> Taken:
        """What was taken; the first of a start has given a gradient once that is thrown away, where that matters.

        So the first step after a restart is added up in the same order as it was without one.
        """
        if not self.is_rehearsed and adds_up_anew(network):
            backward(self.learner.model, network, taken.part, self.config.precision, self.world)
            self.learner.optimiser.zero_grad(set_to_none=True)
        self.is_rehearsed = True
        return taken

    def is_over(self) -> bool:
        """Whether all steps are taken, or enough of them."""
        return self.position.step >= self.config.num_steps or is_stale(self.config, self.position)

    def resume_or_initialise(self) -> None:
        """Put back the last whole checkpoint, or start from the first global batch; the same on every rank."""
        checkpoint, notes = self.store.find()
        if checkpoint is None:
            self.initialise()
        self.learner.shard(self.world)
        if checkpoint:
            self.position, self.best = self.store.put_back(checkpoint, self.learner)
        for note in notes if self.world.rank == 0 else ():
            self.observer.note(note)
        if self.world.rank == 0:
            self.say_where_it_starts(self.position.step, notes)

    def say_where_it_starts(self, step: int, notes: Sequence[str]) -> None:
        """What a person should know before the first step."""
        if notes and not step:
            self.observer.note("No checkpoint is whole: the training starts anew.")
        if step:
            self.observer.note(f"Going on from step {step} of {self.config.num_steps}.")
        if not self.supply.held_out:
            self.observer.note(
                f"The dataset has no rows of split {HELD_OUT_SPLIT!r}: the last weights are kept instead of the best"
                + (", and the training does not end early." if self.config.early_stop_validations else ".")
            )

    def initialise(self) -> None:
        """The model's own start from data, on the whole first global batch, which every rank reads."""
        batch = on_device(self.supply.first_rows(), self.world.device)
        self.learner.model.initialise(batch.x, batch.condition)
        self.learner.restart_average()

    def take_step(self, network: torch.nn.Module, taken: Taken) -> bool:
        """One step and what is due after it; whether to stop."""
        started = time.monotonic() - taken.waited_s
        step, part = self.position.step, taken.part
        nats = backward(self.learner.model, network, part, self.config.precision, self.world)
        wish = float(self.world.rank == 0 and self.observer.stop_asked(step))
        total, stop, waited_s = self.world.sum([nats, wish, taken.waited_s])
        norm = self.learner.update(step) if math.isfinite(total) else math.nan
        if not math.isfinite(norm):
            raise self.diverged(part.slots, total, norm)
        mean_waited_s = waited_s / self.world.size
        stepped = time.monotonic()
        self.count(Tally(total, part.num_levels, stepped - started, mean_waited_s, norm))
        self.after_step()
        self.position = replace(self.position, seconds=self.position.seconds + time.monotonic() - stepped)
        return stop > 0 and not self.is_over()

    def count(self, of_step: Tally) -> None:
        """One step more is done."""
        before = self.position
        self.position = replace(
            before,
            step=before.step + 1,
            num_levels=before.num_levels + of_step.num_levels,
            seconds=before.seconds + of_step.seconds,
            waited_s=before.waited_s + of_step.waited_s,
            tally=before.tally.plus(of_step),
        )

    def diverged(self, slots: list[Slot], nats: float, norm: float) -> ConfigError:
        """The error of a loss over these windows that is no finite number, or has no such gradient; written down.

        Nobody goes on before it is: workers that raise are ended, and with them the one that still writes.
        """
        divergence = Divergence(
            step=self.position.step,
            seed=self.config.seed,
            loss_nats=nats,
            gradient_norm=norm,
            learning_rate=learning_rate(self.config, self.position.step),
            item_ids=self.supply.item_ids(slots),
            windows=[(slot.before, slot.before + slot.num_levels) for slot in slots],
        )
        try:
            if self.world.rank == 0:
                self.write_last_lines()
                write_divergence(self.plan.run_folder, divergence)
        finally:
            self.world.sum([0.0])
        return explain_divergence(self.plan.run_folder, divergence)

    def write_last_lines(self) -> None:
        """The metrics up to here, which show how it came to this; whoever goes on drops those past its checkpoint."""
        if self.position.tally.num_levels:
            self.log(None)
        if self.record:
            self.record.write()

    def after_step(self) -> None:
        """Validation, metrics and checkpoint, where they are due."""
        step, last = self.position.step, self.position.step == self.config.num_steps
        bits = self.validate() if self.supply.held_out and (last or step % self.config.validate_every == 0) else None
        last = last or self.is_over()
        if last or bits is not None or step % self.config.log_every == 0:
            self.log(bits)
        if last or step % self.config.checkpoint_every == 0 or (self.plan.keeps_validated and bits is not None):
            self.save()
        self.show(step, last=last)

    def show(self, step: int, *, last: bool) -> None:
        """Tell sinks of the weights, and have them see and hear what these draw, where it is due and at the end."""
        telling = self.plan.telling
        if self.record and (last or step % telling.histograms_every == 0):
            self.record.show_weights(step, self.learner.average)
        if telling.draws and (last or step % telling.items_every == 0):
            model = whole_model(self.plan, self.learner.average, self.world)
            if self.record:
                self.record.show_items(step, lambda: draw_items(self.plan, model, self.supply))

    def validate(self) -> float:
        """Held-out bits now; the best weights so far are kept."""
        average: Autoregressive = self.learner.average
        supply = self.supply
        at_once = -(-self.config.batch_size // (self.world.size * self.plan.execution.num_parts))
        bits = measure_bits(average, supply.held_out_feed, supply.held_out, at_once, self.world)
        if not math.isfinite(bits):
            raise self.diverged(supply.held_out, bits, math.nan)
        if self.position.best is None or bits < self.position.best.bits:
            self.position = replace(self.position, best=Best(self.position.step, bits))
            self.best = {name: tensor.detach().clone() for name, tensor in average.state_dict().items()}
        return bits

    def log(self, validation_bits: float | None) -> None:
        """A line of metrics over the steps since the last one."""
        if self.record:
            self.record.add(self.position, validation_bits)
        tally = self.position.tally
        self.position = replace(self.position, tally=Tally(), train_bits=bits_per_level(tally.nats, tally.num_levels))

    def save(self) -> None:
        """Write the metrics, then the checkpoint.

        In this order: a run killed between the two drops the lines past its checkpoint, and could not make up for
        missing ones.
        """
        if self.record:
            self.record.write()
        self.store.save(self.learner, self.position, self.best)

    def export(self) -> None:
        """Write the best model, put together from all workers; rank 0 alone writes. An error where it is none."""
        if self.best:
            self.learner.average.load_state_dict(self.best)
        if self.world.sum([float(not are_finite(self.learner.average.state_dict().values()))])[0]:
            raise explain_lost_weights(self.plan.run_folder, self.position.step)
        model = whole_model(self.plan, self.learner.average, self.world)
        if self.world.rank == 0:
            export(self.plan, self.dataset, self.supply.licences, model, self.figures())

    def figures(self) -> dict[str, Any]:
        """What is told of a finished run with its model."""
        best = self.position.best
        return {
            "train_bits": self.position.train_bits,
            "validation_bits": best.bits if best else None,
            "best_step": best.step if best else self.position.step,
            "num_steps": self.position.step,
            "seconds": round(self.position.seconds, 1),
            "levels_per_s": round(self.position.num_levels / max(self.position.seconds, 1e-9), 1),
            "waiting_share": round(self.position.waited_s / max(self.position.seconds, 1e-9), 4),
            "stopped": "early" if self.position.step < self.config.num_steps else "at the last step",
            "weights": "averaged" if self.config.ema_decay else "last",
        }
