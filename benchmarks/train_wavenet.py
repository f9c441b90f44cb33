"""A training step of WaveNet in timesteps a CPU second, beside the plain formulation, a peer and the products alone.

    pip install -e '.[bench]'                         for the peer
    python -m benchmarks.train_wavenet [--rounds N] [--only "arch i, bf16"] [--record]

A step is the likelihood of 2 × 4,096 levels, its gradient, and Adam's update. In bf16 products are bfloat16
(autocast), weights and Adam's state float32. The peer is r9y9's wavenet_vocoder 0.1.1 in float32, with the same
layers, channels, kernel and batch. It was published for one-hot levels, so its first layer is a product.

The ceiling is the matrix products alone, in the step's precision, each made once by torch.mm into a new tensor, for
N = 2 × 4,096 timesteps:

    each layer         [N, k·R] × [k·R, G]                        and but for the last [N, H] × [H, R]
    the skips          [N, L·H] × [L·H, S], one for all layers
    the head           [N, S] × [S, A] and [N, A] × [A, K]
    for each of these  the gradient of its input, [N, out] × [out, in], and of its weight, [in, N] × [N, out]

The targets in bf16 are .80 of it, and 2.5 × the peer's float32 step.

Axes: N timestep, R residual, G gate, H = G/2, S skip, A head, K levels, L layers, k taps.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from benchmarks.architectures import ARCHITECTURES, vocoder
from benchmarks.harness import Case, Contestant, main
from benchmarks.plain_waveforms import PlainWaveNet, plain_nats
from benchmarks.quality.peer_wavenet import VocoderNetwork
from models.wavenet import WaveNet, WaveNetConfig
from pipeline.training.allocator import keep_freed_memory

BATCH_SIZE, NUM_TIMESTEPS = 2, 4096
AMOUNT = BATCH_SIZE * NUM_TIMESTEPS

TRAINED = ("arch i", "arch ii")
PRECISIONS = {"bf16": torch.bfloat16, "float32": torch.float32}

Nats = Callable[[Tensor], Tensor]


def training_step(
    model: nn.Module, nats: Nats, optimiser: torch.optim.Optimizer, x: Tensor, dtype: torch.dtype
) -> None:
    """Likelihood, gradient, update."""
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        loss = nats(x).mean()
    torch.autograd.backward(loss)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def step_of(model: nn.Module, nats: Nats, dtype: torch.dtype) -> Callable[[], None]:
    """A model's step on levels at random, with Adam as the pipeline has it: the same for everyone."""
    x = torch.randint(256, (BATCH_SIZE, NUM_TIMESTEPS), generator=torch.Generator().manual_seed(0))
    optimiser = torch.optim.Adam(model.train().parameters(), lr=1e-4, fused=True)
    return partial(training_step, model, nats, optimiser, x, dtype)


def peer(config: WaveNetConfig) -> VocoderNetwork:
    """wavenet_vocoder in the shape of ours."""
    network = VocoderNetwork(config.num_levels, 2, 1, 1)
    with torch.no_grad():
        network.network = vocoder(config)
    return network


def peer_nats(network: VocoderNetwork, x: Tensor) -> Tensor:
    """Nats of every level."""
    return F.cross_entropy(network.logits(x).flatten(0, 1), x.flatten(), reduction="none")


def product_shapes(config: WaveNetConfig) -> list[tuple[int, int]]:
    """In and out of every product of the forward pass."""
    half, num_layers = config.gate_channels // 2, len(config.layer_dilations)
    gates = [(config.kernel_size * config.residual_channels, config.gate_channels)] * num_layers
    residuals = [(half, config.residual_channels)] * (num_layers - 1)
    ends = [(num_layers * half, config.skip_channels), (config.skip_channels, config.head_channels)]
    return [*gates, *residuals, *ends, (config.head_channels, config.num_levels)]


def products(config: WaveNetConfig, dtype: torch.dtype) -> Callable[[], None]:
    """The products alone; one of each shape has its own operands, which the others of that shape share."""
    shapes = product_shapes(config)
    operands = {
        (i, o): [torch.randn(*shape).to(dtype) for shape in ((AMOUNT, i), (i, o), (AMOUNT, o))] for i, o in shapes
    }

    def call() -> None:
        for shape in shapes:
            inputs, weight, of_outputs = operands[shape]
            torch.mm(inputs, weight)
            torch.mm(of_outputs, weight.t())
            torch.mm(inputs.t(), of_outputs)

    return call


def cases() -> Iterator[Case]:
    for name in TRAINED:
        config = ARCHITECTURES[name]
        for precision, dtype in PRECISIONS.items():
            torch.manual_seed(0)
            ours, plain, vocoder = WaveNet(config), PlainWaveNet(config), peer(config)
            contestants = [
                Contestant("ours", "ours", step_of(ours, ours.nll_nats, dtype), AMOUNT),
                Contestant("the plain formulation", "peer", step_of(plain, partial(plain_nats, plain), dtype), AMOUNT),
                Contestant(
                    "wavenet_vocoder 0.1.1, float32",
                    "peer",
                    step_of(vocoder, partial(peer_nats, vocoder), torch.float32),
                    AMOUNT,
                ),
                Contestant("the products alone", "ceiling", products(config, dtype), AMOUNT),
            ]
            yield Case(f"{name}, {precision}", "timesteps", contestants)


if __name__ == "__main__":
    keep_freed_memory()  # as a training's workers do
    main("train_wavenet", cases)
