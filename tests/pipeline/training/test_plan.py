"""The model that fits a dataset: what the dataset decides is filled in, everywhere, and may not be contradicted."""

from dataclasses import asdict, replace
from typing import Any

import pytest

from models.conditioning import ConditionConfig
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.multiscale import MultiscaleConfig
from models.pixelcnn import PixelCNNConfig
from models.pixelcnn_pp import PixelCNNPPConfig
from models.wavenet import WaveNetConfig
from models.wavenet_context import ContextStackConfig
from pipeline.conditions import Conditioning
from pipeline.errors import ConfigError
from pipeline.shards.schema import AudioConventions, ImageConventions
from pipeline.training.config import TrainingConfig
from pipeline.training.export import model_settings, table
from pipeline.training.plan import fit_to_dataset, require_buildable, require_few_for_softmax, require_size

DIGITS = ImageConventions(28, 28, 1, 17)
LABELLED = Conditioning({"label": ("0", "1", "2")})
INNER: dict[str, Any] = {
    "name": "multiscale",
    "factor": 7,
    "base": {"name": "pixelcnn", "hidden": 8},
    "upscaler": {"name": "gated_pixelcnn"},
}
SETTINGS: dict[str, Any] = {"base": INNER, "upscaler": {"name": "pixelcnn", "kernel": 5}}


def fitted(settings: dict[str, Any]) -> MultiscaleConfig:
    config: MultiscaleConfig = fit_to_dataset("multiscale", settings, DIGITS, LABELLED, 6)
    return config


def test_what_the_dataset_decides_is_filled_in_at_every_depth() -> None:
    decided: dict[str, Any] = {"num_levels": 17, "channels": 1, "condition": ConditionConfig({"label": 3}, channels=6)}
    inner = MultiscaleConfig(
        factor=7, base=PixelCNNConfig(hidden=8, **decided), upscaler=GatedPixelCNNConfig(**decided), **decided
    )
    assert fitted(SETTINGS) == MultiscaleConfig(base=inner, upscaler=PixelCNNConfig(kernel=5, **decided), **decided)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {**SETTINGS, "num_levels": 4},
            "model.num_levels is 4, and the dataset makes it 17; leave model.num_levels out",
        ),
        (
            {**SETTINGS, "upscaler": {"name": "pixelcnn", "channels": 3}},
            "model.upscaler.channels is 3, and the dataset",
        ),
        (
            {**SETTINGS, "base": {**INNER, "base": {"name": "pixelcnn", "num_levels": 256}}},
            "model.base.base.num_levels is 256, and the dataset makes it 17; leave model.base.base.num_levels out",
        ),
    ],
)
def test_a_contradiction_is_named_where_it_stands(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=f"^{said}"):
        fitted(settings)


@pytest.mark.parametrize(("height", "width"), [(28, 28), (14, 42)])
def test_pictures_that_all_sizes_divide_are_taken(height: int, width: int) -> None:
    require_size("multiscale", fitted(SETTINGS), ImageConventions(height, width, 1, 17))


SPOKEN = Conditioning({}, ("a", "b"), hop=80)


def test_how_frames_are_brought_to_timesteps_is_the_trainings_choice() -> None:
    config: WaveNetConfig = fit_to_dataset(
        "wavenet", {}, AudioConventions(16000), SPOKEN, 6, upsampling="transposed", factors=(4, 4, 5)
    )
    assert config.condition == SPOKEN.model_config(6, "transposed", (4, 4, 5))
    said = r"^model wavenet: .* the number of timesteps in a frame, 80, got \[4, 4\], which make 16; give other factors"
    with pytest.raises(ConfigError, match=said):
        fit_to_dataset("wavenet", {}, AudioConventions(16000), SPOKEN, 6, upsampling="transposed", factors=(4, 4))


def test_factors_without_frames_are_refused() -> None:
    with pytest.raises(ValueError, match=r"upsampling_factors are \[5, 8\] and condition_on names no phones"):
        TrainingConfig(condition_on=("speaker",), upsampling="transposed", upsampling_factors=(5, 8))
    TrainingConfig(condition_on=("phones",), upsampling="transposed", upsampling_factors=(5, 8))


def test_a_softmax_over_16_bits_is_refused_before_any_work() -> None:
    fine = WaveNetConfig(num_levels=65536, input="scalar", residual_channels=2, skip_channels=2, head_channels=2)
    with pytest.raises(ConfigError, match=r"a softmax, and 65536 levels are more than .*model.output=logistic_mixture"):
        require_few_for_softmax("wavenet", require_buildable("wavenet", fine))
    for config in (replace(fine, output="logistic_mixture"), replace(fine, num_levels=4096)):
        require_few_for_softmax("wavenet", require_buildable("wavenet", config))


@pytest.mark.parametrize(("height", "width"), [(28, 30), (7, 14)])
def test_pictures_that_a_size_does_not_divide_are_refused_before_any_work(height: int, width: int) -> None:
    conventions = ImageConventions(height, width, 1, 17)
    with pytest.raises(ConfigError, match=rf"divisible by 14, and the dataset's pictures are {height} × {width};"):
        require_size("multiscale", fitted(SETTINGS), conventions)
    require_size("pixelcnn", PixelCNNConfig(), conventions)


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("pixelcnn", PixelCNNConfig(hidden=2), "a feature map for each, got 3 and 2"),
        (
            "multiscale",
            MultiscaleConfig(base=PixelCNNConfig(), upscaler=PixelCNNPPConfig()),
            r"base and upscaler must give the same distribution, got Categorical.* \(pixelcnn\)",
        ),
    ],
)
def test_a_network_that_cannot_be_built_is_refused_before_any_work(name: str, config: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^model {name}: .*{said}"):
        require_buildable(name, config)
    require_buildable("pixelcnn", PixelCNNConfig())


def test_the_card_shows_the_settings_of_every_part_once() -> None:
    shown = model_settings(asdict(fitted(SETTINGS)))
    assert shown["num_levels"] == 17
    assert shown["condition"] == "see above"
    assert {key: shown[key] for key in shown if key.startswith("base.base.")} == {
        "base.base.hidden": 8,
        "base.base.num_layers": 15,
        "base.base.head_channels": 1024,
        "base.base.first_kernel": 7,
        "base.base.kernel": 3,
        "base.base.name": "pixelcnn",
    }
    assert not any(isinstance(value, dict) for value in shown.values())


def test_the_card_shows_each_of_several_parts() -> None:
    shown = model_settings(asdict(WaveNetConfig(contexts=(ContextStackConfig(pool=4), ContextStackConfig(pool=16)))))
    assert [shown["contexts.0.pool"], shown["contexts.1.pool"]] == [4, 16]
    assert "contexts" not in shown
    assert "| contexts | none |" in table(model_settings(asdict(WaveNetConfig())))
