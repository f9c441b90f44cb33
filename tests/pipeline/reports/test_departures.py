"""What a report says of how items were drawn."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.reports.audio_players import player_pairs
from pipeline.reports.departures import departures
from pipeline.reports.rows import Place
from pipeline.reports.tables import totals
from pipeline.storage import Location
from tests.pipeline.reports.subject_builders import PICTURES, Made, audio_row, picture_row, write_dataset


def drawn(*requests: dict[str, Any]) -> str:
    return departures([Place(0, number, {"request": json.dumps(one)}) for number, one in enumerate(requests)])


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ([{}, {"label": "3"}], ""),
        ([{"temperature": 1, "top_p": 1.0, "guidance": 1}], ""),
        ([{"temperature": 0.9}], "temperature 0.9"),
        ([{"temperature": 0.9}, {}], "temperature 0.9 to 1"),
        ([{"guidance": 0}, {"guidance": 2.5}, {"top_k": 3}], "top_k 3 to all, guidance 0 to 2.5"),
    ],
)
def test_departures_are_told(requests: list[dict[str, Any]], said: str) -> None:
    assert drawn(*requests) == said


def test_the_page_tells_how_a_dataset_and_an_item_were_drawn(tmp_path: Path) -> None:
    rows = [picture_row("q", "3") | {"request": json.dumps({"guidance": 2})}]
    made = write_dataset(Location(str(tmp_path / "pictures")), rows, PICTURES, Made("generate"))
    assert totals(made).made_by == "generated, guidance 2"
    rows = [audio_row("g") | {"request": json.dumps({"temperature": 0.5})}]
    spoken = write_dataset(Location(str(tmp_path / "speech")), rows, made=Made("generate"))
    (pair,) = player_pairs(None, spoken, 1)
    assert pair.generated is not None
    assert pair.generated.note == "temperature 0.5"
