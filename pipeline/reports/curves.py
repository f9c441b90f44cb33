"""Loss curves as SVG, drawn into the page so that they take its colours, light or dark."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.reports.style import BLUE, FONT_POINTS, INK, VERMILION, new_axes, new_grid

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
    return svg_of(figure, name)


DETAILS = {
    "learning_rate": "learning rate",
    "gradient_norm": "norm of the gradient",
    "levels_per_s": "levels a second",
    "peak_share": "share of the peak",
    "waiting_share": "share spent waiting",
}
"""What else a line of metrics tells, and how it is called."""


def details_svg(metrics: Metrics, name: str) -> str:
    """The rest of what was measured over steps, one small figure each; empty where nothing of it was."""
    told = {label: found for key, label in DETAILS.items() if len(found := thinned(points(metrics, key)))}
    if not told:
        return ""
    figure, all_axes = new_grid(len(told), 2, 5.4, 1.5, INK)
    for axes, (label, values) in zip(all_axes, told.items(), strict=False):
        axes.plot(*values.T, color=BLUE, linewidth=1.0)
        axes.set_title(label, color=INK, fontsize=FONT_POINTS, loc="left")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    return svg_of(figure, name)


def comparison_svg(runs: Mapping[str, Metrics], y_label: str, name: str) -> str:
    """Held-out bits of several runs, over steps and over seconds of training."""
    figure, (by_step, by_second) = new_grid(2, 2, 8.0, 3.2, INK)
    for number, (run, metrics) in enumerate(runs.items()):
        style: dict[str, Any] = {"color": f"C{number % 10}", "linewidth": 1.3, "marker": "o", "markersize": 3}
        by_step.plot(*points(metrics, "validation_bits").T, label=run, **style)
        by_second.plot(*points(metrics, "validation_bits", over="seconds").T, **style)
    by_step.set_ylabel(y_label)
    by_step.set_xlabel("step")
    by_second.set_xlabel("seconds of training")
    by_step.legend(frameon=False, fontsize=FONT_POINTS, labelcolor=INK)
    return svg_of(figure, name)


def svg_of(figure: Figure, name: str) -> str:
    """A figure as the page holds it."""
    figure.tight_layout(pad=0.3)
    sink = io.StringIO()
    # Text stays text (small, selectable), ids and date are fixed: equal metrics give equal bytes.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif"}):
        figure.savefig(sink, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return themed(sink.getvalue(), name)


def points(metrics: Metrics, key: str, over: str = "step") -> np.ndarray[Any, np.dtype[np.float64]]:
    """[N, 2] steps (or what it is to be `over`) and finite values of a key."""
    found = [
        (line[over], line[key])
        for line in metrics
        if isinstance(line.get(key), int | float) and isinstance(line.get(over), int | float)
    ]
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
