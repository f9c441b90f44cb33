"""Our picture models beside each other and beside the papers' baselines: held-out bits after equal CPU seconds.

    python -m benchmarks.quality.images                          120 CPU seconds each, three seeds: an hour
    python -m benchmarks.quality.images --only MNIST --record    one corpus; writes benchmarks/results/
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
    """A corpus, and the features of a layer and of the head that give a PixelCNN as many weights as the gated one."""

    name: str
    corpus: str
    image: ImageConfig
    plain: tuple[int, int]


CORPORA = (
    Pictures("MNIST, 14 × 14, 8 levels", "mnist", ImageConfig(14, 14, num_levels=8, filter="box"), (45, 90)),
    Pictures("CIFAR-10, 16 × 16, 8 levels", "cifar10-png", ImageConfig(16, 16, num_levels=8, filter="box"), (48, 100)),
)


def cases(data: Path, folder: Path) -> Iterator[Case]:
    """A case for each corpus, prepared into a folder."""
    for pictures in CORPORA:
        dataset = prepared(data / pictures.corpus, folder / pictures.corpus, PrepareConfig(image=pictures.image))
        material = Material(dataset, BATCH_SIZE, NUM_HELD_OUT)
        conventions = dataset.info.conventions
        assert isinstance(conventions, ImageConventions)
        yield Case(pictures.name, "bits/dim", material, partial(entrants, conventions, pictures))


def entrants(conventions: ImageConventions, pictures: Pictures, seed: int) -> Sequence[Racer]:
    """Ours and the papers'."""
    shape, plain = (conventions.num_levels, conventions.channels), pictures.plain
    torch.manual_seed(seed)
    gated, pixelcnn = PlainGatedPixelCNN(*shape, *GATED, LAYERS), PlainPixelCNN(*shape, *plain, LAYERS)
    return [
        by_recipe("gated-pixelcnn-small", GatedPixelCNNConfig(*shape, GATED[0], LAYERS, GATED[1]), seed),
        by_recipe("pixelcnn-small", PixelCNNConfig(*shape, plain[0], LAYERS, plain[1]), seed),
        Peer("Gated PixelCNN, plain, as published", gated, TRAINING),
        Peer("PixelCNN, plain, as published", pixelcnn, TRAINING),
    ]


def by_recipe(recipe: str, config: Any, seed: int) -> Racer:
    """A model of ours in another size, trained as the recipe says."""
    return ours(f"{config.name}, as {recipe}", config.name, config, replace(load_recipe(recipe).training, seed=seed))


if __name__ == "__main__":
    main("quality.images", cases)
