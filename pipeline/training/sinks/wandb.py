"""Weights & Biases, where its own settings say (WANDB_PROJECT, WANDB_MODE and the like)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import wandb

from pipeline.training.sinks import Numbers, Picture, plain_name

LENGTH_OF_ID = 16


class WeightsAndBiases:
    """One run there for a run, the same when it goes on."""

    def __init__(self, name: str, settings: Mapping[str, Any], identity: str) -> None:
        self.run = wandb.init(name=name, id=identity[:LENGTH_OF_ID], resume="allow", config=dict(settings))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:  # noqa: D102
        self.run.log(dict(values), step=step)

    def histogram(self, step: int, name: str, values: Numbers) -> None:  # noqa: D102
        self.run.log({name: wandb.Histogram(np_histogram=np.histogram(values, 64))}, step=step)

    def picture(self, step: int, name: str, picture: Picture) -> None:  # noqa: D102
        self.run.log({plain_name(name): wandb.Image(np.ascontiguousarray(picture.squeeze()))}, step=step)

    def sound(self, step: int, name: str, wave: Numbers, rate_hz: int) -> None:  # noqa: D102
        self.run.log({plain_name(name): wandb.Audio(wave, sample_rate=rate_hz)}, step=step)

    def flush(self) -> None:
        """Its own process sends what it is given."""

    def close(self) -> None:  # noqa: D102
        self.run.finish()
