"""Items that hang, eat memory or crash the process end in failures.parquet, all others in the dataset."""

import io
import os
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from jobs.cluster import connect
from jobs.prepare import prepare
from pipeline.guarding.guard import LimitsConfig
from pipeline.shards.verify import verify_folder
from pipeline.storage import locate
from tests.chaos.bad_items import shard_with_bad_items
from tests.chaos.runs import CONFIG, prepare_here
from tests.corpus_builders import manifest_corpus, write_wav

LIMITS = LimitsConfig(item_s=5.0, item_memory_bytes=2**27)

needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="memory is told by /proc alone")


@needs_proc
def test_each_is_recorded_with_its_reason_and_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.preparation.make.guarded_shard", shard_with_bad_items)
    ids = [f"{number}-{what}" for number, what in enumerate(["fine", "hang", "fine", "eat", "crash", "fine", "crash"])]
    corpus = manifest_corpus(tmp_path / "corpus", [{"audio_filepath": f"{item_id}.wav"} for item_id in ids])
    config = replace(CONFIG, limits=LIMITS)
    printed = prepare_here(locate(str(corpus)), locate(str(tmp_path / "out")), config)
    assert "4 of 7 items failed" in printed
    failures = pd.read_parquet(tmp_path / "out/failures.parquet").set_index("item_id")
    assert failures["reason"].to_dict() == {
        "1-hang": "took longer than 5 s",
        "3-eat": "took more than 0.1 GiB of memory",
        "4-crash": "crashed the process that read it (SIGSEGV)",
        "6-crash": "crashed the process that read it (SIGSEGV)",
    }
    assert list(verify_folder(locate(str(tmp_path / "out")))) == []


@pytest.mark.ray
@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes among its files")
def test_a_pipe_among_the_files_does_not_hold_up_a_job(ray_local: None, tmp_path: Path) -> None:
    for number in (0, 2):
        write_wav(tmp_path / f"corpus/{number}_ann_0.wav")
    os.mkfifo(tmp_path / "corpus/1_ann_0.wav")  # opening it waits for one who writes, for ever
    config = replace(CONFIG, limits=LIMITS, layout="fsdd")
    with connect() as cluster:
        out = locate(str(tmp_path / "out"))
        info = prepare(locate(str(tmp_path / "corpus")), out, config, cluster, Console(file=io.StringIO()))
    assert (info.num_rows, info.num_failures) == (2, 1)
