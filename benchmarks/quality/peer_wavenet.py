"""The audio peer: r9y9's `wavenet_vocoder` from PyPI (0.1.1, 2018), as it is, in its published mulaw256 shape.

    pip install wavenet_vocoder==0.1.1          or the extra `bench`

Published (egs/mulaw256/conf of its repository): three stacks of ten layers, k = 3, R : G : S = 1 : 2 : 1, weight norm,
skips summed and scaled by √½ at each layer, no dropout; Adam at 1e-3 with eps 1e-8, halved every 200,000 steps, no
clipping, an average of decay .9999. The shape is scaled down to the parameters and the reach of ours; the ratio of its
channels, its kernel and the rest stay. The release has the mulaw256 shape and no local condition here.

Axes: B batch, T timestep, K levels.
"""

import warnings

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor

from benchmarks.quality.racers import PeerNetwork, PublishedTraining

TRAINING = PublishedTraining(
    lambda parameters: torch.optim.Adam(parameters, lr=1e-3, eps=1e-8), average="exponential", average_decay=0.9999
)


class VocoderNetwork(PeerNetwork):
    """Its network with R = S = `channels` and G twice that: levels [B, T] to logits [B, T, K]."""

    def __init__(self, num_levels: int, channels: int, layers: int, stacks: int) -> None:
        super().__init__(num_levels)
        from wavenet_vocoder.wavenet import WaveNet

        # Its weight norm and its hooks are those of torch 0.4: they warn, and a network whose weights were made with a
        # gradient cannot be copied.
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore", FutureWarning)
            self.network = WaveNet(
                out_channels=num_levels,
                layers=layers,
                stacks=stacks,
                residual_channels=channels,
                gate_channels=2 * channels,
                skip_out_channels=channels,
                kernel_size=3,
                dropout=0.0,
            )

    @property
    def receptive_field(self) -> int:
        """As its own package counts it."""
        return int(self.network.receptive_field)

    def logits(self, x: Tensor) -> Tensor:
        """The shift is outside its network, in its training; before the first level stand zeros, as in ours."""
        weight = next(self.parameters())
        one_hot = F.one_hot(x, self.distribution.num_levels).to(weight.dtype).movedim(-1, 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            by_channel: Tensor = self.network(F.pad(one_hot, (1, -1)))
        return by_channel.movedim(1, -1)
