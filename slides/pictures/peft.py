"""The pictures of deck 04, first part: freezing, top layers, BitFit."""

import pandas as pd
from draw import BLUE, GREY, ORANGE, arrow, box, canvas, chart, words
from matplotlib.figure import Figure

from course_utils import results
from pictures.blocks import key, matrix, part, sign
from pictures.registry import picture


def scores(exhibit: str, method: str, data: str, **extra: object) -> pd.Series:
    """The shipped values of a measurement in percent, one a seed."""
    rows = results.load(track="bundled", own=False)
    found = rows[(rows["exhibit"] == exhibit) & (rows["method"] == method) & (rows["data"] == data)]
    for name, wanted in extra.items():
        found = found[found[name] == wanted]
    if found.empty:
        raise ValueError(f"No shipped row of {exhibit}, {method}, {data}, {extra}.")
    return 100 * found["value"]


@picture
def elmo_way() -> Figure:
    """Feature extraction: a frozen model makes embeddings, a new model on top learns the task."""
    axes = canvas(510)
    box(axes, 10, 190, 180, 100, "a sentence", colour=GREY, size=26)
    arrow(axes, (194, 240), (254, 240))
    for index, name in enumerate(["layer 4", "layer 3", "layer 2", "layer 1", "embeddings"]):
        part(axes, 260, 20 + 86 * index, 220, 78, name, size=26)
    words(axes, 370, 480, "pretrained model", size=26)
    arrow(axes, (484, 240), (534, 240))
    box(axes, 540, 165, 270, 150, "contextual\nword\nembeddings", colour=GREY, size=26)
    arrow(axes, (814, 240), (864, 240))
    part(axes, 870, 175, 280, 130, "task model", trains=True, size=30)
    arrow(axes, (1010, 170), (1010, 128))
    part(axes, 870, 20, 280, 104, "output classifier", trains=True, size=28)
    key(axes, 800, 475)
    return axes.figure


@picture
def layer_mix() -> Figure:
    """ELMo's mix: every layer of the frozen model counts, with a share that the task learns."""
    axes = canvas(410)
    for index, name in enumerate(["layer 4", "layer 3", "layer 2", "layer 1", "embeddings"]):
        y = 8 + 78 * index
        part(axes, 40, y, 250, 66, name, size=26)
        box(axes, 400, y + 2, 80, 62, f"$s_{4 - index}$", colour=ORANGE, solid=True, size=30)
        arrow(axes, (294, y + 33), (396, y + 33))
        arrow(axes, (484, y + 33), (634, 197 + 11 * (index - 2)))
    sign(axes, 662, 197)
    arrow(axes, (687, 197), (745, 197))
    box(axes, 750, 155, 90, 84, "$\\gamma$", colour=ORANGE, solid=True, size=34)
    arrow(axes, (844, 197), (894, 197))
    box(axes, 900, 137, 250, 120, "one embedding\na token", colour=GREY, size=28)
    return axes.figure


@picture
def elmo_measured() -> Figure:
    """A linear head, a task model and full fine-tuning on two tasks, from the rows of notebook 06."""
    lines = [("head only", "E17", GREY), ("task model on frozen embeddings", "E16", ORANGE)]
    lines += [("full fine-tuning", "E17", BLUE)]
    figure, panels = chart(430, columns=2, sharey=True)
    for axes, task in zip(panels, ("sentiment, English", "names"), strict=True):
        runs = [scores(exhibit, method, task) for method, exhibit, _ in lines]
        names = ["frozen, linear head", "frozen, task model", "full fine-tuning"]
        shown = axes.barh(names, [run.mean() for run in runs], xerr=[run.std() for run in runs], capsize=6,
                          color=[colour for *_, colour in lines])  # fmt: skip
        axes.bar_label(shown, fmt="%.1f", padding=10, fontsize=17)
        measure = "F1 of whole names (%)" if task == "names" else "accuracy (%)"
        axes.set(xlim=(0, 124), xlabel=measure, title=task, xticks=range(0, 101, 25))
    panels[0].invert_yaxis()
    return figure


@picture
def top_layers() -> Figure:
    """The head alone, the top layer, the top two: what trains lies next to the head."""
    axes = canvas(530)
    for column, name in enumerate(["the head alone", "the top layer", "the top two layers"]):
        x = 50 + 380 * column
        part(axes, x, 10, 290, 66, "new head", trains=True, size=28)
        for index in range(4):
            part(axes, x, 92 + 74 * index, 290, 66, f"layer {4 - index}", trains=index < column, size=28)
        part(axes, x, 388, 290, 66, "embeddings", size=28)
        words(axes, x + 145, 500, name, size=30, bold=True)
    return axes.figure


