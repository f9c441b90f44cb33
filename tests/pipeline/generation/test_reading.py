import json
from pathlib import Path
from typing import Any

import pytest

import pipeline.generation.reading as reading
from pipeline.errors import RequestError, StorageError
from pipeline.generation.reading import check_requests, read_requests
from pipeline.generation.target import Target
from pipeline.storage import Location
from tests.pipeline.generation.tiny_models import AUDIO, NOTHING, SPEAKERS

TARGET = Target(AUDIO, SPEAKERS, 1000)


def requests_file(folder: Path, *lines: Any) -> Location:
    path = folder / "requests.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return Location(str(path))


def ann(**more: Any) -> dict[str, Any]:
    return {"speaker": "ann", "num_timesteps": 10, **more}


def test_totals_of_a_file_with_blank_lines(tmp_path: Path) -> None:
    file = requests_file(tmp_path, ann(count=3), "", "  ", ann(id="x", num_timesteps=5))
    told: list[int] = []
    totals = check_requests(file, TARGET, told.append)
    assert told == [1, 2]
    assert (totals.num_requests, totals.num_items, totals.num_timesteps) == (2, 4, 35)
    assert [request.request_id for request in read_requests(file, TARGET)] == ["000001", "x"]


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    (tmp_path / "marked.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(ann()).encode())
    assert check_requests(Location(str(tmp_path / "marked.jsonl")), TARGET).num_items == 1


def test_an_error_names_file_and_line(tmp_path: Path) -> None:
    file = requests_file(tmp_path, ann(), "", ann(speaker="eve"))
    with pytest.raises(RequestError, match=r"requests\.jsonl, line 3: speaker 'eve'"):
        check_requests(file, TARGET)


@pytest.mark.parametrize("lines", [(), ("", "")])
def test_a_file_without_requests_is_an_error(tmp_path: Path, lines: tuple[str, ...]) -> None:
    with pytest.raises(RequestError, match="holds no request"):
        check_requests(requests_file(tmp_path, *lines), TARGET)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        check_requests(Location(str(tmp_path / "none.jsonl")), TARGET)


@pytest.mark.parametrize("lines", [(ann(id="x"), ann(), ann(id="x")), (ann(), ann(), ann(id="000002"))])
def test_an_id_may_stand_once_also_against_line_numbers(tmp_path: Path, lines: tuple[Any, ...]) -> None:
    with pytest.raises(RequestError, match=r"line 3: the id '(x|000002)' is that of line [12] too"):
        check_requests(requests_file(tmp_path, *lines), TARGET)


def test_hashes_that_meet_by_chance_are_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "id_hash", lambda request_id: 1)
    assert check_requests(requests_file(tmp_path, ann(id="x"), ann(id="y")), TARGET).num_requests == 2


def test_bytes_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "\xe9"}\n')
    with pytest.raises(RequestError, match="line 1: expected UTF-8"):
        check_requests(Location(str(tmp_path / "latin.jsonl")), TARGET)


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="line 2: longer than"):
        check_requests(requests_file(tmp_path, ann(), " " * 3_000_000), TARGET)


def test_a_long_file_is_not_held_in_memory(tmp_path: Path) -> None:
    import tracemalloc

    file = requests_file(tmp_path, *(['{"num_timesteps": 5, "count": 2}'] * 8_000))
    tracemalloc.start()
    totals = check_requests(file, Target(AUDIO, NOTHING, 1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert totals.num_items == 16_000
    assert peak < 3_000_000  # as objects the requests alone are more than 7 MB
