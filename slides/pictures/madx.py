"""The pictures of deck 04, fourth part: MAD-X. A language keeps its colour, frozen or not."""

from draw import BLACK, BLUE, GREEN, GREY, ORANGE, arrow, box, canvas, chart, words
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils import results
from pictures.blocks import part, sign, way
from pictures.registry import picture

LANGUAGES = ["english", "indonesian", "javanese", "sundanese"]
SOURCE, TARGET = BLUE, GREEN  # Javanese, which has labels, and Sundanese, which has none


@picture
def madx_case() -> Figure:
    """What there is in four languages: plain text in all, labels in three, and the model has read three."""
    axes = canvas(440)
    heads = ["the model\nhas read it", "labels\nfor names", "plain text"]
    for column, head in enumerate(heads):
        words(axes, 455 + 290 * column, 40, head, size=24, bold=True)
    for row, language in enumerate(LANGUAGES):
        y = 90 + 86 * row
        rare = language == "sundanese"
        words(axes, 40, y + 36, language.capitalize(), align="left", size=30, bold=rare)
        for column in range(3):
            there = column == 2 or not rare
            x = 355 + 290 * column
            if there:
                box(axes, x, y, 200, 72, "yes", colour=TARGET if rare else GREY, solid=rare, size=28)
            else:
                box(axes, x, y, 200, 72, "none", frozen=True, size=28)
    return axes.figure


def adapter(
    axes: Axes, x: float, y: float, text: str, colour: str, *, trains: bool = False, width: float = 340
) -> None:
    """An adapter: filled with its colour where it trains; frozen it is grey, dashed, with a tab of its colour."""
    box(axes, x, y, width, 72, text, colour=colour, frozen=not trains, solid=trains, size=26)
    if not trains:
        axes.add_patch(Rectangle((x + 3, y + 6), 22, 60, facecolor=colour, edgecolor="none", zorder=3))


def _stack(axes: Axes, x: float, parts: list[tuple[str, str, bool]]) -> None:
    """The parts of a layer from below: (words, colour, trains); without a colour it is a part of the model."""
    for index, (text, colour, trains) in enumerate(parts):
        y = 410 - 104 * index
        if colour:
            adapter(axes, x, y, text, colour, trains=trains)
        else:
            part(axes, x, y, 340, 72, text, trains=trains, size=26)
        if index:
            arrow(axes, (x + 170, y + 104), (x + 170, y + 73))


def _step(text: str, source: str, parts: list[tuple[str, str, bool]], answer: str, note: str) -> Axes:
    """A step of MAD-X: the text on the left, the stack in the middle, what comes out on the right."""
    axes = canvas(520)
    box(axes, 8, 386, 330, 120, text, colour=source, size=24)
    arrow(axes, (342, 446), (402, 446))
    _stack(axes, 406, parts)
    top = 446 - 104 * (len(parts) - 1)
    arrow(axes, (750, top), (806, top))
    box(axes, 810, top - 56, 342, 112, answer, colour=GREY, size=26)
    words(axes, 800, 446, note, align="left", size=26)
    return axes


def _aside(axes: Axes, why: str, text: str, colour: str) -> None:
    """An adapter that is not in the model: upper left, with a word on why."""
    words(axes, 173, 60, why, size=26)
    adapter(axes, 8, 96, text, colour, width=330)


@picture
def madx_step_1() -> Figure:
    """Step 1: hide words of plain target text; only the target's language adapter trains."""
    parts = [
        ("pretrained layers", "", False),
        ("Sundanese adapter", TARGET, True),
        ("head for words", "", False),
    ]
    note = "trains: the Sundanese\nadapter, nothing else"
    axes = _step("plain Sundanese text,\nwords hidden", TARGET, parts, "the hidden words", note)
    words(axes, 8, 120, "grey, dashed: frozen\ncoloured, filled: trains", align="left", size=26)
    return axes.figure


@picture
def madx_step_2() -> Figure:
    """Step 2: the same for the source; the target's adapter is kept aside."""
    parts = [
        ("pretrained layers", "", False),
        ("Javanese adapter", SOURCE, True),
        ("head for words", "", False),
    ]
    note = "trains: the Javanese\nadapter, nothing else"
    axes = _step("plain Javanese text,\nwords hidden", SOURCE, parts, "the hidden words", note)
    _aside(axes, "kept for later", "Sundanese adapter", TARGET)
    return axes.figure


