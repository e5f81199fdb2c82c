"""The charts of deck 01 on models, cost and the clock."""

import pandas as pd
from draw import BLUE, GREEN, GREY, chart
from matplotlib.figure import Figure
from measured import value

from course_utils import assets, results
from course_utils.models import ladder
from pictures.registry import picture

# The base, light to dark: the larger, the darker.
SIZES = ("#8EC4E8", "#56B4E9", "#2E8BC0", "#0072B2", "#003456")
MARKERS = "osd^v"
# Operations a second at half precision, by the data sheets.
PEAKS = {"T4": 65e12, "A100": 312e12, "H100": 989e12}
USED = 0.4  # the share of the peak that a training run reaches: an assumption, as in the notebook


def _number(text: str) -> float:
    """ "up to 1.5B" -> 1.5e9"""
    digits = text.split()[-1]
    return float(digits[:-1]) * {"M": 1e6, "B": 1e9}[digits[-1]]


@picture
def model_sizes() -> Figure:
    """Parameters of our five models and of the GPT family, on a logarithmic axis."""
    ours = {f"ours, {name}": size["parameters"] for name, size in ladder.facts()["sizes"].items()}
    published = results.paper("E01")["parameters"]
    theirs = {name: _number(text) for name, text in published.items() if text != "?"}
    figure, axes = chart(470)
    bars = ours | theirs
    shown = axes.barh(list(bars), list(bars.values()), color=[BLUE] * len(ours) + [GREY] * len(theirs))
    labels = [f"{count / 1e3:,.0f}k" if count < 1e7 else f"{count / 1e9:g}B" for count in bars.values()]
    axes.bar_label(shown, labels, padding=8, fontsize=17)
    axes.invert_yaxis()
    axes.set(
        xscale="log", xlim=(1e3, 3e12), xlabel="parameters (log scale)", title="Ours, and the GPT family"
    )
    return figure


@picture
def years_to_train() -> Figure:
    """Years that one device would need for GPT-3's parameters and tokens, by 6 N D."""
    growth = results.paper("E01").loc["GPT-3"]
    tokens = _number(growth["data"].split("about ")[1].split(" ")[0])
    operations = 6 * _number(growth["parameters"]) * tokens
    figure, axes = chart(380)
    years = {f"one {name}": operations / (USED * peak) / 86400 / 365 for name, peak in PEAKS.items()}
    shown = axes.barh(list(years), list(years.values()), color=BLUE)
    axes.bar_label(shown, fmt="%.0f years", padding=8, fontsize=19)
    axes.invert_yaxis()
    axes.set(
        xlim=(0, 1.2 * max(years.values())), xlabel="years",
        title=f"6 N D, if {USED:.0%} of the device's peak is reached (an assumption)",
    )  # fmt: skip
    return figure


@picture
def how_long() -> Figure:
    """The question on GPT-3: a scale of times, to point at."""
    times = {"a day": 1, "a week": 7, "a month": 30, "a year": 365, "a career": 40 * 365, "longer": 250 * 365}
    figure, axes = chart(230)
    axes.set(xscale="log", xlim=(0.6, 3e5), ylim=(0, 1), yticks=[], xlabel="time on one device (log scale)")
    axes.spines["left"].set_visible(False)
    axes.set_xticks(list(times.values()), list(times))
    axes.minorticks_off()
    return figure


@picture
def ladder_loss() -> Figure:
    """The loss of each rung of the ladder while it learned."""
    curves = pd.read_json(assets.fetch("lm_ladder") / "loss.jsonl", lines=True)
    figure, axes = chart(450)
    for (name, rows), colour, marker in zip(curves.groupby("size", sort=False), SIZES, MARKERS, strict=True):
        axes.plot(rows["step"], rows["loss"], color=colour, marker=marker, markevery=0.1, label=name)
    axes.set(
        xlabel="steps",
        ylabel="loss (nats a token)",
        ylim=(0, None),
        title="The loss on the answers, five sizes",
    )
    axes.legend(title="size", title_fontsize=17, ncols=5, loc="upper right")
    return figure


def _times(clock: float | None) -> Figure:
    """How many times the smallest the largest is, by count, and by the clock if it is told."""
    counts = [size["parameters"] for size in ladder.facts()["sizes"].values()]
    bars = {"parameters": counts[-1] / counts[0], "time of a prompt": clock or 0}
    figure, axes = chart(300)
    shown = axes.barh(list(bars), list(bars.values()), color=[BLUE, GREEN])
    labels = [f"{bars['parameters']:.0f} times", f"{clock:.0f} times" if clock else "?"]
    axes.bar_label(shown, labels, padding=8, fontsize=20)
    axes.invert_yaxis()
    axes.set(xlim=(0, 150), xlabel="times the smallest", title="The largest of the ladder")
    return figure


@picture
def how_much_slower() -> Figure:
    """The question on time: how many times the parameters, and how many times the time?"""
    return _times(None)


@picture
def by_the_clock() -> Figure:
    """The largest rung's time for a prompt beside its parameters, as multiples of the smallest's."""
    return _times(float(value("E01", "the largest rung", metric="time (times the smallest's)", digits=3)))
