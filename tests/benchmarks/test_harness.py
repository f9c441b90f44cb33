import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import hardware, record, without_data
from benchmarks.quality.bulk import Figure

CPU = """processor	: 0
cpu family	: 26
model		: 2
model name	: Some CPU
flags		: fpu {flags}

processor	: 1
model name	: Another
flags		: avx512f
"""


def test_a_recorded_command_does_not_say_where_the_corpora_lie() -> None:
    assert without_data(["--data", "/corpora", "--seeds", "2", "--record"]) == ["--seeds", "2", "--record"]
    assert without_data(["--record", "--data=/corpora"]) == ["--record"]
    assert without_data(["--seeds", "2", "--data"]) == ["--seeds", "2"]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("avx2 avx512f avx512_bf16", "Some CPU 26-2, AVX-512 with bfloat16"),
        ("avx2 avx512f", "Some CPU 26-2, AVX-512"),
        ("avx2", "Some CPU 26-2, AVX2"),
        ("sse2", "Some CPU 26-2"),
    ],
)
def test_processors_that_multiply_otherwise_have_other_names(
    monkeypatch: pytest.MonkeyPatch, flags: str, told: str
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda path: CPU.replace("{flags}", flags))
    assert hardware() == told


def test_a_processor_that_nothing_is_told_of_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr("platform.processor", lambda: "arm")
    assert hardware() == "arm"


BULK: dict[str, Any] = {"model": "wavenet", "num_items": 3, "planned_s": 4.0, "took_s": 3.0, "took_to_planned": 0.75}
KILLED: dict[str, Any] = {"actors_killed": 2, "commands_killed": 1}


def test_a_generation_holds_where_every_reader_finds_every_item() -> None:
    def holds(same: bool, **found: int) -> bool:
        return Figure(**BULK, **KILLED, is_byte_identical=same, read_back=found).holds

    assert holds(True, duckdb=3, prepare=3)
    assert not holds(False, duckdb=3, prepare=3)
    assert not holds(True, duckdb=3, prepare=2)


def test_a_record_tells_the_command_that_it_is_given(tmp_path: Path) -> None:
    figure = Figure(**BULK, **KILLED, is_byte_identical=True, read_back={})
    page = json.loads(record("quality.bulk.wavenet", [figure], tmp_path, "some", "python -m a").read_text())
    assert (page["hardware"], page["command"]) == ("some", "python -m a")
    assert page["figures"][0]["took_to_planned"] == 0.75
    assert [path.name[:26] for path in tmp_path.iterdir()] == ["quality_bulk_wavenet_some_"]
