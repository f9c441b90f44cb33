"""WaveNet in loops from the paper's equations, one timestep and one tap at a time, for one item: for tests."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.conditioning import Condition, ConditionConfig
from models.wavenet import WaveNet, WaveNetConfig
from models.wavenet_stack import StackShape

Vector = NDArray[np.float64]
Weights = dict[str, Vector]
GateBias = Callable[[int, int], Vector]
"""(t, number of a layer) to what conditions its gate there."""


def sigmoid(x: Vector) -> Vector:
    return np.asarray(1 / (1 + np.exp(-x)))


class Reference:
    """Equations (2) and (3), figure 4, and section 2.6."""

    def __init__(self, model: WaveNet, condition: Condition | None = None) -> None:
        self.config: WaveNetConfig = model.config
        self.weights: Weights = {name: value.numpy() for name, value in model.state_dict().items()}
        self.condition = condition

    def parameters(self, x: list[int]) -> Vector:
        """[T, P]."""
        contexts = [self.context(x, number) for number in range(len(self.config.contexts))]
        local = self.local_condition(len(x))
        width = self.config.gate_channels

        def bias(t: int, layer: int) -> Vector:
            rows = slice(layer * width, (layer + 1) * width)
            total = self.from_item(rows) + sum(context[t][rows] for context in contexts)
            if local is not None:
                total = total + self.weights["condition.from_frames.weight"][rows] @ local[t]
            return np.asarray(total)

        first = [self.first(x, t) for t in range(len(x))]
        skips = stack(self.weights, "stack.", self.config, first, bias)
        return np.array([self.head(skip) for skip in skips])

    def first(self, x: list[int], t: int) -> Vector:
        """The causal convolution of one-hot or of scaled levels, on the levels before t."""
        width, kernel = self.config.residual_channels, self.config.input_kernel_size
        before = [(j, t - 1 - (kernel - 1 - j)) for j in range(kernel)]
        there = [(j, x[p]) for j, p in before if p >= 0]
        if self.config.input == "scalar":
            taps = [self.scaled(level) * self.weights["first.conv.weight"][j, 0] for j, level in there]
            return np.asarray(self.weights["first.conv.bias"] + sum(taps))
        table = self.weights["first.embedding.weight"].reshape(-1, kernel, width)
        return np.asarray(sum((table[level, j] for j, level in there), np.zeros(width)))

    def scaled(self, level: int) -> float:
        """0 to -1, the last level to 1."""
        return 2 * level / (self.config.num_levels - 1) - 1

    def from_item(self, rows: slice) -> Vector:
        """V h."""
        if not self.config.condition.has_global:
            return np.zeros(rows.stop - rows.start)
        assert self.condition is not None
        h = np.zeros(self.config.condition.channels)
        if self.condition.attributes is not None:
            for column, value in enumerate(self.condition.attributes[0]):
                h = h + self.weights[f"condition.item.tables.{column}.weight"][int(value)]
        if self.condition.vector is not None:
            h = h + self.weights["condition.item.vector.weight"] @ self.condition.vector[0].numpy()
        return np.asarray(self.weights["condition.from_item.weight"][rows] @ h)

    def local_condition(self, num_timesteps: int) -> Vector | None:
        """Y [T, D]."""
        config = self.config.condition
        if not config.has_local:
            return None
        assert self.condition is not None
        frames = np.zeros((num_timesteps // config.hop, config.channels))
        for f in range(len(frames)):
            if self.condition.phones is not None:
                frames[f] += self.weights["condition.frames.phones.weight"][int(self.condition.phones[0, f])]
            if self.condition.features is not None:
                frames[f] += self.weights["condition.frames.features.weight"] @ self.condition.features[0, f].numpy()
        return upsampled(frames, config, self.weights, "condition.upsample.")

    def context(self, x: list[int], number: int) -> list[Vector]:
        """U c at every timestep, for all layers side by side."""
        config, prefix = self.config.contexts[number], f"contexts.{number}."
        weight, bias = self.weights[prefix + "pooling.weight"], self.weights[prefix + "pooling.bias"]
        blocks = [np.zeros(config.residual_channels)]  # what stands before block 0
        for start in range(0, len(x) - config.pool, config.pool):
            inputs = [self.context_input(x[t], prefix) for t in range(start, start + config.pool)]
            blocks.append(weight @ np.concatenate(inputs) + bias)
        nothing = np.zeros(config.gate_channels)
        skips = stack(self.weights, prefix + "stack.", config, blocks, lambda t, layer: nothing)
        c = [self.weights[prefix + "to_layers.weight"] @ np.maximum(0, skip) for skip in skips]
        return [c[t // config.pool] for t in range(len(x))]

    def context_input(self, level: int, prefix: str) -> Vector:
        """What a context stack pools: the level's embedding, or the scaled level."""
        if self.config.input == "scalar":
            return np.array([self.scaled(level)])
        return np.asarray(self.weights[prefix + "embedding.weight"][level])

    def head(self, skipped: Vector) -> Vector:
        w = self.weights
        hidden = np.maximum(0, w["head.weight"] @ np.maximum(0, skipped) + w["head.bias"])
        return np.asarray(w["output.weight"] @ hidden + w["output.bias"])


