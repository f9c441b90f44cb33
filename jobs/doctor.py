"""`doctor`: what this machine has, what it lacks, and what that costs; changes nothing.

It draws a few items by the kernels of the processor, and of the GPU, and by torch and compares them, so that "used"
means that it works here.
"""

import importlib.util
import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from typing import NamedTuple

import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.autoregressive import Autoregressive
from models.counter_random import item_key
from models.gated_pixelcnn import GatedPixelCNN, GatedPixelCNNConfig
from models.native import LEVELS, Library, best, opened
from models.pixelcnn import PixelCNN, PixelCNNConfig
from models.sampling import LaneRequest, sample_cached
from models.sampling.fused import sample_fused
from models.sampling.gpu import sample_on_gpu, why_not_on_gpu
from models.wavenet import WaveNet, WaveNetConfig
from pipeline.generation.memory import available_bytes

PACKAGES = ("ray", "torch", "numpy", "pyarrow", "safetensors")

EXTRAS = {
    "speech": ("espeakng_loader", "phones from text"),
    "lexicon": ("gruut_lang_en", "English phones from a lexicon, without GPL"),
    "f0": ("pyworld", "fundamental frequency"),
    "pyin": ("librosa", "fundamental frequency, slow and robust"),
    "demo": ("sklearn", "the digits of `ancestral demo`"),
    "s3": ("s3fs", "storage at s3://"),
    "gcs": ("gcsfs", "storage at gs://"),
    "mlflow": ("mlflow", "a training told to MLflow"),
    "wandb": ("wandb", "a training told to Weights & Biases"),
}
"""An extra's package, and what it is for."""

NUM_TIMESTEPS, NUM_LANES = 40, 8


class Finding(NamedTuple):
    """One line."""

    subject: str
    found: str
    is_well: bool = True


def doctor(console: Console) -> int:
    """Print what is found; gives the number of things that are broken, of which a missing extra is none."""
    table = Table("subject", "found", box=None)
    findings = list(examined())
    for finding in findings:
        found = escape(finding.found)
        table.add_row(finding.subject, found if finding.is_well else f"[red]{found}[/red]")
    console.print(table)
    return sum(not finding.is_well for finding in findings)


def examined() -> Iterator[Finding]:
    """Machine, packages, kernels, extras."""
    free = available_bytes()
    memory = "unknown" if free is None else f"{free / 2**30:,.1f} GiB free"
    yield Finding("machine", f"{platform.machine()}, {os.cpu_count()} CPUs, memory: {memory}")
    yield Finding("Python", platform.python_version())
    yield from (Finding(package, version(package)) for package in PACKAGES)
    yield Finding("GPU", torch.cuda.get_device_name() if torch.cuda.is_available() else "none that torch can use")
    yield from kernels()
    yield drawing()
    if torch.cuda.is_available():
        yield drawing_on(torch.device("cuda"))
    for extra, (package, purpose) in EXTRAS.items():
        is_there = importlib.util.find_spec(package) is not None
        yield Finding(
            f"extra {extra}", "installed" if is_there else f"missing ({purpose}): pip install 'ancestral[{extra}]'"
        )


def kernels() -> Iterator[Finding]:
    """Each level of processor: used, usable, or why not."""
    used = best()
    for level in LEVELS:
        found = opened(level)
        if not isinstance(found, Library):
            yield Finding(f"kernels {level}", found)
        else:
            products = "float32 and bfloat16" if found.has_bfloat16 else "float32"
            yield Finding(f"kernels {level}", f"{'used' if found is used else 'usable'}: {products}")


def drawing() -> Finding:
    """Whether the kernels draw what torch draws, on a small network."""
    if best() is None:
        return Finding("drawing", "by torch, several times slower: install a C++ compiler and the package again")
    torch.manual_seed(0)
    model = WaveNet(WaveNetConfig(64, 16, 32, 16, 16, dilations=(1, 2, 4), num_stacks=1)).eval()
    requests = [LaneRequest((NUM_TIMESTEPS,), item_key(0, str(number))) for number in range(4)]
    by_kernel = torch.stack([item.levels for item in sample_fused(model, requests, 4)])
    by_torch = sample_cached(model, (NUM_TIMESTEPS,), None, torch.tensor([request.key for request in requests])).levels
    if torch.equal(by_kernel, by_torch):
        return Finding("drawing", "by the kernels, which draw what torch draws")
    return Finding(
        "drawing", "the kernels do not draw what torch draws: set sampler=torch, and report it", is_well=False
    )


def drawing_on(device: torch.device) -> Finding:
    """Whether the kernels of a GPU draw what torch draws there, on small networks of each kind."""
    subject, networks = f"drawing on {device}", small_networks()
    for model, shape in networks:
        model.to(device).eval()
        if reason := why_not_on_gpu(model):
            return Finding(subject, f"by torch: {reason}")
        requests = [LaneRequest(shape, item_key(0, str(number))) for number in range(NUM_LANES)]
        by_kernel = torch.stack([item.levels for item in sample_on_gpu(model, requests, NUM_LANES)])
        by_torch = sample_cached(model, shape, None, torch.tensor([request.key for request in requests])).levels.cpu()
        if not torch.equal(by_kernel, by_torch):
            told = f"its kernels do not draw what torch draws from a {type(model).__name__}: set sampler=torch"
            return Finding(subject, f"{told}, and report it", is_well=False)
    return Finding(subject, "by its kernels, which draw what torch draws")


def small_networks() -> list[tuple[Autoregressive, tuple[int, ...]]]:
    """One of each kind that a GPU has kernels for, and the shape of what is drawn from it."""
    torch.manual_seed(0)
    waveforms = WaveNet(WaveNetConfig(64, 16, 32, 16, 16, dilations=(1, 2, 4), num_stacks=1))
    gated = GatedPixelCNN(GatedPixelCNNConfig(8, 3, 12, 2, 12, 3, 3))
    square = PixelCNN(PixelCNNConfig(8, 3, 12, 1, 12, 3, 3))
    return [(waveforms, (12,)), (gated, (3, 2, 2)), (square, (3, 2, 2))]
