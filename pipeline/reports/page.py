"""The page: sections from subjects, one HTML file that stands alone.

Everything that comes from data is escaped by the template; the one exception are the SVG figures, which hold nothing of
the data but numbers. No time and no path of the machine is written: equal subjects give equal bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from models import MODELS
from pipeline.errors import ConfigError
from pipeline.reports.against_real import against_real_cards
from pipeline.reports.audio_players import PlayerPair, player_pairs
from pipeline.reports.config import ReportConfig
from pipeline.reports.curves import Metrics, comparison_svg, curves_svg, details_svg
from pipeline.reports.image_sheet import SheetRow, sheet_rows
from pipeline.reports.subjects import DatasetSubject, ModelSubject, RunSubject, Subjects
from pipeline.reports.tables import amount, likelihoods, model_facts, run_facts, timing_bars, totals

FEWEST_PAIRS = 2
"""However large the page grows, or however many datasets share it: one alone says little."""


@dataclass(frozen=True)
class Group:
    """A corpus and what a model made after it; either may be missing."""

    corpus: DatasetSubject | None
    generated: DatasetSubject | None

    @property
    def name(self) -> str:
        """What stands above it."""
        return " and ".join(subject.name for subject in (self.corpus, self.generated) if subject)


@dataclass(frozen=True)
class AudioSection:
    """Pairs of players."""

    name: str
    has_both: bool
    pairs: tuple[PlayerPair, ...]


@dataclass(frozen=True)
class ImageSection:
    """A sheet of pictures."""

    name: str
    has_corpus: bool
    has_generated: bool
    rows: tuple[SheetRow, ...]


def render_page(subjects: Subjects, config: ReportConfig | None = None) -> str:
    """The whole report as HTML; fewer items are shown where the page would grow past `most_bytes`."""
    config = config or ReportConfig()
    parts = subjects.datasets, subjects.models, subjects.runs, subjects.evaluations, subjects.timings
    if not any(parts):
        raise ConfigError("nothing to report on: expected a dataset, model, training, evaluation or timings page.")
    num_pairs = config.most_pairs
    while True:
        page = template().render(sections(subjects, config, num_pairs))
        if len(page.encode()) <= config.most_bytes or num_pairs <= FEWEST_PAIRS:
            return page
        num_pairs //= 2


def sections(subjects: Subjects, config: ReportConfig, num_pairs: int) -> dict[str, Any]:
    """What the template is given."""
    audio, images = (groups(subjects, kind)[: config.most_groups] for kind in ("audio", "image"))
    pairs_each = max(min(FEWEST_PAIRS, num_pairs), num_pairs // max(1, len(audio)))
    return {
        "title": config.title,
        "is_of_models": is_of_models(subjects),
        "headline": headline(subjects),
        "audio": [audio_section(group, pairs_each) for group in audio],
        "images": [image_section(group, config.pictures_per_class) for group in images],
        "models": [*model_sections(subjects.models), *run_sections(subjects.runs)],
        "comparisons": list(comparisons(subjects)),
        "likelihoods": likelihoods(subjects.evaluations),
        "against_real": against_real_cards(subjects.evaluations),
        "timings": timing_bars(subjects.timings),
        "total_time": timing_bars({"all": sum(subjects.timings.values())})[0].value if subjects.timings else "",
        "datasets": [totals(subject) for subject in subjects.datasets],
    }


def is_of_models(subjects: Subjects) -> bool:
    """Whether anything on the page was trained or drawn."""
    trained = subjects.models or subjects.runs or subjects.evaluations
    return bool(trained) or any(subject.is_generated for subject in subjects.datasets)


def headline(subjects: Subjects) -> list[tuple[str, str]]:
    """The few figures that stand first: (figure, what it is)."""
    found = [(entry.bits, f"{entry.unit}, {entry.title}") for entry in likelihoods(subjects.evaluations)]
    for subject in subjects.datasets:
        what = "generated" if subject.is_generated else "prepared"
        unit = "utterances" if subject.dataset.info.conventions.kind == "audio" else "pictures"
        found.append((f"{subject.dataset.info.num_rows:,}", f"{unit} {what}, {amount(subject.dataset)}"))
    return found[:6]


def groups(subjects: Subjects, kind: str) -> list[Group]:
    """Each generated dataset with the corpus that its model was trained on, then the corpora left over."""
    of_kind = [subject for subject in subjects.datasets if subject.dataset.info.conventions.kind == kind]
    corpora = [subject for subject in of_kind if not subject.is_generated]
    made = [Group(corpus_of(subject, corpora, subjects.models), subject) for subject in of_kind if subject.is_generated]
    taken = [group.corpus for group in made]
    return made + [Group(subject, None) for subject in corpora if subject not in taken]


def corpus_of(
    generated: DatasetSubject, corpora: Sequence[DatasetSubject], models: Sequence[ModelSubject]
) -> DatasetSubject | None:
    """The dataset that the model's lineage names, else the first of the same conventions."""
    model_digest = generated.dataset.info.lineage.get("model")
    names = [model.info.lineage.get("dataset_digest") for model in models if model.info.digest == model_digest]
    for subject in corpora:
        if subject.dataset.info.digest in names:
            return subject
    same = generated.dataset.info.conventions
    return next((subject for subject in corpora if subject.dataset.info.conventions == same), None)


