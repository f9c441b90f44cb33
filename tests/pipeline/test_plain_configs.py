"""Configs come back from JSON as they were, those within them too: each as what its name says."""

import json
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from models.conditioning import ConditionConfig
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.multiscale import MultiscaleConfig
from models.pixelcnn import PixelCNNConfig
from models.wavenet import WaveNetConfig
from models.wavenet_context import ContextStackConfig
from pipeline.errors import ModelError
from pipeline.plain_configs import choices_by_name, from_plain, named_settings

MIDDLE = MultiscaleConfig(factor=3, base=PixelCNNConfig(hidden=5), upscaler=GatedPixelCNNConfig(num_layers=2))
NESTED = MultiscaleConfig(
    num_levels=7, base=MIDDLE, upscaler=PixelCNNConfig(kernel=5), condition=ConditionConfig({"label": 3}, channels=4)
)


def through_json(config: Any) -> Any:
    return json.loads(json.dumps(asdict(config)))


def test_a_model_of_models_comes_back() -> None:
    assert from_plain(MultiscaleConfig, through_json(NESTED)) == NESTED


def test_configs_in_a_tuple_come_back() -> None:
    config = WaveNetConfig(contexts=(ContextStackConfig(pool=4, dilations=(1, 2)), ContextStackConfig(pool=2)))
    assert from_plain(WaveNetConfig, through_json(config)) == config


@pytest.mark.parametrize(("name", "shown"), [("pixelnet", "'pixelnet'"), (None, "'None'")])
def test_a_part_of_another_release_is_named(name: str | None, shown: str) -> None:
    data = through_json(NESTED)
    data["base"]["base"]["name"] = name
    with pytest.raises(ModelError, match=rf"named {shown}; this release knows gated_pixelcnn, multiscale, pixelcnn"):
        from_plain(MultiscaleConfig, data)


def test_an_unknown_setting_of_a_part_is_named() -> None:
    data = through_json(NESTED)
    data["base"]["upscaler"]["wings"] = 2
    with pytest.raises(ModelError, match="GatedPixelCNNConfig has no setting wings"):
        from_plain(MultiscaleConfig, data)


@dataclass(frozen=True)
class Nameless:
    size: int = 1
    name: str = "any"


def test_only_names_that_tell_apart_decide() -> None:
    assert choices_by_name(Nameless | ConditionConfig) == {}
    assert choices_by_name(int) == {}
    assert choices_by_name(PixelCNNConfig | GatedPixelCNNConfig | None) == {
        "pixelcnn": PixelCNNConfig,
        "gated_pixelcnn": GatedPixelCNNConfig,
    }
    assert set(named_settings(MultiscaleConfig)) == {"base", "upscaler"}
    assert named_settings(PixelCNNConfig) == {}
