"""Preparing as a job: what is done is passed over, what is killed goes on, too many failures stop it."""

import io
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from jobs.cluster import RunningCluster, connect
from jobs.prepare import Preparation, claim_for, prepare, prepare_one
from pipeline.errors import CorpusError, OccupiedError, PassingStorageError, StorageError, TooManyFailures
from pipeline.items import Item
from pipeline.preparation.config import PrepareConfig, ShardConfig, SpeechConfig
from pipeline.preparation.make import Made, make_shard
from pipeline.preparation.plan import shard_plans, survey
from pipeline.shards.dataset import DatasetInfo, open_dataset
from pipeline.shards.plan import ShardPlan
from pipeline.shards.verify import verify_folder
from pipeline.storage import Location, locate
from tests.corpus_builders import fsdd_corpus, manifest_corpus, write_png
from tests.watching import at_work, below, end_all, files_in, ray_folder_of, remove_when_quiet

ROOT = Path(__file__).parents[2]

CONFIG = PrepareConfig(speech=SpeechConfig(phones="off"), shards=ShardConfig(2), failures_always_allowed=0)

Wrapper = Callable[[Iterable[ShardPlan[Item]]], Iterable[ShardPlan[Item]]]


def in_process(
    corpus: Path, out: Path, config: PrepareConfig = CONFIG, wrap: Wrapper = iter, anew: list[int] | None = None
) -> tuple[DatasetInfo, str]:
    """Prepare without Ray; `wrap` sees the plans that are given out, `anew` the shards that did not stand already.

    Returns what was printed, too.
    """
    printed, place = io.StringIO(), locate(str(out))
    found = survey(locate(str(corpus)), config)

    def runner(plans: Iterable[ShardPlan[Item]]) -> Iterator[Made]:
        for plan in wrap(plans):
            made = prepare_one(place, plan, config, found.conventions)
            if not made.stood and anew is not None:
                anew.append(plan.index)
            yield made

    claim_for(found, place, config)
    info = Preparation(place, config, found, Console(file=printed)).run(runner)
    return info, printed.getvalue()


def on_ray(corpus: Path, out: Path, config: PrepareConfig = CONFIG) -> DatasetInfo:
    with connect() as cluster:
        return prepare(locate(str(corpus)), locate(str(out)), config, cluster, Console(file=io.StringIO()))


def content(out: Path) -> dict[str, bytes]:
    """Every file but the commits, which hold times."""
    files = (path for path in out.rglob("*") if path.is_file() and path.parent.name != "commits")
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def num_planned(corpus: Path, config: PrepareConfig = CONFIG) -> int:
    return sum(1 for _ in shard_plans(survey(locate(str(corpus)), config), config))


def shard_files(out: Path) -> list[Path]:
    """The shards in the order of the dataset."""
    return [out / entry.file for entry in open_dataset(locate(str(out))).info.shards]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return fsdd_corpus(tmp_path / "corpus")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_the_figures_are_printed_as_it_ends(corpus: Path, out: Path) -> None:
    info, printed = in_process(corpus, out)
    assert info.lineage["layout"] == "fsdd"
    assert f"{out}: 12 rows (" in printed
    assert f"0.0 minutes of 16000 Hz, shards: {len(info.shards)}, " in printed
    assert "failed" not in printed


def test_what_is_done_is_passed_over(corpus: Path, out: Path) -> None:
    in_process(corpus, out)
    before, anew = content(out), list[int]()
    info, printed = in_process(corpus, out, anew=anew)
    assert anew == []
    assert f"shards: {len(info.shards)} ({len(info.shards)} stood already)" in printed
    assert content(out) == before


