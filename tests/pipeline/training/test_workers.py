"""One, two and three workers give the same losses: the loss is a global sum over a global count."""

from pathlib import Path
from typing import Any

import pytest
import torch

from models import build
from models.pixelcnn import PixelCNNConfig
from pipeline.shards.dataset import Dataset
from pipeline.training.loop import Run
from pipeline.training.order import share
from pipeline.training.step import backward
from pipeline.training.world import Alone, Distributed
from tests.pipeline.training.datasets import audio_dataset
from tests.pipeline.training.runs import Played, Watcher, small_plan


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return audio_dataset(tmp_path_factory.mktemp("data") / "audio")


def losses_with(dataset: Dataset, out: Path, size: int, num_steps: int) -> list[float]:
    """Nats per level of each step when `size` workers, played one after the other, average their gradients."""
    runner = Run(small_plan(dataset, out), dataset, Alone(), Watcher())
    runner.initialise()
    model, losses = runner.learner.model, []
    for step in range(num_steps):
        nats = 0.0
        for rank in range(size):
            part = runner.supply.part(step, rank, size)
            nats += backward(model, model, part, world=Played(rank, size))
        for parameter in model.parameters():
            assert parameter.grad is not None
            parameter.grad /= size
        runner.learner.update(step)
        losses.append(nats / part.num_levels)
    return losses


@pytest.mark.parametrize("size", [2, 3, 5])  # 5 ranks over batches of 4: one of them never has a window
def test_any_number_of_workers_gives_the_losses_of_one(dataset: Dataset, tmp_path: Path, size: int) -> None:
    alone = losses_with(dataset, tmp_path, 1, 12)
    assert losses_with(dataset, tmp_path, size, 12) == pytest.approx(alone, rel=1e-10)
    assert alone[-1] < alone[0]


def test_the_last_batch_of_an_epoch_leaves_a_rank_without_windows(dataset: Dataset, tmp_path: Path) -> None:
    """What the test above needs to mean something."""
    runner = Run(small_plan(dataset, tmp_path), dataset, Alone(), Watcher())
    order = runner.supply.order
    tails = [len(order.batch(step)) for step in range(12)]
    assert min(tails) == 1
    assert [] in [share(order.batch(tails.index(min(tails))), rank, 3) for rank in range(3)]


def test_masks_are_not_sent_at_every_step(tmp_path: Path) -> None:
    model = build("pixelcnn", PixelCNNConfig(2, channels=1, hidden=2, num_layers=1, head_channels=2))
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    try:
        network: Any = Distributed().wrap(model)
        assert list(model.buffers())
        assert not network.will_sync_module_buffers()
    finally:
        torch.distributed.destroy_process_group()
