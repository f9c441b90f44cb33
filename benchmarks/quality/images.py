"""Our picture models beside each other and beside the papers' baselines: held-out bits after equal CPU seconds.

    python -m benchmarks.quality.images                          120 CPU seconds each, three seeds: two hours
    python -m benchmarks.quality.images --only "MNIST, 14 × 14, 8 levels: baselines" --record
    python -m benchmarks.quality.images --data FOLDER            where the corpora lie, if not in ../shared/data

Ours are trained as their small recipes say. The baselines are those of the papers in plain torch, trained as published
(`peer_pictures.py`). All have seven layers and as many weights as recipe `gated-pixelcnn-small`, counted without what
masks hide, and see the same batches of 16. Data: MNIST at 14 × 14 and CIFAR-10 at 16 × 16, both at 8 levels, so that
minutes are enough.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.quality.command import main
from benchmarks.quality.data import Material, prepared
from benchmarks.quality.peer_pictures import TRAINING, PlainGatedPixelCNN, PlainPixelCNN
from benchmarks.quality.race import Case
from benchmarks.quality.racers import Peer, Racer, ours
from jobs.recipes import load_recipe
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.pixelcnn import PixelCNNConfig
from models.pixelcnn_pp import PixelCNNPPConfig
from models.pixelrnn import PixelRNNConfig
from pipeline.preparation.config import ImageConfig, PrepareConfig
from pipeline.shards.schema import ImageConventions

BATCH_SIZE = 16
"""The paper's, for MNIST and CIFAR-10."""

NUM_HELD_OUT = 256
LAYERS = 7
GATED = (32, 64)
"""Features of a layer, and of the head: recipe `gated-pixelcnn-small`."""


@dataclass(frozen=True)
class Pictures:
    """A corpus, and what gives each network as many weights as the gated one has.

    Features of a layer and of the head for a PixelCNN, a Row LSTM and a Diagonal BiLSTM; for PixelCNN++, which has no
    head, those of a layer, and how many layers stand at one size of two.
    """

    name: str
    corpus: str
    image: ImageConfig
    plain: tuple[int, int]
    row: tuple[int, int]
    diagonal: tuple[int, int]
    plus_plus: tuple[int, int]


MNIST = ImageConfig(14, 14, num_levels=8, filter="box")
CIFAR = ImageConfig(16, 16, num_levels=8, filter="box")

CORPORA = (
    Pictures("MNIST, 14 × 14, 8 levels", "mnist", MNIST, (44, 82), (25, 54), (23, 78), (20, 1)),
    Pictures("CIFAR-10, 16 × 16, 8 levels", "cifar10-png", CIFAR, (48, 80), (26, 64), (25, 84), (15, 2)),
)


def cases(data: Path, folder: Path) -> Iterator[Case]:
    """Two cases for each corpus, prepared into a folder: beside the baselines, and among each other."""
    for pictures in CORPORA:
        dataset = prepared(data / pictures.corpus, folder / pictures.corpus, PrepareConfig(image=pictures.image))
        material, conventions = Material(dataset, BATCH_SIZE, NUM_HELD_OUT), dataset.info.conventions
        assert isinstance(conventions, ImageConventions)
        shape = (conventions.num_levels, conventions.channels)
        for name, entrants in ENTRANTS.items():
            yield Case(f"{pictures.name}: {name}", "bits/dim", material, partial(entrants, shape, pictures))


def beside_baselines(shape: tuple[int, int], pictures: Pictures, seed: int) -> Sequence[Racer]:
    """Ours and the papers'; `shape` is levels and colours."""
    torch.manual_seed(seed)
    gated, pixelcnn = PlainGatedPixelCNN(*shape, *GATED, LAYERS), PlainPixelCNN(*shape, *pictures.plain, LAYERS)
    hidden, head = pictures.plain
    return [
        our_gated(shape, seed),
        by_recipe("pixelcnn-small", PixelCNNConfig(*shape, hidden, LAYERS, head), seed),
        Peer("Gated PixelCNN, plain, as published", gated, TRAINING),
        Peer("PixelCNN, plain, as published", pixelcnn, TRAINING),
    ]


def among_each_other(shape: tuple[int, int], pictures: Pictures, seed: int) -> Sequence[Racer]:
    """Those of ours that the papers set beside each other."""
    (row, row_head), (diagonal, diagonal_head), (filters, resnets) = pictures.row, pictures.diagonal, pictures.plus_plus
    return [
        our_gated(shape, seed),
        by_recipe("row-lstm-small", PixelRNNConfig(*shape, "row_lstm", row, LAYERS, row_head), seed),
        by_recipe(
            "diagonal-bilstm-small", PixelRNNConfig(*shape, "diagonal_bilstm", diagonal, LAYERS, diagonal_head), seed
        ),
        by_recipe("pixelcnn-pp-small", PixelCNNPPConfig(*shape, filters, resnets, 2, 5, dropout=0.0), seed),
    ]


ENTRANTS = {"baselines": beside_baselines, "the family": among_each_other}


def our_gated(shape: tuple[int, int], seed: int) -> Racer:
    """What all others are compared with."""
    return by_recipe("gated-pixelcnn-small", GatedPixelCNNConfig(*shape, GATED[0], LAYERS, GATED[1]), seed)


def by_recipe(recipe: str, config: Any, seed: int) -> Racer:
    """A model of ours in another size, trained as the recipe says."""
    return ours(f"{config.name}, {recipe}", config.name, config, replace(load_recipe(recipe).training, seed=seed))


if __name__ == "__main__":
    main("quality.images", cases)
