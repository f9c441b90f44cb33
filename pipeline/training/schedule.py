"""The learning rate at a step: a function of the step alone, so that a run that goes on has nothing to restore."""

import math

from pipeline.training.config import TrainingConfig


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The rate of step `step` (from 0): a linear rise, then the decay that the config names."""
    rise = min(1.0, (step + 1) / config.warm_up_steps) if config.warm_up_steps else 1.0
    return config.learning_rate * rise * decayed(config, step)


def decayed(config: TrainingConfig, step: int) -> float:
    """The share of the full rate that is left."""
    if config.decay == "constant":
        return 1.0
    if config.decay == "halving":
        return 0.5 ** (step // config.halve_every_steps)
    if config.decay == "exponential":
        return config.decay_per_step**step
    after = max(0, step - config.warm_up_steps)
    length = max(1, config.num_steps - config.warm_up_steps)
    cosine = (1 + math.cos(math.pi * min(1.0, after / length))) / 2
    return config.final_share + (1 - config.final_share) * cosine
