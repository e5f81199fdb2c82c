"""The drawings of deck 01: the course, what a model costs, prompts, and why a smaller one."""

from draw import AMBER, BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY, arrow, box, canvas, stacked, words
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from course_utils.models import ladder
from pictures.registry import picture

EDGE = "#C8C8C8"


@picture
def course_map() -> Figure:
    """The three parts of the course, a drawing each."""
    axes = canvas(400)
    for x, title, notebooks in (
        (190, "make it small", "notebooks 02 to 04"),
        (580, "know the bill", "notebook 05"),
        (970, "train a small part", "notebooks 06 to 11"),
    ):
        words(axes, x, 22, title, size=30, bold=True)
        words(axes, x, 375, notebooks, size=24, colour=GREY)
    box(axes, 30, 75, 180, 240, "large", frozen=True, size=26)
    arrow(axes, (215, 195), (270, 195))
    box(axes, 275, 145, 100, 100, "small", colour=BLUE, solid=True, size=24)
    for y, width, colour, name in (
        (80, 90, BLUE, "model"),
        (140, 90, PINK, "gradients"),
        (200, 180, AMBER, "optimizer"),
        (260, 230, SKY, "activations"),
    ):
        stacked(axes, 460, y, 42, [("", width, colour)])
        words(axes, 460 + width + 12, y + 21, name, size=22, align="left")
    box(axes, 850, 75, 240, 240, "", frozen=True)
    words(axes, 970, 110, "frozen", size=26)
    for y in (150, 205, 260):
        stacked(axes, 870, y, 26, [("", 200, ORANGE)])
    words(axes, 1105, 218, "new", size=24, align="left", colour=ORANGE)
    return axes.figure


@picture
def exercise_loop() -> Figure:
    """What happens when a cell with an exercise is run."""
    axes = canvas(400)
    box(axes, 10, 130, 210, 120, "predict:\nwrite it down", colour=GREY)
    arrow(axes, (225, 190), (275, 190))
    box(axes, 280, 130, 210, 120, "you fill in\na function", colour=BLUE, solid=True)
    arrow(axes, (495, 190), (560, 100))
    arrow(axes, (495, 190), (560, 280))
    box(axes, 565, 40, 250, 110, "right:\nyours is used", colour=GREEN)
    box(axes, 565, 230, 250, 110, "wrong: a hint,\nand ours stands in", colour=AMBER)
    arrow(axes, (820, 100), (890, 180))
    arrow(axes, (820, 280), (890, 200))
    box(axes, 895, 120, 255, 140, "train, measure:\nyour table beside\nthe paper's", colour=BLUE)
    arrow(axes, (690, 345), (385, 255), bend=-0.35, dashed=True)
    words(axes, 385, 345, "try again", size=22)
    return axes.figure


def _product(axes: Axes, x: float, title: str, parts: list[tuple[str, float, float, str]]) -> None:
    """A matrix product from x on: parts (words, width, height, colour), the last one after an equals sign."""
    words(axes, x, 25, title, size=26, bold=True, align="left")
    for place, (text, width, height, colour) in enumerate(parts):
        if place == len(parts) - 1:
            words(axes, x + 14, 150, "=", size=30)
            x += 32
        stacked(axes, x, 150 - height / 2, height, [("", width, colour)])
        words(axes, x + width / 2, 245, text, size=26)
        x += width + 14


@picture
def six_operations() -> Figure:
    """The three matrix products in which a weight takes part while a token is trained on."""
    axes = canvas(370)
    side, thin = 130, 26
    _product(axes, 20, "forward", [("W", side, side, BLUE), ("x", thin, side, GREY), ("y", thin, side, GREY)])
    _product(
        axes, 400, "back, to the input",
        [("Wᵀ", side, side, BLUE), ("g", thin, side, PINK), ("g'", thin, side, PINK)],
    )  # fmt: skip
    _product(
        axes, 780, "back, to the weight",
        [("g", thin, side, PINK), ("xᵀ", side, thin, GREY), ("dW", side, side, PINK)],
    )  # fmt: skip
    for x in (20, 400, 780):
        words(axes, x, 300, "a multiplication and an addition", size=20, align="left")
        words(axes, x, 337, "for each weight: 2", size=26, bold=True, align="left")
    return axes.figure


@picture
def serving_memory() -> Figure:
    """Bytes of the largest rung's weights, and of the keys and values of one, eight and thirty-two texts, to scale."""
    largest = list(ladder.facts()["sizes"].values())[-1]
    weights = 4 * largest["parameters"] / 1e6
    text = 4 * 2 * largest["layers"] * largest["hidden_size"] * 64 / 1e6
    scale = 940 / (weights + 32 * text)
    axes = canvas(350)
    words(axes, 190, 25, "weights", size=24, colour=BLUE, align="left", bold=True)
    words(axes, 190 + weights * scale, 25, "keys and values of each text", size=24, align="left", bold=True)
    for y, texts in ((55, 1), (145, 8), (235, 32)):
        words(axes, 170, y + 35, f"{texts} text{'s' if texts > 1 else ''}", size=26, align="right")
        parts = [(f"{weights:.1f} MB", weights * scale, BLUE)] + texts * [("", text * scale, SKY)]
        end = stacked(axes, 190, y, 70, parts)
        if texts < 32:
            words(axes, end + 15, y + 35, f"{texts * text:.1f} MB more", size=24, align="left")
    words(axes, 660, 328, f"our largest rung, 64 tokens a text, 4 bytes a number: {32 * text:.1f} MB more for 32",
          size=22, colour=GREY)  # fmt: skip
    return axes.figure


