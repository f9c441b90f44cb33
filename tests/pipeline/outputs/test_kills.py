"""Killed without warning, again and again: what is finished in the end is what an undisturbed run makes."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.outputs.config import ExportConfig
from pipeline.shards.dataset import open_dataset
from pipeline.storage import locate
from tests.pipeline.outputs.small import IMAGE, content_of, export_here, picture_row, write_dataset
from tests.watching import at_work, files_in

ROOT = Path(__file__).parents[3]

RUN = """
import sys
from pathlib import Path
from pipeline.outputs.config import ExportConfig
from pipeline.shards.dataset import open_dataset
from pipeline.storage import locate
from tests.pipeline.outputs.small import export_here

data, out, layout = sys.argv[1:]
export_here(open_dataset(locate(data)), Path(out), ExportConfig(layout, items_per_part=1))
"""


def kill_at(command: list[str], out: Path, num_files: int) -> bool:
    """Start it and kill it once so many files stand, whole or not; whether that was before it ended."""
    with at_work(command, cwd=ROOT) as process:
        while process.poll() is None and len(files_in(out, "**/*")) < num_files:
            time.sleep(0.001)
        return process.poll() is None


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["imagefolder", "webdataset", "huggingface"])
def test_any_number_of_kills_changes_nothing(tmp_path: Path, layout: Any) -> None:
    shards = [[picture_row(100 * shard + number) for number in range(100)] for shard in range(10)]
    write_dataset(tmp_path / "data", shards, IMAGE)
    out, command = tmp_path / "out", [sys.executable, "-c", RUN, str(tmp_path / "data"), str(tmp_path / "out"), layout]
    calm = export_here(
        open_dataset(locate(str(tmp_path / "data"))), tmp_path / "calm", ExportConfig(layout, items_per_part=1)
    )
    num_all = sum(1 for _ in (tmp_path / "calm").rglob("*")) + len(calm)
    killed = [kill_at(command, out, round(share * num_all)) for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert any(killed), "no kill came before the end"
    subprocess.run(command, cwd=ROOT, check=True)
    assert content_of(out) == content_of(tmp_path / "calm")
