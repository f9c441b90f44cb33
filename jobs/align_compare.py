"""Onsets of an aligner that is trained on a corpus's texts alone, against the corpus's own labels."""

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.align import on_ray, shown
from jobs.cluster import LOCAL, Cluster
from jobs.progress import progress, say
from pipeline.corpora.detect import find_layout
from pipeline.errors import ConfigError, CorpusError, ItemError
from pipeline.items import AudioItem, Item
from pipeline.preparation.aligner import read_labelled, read_spoken
from pipeline.preparation.config import AudioConfig, SpeechConfig
from pipeline.speech.alignment.acoustic_model import AcousticModel
from pipeline.speech.alignment.align import align
from pipeline.speech.alignment.compare import LIMITS_MS, NO_ONSETS, Figures, Onsets, figures, phone_onsets, word_onsets
from pipeline.speech.alignment.gate import suspicion
from pipeline.speech.alignment.passes import num_runs, train_on
from pipeline.storage import Location, locate

ITEMS_PER_TASK = 32


@dataclass(frozen=True)
class CompareConfig:
    """What `ancestral align compare` can be told."""

    layout: str = "auto"
    most_items: int = 20_000
    """The first ones of the corpus: a whole one takes hours, and says nothing that these do not."""
    scratch: str = ""
    """A folder for features that all workers reach, needed with --address; empty: a temporary one of this machine."""
    audio: AudioConfig = field(default_factory=AudioConfig)
    speech: SpeechConfig = field(default_factory=SpeechConfig)


@dataclass(frozen=True)
class Tally:
    """What came of some items: onsets of phones and words, items aligned, suspect ones, and why others were not.

    `speech_s` of recordings were aligned in `core_s` of a processor core's time.
    """

    phones: Onsets = NO_ONSETS
    words: Onsets = NO_ONSETS
    num_aligned: int = 0
    suspects: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    speech_s: float = 0.0
    core_s: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.phones + other.phones,
            self.words + other.words,
            self.num_aligned + other.num_aligned,
            self.suspects + other.suspects,
            self.failures + other.failures,
            self.speech_s + other.speech_s,
            self.core_s + other.core_s,
        )


def compare(corpora: Sequence[Location], config: CompareConfig, cluster: Cluster, console: Console) -> list[Tally]:
    """Train on each corpus by itself, align it, and print how far its labels' onsets lie from those found."""
    tallies = [compare_corpus(corpus, config, cluster, console) for corpus in corpora]
    names = [corpus.name for corpus in corpora]
    for name, tally in zip(names, tallies, strict=True):
        say(console, remarks(name, tally))
    if len(tallies) > 1:
        names, tallies = [*names, "all"], [*tallies, sum(tallies, Tally())]
    console.print(table_of(names, tallies))
    return tallies


def compare_corpus(corpus: Location, config: CompareConfig, cluster: Cluster, console: Console) -> Tally:
    """Of one corpus. Its labels are read after training, and for the comparison alone."""
    layout = find_layout(corpus, config.layout)
    if layout.kind != "audio":
        raise CorpusError(f"{corpus}: laid out as {layout.name}, a corpus of pictures; expected one of speech.")

    def items() -> Iterator[Item]:
        return islice(layout.items(corpus), config.most_items)

    read = partial(read_spoken, audio=config.audio, speech=config.speech)
    with progress(console, f"align {corpus.name}", num_runs(config.speech.aligner) + 1) as view:
        over = shown(on_ray(cluster), view)
        with scratch_folder(config, cluster) as scratch:
            model = train_on(items, scratch, read, config.speech.aligner, over)
        found = over(partial(compare_items, model, config), enumerate(batches(items())))
        return sum((tally for _, tally in sorted(found, key=lambda one: one[0])), Tally())


