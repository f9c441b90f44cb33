import json
from pathlib import Path
from threading import Barrier
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.errors import DatasetError, OccupiedError, PassingStorageError
from pipeline.shards.dataset import DatasetInfo, claim, finish, open_dataset, reopen, write_failures
from pipeline.storage import PARTIAL_PREFIX, Location, locate
from tests.pipeline.shards.dataset_builders import AUDIO, build, names, plans, write_one


@pytest.fixture
def folder(tmp_path: Path) -> Location:
    return locate(str(tmp_path / "out"))


def test_a_finished_dataset_opens_with_its_totals(folder: Location) -> None:
    info = build(folder)
    dataset = open_dataset(folder, "audio")
    assert dataset.info == info
    assert (info.num_rows, info.num_levels, info.num_failures) == (5, 20, 1)
    assert info.vocabulary("speaker") == ("ann",)
    assert info.vocabulary("phone") == ("a", "b")
    assert info.vocabulary("emotion") == ()
    assert info.tally.histograms["train"][0][:6] == [0, 5, 5, 5, 5, 0]
    ids = [one for table in dataset.tables(["item_id"]) for one in table.column("item_id").to_pylist()]
    assert ids == [f"item-{number}" for number in range(5)]


def test_the_page_comes_back_as_it_was_written(folder: Location) -> None:
    info = build(folder)
    assert DatasetInfo.from_json(info.to_json(), "here") == info
    assert DatasetInfo.from_json(info.to_json(), "here").to_json() == info.to_json()


def test_the_digest_names_the_content(folder: Location, tmp_path: Path) -> None:
    digest = build(folder).digest
    assert build(locate(str(tmp_path / "again"))).digest == digest
    assert build(locate(str(tmp_path / "other")), 4).digest != digest


ENTRY = {"num_rows": 1, "num_bytes": 1, "sha256": "0"}


class TestClaim:
    """A folder is ours or it is refused."""

    def test_its_own_claim_is_found_again(self, folder: Location) -> None:
        claim(folder, "prepare", {"a": 1})
        claim(folder, "prepare", {"a": 2})
        assert json.loads((folder / "plan.json").read_text())["settings"] == {"a": 2}

    def test_another_command_s_folder_is_refused(self, folder: Location) -> None:
        claim(folder, "prepare", {})
        with pytest.raises(OccupiedError, match="`prepare` made; `generate` would overwrite it"):
            claim(folder, "generate", {})

    def test_a_dataset_made_from_something_else_is_refused_and_left_alone(self, folder: Location) -> None:
        claim(folder, "prepare", {"rate": 1}, {"corpus": "/speech", "kind": "audio"})
        before = (folder / "plan.json").read_bytes()
        for other in ({"corpus": "/digits", "kind": "audio"}, {"corpus": "/speech", "kind": "image"}):
            with pytest.raises(
                OccupiedError, match=r"holds another dataset.* is .*, not .*Choose another output folder"
            ):
                claim(folder, "prepare", {"rate": 1}, other)
        assert (folder / "plan.json").read_bytes() == before
        claim(folder, "prepare", {"rate": 2}, {"corpus": "/speech", "kind": "audio"})

    def test_a_dataset_that_does_not_say_what_it_is_made_from_is_refused(self, folder: Location) -> None:
        claim(folder, "prepare", {})
        with pytest.raises(OccupiedError, match="its corpus is something that was not noted, not /speech"):
            claim(folder, "prepare", {}, {"corpus": "/speech"})

    def test_a_folder_with_something_else_is_refused_and_left_alone(self, folder: Location) -> None:
        for name in ("a", "b", "c", "d"):
            (folder / name).write_text("precious")
        with pytest.raises(OccupiedError, match=r"already holds something else \(a, b, c, \.\.\.\)"):
            claim(folder, "prepare", {})
        assert folder.names() == ["a", "b", "c", "d"]

    def test_a_file_is_refused(self, folder: Location) -> None:
        folder.write_text("precious")
        with pytest.raises(OccupiedError, match="is a file"):
            claim(folder, "prepare", {})

    def test_an_empty_folder_and_a_half_written_claim_are_taken(self, folder: Location, tmp_path: Path) -> None:
        folder.make_folder()
        (tmp_path / "out" / f"{PARTIAL_PREFIX}x").write_text("{")
        claim(folder, "prepare", {})
        assert (folder / "plan.json").is_file()

    def test_a_plan_of_another_version_is_refused(self, folder: Location) -> None:
        (folder / "plan.json").write_text('{"format": "ancestral-dataset", "format_version": 99}')
        with pytest.raises(
            DatasetError, match=r"format version 99, this release reads version 3; .* into a new folder"
        ):
            claim(folder, "prepare", {})


