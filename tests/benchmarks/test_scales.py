"""What is timed is the same work: both draw the same pictures."""

import torch

from benchmarks.scales import built, by_kernel, requests
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.sampling import sample_lanes
from tests.models.native.levels import needs_kernels


@needs_kernels
def test_both_draw_the_same_pictures() -> None:
    model = built(GatedPixelCNNConfig(hidden=9, num_layers=2, head_channels=9, first_kernel=3))
    asked = requests(8, 8)
    pairs = zip(by_kernel(model, asked), sample_lanes(model, asked, 8), strict=True)
    assert all(torch.equal(one.levels, other.levels) for one, other in pairs)
