"""A condition as vectors: one for the whole item, one for each frame.

Axes: B batch, A attribute, F frame, D embedding.
"""

import torch
from torch import Tensor, nn

from models.conditioning import Condition, ConditionConfig, without_dropped


class GlobalEmbedding(nn.Module):
    """One vector for all that holds for a whole item: an embedding per attribute and a map of the vector, summed."""

    def __init__(self, config: ConditionConfig) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(num, config.channels) for num in config.attributes.values())
        self.vector = nn.Linear(config.vector_size, config.channels, bias=False) if config.vector_size else None

    def forward(self, condition: Condition) -> Tensor:
        """A condition, checked before, to [B, D]; zeros where it is dropped."""
        parts: list[Tensor] = []
        if condition.attributes is not None:
            parts = [table(condition.attributes[:, column]) for column, table in enumerate(self.tables)]
        if self.vector is not None and condition.vector is not None:
            parts.append(self.vector(condition.vector.to(self.vector.weight.dtype)))
        return without_dropped(torch.stack(parts).sum(0), condition.dropped)


class FrameEmbedding(nn.Module):
    """One vector per frame: the phone's embedding, a linear map of the features, or the sum of both."""

    def __init__(self, config: ConditionConfig) -> None:
        super().__init__()
        self.phones = nn.Embedding(config.num_phones, config.channels) if config.num_phones else None
        self.features = nn.Linear(config.num_features, config.channels, bias=False) if config.num_features else None

    def forward(self, condition: Condition) -> Tensor:
        """The frames of a condition, checked before, to [B, F, D]; zeros where it is dropped."""
        parts: list[Tensor] = []
        if self.phones is not None and condition.phones is not None:
            parts.append(self.phones(condition.phones))
        if self.features is not None and condition.features is not None:
            parts.append(self.features(condition.features.to(self.features.weight.dtype)))
        return without_dropped(torch.stack(parts).sum(0), condition.dropped)
