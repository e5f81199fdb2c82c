"""The pictures of deck 02 on what goes wrong in distillation of logits."""

import numpy as np
from draw import AMBER, BLUE, GREY, arrow, box, canvas, chart, words
from matplotlib.figure import Figure

from pictures.distillation import runs
from pictures.registry import picture


@picture
def by_id_or_order() -> Figure:
    """The teacher's logits kept by the sentence's number, and kept in the order in which the batches came."""
    axes = canvas(540)
    arrived = [3, 0, 4, 1, 2]
    for left, title, kept in ((20, "kept by id", range(5)), (620, "kept by order of arrival", arrived)):
        words(axes, left + 250, 22, title, bold=True, size=28)
        words(axes, left + 95, 75, "sentence", size=22)
        words(axes, left + 350, 75, "teacher's answer to", size=22)
        for row, whose in enumerate(kept):
            y = 105 + 70 * row
            box(axes, left + 20, y, 150, 58, f"{row}", colour=GREY, size=28)
            arrow(axes, (left + 175, y + 29), (left + 245, y + 29))
            box(axes, left + 250, y, 200, 58, f"{whose}", frozen=True, size=28)
            words(axes, left + 480, y + 29, "✓" if whose == row else "✗", bold=True, size=30)
    for left, method in ((20, "KD, all sentences"), (620, "KD, logits kept by order (a mistake)")):
        words(
            axes,
            left + 250,
            500,
            f"the student: {runs('02', method=method).mean():.1f} % right",
            bold=True,
            size=28,
        )
    axes.plot([580, 580], [10, 525], color=GREY, linewidth=1.5)
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
    figure, axes = chart(460)
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
