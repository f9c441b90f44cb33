"""The page: sections from subjects, one HTML file that stands alone.

Everything that comes from data is escaped by the template; the one exception are the SVG figures, which hold nothing of
the data but numbers. No time and no path of the machine is written: equal subjects give equal bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from pipeline.errors import ConfigError
from pipeline.reports.audio_players import PlayerPair, player_pairs
from pipeline.reports.config import ReportConfig
from pipeline.reports.curves import curves_svg
from pipeline.reports.image_sheet import SheetRow, sheet_rows
from pipeline.reports.subjects import DatasetSubject, ModelSubject, Subjects
from pipeline.reports.tables import amount, likelihoods, model_facts, timing_bars, totals

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
    if not (subjects.datasets or subjects.models or subjects.evaluations or subjects.timings):
        raise ConfigError("nothing to report on: expected at least one dataset, model, evaluation or timings page.")
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
        "is_of_models": bool(subjects.models or subjects.evaluations or any(s.is_generated for s in subjects.datasets)),
        "headline": headline(subjects),
        "audio": [audio_section(group, pairs_each) for group in audio],
        "images": [image_section(group, config.pictures_per_class) for group in images],
        "models": list(model_sections(subjects.models)),
        "likelihoods": likelihoods(subjects.evaluations),
        "timings": timing_bars(subjects.timings),
        "total_time": timing_bars({"all": sum(subjects.timings.values())})[0].value if subjects.timings else "",
        "datasets": [totals(subject) for subject in subjects.datasets],
    }


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
        unit = "timestep" if model.info.conventions.kind == "audio" else "dimension"
        curves = curves_svg(model.metrics, f"bits per {unit}", f"curves{number}") if model.metrics else ""
        yield {
            "name": model.name,
            "facts": model_facts(model),
            "curves": Markup(curves),  # noqa: S704  # made here from numbers alone
            "alt": f"Training and held-out bits per {unit} over steps",
        }


@cache
def template() -> jinja2.Template:
    """The template beside this file; whatever it is given is escaped."""
    loader = jinja2.PackageLoader("pipeline.reports", package_path="")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html")
