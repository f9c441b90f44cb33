"""How a model is trained: everything but its architecture."""

from dataclasses import dataclass, fields
from typing import Literal

from models.conditioning import Upsampling


@dataclass(frozen=True)
class TrainingConfig:
    """All of it decides the run's outcome, so a run that was begun with one config goes on with the same.

    The data: `batch_size` windows (or images) make one global batch, over all workers; a window scores `window`
    timesteps, and the model's receptive field stands before them. `condition_on` names the columns that the model is
    given (speaker, emotion, language, label), `phones`, and with phones `linguistic` (stress, and where the phone
    stands in its syllable, word, phrase and utterance) and `f0` (pitch and voicing). `frame_period_s` is one frame of
    these; `upsampling` brings frames to timesteps, a learned one in stages of `upsampling_factors`, whose product is
    the number of timesteps in a frame (`models/layers/upsampling.py`). A window is trained on without its condition
    with probability `condition_dropout`, so that the model can be guided when it is drawn from. The windows of
    `shards_in_memory` shards are shuffled together, and every worker holds so many shards. Windows of `bucket_batches`
    global batches are sorted by length before these are made of them, so that short ones are not padded to long ones.

    The optimiser: the learning rate rises linearly over `warm_up_steps`, then stays (`constant`), falls along half a
    cosine to `final_share` of itself (`cosine`), is halved every `halve_every_steps` (`halving`), or is multiplied by
    `decay_per_step` at every step (`exponential`). `adam_betas` are the shares of Adam's two averages that it keeps.
    `weight_decay` takes that share of the learning rate off the weights of products at every step, and leaves biases,
    gains and embeddings alone. Where held-out bits have not become better in `early_stop_validations` validations one
    after the other, the run ends; 0 takes all steps.

    The numbers: `float32`, `float64`, or `bfloat16` for the products of training, where weights, averages, sums and
    likelihoods stay float32, and held-out bits are measured in float32 too: models are drawn from so.
    """

    num_steps: int = 10_000
    batch_size: int = 8
    window: int = 8192
    condition_on: tuple[str, ...] = ()
    condition_channels: int = 32
    # 200 frames a second, the rate at which WaveNet (section 2.5) gets its linguistic features.
    frame_period_s: float = 0.005
    upsampling: Upsampling = "repeat"
    upsampling_factors: tuple[int, ...] = ()
    # 0.1 is usual (Ho and Salimans 2022 find 0.1 and 0.2 alike); at 0 all training is for the conditional model.
    condition_dropout: float = 0.0
    shards_in_memory: int = 4
    # 1: batches at random. Sorting saves padding where items are short beside the window, and makes batches less alike.
    bucket_batches: int = 1

    optimiser: Literal["adam", "rmsprop"] = "adam"
    adam_betas: tuple[float, float] = (0.9, 0.999)
    learning_rate: float = 1e-3
    # Adam's second moment is a poor estimate at first: full steps in the first hundred throw some models far off.
    warm_up_steps: int = 100
    decay: Literal["constant", "cosine", "halving", "exponential"] = "cosine"
    final_share: float = 0.05
    halve_every_steps: int = 200_000
    # That of PixelCNN++: a tenth of the rate is left after 460,000 steps.
    decay_per_step: float = 0.999995
    # Rarely reached in ordinary steps (norms are below 1 after the first hundred); it stops one bad batch.
    clip_gradient_norm: float = 1.0
    # The average is over about the last thousand steps, fewer at the start; 0 keeps the weights as they are.
    ema_decay: float = 0.999
    weight_decay: float = 0.0
    early_stop_validations: int = 0
    precision: Literal["float32", "float64", "bfloat16"] = "float32"
    seed: int = 0

    log_every: int = 20
    validate_every: int = 500
    # Enough for two digits of bits while training; `ancestral evaluate` scores all of them.
    validation_items: int = 64
    checkpoint_every: int = 500
    keep_checkpoints: int = 2

    def __post_init__(self) -> None:
        require_at_least_one(self)
        require_finite(self)
        if min(self.learning_rate, self.clip_gradient_norm) <= 0 or not 0 <= self.final_share <= 1:
            raise ValueError(
                "learning_rate and clip_gradient_norm must be above 0, and final_share from 0 to 1, got "
                f"{self.learning_rate}, {self.clip_gradient_norm} and {self.final_share}"
            )
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be at least 0 and below 1, got {self.ema_decay}")
        if self.weight_decay < 0 or self.early_stop_validations < 0:
            raise ValueError(
                "weight_decay and early_stop_validations must be at least 0, got "
                f"{self.weight_decay} and {self.early_stop_validations}"
            )
        if self.weight_decay and self.optimiser != "adam":
            raise ValueError(
                f"weight_decay is {self.weight_decay} and optimiser {self.optimiser}: weights decay apart from the "
                "gradient with adam alone; choose it, or leave weight_decay at 0"
            )
        if self.weight_decay * self.learning_rate >= 1:
            raise ValueError(
                f"weight_decay {self.weight_decay} times learning_rate {self.learning_rate} is 1 or more: a step would "
                "take off all of a weight; lower one of them"
            )
        if self.warm_up_steps < 0 or not 0 <= self.seed < 2**63:
            raise ValueError(
                f"warm_up_steps must be at least 0 and seed from 0 to 2^63 - 1, got {self.warm_up_steps}, {self.seed}"
            )
        if not 0 < self.frame_period_s <= LONGEST_FRAME_S:
            raise ValueError(f"frame_period_s must be above 0 and at most {LONGEST_FRAME_S}, got {self.frame_period_s}")
        require_shares(self)
        require_conditions(self)
        require_frames_to_bring(self)