@picture
def ladder_sizes() -> Figure:
    """The five models of the ladder as squares whose areas are their parameters."""
    sizes = ladder.facts()["sizes"]
    axes = canvas(400)
    scale = 300 / max(size["parameters"] for size in sizes.values()) ** 0.5
    x = 30.0
    for name, size in sizes.items():
        side = scale * size["parameters"] ** 0.5
        middle = x + max(side, 120) / 2
        stacked(axes, middle - side / 2, 320 - side, side, [("", side, BLUE)])
        words(axes, middle, 350, name, size=26, bold=True)
        words(axes, middle, 382, f"{size['layers']} × {size['hidden_size']}", size=22, colour=GREY)
        x += max(side, 120) + 60
    words(axes, 30, 30, "area: parameters", size=24, align="left")
    words(axes, 30, 64, "below: layers × width", size=24, align="left", colour=GREY)
    return axes.figure


@picture
def three_prompts() -> Figure:
    """The parts of a zero-, a one- and a few-shot prompt, in a grid."""
    axes = canvas(420)
    rows = ((95, "description"), (215, "examples"), (345, "query"))
    for y, name in rows:
        words(axes, 10, y, name, size=26, align="left", colour=GREY)
    for y in (145, 290):
        axes.plot([10, 1150], [y, y], color=EDGE, linewidth=1.5)
    solved = ["telur => rulet", "key => yek", "strong => gnorts"]
    for x, name, examples in (
        (215, "zero-shot", []),
        (535, "one-shot", solved[:1]),
        (855, "few-shot", solved),
    ):
        words(axes, x, 25, name, size=30, bold=True, align="left", colour=BLUE)
        words(axes, x, 95, "reverse the word:", size=26, align="left").set_family("monospace")
        shown = words(axes, x, 215, "\n".join(examples) or "none", size=26, align="left")
        shown.set(family="monospace" if examples else None, color=BLACK if examples else GREY)
        words(axes, x, 345, "lutut =>", size=26, align="left").set_family("monospace")
    words(axes, 580, 400, "the model goes on writing here; no weight changes", size=24, colour=GREY)
    return axes.figure


@picture
def tuned_in_english() -> Figure:
    """How the question on languages is asked: tuned with English descriptions, asked with Indonesian ones."""
    axes = canvas(400)
    words(axes, 10, 25, "1. a few steps of tuning", size=26, bold=True, align="left")
    box(axes, 10, 55, 400, 110, "drop the vowels:\nrosetnome => rstnm", colour=GREY)
    arrow(axes, (415, 110), (595, 110), text="English")
    box(axes, 600, 55, 220, 110, "a rung of\nthe ladder", colour=BLUE, solid=True)
    words(axes, 10, 235, "2. then asked, on other words", size=26, bold=True, align="left")
    arrow(axes, (710, 170), (710, 260))
    box(axes, 10, 265, 400, 110, "buang vokalnya:\nfafoijuu =>", colour=GREY)
    arrow(axes, (415, 320), (595, 320), text="Indonesian")
    box(axes, 600, 265, 220, 110, "the same,\ntuned", colour=BLUE, solid=True)
    arrow(axes, (825, 320), (945, 320))
    box(axes, 950, 275, 150, 90, "ffj ?", colour=BLUE)
    return axes.figure


@picture
def three_reasons() -> Figure:
    """Cost, accessibility, privacy: a drawing each."""
    axes = canvas(430)
    for x, title in ((190, "cost"), (580, "accessibility"), (970, "privacy")):
        words(axes, x, 25, title, size=32, bold=True, colour=BLUE)
    for place in range(8):
        stacked(axes, 60 + 68 * (place % 4), 80 + 68 * (place // 4), 58, [("", 58, GREY)])
    words(axes, 190, 240, "many devices for each answer", size=22)
    stacked(axes, 161, 290, 58, [("", 58, BLUE)])
    words(axes, 190, 375, "or one", size=22)
    box(axes, 430, 130, 190, 130, "", colour=BLACK)
    axes.plot([410, 640], [275, 275], color=BLACK, linewidth=8)
    box(axes, 470, 155, 110, 80, "small", colour=BLUE, solid=True)
    box(axes, 660, 80, 110, 200, "large", frozen=True)
    words(axes, 580, 375, "it runs where you are", size=22)
    box(axes, 820, 80, 190, 200, "", colour=BLACK)
    axes.add_patch(Circle((865, 125), 24, facecolor=GREY))
    words(axes, 900, 125, "your data", size=20, align="left")
    box(axes, 850, 180, 130, 80, "small", colour=BLUE, solid=True)
    arrow(axes, (1012, 125), (1050, 125), dashed=True)
    for low, high in ((108, 142), (142, 108)):  # struck out
        axes.plot([1012, 1046], [low, high], color=PINK, linewidth=5, zorder=5)
    box(axes, 1055, 80, 100, 200, "large,\nfar\naway", frozen=True, size=22)
    words(axes, 970, 375, "nothing has to leave the house", size=22)
    return axes.figure
