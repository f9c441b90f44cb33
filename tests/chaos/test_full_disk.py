"""A full disk: one message, nothing half-written, and the same command goes on where there is room again."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import StorageError
from pipeline.preparation.make import make_shard
from pipeline.storage import PARTIAL_PREFIX, locate
from tests.chaos.runs import ROOT, Undisturbed, content_of, prepare_here

IN_A_SMALL_DISK = """
mkdir disk && mount -t tmpfs -o size=100k tmpfs disk || exit 77
"$1" -m tests.chaos.runs "$2" "$PWD/disk/out" 2> message && exit 1
find disk -name '.partial-*' | grep . && exit 1
mount -o remount,size=10m disk
"$1" -m tests.chaos.runs "$2" "$PWD/disk/out" && cp -r disk/out out
"""


@pytest.mark.parametrize("after", [0, 1, 2, 7, 20, -1])
def test_it_fills_up_at_any_write(
    calm: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    num_synced, plain = 0, os.fsync

    def sync_until_full(file: int) -> None:
        nonlocal num_synced
        num_synced += 1
        if num_synced > (after if after >= 0 else 2 * calm.num_shards + 2):
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(file)

    corpus, out = locate(str(calm.corpus)), locate(str(tmp_path / "out"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", sync_until_full)
        with pytest.raises(StorageError, match=r"the disk is full; nothing is half-written\. Free some space"):
            prepare_here(corpus, out, make=make_shard)
    assert not (tmp_path / "out/dataset.json").exists()
    assert list(tmp_path.rglob(PARTIAL_PREFIX + "*")) == []
    prepare_here(corpus, out, make=make_shard)
    assert content_of(tmp_path / "out") == calm.content


@pytest.mark.skipif(not shutil.which("unshare"), reason="a small disk is mounted in a namespace of its own")
def test_a_disk_that_is_really_small(calm: Undisturbed, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = ["unshare", "-rm", "sh", "-c", IN_A_SMALL_DISK, "sh", sys.executable, str(calm.corpus)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    if done.returncode == 77 or not (tmp_path / "message").exists():
        pytest.skip("this machine lets nobody mount a disk")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the disk is full; nothing is half-written. Free some space" in (tmp_path / "message").read_text()
    assert content_of(tmp_path / "out") == calm.content
