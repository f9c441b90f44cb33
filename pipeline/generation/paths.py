"""Sampling paths: which there are for a model here, and what a row says of the one that it was drawn by."""

import torch

from models.native import best
from models.sampling.fused import why_not_fused
from models.sampling.gpu import why_not_on_gpu
from pipeline.errors import ConfigError
from pipeline.generation.config import GenerateConfig
from pipeline.model_folder import ExportedModel


def why_not_by_kernel(exported: ExportedModel, config: GenerateConfig) -> str:
    """Why no item of this run is drawn by a kernel; empty where they are. ConfigError where bfloat16 was asked for."""
    reason = "sampler is torch" if config.sampler == "torch" else why_no_kernel(exported, config)
    if reason and config.precision != "float32":
        raise ConfigError(f"precision is {config.precision}, and {reason}: leave it at float32")
    return reason


def why_no_kernel(exported: ExportedModel, config: GenerateConfig) -> str:
    """Why the device that is asked for has no kernel for the model; empty where it has."""
    why_not = why_not_on_gpu if config.device == "cuda" else why_not_fused
    return why_not(exported.model, config.precision)


def gpu_path(config: GenerateConfig) -> str:
    """What an item's bytes are promised for, drawn by the kernels of a GPU: precision, device, lanes."""
    return f"triton-{config.precision}-cuda-{torch.cuda.get_device_name()}-lanes{config.num_lanes}"


def fused_path(config: GenerateConfig) -> str:
    """What an item's bytes are promised for, drawn by a kernel: precision and CPU level."""
    library = best()
    assert library is not None
    return f"fused-{config.precision}-cpu-{library.level}"


def cached_path(config: GenerateConfig) -> str:
    """The same of torch: library, dtype, device or CPU level, lanes. A graph replays torch's own operations."""
    level = torch.backends.cpu.get_cpu_capability().lower().replace(" ", "")
    device = f"cpu-{level}" if config.device == "cpu" else f"cuda-{torch.cuda.get_device_name()}"
    return f"cached-torch-fp32-{device}-lanes{config.num_lanes}"


def paths_here(config: GenerateConfig) -> list[str]:
    """All that items may be drawn by on this machine; a snapshot of others is not gone on from."""
    if config.device == "cuda":
        return [cached_path(config), gpu_path(config)]
    return [cached_path(config), *([fused_path(config)] if best() else [])]
