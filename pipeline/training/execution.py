"""How the work of a training is done: what it takes of time and memory, and nothing of what comes out but rounding."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ExecutionConfig:
    """No part of a run's identity: a run that was begun with one goes on with another.

    `parallel`: every worker holds all weights and their gradients are averaged (`ddp`), or weights, averages and the
    optimiser's state are spread over the workers (`fsdp`). `num_parts`: a worker's share of a global batch is worked
    through in so many parts one after the other, whose gradients are added up: less memory, the same step.
    `recompute_activations` keeps of each block of the network its input alone, and computes the rest again when the
    gradient needs it. `compile` has torch compile the network, which takes minutes and a C++ compiler. `prefetch`
    batches are made ready while the network works; 0 makes each when it is asked for.
    """

    parallel: Literal["ddp", "fsdp"] = "ddp"
    num_parts: int = 1
    recompute_activations: bool = False
    compile: bool = False
    # Two: one that waits, one that is being made. More only take memory, since a batch takes a small part of a step.
    prefetch: int = 2

    def __post_init__(self) -> None:
        if self.num_parts < 1 or self.prefetch < 0:
            raise ValueError(
                f"num_parts must be at least 1 and prefetch at least 0, got {self.num_parts} and {self.prefetch}"
            )
