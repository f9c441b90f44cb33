import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pytest

from pipeline.errors import CorpusError, ItemError, StorageError
from pipeline.guarding.guard import LimitsConfig
from pipeline.items import BadItem, ImageItem
from pipeline.preparation import prepare as prepare_module
from pipeline.preparation.config import ImageConfig, PrepareConfig, ShardConfig, SpeechConfig, SplitConfig
from pipeline.preparation.plan import Survey, shard_plans, survey
from pipeline.preparation.prepare import prepare_item, prepare_shard
from pipeline.shards.dataset import DatasetInfo, claim, finish, open_dataset
from pipeline.shards.schema import ImageConventions
from pipeline.shards.verify import verify_folder
from pipeline.storage import Location, locate
from tests.corpus_builders import bad_wavs, fsdd_corpus, idx_corpus, manifest_corpus, write_png

CONFIG = PrepareConfig(speech=SpeechConfig(phones="off"), shards=ShardConfig(5), split=SplitConfig(0.3))


def prepared(corpus: Path, out: Path, config: PrepareConfig = CONFIG) -> DatasetInfo:
    """The whole of preparation in one process."""
    found, folder = survey(locate(str(corpus)), config), locate(str(out))
    claim(folder, "prepare", {})
    names = [prepare_shard(folder, plan, config, found.conventions).name for plan in shard_plans(found, config)]
    return finish(folder, names, found.conventions, {"layout": found.layout.name})


def surveyed(corpus: Path, config: PrepareConfig = CONFIG) -> Survey:
    return survey(locate(str(corpus)), config)


def digests(corpus: Path, config: PrepareConfig) -> list[str]:
    return [plan.digest for plan in shard_plans(surveyed(corpus, config), config)]


def test_a_corpus_becomes_a_sound_dataset(tmp_path: Path) -> None:
    info = prepared(fsdd_corpus(tmp_path / "corpus"), tmp_path / "out")
    assert (info.num_rows, info.num_failures) == (12, 0)
    assert 2 <= len(info.shards) <= 5
    assert info.vocabulary("speaker") == ("ann", "bob")
    assert info.vocabulary("label") == ("0", "1", "2")
    assert set(info.tally.num_rows) == {"train", "validation"}
    assert list(verify_folder(locate(str(tmp_path / "out")))) == []


def test_others_read_it_as_plain_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    prepared(fsdd_corpus(tmp_path / "corpus"), tmp_path / "out")
    dataset = open_dataset(locate(str(tmp_path / "out")))
    ours = [row for table in dataset.tables() for row in table.to_pylist()]
    shards = tmp_path / "out" / "shards"
    files = [str(tmp_path / "out" / entry.file) for entry in dataset.info.shards]
    assert ds.dataset(files, format="parquet").to_table().to_pylist() == ours
    frame = pd.concat([pd.read_parquet(file) for file in files])
    assert frame["levels"].tolist() == [row["levels"] for row in ours]
    counted = duckdb.sql(
        f"select speaker, count(*) n, sum(octet_length(levels)) b from '{shards}/*.parquet' group by 1"
    )
    assert counted is not None
    assert sorted(counted.fetchall()) == [("ann", 6, 6 * 3200), ("bob", 6, 6 * 3200)]
    loaded = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded["item_id"][:] == [row["item_id"] for row in ours]
    assert loaded[0]["levels"] == ours[0]["levels"]


def test_every_bad_file_is_a_row_of_the_failures(tmp_path: Path) -> None:
    corpus = fsdd_corpus(tmp_path / "corpus")
    reasons = bad_wavs(corpus / "bad")
    lines = [{"audio_filepath": f"recordings/{digit}_ann_0.wav"} for digit in range(3)]
    listed = [json.dumps({"audio_filepath": f"bad/{name}"}) for name in (*reasons, "missing.wav")]
    manifest_corpus(corpus, [lines[0], *listed, "no json", lines[1], lines[2]])
    info = prepared(corpus, tmp_path / "out", PrepareConfig("jsonl_manifest", speech=SpeechConfig("off")))
    assert (info.num_rows, info.num_failures) == (3, len(reasons) + 2)
    failures = pd.read_parquet(tmp_path / "out" / "failures.parquet").set_index("item_id")
    for name, reason in reasons.items():
        row = failures.loc[f"bad/{name.removesuffix('.wav')}"]
        assert (row["source"], row["stage"]) == (str(corpus / "bad" / name), "decode")
        assert reason in str(row["reason"])
    assert failures.loc["bad/missing", "stage"] == "read"
    assert failures.loc[f"manifest.jsonl line {len(listed) + 2}", "stage"] == "corpus"
    assert list(verify_folder(locate(str(tmp_path / "out")))) == []


def test_the_same_corpus_gives_the_same_bytes(tmp_path: Path) -> None:
    corpus = fsdd_corpus(tmp_path / "corpus")
    assert prepared(corpus, tmp_path / "one").digest == prepared(corpus, tmp_path / "two").digest
    for path in (tmp_path / "one").rglob("*"):
        if path.is_file() and path.parent.name != "commits":
            assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes(), path


def test_a_digest_changes_with_what_the_rows_depend_on_and_with_nothing_else(tmp_path: Path) -> None:
    corpus = fsdd_corpus(tmp_path / "corpus")
    before = digests(corpus, CONFIG)
    assert digests(corpus, replace(CONFIG, max_failure_share=1.0)) == before
    assert digests(corpus, replace(CONFIG, image=ImageConfig(height=3))) == before
    other = replace(CONFIG, split=SplitConfig(0.31))
    assert not set(digests(corpus, other)) & set(before)
    (corpus / "recordings" / "0_ann_0.wav").write_bytes(b"changed")
    after = digests(corpus, CONFIG)
    assert (after[0] != before[0], after[1:] == before[1:]) == (True, True)


