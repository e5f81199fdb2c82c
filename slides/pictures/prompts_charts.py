"""The charts of deck 05, from the shipped rows of notebook 10."""

import measured
import pandas as pd
from draw import AMBER, BLACK, BLUE, GREEN, GREY, ORANGE, canvas, chart, words
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils import results
from pictures.registry import picture

WAYS = {"model tuning": (BLUE, "^"), "prompt tuning": (ORANGE, "o"), "hand-written prompt": (GREY, "s")}
SETTINGS = ["start", "num_virtual_tokens", "template"]


def rows_of(exhibit: str) -> pd.DataFrame:
    """The shipped rows of an exhibit of notebook 10, values in percent."""
    rows = results.load("10", track="bundled", own=False)
    rows = rows[(rows["exhibit"] == exhibit) & (rows["metric"] == "accuracy")]
    return rows.assign(value=100 * rows["value"])


def without_settings(rows: pd.DataFrame) -> pd.DataFrame:
    """Those runs that are not part of a study of starts, lengths or templates."""
    return rows[rows[SETTINGS].isna().all(axis=1)]


def template_bars(axes: Axes, means: pd.Series, colours: dict[str, str]) -> None:
    """A bar for each (kind, template), coloured by kind."""
    for kind, colour in colours.items():
        part = means[means.index.get_level_values(0) == kind]
        bars = axes.barh(part.index.get_level_values(1), part, color=colour, label=kind, height=0.72)
        axes.bar_label(bars, fmt="%.0f", padding=6, fontsize=17)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set(xlim=(0, 118), xlabel="right (%)")


@picture
def our_templates() -> Figure:
    """Notebook 10's templates for one task on the largest model: those that ask for it, in two kinds."""
    means = rows_of("E22").groupby(["method", "template"], sort=False)["value"].mean()
    figure, axes = chart(505)
    template_bars(axes, means, {"known": BLUE, "instructive": GREEN})
    axes.legend(["known from training", "the same, in other words"], loc="lower right")
    return figure


