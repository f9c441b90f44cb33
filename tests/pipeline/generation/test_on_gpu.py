"""A run with device=cuda, its kernels in the interpreter: what is drawn by which path, and what a row says of it."""

import pytest
import torch

from models.sampling.gpu import cached_graphs
from models.sampling.gpu.graph import AsItIs
from pipeline.errors import ConfigError
from pipeline.generation import memory
from pipeline.generation.config import GenerateConfig
from pipeline.generation.drawing import draw_items
from pipeline.generation.paths import cached_path, gpu_path, paths_here
from pipeline.generation.plan import PlannedItem, shard_plans
from pipeline.generation.requests import parse_request
from pipeline.generation.target import Target
from pipeline.model_folder import ExportedModel
from tests.models.interpreter import interpreted, needs_triton  # noqa: F401 (a fixture of the whole module)

SPOKEN = [
    '{"count": 2, "speaker": "ann", "emotion": "calm", "phones": [["a", 0.002], ["b", 0.003]]}',
    '{"count": 1, "speaker": "bob", "emotion": "glad", "phones": [["b", 0.005]], "temperature": 0.5}',
    '{"count": 1, "speaker": "bob", "emotion": "glad", "phones": [["b", 0.005]], "top_k": 3}',
]
DRAWN = ['{"label": "1", "count": 2}', '{"label": "2", "seed": 4, "temperature": 2}']
ON_GPU = GenerateConfig(num_lanes=8, device="cuda")
BY_TORCH = GenerateConfig(num_lanes=8, sampler="torch")


@pytest.fixture(autouse=True)
def device_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    monkeypatch.setattr(memory, "gpu_bytes_that_can_be_had", lambda: 2**30)


def items_of(lines: list[str], exported: ExportedModel) -> list[PlannedItem]:
    target = Target(exported.info.conventions, exported.info.conditioning, 1000)
    requests = [parse_request(line, number, target, f"line {number}") for number, line in enumerate(lines, 1)]
    return [item for plan in shard_plans(requests, exported.info.digest, ON_GPU) for item in plan.entries]


@needs_triton
def test_speech_is_drawn_by_the_kernels_as_by_torch(speech_model: ExportedModel) -> None:
    items = items_of(SPOKEN, speech_model)
    drawn = draw_items(items, speech_model, ON_GPU, lambda num_levels: None)
    plain = draw_items(items, speech_model, BY_TORCH, lambda num_levels: None)
    assert {path for _, path in drawn} == {"triton-float32-cuda-NVIDIA H200-lanes8"} == {gpu_path(ON_GPU)}
    for (item, _), (same, _) in zip(drawn, plain, strict=True):
        assert torch.equal(item.levels, same.levels)
        assert item.nll_nats == pytest.approx(same.nll_nats, abs=1e-3)


def test_a_model_without_a_kernel_is_drawn_as_graphs_by_torch(
    digit_model: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.generation.paths.why_not_on_gpu", lambda model, precision: "there is no kernel")
    monkeypatch.setattr(cached_graphs, "why_not_as_graphs", lambda model, shape: "")
    monkeypatch.setattr(cached_graphs, "capture_on", lambda device: AsItIs())
    items = items_of(DRAWN, digit_model)
    drawn = draw_items(items, digit_model, ON_GPU, lambda num_levels: None)
    plain = draw_items(items, digit_model, BY_TORCH, lambda num_levels: None)
    assert {path for _, path in drawn} == {"cached-torch-fp32-cuda-NVIDIA H200-lanes8"} == {cached_path(ON_GPU)}
    assert all(torch.equal(item.levels, same.levels) for (item, _), (same, _) in zip(drawn, plain, strict=True))


def test_paths_on_a_gpu() -> None:
    assert paths_here(ON_GPU) == [cached_path(ON_GPU), gpu_path(ON_GPU)]


def test_bfloat16_is_refused_where_the_gpu_has_no_kernel(
    digit_model: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.generation.paths.why_not_on_gpu", lambda model, precision: "there is no kernel")
    config = GenerateConfig(num_lanes=8, device="cuda", precision="bfloat16")
    with pytest.raises(ConfigError, match="precision is bfloat16, and there is no kernel: leave it at float32"):
        draw_items(items_of(DRAWN, digit_model), digit_model, config, lambda num_levels: None)


@needs_triton
def test_lanes_that_do_not_fit_on_the_gpu_are_refused_with_the_number_that_would(
    speech_model: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def require(num_lanes: int, gpus_per_actor: float = 1.0) -> None:
        config = GenerateConfig(num_lanes=num_lanes, device="cuda", gpus_per_actor=gpus_per_actor)
        memory.require_memory(speech_model, config, 1, (1000,), by_kernel=True)

    with pytest.raises(ConfigError, match=r"lanes of .* GiB of the GPU's memory, .* set num_lanes=\d+\.") as error:
        require(2**20)
    num_lanes = int(str(error.value).rsplit("num_lanes=", 1)[1].rstrip("."))
    require(num_lanes)
    for beyond in ((num_lanes + 8, 1.0), (num_lanes, 0.5)):
        with pytest.raises(ConfigError, match="lanes of"):
            require(*beyond)
