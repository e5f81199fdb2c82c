"""The pictures of deck 02 on sequences: word by word, whole sentences, beam search, chat models."""

from draw import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, PINK, arrow, box, canvas, chart, words
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from course_utils import results
from pictures.distillation import shares
from pictures.registry import picture


@picture
def word_level() -> Figure:
    """At each place of a given translation the student copies the teacher's distribution over the next word."""
    axes = canvas(540)
    read = ("‹start›", "Bakso", "itu", "enak")
    teacher = ([0.5, 0.4, 0.1], [0.1, 0.7, 0.2], [0.2, 0.2, 0.6], [0.9, 0.05, 0.05])
    student = ([0.3, 0.3, 0.4], [0.3, 0.4, 0.3], [0.4, 0.2, 0.4], [0.6, 0.2, 0.2])
    box(axes, 10, 55, 200, 110, "teacher", frozen=True, size=28)
    box(axes, 10, 250, 200, 110, "student", solid=True, size=28)
    words(axes, 110, 428, "the word before")
    words(axes, 110, 505, "gold word")
    for place, word in enumerate(read):
        x = 270 + 225 * place
        shares(axes, x, 165, teacher[place], GREY, frozen=True, height=130, width=55)
        shares(axes, x, 360, student[place], BLUE, height=130, width=55)
        arrow(axes, (x + 82, 240), (x + 82, 175), colour=PINK)
        words(axes, x + 125, 210, "KL", bold=True)
        box(axes, x - 10, 400, 185, 56, word, colour=GREY)
        words(axes, x + 82, 505, (*read[1:], "‹end›")[place], bold=True)
    words(axes, 270, 16, "bars: three of all the words that could come next (an example)", align="left", size=20,
          colour=GREY)  # fmt: skip
    return axes.figure


@picture
def sequence_level() -> Figure:
    """The teacher translates the training text; the student learns from its sentences as if they were gold."""
    axes = canvas(390)
    box(axes, 10, 40, 210, 140, "sources of\nthe train split", colour=GREY, size=23)
    arrow(axes, (225, 110), (295, 110))
    box(axes, 300, 40, 220, 140, "teacher\nwith a beam", frozen=True, size=26)
    arrow(axes, (525, 110), (605, 110))
    box(axes, 610, 40, 230, 140, "what the\nteacher wrote", colour=GREY, size=26)
    arrow(axes, (845, 110), (935, 110), colour=PINK)
    words(axes, 890, 78, "loss", bold=True)
    box(axes, 940, 40, 210, 140, "student", solid=True, size=28)
    box(axes, 610, 255, 230, 110, "gold text", colour=GREEN, size=26)
    words(axes, 870, 310, "not used", align="left", size=26)
    words(axes, 410, 225, "once, before training")
    return axes.figure


@picture
def beam_tree() -> Figure:
    """Two beginnings are kept at each step; the greedy first choice leads to a less likely sentence."""
    axes = canvas(540)
    first = (("Bakso", 0.5, 75, True), ("Baksonya", 0.4, 275, True), ("Daging", 0.1, 440, False))
    second = (
        ("Bakso itu", 0.5 * 0.4, 25, 75, True),
        ("Bakso tersebut", 0.5 * 0.3, 145, 75, False),
        ("Baksonya enak", 0.4 * 0.9, 275, 275, True),
        ("Baksonya lezat", 0.4 * 0.1, 395, 275, False),
    )
    box(axes, 10, 240, 130, 80, "‹start›", colour=GREY)
    for text, share, y, kept in first:
        box(axes, 260, y, 200, 80, text, colour=BLACK, solid=kept, frozen=not kept, size=26)
        arrow(axes, (145, 280), (255, y + 40), colour=BLACK if kept else GREY, dashed=not kept)
        words(axes, 472, y + 4, f"{share:.1f}", align="left", size=26)
    for text, share, y, start, kept in second:
        box(axes, 650, y, 240, 80, text, colour=BLACK, solid=kept, frozen=not kept)
        arrow(axes, (465, start + 45), (645, y + 40), colour=BLACK if kept else GREY, dashed=not kept)
        words(axes, 905, y + 40, f"{share:.2f}", align="left", bold=kept, size=26)
    words(axes, 1000, 65, "greedy", align="left", bold=True, size=26)
    words(axes, 1000, 315, "the best", align="left", bold=True, size=26)
    words(axes, 500, 520, "filled: kept (K = 2); dashed: dropped. Probabilities: an example.", align="left", size=20,
          colour=GREY)  # fmt: skip
    return axes.figure


