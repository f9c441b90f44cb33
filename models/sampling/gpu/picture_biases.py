"""What is added to every layer at the row at hand: its own bias and what conditions it.

Axes: B lane, W column, N features.

The condition is that of the torch path (`picture_condition.py`). A vector is added once and for all; a map at each row,
between two replays of a graph.
"""

import torch
from torch import Tensor

from models.layers.picture_condition import LayerBias, MapBias


class RowBias:
    """`value` float32 [1 or W, 1 or B, N]: one row for what columns, or lanes, have in common."""

    def __init__(self, own: Tensor, added: LayerBias, columns: int) -> None:
        self.own, self.map = own.detach(), added if isinstance(added, MapBias) else None
        num_lanes = 1 if added is None else len(added.s if isinstance(added, MapBias) else added)
        self.value = torch.zeros(columns if self.map else 1, num_lanes, len(own), device=own.device)
        self.begin(added)

    def begin(self, added: LayerBias) -> None:
        """The next pictures, conditioned by a bias of the same kind."""
        if isinstance(added, MapBias):
            self.map = added
        else:
            self.value.copy_(self.own[None] if added is None else self.own + added.flatten(1))

    def enter(self, row: int) -> None:
        """Write what a map gives a row of the picture; nothing above the first one."""
        if self.map is not None and 0 <= row < self.map.s.shape[2]:
            local = self.map.rows(slice(row, row + 1))[:, :, 0]  # [B, N, W]
            self.value.copy_(self.own + local.permute(2, 0, 1))

    @property
    def strides(self) -> tuple[int, int]:
        """From a column, and from a lane, to the next."""
        columns, lanes, features = self.value.shape
        return (lanes * features if columns > 1 else 0), (features if lanes > 1 else 0)