def audio_section(group: Group, num_pairs: int) -> AudioSection:
    """Players of a group."""
    has_both = bool(group.corpus and group.generated)
    return AudioSection(group.name, has_both, player_pairs(group.corpus, group.generated, num_pairs))


def image_section(group: Group, pictures_per_class: int) -> ImageSection:
    """The sheet of a group."""
    rows = sheet_rows(group.corpus, group.generated, pictures_per_class)
    return ImageSection(group.name, bool(group.corpus), bool(group.generated), rows)


def model_sections(models: Sequence[ModelSubject]) -> Iterator[dict[str, Any]]:
    """Curves and facts of each model."""
    for number, model in enumerate(models):
        unit = UNIT[model.info.conventions.kind]
        yield section(model.name, model_facts(model), model.metrics, unit, f"curves{number}")


def run_sections(runs: Sequence[RunSubject]) -> Iterator[dict[str, Any]]:
    """The same of trainings that go on."""
    for number, run in enumerate(runs):
        yield section(run.name, run_facts(run), run.metrics, unit_of(run), f"run{number}")


UNIT = {"audio": "timestep", "image": "dimension"}


def unit_of(run: RunSubject) -> str:
    """What its bits are per."""
    return UNIT[MODELS[run.settings["model"]["name"]].kind]


def section(
    name: str, facts: Sequence[tuple[str, str]], metrics: Sequence[Mapping[str, Any]], unit: str, figure: str
) -> dict[str, Any]:
    """One training on the page."""
    curves = curves_svg(metrics, f"bits per {unit}", figure) if metrics else ""
    return {
        "name": name,
        "facts": facts,
        "curves": Markup(curves),  # noqa: S704  # made here from numbers alone
        "details": Markup(details_svg(metrics, f"{figure}d") if metrics else ""),  # noqa: S704
        "alt": f"Training and held-out bits per {unit} over steps",
    }


def comparisons(subjects: Subjects) -> Iterator[dict[str, Any]]:
    """Held-out bits of all trainings in one unit, where there are several."""
    for unit in sorted(set(UNIT.values())):
        found = [(m.name, m.metrics) for m in subjects.models if UNIT[m.info.conventions.kind] == unit]
        found += [(run.name, run.metrics) for run in subjects.runs if unit_of(run) == unit]
        runs = told_apart(found)
        if len(runs) > 1:
            svg = comparison_svg(runs, f"held-out bits per {unit}", f"all-{unit}")
            yield {"curves": Markup(svg), "alt": f"Held-out bits per {unit} of every training"}  # noqa: S704


def told_apart(found: Sequence[tuple[str, Metrics]]) -> dict[str, Metrics]:
    """By name; where one comes again, with its number."""
    runs: dict[str, Metrics] = {}
    for name, metrics in found:
        again = sum(known == name or known.startswith(f"{name} (") for known in runs)
        runs[f"{name} ({again + 1})" if again else name] = metrics
    return runs


@cache
def template() -> jinja2.Template:
    """The template beside this file; whatever it is given is escaped."""
    loader = jinja2.PackageLoader("pipeline.reports", package_path="")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html")
