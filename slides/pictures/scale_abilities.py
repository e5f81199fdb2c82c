"""The charts of deck 01 on what the ladder can do, from the shipped results of notebook 01."""

import pandas as pd
from draw import AMBER, BLUE, GREEN, GREY, chart
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils import results
from course_utils.models import ladder
from pictures.registry import picture
from pictures.scale import MARKERS, SIZES


def _rows(exhibit: str) -> pd.DataFrame:
    """The shipped rows of an exhibit: the mean of each method, size and number of examples; shares in percent."""
    rows = results.load("01", track="bundled", own=False)
    rows = rows[rows["exhibit"] == exhibit]
    value = rows["value"] * rows["metric"].isin(results.SHARES).map({True: 100, False: 1})
    keys = ["method", "size"] if rows["shots"].isna().all() else ["method", "size", "shots"]
    return rows.assign(value=value).groupby(keys, sort=False)["value"].mean()


def _over_size(axes: Axes, label: str, **limits: tuple[float, float]) -> list[int]:
    """Axes whose x is the size of the model, on a logarithmic scale; returns the parameters of each size."""
    sizes = ladder.facts()["sizes"]
    counts = [size["parameters"] for size in sizes.values()]
    axes.set(xscale="log", xlabel="size (parameters, log scale)", ylabel=label, **limits)
    axes.set_xticks(counts, list(sizes))
    axes.minorticks_off()
    return counts


@picture
def draw_examples() -> Figure:
    """The empty axes of the figure on examples, to draw a guess in."""
    figure, panels = chart(340, columns=2, sharey=True)
    for axes, title in zip(panels, ("no description", "with description"), strict=True):
        axes.set(title=title, xlabel="examples", ylim=(-3, 103), xlim=(-0.3, 6.3), xticks=[0, 1, 2, 4, 6])
    panels[0].set_ylabel("exact match (%)")
    return figure


@picture
def examples_and_size() -> Figure:
    """Exact match over the number of examples, one line a size, without and with a description."""
    rows = _rows("E02")
    figure, panels = chart(480, columns=2, sharey=True)
    methods = ("prompt, no description", "prompt, with description")
    for axes, method in zip(panels, methods, strict=True):
        for name, colour, marker in zip(ladder.facts()["sizes"], SIZES, MARKERS, strict=True):
            line = rows[method][name]
            axes.plot(line.index, line, color=colour, marker=marker, label=name)
        axes.set(title=method.removeprefix("prompt, "), xlabel="examples", ylim=(-3, 103))
        axes.set_xticks(sorted(line.index))
    panels[0].set_ylabel("exact match (%)")
    panels[1].legend(title="size", title_fontsize=17, ncols=2, loc=(0.36, 0.5))
    return figure


def _languages(height: float, lines: tuple[tuple[str, str, str, str], ...]) -> Figure:
    """Exact match over size, for lines (method, label, colour, style) of E04."""
    figure, axes = chart(height)
    counts = _over_size(axes, "exact match (%)", ylim=(-3, 103))
    for method, label, colour, style in lines:
        line = _rows("E04")[method]
        axes.plot(counts, line, style, color=colour)
        axes.annotate(
            label, (counts[-1], line.iloc[-1]), xytext=(14, 0), textcoords="offset points", va="center",
            fontsize=17, color=colour,
        )  # fmt: skip
    axes.set(xlim=(counts[0] / 1.3, counts[-1] * 5), title="Long made-up words")
    return figure


BEFORE = ("Indonesian, before", "in Indonesian,\nbefore tuning", GREY, ":d")


@picture
def before_tuning() -> Figure:
    """The question on languages: where each size begins in Indonesian."""
    return _languages(330, (BEFORE,))


@picture
def asked_in_indonesian() -> Figure:
    """Exact match over size: tuned with English descriptions, asked with English and with Indonesian ones."""
    english = ("English, tuned", "asked in English", BLUE, "-o")
    return _languages(
        470, (english, ("Indonesian, tuned in English", "asked in Indonesian", GREEN, "--s"), BEFORE)
    )


@picture
def new_compositions() -> Figure:
    """Exact match of the largest: single tasks after tuning, and compositions that were never described so."""
    rows = _rows("E04")
    single, composed = (
        rows[name].iloc[-1] for name in ("Indonesian, tuned in English", "Indonesian, new composition")
    )
    lines = {
        "single tasks, after tuning,\nsuch as “balik kata ini”": single,
        "new compositions, before it,\nsuch as “balik lalu putar”": composed,
    }
    figure, axes = chart(350)
    shown = axes.barh(list(lines), list(lines.values()), color=[GREEN, AMBER])
    axes.bar_label(shown, fmt="%.0f %%", padding=8, fontsize=20)
    axes.invert_yaxis()
    axes.set(xlim=(0, 105), xlabel="exact match (%)", title="The largest model, asked in Indonesian")
    return figure


@picture
def one_ruler() -> Figure:
    """Exact match over size, long words backwards."""
    figure, axes = chart(450)
    counts = _over_size(axes, "exact match (%)", ylim=(-3, 103))
    axes.plot(counts, _rows("E05")["exact match"], "-o", color=BLUE)
    axes.set_title("Long words, backwards: the whole word right")
    return figure


def _rulers(height: float, answered: bool) -> Figure:
    """Exact match over size beside the log-likelihood of a letter, or beside room to draw it."""
    figure, (left, right) = chart(height, columns=2)
    rows = _rows("E05")
    left.plot(_over_size(left, "exact match (%)", ylim=(-3, 103)), rows["exact match"], "-o", color=BLUE)
    left.set_title("the whole word right")
    counts = _over_size(right, "log-likelihood (nats)", xlim=left.get_xlim(), ylim=(-2.1, 0.1))
    if answered:
        right.plot(counts, rows["log-likelihood a token"], "--s", color=GREEN)
    right.set_title("how likely each letter was" + ("" if answered else "?"))
    return figure


@picture
def draw_likelihood() -> Figure:
    """The question on rulers: the strict one, and empty axes for the smooth one."""
    return _rulers(330, answered=False)


@picture
def two_rulers() -> Figure:
    """The same answers by exact match and by log-likelihood a token."""
    return _rulers(400, answered=True)


@picture
def last_step() -> Figure:
    """Exact match of each size, with a description and two examples, beside the operations a token."""
    sizes = ladder.facts()["sizes"]
    bought = [_rows("E02")["prompt, with description"][name][2.0] for name in sizes]
    paid = [2 * size["parameters"] / 1e6 for size in sizes.values()]
    figure, panels = chart(440, columns=2, sharey=True)
    for axes, values, style, colour in (
        (panels[0], bought, "%.0f %%", BLUE),
        (panels[1], paid, "%.2f", AMBER),
    ):
        axes.bar_label(axes.barh(list(sizes), values, color=colour), fmt=style, padding=8, fontsize=18)
        axes.set_xlim(0, 1.25 * max(values))
    panels[0].set(title="what one gets", xlabel="exact match (%)", ylabel="size", xlim=(0, 125))
    panels[0].set_xticks([0, 50, 100])
    panels[0].invert_yaxis()
    panels[1].set(title="what one pays", xlabel="operations a token (2 N, millions)")
    return figure
