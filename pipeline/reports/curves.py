"""Loss curves as SVG, drawn into the page so that they take its colours, light or dark."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pipeline.reports.style import BLUE, FONT_POINTS, INK, VERMILION, new_axes

Metrics = Sequence[Mapping[str, Any]]

MOST_POINTS = 600
"""A run of a million steps is drawn by averages over stretches of its lines."""

THEME = {INK: "currentColor", BLUE: "var(--corpus)", VERMILION: "var(--generated)"}


def curves_svg(metrics: Metrics, y_label: str, name: str) -> str:
    """Training and held-out bits over steps; `name` keeps the ids of several figures in one page apart."""
    figure, axes = new_axes(5.4, 2.9, INK)
    train = thinned(points(metrics, "train_bits"))
    held_out = points(metrics, "validation_bits")
    axes.plot(*train.T, color=BLUE, linewidth=1.1, label="training")
    axes.plot(*held_out.T, color=VERMILION, linewidth=1.6, marker="o", markersize=4, label="held out")
    axes.set_xlabel("step")
    axes.set_ylabel(y_label)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.grid(axis="y", color=INK, alpha=0.15, linewidth=0.6)
    limit(axes, train[:, 1], held_out[:, 1])
    axes.legend(frameon=False, fontsize=FONT_POINTS, labelcolor=INK, loc="upper right")
    figure.tight_layout(pad=0.3)
    sink = io.StringIO()
    # Text stays text (small, selectable), ids and date are fixed: equal metrics give equal bytes.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif"}):
        figure.savefig(sink, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return themed(sink.getvalue(), name)


def points(metrics: Metrics, key: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """[N, 2] steps and finite values of a key."""
    found = [(line["step"], line[key]) for line in metrics if isinstance(line.get(key), int | float)]
    values = np.array(found, np.float64).reshape(-1, 2)
    return values[np.isfinite(values).all(axis=1)]


def thinned(values: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """At most MOST_POINTS points, each the mean of a stretch."""
    if len(values) <= MOST_POINTS:
        return values
    return np.array([part.mean(axis=0) for part in np.array_split(values, MOST_POINTS)])


def limit(axes: Axes, *curves: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    """Leave the first steep fall out of the range of y, so that the rest is seen."""
    values = np.concatenate(curves)
    if len(values):
        low, high = values.min(), np.quantile(values, 0.96)
        margin = 0.08 * max(high - low, 1e-3)
        axes.set_ylim(low - margin, high + margin)


def themed(svg: str, name: str) -> str:
    """The <svg> element alone, its colours the page's and its ids its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    for colour, variable in THEME.items():
        svg = svg.replace(colour, variable)
    return svg
