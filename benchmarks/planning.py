"""Planning from ten thousand to ten million items: CPU time, items a second, and the driver's peak memory.

    python -m benchmarks.planning                                  10^4, 10^5 and 10^6 items
    python -m benchmarks.planning --largest 10000000               and 10^7: minutes, and 1.3 GB in the temporary folder
    python -m benchmarks.planning --plot docs/images/planning.svg  draws both against the number of items

A manifest of JSON lines is written, then surveyed and planned in a process of its own for each size, whose peak
resident memory (VmHWM) is read at its end. What is held: time grows linearly (exponent about 1), memory stays below
1 GB.
No audio is needed, because planning looks at none.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.harness import hardware
from pipeline.preparation.config import PrepareConfig
from pipeline.preparation.plan import shard_plans, survey
from pipeline.storage import locate

TARGET_BYTES = 10**9


@dataclass(frozen=True)
class Planned:
    """What planning one corpus took."""

    num_items: int
    num_shards: int
    survey_s: float
    plans_s: float
    peak_bytes: int

    @property
    def total_s(self) -> float:
        """CPU time from the folder to the last plan."""
        return self.survey_s + self.plans_s


def write_manifest(folder: Path, num_items: int) -> Path:
    """manifest.jsonl of so many utterances, a line at a time; about 125 bytes each."""
    audio = '{{"audio_filepath": "wavs/{0:03}/{1:08}.wav", "duration": {2}.5, '
    line = audio + '"speaker": "s{0:03}", "text": "sentence {1}"}}\n'
    with (folder / "manifest.jsonl").open("w") as file:
        for number in range(num_items):
            file.write(line.format(number % 1000, number, number % 17))
    return folder


def plan(folder: Path) -> Planned:
    """Survey and plan, in this process."""
    config, started = PrepareConfig(), time.process_time()
    found = survey(locate(str(folder)), config)
    surveyed = time.process_time()
    num_items = num_shards = 0
    for one in shard_plans(found, config):
        num_shards += 1
        num_items += len(one.entries)
    assert num_items == found.num_items
    return Planned(num_items, num_shards, surveyed - started, time.process_time() - surveyed, peak_bytes())


def peak_bytes() -> int:
    """The most memory that this process ever had resident."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("peak memory is read from /proc, which is not here")


def plan_apart(folder: Path) -> Planned:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.planning", "--one", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    return Planned(**json.loads(done.stdout))


def growth(planned: Sequence[Planned]) -> Iterator[str]:
    """One line a size, in CPU time; the exponent is that of time between this size and the one before."""
    yield f"{'items':>12}{'shards':>10}{'survey s':>10}{'plans s':>10}{'items/s':>12}{'peak MB':>10}{'exponent':>10}"
    before: Planned | None = None
    for one in planned:
        exponent = f"{exponent_of(before, one):.2f}" if before else ""
        yield (
            f"{one.num_items:>12,}{one.num_shards:>10,}{one.survey_s:>10.2f}{one.plans_s:>10.2f}"
            f"{one.num_items / one.total_s:>12,.0f}{one.peak_bytes / 1e6:>10,.0f}{exponent:>10}"
        )
        before = one


def exponent_of(less: Planned, more: Planned) -> float:
    """How time grows with the number of items: 1 is linear."""
    return math.log(more.total_s / less.total_s) / math.log(more.num_items / less.num_items)


def plot(planned: Sequence[Planned], path: Path) -> None:
    """Time and memory against the number of items, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    time_axes, memory_axes = figure.subplots(1, 2)
    numbers = [one.num_items for one in planned]
    time_axes.loglog(numbers, [one.total_s for one in planned], "o-", label="measured")
    last = planned[-1]
    linear = [last.total_s * number / last.num_items for number in numbers]
    time_axes.loglog(numbers, linear, "--", color="gray", label="linear")
    time_axes.set(xlabel="items", ylabel="CPU seconds", title="Time to survey and plan")
    memory_axes.loglog(numbers, [one.peak_bytes / 1e6 for one in planned], "o-", label="measured")
    memory_axes.axhline(TARGET_BYTES / 1e6, linestyle="--", color="gray", label="1 GB")
    memory_axes.set(xlabel="items", ylabel="MB", title="The driver's peak memory", ylim=(10, 2000))
    for axes in (time_axes, memory_axes):
        axes.legend(frameon=False)
        axes.grid(visible=True, which="major", alpha=0.3)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def measure(sizes: Sequence[int]) -> Iterator[Planned]:
    """Each size in turn, its manifest gone before the next is written."""
    for num_items in sizes:
        with tempfile.TemporaryDirectory() as folder:
            yield plan_apart(write_manifest(Path(folder), num_items))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planning")
    parser.add_argument("--largest", type=int, default=10**6, help="the largest number of items (default 10^6)")
    parser.add_argument("--plot", type=Path, help="draw it into this .svg or .png")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(asdict(plan(options.one))))
        return
    sizes = [10**power for power in range(4, 8) if 10**power < options.largest] + [options.largest]
    planned = list(measure(sizes))
    print(f"{hardware()}\n" + "\n".join(growth(planned)))
    if options.plot:
        plot(planned, options.plot)


if __name__ == "__main__":
    main()
