import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.shards.commit import done_commit, read_commit, write_commit
from pipeline.shards.dataset import DatasetInfo, ShardEntry, finish, open_dataset, reopen
from pipeline.shards.schema import Conventions
from pipeline.shards.verify import Problem, verify_folder, verify_shard
from pipeline.shards.writer import parquet_bytes
from pipeline.storage import Location, locate
from tests.pipeline.shards.dataset_builders import AUDIO, IMAGE, audio_row, build, image_row, plans, write_one


@pytest.fixture
def folder(tmp_path: Path) -> Location:
    place = locate(str(tmp_path / "out"))
    build(place)
    return place


def problems(folder: Location) -> list[tuple[str, str]]:
    return [(problem.file, problem.what) for problem in verify_folder(folder)]


def test_a_sound_dataset_has_no_problem(folder: Location) -> None:
    assert problems(folder) == []


NAMES = ("000000", "000001", "000002")
SHARD, COMMIT = "shards/000001.parquet", "commits/000001.json"


def remove(name: str) -> Callable[[Location], None]:
    return lambda folder: (folder / name).remove()


def flip(name: str) -> Callable[[Location], None]:
    def damage(folder: Location) -> None:
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 0x01
        (folder / name).write_bytes(bytes(data))

    return damage


def tear(name: str) -> Callable[[Location], None]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-5])


def add(name: str) -> Callable[[Location], None]:
    return lambda folder: (folder / name).write_text("foreign")


def change_page(**changes: Any) -> Callable[[Location], None]:
    def change(folder: Location) -> None:
        page = json.loads((folder / "dataset.json").read_text())
        for name, value in changes.items():
            page[name] = value(page[name]) if callable(value) else value
        (folder / "dataset.json").write_text(json.dumps(page))

    return change


def one_more_row(tally: dict[str, Any]) -> dict[str, Any]:
    return {**tally, "num_rows": {"train": tally["num_rows"]["train"] + 1}}


def other_level(tally: dict[str, Any]) -> dict[str, Any]:
    counts = [list(channel) for channel in tally["histograms"]["train"]]
    counts[0][200] += 1
    return {**tally, "histograms": {"train": counts}}


def swap_commit(folder: Location) -> None:
    commit = read_commit(folder, "000001")
    assert commit
    write_commit(folder, replace(commit, num_rows=7))


def miscount_commit(folder: Location) -> None:
    commit = read_commit(folder, "000001")
    assert commit
    commit.tally.num_rows["train"] += 1
    write_commit(folder, commit)
    finish(folder, NAMES, AUDIO, {})


@pytest.mark.parametrize(
    ("damage", "file", "what"),
    [
        (remove(SHARD), SHARD, "missing"),
        (tear(SHARD), SHARD, "torn or overwritten"),
        (flip(SHARD), SHARD, "bytes have changed"),
        (remove(COMMIT), COMMIT, "missing"),
        (tear(COMMIT), COMMIT, "damaged commit"),
        (swap_commit, COMMIT, "names another shard"),
        (miscount_commit, COMMIT, "num_rows: not what the shard's rows add up to"),
        (add("shards/000003.parquet"), "shards/000003.parquet", "no part of the dataset"),
        (add("commits/000003.json"), "commits/000003.json", "no part of the dataset"),
        (add("notes.txt"), "notes.txt", "no part of the dataset"),
        (add("sub/notes.txt"), "sub/notes.txt", "no part of the dataset"),
        (remove("plan.json"), "plan.json", "does not exist"),
        (tear("plan.json"), "plan.json", "expected JSON"),
        (remove("failures.parquet"), "failures.parquet", "does not exist"),
        (tear("failures.parquet"), "failures.parquet", "cannot be read"),
        (remove("dataset.json"), "dataset.json", "is not finished"),
        (tear("dataset.json"), "dataset.json", "expected JSON"),
        (change_page(num_failures=2), "dataset.json", "num_failures"),
        (change_page(digest="0" * 64), "dataset.json", "digest"),
        (change_page(tally=one_more_row), "dataset.json", "num_rows: not what the rows add up to"),
        (change_page(tally=other_level), "dataset.json", "histograms: not what the rows add up to"),
        (change_page(conventions=lambda found: found | {"sample_rate_hz": 16_000}), SHARD, "other conventions"),
    ],
)
def test_each_kind_of_damage_is_found_where_it_is(
    folder: Location, damage: Callable[[Location], None], file: str, what: str
) -> None:
    damage(folder)
    found = problems(folder)
    assert any(name == file and what in said for name, said in found), found


def test_failures_that_the_commits_do_not_name_are_found(folder: Location, tmp_path: Path) -> None:
    other = locate(str(tmp_path / "other"))
    build(other)
    commit = read_commit(other, "000000")
    assert commit
    write_commit(other, replace(commit, failures=(*commit.failures, *commit.failures)))
    finish(other, NAMES, AUDIO, {})
    (folder / "failures.parquet").write_bytes((other / "failures.parquet").read_bytes())
    assert ("failures.parquet", "does not hold the failures that the shards' commits name") in problems(folder)


