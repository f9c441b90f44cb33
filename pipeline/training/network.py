"""A model as it is called in training: recomputed, compiled, shared with the other workers, as is asked for."""

import shutil
from functools import partial
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from models.autoregressive import Autoregressive
from pipeline.errors import ConfigError
from pipeline.training.execution import ExecutionConfig
from pipeline.training.world import World


def network_of(model: Autoregressive, execution: ExecutionConfig, world: World) -> nn.Module:
    """The model, ready for its steps; its parameters stay its own, under their own names.

    A compiled one is compiled again for other sizes, four times at the most: torch leaves a size open once it has
    changed, be it the length of windows or the number of them, and takes a single window for a case of its own.
    """
    if execution.recompute_activations:
        recompute_units(model)
    if execution.compile:
        require_compiler(world)
        model.compile()
    return world.wrap(model)


def recompute_units(model: Autoregressive) -> None:
    """Keep of each unit what it was given, and have the gradient compute the rest again.

    Nothing is drawn from a stream of random numbers in a forward, so the second one is the first.
    """
    for unit in model.units():
        recomputed: Any = partial(checkpoint, unit.forward, use_reentrant=False, preserve_rng_state=False)
        unit.forward = recomputed


def require_compiler(world: World) -> None:
    """A ConfigError where torch would look for its C++ compiler in vain."""
    import torch._inductor.config as inductor  # slow to import, and rarely needed

    compiler = inductor.cpp.cxx[-1]
    if world.device.type == "cpu" and not shutil.which(compiler):
        raise ConfigError(
            f"execution.compile needs a C++ compiler on every machine that trains, and found no {compiler} on the "
            "path; install one, or leave execution.compile off."
        )
