"""Draws at a position that stands on the device, so that a graph which was captured once draws at every position.

Axes: R row (`guidance.py`), N position of an item, U uniforms, P parameters.

The arithmetic is that of `Draws`, by operations that look at no number: where that indexes with a Python number, this
gathers with a tensor. So rows may stand at different positions of their items.
"""

import torch

from models.counter_random import uniforms
from models.sampling.draws import PROGRESS_EVERY, Draws
from models.sampling.gpu.steps import Network


class PlacedDraws:
    """`draw` reads a network's parameters [R, P] and `position`, writes its levels [R], and keeps them in `draws`."""

    def __init__(self, draws: Draws, network: Network) -> None:
        """The network's tensors stay where they are; its position is that of the parameters while `draw` runs."""
        self.draws, self.network = draws, network
        shape = draws.num_rows, PROGRESS_EVERY, draws.model.distribution.num_uniforms
        self.uniforms = torch.zeros(shape, dtype=torch.float32, device=network.levels.device)

    def reset(self) -> None:
        """Forget what was drawn."""
        self.draws.levels.zero_()
        self.draws.nll_nats.zero_()

    def enter(self, position: int) -> None:
        """Bring the uniforms of the next positions where a graph reads them, when those before are used up."""
        if position % PROGRESS_EVERY == 0:
            self.bring_uniforms(position)

    def bring_uniforms(self, position: int) -> None:
        """Those of the block of positions that this one is in."""
        first = position - position % PROGRESS_EVERY
        numbers = torch.arange(first, first + PROGRESS_EVERY, device=self.uniforms.device)
        own = (numbers - self.network.starts[:, None]).clamp(min=0)
        channels, draws = self.draws.num_channels, self.draws
        drawn = uniforms(draws.keys, own // channels, own % channels, draws.model.distribution.num_uniforms)
        self.uniforms.copy_(drawn)

    def draw(self) -> None:
        """The levels at the position, given ones where they are kept; their likelihood."""
        draws, network = self.draws, self.network
        own = network.position - network.starts
        at = own.clamp(0, draws.num_positions - 1)[:, None]
        drawn = self.uniforms.index_select(1, network.position % PROGRESS_EVERY).squeeze(1)
        given = None
        if draws.kept is not None:
            given = draws.kept.levels.gather(1, at).squeeze(1), draws.kept.mask.gather(1, at).squeeze(1)
        is_inside = own < draws.lengths
        levels = draws.counted(network.parameters, drawn, is_inside, given)
        kept_before = draws.levels.gather(1, at)
        draws.levels.scatter_(1, at, torch.where(is_inside[:, None], levels[:, None], kept_before))
        network.levels.copy_(levels)
