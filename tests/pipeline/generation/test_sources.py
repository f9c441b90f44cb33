import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import RequestError
from pipeline.generation.reading import check_requests, read_requests
from pipeline.generation.requests import Request
from pipeline.generation.sources import entries_of
from pipeline.generation.target import Target
from pipeline.storage import Location
from tests.pipeline.generation.tiny_models import AUDIO, SPEECH

TARGET = Target(AUDIO, SPEECH, 1000)

LINES: list[dict[str, Any]] = [
    {"id": "one", "speaker": "ann", "emotion": "calm", "phones": [["a", 0.03]], "count": 2, "seed": 5},
    {"id": "two", "speaker": "bob", "emotion": "glad", "phones": [["b", 0.02], ["sil", 0.01]], "temperature": 0.5},
]


def place(folder: Path, name: str, content: str | bytes) -> Location:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return Location(str(folder / name))


def as_csv(folder: Path) -> Location:
    text = "\ufeffid,speaker,emotion,phones,count,seed,temperature\r\n"
    text += 'one,ann,calm,"[[""a"", 0.03]]",2,5,\r\n\r\ntwo,bob,glad,"[[""b"", 0.02], [""sil"", 0.01]]",,,0.5\r\n'
    return place(folder, "wishes.csv", text)


def as_parquet(folder: Path) -> Location:
    rows = [{**line, "phones": json.dumps(line["phones"])} for line in LINES]
    rows[0] |= {"count": 2.0, "seed": 5.0}  # a column of numbers with gaps, as pandas keeps it
    pq.write_table(
        pa.Table.from_pylist([{key: row.get(key) for key in (*rows[0], "temperature")} for row in rows]),
        folder / "wishes.parquet",
    )
    return Location(str(folder / "wishes.parquet"))


def requests(file: Location) -> list[Request]:
    return list(read_requests(file, TARGET))


def test_lines_tables_and_columns_ask_for_the_same(tmp_path: Path) -> None:
    lines = place(tmp_path, "wishes.jsonl", "".join(json.dumps(line) + "\n" for line in LINES))
    assert requests(as_csv(tmp_path)) == requests(as_parquet(tmp_path)) == requests(lines)
    sums = {check_requests(file, TARGET).sha256 for file in (lines, as_csv(tmp_path), as_parquet(tmp_path))}
    assert len(sums) == 1


def test_a_grid_is_read_by_its_name(tmp_path: Path) -> None:
    page = "grid: {speaker: [ann, bob], emotion: [calm]}\nphones: [[a, 0.03]]\ncount: 2\n"
    found = requests(place(tmp_path, "wishes.yaml", page))
    assert [request.request_id for request in found] == ["ann-calm", "bob-calm"]
    assert check_requests(Location(str(tmp_path / "wishes.yaml")), TARGET).num_items == 4


def test_text_stays_text_in_a_table(tmp_path: Path) -> None:
    (entry,) = entries_of(place(tmp_path, "w.csv", "label,id,count\n3,007,4\n"))
    assert entry.data == {"label": "3", "id": "007", "count": 4}
    pq.write_table(pa.table({"label": [3], "count": [4]}), tmp_path / "w.parquet")
    (entry,) = entries_of(Location(str(tmp_path / "w.parquet")))
    assert entry.data == {"label": "3", "count": 4}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.csv", "label,count\n1\n", "w.csv, line 2: 1 cells, and the first line names 2"),
        ("w.csv", "label,label\n1,2\n", "line 1: the key 'label' comes twice"),
        ("w.csv", "label,\n1,2\n", "line 1: expected the names of the keys"),
        ("w.csv", 'label\n"open\n', "expected CSV in UTF-8"),
        ("w.csv", b"label\n\xe9\n", "expected CSV in UTF-8"),
        ("w.csv", 'speaker,emotion,phones\neve,calm,"[[""a"", 1]]"\n', "w.csv, line 2: speaker 'eve'"),
        ("w.csv", "", r"w\.csv holds no request; expected a first line that names the keys and a row"),
        ("w.csv", "label,count\n", r"w\.csv holds no request; .*`label,count` and `3,10`"),
        ("w.csv", "label,count\n,\n", r"w\.csv holds no request"),
        ("w.parquet", "PAR", "expected a Parquet file"),
        ("w.yaml", "grid: {speaker: [eve]}\ncount: 1\n", r"combination 1 \(eve\): speaker 'eve'"),
    ],
)
def test_an_error_names_the_place(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        check_requests(place(tmp_path, name, content), TARGET)


def test_a_table_without_rows_is_told_in_its_own_words(tmp_path: Path) -> None:
    pq.write_table(pa.table({"label": pa.array([], pa.string())}), tmp_path / "w.parquet")
    with pytest.raises(RequestError, match=r"w\.parquet holds no request; expected a row .* in columns"):
        check_requests(Location(str(tmp_path / "w.parquet")), TARGET)
