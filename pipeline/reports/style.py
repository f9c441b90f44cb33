"""One look for every figure: colours that most colour-blind people tell apart, thin lines, units on every axis.

The colours are those of M. Okabe and K. Ito (Color Universal Design, 2008).
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE = "#0072b2"
VERMILION = "#d55e00"

INK = "#123456"
"""Text and axes. In an SVG figure the page's own text colour is put in its place, so that it follows light and dark."""

TILE = "#14161c"
ON_TILE = "#b8bcc6"
"""Ground, text and axes of spectrograms: a dark tile in light and dark, `--tile` in report.css."""

FONT_POINTS = 9.0


def new_axes(width_inch: float, height_inch: float, ink: str) -> tuple[Figure, Axes]:
    """A figure of its own (no global state) with transparent ground and two quiet axes."""
    figure = Figure(figsize=(width_inch, height_inch), facecolor="none")
    return figure, quiet(figure.add_subplot(), ink)


def new_grid(number: int, columns: int, width_inch: float, row_inch: float, ink: str) -> tuple[Figure, list[Axes]]:
    """The same with so many pairs of axes in rows."""
    rows = -(-number // columns)
    figure = Figure(figsize=(width_inch, row_inch * rows), facecolor="none")
    return figure, [quiet(figure.add_subplot(rows, columns, place + 1), ink) for place in range(number)]


def quiet(axes: Axes, ink: str) -> Axes:
    """Thin lines and small figures in the colour of the text."""
    axes.set_facecolor("none")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(ink)
        axes.spines[side].set_linewidth(0.6)
    axes.tick_params(colors=ink, labelsize=FONT_POINTS, width=0.6, length=3)
    axes.xaxis.label.set_color(ink)
    axes.yaxis.label.set_color(ink)
    axes.xaxis.label.set_fontsize(FONT_POINTS)
    axes.yaxis.label.set_fontsize(FONT_POINTS)
    return axes
