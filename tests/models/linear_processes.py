"""Linear processes that the tests of their moments, fits and orders share."""

import torch
from torch import Tensor

from models.linear_process import LinearProcess


def float64(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


AR1 = LinearProcess.scalar([0.8], intercept=1.0, noise_scale=0.5)
AR2 = LinearProcess.scalar([1.3, -0.6], intercept=0.06, noise_scale=0.05)
NOISE = LinearProcess.scalar([], intercept=3.0, noise_scale=2.0)
VAR2 = LinearProcess(
    float64([[[0.5, 0.1, 0], [0.2, 0.3, -0.1], [0, 0.2, 0.4]], [[-0.3, 0, 0.1], [0, 0.2, 0], [0.1, 0, -0.2]]]),
    float64([1, 2, 3]),
    float64([[1, 0.3, 0], [0.3, 0.5, 0.1], [0, 0.1, 0.2]]),
)
