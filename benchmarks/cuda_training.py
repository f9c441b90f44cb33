"""The networks for CIFAR-10 in training on a CUDA device: bf16, compiled; bits/dim over time, images/s, share of peak.

    python -m benchmarks.cuda_training --record                     every recipe, two minutes each
    python -m benchmarks.cuda_training --only row-lstm --seconds 600 --pictures cifar10.npy
    python -m benchmarks.cuda_training --device cpu --tiny --seconds 5          the same code, to see that it runs

It needs torch, numpy and `models/` alone, so that it runs on a bare machine. `--pictures` is a .npy file of uint8
[N, 3, 32, 32]; a tenth of it is held out. Without it pictures are made here: blurred noise, whose bits say only that
the networks learn. Weights are float32, the networks run in bfloat16 by autocast, the likelihood is float32, as
`distributions.py` has it. Layers are compiled one by one (`torch.compile`): equal ones share what was compiled.

The share of the peak counts three times the multiplications of `flops_per_draw` for each picture, forward and backward
(masked weights cost nothing there, though they are multiplied), against a large bfloat16 matrix product on the same
device, and against what the device's maker says where that is known.
"""

import argparse
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from benchmarks.harness import record
from models import build
from models.autoregressive import Autoregressive
from models.gated_pixelcnn import GatedPixelCNNConfig
from models.pixelcnn import PixelCNNConfig
from models.pixelcnn_pp import PixelCNNPPConfig
from models.pixelrnn import PixelRNNConfig

SHAPE = (3, 32, 32)
TINY_SHAPE = (3, 8, 8)

NO_DEVICE = 2
"""The exit status where there is nothing to measure on."""

PUBLISHED_PEAKS = {"A100": 312e12, "H100": 989e12, "H200": 989e12, "B200": 2250e12, "L4": 121e12, "RTX 4090": 165e12}
"""Dense bfloat16 FLOP/s by the makers' data sheets, by what stands in a device's name."""

FORWARD_AND_BACKWARD = 3
"""The backward pass multiplies twice as often: for the inputs and for the weights."""


@dataclass(frozen=True)
class Recipe:
    """A network as published, a tiny one of the same kind, and how it is trained here.

    `batch_size` is one that fills a device, where the paper's is 16; the rate is the one that goes with Adam.
    """

    config: Any
    tiny: Mapping[str, Any]
    batch_size: int
    learning_rate: float = 4e-4


TINY = {"hidden": 6, "num_layers": 2, "head_channels": 12}

RECIPES = {
    "pixelcnn-paper": Recipe(PixelCNNConfig(), TINY, 64),
    "gated-pixelcnn": Recipe(GatedPixelCNNConfig(), TINY, 64),
    "row-lstm": Recipe(PixelRNNConfig(recurrence="row_lstm"), TINY, 64),
    "diagonal-bilstm": Recipe(PixelRNNConfig(recurrence="diagonal_bilstm"), TINY, 64),
    "pixelcnn-pp": Recipe(PixelCNNPPConfig(), {"filters": 6, "num_resnets": 1, "num_components": 2}, 32),
}


@dataclass(frozen=True)
class Point:
    """Where a training stood after so many seconds, without what compiling and scoring took."""

    seconds: float
    num_pictures: int
    train_bits_per_dim: float
    held_out_bits_per_dim: float


@dataclass(frozen=True)
class Figure:
    """What one network reached on a device."""

    recipe: str
    device: str
    compiled: bool
    batch_size: int
    num_parameters: int
    images_per_s: float
    flops_per_image: float
    share_of_matrix_product: float
    share_of_published_peak: float | str
    first_step_s: float
    curve: list[dict[str, float]]