@contextmanager
def scratch_folder(config: CompareConfig, cluster: Cluster) -> Iterator[Location]:
    """Where features lie while the aligner is trained."""
    if config.scratch:
        yield locate(config.scratch) / "aligner-features"
        return
    if cluster.address != LOCAL:
        raise ConfigError(
            f"the Ray at {cluster.address} may run on other machines than this one: name a folder that all of them "
            "reach with --set scratch=FOLDER, such as s3://bucket/scratch."
        )
    with tempfile.TemporaryDirectory(prefix="ancestral-align-") as folder:
        yield locate(folder) / "features"


def batches(items: Iterable[Item]) -> Iterator[list[AudioItem]]:
    """Items by the task."""
    stream = (item for item in items if isinstance(item, AudioItem))
    while batch := list(islice(stream, ITEMS_PER_TASK)):
        yield batch


def compare_items(
    model: AcousticModel, config: CompareConfig, numbered: tuple[int, list[AudioItem]]
) -> tuple[int, Tally]:
    """What a worker does."""
    number, items = numbered
    return number, sum((compare_item(model, config, item) for item in items), Tally())


def compare_item(model: AcousticModel, config: CompareConfig, item: AudioItem) -> Tally:
    """One item aligned and held against its labels; an item without labels adds nothing but itself."""
    try:
        spoken, said = read_labelled(item, config.audio, config.speech)
        started_s = time.process_time()
        alignment = align(model, spoken.waveform, spoken.sample_rate_hz, spoken.utterance)
    except ItemError as error:
        return Tally(failures=(f"{item.item_id}: {error.stage}: {error.reason}",))
    core_s = time.process_time() - started_s
    duration_s = len(spoken.waveform) / spoken.sample_rate_hz
    reason = suspicion(alignment, spoken.utterance, model, duration_s, config.speech.aligner.gate)
    return Tally(
        phone_onsets(said.phones, spoken.utterance, alignment),
        word_onsets(said.words, spoken.utterance, alignment),
        1,
        suspects=(f"{item.item_id}: {reason}",) if reason else (),
        speech_s=duration_s,
        core_s=core_s,
    )


def table_of(names: Sequence[str], tallies: Sequence[Tally]) -> Table:
    """Two lines a corpus, narrow enough for a terminal of 80 columns."""
    table = Table(
        title="onsets against labels: how many lie within so many ms, and errors in ms",
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("corpus", overflow="fold")
    table.add_column("of")
    for title in ("matched", "not", *(f"<{limit}" for limit in LIMITS_MS), "mean", "median", "bias"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, tally in zip(names, tallies, strict=True):
        table.add_row(Text(name), "phones", *cells(figures(tally.phones)))
        table.add_row("", "words", *cells(figures(tally.words)))
    return table


def cells(found: Figures) -> list[str]:
    """Figures as they are printed; a dash where nothing matches."""
    if not found.num_matched:
        return ["0", f"{found.unmatched_share:.0%}", *["-"] * (len(LIMITS_MS) + 3)]
    shares = [f"{found.shares_within[limit]:.1%}" for limit in LIMITS_MS]
    times = [f"{found.mean_ms:.1f}", f"{found.median_ms:.1f}", f"{found.bias_ms:+.1f}"]
    return [str(found.num_matched), f"{found.unmatched_share:.1%}", *shares, *times]


def remarks(name: str, tally: Tally) -> str:
    """What the table leaves out: items that failed, and alignments that the gate marks."""
    counts = f"{tally.num_aligned} items aligned, {len(tally.failures)} not, {len(tally.suspects)} suspect"
    speed = f"{tally.speech_s / 60:.1f} minutes at {tally.speech_s / max(tally.core_s, 1e-9):.0f} x real time on a core"
    lines = [f"{name}: {counts}; {speed}"]
    if tally.num_aligned and not tally.phones.num_labelled + tally.words.num_labelled:
        lines.append("  nothing to compare with: the corpus has no times of phones or words")
    for what, entries in (("not aligned", tally.failures), ("suspect", tally.suspects)):
        lines += [f"  {what}: {entry}" for entry in entries[:5]]
    return "\n".join(lines)
