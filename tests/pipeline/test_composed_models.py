"""A model of models goes the whole way: saved, loaded without code, scored and drawn from as one."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models import build
from models.conditioning import Condition
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.multiscale import Multiscale, MultiscaleConfig
from models.pixelcnn import PixelCNNConfig
from models.sampling import LaneRequest, sample_lanes
from pipeline.conditions import Conditioning
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.likelihood import score_rows
from pipeline.model_folder import ExportedModel, ModelInfo, load_model, save_model
from pipeline.shards.schema import ImageConventions
from pipeline.storage import Location

PICTURES = ImageConventions(8, 4, 3, 6)
LABELLED = Conditioning({"label": ("cat", "dog")})
SMALL: dict[str, Any] = {"hidden": 6, "num_layers": 2, "head_channels": 6, "first_kernel": 3}
DECIDED: dict[str, Any] = {"num_levels": 6, "channels": 3, "condition": LABELLED.model_config(4)}
LOWER = MultiscaleConfig(base=PixelCNNConfig(**SMALL), upscaler=GatedPixelCNNConfig(**SMALL), map_channels=3)
CONFIG = MultiscaleConfig(base=LOWER, upscaler=PixelCNNConfig(**SMALL), map_channels=3, **DECIDED)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    folder: Path = tmp_path_factory.mktemp("composed")
    torch.manual_seed(0)
    info = ModelInfo("multiscale", asdict(CONFIG), PICTURES, LABELLED, "")
    save_model(Location(str(folder)), build("multiscale", CONFIG), info, "")
    return load_model(Location(str(folder)))


def nll_of_parts(model: Multiscale, x: torch.Tensor, condition: Condition) -> torch.Tensor:
    """-log p(x) [B], from what each part says of the pixels that are its own."""
    low = x[:, :, ::2, ::2]
    of_rest = model.upscaler.nll_nats(x, replace(condition, planes=2 * low / 5 - 1))
    of_rest[:, :, ::2, ::2] = 0
    is_lower = isinstance(model.base, Multiscale)
    of_low = nll_of_parts(model.base, low, condition) if is_lower else model.base.nll_nats(low, condition)  # type: ignore[arg-type]
    return of_rest.flatten(1).sum(1) + of_low.reshape(len(x), -1).sum(1)


def test_it_is_loaded_as_it_was_saved(exported: ExportedModel) -> None:
    assert exported.model.config == CONFIG


def test_evaluation_scores_the_joint_likelihood(exported: ExportedModel) -> None:
    x = torch.randint(0, 6, (3, 3, 8, 4), generator=torch.Generator().manual_seed(0))
    rows = [
        {"item_id": label, "levels": levels.movedim(0, 2).numpy().astype(np.uint8).tobytes(), "label": label}
        for levels, label in zip(x, ("cat", "dog", "dog"), strict=True)
    ]
    found = score_rows(rows, PICTURES, exported, EvaluateConfig(batch_size=2))
    assert isinstance(exported.model, Multiscale)
    with torch.no_grad():
        expected = nll_of_parts(exported.model, x, Condition(torch.tensor([[0], [1], [1]])))
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-5)


def test_what_is_drawn_says_its_joint_likelihood(exported: ExportedModel) -> None:
    condition = Condition(torch.tensor([[1]]))
    drawn = sample_lanes(exported.model, [LaneRequest((3, 8, 4), (number, 7), condition) for number in range(3)], 8)
    x = torch.stack([item.levels for item in drawn])
    assert isinstance(exported.model, Multiscale)
    with torch.no_grad():
        expected = nll_of_parts(exported.model, x, Condition(torch.ones(3, 1, dtype=torch.int64)))
    assert [item.nll_nats for item in drawn] == pytest.approx(expected.tolist(), rel=1e-5)
