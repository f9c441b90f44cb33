"""Multi-scale pictures by the kernels, scale after scale, and by torch as one model.

    python -m benchmarks.scales [--rounds N] [--record]

8 → 16 → 32 in 3 colours of 256 levels, each scale a Gated PixelCNN of the size that `multiscale-small` has; 16 lanes on
one thread. Both draw the same pictures.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from benchmarks.harness import Case, Contestant, main
from models.counter_random import item_key
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.multiscale import Multiscale, MultiscaleConfig
from models.sampling import DrawnItem, LaneRequest, sample_lanes
from models.sampling.fused_scales import sample_scale_fused
from models.sampling.scales import request_at, scales_of

SIDE, NUM_LANES = 32, 16
NETWORK = GatedPixelCNNConfig(hidden=32, num_layers=4, head_channels=64, first_kernel=5)


def built(network: GatedPixelCNNConfig = NETWORK) -> Multiscale:
    """Three scales of the same network."""
    torch.manual_seed(0)
    low = MultiscaleConfig(base=network, upscaler=network)
    return Multiscale(MultiscaleConfig(base=low, upscaler=network)).eval()


def requests(side: int, num_lanes: int) -> list[LaneRequest]:
    """One picture a lane."""
    return [LaneRequest((3, side, side), item_key(0, str(number))) for number in range(num_lanes)]


def by_kernel(model: Multiscale, asked: Sequence[LaneRequest]) -> list[DrawnItem]:
    """Scale after scale."""
    drawn: list[DrawnItem] = []
    for scale in scales_of(model, asked[0].shape):
        below: list[Tensor | None] = [item.levels for item in drawn] or [None] * len(asked)
        given = [request_at(scale, one, one.key, low) for one, low in zip(asked, below, strict=True)]
        drawn = sample_scale_fused(scale, given, len(asked))
    return drawn


def cases() -> Iterator[Case]:
    """One."""
    model, asked = built(), requests(SIDE, NUM_LANES)
    contestants = [
        Contestant("kernels, scale after scale", "ours", lambda: by_kernel(model, asked), NUM_LANES),
        Contestant("torch, one model", "peer", lambda: sample_lanes(model, asked, NUM_LANES), NUM_LANES),
    ]
    yield Case("8 → 16 → 32, 3 × 4 layers of 32", "pictures", contestants)


if __name__ == "__main__":
    main("scales", cases)
