"""The pictures of deck 02 on sequences: word by word, whole sentences, beam search, chat models."""

from draw import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, PINK, arrow, box, canvas, chart, words
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from course_utils import results
from pictures import picture
from pictures.distillation import shares


@picture
def word_level() -> Figure:
    """At each place of a given translation the student copies the teacher's distribution over the next word."""
    axes = canvas(440)
    read = ("‹start›", "Bakso", "itu", "enak")
    teacher = ([0.5, 0.4, 0.1], [0.1, 0.7, 0.2], [0.2, 0.2, 0.6], [0.9, 0.05, 0.05])
    student = ([0.3, 0.3, 0.4], [0.3, 0.4, 0.3], [0.4, 0.2, 0.4], [0.6, 0.2, 0.2])
    box(axes, 10, 45, 200, 90, "teacher", frozen=True)
    box(axes, 10, 190, 200, 90, "student", solid=True)
    words(axes, 110, 340, "the word before", size=22)
    words(axes, 110, 398, "gold word", size=22)
    for place, word in enumerate(read):
        x = 270 + 225 * place
        shares(axes, x, 135, teacher[place], GREY, frozen=True, height=100)
        shares(axes, x, 280, student[place], BLUE, height=100)
        arrow(axes, (x + 75, 182), (x + 75, 142), colour=PINK)
        words(axes, x + 110, 162, "KL", size=22)
        box(axes, x - 12, 316, 180, 48, word, colour=GREY, size=22)
        words(axes, x + 75, 398, (*read[1:], "‹end›")[place], size=22, bold=True)
    words(
        axes,
        270,
        16,
        "bars: three of all the words that could come next (an example)",
        align="left",
        size=20,
        colour=GREY,
    )
    return axes.figure


@picture
def sequence_level() -> Figure:
    """The teacher translates the training text; the student learns from its sentences as if they were gold."""
    axes = canvas(300)
    box(axes, 10, 30, 210, 110, "sources of\nthe train split", colour=GREY, size=22)
    arrow(axes, (225, 85), (295, 85))
    box(axes, 300, 30, 220, 110, "teacher\nwith a beam", frozen=True)
    arrow(axes, (525, 85), (605, 85))
    box(axes, 610, 30, 230, 110, "what the\nteacher wrote", colour=GREY)
    arrow(axes, (845, 85), (935, 85), colour=PINK)
    words(axes, 890, 55, "loss", size=22)
    box(axes, 940, 30, 210, 110, "student", solid=True)
    box(axes, 610, 195, 230, 90, "gold text", colour=GREEN)
    axes.plot([620, 830], [285, 195], color=BLACK, linewidth=4)
    words(axes, 870, 240, "not used", align="left", size=22)
    words(axes, 410, 180, "once, before training", size=22)
    return axes.figure


@picture
def beam_tree() -> Figure:
    """Two beginnings are kept at each step; the greedy first choice leads to a less likely sentence."""
    axes = canvas(430)
    first = (("Bakso", 0.5, 60, True), ("Baksonya", 0.4, 220, True), ("Daging", 0.1, 370, False))
    second = (
        ("Bakso itu", 0.5 * 0.4, 20, 60, True),
        ("Bakso tersebut", 0.5 * 0.3, 120, 60, False),
        ("Baksonya enak", 0.4 * 0.9, 220, 220, True),
        ("Baksonya lezat", 0.4 * 0.1, 320, 220, False),
    )
    box(axes, 10, 195, 130, 66, "‹start›", colour=GREY)
    for text, share, y, kept in first:
        box(axes, 260, y - 20, 200, 66, text, solid=kept, frozen=not kept)
        arrow(axes, (145, 228), (255, y + 12), colour=BLUE if kept else GREY, dashed=not kept)
        words(axes, 475, y - 14, f"{share:.1f}", align="left")
    for text, share, y, start, kept in second:
        box(axes, 660, y - 20 + 20, 240, 66, text, solid=kept, frozen=not kept)
        arrow(axes, (465, start + 14), (655, y + 33), colour=BLUE if kept else GREY, dashed=not kept)
        words(axes, 915, y + 33, f"{share:.2f}", align="left", bold=kept)
    words(axes, 1000, 53, "greedy", align="left", bold=True)
    words(axes, 1000, 253, "the best", align="left", bold=True)
    words(
        axes,
        500,
        415,
        "filled: kept (K = 2); grey: dropped. Probabilities: an example.",
        align="left",
        size=20,
        colour=GREY,
    )
    return axes.figure