def test_only_what_has_changed_is_redone(corpus: Path, out: Path) -> None:
    in_process(corpus, out)
    files, anew = shard_files(out), list[int]()
    assert len(files) > 5
    touched = next(index for index, file in enumerate(files) if "1_ann_0" in pd.read_parquet(file)["item_id"].values)
    torn, flipped, unproved = [index for index in range(len(files)) if index != touched][-3:]
    os.utime(corpus / "recordings" / "1_ann_0.wav", (1, 1))
    files[torn].write_bytes(b"torn")
    data = bytearray(files[flipped].read_bytes())
    data[100] ^= 1
    files[flipped].write_bytes(data)
    (out / "commits" / f"{files[unproved].stem}.json").unlink()
    in_process(corpus, out, anew=anew)
    assert anew == sorted([touched, torn, flipped, unproved])
    assert list(verify_folder(locate(str(out)))) == []


def test_a_corpus_that_has_grown_adds_what_is_new_and_keeps_the_rest(corpus: Path, out: Path, tmp_path: Path) -> None:
    fsdd_corpus(corpus, speakers=("ann", "bob", "cat", "dan"), takes=6)
    before, _ = in_process(corpus, out)
    kept = {file: file.stat().st_mtime_ns for file in shard_files(out)}
    for number in range(2):
        shutil.copy(corpus / "recordings" / "1_bob_0.wav", corpus / "recordings" / f"1_bea_{number}.wav")
    anew: list[int] = []
    info, _ = in_process(corpus, out, anew=anew)
    assert info.num_rows == before.num_rows + 2
    assert 1 <= len(anew) <= 6 < len(before.shards)
    assert sum(file.exists() and file.stat().st_mtime_ns == at for file, at in kept.items()) >= len(kept) - 6
    in_process(corpus, tmp_path / "at-once")
    assert content(out) == content(tmp_path / "at-once") | {"plan.json": (out / "plan.json").read_bytes()}
    assert list(verify_folder(locate(str(out)))) == []


def test_another_setting_redoes_everything_and_drops_what_is_left_over(corpus: Path, out: Path) -> None:
    in_process(corpus, out)
    info, _ = in_process(corpus, out, replace(CONFIG, shards=ShardConfig(1000)))
    assert len(info.shards) == 1
    assert len(list((out / "shards").iterdir())) == 1
    assert list(verify_folder(locate(str(out)))) == []


def test_another_corpus_never_overwrites_a_finished_dataset(corpus: Path, out: Path, tmp_path: Path) -> None:
    in_process(corpus, out)
    before = content(out)
    write_png(tmp_path / "pictures" / "cat" / "a.png")
    with pytest.raises(OccupiedError, match=r"its corpus is .*, not .*/pictures; its kind is audio, not image"):
        in_process(tmp_path / "pictures", out)
    assert content(out) == before


@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_run_that_breaks_off_goes_on_and_ends_the_same(corpus: Path, out: Path, tmp_path: Path, after: int) -> None:
    def breaking(plans: Iterable[ShardPlan[Item]]) -> Iterator[ShardPlan[Item]]:
        for number, plan in enumerate(plans):
            if number == after:
                raise StorageError("the disk is full")
            yield plan

    with pytest.raises(StorageError):
        in_process(corpus, out, wrap=breaking)
    assert not (out / "dataset.json").exists()
    anew: list[int] = []
    in_process(corpus, out, anew=anew)
    assert anew == list(range(after, num_planned(corpus)))
    in_process(corpus, tmp_path / "unbroken")
    assert content(out) == content(tmp_path / "unbroken")


def test_a_finished_dataset_that_is_redone_is_unfinished_until_it_is_done(corpus: Path, out: Path) -> None:
    in_process(corpus, out)
    seen: list[bool] = []

    def looking(plans: Iterable[ShardPlan[Item]]) -> Iterator[ShardPlan[Item]]:
        for plan in plans:
            seen.append((out / "dataset.json").exists())
            yield plan

    (out / "commits" / f"{shard_files(out)[3].stem}.json").unlink()
    in_process(corpus, out, wrap=looking)
    assert seen == [True] * 4 + [False] * (len(seen) - 4)
    assert (out / "dataset.json").exists()


def with_failures(folder: Path, num_good: int, num_bad: int) -> Path:
    good = [{"audio_filepath": f"{number}.wav"} for number in range(num_good)]
    return manifest_corpus(folder, [*["no json"] * num_bad, *good])


