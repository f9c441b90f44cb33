"""A small multi-scale model, 2 → 4 → 8, and what is asked of it, for the tests of pictures that share small ones."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch.nn import Module

from models import build
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.multiscale import MultiscaleConfig
from models.pixelcnn import PixelCNNConfig
from pipeline.conditions import Conditioning
from pipeline.generation.config import GenerateConfig
from pipeline.generation.pictures import PictureTarget, factors_of
from pipeline.generation.plan import PlannedItem, items_of, shard_plans
from pipeline.generation.requests import Request, request_of
from pipeline.generation.shard import generate_shard
from pipeline.generation.target import Target
from pipeline.model_folder import ExportedModel, ModelInfo, load_model, save_model
from pipeline.shards.dataset import claim, finish
from pipeline.shards.schema import ImageConventions
from pipeline.storage import Location

SIZE = 8
GREY = ImageConventions(height=SIZE, width=SIZE, channels=1, num_levels=8)
LABELLED = Conditioning({"label": ("0", "1", "2")})
NARROW: dict[str, Any] = {"hidden": 8, "num_layers": 2, "head_channels": 8, "first_kernel": 3}


def save_multiscale(folder: Location) -> ExportedModel:
    """Three scales with weights far from symmetric, each part conditioned on a label."""
    torch.manual_seed(7)
    low = MultiscaleConfig(map_channels=4, base=GatedPixelCNNConfig(**NARROW), upscaler=PixelCNNConfig(**NARROW))
    config = MultiscaleConfig(
        num_levels=GREY.num_levels,
        channels=1,
        map_channels=4,
        base=low,
        upscaler=GatedPixelCNNConfig(**NARROW),
        condition=LABELLED.model_config(8),
    )
    model = build("multiscale", config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    save_model(folder, model, ModelInfo("multiscale", asdict(config), GREY, LABELLED, ""), "# tiny\n")
    return load_model(folder)


def negated(model: Module) -> Any:
    """The same model with other weights: what it draws is not what the model says."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(-1)
    return other


def target_of(exported: ExportedModel, folder: Path | str = "/") -> Target:
    """What requests to a model of pictures are held to; relative paths start in `folder`."""
    info = exported.info
    pictures = PictureTarget(str(folder), factors_of(info.name, info.config))
    return Target(info.conventions, info.conditioning, 1000, pictures=pictures)


def requests_of(lines: Sequence[Mapping[str, Any]], target: Target) -> list[Request]:
    return [request_of(line, number, target, f"line {number}") for number, line in enumerate(lines, 1)]


def items_for(lines: Sequence[Mapping[str, Any]], target: Target) -> list[PlannedItem]:
    return [item for request in requests_of(lines, target) for item in items_of(request)]


def rows_of(
    out: Location, lines: Sequence[Mapping[str, Any]], exported: ExportedModel, target: Target, config: GenerateConfig
) -> list[dict[str, Any]]:
    """The rows of a dataset that is made and finished."""
    claim(out, "generate", {})
    plans = list(shard_plans(requests_of(lines, target), exported.info.digest, config))
    for plan in plans:
        generate_shard(out, plan, exported, config)
    dataset = finish(out, [plan.name for plan in plans], exported.info.conventions, {})
    return [row for entry in dataset.shards for row in pq.read_table(str(out / entry.file)).to_pylist()]


def levels_of(row: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    """Levels [H, W, C] of a row."""
    return np.frombuffer(row["levels"], np.uint8).reshape(row["height"], row["width"], row["channels"])


def save_png(path: Path, pixels: Any) -> str:
    """A grey picture of values 0 to 255 [H, W]; its name."""
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
    return path.name


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's request."""
    request: dict[str, Any] = json.loads(row["request"])
    return request
