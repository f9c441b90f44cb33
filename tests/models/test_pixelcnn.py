import pytest
import torch

from models.layers.masked_conv import MaskedConv2d, around
from models.pixelcnn import PixelCNN, PixelCNNConfig, ResidualBlock
from tests.models.picture_checks import gradient_at, make_positive, randomise, reference_masked_conv


def test_parameters_of_the_paper_by_hand() -> None:
    """CIFAR-10: 15 layers, h = 128, twice 1024 head channels (Table 1). Kernels without the half that masks hide."""
    first = (3 * 256) * (4 * 7) + 256
    reduce = 256 * 128 + 128
    conv = (128 * 128) * (2 * 3) + 128
    expand = 128 * 256 + 256
    head = (256 * 1024 + 1024) + (1024 * 1024 + 1024) + (1024 * 768 + 768)
    model = PixelCNN(PixelCNNConfig())
    assert model.num_parameters() == first + 15 * (reduce + conv + expand) + head == 4_587_008


def test_seen_weights_of_the_paper_by_hand() -> None:
    """What the masks leave. Of 3 colours, 128 features are 43 43 42, 256 are 86 85 85, 1024 are 342 341 341."""
    first = (3 * 256) * (3 * 7 + 3) + (85 * 1 + 85 * 2)  # whole rows above, 3 pixels left; G sees R, B sees R and G
    reduce = 43 * 86 + 43 * (86 + 85) + 42 * 256
    conv = (128 * 128) * (3 + 1) + 43 * 43 + 43 * (43 + 43) + 42 * 128
    expand = 86 * 43 + 85 * (43 + 43) + 85 * 128
    from_stream = 342 * 86 + 341 * (86 + 85) + 341 * 256
    head = from_stream + 342 * 342 + 341 * (342 + 341) + 341 * 1024 + 256 * (342 + (342 + 341) + 1024)
    model = PixelCNN(PixelCNNConfig())
    seen = sum(int(module.mask.sum()) for module in model.modules() if isinstance(module, MaskedConv2d))
    assert seen == first + 15 * (reduce + conv + expand) + head == 3_219_551


def blind_share(seen: torch.Tensor, depth: int) -> float:
    """The share of the causal box unseen from the middle of the last row of seen [depth + 1, 2 · depth + 1].

    Every unseen pixel must lie above to the right, further right than above.
    """
    box = torch.ones_like(seen)
    box[-1, depth:] = False
    above, right = torch.meshgrid(torch.arange(depth, -1, -1), torch.arange(-depth, depth + 1), indexing="ij")
    assert not (seen & ~box).any()
    assert torch.equal(box & ~seen, (above >= 1) & (right > above))
    return float((box & ~seen).sum() / box.sum())


@pytest.mark.parametrize(("depth", "share"), [(10, 0.205), (15, 0.219)])
def test_stacked_masks_leave_the_blind_spot(depth: int, share: float) -> None:
    x = torch.ones(1, 1, depth + 1, 2 * depth + 1, dtype=torch.float64, requires_grad=True)
    y: torch.Tensor = x
    for layer in range(depth):
        conv = MaskedConv2d([0], [0], around(3), "A" if layer == 0 else "B").double()
        make_positive(conv)
        y = conv(y)
    y[0, 0, -1, depth].backward()
    assert x.grad is not None
    assert blind_share(x.grad[0, 0] > 0, depth) == pytest.approx(share, abs=5e-4)


def test_the_network_has_the_blind_spot() -> None:
    model = PixelCNN(PixelCNNConfig(4, channels=1, hidden=2, num_layers=9, head_channels=2, first_kernel=3)).double()
    make_positive(model)
    inputs = torch.ones(1, 1, 11, 21, dtype=torch.float64)
    assert blind_share(gradient_at(model, inputs, (0, 10, 10))[0] > 0, 10) == pytest.approx(45 / 220)


def test_the_residual_block_equals_the_paper_in_loops() -> None:
    stream, inside = [0, 0, 1, 2], [0, 1, 1, 2]
    block = ResidualBlock(stream, inside, 3).double()
    randomise(block)
    x = torch.randn(4, 3, 4, dtype=torch.float64).numpy()
    y = x
    for conv, centre in ((block.reduce, (0, 0)), (block.conv, (1, 1)), (block.expand, (0, 0))):
        kernel, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
        y = reference_masked_conv(y.clip(0), kernel, bias, centre, (conv.colours_in, conv.colours_out), "B")
    got = block(torch.from_numpy(x)[None], None)[0]
    torch.testing.assert_close(got, torch.from_numpy(x + y), rtol=0, atol=1e-12)


def test_the_stream_is_twice_as_wide_as_inside() -> None:
    model = PixelCNN(PixelCNNConfig(hidden=6, num_layers=1))
    assert model.first.weight.shape == (12, 3, 4, 7)
    assert model.blocks[0].conv.weight.shape == (6, 6, 2, 3)
