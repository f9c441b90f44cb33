"""What the picture models' tests share: references in slow loops, and what a position sees."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from models.autoregressive import ImageModel
from models.conditioning import Condition


def reference_masked_conv(
    x: np.ndarray,
    kernel: np.ndarray,
    bias: np.ndarray,
    centre: tuple[int, int],
    colours: tuple[Sequence[int], Sequence[int]],
    mask_type: str,
) -> np.ndarray:
    """x [C_in, H, W] under kernel [C_out, C_in, rows, columns], from the paper's words: a weight counts where the pixel
    it meets was drawn before, or is the centre and its colour is one that the output's colour sees.
    """
    colours_in, colours_out = colours
    _, height, width = x.shape
    y = np.zeros((len(colours_out), height, width))
    for o, row, column in np.ndindex(*y.shape):
        total = float(bias[o])
        for i, tap_row, tap_column in np.ndindex(*kernel.shape[1:]):
            r, c = row + tap_row - centre[0], column + tap_column - centre[1]
            if not (0 <= r < height and 0 <= c < width):
                continue
            drawn_before = r < row or (r == row and c < column)
            at_centre = (r, c) == (row, column)
            shown = colours_in[i] < colours_out[o] or (mask_type == "B" and colours_in[i] == colours_out[o])
            if drawn_before or (at_centre and shown):
                total += float(kernel[o, i, tap_row, tap_column]) * float(x[i, r, c])
        y[o, row, column] = total
    return y


def randomise(model: nn.Module, seed: int = 0) -> None:
    """Every parameter from a Gaussian, biases too, so that nothing is hidden by a zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.4)


def make_positive(model: nn.Module) -> None:
    """Every parameter positive, so that no ReLU is shut and no two paths cancel: a zero gradient is a missing path."""
    randomise(model)
    with torch.no_grad():
        for parameter in model.parameters():
            num_summed = max(1, parameter[0].numel() if parameter.ndim > 1 else 1)
            parameter.abs_().add_(0.1).div_(num_summed)  # nor does a sum of many saturate a gate


def gradient_at(model: ImageModel, inputs: Tensor, position: tuple[int, int, int]) -> Tensor:
    """|d parameters / d inputs| summed over the batch and the levels, [C, H, W], at position (colour, row, column)."""
    inputs = inputs.clone().requires_grad_()
    colour, row, column = position
    parameters = model.predict(inputs)[:, colour, row, column]
    seen = torch.zeros_like(inputs)
    for level in range(parameters.shape[-1]):
        seen += torch.autograd.grad(parameters[:, level].sum(), inputs, retain_graph=True)[0].abs()
    return seen.sum(0)


def drawn_parameters(model: ImageModel, x: Tensor, condition: Condition | None) -> Tensor:
    """The parameters that `step` gives at every position of x, in drawing order [B, N, P]."""
    sequence = model.to_sequence(x)
    cache = model.init_cache(len(x), condition, tuple(x.shape[1:]))
    previous, steps = None, []
    for n in range(sequence.shape[1]):
        parameters, cache = model.step(previous, cache)
        steps.append(parameters)
        previous = sequence[:, n]
    return torch.stack(steps, 1)


def all_pictures(num_levels: int, shape: tuple[int, int, int]) -> Tensor:
    """Every picture of this shape, [num_levels ** (C · H · W), C, H, W]."""
    size = int(np.prod(shape))
    grids = torch.cartesian_prod(*[torch.arange(num_levels) for _ in range(size)])
    return grids.reshape(-1, *shape)


def fit(model: ImageModel, x: Tensor, condition: Condition | None, num_steps: int) -> float:
    """Train on one batch alone; the mean NLL of a level, in nats, at the end."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(num_steps):
        optimiser.zero_grad()
        model.nll_nats(x, condition).mean().backward()
        optimiser.step()
    with torch.no_grad():
        return float(model.nll_nats(x, condition).mean())
