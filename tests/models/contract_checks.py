"""What every model is held to, as functions: they name what is wrong, so that they can be shown to catch it."""

from collections.abc import Callable

import torch
from torch import Tensor

from models.autoregressive import Autoregressive, ImageModel
from models.conditioning import Condition

Predict = Callable[[Tensor, Condition | None], Tensor]


def influence(model: Autoregressive, predict: Predict, inputs: Tensor, condition: Condition | None) -> Tensor:
    """[N, N]: how strongly the parameters at n (row) depend on the input at m (column), in drawing order."""
    inputs = inputs.detach().requires_grad_()
    parameters = model.to_sequence(predict(inputs, condition))
    weights = torch.randn(parameters.shape, generator=torch.Generator().manual_seed(3), dtype=parameters.dtype)
    rows = []
    for n in range(parameters.shape[1]):
        (gradient,) = torch.autograd.grad((parameters * weights)[:, n].sum(), inputs, retain_graph=True)
        sequence = model.to_sequence(gradient)
        rows.append(sequence.abs().flatten(2).sum((0, 2)) if sequence.ndim > 2 else sequence.abs().sum(0))
    return torch.stack(rows)


def places(model: Autoregressive, shape: tuple[int, ...]) -> Tensor:
    """[N, len(shape)]: where in an item the positions stand, in drawing order."""
    indices = torch.cartesian_prod(*[torch.arange(size) for size in shape]).reshape(*shape, len(shape))
    return model.to_sequence(indices[None])[0] if len(shape) > 1 else indices


def sees_previous(model: Autoregressive, n: int, shape: tuple[int, ...]) -> bool:
    """Whether position n - 1 must be seen from n: always in time; in a picture, where the model says so."""
    if n == 0 or not isinstance(model, ImageModel):
        return n > 0
    (_, *before), (_, *here) = places(model, shape)[n - 1 : n + 1].tolist()
    return before == here or bool(model.receptive_field(shape, here[0], here[1])[before[0], before[1]])


def causality_faults(
    model: Autoregressive, x: Tensor, condition: Condition | None, predict: Predict | None = None
) -> list[str]:
    """Positions that see themselves or what comes after, and positions that do not see the one before."""
    seen = influence(model, predict or model.predict, model.encode(x), condition)
    faults = []
    for n in range(seen.shape[0]):
        faults += [f"{n} sees {m}" for m in range(n, seen.shape[1]) if seen[n, m] != 0]
        if sees_previous(model, n, tuple(x.shape[1:])) and seen[n, n - 1] == 0:
            faults.append(f"{n} does not see {n - 1}")
    return faults


def rolled(model: Autoregressive, inputs: Tensor, by: int) -> Tensor:
    """Inputs moved `by` positions in drawing order, zeros coming in."""
    sequence = model.to_sequence(inputs).roll(by, 1)
    sequence = torch.cat([torch.zeros_like(sequence[:, :by]), sequence[:, by:]], 1) if by > 0 else sequence
    if by < 0:
        sequence = torch.cat([sequence[:, :by], torch.zeros_like(sequence[:, by:])], 1)
    return model.from_sequence(sequence, tuple(inputs.shape[1:]))


def stepped(model: Autoregressive, x: Tensor, condition: Condition | None) -> Tensor:
    """Parameters [B, N, P] from `step`, fed with levels x."""
    sequence = model.to_sequence(x)
    cache = model.init_cache(x.shape[0], condition, tuple(x.shape[1:]))
    previous, collected = None, []
    for n in range(sequence.shape[1]):
        parameters, cache = model.step(previous, cache)
        collected.append(parameters.clone())
        previous = sequence[:, n]
    return torch.stack(collected, 1)


def forwarded(model: Autoregressive, x: Tensor, condition: Condition | None) -> Tensor:
    """Parameters [B, N, P] from `forward`."""
    with torch.no_grad():
        return model.to_sequence(model(x, condition))
