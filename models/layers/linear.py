"""A linear layer: in training on a CPU by a kernel, where one fits; by torch everywhere else."""

import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from models.layers.precision import dtype_of_products
from models.native import dense
from models.native.calls import suits


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """As torch's own: x [..., I] times the weight [O, I] transposed, plus the bias [O], to [..., O]."""
    dtype = dtype_of_products(weight)
    if not suits(bias, weight) or dtype_of_products(x) != dtype or not dense.fits(x, weight, dtype):
        return F.linear(x, weight, bias)
    rows: Tensor = dense.linear(x.to(dtype).flatten(0, -2), weight, bias)
    return rows.view(*x.shape[:-1], -1)


class Linear(nn.Linear):
    """torch's own, called in this way."""

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        return linear(x, self.weight, self.bias)
