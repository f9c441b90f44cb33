"""Drawn by the GPU's kernels, on a CUDA device: WaveNet's timesteps/s of all lanes, and the share of what bounds them.

    python -m benchmarks.cuda_sampling --record                    three architectures, 1024 and 4096 lanes, bfloat16;
                                                                   pictures as well (`cuda_pictures.py`)
    python -m benchmarks.cuda_sampling --only pictures --picture-lanes 256
    python -m benchmarks.cuda_sampling --only iii --precision float32 --lanes 8192
    python -m benchmarks.cuda_sampling --layers-per-launch 1       a layer a kernel: what one kernel for all is worth
    TRITON_INTERPRET=1 python -m benchmarks.cuda_sampling --device cpu --tiny      the same code, to see that it runs

No figure has been measured yet. It needs torch, triton, numpy and `models/` alone, so that it runs on a bare machine.
Before anything is timed the kernels' parameters are held to the forward pass, or the benchmark stops. Weights are
random: they do not change the work. A timestep is timed twice, the network alone and with the draw, both as a graph;
beside it stands `sample_cached` as it is on the same device.

    bound = max(FLOP of a timestep · B / peak, ring bytes of a timestep · B / bandwidth, kernels · a node's time)

with the maker's peak and bandwidth, and the time of an empty node of a graph, measured here. What the formula leaves
out: weights, which every program reads from the second-level cache, and that each layer waits for the one before.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.architectures import ARCHITECTURES
from benchmarks.cuda_pictures import PictureFigure, picture_figures
from benchmarks.cuda_training import NO_DEVICE, PUBLISHED_PEAKS, device_name
from benchmarks.harness import record
from models.counter_random import item_keys
from models.sampling import NO_DEPARTURES, sample_cached
from models.sampling.draws import Draws, sampling_mode
from models.sampling.gpu import Steps, WaveformNetwork, waveform_network
from models.sampling.gpu.graph import capture_on
from models.sampling.gpu.sampling import KernelSampling
from models.wavenet import WaveNet, WaveNetConfig

TINY: dict[str, Any] = {
    "residual_channels": 5,
    "gate_channels": 6,
    "skip_channels": 7,
    "head_channels": 8,
    "dilations": (1, 2),
    "num_stacks": 1,
}

PUBLISHED_BANDWIDTHS = {"A100": 2.0e12, "H100": 3.35e12, "H200": 4.8e12, "B200": 8.0e12, "L4": 0.3e12, "RTX 4090": 1e12}
"""Bytes/s of a device's memory by the makers' data sheets, by what stands in a device's name."""

OTHER_KERNELS = 4
"""Of a timestep's network, beside the gated layers: the first convolution, two products of the head, the position."""

MOST_APART = 1e-3
"""Between parameters of the kernels in float32 and those of the forward pass."""

CHECKED_TIMESTEPS = 8


@dataclass(frozen=True)
class Figure:
    """What one architecture reached; `share_of_bound` of the network alone, where the device's limits are known."""

    architecture: str
    device: str
    precision: str
    num_lanes: int
    layers_per_launch: int
    timesteps_per_s: float
    network_timesteps_per_s: float
    cached_timesteps_per_s: float
    bounds_s: dict[str, float]
    share_of_bound: float | str


def seconds_per_call(call: Callable[[], object], num_calls: int, device: torch.device) -> float:
    """The mean of a number of calls in a row, which the device is waited for once."""
    synchronise(device)
    started = time.perf_counter()
    for _ in range(num_calls):
        call()
    synchronise(device)
    return (time.perf_counter() - started) / num_calls


