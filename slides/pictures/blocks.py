"""Pieces that several drawings share: what is frozen is grey and dashed, what trains is orange and filled."""

from collections.abc import Sequence

from draw import BLACK, GREY, ORANGE, PALE, Point, arrow, box, words
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Polygon, Rectangle


def part(
    axes: Axes, x: float, y: float, width: float, height: float, text: str = "", *, trains: bool = False,
    size: float = 24,
) -> None:  # fmt: skip
    """A part of a model: frozen, or trained."""
    box(axes, x, y, width, height, text, colour=ORANGE, frozen=not trains, solid=trains, size=size)


def matrix(
    axes: Axes, x: float, y: float, width: float, height: float, text: str = "", *, trains: bool = False,
    colour: str = ORANGE, size: float = 26,
) -> None:  # fmt: skip
    """A matrix or a vector, drawn to the caller's scale, with sharp corners. Give "" where no words fit in."""
    edge, face = (colour, colour) if trains else (GREY, PALE)
    style = "solid" if trains else (0, (4, 2))
    axes.add_patch(
        Rectangle((x, y), width, height, facecolor=face, edgecolor=edge, linewidth=2.5, linestyle=style)
    )
    if text:
        shade = "white" if trains else BLACK
        label = words(axes, x + width / 2, y + height / 2, text, size=size, colour=shade)
        label.set_gid(f"in {x} {y} {x + width} {y + height}")


def sign(axes: Axes, x: float, y: float, text: str = "+", *, colour: str = BLACK) -> None:
    """A circle with a sign of arithmetic, its centre at (x, y)."""
    axes.add_patch(Circle((x, y), 21, facecolor="white", edgecolor=colour, linewidth=2.5, zorder=3))
    words(axes, x, y, text, size=28, colour=colour, bold=True).set_zorder(4)


def way(axes: Axes, points: Sequence[Point], *, colour: str = BLACK, dashed: bool = False) -> None:
    """A line through the points that ends in an arrow."""
    style = (0, (4, 2)) if dashed else "solid"
    for start, end in zip(points[:-2], points[1:-1], strict=True):
        axes.plot(*zip(start, end, strict=True), color=colour, linewidth=3, linestyle=style, zorder=0)
    arrow(axes, points[-2], points[-1], colour=colour, dashed=dashed)


def funnel(
    axes: Axes, x: float, middle: float, width: float, left: float, right: float, text: str = ""
) -> None:
    """A trained layer that changes the width: a trapezium from height `left` to height `right`."""
    corners = [
        (x, middle - left / 2),
        (x + width, middle - right / 2),
        (x + width, middle + right / 2),
        (x, middle + left / 2),
    ]
    axes.add_patch(Polygon(corners, facecolor=ORANGE, edgecolor=ORANGE, linewidth=2.5))
    if text:
        words(axes, x + width / 2, middle, text, size=22, colour="white")


def key(axes: Axes, x: float, y: float) -> None:
    """What the two looks mean, in one line that begins at x."""
    part(axes, x, y - 16, 50, 32)
    words(axes, x + 62, y, "frozen", align="left", size=22)
    part(axes, x + 180, y - 16, 50, 32, trains=True)
    words(axes, x + 242, y, "trained", align="left", size=22)
