"""The pictures of deck 02 on logits: the gap, the teacher's answer, temperature, the losses, what goes wrong."""

import math

import numpy as np
import pandas as pd
from draw import BLACK, BLUE, GREEN, GREY, PINK, arrow, box, canvas, chart, words
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils import results
from pictures.registry import picture


def runs(notebook: str, **asked: str) -> pd.Series:
    """The shipped values, in percent, of the rows with these fields, without those that turned a dial."""
    rows = results.load(notebook, track="bundled", own=False)
    for name, wanted in asked.items():
        rows = rows[rows[name] == wanted]
    if "temperature" in rows:
        rows = rows[rows["temperature"].isna()]
    if rows.empty or rows["seed"].duplicated().any():
        raise ValueError(f"{asked} are not the rows of one measurement.")
    return rows["value"] * 100


def shares(axes: Axes, x: float, y: float, values: list[float], colour: str, *, width: float = 50,
           height: float = 110, frozen: bool = False) -> None:  # fmt: skip
    """Small upright bars, one a class, that stand on the line at height y; a frozen model's are hatched."""
    look = {"hatch": "//", "edgecolor": "white"} if frozen else {"edgecolor": colour}
    for place, value in enumerate(values):
        left, tall = x + place * width, height * value
        axes.add_patch(Rectangle((left + 4, y - tall), width - 8, tall, facecolor=colour, **look))
    axes.plot([x, x + width * len(values)], [y, y], color=BLACK, linewidth=2)


@picture
def gap() -> Figure:
    """A large and a small model: the slides' illustration, and ours, whose areas are the numbers of parameters."""
    axes = canvas(530)
    told = results.paper("E06")["accuracy"]
    ours = runs("02", method="teacher").mean(), runs("02", method="gold labels").mean()
    sizes = [results.load("02", own=False).query("method == @name")["trainable_parameters"].iloc[0]
             for name in ("teacher", "gold labels")]  # fmt: skip
    small = 330 * math.sqrt(sizes[1] / sizes[0])
    panels = (
        (0, "an illustration", [f"{value} % right" for value in told], 100, ("large model", "small model")),
        (
            600,
            "this course, measured",
            [f"{value:.1f} % right" for value in ours],
            small,
            ("teacher", "student"),
        ),
    )
    for left, title, values, side, names in panels:
        words(axes, left + 280, 22, title, bold=True)
        for place, (centre, edge) in enumerate(((180, 330), (455, side))):
            size = f"{sizes[place] / 1e6:.2f} M" + "\nparameters" * (not place) if left else ""
            x, y = left + centre - edge / 2, 395 - edge
            box(axes, x, y, edge, edge, size, frozen=not place, solid=bool(place), size=28)
            words(axes, left + centre, 430, names[place], size=28)
            words(axes, left + centre, 478, values[place], bold=True, size=30)
    axes.plot([580, 580], [10, 510], color=GREY, linewidth=1.5)
    return axes.figure


@picture
def gold_training() -> Figure:
    """Standard training: one text, one student, one right label."""
    axes = canvas(500)
    box(axes, 10, 170, 210, 110, "a sentence", colour=GREY, size=28)
    arrow(axes, (225, 225), (315, 225))
    box(axes, 320, 140, 230, 170, "student\n(small)", solid=True, size=32)
    arrow(axes, (555, 225), (650, 225), text="says", size=26)
    shares(axes, 665, 310, [0.6, 0.3, 0.1], BLUE, width=60, height=190)
    words(axes, 755, 345, "probabilities", size=28)
    arrow(axes, (960, 225), (860, 225), colour=PINK)
    words(axes, 910, 192, "loss", size=28, bold=True)
    shares(axes, 975, 310, [1, 0, 0], GREEN, width=60, height=190)
    words(axes, 1065, 345, "gold label", size=28)
    words(axes, 905, 430, "bars: positive, neutral, negative (an example)", size=20, colour=GREY)
    return axes.figure


