"""What is told of a training while it goes on."""

from dataclasses import dataclass
from typing import Literal

SinkName = Literal["tensorboard", "mlflow", "wandb"]


@dataclass(frozen=True)
class TellingConfig:
    """No part of a run's identity, and nothing that its outcome depends on.

    `sinks` are told all that stands in `metrics.jsonl`. Every `items_every` steps, and at the end, the averaged weights
    draw `num_items` items for them, of at most `item_s` seconds where they are heard, under the conditions of held-out
    ones, which stand beside them; 0 items draws none. The other workers wait meanwhile, as long as the time-out of
    their process group allows (half an hour). Every `histograms_every` steps, and at the end, sinks are told how the
    weights are spread.
    """

    sinks: tuple[SinkName, ...] = ("tensorboard",)
    num_items: int = 4
    item_s: float = 1.0
    # Drawing takes a second or a minute; training goes through so many steps in ten minutes or in hours.
    items_every: int = 5000
    histograms_every: int = 1000

    def __post_init__(self) -> None:
        if self.num_items < 0 or min(self.items_every, self.histograms_every) < 1 or self.item_s <= 0:
            raise ValueError(
                "num_items must be at least 0, items_every and histograms_every at least 1 and item_s above 0, got "
                f"{self.num_items}, {self.items_every}, {self.histograms_every} and {self.item_s}"
            )

    @property
    def draws(self) -> bool:
        """Whether there is anyone to draw items for."""
        return bool(self.sinks and self.num_items)
