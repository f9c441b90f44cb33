"""Sampling paths: which there are for a model here, and what a row says of the one that it was drawn by."""

import torch

from models.native import best
from models.sampling.fused import why_not_fused
from pipeline.errors import ConfigError
from pipeline.generation.config import GenerateConfig
from pipeline.model_folder import ExportedModel


def why_not_by_kernel(exported: ExportedModel, config: GenerateConfig) -> str:
    """Why no item of this run is drawn by a kernel; empty where they are. ConfigError where bfloat16 was asked for."""
    reason = "sampler is torch" if config.sampler == "torch" else why_not_fused(exported.model, config.precision)
    if reason and config.precision != "float32":
        raise ConfigError(f"precision is {config.precision}, and {reason}: leave it at float32")
    return reason


def fused_path(config: GenerateConfig) -> str:
    """What an item's bytes are promised for, drawn by a kernel: precision and CPU level."""
    library = best()
    assert library is not None
    return f"fused-{config.precision}-cpu-{library.level}"


def cached_path(config: GenerateConfig) -> str:
    """The same of torch: library, dtype, device or CPU level, lanes."""
    level = torch.backends.cpu.get_cpu_capability().lower().replace(" ", "")
    device = f"cpu-{level}" if config.device == "cpu" else f"cuda-{torch.cuda.get_device_name()}"
    return f"cached-torch-fp32-{device}-lanes{config.num_lanes}"


def paths_here(config: GenerateConfig) -> list[str]:
    """All that items may be drawn by on this machine; a snapshot of others is not gone on from."""
    return [cached_path(config), *([fused_path(config)] if best() else [])]
