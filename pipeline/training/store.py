"""Where a run's state is kept: put back when the run goes on, written when it is due; every rank calls alike."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

from pipeline.errors import StorageError
from pipeline.training.checkpoint import FOLDER, Checkpoint, Position, find_checkpoint, save_checkpoint
from pipeline.training.plan import RunPlan
from pipeline.training.sharded_files import load_tensors
from pipeline.training.step import Learner
from pipeline.training.world import World

MODEL, AVERAGE, BEST, OPTIMISER = "model.", "average.", "best.", "optimiser."


class Store:
    """The checkpoints of one run."""

    def __init__(self, plan: RunPlan, world: World) -> None:
        self.plan, self.world = plan, world

    def find(self) -> tuple[Checkpoint | None, list[str]]:
        """The last whole checkpoint, if there is one, and notes for a person."""
        return find_checkpoint(self.plan.run_folder, self.plan.digest, self.world)

    def put_back(self, found: Checkpoint, learner: Learner) -> tuple[Position, dict[str, Tensor]]:
        """What was found, or where another command has dropped it meanwhile, what stands now; and the best weights."""
        while True:
            try:
                return found.position, self.load(found, learner)
            except StorageError:
                again, _ = self.find()
                if again is None or again.position.step == found.position.step:
                    raise
                found = again

    def load(self, checkpoint: Checkpoint, learner: Learner) -> dict[str, Tensor]:
        """Put a checkpoint's tensors into the learner, spread as it is now; returns the best weights."""
        state = blank_state(learner, checkpoint.tensors.tensors)
        load_tensors(self.plan.run_folder / FOLDER, checkpoint.tensors, state, self.world)
        set_optimiser_state(learner, below(OPTIMISER, state))
        return below(BEST, state)

    def save(self, learner: Learner, position: Position, best: Mapping[str, Tensor]) -> None:
        """Write a checkpoint."""
        keep = self.plan.training.keep_checkpoints
        save_checkpoint(self.plan.run_folder, position, state_of(learner, best), keep, self.world)


def state_of(learner: Learner, best: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All tensors of a run under one roof: `model.`, `average.`, `best.`, `optimiser.STATE.` and a weight's name."""
    return {
        **above(MODEL, learner.model.state_dict()),
        **above(AVERAGE, learner.average.state_dict()),
        **above(BEST, best),
        **above(OPTIMISER, optimiser_state(learner)),
    }


def optimiser_state(learner: Learner) -> dict[str, Tensor]:
    """What the optimiser knows of each weight; nothing before its first step."""
    known = learner.optimiser.state
    return {
        f"{kind}.{name}": value
        for name, weight in learner.model.named_parameters()
        for kind, value in known.get(weight, {}).items()
    }


def set_optimiser_state(learner: Learner, state: Mapping[str, Tensor]) -> None:
    """The inverse. An update in one call counts steps where the weights are, any other on the processor."""
    weights = dict(learner.model.named_parameters())
    fused = {weight for group in learner.optimiser.param_groups if group.get("fused") for weight in group["params"]}
    for key, value in state.items():
        kind, name = key.split(".", 1)
        weight = weights[name]
        learner.optimiser.state[weight][kind] = value.to(weight.device) if weight in fused else value


def blank_state(learner: Learner, stored: Mapping[str, TensorStorageMetadata]) -> dict[str, Tensor]:
    """Tensors to be filled: the learner's own, and new ones, like the weights, for what it has not got yet."""
    weights = dict(learner.model.named_parameters())
    average = learner.average.state_dict()
    blank = {**above(MODEL, learner.model.state_dict()), **above(AVERAGE, average)}
    for key, value in stored.items():
        if key.startswith(BEST):
            blank[key] = torch.empty_like(average[key.removeprefix(BEST)])
        elif key.startswith(OPTIMISER):
            kind, name = key.removeprefix(OPTIMISER).split(".", 1)
            is_count = kind == "step"  # one number for a weight; all else is shaped, and lies in memory, as it does
            dtype = value.properties.dtype
            blank[key] = torch.empty((), dtype=dtype) if is_count else torch.empty_like(weights[name].detach())
    return blank


def above(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, their names with this beginning."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
