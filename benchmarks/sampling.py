"""Cached sampling against naive sampling and against the processor's own matrix products.

    python -m benchmarks.sampling                        every case, for minutes
    python -m benchmarks.sampling --only "arch i,"       one architecture

Naive draws recompute what they depend on: a waveform's receptive field, a whole picture. They are taken at several
numbers of lanes, and the fastest is the one to compare with. Before anything is timed, cached and naive draw the same
levels, or the benchmark stops. The ceiling is a float32
matrix product of torch, taken in the same rounds, over the least work that a draw needs; so the ratio to it is the
share of the processor that sampling uses. Weights are random: they do not change the work.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks.harness import Case, Contestant, main
from models.autoregressive import Autoregressive
from models.counter_random import item_keys
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig
from models.sampling import sample_cached, sample_naive
from models.wavenet import WaveNet, WaveNetConfig

WAVENETS = {
    "small: 10 layers, R32 G32 S64": WaveNetConfig(256, 32, 32, 64, 64, num_stacks=1),
    "arch i, 30 layers, k2 R64 G128 S256": WaveNetConfig(),
    "arch iii, 20 layers, k2 R64 G128 S256": WaveNetConfig(num_stacks=2),
}

PIXELCNNS = {
    "digits: 5 layers of 32, 28×28×1, 8 levels": (GatedPixelCNNConfig(8, 1, 32, 5, 64), (1, 28, 28)),
    "15 layers of 128, 32×32×3, 256 levels": (GatedPixelCNNConfig(), (3, 32, 32)),
}

NUM_TIMESTEPS = 200
"""Of one round; every timestep costs the same."""

ROWS_DRAWN = 8
"""Rows of a picture that one round draws; every row costs the same."""

NAIVE_LANES = (1, 4, 16)
"""More lanes share what one call costs, until what is recomputed no longer lies in a cache."""

PROBE = 768
"""Side of the matrices of the ceiling: they lie in the second-level cache."""


def keys(num_lanes: int) -> Tensor:
    """Random streams for so many lanes."""
    return item_keys((0, str(lane)) for lane in range(num_lanes))


def ceiling(flop_per_draw: float) -> Contestant:
    """Draws a second if all the work were one large matrix product."""
    a, b = torch.randn(PROBE, PROBE), torch.randn(PROBE, PROBE)
    out = torch.empty(PROBE, PROBE)

    def call() -> Tensor:
        return torch.mm(a, b, out=out)

    return Contestant("matrix product, least work per draw", "ceiling", call, 2 * PROBE**3 / flop_per_draw)


def inference(call: Callable[[], object]) -> Callable[[], object]:
    """The same without gradients."""

    def wrapped() -> object:
        with torch.inference_mode():
            return call()

    return wrapped


def check_agreement(model: Autoregressive, shape: tuple[int, ...]) -> None:
    """AssertionError unless cached sampling draws, level by level, what naive sampling does."""
    cached, naive = (sample(model, shape, None, keys(2)).levels for sample in (sample_cached, sample_naive))
    num_apart = int((cached != naive).sum())
    assert not num_apart, f"{type(model).__name__}: {num_apart} of {naive.numel()} cached levels are not the naive ones"


def naive(model: Autoregressive, num_levels: int, shape: tuple[int, ...], what: str) -> list[Contestant]:
    """One draw for each lane, of items of `shape`, at several numbers of lanes."""
    return [
        Contestant(
            f"naive, {num_lanes} lanes: {what} a draw",
            "peer",
            inference(partial(model, torch.randint(num_levels, (num_lanes, *shape)))),
            num_lanes,
        )
        for num_lanes in NAIVE_LANES
    ]


def wavenet_case(name: str, config: WaveNetConfig, num_lanes: int) -> Case:
    """Lanes of a waveform: cached, and one naive draw for each lane."""
    torch.manual_seed(0)
    model = WaveNet(config).eval()
    check_agreement(model, (12,))

    def cached() -> object:
        return sample_cached(model, (NUM_TIMESTEPS,), None, keys(num_lanes))

    return Case(
        f"WaveNet {name}, {num_lanes} lanes",
        "timesteps",
        [
            Contestant("cached", "ours", cached, num_lanes * NUM_TIMESTEPS),
            *naive(model, config.num_levels, (model.receptive_field,), "its receptive field"),
            ceiling(model.flops_per_draw((NUM_TIMESTEPS,))),
        ],
    )


def pixelcnn_case(name: str, config: GatedPixelCNNConfig, shape: tuple[int, int, int], num_lanes: int) -> Case:
    """Lanes of pictures: cached over some rows, and one naive draw for each lane."""
    torch.manual_seed(0)
    model = GatedPixelCNN(config).eval()
    channels, _, width = shape
    check_agreement(model, (channels, 2, 3))

    def cached() -> object:
        return sample_cached(model, (channels, ROWS_DRAWN, width), None, keys(num_lanes))

    return Case(
        f"Gated PixelCNN {name}, {num_lanes} lanes",
        "levels",
        [
            Contestant("cached", "ours", cached, num_lanes * ROWS_DRAWN * width * channels),
            *naive(model, config.num_levels, shape, "the picture"),
            ceiling(model.flops_per_draw(shape)),
        ],
    )


def cases() -> Iterator[Case]:
    """Every architecture at the lanes that generation runs by default, and at more."""
    for name, config in WAVENETS.items():
        for num_lanes in (16, 64):
            yield wavenet_case(name, config, num_lanes)
    for name, (pictures, shape) in PIXELCNNS.items():
        yield pixelcnn_case(name, pictures, shape, 16)


if __name__ == "__main__":
    main("sampling", cases)
