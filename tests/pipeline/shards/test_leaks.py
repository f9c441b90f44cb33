from pathlib import Path
from typing import Any

import pytest

from pipeline.shards.dataset import Dataset, claim, finish, open_dataset
from pipeline.shards.leaks import Leak, leaks
from pipeline.shards.plan import cut
from pipeline.shards.verify import verify_folder
from pipeline.shards.writer import write_shard
from pipeline.storage import Location, locate
from tests.pipeline.shards.dataset_builders import AUDIO, IMAGE, audio_row, image_row


def dataset_of(folder: Location, rows: list[dict[str, Any]], conventions: Any = AUDIO) -> Dataset:
    claim(folder, "prepare", {})
    plans = list(cut(range(len(rows)), 2, None))
    for plan in plans:
        write_shard(folder, plan, [rows[place] for place in plan.entries], [], conventions)
    finish(folder, [plan.name for plan in plans], conventions, {})
    return open_dataset(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Location:
    return locate(str(tmp_path / "data"))


def test_what_two_splits_share_is_found_across_shards(folder: Location) -> None:
    rows = [
        audio_row("a", bytes([1, 2, 3, 4]), speaker="ann", text_normalised="Good day"),
        audio_row("b", bytes([1, 2, 3, 5]), speaker="bob", text_normalised="night"),
        audio_row("c", bytes([2, 2, 3, 4]), speaker="ann", text_normalised="good day", split="test"),
        audio_row("d", bytes([1, 2, 3, 4]), speaker="cat", text_normalised="fog", split="validation"),
        audio_row("e", bytes([1, 2, 3, 4]), speaker=None, text_normalised=None),
    ]
    dataset = dataset_of(folder, rows)
    assert list(leaks(dataset, ["speakers", "texts", "contents"])) == [
        Leak("speakers", ("test", "train"), 1, "'ann'"),
        Leak("texts", ("test", "train"), 1, "'Good day'"),
        Leak("contents", ("train", "validation"), 1, "'a'"),
    ]
    problems = list(verify_folder(folder, ["contents"]))
    assert [problem.what for problem in problems] == ["train and validation share 1 of contents, 'a' for one"]
    assert list(verify_folder(folder)) == []


def test_texts_that_were_asked_for_are_texts_too(folder: Location) -> None:
    """What was generated has them as they were given, and none that is normalised."""
    rows = [
        audio_row("a", text="Good day", text_normalised=None),
        audio_row("b", bytes([2]), text="good day", text_normalised=None, split="test"),
    ]
    assert list(leaks(dataset_of(folder, rows), ["texts"])) == [Leak("texts", ("test", "train"), 1, "'Good day'")]


def test_splits_that_share_nothing_are_sound(folder: Location) -> None:
    rows = [audio_row("a", speaker="ann"), audio_row("b", bytes([9, 9]), speaker="bob", split="test")]
    rows[1] |= {"phone": None, "phone_start": None, "phone_end": None}
    assert list(leaks(dataset_of(folder, rows), ["speakers", "texts", "contents"])) == []


def test_pictures_have_content_alone(folder: Location) -> None:
    rows = [image_row("a"), image_row("b", split="test")]
    assert [leak.kind for leak in leaks(dataset_of(folder, rows, IMAGE), ["speakers", "contents"])] == ["contents"]
