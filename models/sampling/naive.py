"""Ancestral sampling as the definition has it: the whole forward pass for every draw. The reference for the fast paths.

Axes: B lane, N position in drawing order.
"""

from torch import Tensor

from models.autoregressive import Autoregressive
from models.conditioning import Condition
from models.sampling.departures import NO_DEPARTURES, Departures
from models.sampling.draws import Drawn, Draws, OnProgress, sampling_mode
from models.sampling.kept import Kept


def sample_naive(  # noqa: PLR0913 (the model and its items, then each way in which these may differ)
    model: Autoregressive,
    shape: tuple[int, ...],
    condition: Condition | None,
    keys: Tensor,
    departures: Departures = NO_DEPARTURES,
    lengths: Tensor | None = None,
    kept: Kept | None = None,
    on_progress: OnProgress | None = None,
) -> Drawn:
    """Items of `shape` ((T,) or (C, H, W)), one per key of keys [B, 2] (`counter_random.item_keys`).

    `departures`: from the model's probabilities; none by default. `lengths` [B]: positions in drawing order after which
    a lane is ignored (its levels are 0, its nll_nats is not counted). `kept`: levels that are given. The condition
    covers the whole shape for every lane. ValueError for what does not fit the model or the lanes.
    """
    with sampling_mode(model):
        draws = Draws(model, shape, keys, departures, lengths, kept)
        condition = None if condition is None else condition.to(draws.keys.device)
        condition = draws.rows.condition(condition)
        so_far = draws.levels.clone()
        for position in range(draws.num_positions):
            parameters = model.to_sequence(model(draws.items(so_far), condition))[:, position]
            so_far[:, position] = draws.draw(position, parameters)
            draws.report(position, on_progress)
    return draws.drawn()
