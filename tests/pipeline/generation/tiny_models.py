"""Small models with random weights, saved as `train` saves one, for the tests of generation and evaluation."""

from dataclasses import asdict, replace
from typing import Any

import torch

from models import build
from models.conditioning import ConditionConfig
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.wavenet import WaveNetConfig
from pipeline.conditions import Conditioning
from pipeline.model_folder import ExportedModel, ModelInfo, load_model, save_model
from pipeline.shards.schema import AudioConventions, Conventions, ImageConventions
from pipeline.speech.utterance import Phone, Utterance, Word
from pipeline.storage import Location

AUDIO = AudioConventions(sample_rate_hz=1000, num_levels=32)
FINE_AUDIO = AudioConventions(sample_rate_hz=1000, companding="linear", num_levels=65536)
IMAGE = ImageConventions(height=5, width=4, channels=3, num_levels=8)

SPEECH = Conditioning({"speaker": ("ann", "bob"), "emotion": ("calm", "glad")}, ("a", "b", "sil"), hop=5)
TOLD = Conditioning({}, ("a", "b", "s", "sil"), 5, ("stress", "words_in_phrase"), True)
SPEAKERS = Conditioning({"speaker": ("ann", "bob")})
NOTHING = Conditioning()
DIGITS = Conditioning({"label": ("0", "1", "2")})


ABBA = Utterance(
    ((Word("ab", ((Phone("a", 1), Phone("b", 1)),)), Word("b", ((Phone("b"),),))), (Word("a", ((Phone("a"),),)),))
)
"""What `pronounce` is made to say where a test is not about espeak: "ab b, a"."""


def wavenet(condition: ConditionConfig) -> WaveNetConfig:
    """Two stacks of dilations 1, 2, 4: a receptive field of 15 timesteps."""
    return WaveNetConfig(32, 16, 16, 16, 16, 2, (1, 2, 4), 2, 1, condition)


def gated_pixelcnn(condition: ConditionConfig) -> GatedPixelCNNConfig:
    """Two layers."""
    return GatedPixelCNNConfig(8, 3, 12, 2, 12, 3, 3, condition)


def save_tiny(folder: Location, kind: str, conditioning: Conditioning) -> ExportedModel:
    """A WaveNet ("audio") or a Gated PixelCNN ("image") with weights that make every condition count."""
    torch.set_num_threads(1)
    torch.manual_seed(7)
    condition = conditioning.model_config(8)
    config: Any = wavenet(condition) if kind == "audio" else gated_pixelcnn(condition)
    name = "wavenet" if kind == "audio" else "gated_pixelcnn"
    model = build(name, config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    conventions: Conventions = AUDIO if kind == "audio" else IMAGE
    save_model(folder, model, ModelInfo(name, asdict(config), conventions, conditioning, ""), "# tiny\n")
    return load_model(folder)


def save_fine(folder: Location) -> ExportedModel:
    """A WaveNet of 65,536 levels, which are two bytes each."""
    torch.manual_seed(7)
    config = replace(wavenet(ConditionConfig()), num_levels=65536, input="scalar", output="logistic_mixture")
    info = ModelInfo("wavenet", asdict(config), FINE_AUDIO, NOTHING, "")
    save_model(folder, build("wavenet", config), info, "# tiny\n")
    return load_model(folder)
