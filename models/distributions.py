"""What a model predicts: a distribution over the integer levels [0, K) of one position.

Axes: K levels, P parameters, U uniforms, M mixture components.

A distribution scores (`nll_nats`) and draws. A draw is a function of the parameters and of U uniform numbers in [0, 1)
that the caller brings, by the inverse of the cumulative distribution: no hidden random state, so the same numbers give
the same level on every path: probabilities are added up in float64, where the order of adding decides nothing that a
uniform of 24 bits would meet. The probabilities of all K levels sum to one.

Temperature is a departure from the model: at 1 draws follow the model, below 1 they crowd its likeliest levels. It may
be one number, or a tensor shaped as the levels (one per lane). What it means is said once for each family, by
`tempered`; at 1 that leaves every draw as it is, to the bit.

The real-valued families live on the levels scaled to [-1, 1]: level l stands at 2l/(K-1) - 1 and owns the bin half a
spacing to either side; the first and the last bin take the tails (`level_bins.py`).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor

from models.level_bins import bounded, log_gaussian_between, log_logistic_bin, standardised_bin
from models.native import likelihood

SMALLEST_UNIFORM = 2.0**-25
"""Half the spacing of our uniforms (24 bits): real-valued draws stay off 0 and 1, where the inverse is infinite."""


class Distribution(ABC):
    """A family of distributions over the levels [0, num_levels)."""

    num_levels: int

    @property
    @abstractmethod
    def num_parameters(self) -> int:
        """P: how many numbers the network gives for one position."""

    @property
    def num_uniforms(self) -> int:
        """U: how many uniform numbers one draw takes."""
        return 1

    @abstractmethod
    def nll_nats(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Negative log-probability of levels x [...] under parameters [..., P], in nats, shaped as x."""

    @abstractmethod
    def draw(self, parameters: Tensor, uniforms: Tensor, temperature: float | Tensor = 1.0) -> Tensor:
        """Levels [...] int64 from parameters [..., P] and uniforms [..., U] in [0, 1)."""

    @abstractmethod
    def tempered(self, parameters: Tensor, temperature: float | Tensor) -> Tensor:
        """The parameters [..., P] of what is drawn from at a temperature, of the same family."""

    def log_probabilities(self, parameters: Tensor) -> Tensor:
        """Log-probabilities [..., K] of all levels under parameters [..., P]."""
        levels = torch.arange(self.num_levels, device=parameters.device)
        shape = parameters.shape[:-1]
        repeated = parameters.unsqueeze(-2).expand(*shape, self.num_levels, parameters.shape[-1])
        return -self.nll_nats(repeated, levels.expand(*shape, self.num_levels))


@dataclass(frozen=True)
class Categorical(Distribution):
    """A probability for each level: P = K logits, softmax. Temperature divides the logits."""

    num_levels: int

    def __post_init__(self) -> None:
        require_levels(self.num_levels)

    @property
    def num_parameters(self) -> int:  # noqa: D102
        return self.num_levels

    def nll_nats(self, parameters: Tensor, x: Tensor) -> Tensor:  # noqa: D102
        axes = in_memory(parameters)
        levels = x.permute(axes)
        rows = parameters.permute(*axes, x.ndim).reshape(-1, self.num_levels)
        nats = nats_of_rows(rows, levels.reshape(-1)).reshape(levels.shape)
        return nats.permute([axes.index(axis) for axis in range(x.ndim)])

    def draw(self, parameters: Tensor, uniforms: Tensor, temperature: float | Tensor = 1.0) -> Tensor:  # noqa: D102
        return invert_cumulative(torch.softmax(self.tempered(parameters, temperature).double(), -1), uniforms)

    def tempered(self, parameters: Tensor, temperature: float | Tensor) -> Tensor:  # noqa: D102
        logits = at_least_float32(parameters)
        return logits / per_position(temperature, logits)

    def log_probabilities(self, parameters: Tensor) -> Tensor:  # noqa: D102
        return torch.log_softmax(at_least_float32(parameters), -1)


def nats_of_rows(rows: Tensor, levels: Tensor) -> Tensor:
    """Logits [N, K] and levels [N] to nats [N]; in training by a kernel, where it fits."""
    if likelihood.fits(rows, levels):
        return likelihood.nats_of(rows, levels)
    return F.cross_entropy(at_least_float32(rows), levels, reduction="none")


@dataclass(frozen=True)
class DiscretisedGaussian(Distribution):
    """A Gaussian on the scaled levels: P = 2, mean and log of the scale. Temperature multiplies the scale.

    Scored in float64: a bin is a small difference of two nearly equal numbers.
    """

    num_levels: int

    def __post_init__(self) -> None:
        require_levels(self.num_levels)

    @property
    def num_parameters(self) -> int:  # noqa: D102
        return 2

    def nll_nats(self, parameters: Tensor, x: Tensor) -> Tensor:  # noqa: D102
        mean, log_scale = parameters.double().unbind(-1)
        value = scaled(x, self.num_levels)
        lower, upper = standardised_bin(value, mean, bounded(log_scale, self.num_levels), self.num_levels)
        log_p = log_gaussian_between(lower, upper)
        return -log_p.to(at_least_float32(parameters).dtype)

    def draw(self, parameters: Tensor, uniforms: Tensor, temperature: float | Tensor = 1.0) -> Tensor:  # noqa: D102
        mean, log_scale = self.tempered(parameters, temperature).unbind(-1)
        values = mean + log_scale.exp() * torch.special.ndtri(off_the_ends(uniforms[..., 0]))
        return nearest_level(values, self.num_levels)

    def tempered(self, parameters: Tensor, temperature: float | Tensor) -> Tensor:  # noqa: D102
        mean, log_scale = parameters.double().chunk(2, -1)
        return torch.cat([mean, widened(log_scale, temperature, self.num_levels)], -1)