def stack(weights: Weights, prefix: str, shape: StackShape, x: list[Vector], bias: GateBias) -> list[Vector]:
    """Σ_l S_l z_l + s at every t, from the first layer's inputs."""
    skipped = [weights[prefix + "skip.bias"].copy() for _ in x]
    half = shape.gate_channels // 2
    dilations = shape.dilations * shape.num_stacks
    for layer, dilation in enumerate(dilations):
        own = f"{prefix}layers.{layer}."
        z = []
        for t in range(len(x)):
            total = weights[own + "gate.bias"] + bias(t, layer)
            for j in range(shape.kernel_size):
                past = t - (shape.kernel_size - 1 - j) * dilation
                if past >= 0:
                    total = total + x[past] @ weights[own + "gate.weight"][j]
            z.append(np.tanh(total[:half]) * sigmoid(total[half:]))
        skip = weights[prefix + "skip.weight"][:, layer * half : (layer + 1) * half]
        skipped = [s + skip @ z_t for s, z_t in zip(skipped, z, strict=True)]
        if layer < len(dilations) - 1:
            x = [x_t + weights[own + "residual.weight"] @ z_t for x_t, z_t in zip(x, z, strict=True)]
    return skipped


def upsampled(frames: Vector, config: ConditionConfig, weights: Weights, prefix: str) -> Vector:
    """Frames [F, D] to timesteps [T, D], one timestep at a time."""
    if config.upsampling == "transposed":
        for stage, factor in enumerate(config.upsampling_factors or (config.hop,)):
            frames = transposed_convolution(frames, factor, weights[f"{prefix}stages.{stage}.weight"])
        return frames
    timesteps = range(len(frames) * config.hop)
    if config.upsampling == "repeat":
        return np.array([frames[t // config.hop] for t in timesteps])
    return np.array([between_centres(frames, config.hop, t) for t in timesteps])


def transposed_convolution(frames: Vector, factor: int, weight: Vector) -> Vector:
    """Each frame adds its product with tap j at timestep f·factor + j; kernel = stride, so no two meet."""
    channels = frames.shape[1]
    y = np.zeros((len(frames) * factor, channels))
    for f, j, o, i in np.ndindex(len(frames), factor, channels, channels):
        y[f * factor + j, o] += weight[j * channels + o, i] * frames[f, i]
    return y


def between_centres(frames: Vector, hop: int, t: int) -> Vector:
    """The value at t + ½, where that of frame f stands at (f + ½)·hop and the ends hold."""
    centres = [(f + 0.5) * hop for f in range(len(frames))]
    if t + 0.5 <= centres[0]:
        return np.asarray(frames[0])
    for f in range(len(frames) - 1):
        if centres[f] <= t + 0.5 < centres[f + 1]:
            share = (t + 0.5 - centres[f]) / hop
            return np.asarray((1 - share) * frames[f] + share * frames[f + 1])
    return np.asarray(frames[-1])


def mixture_nll(parameters: Vector, x: Sequence[int], num_levels: int) -> Vector:
    """PixelCNN++, equation 2: -log Σ π_i [σ((x + ½ - μ_i) / s_i) - σ((x - ½ - μ_i) / s_i)], the ends open."""
    nll = []
    for parts, level in zip(parameters, x, strict=True):
        logits, means, log_scales = np.split(parts, 3)
        weights = np.exp(logits) / np.exp(logits).sum()
        value, half_bin = 2 * level / (num_levels - 1) - 1, 1 / (num_levels - 1)
        above = 1.0 if level == num_levels - 1 else sigmoid((value + half_bin - means) / np.exp(log_scales))
        below = 0.0 if level == 0 else sigmoid((value - half_bin - means) / np.exp(log_scales))
        nll.append(-np.log((weights * (above - below)).sum()))
    return np.array(nll)
