"""The pictures of deck 05: what a prompt is to a model, and how it is learned.

A frozen model is grey and dashed, the reader's text grey, vectors from the table blue, trained vectors orange.
"""

from collections.abc import Sequence

from draw import BLACK, BLUE, GREY, ORANGE, PINK, arrow, box, canvas, words
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pictures.registry import picture

SHADES = (0.95, 0.45, 0.7, 0.25)  # how dark the numbers of a drawn vector are


def vector(
    axes: Axes, x: float, y: float, colour: str, turn: int = 0, cell: float = 24, width: float = 44
) -> None:
    """A standing vector of four numbers, as shades of a colour; `turn` makes another one of it."""
    for row in range(4):
        shade = SHADES[(row * 3 + turn) % 4]
        axes.add_patch(
            Rectangle((x, y + row * cell), width, cell, facecolor=colour, alpha=shade, edgecolor="none")
        )
    axes.add_patch(Rectangle((x, y), width, 4 * cell, fill=False, edgecolor=colour, linewidth=2))


def tokens(
    axes: Axes, x: float, y: float, texts: Sequence[str], step: float = 110, colour: str = GREY
) -> None:
    """Tokens in a row, each in a box of its own."""
    for number, text in enumerate(texts):
        box(axes, x + number * step, y, step - 8, 54, text, colour=colour, size=22)


@picture
def prompt_recap() -> Figure:
    """A description and a text go into a large frozen model, which goes on with a word."""
    axes = canvas(400)
    box(axes, 20, 60, 430, 200, "", colour=GREY)
    words(axes, 235, 110, "Is this review good or bad?", size=26, bold=True)
    words(axes, 235, 160, "The soup was cold.", size=26)
    words(axes, 235, 210, "Answer:", size=26)
    arrow(axes, (460, 160), (550, 160))
    box(axes, 555, 50, 330, 220, "a large\nlanguage model\n(no weight moves)", frozen=True, size=28)
    arrow(axes, (890, 160), (975, 160))
    box(axes, 980, 110, 160, 100, "bad", colour=BLUE, solid=True, size=34)
    words(axes, 235, 310, "the prompt", size=26, colour=GREY)
    words(axes, 720, 310, "goes on from it", size=26, colour=GREY)
    words(axes, 1060, 310, "the answer", size=26, colour=GREY)
    return axes.figure


@picture
def embedding_path() -> Figure:
    """Text, its tokens, their numbers, the table of embeddings, the vectors that the first layer gets."""
    axes = canvas(520)
    texts, ids = ("the", "soup", "was", "cold"), (3, 41, 9, 27)
    for y, name in ((24, "text"), (88, "tokens"), (168, "numbers"), (362, "vectors")):
        words(axes, 20, y, name, size=26, align="left", bold=True)
    words(axes, 660, 24, "The soup was cold", size=30)
    tokens(axes, 270, 60, texts, step=200)
    box(
        axes,
        260,
        214,
        800,
        70,
        "table of embeddings: a row for each token of the vocabulary",
        frozen=True,
        size=25,
    )
    box(axes, 260, 436, 800, 74, "first layer", frozen=True, size=28)
    for number, index in enumerate(ids):
        x = 270 + 200 * number + 96
        words(axes, x, 168, str(index), size=28)
        for top, bottom in ((116, 150), (186, 212), (286, 312), (414, 438)):
            arrow(axes, (x, top), (x, bottom))
        vector(axes, x - 22, 314, BLUE, number)
    words(axes, 20, 474, "an example", size=21, colour=GREY, align="left")
    return axes.figure


