"""Lanes that do not fit are refused before they are made, with the number that would."""

from pathlib import Path

import pytest

from models.native import best
from pipeline.errors import ConfigError
from pipeline.generation import memory
from pipeline.generation.config import GenerateConfig
from pipeline.generation.memory import available_bytes, require_memory
from pipeline.model_folder import ExportedModel


@pytest.mark.parametrize("by_kernel", [True, False])
def test_lanes_that_do_not_fit_are_refused_with_the_number_that_would(
    speech_model: ExportedModel, monkeypatch: pytest.MonkeyPatch, by_kernel: bool
) -> None:
    if by_kernel and best() is None:
        pytest.skip("built without a compiler")
    monkeypatch.setattr(memory, "available_bytes", lambda: 20 * 2**20)
    config = GenerateConfig(num_lanes=800, num_actors=1)
    with pytest.raises(ConfigError, match=r"800 lanes of .* MiB take .* GiB, .* set num_lanes=\d+\.") as error:
        require_memory(speech_model, config, 1000, (2000,), by_kernel=by_kernel)
    num_lanes = int(str(error.value).rsplit("num_lanes=", 1)[1].rstrip("."))
    assert num_lanes % 8 == 0
    require_memory(speech_model, GenerateConfig(num_lanes=num_lanes, num_actors=1), 1000, (2000,), by_kernel=by_kernel)
    beyond = GenerateConfig(num_lanes=num_lanes + 8, num_actors=1)
    with pytest.raises(ConfigError, match="lanes of"):
        require_memory(speech_model, beyond, 1000, (2000,), by_kernel=by_kernel)
    with pytest.raises(ConfigError, match="ask for shorter items"):
        require_memory(speech_model, config, 1000, (2**20,), by_kernel=by_kernel)


def test_a_kernel_has_no_more_lanes_than_items(speech_model: ExportedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    if best() is None:
        pytest.skip("built without a compiler")
    monkeypatch.setattr(memory, "available_bytes", lambda: 2**20)
    require_memory(speech_model, GenerateConfig(num_lanes=800, num_actors=1), 2, (2000,), by_kernel=True)


def test_the_memory_of_a_container_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 900 kB\nMemAvailable: 500 kB\n")
    monkeypatch.setattr(memory, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    assert available_bytes() == 500 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("4096\n")
    assert available_bytes() == 500 * 1024
    (tmp_path / "memory.max").write_text("204800\n")
    assert available_bytes() == 204800 - 4096
    monkeypatch.setattr(memory, "MEMORY", tmp_path / "nothing")
    assert available_bytes() is None