def test_exports_for_people_are_no_problem(folder: Location) -> None:
    (folder / "wav/item-0.wav").write_bytes(b"RIFF")
    assert problems(folder) == []


def test_a_folder_that_is_none_is_one_problem(tmp_path: Path) -> None:
    (problem,) = verify_folder(locate(str(tmp_path)))
    assert "holds no dataset" in problem.what


def test_an_id_that_stands_twice_is_found(tmp_path: Path) -> None:
    folder = locate(str(tmp_path / "out"))
    build(folder)
    write_one(folder, replace(plans()[1], entries=("item-0", "item-3")))
    finish(folder, NAMES, AUDIO, {})
    assert ("shards", "item_id 'item-0' stands in a row before, too") in problems(folder)


@pytest.mark.parametrize(
    "damage", [remove(SHARD), tear(SHARD), flip(SHARD), remove(COMMIT), tear(COMMIT), miscount_commit]
)
def test_doing_what_a_problem_says_mends_it(folder: Location, damage: Callable[[Location], None]) -> None:
    damage(folder)
    for problem in list(verify_folder(folder)):
        if "remove" in problem.mend:
            (folder / problem.mend.split()[1]).remove()
    reopen(folder)
    for plan in plans():
        if not done_commit(folder, plan.name, plan.digest):
            write_one(folder, plan)
    finish(folder, NAMES, AUDIO, {"made_by": "prepare"})
    assert problems(folder) == []


def shard_problems(
    folder: Location, rows: list[dict[str, Any]], conventions: Conventions, claimed: int = 1
) -> list[str]:
    """What is wrong with rows that the writer was given as they are."""
    data = parquet_bytes(rows, conventions)
    (folder / "shards/000000.parquet").write_bytes(data)
    entry = ShardEntry("shards/000000.parquet", claimed, len(data), hashlib.sha256(data).hexdigest())
    _, problems = verify_shard(folder, entry, conventions)
    return [problem.what for problem in problems]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"num_timesteps": 5}, "expected 5 levels of 1 bytes, found 4 bytes"),
        ({"sample_rate_hz": 44_100}, "its rate is 44100 Hz, the dataset's 8000 Hz"),
        ({"phone_end": [2, 3]}, "do not follow each other"),
        ({"phone_start": [0, 3]}, "do not follow each other"),
        ({"phone_start": [1, 2]}, "do not follow each other"),
        ({"phone_start": [0, 4], "phone_end": [4, 4]}, "do not follow each other"),
        ({"phone_start": [0]}, "different lengths"),
        ({"phone_start": None}, "different lengths"),
        ({"stress": [0, 1, 0]}, "stress has not as many values as phone"),
        ({"words_in_phrase": []}, "words_in_phrase has not as many values as phone"),
        ({"log_f0": [5.0], "voiced": []}, "frames of log_f0 and of voiced, found 1 and 0"),
        ({"log_f0": [5.0] * 9, "voiced": [True] * 9}, "expected 1 frames of log_f0 and of voiced, found 9 and 9"),
    ],
)
def test_a_row_that_contradicts_itself_is_found(folder: Location, changes: dict[str, Any], what: str) -> None:
    found = shard_problems(folder, [audio_row("b"), audio_row("a", **changes)], AUDIO, 2)
    assert all(one.startswith("row 'a': ") for one in found)
    assert any(what in one for one in found)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (image_row("a", bytes([8] * 12)), "a level past the last one, 7"),
        (image_row("a", bytes(11)), "expected 12 levels of 1 bytes, found 11 bytes"),
        (image_row("a", bytes(24), height=4), "its shape is not the dataset's (2, 2, 3)"),
    ],
)
def test_a_picture_that_contradicts_itself_is_found(folder: Location, row: dict[str, Any], what: str) -> None:
    assert any(what in found for found in shard_problems(folder, [row], IMAGE))


def test_rows_are_counted(folder: Location) -> None:
    assert shard_problems(folder, [audio_row("a")], AUDIO, 2) == ["expected 2 rows, found 1"]


def test_an_utterance_without_phones_is_sound(folder: Location) -> None:
    assert shard_problems(folder, [audio_row("a", phone=None, phone_start=None, phone_end=None)], AUDIO) == []


def test_no_parquet_is_found(folder: Location) -> None:
    info: DatasetInfo = open_dataset(folder).info
    (folder / SHARD).write_bytes(b"no parquet")
    entry = replace(info.shards[1], num_bytes=10, sha256=hashlib.sha256(b"no parquet").hexdigest())
    rows, (problem,) = verify_shard(folder, entry, AUDIO)
    assert not rows
    assert isinstance(problem, Problem)
    assert "cannot be read as a shard" in problem.what


def test_each_commit_is_asked_for_twice_at_most(folder: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    read, asked = Location.read_bytes, Counter[str]()

    def counted(place: Location) -> bytes:
        asked[place.uri] += "commits/" in place.uri
        return read(place)

    monkeypatch.setattr(Location, "read_bytes", counted)
    assert problems(folder) == []
    assert set(asked.values()) == {0, 2}