LARGEST = 3.4e38
"""Just below the largest float32."""

LONGEST_FRAME_S = 10.0
"""Far above any frame of speech; a frame has to fit memory."""


def require_finite(config: TrainingConfig) -> None:
    """A ValueError for a number that is none, or that no weight can be changed by.

    No comparison would find the first; optimisers refuse the second with a traceback.
    """
    for entry in fields(config):
        value = getattr(config, entry.name)
        if isinstance(value, float) and not abs(value) <= LARGEST:
            raise ValueError(f"{entry.name} must be a finite number of at most {LARGEST:g}, got {value}")
    kept = config.adam_betas[0] if config.optimiser == "adam" else 0.0
    if 0 <= kept < 1 and config.learning_rate / (1 - kept) > LARGEST:
        raise ValueError(
            f"learning_rate {config.learning_rate} is too large: adam divides it by 1 - adam_betas[0], "
            f"{1 - kept:g}, in its first step, and may get at most {LARGEST:g}; lower it"
        )


def require_shares(config: TrainingConfig) -> None:
    """A ValueError unless what is kept at every step is a share of what was there."""
    if not all(0 <= beta < 1 for beta in config.adam_betas):
        raise ValueError(f"adam_betas must be at least 0 and below 1, got {list(config.adam_betas)}")
    if not 0 < config.decay_per_step <= 1:
        raise ValueError(f"decay_per_step must be above 0 and at most 1, got {config.decay_per_step}")


def require_conditions(config: TrainingConfig) -> None:
    """A ValueError unless each is named once, and the share that is dropped is one of something."""
    if len(set(config.condition_on)) < len(config.condition_on):
        raise ValueError(f"condition_on must name each condition once, got {list(config.condition_on)}")
    if not 0 <= config.condition_dropout < 1:
        raise ValueError(f"condition_dropout must be at least 0 and below 1, got {config.condition_dropout}")
    if config.condition_dropout and not config.condition_on:
        raise ValueError(
            f"condition_dropout is {config.condition_dropout} and condition_on is empty: there is no condition to "
            "drop; name one in condition_on, or leave condition_dropout at 0"
        )


def require_frames_to_bring(config: TrainingConfig) -> None:
    """A ValueError for stages that nothing goes through."""
    if config.upsampling_factors and "phones" not in config.condition_on:
        raise ValueError(
            f"upsampling_factors are {list(config.upsampling_factors)} and condition_on names no phones: there are no "
            "frames to bring to timesteps; ask for phones, or leave upsampling_factors out"
        )


COUNTS = (
    "num_steps",
    "batch_size",
    "window",
    "condition_channels",
    "shards_in_memory",
    "bucket_batches",
    "halve_every_steps",
    "log_every",
    "validate_every",
    "validation_items",
    "checkpoint_every",
    "keep_checkpoints",
)


def require_at_least_one(config: TrainingConfig) -> None:
    """A ValueError unless every count is 1 or more, and an integer of 64 bits can hold it."""
    for name in COUNTS:
        count = getattr(config, name)
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
        if count >= 2**63:
            raise ValueError(f"{name} must be at most 2^63 - 1, got a number of {count.bit_length()} bits")
