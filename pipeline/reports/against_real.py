"""Generated items against real ones, as the page shows them: the tables that `evaluate --generated` prints.

What a page lacks is a dash or no line: it may have been written by hand, or by another release.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pipeline.reports.subjects import EvaluationSubject

MOST_CLASSES = 24

COPY_LINES = {
    "mel_cepstral_distortion_db": ("mel-cepstral distortion", "dB"),
    "f0_rmse_hz": ("F0, RMSE", "Hz"),
    "f0_rmse_cents": ("F0, RMSE", "cents"),
    "voicing_error_share": ("voiced in one alone", "share"),
}


@dataclass(frozen=True)
class FigureTable:
    """A table of figures; the first cell of a row names it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class AgainstRealCard:
    """One comparison."""

    title: str
    subtitle: str
    tables: tuple[FigureTable, ...]
    notes: tuple[str, ...]


def against_real_cards(evaluations: Sequence[EvaluationSubject]) -> tuple[AgainstRealCard, ...]:
    """One for each evaluation that has such figures, in order."""
    found = [(subject, mapping(subject.page.get("against_real"))) for subject in evaluations]
    return tuple(card(subject, page) for subject, page in found if page)


def card(subject: EvaluationSubject, page: Mapping[str, Any]) -> AgainstRealCard:
    """The figures of one comparison."""
    made = str(page.get("generated", "")).rstrip("/").rpartition("/")[2]
    counts = f"{told(page.get('num_generated'))} generated, {told(page.get('num_real'))} real items"
    tables = [distance_table(page), likeness_table(page), class_table(page), copy_table(page)]
    notes = page.get("notes")
    return AgainstRealCard(
        title=f"{made} by {subject.name}",
        subtitle=f"split {subject.page['split']}, {counts}",
        tables=tuple(table for table in tables if table.rows),
        notes=tuple(map(str, notes)) if isinstance(notes, list) else (),
    )


def distance_table(page: Mapping[str, Any]) -> FigureTable:
    """What was counted on both sides."""
    rows = tuple(
        (name.replace("_", " "), *(told(entry.get(key)) for key in DISTANCE_KEYS), str(entry.get("unit", "")))
        for name, entry in entries(page.get("distances"))
    )
    return FigureTable(("", "generated", "real", "distance", "real halves", "unit"), rows)


DISTANCE_KEYS = ("generated", "real", "distance", "floor")


def likeness_table(page: Mapping[str, Any]) -> FigureTable:
    """Memory and variety."""
    rows = [*memory_rows(mapping(page.get("memorisation"))), *variety_rows(mapping(page.get("diversity")))]
    return FigureTable(("", "generated", "real", "unit"), tuple(rows))


def memory_rows(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """How near items come to training items."""
    if found:
        yield (
            "to the nearest training item",
            told(found.get("generated")),
            told(found.get("real")),
            str(found.get("unit", "")),
        )
        yield "nearer than a held-out item", told(found.get("nearer_share")), "0.5", "share"
        copied = (told(found.get(f"{side}_copied_share")) for side in ("generated", "real"))
        yield "copies of a training item", *copied, "share"


def variety_rows(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """How different items are."""
    if found:
        yield "between any two", told(found.get("generated")), told(found.get("real")), str(found.get("unit", ""))
        distinct = (told(found.get(f"{side}_distinct_share")) for side in ("generated", "real"))
        yield "with levels of their own", *distinct, "share"


def class_table(page: Mapping[str, Any]) -> FigureTable:
    """What a classifier tells right."""
    rows = []
    for attribute, found in entries(page.get("classification")):
        named = [(attribute, mapping(found.get("whole")))]
        named += [(f"{attribute} {name}", entry) for name, entry in entries(found.get("by_class"))]
        rows += [(name, share(entry.get("generated")), share(entry.get("real"))) for name, entry in named]
    return FigureTable(("told right by a classifier", "generated", "real"), tuple(islice(rows, MOST_CLASSES)))


def copy_table(page: Mapping[str, Any]) -> FigureTable:
    """Copy synthesis."""
    found = mapping(page.get("copy_synthesis"))
    copy, backwards = mapping(found.get("copy")), mapping(found.get("backwards"))
    rows = [
        (name, told(copy.get(key)), told(backwards.get(key)), unit) for key, (name, unit) in COPY_LINES.items() if found
    ]
    return FigureTable(
        (f"copy synthesis, {told(found.get('num_pairs'))} pairs", "generated", "real backwards", "unit"), tuple(rows)
    )


def mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def entries(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Names and what is told of each."""
    for name, entry in mapping(value).items():
        if isinstance(entry, Mapping):
            yield str(name), entry


def told(value: Any) -> str:
    """Four digits that count; a dash for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def share(value: Any) -> str:
    """Per cent."""
    return "–" if isinstance(value, bool) or not isinstance(value, int | float) else f"{100 * value:.1f} %"