@picture
def interpolation() -> Figure:
    """Of the teacher's beam, the sentence nearest to gold is taken, and the teacher is tuned on it."""
    axes = canvas(530)
    words(axes, 255, 24, "the teacher's beam", bold=True, size=28)
    words(axes, 970, 24, "what people wrote", bold=True, size=28)
    beam = (("Bakso itu enak.", False), ("Baksonya lezat.", False), ("Baksonya enak sekali.", True))
    for place, (text, taken) in enumerate(beam):
        y = 65 + 100 * place
        words(axes, 20, y + 40, f"{place + 1}.", align="left", size=26)
        box(axes, 70, y, 370, 80, text, frozen=not taken, solid=taken, colour=ORANGE, size=26)
        arrow(axes, (445, y + 40), (785, 205), colour=ORANGE if taken else GREY, dashed=not taken)
    box(axes, 790, 150, 360, 110, "Bakso ini enak sekali.", colour=GREEN, size=26)
    words(axes, 800, 315, "the nearest, by BLEU of one sentence", size=23)
    arrow(axes, (255, 350), (255, 415), colour=ORANGE)
    box(axes, 90, 420, 330, 84, "tune the teacher", colour=ORANGE, size=28)
    words(
        axes,
        450,
        462,
        "likely for the teacher, and close to gold (an example)",
        align="left",
        size=23,
        colour=GREY,
    )
    return axes.figure


@picture
def alpaca() -> Figure:
    """The chat model writes instructions, near copies are dropped, it answers the rest, a base learns the answers."""
    axes = canvas(540)
    box(axes, 10, 40, 200, 130, "a few tasks\nby people", colour=GREEN)
    arrow(axes, (215, 105), (315, 105), text="shown", size=22)
    box(axes, 320, 30, 240, 150, "chat model\nwrites tasks", frozen=True, size=26)
    arrow(axes, (565, 105), (645, 105))
    box(axes, 650, 40, 220, 130, "new tasks", colour=GREY, size=26)
    arrow(axes, (875, 105), (935, 105))
    box(axes, 940, 40, 210, 130, "drop near\ncopies", colour=GREY, size=26)
    arrow(axes, (1045, 175), (1045, 295))
    box(axes, 920, 300, 230, 150, "chat model\nanswers", frozen=True, size=26)
    arrow(axes, (915, 375), (855, 375))
    box(axes, 620, 310, 230, 130, "tasks and\nanswers", colour=GREY, size=26)
    arrow(axes, (615, 375), (525, 375), colour=PINK)
    words(axes, 570, 343, "loss", bold=True)
    box(axes, 300, 305, 220, 140, "small base\nmodel", solid=True, size=28)
    arrow(axes, (295, 375), (235, 375), colour=BLUE)
    words(axes, 115, 375, "a chat model", bold=True, size=28)
    words(axes, 580, 505, "only text passes from one model to the other", colour=GREY)
    return axes.figure


def _turn(axes: Axes, x: float, y: float, text: str, learned: bool) -> None:
    face, edge = (PINK, PINK) if learned else (PALE, GREY)
    axes.add_patch(FancyBboxPatch((x, y), 480, 66, boxstyle="round,pad=4,rounding_size=18", facecolor=face,
                                  edgecolor=edge, linewidth=2.5, alpha=0.45 if learned else 1))  # fmt: skip
    label = words(axes, x + 240, y + 33, text, size=26)
    label.set_gid(f"in {x} {y} {x + 480} {y + 66}")


@picture
def vicuna() -> Figure:
    """Users share their conversations with a chat model; the base learns the assistant's turns only."""
    axes = canvas(530)
    turns = (
        ("What is the opposite of clean?", False),
        ("dirty", True),
        ("What about weak?", False),
        ("strong", True),
    )
    for place, (text, learned) in enumerate(turns):
        y = 30 + 105 * place
        box(axes, 10, y - 5, 190, 76, "chat model" if learned else "a user", frozen=learned, colour=GREEN)
        _turn(axes, 280 if learned else 230, y, text, learned)
    arrow(axes, (785, 170), (905, 210), colour=PINK)
    arrow(axes, (785, 375), (905, 280), colour=PINK)
    box(axes, 910, 175, 240, 140, "small base\nmodel", solid=True, size=28)
    words(axes, 1030, 365, "loss on the pink\nturns alone")
    words(axes, 420, 480, "a shared conversation", colour=GREY)
    return axes.figure


@picture
def three_ways() -> Figure:
    """The three things that a student can copy of a teacher."""
    axes = canvas(370)
    axes.figure.set_facecolor("none")  # it lies on the coloured ground of a question
    box(axes, 10, 10, 270, 345, frozen=True)
    words(axes, 145, 182, "teacher", size=30, bold=True)
    box(axes, 900, 60, 240, 245, "student", solid=True, size=30)
    for place, text in enumerate(("what it says: logits, no labels needed", "how it gets there: layers, projection",
                                  "what it writes: whole sentences")):  # fmt: skip
        y = 90 + 100 * place
        arrow(axes, (285, y), (895, y), colour=PINK)
        words(axes, 590, y - 26, text, size=26)
    return axes.figure


@picture
def answers_and_follow_ups() -> Figure:
    """Right answers of base, tuned and chat model, to a question and to what follows, from notebook 04's rows."""
    rows = results.load("04", track="bundled", own=False)
    names = {"base": "base (as LLaMA)", "instructions": "instructions (as Alpaca)",
             "conversations": "conversations (as Vicuna)", "chat model": "the chat model"}  # fmt: skip
    figure, axes = chart(400)
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
