"""The pictures of deck 02 on the inside: layer maps, projection, attention, two stages, small BERTs."""

import numpy as np
from draw import AMBER, BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY, arrow, box, canvas, chart, words
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils import results
from pictures.distillation import runs
from pictures.registry import picture

TASKS = {"sentiment": "sentiment", "second task": "news topics"}


@picture
def inside_losses() -> Figure:
    """Teacher and student side by side; pink arrows where a loss compares them."""
    axes = canvas(540)
    steps = ("logits", "layer 4", "layer 3", "layer 2", "layer 1", "embeddings")
    for place, name in enumerate(steps):
        box(axes, 20, 50 + 82 * place, 360, 68, name, frozen=True, size=26)
    mine = {0: "logits", 1: "layer 2", 3: "layer 1", 5: "embeddings"}
    compared = {
        0: "what it says",
        1: "hidden states, attention",
        3: "hidden states, attention",
        5: "embeddings",
    }
    for place, name in mine.items():
        y = 50 + 82 * place
        box(axes, 900, y, 210, 68, name, solid=True, size=26)
        arrow(axes, (390, y + 34), (892, y + 34), colour=PINK)
        words(axes, 640, y + 8, compared[place], size=26)
    for low, high in ((5, 3), (3, 1)):
        arrow(axes, (1005, 50 + 82 * low), (1005, 50 + 82 * high + 70))
    axes.plot([1005, 1005], [118, 132], color=BLACK, linewidth=3)
    words(axes, 200, 22, "teacher", bold=True, size=28)
    words(axes, 1005, 22, "student", bold=True, size=28)
    return axes.figure


@picture
def layer_maps() -> Figure:
    """Three maps from two layers of the student to four of the teacher."""
    axes = canvas(530)
    maps = {"uniform": (2, 4), "first": (1, 2), "last": (3, 4)}
    for left, (name, teachers) in zip((5, 410, 815), maps.items(), strict=True):
        words(axes, left + 170, 24, name, bold=True, size=30)
        for layer in range(1, 5):
            box(axes, left, 460 - 100 * layer, 130, 80, f"{layer}", frozen=True, size=30)
        for layer, theirs in enumerate(teachers, start=1):
            y = 300 - 200 * (layer - 1)
            box(axes, left + 220, y, 120, 100, f"{layer}", solid=True, size=32)
            arrow(axes, (left + 133, 500 - 100 * theirs), (left + 215, y + 50), colour=PINK)
        words(axes, left + 65, 480, "teacher", size=26)
        words(axes, left + 280, 480, "student", size=26)
    return axes.figure


def _matrix(
    axes: Axes, x: float, y: float, width: float, height: float, colour: str, frozen: bool = False
) -> None:
    look = {"linestyle": (0, (4, 2)), "facecolor": "#F2F2F2"} if frozen else {"facecolor": colour}
    axes.add_patch(
        Rectangle((x, y), width, height, edgecolor=GREY if frozen else "white", linewidth=2.5, **look)
    )


@picture
def two_widths() -> Figure:
    """The hidden states of one sentence in the student and in the teacher, to scale."""
    axes = canvas(380)
    axes.figure.set_facecolor("none")  # it lies on the coloured ground of a question
    for y, width, name, numbers, frozen in (
        (60, 128, "teacher", 128, True),
        (220, 64, "student", 64, False),
    ):
        words(axes, 40, y + 32, name, align="left", bold=True, size=28)
        _matrix(axes, 230, y, 5 * width, 75, BLUE, frozen)
        words(axes, 230 + 5 * width + 20, y + 36, f"{numbers} numbers\na token", align="left")
    words(axes, 230, 330, "15 tokens high, to scale", align="left", size=20, colour=GREY)
    return axes.figure


