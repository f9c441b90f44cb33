"""The ceiling counts what the model must multiply, and a contestant's step is one of training."""

import pytest
import torch

from benchmarks import train_pixelcnn
from benchmarks.plain_pictures import PlainGatedPixelCNN
from benchmarks.train_pixelcnn import SIDE, ceiling, contestant
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig

TINY = GatedPixelCNNConfig(hidden=3, num_layers=2, head_channels=3, first_kernel=3)


def test_the_ceiling_is_a_product_in_images() -> None:
    model = GatedPixelCNN(TINY)
    # 3,072 levels, each three times what it takes to draw one.
    assert ceiling(model, torch.float32).amount == pytest.approx(
        2 * SIDE**3 / (3 * 3072 * model.flops_per_draw((3, 32, 32)))
    )


@pytest.mark.parametrize("precision", train_pixelcnn.PRECISIONS)
def test_both_take_the_same_steps(monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    monkeypatch.setattr(train_pixelcnn, "BATCH_SIZE", 1)
    weights = []
    for kind in (GatedPixelCNN, PlainGatedPixelCNN):
        torch.manual_seed(0)
        model = kind(TINY)
        one = contestant("it", model, train_pixelcnn.PRECISIONS[precision], plain=kind is PlainGatedPixelCNN)
        before = [p.detach().clone() for p in model.parameters()]
        one.call()
        assert all((p != q).any() for p, q in zip(model.parameters(), before, strict=True))
        assert all(p.dtype == torch.float32 for p in model.parameters())
        weights.append(list(model.parameters()))
    # Adam's first step is of the size of the rate whatever the gradient: the signs are compared.
    same = [float(((p - q).abs() < 1e-5).float().mean()) for p, q in zip(*weights, strict=True)]
    assert min(same) > 0.9
