"""The distribution of a whole pixel: a mixture of logistics whose component its colours share (PixelCNN++, §2.1, §2.2).

Axes: C colour, K levels, M mixture components. `...` are any axes.

    p(r, g, b) = Σ_m π_m · logistic(r; μ_r) · logistic(g; μ_g + α·r) · logistic(b; μ_b + β·r + γ·g)

Each logistic is discretised; means, scales and the coefficients α, β, γ are the component's own. Drawn colour by colour
it is a mixture again: the mean of a component moves with the earlier colours, and its weight is its posterior given
them, π_m · Π p_m(earlier). These are the conditionals of the joint above. So their product is its likelihood, and
drawing from one after the other is drawing from it, exactly. (The reference, openai/pixel-cnn, draws a component once
per pixel and each colour from it, which is another way to the same joint.)

Earlier colours stand at their levels, the true ones where a picture is scored and the drawn ones where it is drawn.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.distributions import at_least_float32
from models.level_bins import log_logistic_bin


@dataclass(frozen=True)
class PixelMixture:
    """The mixture, given those colours of the pixel that are known.

    logits        [..., M]         of the components
    means         [..., C, M]      of the logistics, on the levels scaled to [-1, 1]
    log_scales    [..., C, M]
    coefficients  [..., C, C, M]   how the mean of a colour (the second axis) moves with an earlier one (the first)
    """

    num_levels: int
    logits: Tensor
    means: Tensor
    log_scales: Tensor
    coefficients: Tensor

    @classmethod
    def of(cls, output: Tensor, num_levels: int, colours: int) -> "PixelMixture":
        """From what a network gives for a pixel, [..., `num_outputs`], none of its colours being known."""
        components = output.shape[-1] // num_outputs(colours, 1)
        sizes = [components * number for number in (1, colours, colours, num_pairs(colours))]
        logits, means, log_scales, pairs = at_least_float32(output).split(sizes, -1)
        coefficients = pairs.new_zeros(*pairs.shape[:-1], colours, colours, components)
        earlier, later = torch.triu_indices(colours, colours, 1, device=output.device)
        coefficients[..., earlier, later, :] = torch.tanh(pairs.unflatten(-1, (-1, components)))
        by_colour = colours, components
        return cls(
            num_levels, logits, means.unflatten(-1, by_colour), log_scales.unflatten(-1, by_colour), coefficients
        )

    def parameters(self, colour: int) -> Tensor:
        """[..., 3M] of a colour's `DiscretisedLogisticMixture`; all colours before it must be known."""
        return torch.cat([self.logits, self.means[..., colour, :], self.log_scales[..., colour, :]], -1)

    def given(self, colour: int, value: Tensor) -> "PixelMixture":
        """The mixture once the scaled level [...] of the next colour is known."""
        value = value.to(self.means.dtype).unsqueeze(-1)
        mean, log_scale = self.means[..., colour, :], self.log_scales[..., colour, :]
        return replace(
            self,
            logits=self.logits + log_logistic_bin(value, mean, log_scale, self.num_levels),
            means=self.means + self.coefficients[..., colour, :, :] * value.unsqueeze(-1),
        )


def num_pairs(colours: int) -> int:
    """How many pairs of a colour and an earlier one there are."""
    return colours * (colours - 1) // 2


def num_outputs(colours: int, components: int) -> int:
    """How many numbers a network gives for a pixel: 10 M for three colours."""
    return components * (1 + 2 * colours + num_pairs(colours))
