"""Preparation by one worker and by two, on a core each: how many times as fast two are.

    python -m benchmarks.two_workers [--rounds N] [--shards N]

A corpus of 10 s stereo WAV files is cut into shards of equal size. Workers are processes on one thread, each held to a
core of its own, that prepare the shards they are given as a Ray task does, into a new folder each round. One worker
does all shards or two do half of them each, in turn; what counts is the best round of each. The ceiling is the same
with no file and no memory beyond the cache, and so what this machine allows in the same minutes: neighbours take from
it. Beside the clock stands CPU time, in which waiting for a core that others use does not count.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import soundfile as sf

from benchmarks.harness import hardware
from benchmarks.one_and_two import HEADING, line, measure, workers
from benchmarks.prepare_audio import RATE_HZ, speech_like
from pipeline.audio.resample import resample
from pipeline.items import Item
from pipeline.preparation.config import PrepareConfig, SpeechConfig
from pipeline.preparation.plan import settings_of, survey
from pipeline.preparation.prepare import prepare_shard
from pipeline.shards.plan import ShardPlan, cut
from pipeline.shards.schema import Conventions
from pipeline.storage import locate

DURATION_S = 10
FILES_PER_SHARD = 48
CONFIG = PrepareConfig(speech=SpeechConfig(phones="off"))


def write_corpus(folder: Path, num_files: int) -> Path:
    """A folder of WAV files that differ."""
    wave = speech_like(DURATION_S)
    for number in range(num_files):
        sf.write(folder / f"{number:03}.wav", np.roll(wave, 1000 * number, axis=0), RATE_HZ, subtype="PCM_16")
    return folder


def prepare_share(
    plans: Sequence[ShardPlan[Item]], conventions: Conventions, folder: Path, worker: int, num_workers: int
) -> float:
    """Every so many-th shard, in this process."""
    started = time.process_time()
    for plan in plans[worker::num_workers]:
        commit = prepare_shard(locate(str(folder)), plan, CONFIG, conventions)
        assert not commit.failures, f"{commit.failures[0]}"
    return time.process_time() - started


def compute_share(num_calls: int, folder: Path, worker: int, num_workers: int) -> float:
    """A share of resampling half a second that lies in the cache, again and again."""
    started, wave = time.process_time(), np.zeros(RATE_HZ // 2, np.float32)
    for _ in range(worker, num_calls, num_workers):
        resample(wave, RATE_HZ, 16_000)
    return time.process_time() - started


def planned(corpus: Path) -> tuple[list[ShardPlan[Item]], Conventions]:
    """Shards of equal size: as they are cut in earnest they differ, and two halves would."""
    found = survey(locate(str(corpus)), CONFIG)
    items = found.layout.items(found.corpus)
    return list(cut(items, FILES_PER_SHARD, settings_of(found, CONFIG))), found.conventions


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.two_workers")
    parser.add_argument("--rounds", type=int, default=7, help="turns that one worker and two get (default 7)")
    parser.add_argument(
        "--shards", type=int, default=4, help=f"of {FILES_PER_SHARD} files of {DURATION_S} s (default 4)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, workers() as pool:
        plans, conventions = planned(write_corpus(Path(folder), options.shards * FILES_PER_SHARD))
        print(f"{len(plans)} shards of {FILES_PER_SHARD} files of {DURATION_S} s on {hardware()}")
        print(HEADING)
        print(line("prepare_shard", measure(partial(prepare_share, plans, conventions), pool, options.rounds)))
        print(line("the ceiling: soxr in the cache", measure(partial(compute_share, 3000), pool, options.rounds)))


if __name__ == "__main__":
    main()
