"""What an item is generated given: a global condition (one vector per item) and a local one (a sequence).

Axes: B batch, A attribute, F frame, T timestep, D embedding.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class ConditionConfig:
    """What a model is conditioned on. Empty means unconditional.

    `attributes` maps each global attribute (speaker, emotion, label) to the number of its values, in order.
    `num_phones` > 0 turns the local condition on: one phone id and `num_features` real features per frame,
    `hop` timesteps a frame.
    """

    attributes: Mapping[str, int] = field(default_factory=dict)
    num_phones: int = 0
    num_features: int = 0
    hop: int = 1
    channels: int = 32

    @property
    def has_local(self) -> bool:
        """Whether frames condition the timesteps under them."""
        return self.num_phones > 0


@dataclass(frozen=True)
class Condition:
    """A batch of conditions: attributes [B, A] int64; phones [B, F] int64; features [B, F, num_features] float.

    The columns of `attributes` follow the order of `ConditionConfig.attributes`. A field that the model is not
    conditioned on is None.
    """

    attributes: Tensor | None = None
    phones: Tensor | None = None
    features: Tensor | None = None
