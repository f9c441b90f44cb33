"""The figures of an evaluation for a person at a terminal; the page has all of them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from rich.table import Table
from rich.text import Text

from pipeline.evaluation.against_real.result import (
    AgainstReal,
    Classification,
    CopySynthesis,
    Distance,
    Diversity,
    Memorisation,
)
from pipeline.evaluation.evaluation import Evaluation, Figure

MOST_LINES = 12
"""Values of an attribute that are printed."""


def tables(evaluation: Evaluation) -> Iterator[Table]:
    """All of them, in order."""
    yield likelihood_table(evaluation)
    if against_real := evaluation.against_real:
        yield distance_table(against_real)
        yield likeness_table(against_real.memorisation, against_real.diversity)
        if against_real.classification:
            yield classification_table(against_real.classification)
        if against_real.copy_synthesis:
            yield copy_table(against_real.copy_synthesis)


def likelihood_table(evaluation: Evaluation) -> Table:
    """Bits beside the baselines."""
    page = new_table(f"{evaluation.split}: {evaluation.unit.replace('_', ' ')}", ("bits", "items", "levels"))
    page.add_row("model", f"{evaluation.bits:.4f}", f"{evaluation.num_items:,}", f"{evaluation.num_levels_scored:,}")
    if evaluation.marginal_bits is not None:
        page.add_row("histogram of the training split", f"{evaluation.marginal_bits:.4f}", "", "")
    page.add_row("all levels alike", f"{evaluation.uniform_bits:.4f}", "", "", end_section=True)
    for column, values in evaluation.per_attribute.items():
        add_rows(page, column, values)
    return page


def new_table(title: str, columns: Sequence[str]) -> Table:
    """Names at the left, figures at the right."""
    page = Table(title=Text(title))
    page.add_column("")
    for column in columns:
        page.add_column(column, justify="right")
    return page


def add_rows(page: Table, column: str, values: Mapping[str, Figure]) -> None:
    """One line a value, the first ones where there are many."""
    for value, figure in islice(values.items(), MOST_LINES):
        page.add_row(Text(f"{column} {value}"), f"{figure.bits:.4f}", f"{figure.num_items:,}", f"{figure.num_levels:,}")
    say_how_many_more(page, column, len(values), 3)


def say_how_many_more(page: Table, column: str, num_values: int, num_columns: int) -> None:
    """Where a table ends before its values do."""
    if num_values > MOST_LINES:
        page.add_row(Text(f"... {num_values - MOST_LINES} more of {column}"), *[""] * num_columns)


def distance_table(against_real: AgainstReal) -> Table:
    """How far generated items are from real ones, and real ones from each other."""
    title = f"generated ({against_real.num_generated:,} items) against real ({against_real.num_real:,})"
    page = new_table(title, ("generated", "real", "distance", "real halves", "unit"))
    for name, distance in against_real.distances.items():
        page.add_row(name.replace("_", " "), *distance_cells(distance))
    return page


def distance_cells(distance: Distance) -> tuple[str, ...]:
    """Figures of one line."""
    figures = (distance.generated, distance.real, distance.distance, distance.floor)
    return (*map(told, figures), distance.unit)


def told(figure: float | None) -> str:
    """Four digits that count; a dash for what is not known."""
    return "-" if figure is None else f"{figure:.4g}"


def likeness_table(memorisation: Memorisation | None, diversity: Diversity | None) -> Table:
    """Memory of training items, and difference from each other."""
    page = new_table("memory and variety", ("generated", "real", "unit"))
    if memorisation:
        median = memorisation.generated, memorisation.real
        page.add_row("to the nearest training item", *pair(*median, memorisation.unit))
        page.add_row("nearer than a held-out item", told(memorisation.nearer_share), "0.5", "share")
        copied = memorisation.generated_copied_share, memorisation.real_copied_share
        page.add_row("copies of a training item", *pair(*copied, "share"), end_section=True)
    if diversity:
        page.add_row("between any two", *pair(diversity.generated, diversity.real, diversity.unit))
        distinct = diversity.generated_distinct_share, diversity.real_distinct_share
        page.add_row("with levels of their own", *pair(*distinct, "share"))
    return page


def pair(generated: float, real: float, unit: str) -> tuple[str, str, str]:
    """Three cells."""
    return told(generated), told(real), unit


def classification_table(classification: Mapping[str, Classification]) -> Table:
    """What a classifier tells right, by attribute and class."""
    page = new_table("told right by a classifier of real items", ("generated", "real", "generated items", "real items"))
    for attribute, found in classification.items():
        for name, accuracy in [(attribute, found.whole), *islice(found.by_class.items(), MOST_LINES)]:
            label = name if accuracy is found.whole else f"  {attribute} {name}"
            counts = f"{accuracy.num_generated:,}", f"{accuracy.num_real:,}"
            page.add_row(Text(label), share(accuracy.generated), share(accuracy.real), *counts)
        say_how_many_more(page, attribute, len(found.by_class), 4)
    return page


def share(value: float | None) -> str:
    """Per cent."""
    return "-" if value is None else f"{100 * value:.1f} %"


def copy_table(copies: CopySynthesis) -> Table:
    """Pairs of a real row and what was drawn after it."""
    page = new_table(f"copy synthesis, {copies.num_pairs:,} pairs", ("generated", "real backwards", "unit"))
    for name, unit, value in COPY_LINES:
        page.add_row(name, told(getattr(copies.copy, value)), told(getattr(copies.backwards, value)), unit)
    for reason, number in copies.left_out.items():
        page.add_row(f"left out: {reason}", f"{number:,}", "", "pairs")
    return page


COPY_LINES = (
    ("mel-cepstral distortion", "dB", "mel_cepstral_distortion_db"),
    ("F0, RMSE", "Hz", "f0_rmse_hz"),
    ("F0, RMSE", "cents", "f0_rmse_cents"),
    ("voiced in one alone", "share", "voicing_error_share"),
)
