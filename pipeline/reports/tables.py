"""Figures as the page shows them: likelihood, timings, what each dataset holds and what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow.parquet as pq

from pipeline.errors import DatasetError
from pipeline.reports.departures import departures
from pipeline.reports.rows import look
from pipeline.reports.subjects import UNITS, DatasetSubject, EvaluationSubject, ModelSubject, RunSubject
from pipeline.shards.dataset import FAILURES_FILE, Dataset
from pipeline.shards.schema import AudioConventions, ImageConventions

MOST_FAILURES = 8
MOST_ATTRIBUTE_VALUES = 12


@dataclass(frozen=True)
class Bar:
    """A figure with a bar beside it: `percent` of the longest."""

    name: str
    value: str
    percent: float


@dataclass(frozen=True)
class Likelihood:
    """One evaluation. `bars` are the model, the marginal histogram (where it is known) and the uniform choice."""

    title: str
    subtitle: str
    unit: str
    bits: str
    bars: tuple[Bar, ...]
    by_attribute: Mapping[str, tuple[Bar, ...]]


@dataclass(frozen=True)
class DatasetTotals:
    """What a dataset holds."""

    name: str
    kind: str
    made_by: str
    rows: str
    amount: str
    splits: str
    digest: str
    num_failures: int
    failures: tuple[Mapping[str, str], ...]


def likelihoods(evaluations: Sequence[EvaluationSubject]) -> tuple[Likelihood, ...]:
    """One entry an evaluation, in order."""
    return tuple(likelihood(subject) for subject in evaluations)


def likelihood(subject: EvaluationSubject) -> Likelihood:
    """Bits of the model against the two baselines."""
    page = subject.page
    named = [("model", page["bits"]), ("marginal histogram", page["marginal_bits"]), ("uniform", page["uniform_bits"])]
    levels = f", {page['num_levels_scored']:,} levels" if isinstance(page.get("num_levels_scored"), int) else ""
    return Likelihood(
        title=subject.name,
        subtitle=f"split {page['split']}, {page['num_items']:,} items{levels}",
        unit=UNITS.get(page["unit"], page["unit"]),
        bits=f"{page['bits']:.3f}",
        bars=bars([(name, value, f"{value:.3f}") for name, value in named if value is not None]),
        by_attribute=attribute_bars(page.get("per_attribute")),
    )


def attribute_bars(per_attribute: Any) -> dict[str, tuple[Bar, ...]]:
    """Bits by speaker, emotion, label, the first values of each; nothing where the page has none."""
    found: dict[str, tuple[Bar, ...]] = {}
    for column, values in per_attribute.items() if isinstance(per_attribute, Mapping) else ():
        named = [
            (str(value), float(figure["bits"]), f"{figure['bits']:.3f}")
            for value, figure in islice(values.items(), MOST_ATTRIBUTE_VALUES)
            if isinstance(figure, Mapping) and isinstance(figure.get("bits"), int | float)
        ]
        if named:
            found[str(column)] = bars(named)
    return found


def bars(named: Sequence[tuple[str, float, str]]) -> tuple[Bar, ...]:
    """(name, figure, text) as bars, the longest of 100 per cent."""
    longest = max((figure for _, figure, _ in named), default=0) or 1
    return tuple(Bar(name, text, round(100 * max(figure, 0) / longest, 2)) for name, figure, text in named)


def timing_bars(seconds: Mapping[str, float]) -> tuple[Bar, ...]:
    """Stages in order."""
    return bars([(stage, value, duration(value)) for stage, value in seconds.items()])


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"


def totals(subject: DatasetSubject) -> DatasetTotals:
    """What a dataset holds, and its first failures."""
    info = subject.dataset.info
    return DatasetTotals(
        name=subject.name,
        kind=info.conventions.kind,
        made_by=made_by(subject),
        rows=f"{info.num_rows:,}",
        amount=amount(subject.dataset),
        splits=", ".join(f"{count:,} {split}" for split, count in sorted(info.tally.num_rows.items())),
        digest=info.digest[:12],
        num_failures=info.num_failures,
        failures=failures(subject.dataset) if info.num_failures else (),
    )


def made_by(subject: DatasetSubject) -> str:
    """What made it; where a model did, how its draws departed from it."""
    if not subject.is_generated:
        return "prepared"
    return ", ".join(["generated", *filter(None, [departures(look(subject.dataset))])])


def amount(dataset: Dataset) -> str:
    """How much it is, in the unit of its kind."""
    conventions = dataset.info.conventions
    if isinstance(conventions, AudioConventions):
        levels = f"{conventions.num_levels} levels, {conventions.companding}"
        length = duration(dataset.info.num_levels / conventions.sample_rate_hz)
        return f"{length} at {conventions.sample_rate_hz / 1000:g} kHz, {levels}"
    assert isinstance(conventions, ImageConventions)
    size = f"{conventions.width} × {conventions.height}"
    return f"{size} × {conventions.channels}, {conventions.num_levels} levels"


def failures(dataset: Dataset) -> tuple[Mapping[str, str], ...]:
    """The first failures; only the first rows are kept however many there are."""
    place = dataset.folder / FAILURES_FILE
    try:
        with place.open() as file, pq.ParquetFile(file) as parquet:
            batch = next(parquet.iter_batches(batch_size=MOST_FAILURES), None)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{place}: damaged ({error}); run the command that made the dataset again.") from error
    return tuple(batch.to_pylist()) if batch is not None else ()


def run_facts(subject: RunSubject) -> tuple[tuple[str, str], ...]:
    """Where a training stands that is still to be gone on with, and how it is set."""
    model, training = dict(subject.settings["model"]), dict(subject.settings["training"])
    last: Mapping[str, Any] = subject.metrics[-1] if subject.metrics else {}
    stands = f"{last.get('step', 0):,} of {training['num_steps']:,} steps"
    facts = [("model", str(model.pop("name"))), ("not finished", stands)]
    diverged = subject.diverged.get("step", -1)
    if isinstance(diverged, int) and diverged >= last.get("step", 0):  # it has not gone past it since
        facts.append(("diverged", f"at step {diverged:,}; the items that were scored are in run/diverged.json"))
    if isinstance(last.get("seconds"), int | float):
        facts.append(("training time", duration(last["seconds"])))
    settings = {f"model.{key}": value for key, value in model.items()} | {
        f"training.{key}": value for key, value in training.items()
    }
    return (*facts, *((key, str(value)) for key, value in settings.items() if not isinstance(value, Mapping)))


def model_facts(subject: ModelSubject) -> tuple[tuple[str, str], ...]:
    """What a model is, as names and values."""
    info, figures = subject.info, subject.info.figures
    conditions = list(info.conditioning.columns)
    facts = [("model", info.name), ("conditioned on", ", ".join(conditions) or "nothing")]
    if isinstance(figures.get("num_parameters"), int):
        facts.append(("parameters", f"{figures['num_parameters']:,}"))
    last: Mapping[str, Any] = subject.metrics[-1] if subject.metrics else {}
    if "step" in last:
        facts.append(("steps", f"{last['step']:,}"))
    if isinstance(last.get("seconds"), int | float):
        facts.append(("training time", duration(last["seconds"])))
    facts.append(("digest", info.digest[:12]))
    return tuple(facts)