def synchronise(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def node_seconds(device: torch.device, num_nodes: int = 100) -> float:
    """What one node of a graph takes that has next to nothing to do."""
    number = torch.zeros(1, device=device)

    def body() -> None:
        for _ in range(num_nodes):
            number.add_(1)

    capture = capture_on(device)
    capture.warm_up(body)
    return seconds_per_call(capture(body), 20, device) / num_nodes


def bounds(config: WaveNetConfig, network: WaveformNetwork, device: torch.device) -> dict[str, float]:
    """The three terms of the formula in seconds of one timestep of all lanes; the device's only where known."""
    num_layers, num_lanes = len(config.layer_dilations), network.num_lanes
    flop = WaveNet(config).flops_per_draw((1,)) * num_lanes
    ring = num_layers * config.kernel_size * config.residual_channels * network.rings.element_size() * num_lanes
    terms = {"kernels": (OTHER_KERNELS + len(list(network.launches()))) * node_seconds(device)}
    for term, amount, published in (
        ("arithmetic", flop, PUBLISHED_PEAKS),
        ("rings", float(ring), PUBLISHED_BANDWIDTHS),
    ):
        if rate := next((rate for part, rate in published.items() if part in device_name(device)), 0.0):
            terms[term] = amount / rate
    return terms


def check_agreement(model: WaveNet) -> None:
    """Ends the command unless the kernels give, in float32, the parameters of the forward pass."""
    device = model.head.weight.device
    x = torch.randint(model.config.num_levels, (40, CHECKED_TIMESTEPS), device=device)
    with torch.inference_mode():
        steps = Steps(waveform_network(model, None, len(x), CHECKED_TIMESTEPS))
        steps.capture()
        previous: list[Tensor | None] = [None, *x[:, :-1].t()]
        parameters = [steps.step(levels).clone() for levels in previous]
        apart = float((torch.stack(parameters, 1) - model(x)).abs().max())
    if not apart <= MOST_APART:
        raise SystemExit(
            f"the kernels' parameters are {apart:.3g} from those of the forward pass, at most {MOST_APART}"
        )


def measure(name: str, config: WaveNetConfig, num_lanes: int, options: argparse.Namespace) -> Figure:
    """One architecture at so many lanes."""
    device, num_timesteps = torch.device(options.device), options.timesteps
    torch.manual_seed(0)
    model = WaveNet(config).to(device).eval()
    check_agreement(model)
    keys = item_keys((0, str(lane)) for lane in range(num_lanes))
    asked = None, num_lanes, num_timesteps, options.precision, options.layers_per_launch or None
    with sampling_mode(model):
        network = waveform_network(model, *asked)
        terms = bounds(config, network, device)
        steps = Steps(network)
        steps.capture()
        network_s = seconds_per_call(steps.next, num_timesteps, device)
        draws = Draws(model, (num_timesteps,), keys, NO_DEPARTURES, None, None)
        sampling = KernelSampling(draws, network)
        drawn_s = seconds_per_call(sampling.draw, num_timesteps, device)
    few = min(num_timesteps, 32)
    cached_s = seconds_per_call(lambda: sample_cached(model, (few,), None, keys), 1, device) / few
    return Figure(
        architecture=name + (", tiny" if options.tiny else ""),
        device=device_name(device),
        precision=options.precision,
        num_lanes=num_lanes,
        layers_per_launch=network.layers_per_launch,
        timesteps_per_s=round(num_lanes / drawn_s, 1),
        network_timesteps_per_s=round(num_lanes / network_s, 1),
        cached_timesteps_per_s=round(num_lanes / cached_s, 1),
        bounds_s=terms,
        share_of_bound=round(max(terms.values()) / network_s, 4) if len(terms) > 1 else "not known",
    )


def line(figure: Figure) -> str:
    """One figure as text."""
    share = figure.share_of_bound
    shown = f"{100 * share:.1f} % of the bound" if isinstance(share, float) else "bound not known"
    return (
        f"{figure.architecture:44}{figure.num_lanes:>6} lanes{figure.timesteps_per_s:>16,.0f} timesteps/s"
        f"{figure.network_timesteps_per_s:>16,.0f} without the draw, {shown};"
        f"{figure.cached_timesteps_per_s:>14,.0f} by sample_cached"
    )


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the command was told."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cuda_sampling")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, cpu (default cuda)")
    parser.add_argument("--lanes", type=int, nargs="+", default=[1024, 4096], help="(default 1024 4096)")
    parser.add_argument("--timesteps", type=int, default=2048, help="timed in a row (default 2048)")
    parser.add_argument(
        "--picture-lanes", type=int, nargs="+", default=[256, 1024], help="of pictures (default 256 1024)"
    )
    parser.add_argument("--sets", type=int, default=1, help="of pictures, timed in a row (default 1)")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16", help="of products")
    parser.add_argument("--layers-per-launch", type=int, default=0, help="(default 0: all in one kernel)")
    parser.add_argument("--only", default="", help="only the architectures whose name holds this text")
    parser.add_argument("--tiny", action="store_true", help="tiny networks, two lanes, four timesteps")
    parser.add_argument("--record", action="store_true", help="write the figures below benchmarks/results/")
    options = parser.parse_args(arguments)
    if options.tiny:
        options.lanes, options.picture_lanes, options.timesteps = [2], [2], 4
    return options


def main(arguments: Sequence[str] | None = None) -> list[Figure | PictureFigure]:
    """Every architecture that was asked for, at every number of lanes; then pictures."""
    options = parsed(arguments)
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print(
            "no CUDA device is to be seen; TRITON_INTERPRET=1 and --device cpu --tiny show that the code runs",
            file=sys.stderr,
        )
        raise SystemExit(NO_DEVICE)
    figures: list[Figure | PictureFigure] = []
    for name, config in ARCHITECTURES.items():
        for num_lanes in options.lanes if options.only in f"{name}," else []:
            fitted = replace(config, **TINY) if options.tiny else config
            figure = measure(name, fitted, num_lanes, options)
            figures.append(figure)
            print(line(figure), flush=True)
    figures += picture_figures(options, node_seconds, lambda text: print(text, flush=True))
    if options.record:
        print(f"recorded in {record('cuda_sampling', figures, on=device_name(device))}")
    return figures


if __name__ == "__main__":
    main()
