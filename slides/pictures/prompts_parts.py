"""More pictures of deck 05: modular prompts, prefixes in every layer, and padding on the left."""

from draw import AMBER, BLACK, BLUE, GREEN, GREY, ORANGE, PINK, arrow, box, canvas, words
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pictures.memory import tile
from pictures.prompts import vector
from pictures.registry import picture

TASKS = (("reverse", ORANGE), ("drop vowels", GREEN), ("shift, head", AMBER))


@picture
def modular_batch() -> Figure:
    """Three rows of a batch, each with the prompt of its own task in front, go through one frozen model at once."""
    axes = canvas(430)
    words(axes, 231, 26, "one batch, three prompts", size=28, bold=True)
    answers = ("wodniw", "wndw", "xj")
    for number, ((task, colour), answer) in enumerate(zip(TASKS, answers, strict=True)):
        y = 60 + 120 * number
        for place in range(3):
            tile(axes, 20 + 66 * place, y, 60, 84, "", colour)
        words(axes, 118, y + 100, task, size=22)
        box(axes, 222, y - 2, 220, 88, "window =>", colour=GREY, size=26)
        arrow(axes, (446, y + 42), (536, y + 42))
        arrow(axes, (846, y + 42), (926, y + 42))
        box(axes, 930, y - 2, 220, 88, answer, colour=colour, size=26)
    box(axes, 540, 50, 302, 352, "one frozen model", frozen=True, size=28)
    return axes.figure


def stack(axes: Axes, left: float, name: str, everywhere: bool) -> None:
    """Four frozen layers over embedded tokens; trained vectors stand before the text, or before every layer."""
    words(axes, left + 320, 22, name, size=28, bold=True)
    for layer in range(4):
        y = 50 + 84 * layer
        box(axes, left + 140, y, 360, 68, f"layer {4 - layer}", frozen=True, size=26)
        if everywhere:
            for place, letter in enumerate("kv"):
                tile(axes, left + place * 62, y + 8, 58, 52, letter, ORANGE, size=26)
            axes.plot((left + 122, left + 140), (y + 34, y + 34), color=ORANGE, linewidth=4)
    for number in range(5):
        mine = number < 2 and not everywhere
        if not (everywhere and number < 2):
            x = left + 160 + 66 * number
            vector(axes, x, 398, ORANGE if mine else GREY, number, cell=16)
            axes.plot((x + 22, x + 22), (372, 396), color=BLACK, linewidth=3)


@picture
def prefix_layers() -> Figure:
    """Prompt tuning has trained vectors below the first layer only; prefix tuning has keys and values in each layer."""
    axes = canvas(500)
    stack(axes, -60, "prompt tuning", False)
    stack(axes, 600, "prefix tuning", True)
    words(axes, 260, 482, "trained: in front of the text", size=24, colour=ORANGE)
    words(axes, 850, 482, "trained: a key and a value in each layer", size=24, colour=ORANGE)
    return axes.figure


@picture
def left_padding() -> Figure:
    """A short text that is padded on the left: the padding lies between the prompt and the text, and takes places."""
    axes = canvas(440)
    rows = (
        ("alone", "", (0, 1, 2, 3, 4, 5)),
        ("padded", "no", (0, 1, 2, 5, 6, 7)),
        ("padded", "yes", (0, 1, 2, 3, 4, 5)),
    )
    titles = ("alone", "in a batch,\npositions counted\nfrom the left", "in a batch,\npadding not\ncounted")
    for number, ((kind, _, places), title) in enumerate(zip(rows, titles, strict=True)):
        y = 40 + 148 * number
        words(axes, 20, y + 30, title, size=24, align="left", bold=True)
        texts = ["p", "p", "p"] + (["pad", "pad"] if kind == "padded" else []) + ["c", "a", "t"]
        shown = iter(places)
        for place, text in enumerate(texts):
            x = 320 + 86 * place
            if text == "p":
                tile(axes, x, y, 80, 60, "virtual", ORANGE)
            else:
                box(axes, x, y, 80, 60, text, colour=GREY, frozen=text == "pad", size=24)
            if text != "pad":
                wrong = number == 1 and text in "cat"
                words(
                    axes,
                    x + 44,
                    y + 84,
                    str(next(shown)),
                    size=26,
                    bold=wrong,
                    colour=PINK if wrong else BLUE,
                )
        words(axes, 1020, y + 30, ("", "too far", "as alone")[number], size=26, align="left")
    return axes.figure
