"""From parameters to levels, as each lane's departures have it; top-k and top-p.

Axes: B lane, R row (`guidance.py`), K levels, P parameters, U uniforms.
"""

import torch
from torch import Tensor

from models.distributions import Distribution, invert_cumulative
from models.sampling.departures import LaneDepartures
from models.sampling.guidance import Rows

MOST_LEVELS = 2**16
"""Of a distribution that is truncated or guided: 16-bit audio. Every draw weighs all of them.

At so many a mixture of ten logistics takes 0.06 s for each draw of each lane on one core, a thousand times what the
draw takes by itself: temperature alone costs nothing there.
"""

LOG_PROBABILITIES_AT_ONCE = 2**18
"""Levels scored in one call. A mixture takes tens of numbers for each: 16 lanes of the above then peak at 130 MB."""


class Chooser:
    """Draws for all rows at once; a lane that departs in temperature alone, or not at all, is drawn by the family."""

    def __init__(self, distribution: Distribution, rows: Rows, departures: LaneDepartures) -> None:
        """`departures` are those of B lanes. ValueError for levels too many to be weighed one by one."""
        self.distribution, self.rows = distribution, rows
        self.departures = departures.rows(rows.lane)
        self.is_weighed = self.departures.is_weighed(distribution.num_levels)
        self.any_weighed = bool(self.is_weighed.any())
        if self.any_weighed:
            require_few_levels(distribution)

    def levels(self, parameters: Tensor, uniforms: Tensor) -> Tensor:
        """Levels [R] from parameters [R, P] and uniforms [R, U]; both rows of a guided lane get the same.

        Each way is taken for all rows, whatever their neighbours ask for: the bits of a row stay its own.
        """
        levels = self.distribution.draw(parameters, uniforms, self.departures.temperature)
        if self.any_weighed:
            levels = torch.where(self.is_weighed, self.weighed_levels(parameters, uniforms), levels)
        return levels[self.rows.lane]

    def weighed_levels(self, parameters: Tensor, uniforms: Tensor) -> Tensor:
        """Levels [R] by the inverse of the cumulative over all K; the last uniform decides."""
        tempered = self.distribution.tempered(parameters, self.departures.temperature)
        log_p = self.rows.combined(log_probabilities(self.distribution, tempered))
        return invert_cumulative(truncated(log_p, self.departures.top_k, self.departures.top_p), uniforms[:, -1:])


def require_few_levels(distribution: Distribution) -> None:
    """A ValueError where there are too many levels to weigh all of them at every draw."""
    if distribution.num_levels > MOST_LEVELS:
        raise ValueError(
            f"top_k, top_p and guidance weigh every level at every draw, at most {MOST_LEVELS} of them, and the model "
            f"has {distribution.num_levels}: leave them at their defaults, or train on fewer levels"
        )


def log_probabilities(distribution: Distribution, parameters: Tensor) -> Tensor:
    """Log-probabilities [R, K] of all levels under parameters [R, P], a few rows at a time where K is large."""
    rows_at_once = max(1, LOG_PROBABILITIES_AT_ONCE // distribution.num_levels)
    return torch.cat([distribution.log_probabilities(rows) for rows in parameters.split(rows_at_once)])


def truncated(log_p: Tensor, top_k: Tensor, top_p: Tensor) -> Tensor:
    """Probabilities [R, K] from log-probabilities (any constant added), zero for what top_k [R] and top_p [R] cut.

    They need not sum to one. Of equally likely levels the lower one is taken for the likelier, so that all paths agree.
    """
    ordered, order = log_p.double().sort(dim=-1, descending=True, stable=True)
    is_kept = torch.arange(log_p.shape[-1], device=log_p.device) < top_k.unsqueeze(-1)
    probabilities = torch.softmax(ordered.masked_fill(~is_kept, -torch.inf), -1)
    reached_before = probabilities.cumsum(-1).roll(1, -1)
    reached_before[..., 0] = 0  # the likeliest level stays, however small p is
    p = top_p.unsqueeze(-1)
    is_kept &= (reached_before < p) | (p >= 1)  # a rounded sum may reach 1 before the last level
    return torch.zeros_like(probabilities).scatter(-1, order, probabilities.masked_fill(~is_kept, 0))