@picture
def projection() -> Figure:
    """Matrices to scale: student states times projection have the teacher's width, and are compared there."""
    axes = canvas(350)
    _matrix(axes, 20, 95, 192, 45, BLUE)
    words(axes, 116, 65, "student: 15 × 64")
    words(axes, 240, 117, "·", size=40, bold=True)
    _matrix(axes, 265, 20, 384, 192, ORANGE)
    words(axes, 457, 116, "projection: 64 × 128\ntrained with the student", colour="white")
    words(axes, 682, 117, "=", size=34)
    _matrix(axes, 715, 95, 384, 45, BLUE)
    words(axes, 907, 65, "projected: 15 × 128")
    arrow(axes, (907, 225), (907, 150), colour=PINK)
    words(axes, 935, 188, "MSE", align="left", bold=True)
    _matrix(axes, 715, 235, 384, 45, GREY, frozen=True)
    words(axes, 907, 308, "teacher: 15 × 128")
    words(axes, 20, 308, "one sentence of 15 tokens, matrices to scale", align="left", size=20, colour=GREY)
    return axes.figure


@picture
def attention_tables() -> Figure:
    """Two tables of tokens by tokens, as large in the student as in the teacher, and a loss between them."""
    axes = canvas(370)
    tokens = ("the", "soup", "was", "not", "good")
    scores = np.exp(np.random.default_rng(3).normal(size=(2, 5, 5)))
    scores[1] = 0.6 * scores[0] + 0.4 * scores[1]
    table = scores / scores.sum(axis=2, keepdims=True)
    for left, name, colour, values in ((150, "a head of the teacher", GREY, table[0]),
                                       (800, "a head of the student", BLUE, table[1])):  # fmt: skip
        words(axes, left + 150, 20, name, bold=True)
        for row, token in enumerate(tokens):
            words(axes, left - 14, 70 + 56 * row, token, align="right", size=22)
            words(axes, left + 30 + 60 * row, 342, token, size=20)
            for column in range(5):
                shade = {"facecolor": colour, "alpha": float(min(1, 0.06 + 1.6 * values[row, column]))}
                axes.add_patch(Rectangle((left + 60 * column, 44 + 56 * row), 57, 53, **shade))
                axes.add_patch(
                    Rectangle((left + 60 * column, 44 + 56 * row), 57, 53, fill=False, edgecolor=GREY)
                )
    arrow(axes, (470, 190), (690, 190), colour=PINK)
    words(axes, 580, 160, "MSE of scores", bold=True)
    words(axes, 580, 222, "before the softmax", size=22)
    return axes.figure


@picture
def two_stages() -> Figure:
    """TinyBERT: first the pretrained encoder's inside on plain text, then a fine-tuned teacher on the task."""
    axes = canvas(530)
    stages = (
        (20, "1. general stage, once", "pretrained\nencoder", "plain\ntext", "inside"),
        (600, "2. task stage, for each task", "fine-tuned\nteacher", "text of\nthe task", "inside, logits"),
    )
    for left, title, teacher, text, copied in stages:
        words(axes, left + 260, 24, title, bold=True, size=28)
        box(axes, left, 70, 290, 130, teacher, frozen=True, size=28)
        box(axes, left + 370, 130, 170, 120, text, colour=GREY)
        box(axes, left + 40, 330, 220, 110, "student", solid=True, size=30)
        arrow(axes, (left + 150, 205), (left + 150, 322), colour=PINK)
        words(axes, left + 168, 262, copied, align="left")
        arrow(axes, (left + 365, 165), (left + 295, 145))
        arrow(axes, (left + 400, 255), (left + 265, 360))
    arrow(axes, (285, 400), (635, 400), colour=BLUE)
    words(axes, 460, 435, "goes on from there")
    arrow(axes, (865, 400), (965, 400), colour=BLUE)
    words(axes, 980, 400, "TinyBERT", align="left", bold=True, size=28)
    words(axes, 170, 475, "random start")
    return axes.figure


