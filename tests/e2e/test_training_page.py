"""The table of docs/training.md as it stands: each corpus by its two commands, with fewer steps; and items drawn."""

import json
import math
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from jobs.cli import app
from jobs.cli_errors import run_explained
from pipeline.model_folder import load_model
from pipeline.shards.dataset import open_dataset
from pipeline.storage import Location
from pipeline.training.plan import HELD_OUT_SPLIT

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(900), pytest.mark.usefixtures("ray_local")]

PAGE = Path(__file__).parents[2] / "docs/training.md"
ROWS = re.findall(
    r"^\| ([^|]+?) \| `ancestral (prepare [^`]+)` \| `ancestral (train [^`]+)` \|$", PAGE.read_text(), re.M
)

CORPORA = {
    "LJSpeech-1.1": "LJSpeech-1.1",
    "RAVDESS": "RAVDESS",
    "recordings": "fsdd/recordings",
    "mnist": "mnist",
    "cifar10": "cifar10-png",
}
"""What the page calls a corpus, and where it lies."""

NUM_ITEMS = {"LJSpeech-1.1": 40, "RAVDESS": 16, "recordings": 600, "mnist": 5000, "cifar10": 3000}

FEWER = [
    f"--set=training.{name}={value}"
    for name, value in {
        "num_steps": 8,
        "log_every": 1,
        "validate_every": 8,
        "validation_items": 2,
        "checkpoint_every": 8,
        "warm_up_steps": 2,
    }.items()
]
"""What makes a training of minutes or days one of seconds. Network, windows and batches are the recipe's."""

DRAWN: dict[str, dict[str, Any]] = {
    "LJSpeech-1.1": {"speaker": "LJ", "text": "No.", "duration_s": 0.1},
    "RAVDESS": {"speaker": "01", "emotion": "angry", "num_timesteps": 400},
    "recordings": {"speaker": "jackson", "num_timesteps": 400},
    "mnist": {"label": "7"},
    "cifar10": {},
}


def run(line: str, folder: Path, *more: str) -> None:
    """A command as it stands on the page, in a folder."""
    words = [
        str(folder / word) if not word.startswith("-") and at in (1, 2) else word
        for at, word in enumerate(shlex.split(line))
    ]
    assert run_explained(typer.main.get_command(app), [*words, *more]) == 0


def test_the_page_names_all_corpora() -> None:
    assert sorted(shlex.split(prepare)[1] for _, prepare, _ in ROWS) == sorted(CORPORA)


@pytest.mark.parametrize(("prepare", "train"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_a_row(prepare: str, train: str, shared_data: Path, tmp_path: Path) -> None:
    _, corpus, dataset, *_ = shlex.split(prepare)
    model = tmp_path / shlex.split(train)[2]
    (tmp_path / corpus).symlink_to(shared_data / CORPORA[corpus])
    run(prepare, tmp_path)
    info = open_dataset(Location(str(tmp_path / dataset))).info
    assert (info.num_rows, info.num_failures) == (NUM_ITEMS[corpus], 0)
    assert info.tally.num_rows[HELD_OUT_SPLIT] > 0
    run(train, tmp_path, *FEWER)
    learns(model)
    draws(model, tmp_path, DRAWN[corpus])


def learns(model: Path) -> None:
    """What it knows after eight steps is more than before the first, of held-out rows too."""
    bits = [json.loads(line)["train_bits"] for line in (model / "metrics.jsonl").read_text().splitlines()]
    assert len(bits) == 8
    assert all(math.isfinite(value) for value in bits)
    assert min(bits[4:]) < bits[0]
    held_out = load_model(Location(str(model))).info.figures["validation_bits"]
    assert held_out < bits[0]


def draws(model: Path, folder: Path, wish: dict[str, Any]) -> None:
    """Two items."""
    (folder / "requests.jsonl").write_text(json.dumps({**wish, "count": 2}) + "\n")
    run(f"generate {model} made --requests {folder / 'requests.jsonl'}", folder)
    assert open_dataset(Location(str(folder / "made"))).info.num_rows == 2
