"""The pictures of deck 02: distillation of logits, of the inside, of sequences."""

from draw import AMBER, BLUE, GREEN, GREY, ORANGE, arrow, box, canvas, chart, words
from matplotlib.figure import Figure

from course_utils import results
from pictures import picture


@picture
def gold_training() -> Figure:
    """Standard training: one text, one student, one right label."""
    axes = canvas(330)
    box(axes, 20, 120, 220, 90, "a sentence", colour=GREY)
    arrow(axes, (245, 165), (345, 165))
    box(axes, 350, 105, 250, 120, "student\n(small)", colour=BLUE, solid=True, size=28)
    arrow(axes, (605, 165), (705, 165), text="says")
    box(axes, 710, 120, 200, 90, "0.6, 0.3, 0.1", colour=BLUE)
    arrow(axes, (1010, 80), (880, 112), colour=ORANGE)
    words(axes, 1030, 45, "gold label: 1, 0, 0", colour=ORANGE)
    words(axes, 640, 285, "loss: how far the student's answer is from the label that people gave", size=24)
    return axes.figure


@picture
def teacher_and_student() -> Figure:
    """Distillation: the student's target is what the teacher says."""
    axes = canvas(420)
    box(axes, 20, 165, 210, 90, "a sentence", colour=GREY)
    arrow(axes, (235, 195), (335, 100))
    arrow(axes, (235, 225), (335, 320))
    box(axes, 340, 30, 270, 140, "teacher\n(large, frozen)", frozen=True, size=28)
    box(axes, 340, 260, 270, 120, "student\n(small)", colour=BLUE, solid=True, size=28)
    arrow(axes, (615, 100), (705, 100), text="says")
    arrow(axes, (615, 320), (705, 320), text="says")
    box(axes, 710, 55, 220, 90, "0.7, 0.28, 0.02", colour=ORANGE)
    box(axes, 710, 275, 220, 90, "0.6, 0.3, 0.1", colour=BLUE)
    arrow(axes, (820, 150), (820, 268), colour=ORANGE)
    words(axes, 845, 210, "KL divergence:\nmove towards this", align="left", colour=ORANGE)
    return axes.figure


@picture
def recovered_gap() -> Figure:
    """Accuracy of the teacher and of the students, from the shipped rows of notebook 02."""
    lines = [
        ("teacher", "E06"),
        ("KD, all sentences", "E07"),
        ("KD and gold, all sentences", "E07"),
        ("gold labels", "E07"),
    ]
    rows = results.load("02", track="bundled", own=False)
    runs = [
        rows[(rows["method"] == method) & (rows["exhibit"] == exhibit)]["value"] * 100
        for method, exhibit in lines
    ]
    figure, axes = chart(400)
    shown = axes.barh([name for name, _ in lines], [run.mean() for run in runs], xerr=[run.std() for run in runs],
                      color=[GREY, ORANGE, AMBER, GREEN], capsize=6)  # fmt: skip
    axes.bar_label(shown, fmt="%.1f", padding=10, fontsize=17)
    axes.invert_yaxis()
    axes.set(
        xlim=(0, 112), xlabel="accuracy (%)", title="English sentiment, mean and spread of the shipped runs"
    )
    return figure