@picture
def interpolation() -> Figure:
    """Of the teacher's beam, the sentence nearest to gold is taken, and the teacher is tuned on it."""
    axes = canvas(420)
    words(axes, 250, 20, "the teacher's beam", bold=True)
    words(axes, 985, 20, "what people wrote", bold=True)
    for place, (text, taken) in enumerate(
        (("Bakso itu enak.", False), ("Baksonya lezat.", False), ("Baksonya enak sekali.", True))
    ):
        y = 50 + 84 * place
        words(axes, 20, y + 33, f"{place + 1}.", align="left")
        box(axes, 70, y, 370, 68, text, frozen=not taken, solid=taken, colour=ORANGE)
        arrow(axes, (445, y + 34), (795, 168), colour=ORANGE if taken else GREY, dashed=not taken)
    box(axes, 800, 118, 350, 100, "Bakso ini enak sekali.", colour=GREEN)
    words(axes, 800, 285, "the nearest, by BLEU of one sentence", size=22)
    arrow(axes, (255, 292), (255, 345), colour=ORANGE)
    box(axes, 105, 348, 300, 66, "tune the teacher", colour=ORANGE)
    words(
        axes,
        430,
        381,
        "likely for the teacher, and close to gold (an example)",
        align="left",
        size=22,
        colour=GREY,
    )
    return axes.figure


@picture
def alpaca() -> Figure:
    """The chat model writes instructions, near copies are dropped, it answers the rest, a base learns the answers."""
    axes = canvas(440)
    box(axes, 10, 40, 220, 100, "a few tasks\nby people", colour=GREEN, size=22)
    arrow(axes, (235, 90), (305, 90), text="shown")
    box(axes, 310, 30, 230, 120, "chat model\nwrites tasks", frozen=True)
    arrow(axes, (545, 90), (635, 90))
    box(axes, 640, 40, 230, 100, "new tasks", colour=GREY)
    arrow(axes, (875, 90), (945, 90))
    box(axes, 950, 40, 200, 100, "drop near\ncopies", colour=GREY)
    arrow(axes, (1050, 145), (1050, 255))
    box(axes, 920, 260, 230, 120, "chat model\nanswers", frozen=True)
    arrow(axes, (915, 320), (845, 320))
    box(axes, 610, 270, 230, 100, "tasks and\nanswers", colour=GREY)
    arrow(axes, (605, 320), (515, 320), colour=PINK)
    words(axes, 560, 290, "loss", size=22)
    box(axes, 310, 265, 200, 110, "small base\nmodel", solid=True)
    arrow(axes, (305, 320), (235, 320), colour=BLUE)
    words(axes, 120, 320, "a chat model", bold=True)
    words(axes, 580, 420, "only text passes from one model to the other", size=22, colour=GREY)
    return axes.figure


def _turn(axes: Axes, x: float, y: float, text: str, learned: bool) -> None:
    face, edge = (PINK, PINK) if learned else (PALE, GREY)
    axes.add_patch(FancyBboxPatch((x, y), 480, 46, boxstyle="round,pad=4,rounding_size=18", facecolor=face,
                                  edgecolor=edge, linewidth=2.5, alpha=0.45 if learned else 1))  # fmt: skip
    label = words(axes, x + 240, y + 23, text, size=22)
    label.set_gid(f"in {x} {y} {x + 480} {y + 46}")


@picture
def vicuna() -> Figure:
    """Users share their conversations with a chat model; the base learns the assistant's turns only."""
    axes = canvas(420)
    turns = (
        ("What is the opposite of clean?", False),
        ("dirty", True),
        ("What about weak?", False),
        ("strong", True),
    )
    for place, (text, learned) in enumerate(turns):
        y = 30 + 84 * place
        box(
            axes,
            10,
            y - 6,
            190,
            58,
            "chat model" if learned else "a user",
            frozen=learned,
            colour=GREEN,
            size=22,
        )
        _turn(axes, 270 if learned else 220, y, text, learned)
    arrow(axes, (770, 140), (915, 180), colour=PINK)
    arrow(axes, (770, 305), (915, 230), colour=PINK)
    box(axes, 920, 150, 230, 110, "small base\nmodel", solid=True)
    words(axes, 1040, 300, "loss on the pink\nturns alone", size=22)
    words(axes, 420, 395, "a shared conversation", size=22, colour=GREY)
    return axes.figure


@picture
def answers_and_follow_ups() -> Figure:
    """Right answers of base, tuned and chat model, to a question and to what follows, from notebook 04's rows."""
    rows = results.load("04", track="bundled", own=False)
    names = {"base": "base (as LLaMA)", "instructions": "instructions (as Alpaca)",
             "conversations": "conversations (as Vicuna)", "chat model": "the chat model"}  # fmt: skip
    figure, axes = chart(350)
    for asked, shift, colour, hatch in (("question", -0.2, BLUE, ""), ("follow-up", 0.2, "#9CCBE8", "//")):
        found = [rows[(rows["method"] == name) & (rows["asked"] == asked)]["value"] * 100 for name in names]
        shown = axes.barh([place + shift for place in range(4)], [run.mean() for run in found], height=0.38,
                          color=colour, hatch=hatch, edgecolor="white", label=asked)  # fmt: skip
        axes.bar_label(shown, fmt="%.1f", padding=8, fontsize=16)
    axes.set_yticks(range(4), list(names.values()))
    axes.invert_yaxis()
    axes.set(xlim=(0, 115), xlabel="right answers (%), mean over the seeds")
    figure.legend(loc="outside right center")
    return figure
