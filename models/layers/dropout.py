"""Dropout whose mask belongs to the row: the same whatever the batch, the number of workers or a restart.

Axes: B batch.

A mask is a function of the row's key (two words of 32 bits, as `counter_random.item_keys` makes them), of the layer and
of the element; nothing is taken from a stream that somebody else might have read from. Training sets the keys before
each step (`set_dropout_keys`): of (seed, step, place of the row in the global batch), say. Where none are set, the mask
comes from torch's own generator. In evaluation nothing is dropped.
"""

import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from models.counter_random import random_bytes

BYTE_VALUES = 256
"""An element is decided by one random byte, which is a quarter of the work of a whole uniform number."""


class KeyedDropout(nn.Module):
    """Each element zero with probability `rate`, what is left scaled so that the mean stays: x [B, ...] to the same.

    With keys the rate is the nearest of 256ths, and the scale goes by that one.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"a dropout rate is at least 0 and below 1, got {rate}")
        self.rate = rate
        self.keys: Tensor | None = None
        self.layer = 0

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        if not self.training or self.rate == 0:
            return x
        return F.dropout(x, self.rate) if self.keys is None else self._dropped(x, self.keys)

    def _dropped(self, x: Tensor, keys: Tensor) -> Tensor:
        if len(keys) != len(x):
            raise ValueError(f"dropout has keys for {len(keys)} rows, and {len(x)} came: set them for each batch")
        num_dropped = min(round(self.rate * BYTE_VALUES), BYTE_VALUES - 1)
        kept = random_bytes(keys, self.layer, x[0].numel()) >= num_dropped
        return x * kept.reshape(x.shape) * (BYTE_VALUES / (BYTE_VALUES - num_dropped))


def set_dropout_keys(model: nn.Module, keys: Tensor | None) -> None:
    """Give every `KeyedDropout` of a model the keys [B, 2] int64 of the rows that come next; None takes them away.

    Layers are numbered in the order in which the model holds them. A model without dropout is left as it is.
    """
    layers = [module for module in model.modules() if isinstance(module, KeyedDropout)]
    for number, layer in enumerate(layers):
        layer.keys, layer.layer = keys, number