class TestFinish:
    """The last word on a dataset."""

    def test_a_missing_commit_is_an_error_and_no_page_is_written(self, folder: Location) -> None:
        claim(folder, "prepare", {})
        write_one(folder, plans()[0])
        with pytest.raises(DatasetError, match=r"000001\.json is missing; run the same command again"):
            finish(folder, names(2), AUDIO, {})
        assert not (folder / "dataset.json").exists()

    def test_shards_that_no_plan_asks_for_go(self, folder: Location, tmp_path: Path) -> None:
        build(folder, 9)
        (tmp_path / "out" / "shards" / f"{PARTIAL_PREFIX}x").write_text("half")
        info = build(folder, 3)
        assert len(info.shards) == 2
        assert folder.names() == ["commits", "dataset.json", "failures.parquet", "plan.json", "shards"]
        assert (folder / "shards").names() == ["000000.parquet", "000001.parquet"]
        assert (folder / "commits").names() == ["000000.json", "000001.json"]
        assert not list((tmp_path / "out" / "shards").glob(".*"))

    def test_shards_go_several_at_once(self, folder: Location, monkeypatch: pytest.MonkeyPatch) -> None:
        remove, both = Location.remove, Barrier(2, timeout=60)
        build(folder)

        def remove_together(place: Location) -> None:
            if "/shards/" in place.uri or "/commits/" in place.uri:
                both.wait()
            remove(place)

        monkeypatch.setattr(Location, "remove", remove_together)
        assert finish(folder, names(1), AUDIO, {}).num_rows > 0
        assert (folder / "shards").names() == ["000000.parquet"]

    @pytest.mark.parametrize("num_rows", [4, 5])
    def test_a_kill_while_strays_are_dropped_leaves_no_dataset_that_lists_them(
        self, folder: Location, num_rows: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        build(folder, 6)
        remove = Location.remove

        def killed(place: Location) -> None:
            remove(place)
            if place.name == "000002.parquet":
                raise KeyboardInterrupt

        monkeypatch.setattr(Location, "remove", killed)
        if num_rows == 5:  # still three shards: nothing goes, and the page stays
            finish(folder, names(3), AUDIO, {})
            assert (folder / "dataset.json").is_file()
        else:
            with pytest.raises(KeyboardInterrupt):
                finish(folder, names(2), AUDIO, {})
            assert not (folder / "dataset.json").exists()

    def test_finishing_twice_writes_the_same_bytes(self, folder: Location) -> None:
        build(folder)
        before = {name: (folder / name).read_bytes() for name in ("dataset.json", "failures.parquet")}
        finish(folder, names(3), AUDIO, {"made_by": "prepare"})
        assert before == {name: (folder / name).read_bytes() for name in before}

    def test_no_failures_are_an_empty_table(self, folder: Location) -> None:
        import pandas as pd

        write_failures(folder, [])
        frame = pd.read_parquet(str(folder / "failures.parquet"))
        assert (len(frame), list(frame.columns)) == (0, ["item_id", "source", "stage", "reason"])


class TestSilentStorage:
    """A shard is read piece by piece; storage may fall silent at each."""

    def shard_that_fails(self, monkeypatch: pytest.MonkeyPatch, times: int) -> list[float]:
        """Let reading fail so often; returns the seconds that would have been waited."""
        read, left, waited = pq.ParquetFile.read, [TimeoutError("slow")] * times, list[float]()

        def failing(*args: Any, **named: Any) -> Any:
            if left:
                raise left.pop()
            return read(*args, **named)

        monkeypatch.setattr(pq.ParquetFile, "read", failing)
        monkeypatch.setattr("pipeline.storage.refusals.time.sleep", waited.append)
        return waited

    def test_it_answers_again(self, folder: Location, monkeypatch: pytest.MonkeyPatch) -> None:
        build(folder)
        waited = self.shard_that_fails(monkeypatch, 2)
        assert open_dataset(folder).read_shard(0).num_rows == 2
        assert len(waited) == 2

    def test_it_stays_silent_and_no_shard_is_called_damaged(
        self, folder: Location, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        build(folder)
        self.shard_that_fails(monkeypatch, 4)
        with pytest.raises(PassingStorageError, match=r"000000\.parquet: storage does not answer"):
            open_dataset(folder).read_shard(0)


class TestOpen:
    """What is no finished dataset is told apart."""

    def test_unfinished(self, folder: Location) -> None:
        build(folder)
        reopen(folder)
        reopen(folder)
        with pytest.raises(DatasetError, match="is not finished; run the command that makes it again"):
            open_dataset(folder)

    def test_nothing_there(self, folder: Location) -> None:
        with pytest.raises(DatasetError, match=r"holds no dataset: dataset\.json is missing"):
            open_dataset(folder)

    def test_another_kind(self, folder: Location) -> None:
        build(folder)
        with pytest.raises(DatasetError, match="expected a dataset of kind image, this one is of kind audio"):
            open_dataset(folder, "image")

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"format": "something"}, "expected a page of format 'ancestral-dataset'"),
            ({"format_version": 2}, "format version 2, this release reads version 3"),
            ({"conventions": {"kind": "video"}}, "expected the conventions"),
            ({"conventions": 3}, "expected the conventions"),
            ({"shards": [{"file": "x"}]}, "damaged"),
            ({"shards": 3}, "damaged"),
            ({"shards": [ENTRY | {"file": "shards/../../x.parquet"}]}, "is no shard's file"),
            ({"shards": [ENTRY | {"file": "elsewhere/000000.parquet"}]}, "is no shard's file"),
            ({"tally": []}, "damaged"),
            ({"unknown": 1}, "damaged"),
        ],
    )
    def test_a_page_that_is_not_ours(self, folder: Location, change: dict[str, object], expected: str) -> None:
        page = json.loads(build(folder).to_json()) | change
        (folder / "dataset.json").write_text(json.dumps(page))
        with pytest.raises(DatasetError, match=expected):
            open_dataset(folder)

    @pytest.mark.parametrize("text", ["", "{", "[]", "3"])
    def test_a_page_that_is_none(self, folder: Location, text: str) -> None:
        build(folder)
        (folder / "dataset.json").write_text(text)
        with pytest.raises(DatasetError):
            open_dataset(folder)

    def test_a_flipped_byte_is_an_error_or_changes_no_value(self, folder: Location) -> None:
        build(folder)
        place = folder / "shards/000001.parquet"
        data = place.read_bytes()
        whole = open_dataset(folder).read_shard(1).to_pylist()
        num_found = 0
        for position in range(3, len(data), 41):
            place.write_bytes(data[:position] + bytes([data[position] ^ 0x80]) + data[position + 1 :])
            rows = rows_or_nothing(folder)
            num_found += rows is None
            assert rows in (None, whole), position
        assert num_found > 50


def rows_or_nothing(folder: Location) -> list[dict[str, object]] | None:
    """The rows of shard 1, None where reading says that it is damaged."""
    try:
        return open_dataset(folder).read_shard(1).to_pylist()
    except DatasetError as error:
        explained = any(words in str(error) for words in ("ancestral verify", "other conventions", "its columns"))
        return None if explained else []
