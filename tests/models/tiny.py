"""Tiny models of every kind in the registry, under every kind of condition: what the contract tests run on.

A new model adds its variants to TINY, each a line or two: the settings that make another network of it, the shape of
its items, the kinds of condition it is tried with. A kind that ends with SOME_DROPPED draws every other item, the first
one included, without its condition.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from models import MODELS, build
from models.autoregressive import Autoregressive
from models.conditioning import Condition, ConditionConfig
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.multiscale import MultiscaleConfig
from models.pixelcnn import PixelCNNConfig
from models.wavenet_context import ContextStackConfig

SOME_DROPPED = ", some dropped"
COLOURS = ("red", "green", "blue")
"""25 features of 3 colours are 9, 8 and 8, so that every mask meets the remainder."""
CONDITIONS = {
    "none": ConditionConfig(),
    "global": ConditionConfig({"speaker": 3, "emotion": 2}, channels=4),
    "vector": ConditionConfig(vector_size=3, channels=4),
    "global and vector": ConditionConfig({"speaker": 3}, vector_size=3, channels=4),
    "local": ConditionConfig(num_phones=4, num_features=2, hop=2, channels=4),
    "both": ConditionConfig({"speaker": 3}, num_phones=4, hop=2, channels=4),
    "features": ConditionConfig(num_features=2, hop=3, channels=4),
    "linear": ConditionConfig(num_phones=4, num_features=2, hop=2, channels=4, upsampling="linear"),
    "transposed": ConditionConfig(
        {"speaker": 3}, num_features=2, hop=4, channels=4, upsampling="transposed", upsampling_factors=(2, 2)
    ),
    "planes": ConditionConfig(num_planes=2, plane_factor=2, channels=4),
    "global and planes": ConditionConfig({"speaker": 3}, num_planes=2, plane_factor=2, channels=4),
}
CONDITIONS |= {kind + SOME_DROPPED: config for kind, config in CONDITIONS.items() if not config.is_empty}


@dataclass(frozen=True)
class Tiny:
    """How to build a small one: the model's name, its config from num_levels and a condition; the shape of its items.

    `conditions` are the kinds of condition it is tried with. `enumerated` are a number of levels and a shape so small
    that all items can be listed in a moment; None where there is no such shape (`test_multiscale.py` takes its time).
    """

    model: str
    config: Callable[[int, ConditionConfig], Any]
    shape: tuple[int, ...]
    conditions: tuple[str, ...] = ("none",)
    enumerated: tuple[int, tuple[int, ...]] | None = (2, (12,))


def waveforms(model: str, conditions: tuple[str, ...] = ("none",), **settings: Any) -> Tiny:
    """A model of waveforms of 12 timesteps, its config made of these settings."""
    return Tiny(model, config_of(model, settings), (12,), conditions)


def pictures(model: str, shape: tuple[int, ...], conditions: tuple[str, ...] = ("none",), **settings: Any) -> Tiny:
    """A model of pictures [C, H, W] of this shape, its config made of these settings."""
    config = config_of(model, {"channels": shape[0], **settings})
    return Tiny(model, config, shape, conditions, enumerated=(2, (shape[0], 2, 2)))


def config_of(model: str, settings: dict[str, Any]) -> Callable[[int, ConditionConfig], Any]:
    """A builder of this model's configs; one that takes no condition is asked for none."""

    def config(num_levels: int, condition: ConditionConfig) -> Any:
        given = {} if condition.is_empty else {"condition": condition}
        return MODELS[model].config(num_levels=num_levels, **given, **settings)

    return config


RGB, GREY = (len(COLOURS), 3, 3), (1, 4, 4)
WAVENET: dict[str, Any] = {
    "residual_channels": 5,
    "gate_channels": 6,
    "skip_channels": 7,
    "head_channels": 8,
    "dilations": (1, 2),
    "num_stacks": 2,
}
CONTEXTS = (ContextStackConfig(3, 4, 6, 5, dilations=(1, 2)), ContextStackConfig(2, 3, 4, 3, 3, dilations=(1,)))
MIXTURE = {"input": "scalar", "output": "logistic_mixture", "num_components": 2, "input_kernel_size": 2}
PIXELCNN: dict[str, Any] = {"hidden": 25, "num_layers": 2, "head_channels": 32, "first_kernel": 3}
PIXELRNN = PIXELCNN | {"first_kernel": 5}
PIXELCNN_PP = {"filters": 4, "num_resnets": 1, "num_resolutions": 2, "num_components": 2, "dropout": 0.0}
NARROW = PIXELCNN | {"hidden": 8, "head_channels": 8}
THREE_SCALES: dict[str, Any] = {
    "map_channels": 4,
    "base": MultiscaleConfig(base=PixelCNNConfig(**NARROW), upscaler=GatedPixelCNNConfig(**NARROW)),
    "upscaler": PixelCNNConfig(**NARROW),
}
ROW, UNRESIDUAL = {"recurrence": "row_lstm"}, {"residual": False, "skip": True}

