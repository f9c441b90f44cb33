"""Sampling by the compiled kernels: against torch's cached path, naive, a peer, and what the processor can multiply.

    pip install -e '.[bench]'                            for the peer
    python -m benchmarks.sampling                        every case, for minutes
    python -m benchmarks.sampling --only "arch i,"       one architecture

The ceiling is a loop of multiply-adds on registers, of the same precision and taken in the same rounds, over the least
work that a draw needs (`flops_per_draw`): so the ratio to it is the share of the processor that sampling uses. Naive
draws recompute what they depend on: a waveform's receptive field, a whole picture. The peer is r9y9's wavenet_vocoder
0.1.1, which draws for one item at a time, with the same layers and channels. Weights are random: they do not change
the work. Before anything is timed, the kernel, torch and naive draw the same levels, or the benchmark stops.
"""

from collections.abc import Callable, Iterator
from ctypes import c_double, c_int64
from dataclasses import replace
from functools import partial
from typing import Literal

import torch

from benchmarks.architectures import ARCHITECTURES, vocoder
from benchmarks.harness import Case, Contestant, main
from models.autoregressive import Autoregressive
from models.conditioning import Condition, ConditionConfig
from models.counter_random import item_key
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig
from models.native import Library, best, why_none
from models.pixelcnn import PixelCNN, PixelCNNConfig
from models.sampling import LaneRequest, sample_cached, sample_naive
from models.sampling.fused import Precision, sample_fused
from models.wavenet import WaveNet, WaveNetConfig

PICTURES: dict[str, tuple[GatedPixelCNNConfig | PixelCNNConfig, tuple[int, int, int]]] = {
    "Gated PixelCNN, 15 layers of 128, 32×32×3": (GatedPixelCNNConfig(), (3, 32, 32)),
    "PixelCNN, 15 layers of 128, 32×32×3": (PixelCNNConfig(), (3, 32, 32)),
    "Gated PixelCNN, digits: 5 layers of 32, 28×28×1, 8 levels": (GatedPixelCNNConfig(8, 1, 32, 5, 64), (1, 28, 28)),
}

Role = Literal["ours", "peer", "ceiling"]

LANES = (1, 8, 16, 64)

TIMESTEPS_A_ROUND, LEAST_TIMESTEPS = 25_600, 1500
"""Over all lanes, and of each: every timestep costs the same, but an item begins with rings of zeros."""

PICTURE_LANES = 16

ROWS_DRAWN = 8
"""Rows of a picture that one round draws; every row costs the same."""

CONDITION = ConditionConfig({"speaker": 10}, num_phones=40, num_features=2, hop=80)


def library() -> Library:
    """The kernels; SystemExit where there are none."""
    found = best()
    if found is None:
        raise SystemExit(why_none())
    return found


def requests(shape: tuple[int, ...], num_items: int, condition: Condition | None = None) -> list[LaneRequest]:
    """Items with random streams of their own."""
    return [LaneRequest(shape, item_key(0, str(number)), condition) for number in range(num_items)]


def keys(num_items: int) -> torch.Tensor:
    """The same streams for the torch paths."""
    return torch.tensor([request.key for request in requests((1,), num_items)])


def ceiling(flop_per_draw: float, precision: Precision) -> Contestant:
    """Draws a second if the processor did nothing but multiply and add."""
    flop = peak(1, precision)
    rounds = int(2e8 / flop)
    return Contestant(
        f"multiply-adds on registers, {precision}",
        "ceiling",
        partial(peak, rounds, precision),
        rounds * flop / flop_per_draw,
    )


def peak(rounds: int, precision: Precision) -> float:
    """Run the loop; gives the floating-point operations that it took."""
    call = getattr(library().calls, f"ancestral_peak_{precision}")
    call.restype = c_double
    return float(call(c_int64(rounds)))


def inference(call: Callable[[], object]) -> Callable[[], object]:
    """The same without gradients."""

    def wrapped() -> object:
        with torch.inference_mode():
            return call()

    return wrapped


def check_agreement(model: Autoregressive, shape: tuple[int, ...]) -> None:
    """AssertionError unless all paths draw the same, level by level."""
    naive, cached = (sample(model, shape, None, keys(2)).levels for sample in (sample_naive, sample_cached))
    fused = torch.stack([item.levels for item in sample_fused(model, requests(shape, 2), 2)])
    for path, levels in (("cached", cached), ("fused", fused)):
        num_apart = int((levels != naive).sum())
        assert not num_apart, (
            f"{type(model).__name__}: {num_apart} of {naive.numel()} {path} levels are not the naive ones"
        )


def kernel(name: str, role: Role, model: Autoregressive, items: list[LaneRequest], precision: Precision) -> Contestant:
    """Items by the kernel, as many side by side as there are."""
    levels = sum(torch.Size(item.shape).numel() for item in items)
    call = partial(sample_fused, model, items, len(items), precision)
    return Contestant(name, role, call, levels)


