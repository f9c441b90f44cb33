from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import RequestError
from pipeline.generation.grid import read_grid
from pipeline.storage import Location


def grid(folder: Path, text: str) -> list[dict[str, Any]]:
    (folder / "grid.yaml").write_text(text)
    return list(read_grid(Location(str(folder / "grid.yaml"))))


def test_every_combination_once_the_last_axis_fastest(tmp_path: Path) -> None:
    found = grid(tmp_path, "grid: {speaker: [ann, bob], label: [0, 1], temperature: [0.9, 1]}\ncount: 3\nseed: 7\n")
    assert [request["id"] for request in found[:3]] == ["ann-0-t0.9", "ann-0-t1", "ann-1-t0.9"]
    assert found[0] == {"id": "ann-0-t0.9", "seed": 7, "speaker": "ann", "label": "0", "temperature": 0.9, "count": 3}
    assert len(found) == 8
    assert {(request["count"], request["seed"]) for request in found} == {(3, 7)}


def test_texts_come_from_a_file_beside_and_seeds_from_a_range(tmp_path: Path) -> None:
    (tmp_path / "said.txt").write_text("Hello there.\n\n  Good bye. \n")
    found = grid(tmp_path, "grid: {text: {file: said.txt}, seed: {from: 2, to: 4}}\ncount: 1\n")
    assert [(request["text"], request["seed"]) for request in found[:4]] == [
        ("Hello there.", 2),
        ("Hello there.", 3),
        ("Hello there.", 4),
        ("Good bye.", 2),
    ]
    assert len({request["id"] for request in found}) == 6


def test_another_value_leaves_the_names_of_the_others(tmp_path: Path) -> None:
    few = grid(tmp_path, "grid: {label: [a, 'b c'], seed: [1]}\ncount: 1\n")
    more = grid(tmp_path, "grid: {label: [new, a, 'b c'], seed: [0, 1]}\ncount: 1\n")
    assert {request["id"] for request in few} < {request["id"] for request in more}


def test_a_total_is_shared_evenly(tmp_path: Path) -> None:
    found = grid(tmp_path, "grid: {label: [0, 1, 2, 3]}\ntotal: 20\n")
    assert [request["count"] for request in found] == [5] * 4
    with pytest.raises(RequestError, match=r"22 cannot be shared evenly by 4 combinations; 24 could"):
        grid(tmp_path, "grid: {label: [0, 1, 2, 3]}\ntotal: 22\n")


def test_each_combination_is_spread_over_the_splits(tmp_path: Path) -> None:
    found = grid(tmp_path, "grid: {label: [0, 1, 2, 3]}\ncount: 5\nsplit: {train: 0.8, dev: 0.1, test: 0.1}\n")
    assert all(request["split"]["train"] == 4 for request in found)
    totals = Counter[str]()
    for request in found:
        totals.update(request["split"])
    assert totals == {"train": 16, "dev": 2, "test": 2}


def test_no_text_stands_in_two_splits(tmp_path: Path) -> None:
    page = "grid: {speaker: [a, b, c], text: [%s]}\ncount: 2\nsplit: {train: 0.8, test: 0.2}\nsplit_by: text\n"
    found = grid(tmp_path, page % ", ".join(f"t{number}" for number in range(10)))
    splits: dict[str, set[str]] = {}
    for request in found:
        splits.setdefault(request["text"], set()).add(request["split"])
    assert all(len(of_text) == 1 for of_text in splits.values())
    assert Counter(name for of_text in splits.values() for name in of_text) == {"train": 8, "test": 2}


def test_an_empty_file_of_values_is_named(tmp_path: Path) -> None:
    (tmp_path / "said.txt").write_text(" \n\n")
    with pytest.raises(
        RequestError, match=r"grid\.yaml: text: .*said\.txt has no values, so there are no combinations"
    ):
        grid(tmp_path, "grid: {text: {file: said.txt}}\ncount: 1\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid: {label: [0]}\n", "give one of count .* and total, got neither"),
        ("grid: {label: [0]}\ncount: 1\ntotal: 2\n", "got both"),
        ("label: [0]\n", "expected a grid"),
        ("grid: [\n", "expected YAML"),
        ("grid: {label: []}\ncount: 1\n", "label: expected a list"),
        ("grid: {label: 0}\ncount: 1\n", "label: expected a list"),
        ("grid: {label: [0, '0']}\ncount: 1\n", "label: the value '0' comes twice"),
        (f"grid: {{label: [{'x' * 999}, {'x' * 999}]}}\ncount: 1\n", r"label: the value 'x{59}\.\.\. comes twice"),
        ("grid: {label: [0]}\ncount: 1\nlabel: 1\n", "label stands in the grid and beside it"),
        ("grid: {count: [1, 2]}\ntotal: 4\n", "count stands in the grid and beside it"),
        ("grid: {split: [a, b]}\ncount: 2\nsplit: {a: 0.5, b: 0.5}\n", "split stands in the grid and beside it"),
        ("grid: {3: [0]}\ncount: 1\n", "expected names of keys, such as label, got 3"),
        ("grid: {label: [0]}\ncount: 1\n3: 4\n", "expected names of keys, such as label, got 3"),
        ("grid: {label: [0]}\ncount: 1\nsplit_by: label\n", "split_by needs shares"),
        ("grid: {label: [0]}\ncount: 1\nsplit: {a: 1}\nsplit_by: text\n", "split_by must be one of the axes label"),
        ("grid: {seed: {from: 3, to: 2}}\ncount: 1\n", "to must be a whole number from 3"),
        ("grid: {label: [0]}\ncount: 0\n", "count must be a whole number from 1"),
    ],
)
def test_what_is_no_grid_is_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        grid(tmp_path, text)
