"""Where a run's state is kept: put back when the run goes on, written when it is due; every rank calls alike."""

from collections.abc import Mapping

from torch import Tensor

from pipeline.errors import ModelError
from pipeline.training.checkpoint import Checkpoint, Position, load_checkpoint, restore, save_checkpoint, tensors_of
from pipeline.training.plan import RunPlan
from pipeline.training.step import Learner
from pipeline.training.world import World


class Store:
    """The checkpoints of one run."""

    def __init__(self, plan: RunPlan, world: World) -> None:
        self.plan, self.world = plan, world

    def load(self, learner: Learner) -> tuple[Position | None, dict[str, Tensor], list[str]]:
        """Put the last whole checkpoint into the learner: its position, its best weights, and notes for a person.

        None for the position where there is no checkpoint, and then the learner is as it was.
        """
        checkpoint, notes = load_checkpoint(self.plan.run_folder, self.plan.digest)
        step = checkpoint.position.step if checkpoint else 0
        if self.world.sum([float(step)])[0] != step * self.world.size:
            raise ModelError(
                f"{self.plan.run_folder}: the workers found different checkpoints; expected a folder that all can read."
            )
        if checkpoint is None:
            return None, {}, notes
        return checkpoint.position, restore(learner, checkpoint.tensors), notes

    def save(self, learner: Learner, position: Position, best: Mapping[str, Tensor]) -> None:
        """Write a checkpoint."""
        if self.world.rank == 0:
            checkpoint = Checkpoint(position, tensors_of(learner, best))
            save_checkpoint(self.plan.run_folder, checkpoint, self.plan.training.keep_checkpoints)
