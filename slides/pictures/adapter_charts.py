"""The pictures of deck 04, third part: what is asked and measured about adapters."""

import numpy as np
import pandas as pd
from draw import BLUE, GREEN, GREY, ORANGE, SKY, arrow, canvas, chart, words
from matplotlib.figure import Figure

from course_utils import results
from pictures.blocks import matrix, part
from pictures.registry import picture

BYTES = 4  # a parameter in float32


def changes() -> pd.DataFrame:
    """Points above or below full fine-tuning of the same task and seed, by method, and what a method trains."""
    rows = results.load("08", track="bundled", own=False)
    rows = rows[rows["exhibit"] == "E19"].set_index(["data", "seed"])
    full = rows.loc[rows["method"] == "full fine-tuning", "value"]
    points = (100 * (rows["value"] - full.reindex(rows.index))).groupby(rows["method"])
    trained = rows.loc["sentiment"].groupby("method")["trainable_parameters"].min()
    return points.agg(["mean", "min", "max"]).assign(trained=trained)


@picture
def adapters_measured() -> Figure:
    """The change against full fine-tuning over the trained parameters, from the rows of notebook 08."""
    found = changes()
    figure, axes = chart(490)
    adapters = [name for name in found.index if name.startswith("adapters")]
    for label, methods, colour, mark in (
        ("adapters", adapters, ORANGE, "o"), ("top layers", ["head only", "top layer", "top 2 layers"], SKY, "s"),
        ("Pfeiffer's adapters", ["Pfeiffer, 32"], GREEN, "D"),
    ):  # fmt: skip
        of_kind = found.loc[methods].sort_values("trained")
        bars = (of_kind["mean"] - of_kind["min"], of_kind["max"] - of_kind["mean"])
        axes.errorbar(
            of_kind["trained"], of_kind["mean"], bars, color=colour, marker=mark, capsize=6, label=label
        )
    axes.axhline(0, color=BLUE, linestyle="--", label="full fine-tuning")
    axes.set(xscale="log", xlabel="trained parameters, head included (log scale)", ylabel="change (points)")
    axes.set(title="Against full fine-tuning, mean of two tasks; bars: worst and best run")
    ticks = found.loc[
        ["head only", "adapters of 4", "Pfeiffer, 32", "adapters of 32", "top layer", "top 2 layers"],
        "trained",
    ]
    axes.set_xticks(ticks, [f"{number / 1000:,.0f}k" for number in ticks])
    axes.minorticks_off()
    axes.legend(loc="lower right")
    return figure


@picture
def storage() -> Figure:
    """What tasks take on a disk: full copies, or one base and adapters (counts of notebook 08)."""
    trained = changes()["trained"]
    copy, task = (BYTES * trained[name] / 1e6 for name in ("full fine-tuning", "adapters of 32"))
    tasks = np.array([1, 10, 100])
    figure, axes = chart(490)
    for offset, sizes, colour, label in (
        (-0.2, tasks * copy, BLUE, "a full copy for each task"),
        (0.2, copy + tasks * task, ORANGE, "one base, adapters for each task"),
    ):  # fmt: skip
        shown = axes.barh(np.arange(3) + offset, sizes, 0.38, color=colour, label=label)
        axes.bar_label(shown, [f"{size:,.1f} MB" for size in sizes], padding=8, fontsize=17)
    axes.set_yticks(range(3), ["1 task", "10 tasks", "100 tasks"])
    axes.invert_yaxis()
    axes.set(xlabel="MB on disk, four bytes a parameter", xlim=(0, 1.22 * 100 * copy))
    axes.set_title("What the tasks take to store")
    axes.legend(loc="upper right")
    return figure


@picture
def two_prices() -> Figure:
    """The same number of parameters: the top layer itself, or adapters in every layer."""
    axes = canvas(330)
    axes.figure.set_facecolor("none")
    for x, spread, name in ((60, False, "1: the top layer"), (640, True, "2: adapters everywhere")):
        for index in range(4):
            y = 6 + 66 * index
            part(axes, x, y, 340, 56, f"layer {4 - index}", trains=not spread and not index, size=26)
            if spread:
                part(axes, x + 350, y, 85, 56, trains=True)
        words(axes, x, 300, name, align="left", size=28, bold=True)
    return axes.figure


@picture
def hundred_tasks() -> Figure:
    """A hundred full copies, or one base and a hundred times something."""
    axes = canvas(270)
    axes.figure.set_facecolor("none")
    for index in range(100):
        matrix(axes, 60 + 44 * (index % 10), 10 + 22 * (index // 10), 38, 18, trains=True, colour=BLUE)
    words(axes, 60, 250, "a hundred models", align="left", size=28)
    matrix(axes, 700, 120, 38, 18, trains=True, colour=BLUE)
    words(axes, 760, 128, "+   100 ×", align="left", size=34)
    matrix(axes, 940, 104, 60, 48, "?", trains=True, size=32)
    words(axes, 700, 250, "one base, adapters, heads", align="left", size=28)
    return axes.figure


@picture
def one_layer_instead() -> Figure:
    """What an adapter could be: one layer that keeps the width."""
    axes = canvas(330)
    axes.figure.set_facecolor("none")
    side = 260
    matrix(axes, 200, 10, 24, side, trains=True, colour=GREY)
    arrow(axes, (230, 10 + side / 2), (370, 10 + side / 2))
    matrix(axes, 376, 10, side, side, "$N × N$", trains=True, size=40)
    arrow(axes, (642, 10 + side / 2), (782, 10 + side / 2))
    matrix(axes, 788, 10, 24, side, trains=True, colour=GREY)
    for x in (212, 800):
        words(axes, x, 305, "width $N$", size=28)
    words(axes, 506, 305, "one layer", size=28, colour=ORANGE)
    return axes.figure