@picture
def top_layers_measured() -> Figure:
    """Score over the number of trained layers next to the head, from the rows of notebook 06."""
    figure, panels = chart(490, columns=2)
    for axes, task in zip(panels, ("sentiment, Indonesian", "second task"), strict=True):
        runs = [scores("E17", "head only", task), scores("E17", "top layer", task)]
        runs += [scores("E16", "top layers", task, k=k) for k in (2, 3, 4)]
        axes.errorbar(range(5), [run.mean() for run in runs], [run.std() for run in runs], color=ORANGE,
                      marker="o", capsize=6, label="top layers and head")  # fmt: skip
        axes.axhline(
            scores("E17", "full fine-tuning", task).mean(),
            color=BLUE,
            linestyle="--",
            label="full fine-tuning",
        )
        axes.set(title=task, xlabel="layers trained, of four", ylim=(60, 102), xticks=range(5))
        axes.set_ylabel("accuracy (%)")
    panels[0].legend(loc="lower right")
    return figure


@picture
def bias_alone() -> Figure:
    """output = Wx + b, the vectors and the matrix to one scale: of this BitFit trains b alone."""
    axes = canvas(430)
    top, side, thin = 20, 320, 20
    matrix(axes, 80, top, thin, side, trains=True, colour=GREY)
    words(axes, 90, 385, "output", size=32)
    words(axes, 190, top + side / 2, "=", size=48)
    matrix(axes, 280, top, side, side, "W", size=52)
    words(axes, 440, 385, "frozen", size=32, colour=GREY)
    matrix(axes, 640, top, thin, side, trains=True, colour=GREY)
    words(axes, 650, 385, "x", size=32)
    words(axes, 730, top + side / 2, "+", size=48)
    matrix(axes, 800, top, thin, side, trains=True)
    words(axes, 810, 385, "b", size=32, colour=ORANGE, bold=True)
    words(
        axes,
        845,
        top + side / 2,
        "trained:\none number for\neach row of W",
        align="left",
        size=30,
        colour=ORANGE,
    )
    return axes.figure


@picture
def bias_kinds() -> Figure:
    """BitFit on some kinds of biases, from the rows of notebook 06."""
    task = "sentiment, English"
    lines = {"none (head only)": scores("E17", "head only", task)}
    for name, only in {
        "keys": "keys", "queries": "query", "feed-forward, inner": "intermediate",
        "queries and inner": "query and intermediate", "LayerNorm": "LayerNorm",
    }.items():  # fmt: skip
        lines[name] = scores("E17", "BitFit, some biases", task, only=only)
    lines["all biases"] = scores("E17", "BitFit", task)
    figure, axes = chart(520)
    colours = [GREY] + [ORANGE] * 6
    shown = axes.barh(list(lines), [run.mean() for run in lines.values()], color=colours, capsize=6,
                      xerr=[run.std() for run in lines.values()])  # fmt: skip
    axes.bar_label(shown, fmt="%.1f", padding=10, fontsize=17)
    axes.invert_yaxis()
    axes.set(xlim=(0, 112), xlabel="accuracy (%)", title="Only these biases train (English sentiment)")
    return figure


def areas(lines: list[tuple[str, float]]) -> Figure:
    """Squares whose areas are shares of the model, in percent: (words, share), the largest first."""
    axes = canvas(290)
    axes.figure.set_facecolor("none")  # it stands on the ground of a question
    x, side = 40.0, 230.0
    for index, (text, share) in enumerate(lines):
        width = side * (share / 100) ** 0.5
        matrix(axes, x, 238 - width, width, width, trains=True, colour=ORANGE if index else BLUE)
        words(axes, x, 268, f"{text}: {round(share, 2):g} %", align="left", size=28)
        x += 390
    return axes.figure


def share(exhibit: str, method: str, data: str) -> float:
    """What a method trains besides the head, in percent of the model."""
    rows = results.load(track="bundled", own=False)
    rows = rows[(rows["exhibit"] == exhibit) & (rows["data"] == data)]
    counts = rows.groupby("method")["trainable_parameters"].max()
    return 100 * (counts[method] - counts["head only"]) / counts["full fine-tuning"]


@picture
def areas_bitfit() -> Figure:
    """The whole model, its top layer, its biases: areas to scale, from the counts of notebook 06."""
    task = "sentiment, English"
    shares = [
        (name, share("E17", method, task))
        for name, method in (("the top layer", "top layer"), ("the biases", "BitFit"))
    ]
    return areas([("everything", 100.0), *shares])
