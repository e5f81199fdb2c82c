"""Drawings for the slides: boxes, arrows and words on a white canvas that is measured in the pixels of a slide.

Zero is the upper left corner. `check` refuses a drawing that cannot be read from the last row, or whose words run over
their box, over each other or off the canvas.
"""

import itertools
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.text import Text

from course_utils import plots

BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK = plots.COLOURS
GREY = "#5A5A5A"
PALE = "#F2F2F2"
WIDTH, HEIGHT = 1160, 440  # what a slide leaves below its title
PIXEL = 0.75  # points in a pixel of the slide
SMALLEST = 20.0  # pixels: the smallest writing in a picture
Point = tuple[float, float]

STYLE = {
    "font.size": 17,
    "axes.titlesize": 18,
    "axes.labelsize": 17,
    "legend.fontsize": 16,
    "xtick.labelsize": 16,
    "ytick.labelsize": 16,
    "lines.linewidth": 3.5,
    "lines.markersize": 11,
    "svg.hashsalt": "slides",  # the same picture is the same file
}
"""What a chart on a slide has larger than one in a notebook, for `rc_context`."""


def canvas(height: float = HEIGHT, width: float = WIDTH) -> Axes:
    """An empty white canvas; the picture is its `figure`."""
    figure = Figure(figsize=(width / 96, height / 96), dpi=96, facecolor="white", layout="none")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return axes


def chart(
    height: float = HEIGHT, width: float = WIDTH, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """A figure with axes for a chart whose writing is large enough for a room; `options` go to `subplots`."""
    figure = Figure(figsize=(width / 96, height / 96), dpi=96, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns, **options)


def words(
    axes: Axes, x: float, y: float, text: str, *, size: float = 24, colour: str = BLACK, align: str = "center",
    bold: bool = False,
) -> Text:  # fmt: skip
    """Write `text` with its middle line at height y; align says which of its sides x is ("left", "center", "right")."""
    return axes.text(
        x, y, text, fontsize=size * PIXEL, color=colour, ha=align, va="center",
        fontweight="bold" if bold else "normal", linespacing=1.25,
    )  # fmt: skip


def box(
    axes: Axes, x: float, y: float, width: float, height: float, text: str = "", *, colour: str = BLUE,
    frozen: bool = False, solid: bool = False, size: float = 24,
) -> None:  # fmt: skip
    """A box with its upper left corner at (x, y).

    A frozen one is grey and dashed, a solid one is filled; so the two are told apart without colours.
    """
    edge = GREY if frozen else colour
    face = PALE if frozen else (colour if solid else "white")
    patch = FancyBboxPatch(
        (x + 4, y + 4), width - 8, height - 8, boxstyle="round,pad=4,rounding_size=8", facecolor=face, edgecolor=edge,
        linewidth=2.5, linestyle=(0, (4, 2)) if frozen else "solid",
    )  # fmt: skip
    axes.add_patch(patch)
    if text:
        label = words(
            axes,
            x + width / 2,
            y + height / 2,
            text,
            size=size,
            colour="white" if solid and not frozen else BLACK,
        )
        label.set_gid(f"in {x} {y} {x + width} {y + height}")  # `check` compares the two


def arrow(
    axes: Axes, start: Point, end: Point, *, colour: str = BLACK, text: str = "", size: float = 22, bend: float = 0,
    dashed: bool = False,
) -> None:  # fmt: skip
    """An arrow from start to end, its words above the middle. `bend`: how far it curves, as a share of its length."""
    style = (0, (4, 2)) if dashed else "solid"
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=24,
            linewidth=3,
            color=colour,
            linestyle=style,
            connectionstyle=f"arc3,rad={bend}",
            shrinkA=0,
            shrinkB=0,
        )  # fmt: skip
    )
    if text:
        words(axes, (start[0] + end[0]) / 2, (start[1] + end[1]) / 2 - 20, text, size=size, colour=colour)


def stacked(
    axes: Axes, x: float, y: float, height: float, parts: list[tuple[str, float, str]], *, size: float = 22
) -> float:
    """One bar of parts (words, width, colour) that lie end to end from x on; returns where it ends.

    Words that do not fit into their part are left to the caller's legend: give "" for such a part.
    """
    for text, width, colour in parts:
        axes.add_patch(Rectangle((x, y), width, height, facecolor=colour, edgecolor="white", linewidth=2))
        if text:
            label = words(axes, x + width / 2, y + height / 2, text, size=size, colour="white")
            label.set_gid(f"in {x} {y} {x + width} {y + height}")
        x += width
    return x


def check(figure: Figure) -> None:
    """Raise ValueError for words that are too small, off the canvas, out of their box, or on other words."""
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    figure.draw(renderer)
    hidden = _ticks_out_of_view(figure)
    found = [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text not in hidden and text.get_text().strip()
    ]
    faults, extents = [], []
    for text in found:
        extent, shown = text.get_window_extent(renderer), " ".join(text.get_text().split())
        extents.append((shown, extent.padded(-2)))
        if text.get_fontsize() < SMALLEST * PIXEL - 0.01:
            faults.append(f"{shown!r} is smaller than {SMALLEST:.0f} pixels")
        if (
            extent.x0 < -1
            or extent.y0 < -1
            or extent.x1 > figure.bbox.x1 + 1
            or extent.y1 > figure.bbox.y1 + 1
        ):
            faults.append(f"{shown!r} runs off the picture")
        if (text.get_gid() or "").startswith("in "):
            left, top, right, bottom = map(float, text.get_gid().split()[1:])
            high = figure.bbox.y1
            if extent.x0 < left or extent.x1 > right or high - extent.y1 < top or high - extent.y0 > bottom:
                faults.append(f"{shown!r} runs over its box")
    for (one, first), (two, second) in itertools.combinations(extents, 2):
        if first.overlaps(second):
            faults.append(f"{one!r} lies on {two!r}")
    if faults:
        raise ValueError("; ".join(faults))


def _ticks_out_of_view(figure: Figure) -> set[Text]:
    """Labels that matplotlib keeps but does not draw: of ticks beyond the end of an axis, and of axes that are off."""
    hidden = set()
    for axes in figure.axes:
        for place, axis in enumerate((axes.xaxis, axes.yaxis)):
            along = axis.get_transform().transform  # a logarithmic axis is even in logarithms alone
            low, high = sorted(along(axis.get_view_interval()))
            margin = 1e-6 * (high - low)
            for label in axis.get_ticklabels(which="both"):
                if not axes.axison or not low - margin <= along(label.get_position()[place]) <= high + margin:
                    hidden.add(label)
    return hidden
