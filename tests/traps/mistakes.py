"""Mistakes that run, train and look right, each made of what is right: what `test_traps.py` plants."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor

from models.layers.causal_conv import delay
from models.layers.masked_conv import MaskedConv2d
from models.layers.pixel_mixture import PixelMixture
from models.linear_process import LinearProcess
from models.multiscale import Multiscale, with_map
from models.wavenet_stack import GatedLayer, GatedStack, LayerStep, StackCache
from pipeline.audio import companding
from pipeline.batches import Batch
from pipeline.evaluation.evaluation import Figure
from pipeline.evaluation.likelihood import Score
from pipeline.training.loop import Run


def instead(value: Any) -> Callable[[Any], Any]:
    """This value, whatever was there."""
    return lambda _: value


def unshifted(x: Tensor) -> Tensor:
    return x


def shifted_twice(x: Tensor) -> Tensor:
    return delay(x, 2)


def with_257_levels(x: Any, num_levels: int = 256, *_: Any) -> Any:
    y = companding.compress(np.clip(np.asarray(x, np.float64), -1, 1), 256)
    return np.floor((y + 1) / 2 * num_levels + 0.5).astype(np.int64)


def floored(x: Any, num_levels: int = 256, *_: Any) -> Any:
    y = companding.compress(np.clip(np.asarray(x, np.float64), -1, 1), num_levels - 1)
    return np.floor((y + 1) / 2 * (num_levels - 1)).astype(np.uint8)


def unclamped(x: Any, num_levels: int = 256, *_: Any) -> Any:
    y = companding.compress(np.asarray(x, np.float64), num_levels - 1)
    return np.floor((y + 1) / 2 * (num_levels - 1) + 0.5).astype(np.int64)


def padded_at_the_input(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Zeros before the network alone: the layers' biases have made something else of them by the second layer."""

    def faulty(stack: GatedStack, x: Tensor, biases: Any) -> Tensor:
        reach = sum(layer.gate.reach for layer in stack.layers)
        return forward(stack, F.pad(x, (0, 0, reach, 0)), biases)[:, reach:]

    return faulty


def kept_from_the_last_item(init_cache: Callable[..., StackCache]) -> Callable[..., StackCache]:
    """Rings that hold what the item before left in them."""
    rings: list[list[list[Tensor]]] = []

    def faulty(stack: GatedStack, biases: Tensor) -> StackCache:
        cache = init_cache(stack, biases)
        for layer, ring in zip(cache.layers, rings[-1] if rings else [], strict=False):
            layer.ring = ring
        rings.append([layer.ring for layer in cache.layers])
        return cache

    return faulty


def weights_read_once(layer_step: Callable[..., LayerStep]) -> Callable[..., LayerStep]:
    """Weights as they were when the first item was drawn."""
    read: dict[GatedLayer, list[Tensor]] = {}

    def faulty(stack: GatedStack, layer: GatedLayer, bias: Tensor, z: Tensor) -> LayerStep:
        step = layer_step(stack, layer, bias, z)
        return replace(step, taps=read.setdefault(layer, [tap.detach().clone() for tap in step.taps]))

    return faulty


def a_frame_late(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda embedding, condition: forward(embedding, condition).roll(1, 1)


def of_the_first_item(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda embedding, condition: forward(embedding, condition)[:1].expand(
        *(condition.phones if condition.phones is not None else condition.features).shape[:2], -1
    )


def never_dropped(x: Tensor, _: Tensor | None) -> Tensor:
    return x


def all_b(mask: Callable[[MaskedConv2d], Tensor]) -> Callable[[MaskedConv2d], Tensor]:
    def faulty(conv: MaskedConv2d) -> Tensor:
        conv.mask_type = "B"
        return mask(conv)

    return faulty


def colours_take_turns(logits: Tensor, num_colours: int) -> Tensor:
    """The output read as R G B R G B ..., where the features' groups are R R ... G G ... B B ..."""
    turns: Tensor = logits.unflatten(1, (-1, num_colours))
    return turns.movedim(1, -1)


def halves_take_turns(x: Tensor) -> Tensor:
    """Tanh of every even feature, sigmoid of the odd one beside it: their colours are others than the output's."""
    return torch.tanh(x[:, ::2]) * torch.sigmoid(x[:, 1::2])


def remainder_last(num_features: int, num_colours: int) -> list[int]:
    return [min(feature // (num_features // num_colours), num_colours - 1) for feature in range(num_features)]


def written_into_the_weights(conv: MaskedConv2d) -> Tensor:
    conv.weight.data.mul_(conv.mask)
    return conv.weight


def with_no_blind_spot(offsets: Callable[..., list[tuple[int, int]]]) -> Callable[..., list[tuple[int, int]]]:
    return lambda reach, **settings: [*offsets(reach, **settings), (-1, 2 * reach.right)]


def nothing_handed_over(x: Tensor) -> Tensor:
    return torch.zeros_like(x)


def without_tails(value: Tensor, mean: Tensor, log_scale: Tensor, num_levels: int) -> tuple[Tensor, Tensor]:
    """Edge bins as wide as all others."""
    half, scale = 1 / (num_levels - 1), log_scale.exp()
    return (value - half - mean) / scale, (value + half - mean) / scale


def means_for_values(given: Callable[..., PixelMixture]) -> Callable[..., PixelMixture]:
    """A later colour sees what an earlier one is expected to be, not what it is."""
    return lambda mixture, colour, value: given(mixture, colour, mixture.means[..., colour, 0])


def nothing_for_ones(inputs: Tensor) -> Tensor:
    return torch.zeros_like(inputs)


def started_from_other_answers(start_from: Callable[..., None]) -> Callable[..., None]:
    """The start of a layer, as if its input had the size that it has before the layers below are started."""
    return lambda layer, x: start_from(layer, 2 * x + 1)


def upscaler_scores_all(model: Multiscale, inputs: Tensor, condition: Any = None) -> Tensor:
    """The pixels that it is given count once more, under the network that has seen them."""
    return model.upscaler.predict(inputs, with_map(condition, model.low(inputs)))


def draws_the_likeliest(draw: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda draws, position, parameters: draw(draws, position, 3 * parameters)


def one_tenth_of_a_level_lost(uniforms_at: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda draws, position: 0.9 * uniforms_at(draws, position)


def wrong_sign(whitened: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda predictors, covariance: -whitened(predictors, covariance)


def oldest_first(parameters_from: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda model, windows: parameters_from(model, windows.flip(-1))


def below_one(process: LinearProcess) -> bool:
    """Each coefficient by itself, as of an AR(1)."""
    return bool((process.coefficients.abs() < 1).all())


def all_scored(batch: Callable[..., Batch]) -> Callable[..., Batch]:
    return lambda x, scored, *others: batch(x, torch.ones_like(scored), *others)


def nats_for_bits(figure: Callable[[Score], Figure]) -> Callable[[Score], Figure]:
    return lambda score: replace(figure(score), bits=score.nll_nats / score.num_levels)


def divided_by_pixels(figure: Callable[[Score], Figure]) -> Callable[[Score], Figure]:
    return lambda score: replace(figure(score), bits=3 * figure(score).bits)


def last_weights_exported(export: Callable[[Run], None]) -> Callable[[Run], None]:
    """Neither the average nor the best of it."""

    def faulty(run: Run) -> None:
        run.best = run.learner.model.state_dict()
        export(run)

    return faulty