def test_pictures_take_the_corpus_s_size_from_the_first_that_can_be_read(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    (corpus / "cat").mkdir(parents=True)
    (corpus / "cat" / "0.png").write_bytes(b"damaged")
    write_png(corpus / "cat" / "1.png", size=(6, 4))
    write_png(corpus / "dog" / "2.png", size=(12, 8))
    write_png(corpus / "dog" / "3.png", size=(6, 4), mode="L")
    info = prepared(corpus, tmp_path / "out", PrepareConfig())
    assert info.conventions == ImageConventions(4, 6, 3)
    assert (info.num_rows, info.num_failures) == (3, 1)
    assert list(verify_folder(locate(str(tmp_path / "out")))) == []


def test_a_corpus_of_no_readable_picture_asks_for_the_size(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "0.png").write_bytes(b"damaged")
    with pytest.raises(CorpusError, match=r"--set image\.height=H"):
        surveyed(tmp_path)
    size = ImageConfig(height=2, width=2, channels=1)
    assert surveyed(tmp_path, PrepareConfig(image=size)).conventions == ImageConventions(2, 2, 1)


def test_a_first_picture_that_hangs_does_not_hold_up_the_plan(tmp_path: Path) -> None:
    write_png(tmp_path / "cat" / "1.png", size=(3, 2))
    os.mkfifo(tmp_path / "cat" / "0.png")
    config = PrepareConfig(limits=LimitsConfig(item_s=0.5))
    assert surveyed(tmp_path, config).conventions == ImageConventions(2, 3, 3)


def test_packed_pictures(tmp_path: Path) -> None:
    corpus = idx_corpus(tmp_path / "corpus", {"train": 7, "t10k": 2})
    info = prepared(corpus, tmp_path / "out")
    assert info.conventions == ImageConventions(5, 4, 1)
    assert info.tally.num_rows["test"] == 2
    rows = [row for table in open_dataset(locate(str(tmp_path / "out"))).tables() for row in table.to_pylist()]
    assert rows[2 + 6]["levels"] == bytes([6] * 20)
    colour = PrepareConfig(image=ImageConfig(height=2, width=2, channels=3, num_levels=2))
    assert prepared(corpus, tmp_path / "colour", colour).conventions == ImageConventions(2, 2, 3, 2)


def test_levels_of_a_picture_run_row_column_channel(tmp_path: Path) -> None:
    path = write_png(tmp_path / "cat" / "1.png", 0, size=(3, 2))
    (row,) = prepare_item(ImageItem("1", str(path)), PrepareConfig(), ImageConventions(2, 3, 3), Counter())
    assert np.frombuffer(row["levels"], np.uint8).tolist() == [0, 0, 0, 10, 10, 10, 20, 20, 20] * 2


def test_a_corpus_with_not_one_item_is_empty(tmp_path: Path) -> None:
    manifest_corpus(tmp_path, [])
    with pytest.raises(CorpusError, match="not one item"):
        surveyed(tmp_path)


def test_an_entry_that_the_corpus_got_wrong_fails_as_such() -> None:
    with pytest.raises(ItemError, match="listed twice") as caught:
        prepare_item(BadItem("a", "b", "listed twice"), PrepareConfig(), ImageConventions(1, 1, 1), Counter())
    assert caught.value.stage == "corpus"


def test_a_full_disk_goes_up_and_nothing_is_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = surveyed(fsdd_corpus(tmp_path / "corpus"))
    plan = next(shard_plans(found, CONFIG))

    def full(self: Location, data: bytes) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(Location, "write_bytes", full)
    with pytest.raises(StorageError, match="disk is full"):
        prepare_shard(locate(str(tmp_path / "out")), plan, CONFIG, found.conventions)
    assert not (tmp_path / "out" / "commits").exists()


def test_an_error_of_our_own_names_the_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = surveyed(fsdd_corpus(tmp_path / "corpus"))

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(prepare_module, "audio_rows", broken)
    with pytest.raises(ZeroDivisionError) as caught:
        prepare_shard(locate(str(tmp_path / "out")), next(shard_plans(found, CONFIG)), CONFIG, found.conventions)
    assert "while preparing 0_ann_0" in caught.value.__notes__[0]


WORKER = """
import sys
from pipeline.preparation.config import PrepareConfig
from pipeline.guarding.guard import LimitsConfig
from pipeline.preparation.plan import shard_plans, survey
from pipeline.preparation.prepare import prepare_shard
from pipeline.storage import locate

config = PrepareConfig()
found = survey(locate(sys.argv[1]), config)
for plan in shard_plans(found, config):
    prepare_shard(locate(sys.argv[2]), plan, config, found.conventions)
print(sorted({"torch", "ray", "models", "jobs", "pydantic"} & set(sys.modules)))
"""


def test_preparing_imports_neither_torch_nor_ray(tmp_path: Path) -> None:
    corpus = idx_corpus(tmp_path / "corpus", {"train": 2})
    command = [sys.executable, "-c", WORKER, str(corpus), str(tmp_path / "out")]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
    assert len(list((tmp_path / "out" / "commits").iterdir())) == 1
