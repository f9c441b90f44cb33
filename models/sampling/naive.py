"""Ancestral sampling as the definition has it: the whole forward pass for every draw. The reference for the fast paths.

Axes: B lane, N position in drawing order.
"""

from torch import Tensor

from models.autoregressive import Autoregressive
from models.conditioning import Condition
from models.sampling.draws import Drawn, Draws, OnProgress, sampling_mode


def sample_naive(
    model: Autoregressive,
    shape: tuple[int, ...],
    condition: Condition | None,
    keys: Tensor,
    temperature: float | Tensor = 1.0,
    lengths: Tensor | None = None,
    on_progress: OnProgress | None = None,
) -> Drawn:
    """Items of `shape` ((T,) or (C, H, W)), one per key of keys [B, 2] (`counter_random.item_keys`).

    `temperature`: one, or one per lane [B]. `lengths` [B]: positions in drawing order after which a lane is ignored
    (its levels are 0, its nll_nats is not counted). The condition covers the whole shape for every lane.
    """
    with sampling_mode(model):
        draws = Draws(model, shape, keys, temperature, lengths)
        condition = None if condition is None else condition.to(draws.keys.device)
        so_far = draws.levels.clone()
        for position in range(draws.num_positions):
            parameters = model.to_sequence(model(draws.items(so_far), condition))[:, position]
            so_far[:, position] = draws.draw(position, parameters)
            draws.report(position, on_progress)
    return draws.drawn()