@picture
def teacher_and_student() -> Figure:
    """Distillation: the student's target is what the teacher says."""
    axes = canvas(530)
    box(axes, 10, 205, 210, 110, "a sentence", colour=GREY, size=28)
    arrow(axes, (225, 240), (325, 130))
    arrow(axes, (225, 280), (325, 380))
    box(axes, 330, 25, 290, 190, "teacher\n(large, frozen)", frozen=True, size=32)
    box(axes, 330, 320, 230, 140, "student\n(small)", solid=True, size=32)
    arrow(axes, (625, 120), (725, 120), text="says", size=26)
    arrow(axes, (565, 390), (725, 390), text="says", size=26)
    shares(axes, 745, 190, [0.7, 0.28, 0.02], GREY, frozen=True, width=60, height=180)
    shares(axes, 745, 455, [0.6, 0.3, 0.1], BLUE, width=60, height=180)
    arrow(axes, (835, 290), (835, 205), colour=PINK)
    words(axes, 865, 248, "KL divergence:\nbecome like this", align="left", bold=True, size=26)
    words(axes, 835, 500, "bars: positive, neutral, negative (an example)", size=20, colour=GREY)
    return axes.figure


LOGITS = np.array([6.0, 2.0, -1.0])
CLASSES = ("positive", "neutral", "negative")


def _softened(axes: Axes, x: float, temperature: float, *, frozen: bool = True) -> None:
    values = np.exp(LOGITS / temperature)
    values = values / values.sum()
    shares(axes, x, 290, list(values), GREY, width=112, height=220, frozen=frozen)
    for place, (name, value) in enumerate(zip(CLASSES, values, strict=True)):
        words(axes, x + 112 * place + 56, 272 - 220 * value, f"{value:.2f}", size=22)
        words(axes, x + 112 * place + 56, 312, name, size=20)


@picture
def sure_teacher() -> Figure:
    """A label and a sure teacher look alike: the wrong classes are close to zero."""
    axes = canvas(330)
    axes.figure.set_facecolor("none")  # it lies on the coloured ground of a question
    shares(axes, 120, 290, [1, 0, 0], GREEN, width=112, height=220)
    for place, name in enumerate(CLASSES):
        words(axes, 120 + 112 * place + 56, 312, name, size=20)
    words(axes, 288, 20, "the gold label", bold=True)
    words(axes, 868, 20, "the teacher: logits 6, 2, −1 (an example)", bold=True)
    _softened(axes, 700, 1)
    return axes.figure


@picture
def temperatures() -> Figure:
    """The same logits at three temperatures: the order stays, the distances shrink."""
    axes = canvas(330)
    for x, temperature in ((10, 1), (412, 4), (814, 16)):
        words(axes, x + 168, 20, f"T = {temperature}", bold=True)
        _softened(axes, x, temperature)
    return axes.figure


@picture
def divergence() -> Figure:
    """Two distributions, side by side: the loss moves every class of the student towards the teacher's."""
    axes = canvas(320)
    teacher, student, tall = [0.65, 0.24, 0.11], [0.4, 0.25, 0.35], 390
    for place, name in enumerate(CLASSES):
        x = 330 + 270 * place
        shares(axes, x, 280, [teacher[place]], GREY, width=95, height=tall, frozen=True)
        shares(axes, x + 95, 280, [student[place]], BLUE, width=95, height=tall)
        words(axes, x + 95, 302, name, size=22)
        if abs(teacher[place] - student[place]) > 0.1:
            start, end = 280 - tall * student[place], 280 - tall * teacher[place]
            arrow(axes, (x + 205, start), (x + 205, end), colour=PINK)
    box(axes, 10, 60, 240, 70, "teacher: p", frozen=True, size=26)
    box(axes, 10, 160, 240, 70, "student: q", solid=True, size=26)
    return axes.figure


