"""Classifier-free guidance: a lane drawn between, or beyond, the model with its condition and the one without.

Axes: B lane, G guided lane, R = B + G row, K levels.

Ho and Salimans, "Classifier-Free Diffusion Guidance", 2022: a model that was trained with its condition left out now
and then is two models, and their difference points to where the condition matters. For one draw:

    log p_guided(x_n | x_<n, c) = log p(x_n | x_<n) + w · (log p(x_n | x_<n, c) - log p(x_n | x_<n)) + const         (1)

w = 0 is the unconditional model, 1 the conditional one, above 1 the condition counts for more than it did in training.
(Their equation 6 with 1 + w for our w, and log-probabilities of one draw for their scores.) Each lane that is guided
takes a second row of the batch, which is given the same levels and no condition; these rows stand after all lanes. A
row is a lane in all but this: it has the uniforms, length and given levels of its own lane, so that what is computed
for a row never depends on whether another one is guided.

(1) knows no bound: a level that the model without condition all but excludes is raised by w > 1 however unlikely it is
with condition. Softmax models are the ones that it is meant for; the tails of a mixture may ask for a top_k beside it.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.autoregressive import Autoregressive
from models.conditioning import Condition

LEAST_LOG_P = -1e30
"""Stands for the log of zero in (1), where the difference of two infinities would be no number."""


@dataclass(frozen=True)
class Rows:
    """Which lane each row computes, and how strongly the guided lanes are guided.

    lane      [R] int64: 0 to B - 1, then the guided lanes once more
    guidance  [G, 1] float
    """

    lane: Tensor
    num_lanes: int
    guidance: Tensor

    def condition(self, condition: Condition | None) -> Condition | None:
        """A condition of B lanes for R rows; those after the lanes are drawn without."""
        if condition is None or len(self.lane) == self.num_lanes:
            return condition
        repeated = condition.rows(self.lane)
        is_second = torch.arange(len(self.lane), device=self.lane.device) >= self.num_lanes
        return replace(repeated, dropped=is_second if repeated.dropped is None else repeated.dropped | is_second)

    def combined(self, log_p: Tensor) -> Tensor:
        """Log-probabilities [R, K] of all rows, those of guided lanes combined as (1) has it."""
        guided = self.lane[self.num_lanes :]
        with_it, without = log_p[guided].clamp(min=LEAST_LOG_P), log_p[self.num_lanes :].clamp(min=LEAST_LOG_P)
        return log_p.index_copy(0, guided, without + self.guidance.to(log_p.dtype) * (with_it - without))


def rows_of(model: Autoregressive, guidance: Tensor) -> Rows:
    """The rows that lanes take with guidance [B]; ValueError for guidance of a model that has no condition."""
    guided = (guidance != 1).nonzero().flatten()
    if len(guided) and model.condition_config.is_empty:
        raise ValueError(
            f"guidance weighs the condition, and this model has none: leave it at 1, got {guidance[guided[0]].item():g}"
        )
    lanes = torch.arange(len(guidance), device=guidance.device)
    return Rows(torch.cat([lanes, guided]), len(guidance), guidance[guided].unsqueeze(-1))
