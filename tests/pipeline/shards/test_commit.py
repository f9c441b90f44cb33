import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DatasetError
from pipeline.shards.commit import Commit, Failure, Tally, done_commit, read_commit, write_commit
from pipeline.shards.writer import tally_of
from pipeline.storage import Location, locate
from tests.pipeline.shards.dataset_builders import AUDIO, IMAGE, audio_row, image_row, plans, write_one


@pytest.fixture
def folder(tmp_path: object) -> Location:
    return locate(str(tmp_path))


def test_a_commit_comes_back_as_it_was_written(folder: Location) -> None:
    tally = tally_of([audio_row("a"), audio_row("b", split="test")], AUDIO)
    failures = (Failure("x", "x.wav", "read", "Grüße"),)
    commit = Commit("some", "digest", 2, 10, "sum", tally, failures, {"first of 3 frames": 1}, {"host": "here"})
    write_commit(folder, commit)
    assert read_commit(folder, "some") == commit
    assert read_commit(folder, "other") is None


def test_a_shard_done_commit_for_its_own_plan_and_whole_only(folder: Location) -> None:
    plan = plans()[0]
    assert not done_commit(folder, "000000", plan.digest)
    write_one(folder, plan)
    assert done_commit(folder, "000000", plan.digest)
    assert not done_commit(folder, "000000", "another digest")
    assert not done_commit(folder, "000001", plan.digest)
    shard = folder / "shards/000000.parquet"
    data = shard.read_bytes()
    shard.write_bytes(data[:-1])
    assert not done_commit(folder, "000000", plan.digest)
    for position in range(0, len(data), 101):
        shard.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        assert not done_commit(folder, "000000", plan.digest)
    shard.write_bytes(data)
    assert done_commit(folder, "000000", plan.digest)
    shard.remove()
    assert not done_commit(folder, "000000", plan.digest)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "null", "3", '{"name": "000000"}', '"text"'])
def test_a_damaged_commit_proves_nothing_and_is_an_error_to_read(folder: Location, text: str) -> None:
    write_one(folder, plans()[0])
    (folder / "commits/000000.json").write_text(text)
    assert not done_commit(folder, "000000", plans()[0].digest)
    with pytest.raises(DatasetError, match=r"000000\.json: a damaged commit .* Remove this file"):
        read_commit(folder, "000000")


def test_every_flipped_byte_of_a_commit_is_survived(folder: Location) -> None:
    write_one(folder, plans()[0])
    place = folder / "commits/000000.json"
    data = place.read_bytes()
    for position in range(0, len(data), 7):
        place.write_bytes(data[:position] + bytes([data[position] ^ 0x80]) + data[position + 1 :])
        assert not done_commit(folder, "000000", plans()[0].digest)


rows = st.lists(
    st.builds(
        audio_row,
        st.text("ab", min_size=1, max_size=3),
        st.binary(min_size=1, max_size=6),
        split=st.sampled_from(["train", "test"]),
        speaker=st.sampled_from([None, "ann", "bob"]),
    ),
    max_size=8,
)


@given(rows=rows, cut_at=st.integers(0, 8))
def test_the_tally_of_parts_is_the_tally_of_the_whole(rows: list[dict[str, object]], cut_at: int) -> None:
    merged = tally_of(rows[:cut_at], AUDIO)
    merged.add(tally_of(rows[cut_at:], AUDIO))
    whole = tally_of(rows, AUDIO)
    assert merged.to_json() == whole.to_json()
    assert Tally.from_json(json.loads(json.dumps(whole.to_json()))).to_json() == whole.to_json()
    assert sum(whole.num_rows.values()) == len(rows)


def test_merging_leaves_the_other_tally_alone() -> None:
    one, other = tally_of([audio_row("a")], AUDIO), tally_of([audio_row("b")], AUDIO)
    before = json.dumps(other.to_json())
    empty = Tally()
    empty.add(other)
    empty.add(one)
    assert json.dumps(other.to_json()) == before


def test_levels_are_counted_by_channel() -> None:
    tally = tally_of([image_row("a", bytes([0, 1, 7] * 4))], IMAGE)
    counts = tally.histograms["train"]
    assert [[level for level in range(8) if channel[level]] for channel in counts] == [[0], [1], [7]]
    assert [sum(channel) for channel in counts] == [4, 4, 4]
    assert tally.vocabularies == {"label": {"cat": 1}}


def test_a_level_that_cannot_be_is_an_error() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        tally_of([image_row("a", bytes([8] * 12))], IMAGE)
