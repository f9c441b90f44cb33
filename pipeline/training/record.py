"""What is told of a run: lines of metrics to a file and to whoever watches, and notes to a person. Rank 0 alone."""

from pipeline.storage import Location
from pipeline.training.checkpoint import Position
from pipeline.training.config import TrainingConfig
from pipeline.training.metrics import Measured, MetricsFile, Observer
from pipeline.training.schedule import learning_rate
from pipeline.training.validation import bits_per_level


class Record:
    """The lines of a run's metrics, from where the run stands."""

    def __init__(self, folder: Location, config: TrainingConfig, position: Position, observer: Observer) -> None:
        """Open it; says what is lost of earlier lines, which is no reason not to go on."""
        self.config, self.observer = config, observer
        self.metrics = MetricsFile(folder, position.step)
        if self.metrics.is_damaged or (position.train_bits is not None and self.metrics.is_empty):
            observer.note(
                f"{self.metrics.place} has lost lines that were written before step {position.step}: its curves will "
                "have a gap. The training itself does not read it."
            )

    def add(self, position: Position, validation_bits: float | None) -> None:
        """A line over the steps since the last one, which `position.tally` holds."""
        tally = position.tally
        measured = Measured(
            step=position.step,
            num_steps=self.config.num_steps,
            train_bits=bits_per_level(tally.nats, tally.num_levels),
            learning_rate=learning_rate(self.config, position.step - 1),
            seconds=round(position.seconds + tally.seconds, 3),
            levels_per_s=round(tally.num_levels / max(tally.seconds, 1e-9), 1),
            gradient_norm=tally.gradient_norm,
            waiting_share=round(tally.waited_s / max(tally.seconds, 1e-9), 4),
            validation_bits=validation_bits,
        )
        self.metrics.add(measured)
        self.observer.measured(measured)

    def write(self) -> None:
        """Write the file, whole."""
        self.metrics.write()