@picture
def same_answers() -> Figure:
    """Logits that differ by the same amount everywhere: the same answer, yet another level."""
    axes = canvas(250)
    for y, name, logits, colour in ((10, "teacher", "6, 2, −1", GREY), (130, "student", "4, 0, −3", BLUE)):
        box(axes, 10, y + 10, 190, 80, name, frozen=colour == GREY, solid=colour == BLUE, size=26)
        words(axes, 320, y + 50, logits, size=28)
        arrow(axes, (430, y + 50), (580, y + 50), text="softmax", size=22)
        shares(axes, 600, y + 100, [0.98, 0.018, 0.002], colour, width=60, height=90, frozen=colour == GREY)
    words(axes, 850, 70, "KL = 0", align="left", bold=True, size=30)
    words(axes, 850, 150, "MSE = 4", align="left", bold=True, size=30)
    words(axes, 850, 215, "(an example)", align="left", size=20, colour=GREY)
    return axes.figure


@picture
def two_losses() -> Figure:
    """The student between its two teachings: the teacher's logits, and a gold label where there is one."""
    axes = canvas(390)
    box(axes, 10, 60, 240, 140, "teacher's\nlogits", frozen=True, size=28)
    box(axes, 460, 60, 240, 140, "student's\nlogits", solid=True, size=28)
    box(axes, 910, 60, 240, 140, "gold label", colour=GREEN, size=28)
    arrow(axes, (255, 130), (455, 130), colour=PINK)
    words(axes, 355, 98, "α · KD loss", size=26)
    arrow(axes, (905, 130), (705, 130), colour=PINK)
    words(axes, 805, 98, "(1 − α) · gold", size=26)
    words(axes, 130, 240, "for every sentence")
    words(axes, 1030, 240, "where there is one")
    words(axes, 355, 330, "α = 1: the teacher alone", size=26)
    words(axes, 805, 330, "α = 0: the labels alone", size=26)
    return axes.figure


@picture
def recovered_gap() -> Figure:
    """Accuracy of the teacher and of the students, from the shipped rows of notebook 02."""
    lines = [
        ("teacher", "the teacher"),
        ("KD and gold, all sentences", "student: KD and gold, all text"),
        ("logit MSE, all sentences", "student: MSE of logits, all text"),
        ("KD, all sentences", "student: KD, all text"),
        ("KD, labelled sentences", "student: KD, labelled text only"),
        ("gold labels", "student: gold labels"),
    ]
    found = [runs("02", method=method) for method, _ in lines]
    figure, axes = chart(430)
    shown = axes.barh([name for _, name in lines], [run.mean() for run in found], xerr=[run.std() for run in found],
                      color=[GREY] + [BLUE] * 4 + [GREEN], capsize=6)  # fmt: skip
    axes.bar_label(shown, fmt="%.1f", padding=10, fontsize=17)
    axes.invert_yaxis()
    axes.set(xlim=(0, 112), xlabel="accuracy (%)", title="English sentiment, mean and spread over the seeds")
    return figure


@picture
def unlabelled_text() -> Figure:
    """Accuracy over the amount of unlabelled text, from the shipped rows of notebook 02."""
    rows = results.load("02", track="bundled", own=False)
    rows = rows[rows["exhibit"] == "E08"]
    by_times = rows.assign(value=rows["value"] * 100).groupby("times")["value"].agg(["mean", "std"])
    figure, axes = chart(530)
    axes.errorbar(
        range(len(by_times)), by_times["mean"], yerr=by_times["std"], color=BLUE, marker="o", capsize=8
    )
    for at, level, colour, style, text in (
        (-0.25, runs("02", method="teacher").mean(), GREY, "--", "the teacher"),
        (3.45, runs("02", method="gold labels").mean(), GREEN, ":", "student, gold labels alone"),
    ):
        axes.axhline(level, color=colour, linestyle=style)
        axes.text(at, level - 1.2, text, ha="left" if at < 0 else "right", va="top", fontsize=17)
    for place, value in enumerate(by_times["mean"]):
        axes.text(place + 0.1, value - 1.5, f"{value:.1f}", ha="left", va="top", fontsize=17, color=BLUE)
    axes.set_xticks(range(len(by_times)), [f"{times:.0f}x" for times in by_times.index])
    axes.set(xlim=(-0.3, 3.5), ylim=(50, 100), xlabel="unlabelled text (1x: a thousand sentences)",
             ylabel="accuracy (%)", title="KD without gold labels: mean and spread over the seeds")  # fmt: skip
    return figure