class TestFailures:
    """Bad items stop a run when there are more of them than the config allows, and not before."""

    def test_as_many_as_are_allowed_pass(self, tmp_path: Path, out: Path) -> None:
        corpus = with_failures(tmp_path / "corpus", 19, 1)
        info, printed = in_process(corpus, out)
        assert (info.num_rows, info.num_failures) == (19, 1)
        assert f"1 of 20 items failed: see {out / 'failures.parquet'}" in printed

    def test_one_more_stops_the_run_early_with_the_failures_written(self, tmp_path: Path, out: Path) -> None:
        corpus = with_failures(tmp_path / "corpus", 30, 4)
        anew: list[int] = []
        with pytest.raises(TooManyFailures) as caught:
            in_process(corpus, out, anew=anew)
        found = re.search(rf"(\d) of 34 items of {corpus} failed; max_failure_share 0.05 allows 1", str(caught.value))
        assert found
        num_failed = int(found[1])
        assert num_failed > 1
        assert f"manifest.jsonl line {num_failed}" in str(caught.value)
        assert "not JSON" in str(caught.value)
        assert len(anew) <= 2
        assert len(pd.read_parquet(out / "failures.parquet")) == num_failed
        assert not (out / "dataset.json").exists()

    def test_allowing_more_goes_on_from_there(self, tmp_path: Path, out: Path) -> None:
        corpus = with_failures(tmp_path / "corpus", 30, 4)
        before: list[int] = []
        with pytest.raises(TooManyFailures):
            in_process(corpus, out, anew=before)
        anew: list[int] = []
        info, _ = in_process(corpus, out, replace(CONFIG, max_failure_share=0.5), anew=anew)
        assert anew == list(range(len(before), num_planned(corpus)))
        assert (info.num_rows, info.num_failures) == (30, 4)
        assert list(verify_folder(locate(str(out)))) == []

    def test_failures_of_shards_that_stood_already_count(self, tmp_path: Path, out: Path) -> None:
        corpus = with_failures(tmp_path / "corpus", 30, 4)
        in_process(corpus, out, replace(CONFIG, max_failure_share=0.5))
        with pytest.raises(TooManyFailures, match=r"\d of 34"):
            in_process(corpus, out)
        assert not (out / "dataset.json").exists()

    def test_a_few_never_stop_a_small_corpus(self, tmp_path: Path, out: Path) -> None:
        corpus = with_failures(tmp_path / "corpus", 2, 5)
        info, _ = in_process(corpus, out, replace(CONFIG, failures_always_allowed=5))
        assert (info.num_rows, info.num_failures) == (2, 5)

    def test_a_corpus_of_bad_items_alone_is_an_error(self, tmp_path: Path, out: Path) -> None:
        corpus = with_failures(tmp_path / "corpus", 0, 3)
        with pytest.raises(TooManyFailures, match="3 of 3"):
            in_process(corpus, out, replace(CONFIG, failures_always_allowed=5, max_failure_share=1.0))
        assert len(pd.read_parquet(out / "failures.parquet")) == 3


def test_nothing_is_left_where_the_corpus_is_none(tmp_path: Path, out: Path) -> None:
    with pytest.raises(CorpusError):
        in_process(tmp_path / "missing", out)
    assert not out.exists()


def test_a_folder_that_holds_something_else_is_left_alone(corpus: Path, out: Path) -> None:
    out.mkdir()
    (out / "thesis.txt").write_text("precious")
    with pytest.raises(OccupiedError, match=r"thesis\.txt"):
        in_process(corpus, out)
    with pytest.raises(OccupiedError, match="recordings"):
        in_process(corpus, corpus)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


@pytest.mark.ray
def test_ray_gives_the_same_bytes_as_one_process(ray_local: None, corpus: Path, out: Path, tmp_path: Path) -> None:
    info = on_ray(corpus, out)
    in_process(corpus, tmp_path / "plain")
    assert content(out) == content(tmp_path / "plain")
    assert open_dataset(locate(str(out))).info == info


