"""What an evaluation may be told."""

from dataclasses import dataclass, field

from pipeline.evaluation.against_real.config import AgainstRealConfig


@dataclass(frozen=True)
class EvaluateConfig:
    """Which split is scored, and how much at a time; only `split` changes the figures (the rest, their rounding).

    window_timesteps: a long item is scored window by window, each with the model's receptive field before it, so that
        memory does not grow with the item. 8192 is several receptive fields: little is computed twice.
    batch_size: windows scored together. Activations take batch_size · window_timesteps · channels numbers a layer.
    images_per_batch: pictures scored together.
    levels_per_task: a shard with more levels of the split than about this is shared out over tasks, for progress and
        so that one large shard keeps several processors busy.
    against_real: how a generated dataset is compared with the split, where one is given.
    """

    split: str = "validation"
    window_timesteps: int = 8192
    batch_size: int = 4
    images_per_batch: int = 16
    levels_per_task: int = 2**19
    against_real: AgainstRealConfig = field(default_factory=AgainstRealConfig)

    def __post_init__(self) -> None:
        for name in ("window_timesteps", "batch_size", "images_per_batch", "levels_per_task"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