class Run:
    """One network in training."""

    def __init__(self, recipe: Recipe, pictures: Tensor, device: torch.device, *, compiled: bool) -> None:
        self.device, self.batch_size, self.compiled = device, recipe.batch_size, compiled
        num_held_out = max(1, len(pictures) // 10)
        self.held_out, self.pictures = pictures[:num_held_out].to(device), pictures[num_held_out:].to(device)
        torch.manual_seed(0)
        self.model: Autoregressive = build(recipe.config.name, recipe.config).to(device).train()
        self.model.initialise(self.batch())
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=recipe.learning_rate)
        if compiled:
            compile_layers(self.model)

    @property
    def flops_per_picture(self) -> float:
        """What one picture takes in training, at the least."""
        shape = tuple(self.pictures.shape[1:])
        return FORWARD_AND_BACKWARD * self.model.flops_per_draw(shape) * math.prod(shape)

    def batch(self) -> Tensor:
        """Pictures drawn with replacement, as levels."""
        chosen = torch.randint(len(self.pictures), (self.batch_size,), device=self.device)
        return self.pictures[chosen].long()

    def autocast(self) -> AbstractContextManager:
        """bfloat16 wherever torch holds it to be safe."""
        return torch.autocast(self.device.type, torch.bfloat16)

    def step(self) -> Tensor:
        """One step of Adam; the batch's bits/dim, which are not waited for."""
        x = self.batch()
        with self.autocast():
            nats = self.model.nll_nats(x).mean()
        torch.autograd.backward(nats)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return nats.detach() / math.log(2)

    @torch.no_grad()
    def held_out_bits(self) -> float:
        """Bits/dim of what is held out, without dropout and not compiled once more."""
        self.model.eval()
        as_written = torch.compiler.set_stance("force_eager") if self.compiled else nullcontext()
        with self.autocast(), as_written:
            parts = [self.model.nll_nats(part.long()).sum() for part in self.held_out.split(self.batch_size)]
        self.model.train()
        return float(torch.stack(parts).sum()) / self.held_out.numel() / math.log(2)

    def synchronise(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def points(self, seconds: float, num_points: int) -> Iterator[Point]:
        """Train for so many seconds; where it stands after each of as many equal parts."""
        spent, num_pictures = 0.0, 0
        for part in range(1, num_points + 1):
            self.synchronise()
            started = time.perf_counter()
            bits: list[Tensor] = []
            while not bits or spent + time.perf_counter() - started < seconds * part / num_points:
                bits.append(self.step())
                self.synchronise()
            spent += time.perf_counter() - started
            num_pictures += len(bits) * self.batch_size
            yield Point(spent, num_pictures, float(torch.stack(bits).mean()), self.held_out_bits())


def compile_layers(model: nn.Module) -> None:
    """Compile the layers of a network, each by itself; a loop over rows unrolled for all of them would take an hour."""
    for layers in model.modules():
        if isinstance(layers, nn.ModuleList):
            for layer in layers:
                layer.compile()


def measure(name: str, recipe: Recipe, pictures: Tensor, device: torch.device, options: argparse.Namespace) -> Figure:
    """Compile, train, and say how it went."""
    run = Run(recipe, pictures, device, compiled=not options.eager)
    started = time.perf_counter()
    for _ in range(2):
        run.step()
    run.synchronise()
    first_step_s = time.perf_counter() - started
    points = []
    for point in run.points(options.seconds, options.points):
        print(f"  {name:18}{line(point)}", flush=True)
        points.append(point)
    images_per_s, flops = points[-1].num_pictures / points[-1].seconds, run.flops_per_picture
    peak = published_peak(device)
    return Figure(
        recipe=name + (", tiny" if options.tiny else ""),
        device=device_name(device),
        compiled=not options.eager,
        batch_size=recipe.batch_size,
        num_parameters=run.model.num_parameters(),
        images_per_s=round(images_per_s, 1),
        flops_per_image=flops,
        share_of_matrix_product=round(images_per_s * flops / matrix_product_flops(device), 4),
        share_of_published_peak=round(images_per_s * flops / peak, 4) if peak else "not known",
        first_step_s=round(first_step_s, 1),
        curve=[{key: round(value, 4) for key, value in vars(point).items()} for point in points],
    )


def line(point: Point) -> str:
    """Where a training stands, as text."""
    return (
        f"{point.seconds:8.1f} s{point.num_pictures:12,} images{point.num_pictures / point.seconds:10,.1f} a second"
        f"{point.train_bits_per_dim:9.3f} bits/dim in training{point.held_out_bits_per_dim:9.3f} held out"
    )


def matrix_product_flops(device: torch.device) -> float:
    """FLOP/s of a large bfloat16 matrix product: the best of a few."""
    side = 8192 if device.type == "cuda" else 512
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = math.inf
    for _ in range(8):
        started = time.perf_counter()
        # A number has to be fetched before the clock is read: the product is made by then.
        (a @ b)[0, 0].item()
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best


def published_peak(device: torch.device) -> float:
    """What the maker says; 0 where that is not known here."""
    name = device_name(device)
    return next((peak for part, peak in PUBLISHED_PEAKS.items() if part in name), 0.0)


def device_name(device: torch.device) -> str:
    """The device's own name."""
    return str(torch.cuda.get_device_name(device)) if device.type == "cuda" else "cpu"


def made_pictures(num_pictures: int, shape: tuple[int, int, int]) -> Tensor:
    """Blurred noise in colour, uint8 [N, *shape]."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(num_pictures, 3, 5, 5, generator=generator)
    smooth = F.interpolate(coarse, shape[1:], mode="bicubic")
    grain = torch.randn(smooth.shape, generator=generator)
    return (128 + 48 * smooth + 4 * grain).clamp(0, 255).byte()


def read_pictures(path: Path) -> Tensor:
    """A .npy file of uint8 [N, 3, 32, 32]; ends the command where it is anything else."""
    pictures = np.load(path)
    if pictures.dtype != np.uint8 or pictures.shape[1:] != SHAPE:
        raise SystemExit(
            f"{path}: expected uint8 [N, {', '.join(map(str, SHAPE))}], got {pictures.dtype} {pictures.shape}"
        )
    return torch.from_numpy(pictures)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the command was told."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cuda_training")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, cpu (default cuda)")
    parser.add_argument("--seconds", type=float, default=120.0, help="of training for each network (default 120)")
    parser.add_argument("--points", type=int, default=8, help="how often it is scored meanwhile (default 8)")
    parser.add_argument("--pictures", type=Path, help="a .npy file of uint8 [N, 3, 32, 32] (default: made here)")
    parser.add_argument("--batch-size", type=int, help="for all networks (default: each its own)")
    parser.add_argument("--only", default="", help="only the recipes whose name holds this text")
    parser.add_argument("--tiny", action="store_true", help="tiny networks of the same kinds, pictures of 8 × 8")
    parser.add_argument("--eager", action="store_true", help="not compiled")
    parser.add_argument("--record", action="store_true", help="write the figures below benchmarks/results/")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> list[Figure]:
    """Every recipe that was asked for, in turn."""
    options = parsed(arguments)
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("no CUDA device is to be seen; --device cpu --tiny shows that the code runs", file=sys.stderr)
        raise SystemExit(NO_DEVICE)
    made = (64, TINY_SHAPE) if options.tiny else (4096, SHAPE)
    pictures = read_pictures(options.pictures) if options.pictures else made_pictures(*made)
    print(f"{device_name(device)}, bfloat16, {'eager' if options.eager else 'compiled'}")
    figures = []
    for name, recipe in RECIPES.items():
        if options.only in name:
            figures.append(measure(name, fitted(recipe, options), pictures, device, options))
            print(summary(figures[-1]), flush=True)
    if options.record:
        print(f"recorded in {record('cuda_training', figures, on=device_name(device))}")
    return figures


def fitted(recipe: Recipe, options: argparse.Namespace) -> Recipe:
    """The recipe in the size that was asked for."""
    if options.tiny:
        recipe = replace(recipe, config=replace(recipe.config, **recipe.tiny), batch_size=4)
    return replace(recipe, batch_size=options.batch_size) if options.batch_size else recipe


def summary(figure: Figure) -> str:
    """One network as text."""
    published = figure.share_of_published_peak
    shown = f"{100 * published:.1f} % of the published peak" if isinstance(published, float) else "peak not known"
    return (
        f"{figure.recipe:26}{figure.num_parameters:>12,} parameters{figure.images_per_s:>10,.1f} images/s"
        f"{100 * figure.share_of_matrix_product:>7.1f} % of a matrix product, {shown}; "
        f"{figure.first_step_s:.0f} s to compile"
    )


if __name__ == "__main__":
    main()
