"""WaveNet beside `wavenet_vocoder`: held-out bits per timestep after equal CPU seconds on the same batches.

    python -m benchmarks.quality.audio                           120 CPU seconds each, three seeds: 18 minutes
    python -m benchmarks.quality.audio --cpu-s 600 --record      longer; writes benchmarks/results/
    python -m benchmarks.quality.audio --data FOLDER             where the corpora lie, if not in ../shared/data

Ours is recipe `wavenet-small` as it stands. The peer has its published architecture and training at as many parameters
and as far a reach (509 timesteps of our 511); a second one has its architecture and our training, which tells apart
what the network does and what the optimiser does. Data: FSDD at 8 kHz, 256 levels of mu-law.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.quality.command import main
from benchmarks.quality.data import Material, prepared
from benchmarks.quality.peer_wavenet import TRAINING, VocoderNetwork
from benchmarks.quality.race import Case
from benchmarks.quality.racers import LentLearner, Ours, Peer, Racer, ours
from jobs.recipes import load_recipe
from pipeline.conditions import Conditioning
from pipeline.preparation.config import AudioConfig, PrepareConfig, SpeechConfig
from pipeline.training.config import TrainingConfig
from pipeline.training.plan import fit_to_dataset

RECIPE = "wavenet-small"

PEER_SHAPE = (40, 14, 2)
"""Channels, layers, stacks: as many parameters and as far a reach as the recipe has."""

BATCH_SIZE, WINDOW = 4, 512
"""Small, so that there are several hundred steps in two minutes."""

NUM_HELD_OUT = 24
"""Utterances."""

PREPARATION = PrepareConfig(audio=AudioConfig(sample_rate_hz=8000), speech=SpeechConfig(phones="off"))


def cases(data: Path, folder: Path) -> Iterator[Case]:
    """One, on FSDD prepared into a folder."""
    dataset = prepared(data / "fsdd", folder / "fsdd", PREPARATION)
    recipe = load_recipe(RECIPE)
    settings = {key: value for key, value in recipe.model.items() if key != "name"}
    config = fit_to_dataset("wavenet", settings, dataset.info.conventions, Conditioning(), 1)
    reach = max(config.receptive_field, VocoderNetwork(config.num_levels, *PEER_SHAPE).receptive_field)
    material = Material(dataset, BATCH_SIZE, NUM_HELD_OUT, WINDOW, reach)
    yield Case("WaveNet, FSDD at 8 kHz", "bits per timestep", material, partial(entrants, config, recipe.training))


def entrants(config: Any, training: TrainingConfig, seed: int) -> Sequence[Racer]:
    """Ours; the peer as published; the peer's architecture with our training."""
    training = replace(training, seed=seed)
    torch.manual_seed(seed)
    published, lent = (VocoderNetwork(config.num_levels, *PEER_SHAPE) for _ in range(2))
    return [
        ours(f"recipe {RECIPE}", "wavenet", config, training),
        Peer("wavenet_vocoder, as published", published, TRAINING),
        Ours("wavenet_vocoder, our training", LentLearner(lent, training), role="peer"),
    ]


if __name__ == "__main__":
    main("quality.audio", cases)
