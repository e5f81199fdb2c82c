"""The pictures of deck 07 on the methods of the course: in one sentence each, side by side, and how to choose."""

import pandas as pd
from draw import BLACK, BLUE, GREY, ORANGE, PINK, arrow, box, canvas, chart, stacked, words
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils.results import comparison
from pictures.registry import picture

WHOLE = "full fine-tuning"
NAMED = {  # the points that have a name, and where it stands: points to the right and up, alignment
    "head only": (14, 0, "left"),
    "(IA)³": (0, 16, "right"),
    "adapters, 1 wide": (10, -10, "left"),
    "BitFit": (4, 16, "left"),
    "LoRA": (-4, 20, "left"),
    "LoRA, rank 16": (0, 16, "center"),
    WHOLE: (0, 18, "right"),
    "gold labels": (-14, 0, "right"),
    "KD, all sentences": (14, -8, "left"),
    "TinyBERT": (14, 6, "left"),
}


@picture
def two_answers() -> Figure:
    """Distillation and parameter-efficient fine-tuning, a drawing each."""
    axes = canvas(330)
    box(axes, 40, 30, 200, 230, "teacher", frozen=True, size=28)
    arrow(axes, (245, 145), (375, 145), text="answers")
    box(axes, 380, 95, 120, 100, "student", colour=BLUE, solid=True, size=24)
    words(axes, 270, 300, "the model gets small", size=26, bold=True)
    box(axes, 700, 30, 230, 230, "", frozen=True)
    words(axes, 815, 70, "base", size=28)
    for y in (115, 165, 215):
        stacked(axes, 720, y, 24, [("", 190, ORANGE)])
    arrow(axes, (1060, 165), (940, 165), colour=PINK)
    words(axes, 1000, 130, "gradients", size=24, colour=PINK)
    words(axes, 880, 300, "the training gets small", size=26, bold=True)
    return axes.figure


def _methods() -> pd.DataFrame:
    """A line for each method that was measured on the sentiment data, from the shipped rows; `student` tells a small
    model of its own from the encoder with a method."""
    lines = comparison.by_method("sentiment_multilingual", track="bundled", own=False)
    small = lines["notebook"].isin(["02", "03"]) & ~lines.index.str.contains("teacher")
    return lines.assign(student=small)


def _dots(axes: Axes, lines: pd.DataFrame) -> None:
    """Accuracy over trained parameters: the encoder with a method, and students."""
    for student, label, colour, marker in (
        (False, "the encoder, with a method", ORANGE, "o"),
        (True, "a student: smaller to use, too", BLUE, "s"),
    ):
        part = lines[lines["student"] == student]
        axes.plot(part["trained"], part["accuracy"], marker, color=colour, label=label, alpha=0.8)
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 0.1))


def _axes(axes: Axes, whole: float) -> None:
    """The axes of the picture of all methods, with a line two points below full fine-tuning."""
    axes.axhline(whole - 2, color=BLACK, linestyle="--", linewidth=2)
    axes.text(4.2e4, whole - 3, "two points below full fine-tuning", fontsize=16, va="top")
    axes.set(xscale="log", xlim=(1.2e4, 2.2e6), ylim=(55, 101), ylabel="test accuracy (%)")
    axes.set_xlabel("trained parameters, head included (log scale)")


@picture
def draw_methods() -> Figure:
    """The question on methods: full fine-tuning, and room for the others."""
    figure, axes = chart(340)
    whole = _methods().loc[WHOLE]
    _axes(axes, whole["accuracy"])
    axes.plot(whole["trained"], whole["accuracy"], "o", color=ORANGE)
    axes.annotate(WHOLE, (whole["trained"], whole["accuracy"]), xytext=(0, 16), textcoords="offset points",
                  fontsize=16, ha="right", va="center")  # fmt: skip
    return figure


@picture
def all_methods() -> Figure:
    """Every method that was measured on the sentiment data: accuracy over what is trained."""
    figure, axes = chart(490)
    lines = _methods()
    _axes(axes, lines.loc[WHOLE, "accuracy"])
    _dots(axes, lines)
    for name, (right, up, align) in NAMED.items():
        axes.annotate(
            name, (lines.loc[name, "trained"], lines.loc[name, "accuracy"]), xytext=(right, up),
            textcoords="offset points", fontsize=16, ha=align, va="center",
        )  # fmt: skip
    return figure


@picture
def choosing() -> Figure:
    """Three questions, and the method that each answer leads to."""
    axes = canvas(400)
    questions = (
        "too large or too\nslow to use?",
        "several tasks\non one base?",
        "does a full step\nfit in memory?",
    )
    for x, text in zip((10, 390, 800), questions, strict=True):
        box(axes, x, 20, 260, 110, text, colour=GREY, size=26)
    for x, end in ((275, 385), (655, 795)):
        arrow(axes, (x, 75), (end, 75), text="no")
    leaves = (
        (10, "distil\na student", BLUE, "yes", "notebooks 02 to 04"),
        (375, "adapters, (IA)³,\nLoRA, prompts", ORANGE, "yes", "notebooks 07 to 11"),
        (695, "full\nfine-tuning", BLUE, "yes", "notebook 00"),
        (935, "LoRA,\nmerged", ORANGE, "no", "notebook 11"),
    )
    for (x, text, colour, word, where), start in zip(leaves, (140, 520, 870, 1000), strict=True):
        width = 210 if x > 600 else 290 if x > 300 else 260
        arrow(axes, (start, 135), (x + width / 2, 220))
        words(
            axes,
            (start + x + width / 2) / 2 + (38 if start > 900 or start < 860 else -38),
            172,
            word,
            size=22,
        )
        box(axes, x, 225, width, 100, text, colour=colour, solid=True, size=25)
        words(axes, x + width / 2, 355, where, size=22, colour=GREY)
    return axes.figure
