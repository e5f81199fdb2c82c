"""The pictures of deck 02 on what goes wrong in distillation of logits."""

import numpy as np
from draw import AMBER, BLUE, GREY, arrow, box, canvas, chart, words
from matplotlib.figure import Figure

from pictures import picture
from pictures.distillation import runs


@picture
def by_id_or_order() -> Figure:
    """The teacher's logits kept by the sentence's number, and kept in the order in which the batches came."""
    axes = canvas(390)
    arrived = [3, 0, 4, 1, 2]
    for left, title, kept in ((40, "kept by id", range(5)), (640, "kept by order of arrival", arrived)):
        words(axes, left + 240, 20, title, bold=True)
        words(axes, left + 95, 62, "sentence", size=20)
        words(axes, left + 350, 62, "the teacher's answer to", size=20)
        for row, whose in enumerate(kept):
            y = 82 + 48 * row
            box(axes, left + 20, y, 150, 38, f"{row}", colour=GREY, size=22)
            arrow(axes, (left + 175, y + 19), (left + 245, y + 19))
            box(axes, left + 250, y, 200, 38, f"{whose}", frozen=True, size=22)
            words(axes, left + 475, y + 19, "✓" if whose == row else "✗", bold=True)
    for left, method in ((40, "KD, all sentences"), (640, "KD, logits kept by order (a mistake)")):
        words(
            axes,
            left + 240,
            350,
            f"the student: {runs('02', method=method).mean():.1f} % right",
            bold=True,
            size=26,
        )
    axes.plot([580, 580], [10, 375], color=GREY, linewidth=1.5)
    return axes.figure


def _pull(student: np.ndarray, target: np.ndarray, temperature: float, factor: float) -> float:
    """How long the gradient of the softened KL divergence is, taken with respect to the student's logits."""
    soft = [
        np.exp(z / temperature) / np.exp(z / temperature).sum(axis=1, keepdims=True)
        for z in (student, target)
    ]
    return float(np.linalg.norm(factor * (soft[0] - soft[1]) / temperature))


@picture
def squared_or_not() -> Figure:
    """The teacher's gradient beside the gold label's, over the temperature, with the factor and without it."""
    student, teacher = np.random.default_rng(0).normal(size=(2, 8, 3))
    labels = np.eye(3)[np.arange(8) % 3]
    soft = np.exp(student) / np.exp(student).sum(axis=1, keepdims=True)
    gold = np.linalg.norm(soft - labels)
    heat = np.linspace(1, 8, 29)
    figure, axes = chart(380)
    for factor, colour, style, text, at in (
        (lambda t: t**2, BLUE, "-", "with T²", 0.06),
        (lambda t: 1.0, AMBER, "--", "T² forgotten", 0.08),
    ):
        line = [_pull(student, teacher, t, factor(t)) / gold for t in heat]
        axes.plot(heat, line, style, color=colour)
        axes.text(8, line[-1] + at, text, ha="right", va="bottom", fontsize=18)
    axes.set(xlabel="temperature T", ylabel="teacher's gradient\n/ gold gradient", ylim=(0, 1.2),
             title="Computed for eight random answers of three classes")  # fmt: skip
    return figure