@picture
def by_size() -> Figure:
    """Accuracy over the size of the model for two tasks: model tuning, prompt tuning, hand-written prompts."""
    rows = without_settings(rows_of("E23"))
    sizes = (
        rows[rows["method"] == "model tuning"].groupby("size")["trainable_parameters"].first().sort_values()
    )
    figure, panels = chart(480, columns=2, sharey=True)
    for axes, task in zip(panels, ("reverse", "shift + head"), strict=True):
        for way, (colour, marker) in WAYS.items():
            part = rows[(rows["method"] == way) & (rows["data"] == task)].groupby("size")["value"].mean()
            axes.plot(sizes, part[sizes.index], color=colour, marker=marker, label=way)
        title = {"reverse": "reverse: asked for in training", "shift + head": "shift, then head: a new task"}[
            task
        ]
        axes.set(xscale="log", xlabel="parameters of the model", ylim=(-4, 106), title=title)
        axes.set_xticks(sizes, sizes.index)
        axes.minorticks_off()
    panels[0].set_ylabel("right (%)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


@picture
def starts() -> Figure:
    """Three ways to start a prompt: a dot for each run, and a line at the mean."""
    rows = rows_of("E23")
    rows = rows[rows["start"].notna()]
    figure, axes = chart(400)
    names = {
        "random": "random numbers",
        "vocabulary": "tokens drawn at random",
        "label words": "words that name the task",
    }
    for place, start in enumerate(names):
        runs = rows.loc[rows["start"] == start, "value"]
        axes.scatter(runs, [place] * len(runs), s=190, color=ORANGE, alpha=0.75)
        axes.plot([runs.mean()] * 2, [place - 0.3, place + 0.3], color=BLACK, linewidth=4)
    axes.set_yticks(range(len(names)), names.values())
    axes.invert_yaxis()
    axes.set(xlim=(0, 100), ylim=(2.5, -0.5), xlabel="right (%): a dot for each run, a line at the mean")
    return figure


@picture
def lengths() -> Figure:
    """Accuracy over the number of virtual tokens, with the spread over the runs."""
    rows = rows_of("E23")
    rows = rows[rows["num_virtual_tokens"].notna()]
    found = rows.groupby("num_virtual_tokens")["value"].agg(["mean", "std"]).fillna(0)
    figure, axes = chart(400)
    axes.errorbar(found.index, found["mean"], yerr=found["std"], color=ORANGE, marker="o", capsize=7)
    axes.set(xscale="log", ylim=(0, 104), xlabel="virtual tokens", ylabel="right (%)")
    axes.set_xticks(found.index, [f"{number:.0f}" for number in found.index])
    axes.minorticks_off()
    others = without_settings(rows_of("E23"))
    others = others[(others["size"] == "150k") & (others["data"] == "reverse")]
    for way, style in (("model tuning", "--"), ("hand-written prompt", ":")):
        height = others.loc[others["method"] == way, "value"].mean()
        axes.axhline(height, color=WAYS[way][0], linestyle=style)
        above = height + (-7 if height > 50 else 7)
        axes.text(9, above, way, fontsize=18, color=WAYS[way][0], va="center")
    return figure


@picture
def prefix_gain() -> Figure:
    """Four ways on the middle size and two tasks: hand-written, prompt tuning, prefix tuning, model tuning."""
    rows = pd.concat([without_settings(rows_of("E23")), rows_of("E25")])
    means = rows[rows["size"] == "150k"].groupby(["method", "data"])["value"].mean()
    ways = {
        "hand-written prompt": GREY,
        "prompt tuning": ORANGE,
        "prefix tuning": GREEN,
        "model tuning": BLUE,
    }
    figure, panels = chart(400, columns=2, sharey=True)
    for axes, task in zip(panels, ("reverse", "shift + head"), strict=True):
        bars = axes.barh(
            list(ways), [means[way, task] for way in ways], color=list(ways.values()), height=0.7
        )
        axes.bar_label(bars, fmt="%.1f", padding=6, fontsize=17)
        axes.grid(axis="y", visible=False)
        axes.set(xlim=(0, 125), xticks=range(0, 101, 25), xlabel="right (%)",
                 title={"reverse": "reverse", "shift + head": "shift, then head"}[task])  # fmt: skip
    panels[0].invert_yaxis()
    return figure


@picture
def few_and_many() -> Figure:
    """What is trained, as squares to scale: nothing for a written prompt, little for a learned one, the whole model."""
    axes = canvas(440)
    scale = 380 / 400  # of a side in pixels to the root of a count
    ways = (("hand-written prompt", "asked in our words", 170, GREY), ("prompt tuning", "prompt tuning", 500, ORANGE),
            ("model tuning", "model tuning", 930, BLUE))  # fmt: skip
    for way, name, x, colour in ways:
        count = measured.trained("E23", way, "shift + head", size="150k")
        side = float(count.replace(",", "")) ** 0.5 * scale
        axes.add_patch(Rectangle((x - side / 2, 400 - side), side, side, facecolor=colour))
        ink = "white" if way == "model tuning" else BLACK
        right = measured.value("E23", way, "shift + head", size="150k")
        words(axes, x, 120, name, size=28, bold=True, colour=ink)
        words(axes, x, 185, f"{count} numbers trained", size=24, colour=ink)
        words(axes, x, 245, f"{right} % right", size=32, colour=ink, bold=True)
    return axes.figure


@picture
def modular_bars() -> Figure:
    """Accuracy of three prompts of one frozen model, each on its own task."""
    means = rows_of("E24").groupby("data", sort=False)["value"].mean()
    names = {"reverse": "reverse", "vowels": "drop vowels", "shift + head": "shift, head"}
    figure, axes = chart(350)
    bars = axes.barh(
        list(names.values()), [means[task] for task in names], color=[ORANGE, GREEN, AMBER], height=0.66
    )
    axes.bar_label(bars, fmt="%.1f", padding=8, fontsize=19)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set(xlim=(0, 112), xlabel="right with the task's own prompt (%)")
    return figure
