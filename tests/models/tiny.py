"""A tiny config for every model in the registry: what the contract tests run on. A new model adds its builder here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from models import MODELS, build
from models.autoregressive import Autoregressive
from models.conditioning import Condition, ConditionConfig
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.linear_ar import LinearARConfig
from models.pixelcnn import PixelCNNConfig
from models.wavenet import WaveNetConfig

HOP = 2
COLOURS = ("red", "green", "blue")
"""25 features of 3 colours are 9, 8 and 8, so that every mask meets the remainder."""
CONDITIONS = {
    "none": ConditionConfig(),
    "global": ConditionConfig({"speaker": 3, "emotion": 2}, channels=4),
    "local": ConditionConfig(num_phones=4, num_features=2, hop=HOP, channels=4),
    "both": ConditionConfig({"speaker": 3}, num_phones=4, hop=HOP, channels=4),
}


@dataclass(frozen=True)
class Tiny:
    """How to build a small one: from num_levels and a condition; the shape of its items; the conditions it takes."""

    config: Callable[[int, ConditionConfig], Any]
    shape: tuple[int, ...]
    conditions: tuple[str, ...]


TINY = {
    "linear_ar": Tiny(lambda levels, _: LinearARConfig(order=3, num_levels=levels), (12,), ("none",)),
    "wavenet": Tiny(
        lambda levels, condition: WaveNetConfig(
            num_levels=levels,
            residual_channels=5,
            gate_channels=6,
            skip_channels=7,
            head_channels=8,
            kernel_size=2,
            dilations=(1, 2),
            num_stacks=2,
            condition=condition,
        ),
        (12,),
        ("none", "global", "local", "both"),
    ),
    "pixelcnn": Tiny(
        lambda levels, condition: PixelCNNConfig(
            num_levels=levels,
            channels=len(COLOURS),
            hidden=25,
            num_layers=2,
            head_channels=32,
            first_kernel=3,
            condition=condition,
        ),
        (len(COLOURS), 3, 3),
        ("none", "global"),
    ),
    "gated_pixelcnn": Tiny(
        lambda levels, condition: GatedPixelCNNConfig(
            num_levels=levels,
            channels=len(COLOURS),
            hidden=25,
            num_layers=2,
            head_channels=32,
            first_kernel=3,
            condition=condition,
        ),
        (len(COLOURS), 3, 3),
        ("none", "global"),
    ),
}

CASES = [(name, condition) for name in MODELS if name in TINY for condition in TINY[name].conditions]


def tiny_model(name: str, condition: str = "none", num_levels: int = 5, seed: int = 0) -> Autoregressive:
    """A small model in float64, its parameters far from symmetric."""
    torch.manual_seed(seed)
    model = build(name, TINY[name].config(num_levels, CONDITIONS[condition])).double()
    perturb(model, seed)
    return model


def perturb(model: Autoregressive, seed: int) -> None:
    """Other weights, so that nothing is zero or equal by the way it was initialised."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))


def tiny_levels(name: str, batch_size: int = 3, num_levels: int = 5, seed: int = 1) -> torch.Tensor:
    """Levels [B, *shape] at random."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, num_levels, (batch_size, *TINY[name].shape), generator=generator)


def tiny_condition(kind: str, batch_size: int = 3, num_timesteps: int = 12, seed: int = 2) -> Condition | None:
    """A condition of this kind for waveforms of num_timesteps, or for pictures."""
    config, generator = CONDITIONS[kind], torch.Generator().manual_seed(seed)
    if kind == "none":
        return None
    columns = [torch.randint(0, values, (batch_size,), generator=generator) for values in config.attributes.values()]
    shape = (batch_size, num_timesteps // config.hop)
    phones = torch.randint(0, config.num_phones, shape, generator=generator) if config.has_local else None
    features = torch.randn(*shape, config.num_features, generator=generator) if config.num_features else None
    return Condition(torch.stack(columns, 1) if columns else None, phones, features)
