"""Pictures on a CUDA device, for `benchmarks/cuda_sampling.py`: by kernels, by graphs of the cached step, and plainly.

Before anything is timed the kernels' parameters are held to the forward pass, or the benchmark stops. What is timed
draws whole pictures in all lanes, after a first set for which kernels are compiled and graphs captured. Models for
which there is no kernel are drawn by graphs and plainly.

    bound of a level = max(FLOP of a draw · B / peak, kernels of a draw · a node's time)
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks.cuda_training import PUBLISHED_PEAKS, device_name
from models.autoregressive import Autoregressive
from models.counter_random import item_keys
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig
from models.pixelcnn import PixelCNN, PixelCNNConfig
from models.pixelcnn_pp import PixelCNNPP, PixelCNNPPConfig
from models.sampling import sample_cached
from models.sampling.cached import Begin, CachedSampling
from models.sampling.gpu import Kernels, PictureNetwork, Steps
from models.sampling.gpu.cached_graphs import CachedGraphs

SHAPE, TINY_SHAPE = (3, 32, 32), (3, 2, 2)
TINY: dict[str, Any] = {"hidden": 12, "num_layers": 2, "head_channels": 12, "first_kernel": 3}
CHECKED_ROWS, CHECKED_LANES = 2, 40
MOST_APART = 1e-3
"""Between parameters of the kernels in float32 and those of the forward pass."""


@dataclass(frozen=True)
class PictureFigure:
    """What one model reached, in pictures a second of all lanes; texts say why there is no figure."""

    model: str
    device: str
    precision: str
    num_lanes: int
    pictures_per_s: float | str
    graphs_pictures_per_s: float | str
    cached_pictures_per_s: float
    share_of_bound: float | str


def networks(*, tiny: bool) -> dict[str, Autoregressive]:
    """Models by what they are called; weights are random, which does not change the work."""
    of_size = TINY if tiny else {}
    smaller = PixelCNNPPConfig(filters=4, num_resnets=1, num_resolutions=2) if tiny else PixelCNNPPConfig()
    torch.manual_seed(0)
    return {
        "pictures gated_pixelcnn": GatedPixelCNN(GatedPixelCNNConfig(**of_size)),
        "pictures pixelcnn": PixelCNN(PixelCNNConfig(**of_size)),
        "pictures pixelcnn_pp": PixelCNNPP(smaller),
    }


def check_agreement(model: GatedPixelCNN | PixelCNN, shape: tuple[int, int, int]) -> None:
    """Ends the command unless the kernels give, in float32, the parameters of the forward pass."""
    few = (shape[0], CHECKED_ROWS, shape[2])
    x = torch.randint(model.config.num_levels, (CHECKED_LANES, *few), device=model.head[0].weight.device)
    with torch.inference_mode():
        steps = Steps(PictureNetwork(model, None, len(x), few))
        steps.capture()
        previous: list[Tensor | None] = [None, *model.to_sequence(x)[:, :-1].t()]
        parameters = torch.stack([steps.step(levels).clone() for levels in previous], 1)
        apart = float((parameters - model.to_sequence(model(x))).abs().max())
    if not apart <= MOST_APART:
        raise SystemExit(
            f"the kernels' parameters are {apart:.3g} from those of the forward pass, at most {MOST_APART}"
        )


def pictures_per_s(
    model: Autoregressive, shape: tuple[int, int, int], num_lanes: int, begin: Begin, num_sets: int
) -> float:
    """Of sets of pictures in a row, after one that is not timed."""
    started = 0.0
    for number in range(num_sets + 1):
        if number == 1:
            started = time.perf_counter()
        keys = item_keys((number, str(lane)) for lane in range(num_lanes))
        sample_cached(model, shape, None, keys, begin=begin)  # its end waits for the device
    return num_sets * num_lanes / (time.perf_counter() - started)


def bound_s(model: Autoregressive, shape: tuple[int, int, int], num_lanes: int, node_s: float, name: str) -> float:
    """The formula's bound for one level of all lanes in seconds; 0 where the device's peak is not known."""
    assert isinstance(model, GatedPixelCNN | PixelCNN)
    peak = next((peak for part, peak in PUBLISHED_PEAKS.items() if part in name), 0.0)
    rows = 2 * len(model.layers) if isinstance(model, GatedPixelCNN) else 1 + len(model.blocks)
    num_kernels = 3 + len(model.head) + (1 + rows) / (shape[0] * shape[2])
    return max(model.flops_per_draw(shape) * num_lanes / peak, num_kernels * node_s) if peak else 0.0


def measure_pictures(
    name: str, model: Autoregressive, num_lanes: int, options: argparse.Namespace, node_s: float
) -> PictureFigure:
    """One model in so many lanes."""
    device, shape = torch.device(options.device), TINY_SHAPE if options.tiny else SHAPE
    model = model.to(device).eval()

    def rate(begin: Begin) -> float:
        return pictures_per_s(model, shape, num_lanes, begin, options.sets)

    by_kernels: float | str = "there is no kernel"
    share: float | str = "not known"
    if isinstance(model, GatedPixelCNN | PixelCNN):
        check_agreement(model, shape)
        by_kernels = rate(Kernels(model, options.precision).begin)
        if bound := bound_s(model, shape, num_lanes, node_s, device_name(device)):
            share = round(bound * shape[0] * shape[1] * shape[2] * by_kernels / num_lanes, 4)
    graphs = CachedGraphs(model)
    by_graphs = rate(graphs.begin)
    return PictureFigure(
        model=name + (", tiny" if options.tiny else ""),
        device=device_name(device),
        precision=options.precision,
        num_lanes=num_lanes,
        pictures_per_s=by_kernels,
        graphs_pictures_per_s=graphs.reason or by_graphs,
        cached_pictures_per_s=rate(CachedSampling),
        share_of_bound=share,
    )


def picture_line(figure: PictureFigure) -> str:
    """One figure as text."""

    def shown(rate: float | str) -> str:
        return rate if isinstance(rate, str) else f"{rate:,.2f} pictures/s"

    share = figure.share_of_bound
    of_bound = f"{100 * share:.1f} % of the bound" if isinstance(share, float) else "bound not known"
    return (
        f"{figure.model:44}{figure.num_lanes:>6} lanes  {shown(figure.pictures_per_s)}, {of_bound}; "
        f"by graphs {shown(figure.graphs_pictures_per_s)}; by sample_cached {shown(figure.cached_pictures_per_s)}"
    )


def picture_figures(
    options: argparse.Namespace, node_seconds: Callable[[torch.device], float], told: Callable[[str], None]
) -> list[PictureFigure]:
    """Every model that was asked for, at every number of lanes."""
    figures: list[PictureFigure] = []
    chosen = {name: model for name, model in networks(tiny=options.tiny).items() if options.only in f"{name},"}
    for name, model in chosen.items():
        for num_lanes in options.picture_lanes:
            node_s = node_seconds(torch.device(options.device))
            figures.append(measure_pictures(name, model, num_lanes, options, node_s))
            told(picture_line(figures[-1]))
    return figures
