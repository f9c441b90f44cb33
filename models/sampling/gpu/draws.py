"""Draws at a position that stands on the device, so that a graph which was captured once draws at every position.

Axes: R row (`guidance.py`), N position, U uniforms, P parameters.

The arithmetic is that of `Draws.draw`, by operations that look at no number: where that indexes with a Python number,
this selects with a tensor.
"""

import torch
from torch import Tensor

from models.sampling.draws import PROGRESS_EVERY, Draws


class PlacedDraws:
    """`draw` reads parameters [R, P] and `position` [1], writes the levels [R], and keeps them in `draws`."""

    def __init__(self, draws: Draws, position: Tensor, parameters: Tensor, levels: Tensor) -> None:
        """The three tensors stay where they are; `position` is that of the parameters while `draw` runs."""
        self.draws, self.position, self.parameters, self.levels = draws, position, parameters, levels
        shape = draws.num_rows, PROGRESS_EVERY, draws.model.distribution.num_uniforms
        self.uniforms = torch.zeros(shape, dtype=torch.float32, device=levels.device)

    def reset(self) -> None:
        """Forget what was drawn."""
        self.draws.levels.zero_()
        self.draws.nll_nats.zero_()

    def enter(self, position: int) -> None:
        """Bring the uniforms of the next positions where a graph reads them, when those before are used up."""
        if position % PROGRESS_EVERY == 0:
            self.draws.uniforms_at(position)
            self.uniforms[:, : self.draws.block.shape[1]].copy_(self.draws.block)

    def draw(self) -> None:
        """The levels at the position, given ones where they are kept; their likelihood."""
        draws, at = self.draws, self.position
        uniforms = self.uniforms.index_select(1, at % PROGRESS_EVERY).squeeze(1)
        levels = draws.chooser.levels(self.parameters, uniforms)
        is_counted = is_inside = at < draws.lengths
        if draws.kept is not None:
            is_kept = draws.kept.mask.index_select(1, at).squeeze(1)
            levels = torch.where(is_kept, draws.kept.levels.index_select(1, at).squeeze(1), levels)
            is_counted = is_inside & ~is_kept
        nll_nats = draws.model.distribution.nll_nats(self.parameters, levels)
        draws.nll_nats.add_(nll_nats.double().masked_fill(~is_counted, 0))
        draws.levels.index_copy_(1, at, (levels * is_inside).unsqueeze(1))
        self.levels.copy_(levels)