@picture
def inside_steps() -> Figure:
    """Five ways to train the same small student, on two tasks, from the shipped rows of notebook 03."""
    names = {
        "BERT-tiny, gold labels": "gold labels",
        "BERT-tiny, logit KD": "logits",
        "BERT-tiny, logit KD and inside": "logits and inside",
        "general stage, logit KD": "general stage, then logits",
        "TinyBERT": "general stage, then both",
    }
    figure, panels = chart(450, columns=2, sharey=True)
    for axes, (task, title) in zip(panels, TASKS.items(), strict=True):
        found = [runs("03", method=method, data=task, metric="accuracy") for method in names]
        shown = axes.barh(list(names.values()), [run.mean() for run in found], xerr=[run.std() for run in found],
                          color=[GREEN] + [BLUE] * 4, capsize=5)  # fmt: skip
        axes.bar_label(shown, fmt="%.1f", label_type="center", color="white", fontsize=18, fontweight="bold")
        axes.axvline(
            runs("03", method="BERT (teacher)", data=task, metric="accuracy").mean(),
            color=GREY,
            linestyle="--",
        )
        axes.set(
            xlim=(0, 103),
            xlabel="accuracy (%)",
            title=f"{title} (dashed: teacher)",
            xticks=range(0, 101, 20),
        )
    panels[0].invert_yaxis()
    return figure


def _systems(
    axes: Axes, points: dict[str, tuple[float, float]], beside: dict[str, tuple[float, float, str]]
) -> None:
    marks = {"teacher": ("s", GREY), "PKD": ("D", AMBER), "DistilBERT": ("v", PINK), "MobileBERT": ("P", SKY),
             "small": ("o", BLACK), "tiny": ("^", GREEN), "TinyBERT": ("*", ORANGE)}  # fmt: skip
    for name, (x, y) in points.items():
        marker, colour = marks[name]
        axes.plot(x, y, marker, color=colour, markersize=18 if marker == "*" else 13)
        right, up, align = beside.get(name, (0.3, 0, "left"))
        axes.text(x + right, y + up, name, ha=align, va="center", fontsize=16)


@picture
def small_berts() -> Figure:
    """Accuracy over speed-up: the paper's systems on its task, ours on our two, from paper and shipped rows."""
    names = {"teacher": ("BERT-base (teacher)", "BERT (teacher)"), "PKD": ("BERT-4-PKD", "PKD"),
             "DistilBERT": ("DistilBERT-4", "DistilBERT"), "MobileBERT": ("MobileBERT-tiny", "MobileBERT style"),
             "small": ("BERT-small", "BERT-small, gold labels"), "tiny": ("BERT-tiny", "BERT-tiny, gold labels"),
             "TinyBERT": ("TinyBERT-4", "TinyBERT")}  # fmt: skip
    told = results.paper("E10")
    theirs = {name: (told.loc[row, "speedup"], told.loc[row, "mnli_m"]) for name, (row, _) in names.items()}
    theirs = {name: point for name, point in theirs.items() if not np.isnan(point[0])}
    ours = {
        name: (
            runs("03", method=row, metric="speed-up").mean() / 100,
            np.mean([runs("03", method=row, data=task, metric="accuracy").mean() for task in TASKS]),
        )
        for name, (_, row) in names.items()
    }
    figure, panels = chart(530, columns=2)
    _systems(panels[0], theirs, {"TinyBERT": (-0.4, 0, "right"), "tiny": (-0.4, 0, "right")})
    _systems(
        panels[1],
        ours,
        {"teacher": (0.2, 2.5, "left"), "DistilBERT": (0.25, 1.2, "left")},
    )
    panels[0].set(
        title="the paper",
        ylabel="accuracy on MNLI (%)",
        xlabel="speed-up (times)",
        xlim=(0, 10.5),
        ylim=(74, 85.5),
    )
    panels[1].set(
        title="ours",
        ylabel="accuracy, mean of two tasks (%)",
        xlabel="measured speed-up (times)",
        xlim=(0, 8.5),
        ylim=(50, 103),
    )
    return figure
