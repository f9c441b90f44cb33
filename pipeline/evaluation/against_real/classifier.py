"""A small convolutional network that has learned the real classes: does it find in a generated item what was asked for?

Two convolutions of stride 2 and a linear layer on descriptors, Adam, a fixed number of steps on the real training
items. The same items and seed give the same network on one machine. How well it does on real held-out items stands
beside what it says of generated ones: its own errors are no fault of theirs. (The classification accuracy score of
Ravuri and Vinyals 2019 is the other way round: trained on generated items, tested on real ones.)

Axes: B batch, C H W of a descriptor, K class.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.evaluation.against_real.chosen import ChosenItem

BATCH_SIZE = 64
LEARNING_RATE = 2e-3
CHANNELS = (16, 32)
LARGEST_NUM_CLASSES = 1000
"""More classes than this are not learned from a few thousand items."""


@dataclass(frozen=True)
class Schooling:
    """What the network learns from. attribute: which of the items' attributes it tells."""

    attribute: str
    items: Sequence[ChosenItem]
    num_steps: int
    seed: int

    @property
    def classes(self) -> tuple[str, ...]:
        """The values of the attribute among the items, sorted."""
        return tuple(sorted({item.attributes[self.attribute] for item in self.taught}))

    @property
    def taught(self) -> list[ChosenItem]:
        """Items that have the attribute."""
        return [item for item in self.items if self.attribute in item.attributes]


@dataclass(frozen=True)
class Classifier:
    """A network that has learned, and what it learned."""

    schooling: Schooling
    network: nn.Module

    def classes_of(self, items: Sequence[ChosenItem]) -> list[str]:
        """The likeliest class of each item."""
        classes, found = self.schooling.classes, []
        with torch.inference_mode():
            for start in range(0, len(items), BATCH_SIZE):
                scores = self.network(pictures(items[start : start + BATCH_SIZE]))
                found += [classes[number] for number in scores.argmax(1).tolist()]
        return found


def taught_classifier(schooling: Schooling) -> Classifier:
    """Train the network; ValueError without at least two classes."""
    classes, items = schooling.classes, schooling.taught
    if not 2 <= len(classes) <= LARGEST_NUM_CLASSES:
        raise ValueError(f"a classifier needs from 2 to {LARGEST_NUM_CLASSES} classes, got {len(classes)}")
    x, y = pictures(items), torch.tensor([classes.index(item.attributes[schooling.attribute]) for item in items])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(schooling.seed)
        network = network_for(items[0].descriptor, len(classes), x)
        learn(network, x, y, schooling.num_steps)
    return Classifier(schooling, network.eval())


def learn(network: nn.Module, x: Tensor, y: Tensor, num_steps: int) -> None:
    """So many steps of Adam on items drawn anew for each."""
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    for _ in range(num_steps):
        chosen = torch.randint(len(x), (BATCH_SIZE,))
        loss = nn.functional.cross_entropy(network(x[chosen]), y[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


class Standardised(nn.Module):
    """Values of about mean 0 and spread 1, as the training items have them."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.mean, self.spread = float(x.mean()), float(x.std()) or 1.0

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to the same shape."""
        return (x - self.mean) / self.spread


def network_for(descriptor: NDArray[np.uint8], num_classes: int, x: Tensor) -> nn.Sequential:
    """[B, C, H, W] to scores [B, K]."""
    channels, height, width = descriptor.shape
    first, second = CHANNELS
    quarter = -(-height // 4) * -(-width // 4)
    return nn.Sequential(
        Standardised(x),
        nn.Conv2d(channels, first, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(first, second, 3, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(second * quarter, num_classes),
    )


def pictures(items: Sequence[ChosenItem]) -> Tensor:
    """Descriptors as [B, C, H, W] float32."""
    return torch.from_numpy(np.stack([item.descriptor for item in items]).astype(np.float32))


def told_right(classifier: Classifier, items: Sequence[ChosenItem]) -> Mapping[str, tuple[int, int]]:
    """Class → (items told right, items), of those whose class the classifier knows."""
    attribute = classifier.schooling.attribute
    known = [item for item in items if item.attributes.get(attribute) in classifier.schooling.classes]
    counts = {name: [0, 0] for name in classifier.schooling.classes}
    for item, found in zip(known, classifier.classes_of(known), strict=True):
        counts[item.attributes[attribute]][0] += found == item.attributes[attribute]
        counts[item.attributes[attribute]][1] += 1
    return {name: (right, total) for name, (right, total) in counts.items()}
