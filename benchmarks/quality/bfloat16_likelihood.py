"""What bfloat16 costs in likelihood: a trained WaveNet's held-out nats, scored by the kernel in both precisions.

    python -m benchmarks.quality.bfloat16_likelihood [--data FOLDER] [--steps N] [--record]

A WaveNet of ten layers is trained on FSDD in float32; then the kernel that draws is given the held-out windows level by
level, and says what each costs. Torch's float32 stands beside it. Target: at most 1e-3 nats a timestep apart.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.harness import pin_threads, record
from benchmarks.quality.data import CORPORA, Material, prepared
from models.native import best, why_none
from models.native.wavenet import NativeWaveNet
from models.wavenet import WaveNet, WaveNetConfig
from pipeline.preparation.config import PrepareConfig, SpeechConfig

CONFIG = WaveNetConfig(residual_channels=32, gate_channels=64, skip_channels=128, head_channels=128, num_stacks=1)
BATCH_SIZE, WINDOW, NUM_HELD_OUT, LEARNING_RATE = 8, 2048, 64, 3e-3


@dataclass(frozen=True)
class Scored:
    """Nats a timestep of the held-out windows."""

    case: str
    nats_per_timestep: float
    from_torch_float32: float


def trained(material: Material, num_steps: int) -> WaveNet:
    """The network after so many steps, with a rate that falls to nothing."""
    torch.manual_seed(0)
    model = WaveNet(CONFIG)
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, num_steps)
    for _, batch in zip(range(num_steps), material.batches(seed=0), strict=False):
        nats = model.nll_nats(batch.x)[batch.scored].mean()
        torch.autograd.backward(nats)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
    return model.eval()


def by_torch(model: WaveNet, windows: list[tuple[Tensor, Tensor]]) -> float:
    """Teacher-forced."""
    with torch.inference_mode():
        nats = torch.cat([model.nll_nats(x)[scored] for x, scored in windows])
    return float(nats.double().mean())


def by_kernel(model: WaveNet, windows: list[tuple[Tensor, Tensor]], dtype: torch.dtype) -> float:
    """Level by level, each given."""
    library = best()
    assert library is not None
    parts = []
    with torch.inference_mode():
        for x, scored in windows:
            net = NativeWaveNet(model, len(x), library, dtype)
            for lane in range(len(x)):
                net.start(lane, (0, lane), 1.0)
            nats = net.run(x.shape[1], given=x.t().int().contiguous()).nll_nats.t()
            parts.append(nats[scored])
    return float(torch.cat(parts).mean())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.bfloat16_likelihood")
    parser.add_argument("--data", type=Path, default=CORPORA, help="the folder that holds fsdd")
    parser.add_argument("--steps", type=int, default=400, help="of training (default 400)")
    parser.add_argument("--record", action="store_true", help="write the figures below benchmarks/results/")
    options = parser.parse_args()
    pin_threads()
    library = best()
    if library is None or not library.has_bfloat16:
        raise SystemExit(why_none() if library is None else "this processor has no products of bfloat16")
    with tempfile.TemporaryDirectory() as folder:
        config = PrepareConfig(speech=SpeechConfig(phones="off"))
        dataset = prepared(options.data / "fsdd", Path(folder) / "fsdd", config)
        material = Material(dataset, BATCH_SIZE, NUM_HELD_OUT, WINDOW, CONFIG.receptive_field)
        model = trained(material, options.steps)
        windows = [(batch.x, batch.scored) for batch in material.held_out]
        base = by_torch(model, windows)
        figures = [Scored("torch, float32", base, 0.0)]
        for dtype in (torch.float32, torch.bfloat16):
            nats = by_kernel(model, windows, dtype)
            figures.append(Scored(f"kernel, {str(dtype).removeprefix('torch.')}", nats, nats - base))
    for one in figures:
        print(f"{one.case:20}{one.nats_per_timestep:10.5f} nats a timestep{one.from_torch_float32:+12.2e}")
    if options.record:
        print(f"recorded in {record('quality.bfloat16_likelihood', figures)}")


if __name__ == "__main__":
    main()
