"""Who takes part: a model of ours, trained as the pipeline trains, or a peer's network, trained as its authors say.

Axes: B batch, K levels.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Literal, cast

import torch
from torch import Tensor, nn

from models.autoregressive import Autoregressive
from models.conditioning import Condition
from models.distributions import Categorical
from pipeline.batches import Batch
from pipeline.training.config import TrainingConfig
from pipeline.training.parts import Part
from pipeline.training.step import Learner, backward, make_optimiser, move_average
from pipeline.training.validation import bits_per_level

Role = Literal["ours", "peer"]

FAR = 10**9
"""Steps that nobody takes."""


class Racer(ABC):
    """Somebody who learns from batches and is scored on others."""

    name: str
    role: Role

    @property
    @abstractmethod
    def num_parameters(self) -> int:
        """How many numbers training adjusts and no mask hides."""

    @abstractmethod
    def learn(self, batch: Batch, share_done: float) -> None:
        """One step. `share_done` of what there is to spend has been spent before it, for what falls with the time."""

    @abstractmethod
    def bits(self, held_out: Iterable[Batch]) -> float:
        """Bits per level over what is scored, by the weights that count."""


class Ours(Racer):
    """A model of `models/`, trained by the pipeline's own step, schedule and average; or a peer's network, if lent."""

    def __init__(self, name: str, learner: Learner, role: Role = "ours") -> None:
        self.name, self.role, self.learner, self.num_steps = name, role, learner, 0
        self.training = learner.config

    @property
    def num_parameters(self) -> int:  # noqa: D102
        return num_parameters(self.learner.model)

    def learn(self, batch: Batch, share_done: float) -> None:  # noqa: D102
        learner = self.learner
        if self.num_steps == 0:
            learner.model.initialise(batch.x, batch.condition)
            learner.restart_average()
        # How many steps there will be, as far as those so far can tell: the cosine is to end with the time.
        foreseen = round(self.num_steps / share_done) if share_done > 0 else FAR
        learner.config = replace(self.training, num_steps=max(1, foreseen))
        backward(learner.model, learner.model, Part([batch], [], batch.num_scored))
        learner.update(self.num_steps)
        self.num_steps += 1

    def bits(self, held_out: Iterable[Batch]) -> float:  # noqa: D102
        return bits_by(self.learner.average, held_out)


def ours(name: str, model: str, model_config: object, training: TrainingConfig) -> Ours:
    """A model of ours by its name in `models/`."""
    return Ours(name, Learner(model, model_config, training, torch.device("cpu")))


class PeerNetwork(nn.Module, ABC):
    """Somebody else's network over levels [0, num_levels).

    What the pipeline's step asks of a model beside its logits stands here, so that a peer can be trained as ours are.
    """

    def __init__(self, num_levels: int) -> None:
        super().__init__()
        self.distribution = Categorical(num_levels)

    @abstractmethod
    def logits(self, x: Tensor) -> Tensor:
        """Levels [B, ...] to logits [B, ..., K], each given those before it."""

    def forward(self, x: Tensor, condition: Condition | None = None) -> Tensor:
        """The logits; no peer is given a condition."""
        return self.logits(x)

    def initialise(self, x: Tensor, condition: Condition | None = None) -> None:
        """Nothing: these networks start from chance alone."""


class LentLearner(Learner):
    """The pipeline's training of a network that is none of its models."""

    def __init__(self, network: PeerNetwork, config: TrainingConfig) -> None:
        self.config = config
        self.model = cast(Autoregressive, network.train())
        self.average = deepcopy(self.model).eval().requires_grad_(False)
        self.optimiser = make_optimiser(network, config)


@dataclass(frozen=True)
class PublishedTraining:
    """How a peer's authors train it. What cannot be reached in minutes (a first halving of the rate) is left out."""

    optimiser: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
    average: Literal["none", "exponential"] = "none"
    average_decay: float = 0.0


class Peer(Racer):
    """Somebody else's network, trained as its authors say.

    It is scored by its weights or by their average, whichever is better: in minutes an average made for days still
    holds much of the start.
    """

    role: Role = "peer"

    def __init__(self, name: str, network: PeerNetwork, how: PublishedTraining) -> None:
        self.name, self.network, self.how = name, network.train(), how
        self.optimiser = how.optimiser(network.parameters())
        self.average = deepcopy(network).eval().requires_grad_(False)

    @property
    def num_parameters(self) -> int:  # noqa: D102
        return num_parameters(self.network)

    def learn(self, batch: Batch, share_done: float) -> None:  # noqa: D102
        nats = self.network.distribution.nll_nats(self.network(batch.x), batch.x)
        torch.autograd.backward(nats[batch.scored].mean())
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        if self.how.average == "exponential":
            move_average(self.average, self.network, self.how.average_decay)

    def bits(self, held_out: Iterable[Batch]) -> float:  # noqa: D102
        held_out = list(held_out)
        self.network.eval()
        scored = [self.network] if self.how.average == "none" else [self.network, self.average]
        found = [bits_by(network, held_out) for network in scored]
        self.network.train()
        return min(found)


def num_parameters(network: nn.Module) -> int:
    """All weights and biases, less what masks hide: kernels that are half hidden count as half."""
    masks = [mask for name, mask in network.named_buffers() if name.endswith("mask")]
    hidden = sum(int((mask == 0).sum()) for mask in masks)
    return sum(parameter.numel() for parameter in network.parameters()) - hidden


@torch.no_grad()
def bits_by(network: Autoregressive | PeerNetwork, held_out: Iterable[Batch]) -> float:
    """Mean bits of all levels that are scored: one way for everyone."""
    nats, num_levels = 0.0, 0
    for batch in held_out:
        nll = network.distribution.nll_nats(network(batch.x), batch.x)
        nats += float(nll[batch.scored].sum(dtype=torch.float64))
        num_levels += batch.num_scored
    return bits_per_level(nats, num_levels)
