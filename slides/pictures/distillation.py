"""The pictures of deck 02 on logits: the gap, the teacher's answer, temperature, the losses, what goes wrong."""

import math

import numpy as np
import pandas as pd
from draw import BLACK, BLUE, GREEN, GREY, PINK, arrow, box, canvas, chart, words
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils import results
from pictures import picture


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
    axes = canvas(400)
    told = results.paper("E06")["accuracy"]
    ours = runs("02", exhibit="E06").mean(), runs("02", method="gold labels").mean()
    sizes = [results.load("02", own=False).query("method == @name")["trainable_parameters"].iloc[0]
             for name in ("teacher", "gold labels")]  # fmt: skip
    small = 230 * math.sqrt(sizes[1] / sizes[0])
    panels = (
        (20, "an illustration", tuple(told), 75, ("large model", "small model")),
        (620, "this course, measured", ours, small, ("teacher", "student")),
    )
    for left, title, (high, low), side, names in panels:
        words(axes, left + 270, 22, title, bold=True)
        for x, edge, value, name in ((left + 20, 230, high, names[0]), (left + 320, side, low, names[1])):
            size = "" if left == 20 else f"{sizes[edge != 230] / 1e6:.2f} M" + "\nparameters" * (edge == 230)
            box(axes, x, 300 - edge, edge, edge, size, frozen=edge == 230, solid=edge != 230)
            words(axes, x + edge / 2, 328, name)
            words(
                axes,
                x + edge / 2,
                364,
                f"{value:.0f} % right" if left == 20 else f"{value:.1f} % right",
                bold=True,
            )
    axes.plot([590, 590], [10, 385], color=GREY, linewidth=1.5)
    return axes.figure


@picture
def gold_training() -> Figure:
    """Standard training: one text, one student, one right label."""
    axes = canvas(390)
    box(axes, 20, 140, 210, 90, "a sentence", colour=GREY)
    arrow(axes, (235, 185), (335, 185))
    box(axes, 340, 125, 230, 120, "student\n(small)", solid=True, size=28)
    arrow(axes, (575, 185), (690, 185), text="says")
    shares(axes, 710, 250, [0.6, 0.3, 0.1], BLUE)
    words(axes, 785, 275, "probabilities")
    arrow(axes, (955, 195), (870, 195), colour=PINK)
    words(axes, 912, 165, "loss")
    shares(axes, 970, 250, [1, 0, 0], GREEN)
    words(axes, 1045, 275, "gold label")
    words(axes, 915, 360, "bars: positive, neutral, negative (an example)", size=20, colour=GREY)
    return axes.figure


@picture
def teacher_and_student() -> Figure:
    """Distillation: the student's target is what the teacher says."""
    axes = canvas(440)
    box(axes, 20, 170, 210, 90, "a sentence", colour=GREY)
    arrow(axes, (235, 200), (335, 115))
    arrow(axes, (235, 230), (335, 320))
    box(axes, 340, 30, 270, 150, "teacher\n(large, frozen)", frozen=True, size=28)
    box(axes, 340, 260, 230, 120, "student\n(small)", solid=True, size=28)
    arrow(axes, (615, 100), (715, 100), text="says")
    arrow(axes, (575, 320), (715, 320), text="says")
    shares(axes, 730, 150, [0.7, 0.28, 0.02], GREY, frozen=True)
    shares(axes, 730, 375, [0.6, 0.3, 0.1], BLUE)
    arrow(axes, (805, 250), (805, 172), colour=PINK)
    words(axes, 900, 200, "KL divergence:\nbecome like this", align="left", bold=True)
    words(axes, 805, 412, "bars: positive, neutral, negative (an example)", size=20, colour=GREY)
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
    axes = canvas(250)
    teacher, student = [0.65, 0.24, 0.11], [0.4, 0.25, 0.35]
    for place, name in enumerate(CLASSES):
        x = 330 + 260 * place
        shares(axes, x, 215, [teacher[place]], GREY, width=90, height=270, frozen=True)
        shares(axes, x + 90, 215, [student[place]], BLUE, width=90, height=270)
        words(axes, x + 90, 236, name, size=20)
        if abs(teacher[place] - student[place]) > 0.1:
            start, end = 215 - 270 * student[place], 215 - 270 * teacher[place]
            arrow(axes, (x + 195, start), (x + 195, end), colour=PINK)
    box(axes, 10, 40, 240, 60, "teacher: p", frozen=True)
    box(axes, 10, 120, 240, 60, "student: q", solid=True)
    return axes.figure


@picture
def two_losses() -> Figure:
    """The student between its two teachings: the teacher's logits, and a gold label where there is one."""
    axes = canvas(300)
    box(axes, 10, 30, 250, 110, "teacher's\nlogits", frozen=True)
    box(axes, 460, 30, 240, 110, "student's\nlogits", solid=True)
    box(axes, 900, 30, 250, 110, "gold label", colour=GREEN)
    arrow(axes, (265, 85), (455, 85), colour=PINK)
    words(axes, 360, 55, "α · KD loss")
    arrow(axes, (895, 85), (705, 85), colour=PINK)
    words(axes, 800, 55, "(1 − α) · gold", size=23)
    words(axes, 135, 190, "for every sentence")
    words(axes, 1025, 190, "where there is one")
    words(axes, 580, 255, "α = 1: the teacher alone          α = 0: the labels alone")
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
    figure, axes = chart(400)
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
    figure, axes = chart(410)
    axes.errorbar(
        range(len(by_times)), by_times["mean"], yerr=by_times["std"], color=BLUE, marker="o", capsize=8
    )
    for at, level, colour, style, text in (
        (-0.25, runs("02", exhibit="E06").mean(), GREY, "--", "the teacher"),
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