@picture
def madx_step_3() -> Figure:
    """Step 3: labelled source text; a task adapter trains on top of the source's frozen language adapter."""
    parts = [
        ("pretrained layers", "", False),
        ("Javanese adapter", SOURCE, False),
        ("task adapter", ORANGE, True),
        ("head for names", "", True),
    ]
    note = "trains: the task adapter\nand the new head"
    axes = _step("Javanese text\nwith labels", SOURCE, parts, "persons, places,\norganizations", note)
    _aside(axes, "kept for later", "Sundanese adapter", TARGET)
    return axes.figure


@picture
def madx_step_4() -> Figure:
    """Step 4: the source's language adapter goes out, the target's comes in; nothing trains."""
    parts = [
        ("pretrained layers", "", False),
        ("Sundanese adapter", TARGET, False),
        ("task adapter", ORANGE, False),
        ("head for names", "", False),
    ]
    note = "trains: nothing,\nand no label was seen"
    axes = _step("Sundanese text", TARGET, parts, "persons, places,\norganizations", note)
    _aside(axes, "taken out", "Javanese adapter", SOURCE)
    way(axes, [(404, 342), (372, 342), (372, 132), (344, 132)], dashed=True)
    return axes.figure


@picture
def stack_or_fuse() -> Figure:
    """Stacked, the task adapter reads the language adapter; fused, both read the same and their answers are summed."""
    axes = canvas(520)
    words(axes, 250, 25, "stacked: MAD-X", size=32, bold=True)
    for y, name, colour in ((110, "task adapter", ORANGE), (260, "language adapter", TARGET)):
        box(axes, 90, y, 320, 90, name, colour=colour, solid=True, size=30)
    for start, end in ((450, 355), (256, 205), (106, 60)):
        arrow(axes, (250, start), (250, end))
    words(axes, 250, 490, "the task reads the language", size=28)
    words(axes, 850, 25, "fused: another method", size=32, bold=True)
    for x, name, colour in ((590, "language\nadapter", TARGET), (880, "task\nadapter", ORANGE)):
        box(axes, x, 220, 240, 120, name, colour=colour, solid=True, size=30)
        way(axes, [(855, 450), (855, 400), (x + 120, 400), (x + 120, 345)])
        way(axes, [(x + 120, 216), (x + 120, 130), (855 + (26 if x > 800 else -26), 130)])
    sign(axes, 855, 130)
    arrow(axes, (855, 105), (855, 60))
    words(axes, 855, 490, "both read the same input", size=28)
    return axes.figure


@picture
def madx_heatmap() -> Figure:
    """MAD-X minus the task adapter alone, by source and target, from the rows of notebook 09."""
    rows = results.load("09", track="bundled", own=False)
    rows = rows[rows["exhibit"] == "E21"]
    mean = (100 * rows["value"]).groupby([rows["method"], rows["source"], rows["target"]]).mean()
    gains = (mean["MAD-X"] - mean["alone"]).unstack("target").loc[LANGUAGES, LANGUAGES]
    figure, axes = chart(500, 960)
    most = float(gains.abs().to_numpy().max())
    shown = axes.imshow(gains, cmap="RdBu", vmin=-most, vmax=most, aspect="auto")
    for y, row in enumerate(gains.to_numpy()):
        for x, gain in enumerate(row):
            shade = "white" if abs(gain) > 0.6 * most else BLACK
            axes.text(
                x, y, f"{gain:+.1f}".replace("-", "−"), ha="center", va="center", color=shade, fontsize=20
            )
    names = [name.capitalize() for name in LANGUAGES]
    axes.set_xticks(range(4), names)
    axes.set_yticks(range(4), names)
    axes.set(xlabel="target: the text that is tagged", ylabel="source of the labels")
    axes.set_title("MAD-X minus a task adapter alone, F1 in points")
    axes.grid(visible=False)
    axes.add_patch(Rectangle((2.5, -0.5), 1, 3, fill=False, edgecolor=BLACK, linewidth=4))
    figure.colorbar(shown, label="F1 (points)")
    return figure


@picture
def empty_map() -> Figure:
    """The grid of four sources and four targets, still without numbers."""
    axes = canvas(300)
    axes.figure.set_facecolor("none")
    for index, language in enumerate(LANGUAGES):
        words(axes, 480 + 190 * index, 22, language.capitalize(), size=24)
        words(axes, 370, 72 + 62 * index, language.capitalize(), align="right", size=24)
        for column in range(4):
            box(axes, 388 + 190 * column, 44 + 62 * index, 184, 56, "?", colour=GREY, size=28)
    words(axes, 10, 165, "labels in", align="left", size=26, bold=True)
    words(axes, 340, 22, "text in", align="right", size=26, bold=True)
    return axes.figure
