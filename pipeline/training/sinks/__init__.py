"""Where a training is told besides `metrics.jsonl`: TensorBoard, MLflow, Weights & Biases, each behind one small sink.

A sink is for people. What goes wrong in one is said once, and the training goes on without it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.errors import MissingExtra
from pipeline.shards.plan import digest_of
from pipeline.storage import Location

Numbers = npt.NDArray[np.floating[Any]]
Picture = npt.NDArray[np.uint8]
"""[H, W, C]."""


MOST_CHARACTERS = 300
"""Of what a sink's package says when it fails."""


class Sink(Protocol):
    """Takes what is told at a step."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers, by name."""

    def histogram(self, step: int, name: str, values: Numbers) -> None:
        """How numbers are spread."""

    def picture(self, step: int, name: str, picture: Picture) -> None:
        """Something to look at."""

    def sound(self, step: int, name: str, wave: Numbers, rate_hz: int) -> None:
        """Something to listen to: values from -1 to 1."""

    def flush(self) -> None:
        """See to it that what was told so far is not lost with the process."""

    def close(self) -> None:
        """There is no more."""


def open_sink(name: str, folder: Location, first_step: int, settings: Mapping[str, Any], digest: str) -> Sink:
    """The sink of this name for the run in `folder`, which goes on after `first_step`; MissingExtra, OSError.

    `settings` are told with the run. `digest` is the plan's: a run that goes on, the same plan in the same folder, is
    the same run there.
    """
    identity = digest_of({"plan": digest, "folder": folder.uri})
    try:
        if name == "mlflow":
            from pipeline.training.sinks.mlflow import MLflow

            return MLflow(folder.name, settings, identity)
        if name == "wandb":
            from pipeline.training.sinks.wandb import WeightsAndBiases

            return WeightsAndBiases(folder.name, settings, identity)
        from pipeline.training.sinks.tensorboard import TensorBoard

        return TensorBoard(folder / "tensorboard", settings, first_step)
    except ImportError as error:
        raise MissingExtra(
            f"telling.sinks names {name!r}, which needs a package that is not installed ({error}); install it with "
            f"pip install 'ancestral[{name}]', or leave {name} out of telling.sinks."
        ) from error


class Sinks:
    """Several sinks as one; one that fails is left out from then on."""

    def __init__(self, sinks: Mapping[str, Sink], note: Callable[[str], None]) -> None:
        self.sinks, self.note = dict(sinks), note

    def tell(self, call: Callable[[Sink], None]) -> None:
        """Have each of them do something."""
        for name, sink in list(self.sinks.items()):
            try:
                call(sink)
            except Exception as error:  # whatever a peer's package raises: the training is worth more
                self.leave_out(name, error)

    def leave_out(self, name: str, error: Exception) -> None:
        """Say why, in a line, and tell it nothing any more."""
        self.sinks.pop(name, None)
        said = " ".join(str(error).split())[:MOST_CHARACTERS]
        self.note(f"{name} takes nothing any more ({type(error).__name__}: {said}); the training goes on.")


def plain_name(name: str) -> str:
    """A name as a peer can make a file of it: ids come from users' data, and may hold anything."""
    return re.sub(r"[^\w-]+", "-", name)


def as_picture(levels: npt.NDArray[np.int64], num_levels: int) -> Picture:
    """Levels [C, H, W] as a picture of 8 bits."""
    scaled: Picture = np.round(levels * (255 / (num_levels - 1))).astype(np.uint8).transpose(1, 2, 0)
    return scaled


def side_by_side(pictures: Sequence[Picture]) -> Picture:
    """Pictures of one size in a row."""
    return np.concatenate(pictures, 1)
