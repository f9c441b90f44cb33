"""Bulk generation as promised: within the time that the plan says, and the same bytes whatever is killed.

    python -m benchmarks.quality.bulk MODEL REQUESTS FOLDER [--kills 8] [--record]

Plans, generates undisturbed, generates again while actors and the command itself are killed at random, compares the two
byte by byte, and reads the dataset back: by DuckDB, Hugging Face's `datasets`, `webdataset`, and our own `prepare`.
Ends with 1 where the bytes differ, or a reader does not find every item.
"""

import argparse
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import record

SECONDS_TO_BEGIN = 12.0
"""Ray and the actors start meanwhile: nothing is drawn yet."""


@dataclass(frozen=True)
class Figure:
    """What was promised and what came; `read_back` counts the items that each reader found."""

    model: str
    num_items: int
    planned_s: float
    took_s: float
    took_to_planned: float
    actors_killed: int
    commands_killed: int
    is_byte_identical: bool
    read_back: dict[str, int]

    @property
    def holds(self) -> bool:
        """Whether nothing was lost and nothing changed."""
        return self.is_byte_identical and set(self.read_back.values()) == {self.num_items}


def command(*words: str) -> list[str]:
    """A verb as it is typed."""
    return [sys.executable, "-m", "jobs.cli", *words]


def planned_s(model: Path, requests: Path, out: Path, sets: list[str]) -> float:
    """What the plan says that it would take."""
    said = subprocess.run(
        command("plan", "generate", str(model), str(out), "--requests", str(requests), *sets),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    print(said)
    found = re.search(r"\(([\d,]+) s\)", said)
    assert found, said
    return float(found[1].replace(",", ""))


def generated_s(words: list[str]) -> float:
    """How long the command takes undisturbed."""
    begun = time.monotonic()
    subprocess.run(words, check=True)
    return time.monotonic() - begun


def generated_under_fire(words: list[str], num_kills: int, pause_s: float, chance: random.Random) -> tuple[int, int]:
    """Run the command until it ends well while processes are killed; how many actors and commands were."""
    actors = commands = 0
    while True:
        with subprocess.Popen(words, start_new_session=True) as driver:
            time.sleep(SECONDS_TO_BEGIN)
            while driver.poll() is None and actors + commands < num_kills:
                time.sleep(chance.uniform(0.3, 1.0) * pause_s)
                if chance.random() < 0.25:
                    driver.kill()
                    commands += 1
                    break
                actors += kill_an_actor(driver.pid, chance)
        if driver.returncode == 0:
            return actors, commands
        if driver.returncode != -signal.SIGKILL:
            raise SystemExit(f"the command failed with {driver.returncode}")


def kill_an_actor(driver: int, chance: random.Random) -> int:
    """SIGKILL of one of a command's actors; how many were killed."""
    found = [pid for pid in processes_below(driver) if name_of(pid).startswith("ray::Sampler")]
    if found:
        os.kill(chance.choice(found), signal.SIGKILL)
    return len(found[:1])


def processes_below(pid: int) -> Iterator[int]:
    """All that a process has started, and what these have."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            yield child
            yield from processes_below(child)


def name_of(pid: int) -> str:
    """What a process calls itself."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]
    except OSError:
        return ""


def contents(folder: Path) -> dict[str, str]:
    """The checksums of all that has to be equal: shards, failures and `dataset.json`."""
    files = [*folder.glob("shards/*"), folder / "dataset.json", folder / "failures.parquet"]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}


def read_back(dataset: Path, folder: Path) -> dict[str, int]:
    """How many items each reader finds."""
    import duckdb
    from datasets import load_dataset

    is_audio = json.loads((dataset / "dataset.json").read_text())["conventions"]["kind"] == "audio"
    plain = "ljspeech" if is_audio else "imagefolder"
    for layout in (plain, "webdataset", "huggingface"):
        subprocess.run(command("export", str(dataset), str(folder / layout), "--set", f"layout={layout}"), check=True)
    subprocess.run(
        command("prepare", str(folder / plain), str(folder / "again"), *(SPEECH_OFF if is_audio else ())), check=True
    )
    shards = f"{dataset}/shards/*.parquet"
    counted = duckdb.connect().execute("select count(distinct item_id) from read_parquet(?)", [shards]).fetchone()
    hub = load_dataset(str(folder / "huggingface"))
    again = json.loads((folder / "again/dataset.json").read_text())["tally"]["num_rows"]
    return {
        "duckdb": counted[0] if counted else 0,
        "datasets": sum(len(split) for split in hub.values()),
        "webdataset": items_in_tars(folder / "webdataset"),
        "prepare": sum(again.values()),
    }


SPEECH_OFF = ("--set", "speech.phones=off", "--set", "speech.f0=off")


def items_in_tars(folder: Path) -> int:
    """Items as `webdataset` groups them; every tar is whole."""
    import webdataset.compat as webdataset

    tars = sorted(str(path) for path in folder.rglob("*.tar"))
    for tar in tars:
        with tarfile.open(tar) as file:
            file.getmembers()
    return len(list(webdataset.WebDataset(tars, shardshuffle=False)))


def measured(given: argparse.Namespace) -> Figure:
    """All of it, told as it goes on."""
    sets = [word for one in given.sets for word in ("--set", one)]
    calm, killed = given.folder / "calm", given.folder / "killed"
    asked = command("generate", str(given.model), "--requests", str(given.requests), *sets)
    planned = planned_s(given.model, given.requests, calm, sets)
    took = generated_s([*asked, str(calm)])
    print(f"planned {planned:.0f} s, took {took:.0f} s: {took / planned:.2f} of it", flush=True)
    pause_s = max(0.5, (took - SECONDS_TO_BEGIN) / max(given.kills, 1))
    dead = generated_under_fire([*asked, str(killed)], given.kills, pause_s, random.Random(given.seed))
    same = contents(calm) == contents(killed)
    print("{} actors and {} commands killed; byte-identical: {}".format(*dead, same), flush=True)
    found = read_back(killed, given.folder / "exports")
    print(f"read back: {found}")
    name = json.loads((given.model / "model.json").read_text())["name"]
    num_items = sum(json.loads((calm / "dataset.json").read_text())["tally"]["num_rows"].values())
    return Figure(name, num_items, round(planned, 1), round(took, 1), round(took / planned, 3), *dead, same, found)


def main() -> None:
    """Measure, kill, compare, read back."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("requests", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], dest="sets")
    parser.add_argument("--record", action="store_true", help="write the figures below benchmarks/results/")
    given = parser.parse_args()
    figure = measured(given)
    if given.record:
        typed = f"python -m benchmarks.quality.bulk MODEL REQUESTS FOLDER --kills {given.kills} --record"
        print(f"recorded in {record(f'quality.bulk.{figure.model}', [figure], command=typed)}")
    if not figure.holds:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
