"""The models by name: the only list of them.

    entry = MODELS["wavenet"]
    model = build("wavenet", entry.config(residual_channels=32))

To add a model: write its paper in one file (a frozen config, a class that keeps the contract of `autoregressive.py`),
name it here, give it a tiny config in `tests/models/tiny.py`. The contract tests then hold it to its definition.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from models.autoregressive import Autoregressive, WaveformModel
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig
from models.linear_ar import LinearAR, LinearARConfig
from models.multiscale import Multiscale, MultiscaleConfig
from models.pixelcnn import PixelCNN, PixelCNNConfig
from models.pixelcnn_pp import PixelCNNPP, PixelCNNPPConfig
from models.pixelrnn import PixelRNN, PixelRNNConfig
from models.wavenet import WaveNet, WaveNetConfig


@dataclass(frozen=True)
class Entry:
    """A config class and the model class that is built from it."""

    config: type[Any]
    model: type[Autoregressive]

    @property
    def kind(self) -> Literal["audio", "image"]:
        """What the model makes: "audio" for waveforms, "image" for pictures."""
        return "audio" if issubclass(self.model, WaveformModel) else "image"


MODELS: Mapping[str, Entry] = MappingProxyType(
    {
        "linear_ar": Entry(LinearARConfig, LinearAR),
        "pixelcnn": Entry(PixelCNNConfig, PixelCNN),
        "pixelrnn": Entry(PixelRNNConfig, PixelRNN),
        "gated_pixelcnn": Entry(GatedPixelCNNConfig, GatedPixelCNN),
        "pixelcnn_pp": Entry(PixelCNNPPConfig, PixelCNNPP),
        "multiscale": Entry(MultiscaleConfig, Multiscale),
        "wavenet": Entry(WaveNetConfig, WaveNet),
    }
)


def build(name: str, config: object) -> Autoregressive:
    """The model of this name, freshly initialised. ValueError for an unknown name or a config of another model."""
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}: choose from {', '.join(MODELS)}")
    entry = MODELS[name]
    if not isinstance(config, entry.config):
        raise ValueError(f"model {name!r} is built from {entry.config.__name__}, got {type(config).__name__}")
    return entry.model(config)
