"""One look for every picture of the course: white, readable at 600 pixels, and in colours that all readers
can tell apart.

Importing this module sets matplotlib's style. `show` puts a figure under a cell as a small PNG with a
description in words, for readers who cannot see it.
"""

import base64
import io
from collections.abc import Sequence

import matplotlib.pyplot as plt
from cycler import cycler
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

# Okabe and Ito (2008), Color Universal Design. Yellow is left out: it vanishes on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SIZE = (6.5, 4.0)

plt.rcParams.update(
    {
        "figure.figsize": SIZE,
        "figure.dpi": 110,
        "figure.facecolor": "white",
        "figure.constrained_layout.use": True,
        "axes.facecolor": "white",
        "axes.prop_cycle": cycler(color=COLOURS),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#DDDDDD",
        "font.size": 11,
        "axes.titlesize": 13,
        "axes.labelsize": 11,
        "xtick.labelsize": 11,
        "ytick.labelsize": 11,
        "legend.fontsize": 10,
        "legend.frameon": False,
        "lines.linewidth": 2,
        "lines.markersize": 6,
    }
)


def show(figure: Figure, alt: str) -> None:
    """Display the figure as a PNG whose alternative text is `alt`, and close it.

    alt: what the picture shows, in a sentence or two, for a reader who cannot see it. Raises ValueError if
    `alt` is empty, or a title or an axis label is missing.
    """
    if not alt.strip():
        raise ValueError(
            "This figure has no alternative text. Say in a sentence what it shows: show(figure, alt=...)."
        )
    missing = _missing(figure)
    if missing:
        raise ValueError(
            f"This figure lacks {', '.join(missing)}. A reader needs them to know what is drawn."
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    # 256 colours are enough for a plot, and make the file a third of its size: a notebook stores many.
    small = io.BytesIO()
    Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        small, "png", optimize=True
    )
    picture = base64.b64encode(small.getvalue()).decode()
    # Not IPython's Image: it takes no alternative text in the version that Colab has.
    display({"image/png": picture, "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)


def _missing(figure: Figure) -> list[str]:
    drawn = [axes for axes in figure.axes if axes.axison and axes.get_visible()]
    # A colour bar is an axes of its own, whose one label stands on the side of its numbers.
    panels = [axes for axes in drawn if axes.get_label() != "<colorbar>"]
    missing = []
    if not figure.get_suptitle() and not any(axes.get_title() for axes in figure.axes):
        missing.append("a title (axes.set_title)")
    if not all(axes.get_xlabel() for axes in panels):
        missing.append("a label of the x axis (axes.set_xlabel)")
    if not all(axes.get_ylabel() for axes in panels):
        missing.append("a label of the y axis (axes.set_ylabel)")
    if not all(axes.get_xlabel() or axes.get_ylabel() for axes in drawn if axes not in panels):
        missing.append("a label of the colour bar (label=...)")
    return missing


def bars(
    axes: Axes, labels: Sequence[str], means: Sequence[float], spreads: Sequence[float] | None = None
) -> None:
    """Horizontal bars, first label on top, each with its value after it and `spreads` as error bars.

    Long labels stay readable lying down, and tell the bars apart: all have one colour. The x axis is the value;
    it begins where matplotlib puts it, at 0.
    """
    places = range(len(labels))
    axes.barh(places, means, xerr=spreads, color=COLOURS[0], height=0.65, capsize=3)
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.12)
    for place, mean in enumerate(means):
        end = mean + (spreads[place] if spreads else 0.0)
        axes.annotate(
            f"{mean:.1f}",
            (end, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},  # a line across would strike it out
        )


def line_with_band(
    axes: Axes, x: Sequence[float], means: Sequence[float], spreads: Sequence[float], label: str
) -> None:
    """A line with a marker at each point, and a band of ± the spread in the same colour."""
    (line,) = axes.plot(x, means, marker="o", label=label)
    low = [mean - spread for mean, spread in zip(means, spreads, strict=True)]
    high = [mean + spread for mean, spread in zip(means, spreads, strict=True)]
    axes.fill_between(x, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
