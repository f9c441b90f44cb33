"""Settings that change nothing in a run as it is otherwise set. They are no error, since one recipe is given to many
runs; they are said, since whoever set them expects something of them.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.shards.schema import ImageConventions
from pipeline.training.config import TrainingConfig
from pipeline.training.plan import RunPlan, require_buildable
from pipeline.training.telling import TellingConfig

DEFAULTS = TrainingConfig()

ONLY_WITH = {
    "final_share": ("decay", "cosine"),
    "halve_every_steps": ("decay", "halving"),
    "decay_per_step": ("decay", "exponential"),
    "adam_betas": ("optimiser", "adam"),
}
"""Settings of `training` that are read with one value of another setting alone."""


def settings_without_effect(plan: RunPlan, num_workers: int) -> list[str]:
    """A sentence for each that was set and changes nothing where at most `num_workers` train."""
    return [*of_execution(plan, num_workers), *of_conventions(plan), *of_choices(plan.training), *of_length(plan)]


def of_execution(plan: RunPlan, num_workers: int) -> Iterator[str]:
    """How the work is done: what needs several workers, or a network in parts."""
    spreads, recomputes = plan.execution.parallel == "fsdp", plan.execution.recompute_activations
    if spreads and num_workers == 1:
        yield "execution.parallel=fsdp has no effect with one worker: it holds all weights."
    batch_size, num_parts = plan.training.batch_size, plan.execution.num_parts
    if batch_size < num_workers:
        yield f"training.batch_size={batch_size} is less than the {num_workers} workers: some have nothing to do."
    if num_parts > (most := -(-batch_size // num_workers)):
        yield f"execution.num_parts={num_parts} is more than the {most} of a batch that a worker has: it takes {most}."
    if (spreads or recomputes) and not require_buildable(plan.model_name, plan.model_config).units():
        why = f"has no effect on model {plan.model_name}, which is not made of parts"
        if spreads and num_workers > 1:
            yield f"execution.parallel=fsdp {why}: every worker holds all weights."
        if recomputes:
            yield f"execution.recompute_activations {why}: nothing is computed again."


def of_conventions(plan: RunPlan) -> Iterator[str]:
    """What only waveforms have, or only phones."""
    if isinstance(plan.conventions, ImageConventions):
        if is_set(plan.training, "window"):
            yield "training.window has no effect on pictures: a batch is of whole ones."
        if is_set(plan.training, "bucket_batches"):
            yield "training.bucket_batches saves nothing on pictures, which are all of one size: leave it at 1."
        if plan.telling.item_s != TellingConfig().item_s:
            yield "telling.item_s has no effect on pictures: they are drawn whole."
    if not plan.telling.sinks and plan.telling != TellingConfig(sinks=()):
        yield "telling.sinks names none, so there is nobody to draw items or to make histograms for."
    # `upsampling` is set by recipes that are given phones or not.
    if "phones" not in plan.training.condition_on and is_set(plan.training, "frame_period_s"):
        yield "training.frame_period_s has no effect: training.condition_on names no phones, so there are no frames."


def of_choices(config: TrainingConfig) -> Iterator[str]:
    """What belongs to another choice than the one that was made."""
    for name, (setting, choice) in ONLY_WITH.items():
        made: Any = getattr(config, setting)
        if made != choice and is_set(config, name):
            yield f"training.{name} has no effect with training.{setting}={made}: it belongs to {choice}."
    if not config.condition_on and is_set(config, "condition_channels"):
        yield "training.condition_channels has no effect: training.condition_on names no condition."


def of_length(plan: RunPlan) -> Iterator[str]:
    """What would come after the last step."""
    config = plan.training
    if is_set(config, "warm_up_steps") and config.warm_up_steps >= config.num_steps:
        yield (
            f"training.warm_up_steps={config.warm_up_steps} are all of the run's {config.num_steps} or more: the rate "
            "stays below training.learning_rate."
        )
    if (
        config.early_stop_validations
        and (config.early_stop_validations + 1) * config.validate_every >= config.num_steps
    ):
        yield (
            f"training.early_stop_validations={config.early_stop_validations} has no effect: with "
            f"training.validate_every={config.validate_every} the run's {config.num_steps} steps end before."
        )


def is_set(config: TrainingConfig, name: str) -> bool:
    """Whether a setting is another than it is by itself."""
    return bool(getattr(config, name) != getattr(DEFAULTS, name))
