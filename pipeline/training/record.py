"""What is told of a run: lines of metrics to a file, to who watches and to sinks; notes to a person. Rank 0 alone."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from pipeline.audio.companding import decode_levels
from pipeline.errors import MissingExtra
from pipeline.shards.schema import AudioConventions
from pipeline.training.checkpoint import Position
from pipeline.training.items import ShownItem
from pipeline.training.metrics import NOT_IN_LINES, Measured, MetricsFile, Observer
from pipeline.training.plan import RunPlan, flat
from pipeline.training.schedule import learning_rate
from pipeline.training.sinks import Sinks, as_picture, open_sink, side_by_side
from pipeline.training.validation import bits_per_level

NOT_FOR_SINKS = ("step", *NOT_IN_LINES)


class Record:
    """What is told of a run, from where it stands. `levels_at_peak`: what the machine could train on in a second."""

    def __init__(self, plan: RunPlan, position: Position, observer: Observer, levels_at_peak: float) -> None:
        """Open it; says what is lost of earlier lines, which is no reason not to go on."""
        self.plan, self.observer, self.levels_at_peak = plan, observer, levels_at_peak
        self.metrics = MetricsFile(plan.out, position.step)
        if self.metrics.is_damaged or (position.train_bits is not None and self.metrics.is_empty):
            observer.note(
                f"{self.metrics.place} has lost lines that were written before step {position.step}: its curves will "
                "have a gap. The training itself does not read it."
            )
        self.sinks = open_sinks(plan, position.step, observer)

    def add(self, position: Position, validation_bits: float | None) -> None:
        """A line over the steps since the last one, which `position.tally` holds."""
        measured = self.measured(position, validation_bits)
        self.metrics.add(measured)
        self.observer.measured(measured)
        values = {
            name: value for name, value in asdict(measured).items() if value is not None and name not in NOT_FOR_SINKS
        }
        self.sinks.tell(lambda sink: sink.scalars(measured.step, values))

    def measured(self, position: Position, validation_bits: float | None) -> Measured:
        """The line."""
        tally = position.tally
        seconds = max(tally.seconds, 1e-9)
        return Measured(
            step=position.step,
            num_steps=self.plan.training.num_steps,
            train_bits=bits_per_level(tally.nats, tally.num_levels),
            learning_rate=learning_rate(self.plan.training, position.step - 1),
            seconds=round(position.seconds, 3),
            levels_per_s=round(tally.num_levels / seconds, 1),
            gradient_norm=tally.gradient_norm,
            waiting_share=round(tally.waited_s / seconds, 4),
            peak_share=round(tally.num_levels / seconds / self.levels_at_peak, 4),
            validation_bits=validation_bits,
            best_bits=position.best.bits if position.best else None,
        )

    def show_weights(self, step: int, average: nn.Module) -> None:
        """How the averaged weights are spread, those of this worker where they are."""
        for name, weight in average.named_parameters():
            values = local(weight).detach().float().cpu().numpy().ravel()
            if values.size:
                self.sinks.tell(lambda sink, name=name, values=values: sink.histogram(step, name, values))  # type: ignore[misc]

    def show_items(self, step: int, draw: Callable[[], Sequence[ShownItem]]) -> None:
        """Items beside those that they were to be like. One that cannot be drawn or shown ends no training."""
        if not self.sinks.sinks:
            return
        try:
            for item in draw():
                self.show_item(step, item)
        except Exception as error:
            self.observer.note(f"No items to look at ({type(error).__name__}: {error}); the training goes on.")
        self.sinks.tell(lambda sink: sink.flush())

    def show_item(self, step: int, item: ShownItem) -> None:
        """One item, and the one whose condition it was given."""
        conventions = self.plan.conventions
        if isinstance(conventions, AudioConventions):
            for what, levels in (("drawn", item.drawn), ("held out", item.original)):
                wave = decode_levels(levels, conventions.num_levels, conventions.companding)
                self.show_sound(step, f"{item.item_id}/{what}", wave, conventions.sample_rate_hz)
        else:
            pictures = [as_picture(levels, conventions.num_levels) for levels in (item.original, item.drawn)]
            self.show_picture(step, f"{item.item_id}/held out, drawn", side_by_side(pictures))

    def show_sound(self, step: int, name: str, wave: Any, rate_hz: int) -> None:
        """One of them."""
        self.sinks.tell(lambda sink: sink.sound(step, name, wave, rate_hz))

    def show_picture(self, step: int, name: str, picture: Any) -> None:
        """One of them."""
        self.sinks.tell(lambda sink: sink.picture(step, name, picture))

    def write(self) -> None:
        """Write the file, whole; what sinks were told, too."""
        self.metrics.write()
        self.sinks.tell(lambda sink: sink.flush())

    def close(self) -> None:
        """There is no more to tell."""
        self.sinks.tell(lambda sink: sink.close())


def open_sinks(plan: RunPlan, step: int, observer: Observer) -> Sinks:
    """The sinks that are asked for; MissingExtra for one whose package is not there, a note for one that fails."""
    sinks = Sinks({}, observer.note)
    for name in plan.telling.sinks:
        try:
            sinks.sinks[name] = open_sink(name, plan.out, step, flat(plan.settings()), plan.digest)
        except MissingExtra:
            raise
        except Exception as error:
            sinks.leave_out(name, error)
    return sinks


def local(weight: torch.Tensor) -> torch.Tensor:
    """A worker's own part of a weight that is spread."""
    part: torch.Tensor = weight.to_local() if hasattr(weight, "to_local") else weight
    return part