TINY = {
    "linear_ar": waveforms("linear_ar", order=3),
    "wavenet": waveforms(
        "wavenet", ("none", "global", "global and vector", "local", "both", "both" + SOME_DROPPED), **WAVENET
    ),
    "wavenet k3": waveforms("wavenet", ("none", "local" + SOME_DROPPED), kernel_size=3, **WAVENET),
    "wavenet input": waveforms(
        "wavenet", ("none", "features", "linear" + SOME_DROPPED, "transposed"), input_kernel_size=2, **WAVENET
    ),
    "wavenet contexts": waveforms("wavenet", ("none", "linear"), contexts=CONTEXTS, **WAVENET),
    "wavenet 16-bit": waveforms(
        "wavenet", ("none", "transposed" + SOME_DROPPED), contexts=CONTEXTS[:1], **MIXTURE, **WAVENET
    ),
    "pixelcnn": pictures("pixelcnn", RGB, ("none", "global", "vector" + SOME_DROPPED), **PIXELCNN),
    "pixelcnn grey": pictures("pixelcnn", GREY, ("none", "planes"), **PIXELCNN),
    "pixelrnn": pictures("pixelrnn", RGB, ("none", "vector" + SOME_DROPPED), **PIXELRNN),
    "pixelrnn grey": pictures("pixelrnn", GREY, ("none", "planes" + SOME_DROPPED), **PIXELRNN, **UNRESIDUAL),
    "pixelrnn row": pictures("pixelrnn", RGB, ("none", "global and vector"), **PIXELRNN, **ROW, **UNRESIDUAL),
    "pixelrnn row grey": pictures("pixelrnn", GREY, ("none", "planes"), **PIXELRNN, **ROW),
    "gated_pixelcnn": pictures("gated_pixelcnn", RGB, ("none", "global", "vector" + SOME_DROPPED), **PIXELCNN),
    "gated_pixelcnn grey": pictures(
        "gated_pixelcnn", GREY, ("none", "global and planes", "planes" + SOME_DROPPED), **PIXELCNN
    ),
    "pixelcnn_pp": pictures(
        "pixelcnn_pp", (len(COLOURS), 2, 4), ("none", "global", "vector" + SOME_DROPPED), **PIXELCNN_PP
    ),
    "pixelcnn_pp grey": pictures(
        "pixelcnn_pp", GREY, ("none", "global and planes", "planes" + SOME_DROPPED), **PIXELCNN_PP
    ),
    "multiscale": pictures(
        "multiscale",
        (len(COLOURS), 2, 4),
        ("none", "global", "vector" + SOME_DROPPED),
        base=PixelCNNConfig(**PIXELCNN),
        upscaler=GatedPixelCNNConfig(**PIXELCNN),
    ),
    "multiscale of three": replace(pictures("multiscale", (1, 4, 8), **THREE_SCALES), enumerated=None),
}
"""The first variant of each model bears its name."""

CASES = [(name, kind) for name, tiny in TINY.items() for kind in tiny.conditions]


def each_once() -> list[tuple[str, str]]:
    """Every variant under the last of its kinds of condition, and every kind that is then left out, under one."""
    last = [(name, tiny.conditions[-1]) for name, tiny in TINY.items()]
    others = {kind: (name, kind) for name, kind in CASES if kind not in {kind for _, kind in last}}
    return [*last, *others.values()]


EACH_ONCE = each_once()
"""For what takes long: variants and kinds of condition, but not each with each."""


def tiny_model(name: str, kind: str = "none", num_levels: int = 5, seed: int = 0) -> Autoregressive:
    """A small model in float64, its parameters far from symmetric."""
    torch.manual_seed(seed)
    tiny = TINY[name]
    model = build(tiny.model, tiny.config(num_levels, CONDITIONS[kind])).double()
    perturb(model, seed)
    return model


def perturb(model: Autoregressive, seed: int, by: float = 0.2) -> None:
    """Other weights, so that nothing is zero or equal by the way it was initialised."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(by * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))


def tiny_levels(name: str, batch_size: int = 3, num_levels: int = 5, seed: int = 1) -> torch.Tensor:
    """Levels [B, *shape] at random."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, num_levels, (batch_size, *TINY[name].shape), generator=generator)


def tiny_condition(
    kind: str, batch_size: int = 3, num_timesteps: int = 12, size: tuple[int, int] = GREY[1:], seed: int = 2
) -> Condition | None:
    """A condition of this kind for waveforms of num_timesteps, or for pictures of this height and width."""
    config, generator = CONDITIONS[kind], torch.Generator().manual_seed(seed)
    if kind == "none":
        return None

    def reals(*shape: int, wanted: bool) -> torch.Tensor | None:
        return torch.randn(batch_size, *shape, generator=generator, dtype=torch.float64) if wanted else None

    columns = [torch.randint(0, values, (batch_size,), generator=generator) for values in config.attributes.values()]
    num_frames = num_timesteps // config.hop
    cells = (side // config.plane_factor for side in size)
    phones = torch.randint(0, max(1, config.num_phones), (batch_size, num_frames), generator=generator)
    return Condition(
        attributes=torch.stack(columns, 1) if columns else None,
        phones=phones if config.num_phones else None,
        features=reals(num_frames, config.num_features, wanted=config.num_features > 0),
        vector=reals(config.vector_size, wanted=config.vector_size > 0),
        planes=reals(config.num_planes, *cells, wanted=config.has_planes),
        dropped=torch.arange(batch_size) % 2 == 0 if kind.endswith(SOME_DROPPED) else None,
    )
