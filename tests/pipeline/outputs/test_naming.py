"""What items are called as files: their ids where that is safe, and no two alike."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DatasetError
from pipeline.file_names import file_stem
from pipeline.outputs.naming import Naming, is_utterance, naming_of
from tests.pipeline.outputs.small import AUDIO, IMAGE, picture_row, speech_row, write_dataset


def named(folder: Path, *ids: str, **columns: Any) -> Naming:
    rows = [speech_row(number) | columns | {"item_id": item_id} for number, item_id in enumerate(ids)]
    return naming_of(write_dataset(folder, [rows[:1], rows[1:]], AUDIO))


def test_capitals_stay_unless_two_ids_differ_by_them_alone(tmp_path: Path) -> None:
    assert named(tmp_path / "a", "LJ001-0001", "lj001-0002").stem("LJ001-0001") == "LJ001-0001"
    clashing = named(tmp_path / "b", "LJ001-0001", "lj001-0001")
    assert clashing.stem("lj001-0001") == "lj001-0001"
    assert clashing.stem("LJ001-0001") == file_stem("LJ001-0001") != "LJ001-0001"


def test_an_id_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="the id 'one' stands in two rows"):
        named(tmp_path, "one", "ONE", "one")


def test_a_key_has_no_dot_and_is_no_other_ids(tmp_path: Path) -> None:
    naming = Naming()
    keys = [
        naming.key(item_id) for item_id in ("a.b", "a_b", file_stem("a.b").replace(".", "-"), "a/b", file_stem("a/b"))
    ]
    assert len(set(keys)) == len(keys)
    assert not any("." in key for key in keys)


def test_utterances_keep_their_ids_where_all_are_vctks(tmp_path: Path) -> None:
    assert named(tmp_path / "a", "ann_001", "ann_x-2", speaker="ann").keeps_utterances
    assert not named(tmp_path / "b", "ann_001", "other", speaker="ann").keeps_utterances
    assert not named(tmp_path / "c", "a/b_001", "a/b_002", speaker="a/b").keeps_utterances
    assert not named(tmp_path / "d", "con._001", speaker="con.").keeps_utterances
    assert [is_utterance(item_id, "ann") for item_id in ("ann_", "ann_1_2", "ann_1", "bob_1")] == [0, 0, 1, 0]


def test_pictures_have_labels_and_no_speakers(tmp_path: Path) -> None:
    naming = naming_of(write_dataset(tmp_path, [[picture_row(number) for number in range(4)]], IMAGE))
    assert (list(naming.labels), naming.speakers, naming.keeps_utterances) == (
        ["Cat", "a/b", "cat", "traffic light"],
        {},
        False,
    )