@picture
def no_exception() -> Figure:
    """The words of the prompt and those of the text become rows of one matrix."""
    axes = canvas(430)
    prompt, text = ("good", "or", "bad", ":"), ("the", "soup", "was", "cold")
    tokens(axes, 120, 60, prompt, 114, BLUE)
    tokens(axes, 596, 60, text, 114)
    words(axes, 344, 26, "the prompt", size=26, bold=True, colour=BLUE)
    words(axes, 820, 26, "the text", size=26, bold=True, colour=GREY)
    for number in range(8):
        x = (120 if number < 4 else 140) + 114 * number + 53
        arrow(axes, (x, 120), (x, 166))
        vector(axes, x - 22, 174, BLUE if number < 4 else GREY, number)
    box(axes, 110, 330, 950, 80, "all layers", frozen=True, size=28)
    for number in range(8):
        x = (120 if number < 4 else 140) + 114 * number + 53
        arrow(axes, (x, 278), (x, 326))
    return axes.figure


@picture
def free_rows() -> Figure:
    """Left, vectors that a table gives for written words; right, vectors that belong to no word and are trained."""
    axes = canvas(440)
    words(axes, 270, 26, "a written prompt", size=28, bold=True)
    tokens(axes, 50, 60, ("good", "or", "bad", ":"), 114)
    box(axes, 50, 160, 440, 66, "table of embeddings", frozen=True)
    words(axes, 880, 26, "a learned prompt", size=28, bold=True)
    words(axes, 880, 130, "no words, no table:\nany numbers will do", size=26)
    for number in range(4):
        x = 103 + 114 * number
        arrow(axes, (x, 118), (x, 156))
        arrow(axes, (x, 230), (x, 266))
        vector(axes, x - 22, 274, BLUE, number)
        vector(axes, x + 610 - 22, 274, ORANGE, number + 1)
    words(axes, 270, 408, "only rows of the table", size=26, colour=GREY)
    words(axes, 880, 408, "found by gradient descent", size=26, colour=ORANGE)
    axes.plot((580, 580), (20, 420), color=GREY, linewidth=2, linestyle=":")
    return axes.figure


@picture
def prompt_tuning() -> Figure:
    """Virtual tokens and embedded text go through frozen layers; the gradient of the loss comes back to the first."""
    axes = canvas(490)
    box(axes, 830, 8, 190, 70, "loss", colour=PINK, size=28)
    for number in range(2):
        box(axes, 120, 110 + 100 * number, 920, 72, f"layer {2 - number} (frozen)", frozen=True, size=28)
        arrow(axes, (880, 108 + 100 * number), (880, 80 + 103 * number))
        arrow(axes, (970, 80 + 103 * number), (970, 108 + 100 * number), colour=PINK)
    for number in range(9):
        x = (150 if number < 4 else 190) + 96 * number
        vector(axes, x, 346, ORANGE if number < 4 else GREY, number, cell=22)
        arrow(axes, (x + 8, 342), (x + 8, 288))
        if number < 4:
            arrow(axes, (x + 40, 288), (x + 40, 342), colour=PINK)
    words(axes, 316, 464, "virtual tokens: trained", size=26, colour=ORANGE, bold=True)
    words(axes, 788, 464, "the text, embedded as ever", size=26, colour=GREY)
    words(axes, 120, 44, "pink: the gradient", size=24, colour=BLACK, align="left")
    return axes.figure


@picture
def nearest_words() -> Figure:
    """Directions of real tokens, and a learned vector that is longer and lies between them: an illustration."""
    axes = canvas(440)
    middle = (330.0, 330.0)
    for (x, y), name in (((110, 250), "a"), ((200, 120), "word"), ((400, 170), "back"), ((500, 290), "the")):
        arrow(axes, middle, (x, y), colour=BLUE)
        words(axes, x + (-14 if x < 330 else 14), y - 18, name, size=24, colour=BLUE)
    arrow(axes, middle, (545, 40), colour=ORANGE)
    words(axes, 560, 36, "learned", size=26, colour=ORANGE, align="left", bold=True)
    words(axes, 640, 140, "The nearest word is not near,", size=26, align="left")
    words(axes, 640, 180, "and the learned vector is longer.", size=26, align="left")
    words(axes, 640, 270, "Put the nearest words in its place,", size=26, align="left")
    words(axes, 640, 310, "and the prompt no longer works.", size=26, align="left")
    words(axes, 330, 410, "two of many dimensions; an illustration", size=21, colour=GREY)
    return axes.figure