def peer(config: WaveNetConfig, num_timesteps: int) -> Contestant:
    """wavenet_vocoder in the shape of ours, one item."""
    network = vocoder(config)
    network.make_generation_fast_()
    start = torch.zeros(1, config.num_levels, 1)
    start[:, config.num_levels // 2] = 1
    call = partial(network.eval().incremental_forward, start, T=num_timesteps, softmax=True, quantize=True)
    return Contestant("wavenet_vocoder 0.1.1, one item", "peer", inference(call), num_timesteps)


def wavenet_cases(name: str, config: WaveNetConfig) -> Iterator[Case]:
    """Each number of lanes in both precisions."""
    torch.manual_seed(0)
    model = WaveNet(config).eval()
    check_agreement(model, (12,))
    for num_lanes in LANES:
        num_timesteps = max(TIMESTEPS_A_ROUND // num_lanes, LEAST_TIMESTEPS)
        items, flop = requests((num_timesteps,), num_lanes), model.flops_per_draw((num_timesteps,))
        float32 = kernel("kernel, float32", "ours", model, items, "float32")
        few = -(-num_timesteps // 32)
        cached = partial(sample_cached, model, (few,), None, keys(num_lanes))
        peers = [Contestant("torch, cached", "peer", cached, num_lanes * few)]
        peers += [peer(config, 100)] if num_lanes == 1 else []
        yield Case(
            f"WaveNet {name}, {num_lanes} lanes, float32", "timesteps", [float32, *peers, ceiling(flop, "float32")]
        )
        if library().has_bfloat16:
            ours = kernel("kernel, bfloat16", "ours", model, items, "bfloat16")
            others = [replace(float32, role="peer"), *peers, ceiling(flop, "bfloat16")]
            yield Case(f"WaveNet {name}, {num_lanes} lanes, bfloat16", "timesteps", [ours, *others])


def naive_timesteps() -> Case:
    """What recomputing the receptive field for each draw costs."""
    model = WaveNet(WaveNetConfig()).eval()
    levels = torch.randint(256, (1, model.receptive_field))
    items = requests((TIMESTEPS_A_ROUND // 16,), 16)
    naive = Contestant("naive, its receptive field a draw", "peer", inference(partial(model, levels)), 1)
    return Case(
        "WaveNet arch i, naive", "timesteps", [kernel("kernel, float32", "ours", model, items, "float32"), naive]
    )


def conditioned_case() -> Case:
    """A speaker, phones and F0 against the same network without."""
    torch.manual_seed(0)
    plain, model = WaveNet(WaveNetConfig()).eval(), WaveNet(WaveNetConfig(condition=CONDITION)).eval()
    num_timesteps = TIMESTEPS_A_ROUND // 16 // CONDITION.hop * CONDITION.hop
    frames = num_timesteps // CONDITION.hop
    condition = Condition(torch.tensor([[3]]), torch.randint(40, (1, frames)), torch.randn(1, frames, 2))
    return Case(
        "WaveNet arch i, 16 lanes, conditioned on speaker, phones and F0, float32",
        "timesteps",
        [
            kernel("conditioned", "ours", model, requests((num_timesteps,), 16, condition), "float32"),
            kernel("without condition", "peer", plain, requests((num_timesteps,), 16), "float32"),
        ],
    )


def picture_cases(
    name: str, config: GatedPixelCNNConfig | PixelCNNConfig, shape: tuple[int, int, int]
) -> Iterator[Case]:
    """Some rows of pictures in both precisions; naive draws take a whole picture each."""
    torch.manual_seed(0)
    model: Autoregressive = (
        GatedPixelCNN(config) if isinstance(config, GatedPixelCNNConfig) else PixelCNN(config)
    ).eval()
    channels, _, width = shape
    check_agreement(model, (channels, 2, 3))
    some_rows = (channels, ROWS_DRAWN, width)
    items, flop = requests(some_rows, PICTURE_LANES), model.flops_per_draw(shape)
    amount = PICTURE_LANES * ROWS_DRAWN * width * channels
    cached = partial(sample_cached, model, some_rows, None, keys(PICTURE_LANES))
    whole = torch.randint(config.num_levels, (4, *shape))
    peers = [
        Contestant("torch, cached", "peer", cached, amount),
        Contestant("naive, 4 lanes: the picture a draw", "peer", inference(partial(model, whole)), 4),
    ]
    float32 = kernel("kernel, float32", "ours", model, items, "float32")
    title = f"{name}, {PICTURE_LANES} lanes"
    yield Case(f"{title}, float32", "levels", [float32, *peers, ceiling(flop, "float32")])
    if library().has_bfloat16:
        ours = kernel("kernel, bfloat16", "ours", model, items, "bfloat16")
        others = [replace(float32, role="peer"), *peers, ceiling(flop, "bfloat16")]
        yield Case(f"{title}, bfloat16", "levels", [ours, *others])


def cases() -> Iterator[Case]:
    """Every architecture at several numbers of lanes, conditions, pictures."""
    for name, config in ARCHITECTURES.items():
        yield from wavenet_cases(name, config)
    yield naive_timesteps()
    yield conditioned_case()
    for name, (of_pictures, shape) in PICTURES.items():
        yield from picture_cases(name, of_pictures, shape)


if __name__ == "__main__":
    main("sampling", cases)
