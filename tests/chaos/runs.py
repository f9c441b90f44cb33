"""One small corpus, prepared undisturbed, and what a disturbed run's folder must then hold.

`python -m tests.chaos.runs CORPUS OUT` prepares it in one process, a guard's child apart, which starts in a second; the
command itself, which starts Ray for it, takes ten.
"""

import io
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from jobs.prepare import Preparation, claim_for, prepare_one
from pipeline.items import Item
from pipeline.preparation.config import PrepareConfig, ShardConfig, SpeechConfig
from pipeline.preparation.make import Made
from pipeline.preparation.plan import survey
from pipeline.shards.plan import ShardPlan
from pipeline.storage import Location, locate
from tests.corpus_builders import fsdd_corpus
from tests.watching import at_work, below, files_in, is_writing, parent_of, ray_folder_of, remove_when_quiet

ROOT = Path(__file__).parents[2]

CONFIG = PrepareConfig(speech=SpeechConfig(phones="off"), shards=ShardConfig(items_per_shard=2))

SETTINGS = ["--set", "speech.phones=off", "--set", "shards.items_per_shard=2"]
"""The same for the command."""


@dataclass(frozen=True)
class Undisturbed:
    """A corpus and what becomes of it where nothing goes wrong."""

    corpus: Path
    content: dict[str, Any]
    num_shards: int


def undisturbed(folder: Path) -> Undisturbed:
    """Make the corpus, and its dataset."""
    corpus = fsdd_corpus(folder / "corpus", takes=3, digits=4)
    prepare_here(locate(str(corpus)), locate(str(folder / "out")))
    content = content_of(folder / "out")
    return Undisturbed(corpus, content, sum(name.startswith("commits/") for name in content))


def prepare_here(corpus: Location, out: Location, config: PrepareConfig = CONFIG, make: Any = prepare_one) -> str:
    """Prepare without Ray; what was printed."""
    printed = io.StringIO()
    found = survey(corpus, config)

    def runner(plans: Iterable[ShardPlan[Item]]) -> Iterator[Made]:
        return (make(out, plan, config, found.conventions) for plan in plans)

    claim_for(found, out, config)
    Preparation(out, config, found, Console(file=printed)).run(runner)
    return printed.getvalue()


def content_of(out: Path) -> dict[str, Any]:
    """Every file's bytes; of commits everything but when and where they were made."""
    files = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    commits = {name: json.loads(data) | {"run": None} for name, data in files.items() if name.startswith("commits/")}
    return files | commits


def fired_at(seed: int, num_shards: int) -> Iterator[tuple[int, float]]:
    """When to kill, one to three times: once so many shards are committed, and after so many seconds more.

    0 seconds are half of the times, and mean in the middle of a write.
    """
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 3)):
        yield chance.randrange(num_shards), chance.choice([0.0, chance.uniform(0.001, 0.05)])


def wait_until(out: Path, count: int, delay_s: float, is_over: Callable[[], object]) -> None:
    """Until it is time to kill, or too late for it."""
    while not is_over() and len(files_in(out, "commits/*.json")) < count:
        time.sleep(0.002)
    if delay_s:
        time.sleep(delay_s)
        return
    while not is_over() and not any(is_writing(out / part) for part in ("", "shards", "commits")):
        pass


def kill_once(command: list[str], out: Path, count: int, delay_s: float) -> None:
    """Run a driver and kill it; a local Ray that it started ends by itself, and what it left is cleared."""
    with at_work(command, cwd=ROOT, stdout=subprocess.DEVNULL) as driver:
        wait_until(out, count, delay_s, lambda: driver.poll() is not None)
        left = ray_folder_of(driver.pid)
    remove_when_quiet(left)


def workers() -> list[int]:
    """Processes at work on a shard: those of this process's Ray, and the children of their guards."""
    lines = below(os.getpid())
    of_ray = [pid for pid, line in lines.items() if line.startswith(b"ray::prepare")]
    return of_ray + [pid for pid in lines if parent_of(pid) in of_ray]


if __name__ == "__main__":
    prepare_here(locate(sys.argv[1]), locate(sys.argv[2]))
