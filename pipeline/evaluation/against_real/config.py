"""What a comparison of generated with real items may be told."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class AgainstRealConfig:
    """How much is looked at. Histograms take every item; what holds items against each other takes some of each side.

    most_items: of the generated and of the real, each, that are held against the training items and each other and
        are classified. They are chosen by their ids, so it is the same ones however the shards are cut.
    most_copies: pairs of a copy synthesis that are heard.
    most_training_items: what the classifier learns from.
    classifier_steps: of 64 items each. 400 are five times through the most training items.
    f0: "dataset" estimates F0 by the method that the dataset was prepared with (none where it has none).
    seed: of the choice of items and of the classifier.
    """

    most_items: int = 1000
    most_copies: int = 500
    most_training_items: int = 5000
    classifier_steps: int = 400
    f0: Literal["dataset", "off", "dio", "harvest", "pyin"] = "dataset"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("most_items", "most_copies", "most_training_items", "classifier_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