@pytest.mark.ray
def test_too_many_failures_stop_a_run_on_ray(ray_local: None, tmp_path: Path, out: Path) -> None:
    for number in range(6):
        path = write_png(tmp_path / "corpus" / "cat" / f"{number}.png")
        if number > 2:
            path.write_bytes(b"damaged")
    with pytest.raises(TooManyFailures, match="at stage decode: not an image"):
        on_ray(tmp_path / "corpus", out)
    assert (out / "failures.parquet").is_file()


DRIVER = """
import sys
from rich.console import Console
from jobs.cluster import connect
from jobs.prepare import prepare
from pipeline.preparation.config import PrepareConfig, ShardConfig, SpeechConfig
from pipeline.storage import locate

config = PrepareConfig(speech=SpeechConfig(phones="off"), shards=ShardConfig(1))
with connect() as cluster:
    prepare(locate(sys.argv[1]), locate(sys.argv[2]), config, cluster, Console())
"""


@pytest.mark.ray
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="finds what the killed driver left by way of /proc")
def test_a_killed_driver_s_rerun_ends_with_the_same_bytes(tmp_path: Path, out: Path) -> None:
    corpus = fsdd_corpus(tmp_path / "corpus", takes=16, digits=5)
    left = None
    with at_work([sys.executable, "-c", DRIVER, str(corpus), str(out)], cwd=ROOT) as driver:
        while driver.poll() is None and len(files_in(out, "commits/*.json")) < 10:
            left = left or ray_folder_of(driver.pid)
            time.sleep(0.005)
        assert driver.poll() is None
        processes = below(driver.pid)
    end_all(processes)
    remove_when_quiet(left)
    num_kept = len(list(out.glob("commits/*.json")))
    config, anew = replace(CONFIG, shards=ShardConfig(1)), list[int]()
    assert 10 <= num_kept < num_planned(corpus, config)
    assert not (out / "dataset.json").exists()
    in_process(corpus, out, config, anew=anew)
    assert len(anew) == num_planned(corpus, config) - num_kept
    in_process(corpus, tmp_path / "unbroken", config)
    assert content(out) == content(tmp_path / "unbroken")
    assert list(verify_folder(locate(str(out)))) == []


def test_a_worker_imports_no_torch() -> None:
    code = "import sys, jobs.prepare; print('torch' in sys.modules, 'models' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.ray
@pytest.mark.parametrize(("name", "num_rows"), [("fsdd", 600), ("mnist", 5000)])
def test_real_corpora(ray_local: None, shared_data: Path, out: Path, name: str, num_rows: int) -> None:
    config = PrepareConfig(speech=SpeechConfig(phones="off"))
    info = on_ray(shared_data / name, out, config)
    assert (info.num_rows, info.num_failures) == (num_rows, 0)
    assert list(verify_folder(locate(str(out)))) == []


@pytest.mark.ray
def test_storage_that_does_not_answer_is_tried_again(
    ray_local: None, corpus: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent_at_first(place: Location, plan: ShardPlan[Item], *given: Any) -> Made:
        tried = tmp_path / f"tried-{plan.index}"
        if not tried.exists():
            tried.touch()
            raise PassingStorageError("storage does not answer")
        return make_shard(place, plan, *given)

    monkeypatch.setattr("jobs.prepare.prepare_one", silent_at_first)
    assert on_ray(corpus, out).num_rows == 12
    assert len(list(tmp_path.glob("tried-*"))) == num_planned(corpus)


def test_the_cluster_says_how_much_is_in_flight(corpus: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def fan_out(plans: Iterable[ShardPlan[Item]], submit: object, limit: int, **_: Any) -> Iterator[Made]:
        asked.append(limit)
        return iter([prepare_one(locate(str(out)), plan, CONFIG, found.conventions) for plan in plans])

    found = survey(locate(str(corpus)), CONFIG)
    monkeypatch.setattr("jobs.prepare.fan_out", fan_out)
    cluster = RunningCluster("local", 3, 0)
    prepare(locate(str(corpus)), locate(str(out)), CONFIG, cluster, Console(file=io.StringIO()))
    assert asked == [6]
