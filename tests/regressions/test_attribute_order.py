"""A model given speaker and emotion could not be loaded: model.json had its attributes sorted, its weights had not."""

from dataclasses import asdict
from pathlib import Path

import torch

from models import MODELS, build
from pipeline.conditions import Conditioning
from pipeline.model_folder import ModelInfo, load_model, save_model
from pipeline.shards.schema import AudioConventions
from pipeline.storage import Location


def test_attributes_keep_their_order_through_a_model_folder(tmp_path: Path) -> None:
    conditioning = Conditioning({"speaker": ("high-1", "high-2", "low-1"), "emotion": ("calm", "excited")})
    config = MODELS["wavenet"].config(
        residual_channels=4,
        gate_channels=8,
        skip_channels=4,
        head_channels=4,
        dilations=(1, 2),
        num_stacks=1,
        condition=conditioning.model_config(4),
    )
    model = build("wavenet", config)
    folder = Location(str(tmp_path / "model"))
    info = ModelInfo("wavenet", asdict(config), AudioConventions(8000), conditioning, "")
    save_model(folder, model, info, "card")
    loaded = load_model(folder)
    assert list(loaded.info.conditioning.attributes) == ["speaker", "emotion"]
    assert list(loaded.model.condition_config.attributes) == ["speaker", "emotion"]
    for name, weights in model.state_dict().items():
        assert torch.equal(weights, loaded.model.state_dict()[name])