@dataclass(frozen=True)
class DiscretisedLogisticMixture(Distribution):
    """A mixture of M logistics on the scaled levels (PixelCNN++, section 2.1): P = 3M logits, means, log scales.

    The first uniform picks the component, the second draws from it. Temperature divides the logits and multiplies the
    scales. One variable; the colours of PixelCNN++ are coupled in its own file.
    """

    num_levels: int
    num_components: int

    def __post_init__(self) -> None:
        require_levels(self.num_levels)
        if self.num_components < 1:
            raise ValueError(f"num_components must be at least 1, got {self.num_components}")

    @property
    def num_parameters(self) -> int:  # noqa: D102
        return 3 * self.num_components

    @property
    def num_uniforms(self) -> int:  # noqa: D102
        return 2

    def nll_nats(self, parameters: Tensor, x: Tensor) -> Tensor:  # noqa: D102
        logits, mean, log_scale = at_least_float32(parameters).chunk(3, -1)
        value = scaled(x, self.num_levels).unsqueeze(-1)
        log_p = log_logistic_bin(value, mean, log_scale, self.num_levels)
        return -torch.logsumexp(torch.log_softmax(logits, -1) + log_p, -1)

    def draw(self, parameters: Tensor, uniforms: Tensor, temperature: float | Tensor = 1.0) -> Tensor:  # noqa: D102
        logits, mean, log_scale = self.tempered(parameters, temperature).chunk(3, -1)
        chosen = invert_cumulative(torch.softmax(logits.double(), -1), uniforms[..., :1]).unsqueeze(-1)
        mean = mean.gather(-1, chosen).squeeze(-1).double()
        scale = log_scale.gather(-1, chosen).squeeze(-1).double().exp()
        return nearest_level(mean + scale * torch.logit(off_the_ends(uniforms[..., 1])), self.num_levels)

    def tempered(self, parameters: Tensor, temperature: float | Tensor) -> Tensor:  # noqa: D102
        logits, mean, log_scale = at_least_float32(parameters).chunk(3, -1)
        log_scale = widened(log_scale, temperature, self.num_levels)
        return torch.cat([logits / per_position(temperature, logits), mean, log_scale], -1)


def in_memory(parameters: Tensor) -> list[int]:
    """The leading axes of [..., P] in the order in which they lie in memory: so flattened, nothing is copied."""
    return sorted(range(parameters.ndim - 1), key=parameters.stride, reverse=True)


def require_levels(num_levels: int) -> None:
    """A ValueError unless there are two levels or more to choose from."""
    if num_levels < 2:
        raise ValueError(f"num_levels must be at least 2, got {num_levels}")


def at_least_float32(parameters: Tensor) -> Tensor:
    """Half-precision networks are scored and drawn from in float32."""
    return parameters if parameters.dtype == torch.float64 else parameters.float()


def per_position(temperature: float | Tensor, parameters: Tensor) -> Tensor:
    """A temperature [...] that meets parameters [..., P], in their dtype."""
    return torch.as_tensor(temperature, dtype=parameters.dtype, device=parameters.device).unsqueeze(-1)


def widened(log_scale: Tensor, temperature: float | Tensor, num_levels: int) -> Tensor:
    """The log scales [..., M] at a temperature, none below what the levels can tell apart."""
    return bounded(bounded(log_scale, num_levels) + per_position(temperature, log_scale).log(), num_levels)


def invert_cumulative(probabilities: Tensor, uniforms: Tensor) -> Tensor:
    """The first level whose cumulative probability exceeds u: [..., K] and [..., 1] to [...] int64.

    A rounded sum may end below (or above) 1, so u is measured against the sum that there is: u·sum < sum, and a level
    is always found. A level of probability zero does not raise the sum, so it is never the first to exceed anything.
    The last clamp covers only a u·sum that rounds up to the sum (u within one float32 step of 1).
    """
    cumulative = probabilities.cumsum(-1)
    total = cumulative[..., -1:]
    below_total = torch.nextafter(total, torch.zeros_like(total))
    threshold = torch.minimum(uniforms.to(total.dtype) * total, below_total)
    return (cumulative <= threshold).sum(-1)


def off_the_ends(uniforms: Tensor) -> Tensor:
    """Uniforms as float64 in [2^-25, 1 - 2^-25], where the inverses of the cumulative distributions are finite."""
    return uniforms.double().clamp(SMALLEST_UNIFORM, 1 - SMALLEST_UNIFORM)


def scaled(x: Tensor, num_levels: int) -> Tensor:
    """Levels [0, K) to the reals they stand at, [-1, 1]: 2l/(K-1) - 1, as float64."""
    return x.double() * (2 / (num_levels - 1)) - 1


def nearest_level(values: Tensor, num_levels: int) -> Tensor:
    """Reals to the level whose bin holds them; beyond the ends, the first or last level."""
    position = (values.double() + 1) * ((num_levels - 1) / 2)
    return (position.clamp(0, num_levels - 1) + 0.5).floor().long()
