"""The pictures of deck 03: what fills a GPU during training, step by step, and what freezing takes out of it.

Everywhere the model is blue, intermediate variables light blue, gradients pink, gradient momentum amber.
"""

from collections.abc import Sequence

from draw import AMBER, BLACK, BLUE, GREY, ORANGE, PALE, PINK, SKY, arrow, box, canvas, words
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pictures.registry import picture

LAYERS = (190, 470, 750)  # where the three layers of the little network begin
WIDE = 200
FRAME = 404  # where the frame of the GPU begins: the same on every slide that fills it
MODEL = 190  # pixels of the bar for the model: gradients take as many, momentum twice as many
PARTS = {"model": BLUE, "intermediate variables": SKY, "gradients": PINK, "gradient momentum": AMBER}


def tile(
    axes: Axes, x: float, y: float, width: float, height: float, text: str, colour: str, size: float = 21
) -> None:
    """A filled rectangle with words in it, white on blue and orange, else black."""
    axes.add_patch(Rectangle((x, y), width, height, facecolor=colour, edgecolor="white", linewidth=2))
    if text:
        ink = "white" if colour in (BLUE, ORANGE) else BLACK
        label = words(axes, x + width / 2, y + height / 2, text, size=size, colour=ink)
        label.set_gid(f"in {x} {y} {x + width} {y + height}")


def gpu(axes: Axes, y: float, parts: Sequence[tuple[str, float]], height: float = 100) -> None:
    """The frame of "your GPU" and what fills it: for each part its name and how many models it is as large as."""
    words(axes, 20, y - 26, "your GPU", size=26, align="left", bold=True)
    words(axes, 1140, y - 26, "an example; sizes as in float32", size=20, align="right", colour=GREY)
    axes.add_patch(Rectangle((20, y), 1120, height, facecolor=PALE, edgecolor=BLACK, linewidth=3, zorder=0.5))
    x = 26.0
    for name, models in parts:
        width = models * MODEL
        text = name if len(name) * 14 < width else name.replace(" ", "\n")
        tile(axes, x, y + 6, width, height - 12, text if width > 100 else "", PARTS[name], 24)
        x += width


def network(axes: Axes, *, kept: int = 0, gradients: int = 0, moments: bool = False, way: str = "") -> None:
    """Three layers in a row; below them what each keeps: its input in the first `kept`, gradients in the last ones.

    way: "forward" or "backward" draws the arrows between the layers.
    """
    box(axes, 20, 45, 120, 100, "text", colour=GREY)
    box(axes, 1020, 45, 120, 100, "loss", colour=PINK)
    ends = (140, *(x + WIDE for x in LAYERS))
    for number, (x, end) in enumerate(zip((*LAYERS, 1020), ends, strict=True)):
        if way == "backward" and number:
            arrow(axes, (x - 4, 118), (end + 4, 118), colour=PINK)
        else:
            arrow(axes, (end + 4, 72), (x - 4, 72), colour=BLACK if way else GREY)
    for number, x in enumerate(LAYERS):
        box(axes, x, 30, WIDE, 130, f"layer {number + 1}", solid=True, size=30)
        if number < kept:
            tile(axes, x, 170, WIDE, 48, "input", SKY, 24)
        if number >= 3 - gradients:
            tile(axes, x, 224, WIDE, 48, "gradient", PINK, 24)
        if moments:
            tile(axes, x, 278, WIDE / 2 - 2, 48, "m", AMBER, 24)
            tile(axes, x + WIDE / 2 + 2, 278, WIDE / 2 - 2, 48, "v", AMBER, 24)


@picture
def gpu_model() -> Figure:
    """Before the first step: the weights alone."""
    axes = canvas(FRAME + 116)
    network(axes)
    words(axes, 580, 250, "Every weight is a number. In float32 it takes four bytes.", size=26)
    gpu(axes, FRAME, [("model", 1)])
    return axes.figure


@picture
def gpu_forward() -> Figure:
    """After the forward pass: every layer has kept its input."""
    axes = canvas(FRAME + 116)
    network(axes, kept=3, way="forward")
    gpu(axes, FRAME, [("model", 1), ("intermediate variables", 2.4)])
    return axes.figure


@picture
def gpu_backward() -> Figure:
    """In the middle of the backward pass: one layer done, its input gone, its gradient there."""
    axes = canvas(FRAME + 116)
    network(axes, kept=2, gradients=1, way="backward")
    gpu(axes, FRAME, [("model", 1), ("intermediate variables", 1.6), ("gradients", 1 / 3)])
    words(axes, 600, FRAME + 50, "gradients", size=24, align="left")
    return axes.figure


@picture
def gpu_step() -> Figure:
    """After the optimizer's step: gradients for all, and the two averages of each."""
    axes = canvas(FRAME + 116)
    network(axes, gradients=3, moments=True)
    gpu(axes, FRAME, [("model", 1), ("gradients", 1), ("gradient momentum", 2)])
    return axes.figure


@picture
def gpu_second() -> Figure:
    """The second step, where forward ends: momentum is there already, and so are all intermediate variables."""
    axes = canvas(FRAME + 116)
    network(axes, kept=3, moments=True, way="forward")
    gpu(axes, FRAME, [("model", 1), ("intermediate variables", 2.4), ("gradient momentum", 2)])
    return axes.figure


def matrix(axes: Axes, x: float, middle: float, width: float, height: float, text: str, colour: str) -> float:
    """A matrix around the height `middle`; returns where it ends."""
    tile(axes, x, middle - height / 2, width, height, text, colour, size=26)
    return x + width


@picture
def linear_keeps() -> Figure:
    """The three products of a linear layer as matrices to scale: which of them needs what."""
    axes = canvas(440)
    tokens, inside, outside = 84, 100, 130
    lines = [
        ("forward", (outside, tokens, "y", PALE), (inside, tokens, "x", SKY), (outside, inside, "Wᵀ", BLUE)),
        ("gradient of W", (inside, outside, "∂W", PINK), (tokens, outside, "gᵀ", PINK), (inside, tokens, "x", SKY)),
        ("gradient of x", (inside, tokens, "∂x", PINK), (outside, tokens, "g", PINK), (inside, outside, "W", BLUE)),
    ]  # fmt: skip
    remarks = ("x comes in, y goes out", "needs x: so x is kept", "needs W: it is there anyway")
    for (name, result, first, second), remark, middle in zip(lines, remarks, (66, 218, 370), strict=True):
        words(axes, 20, middle, name, size=26, align="left", bold=True)
        end = matrix(axes, 270, middle, *result)
        words(axes, end + 24, middle, "=", size=30)
        end = matrix(axes, end + 48, middle, *first)
        words(axes, end + 20, middle, "·", size=34)
        matrix(axes, end + 40, middle, *second)
        words(axes, 760, middle, remark, size=26, align="left")
    return axes.figure


@picture
def block_keeps() -> Figure:
    """A block of BERT, and below each part the vectors that it keeps for every token, each as long as `hidden`."""
    axes = canvas(320)
    parts = [("query, key,\nvalue", ("x",)), ("attention", ("q", "k", "v")), ("output", ("a",)),
             ("LayerNorm", ("+",)), ("feed-forward,\nfirst half", ("n",)), ("GELU", ("h",) * 4),
             ("second half", ("h'",) * 4), ("LayerNorm", ("+",))]  # fmt: skip
    x = 4.0
    for number, (name, kept) in enumerate(parts):
        wide = max(len(kept) * 36, 12.5 * max(map(len, name.split("\n")))) + 4
        if number:
            axes.plot((x - 16, x), (80, 80), color=BLACK, linewidth=3)
        box(axes, x, 30, wide, 100, name, colour=BLUE, size=20)
        for place, text in enumerate(kept):
            tile(axes, x + wide / 2 + 36 * (place - len(kept) / 2), 160, 36, 62, text, SKY)
        x += wide + 16
    words(axes, 580, 252, "kept for each token: 16 vectors, each as long as an embedding", size=26)
    words(axes, 580, 296, "a: attention's output   +: sums   n: normalized   h: the wide part, before and after GELU",
          size=21, colour=GREY)  # fmt: skip
    return axes.figure


@picture
def frozen_gpu() -> Figure:
    """A little trained in each layer, the rest frozen: small gradients and momentum, all intermediate variables."""
    axes = canvas(450)
    box(axes, 20, 40, 120, 100, "text", colour=GREY)
    box(axes, 1020, 40, 120, 100, "loss", colour=PINK)
    for end, x in zip((140, *(x + WIDE for x in LAYERS)), (*LAYERS, 1020), strict=True):
        arrow(axes, (end + 4, 72), (x - 4, 72))
    for number, x in enumerate(LAYERS):
        box(axes, x, 30, WIDE, 120, frozen=True)
        words(axes, x + WIDE / 2, 62, f"layer {number + 1}", size=26)
        tile(axes, x + 40, 100, WIDE - 80, 36, "trained", ORANGE)
        tile(axes, x, 160, WIDE, 40, "intermediate", SKY)
        tile(axes, x + 40, 206, WIDE - 80, 36, "g, m, v", PINK)
    parts = [("model", 1), ("intermediate variables", 2.4), ("gradients", 0.06), ("gradient momentum", 0.12)]
    gpu(axes, 336, parts)
    words(axes, 726, 386, "gradients and momentum", size=24, align="left")
    return axes.figure


@picture
def backward_reaches() -> Figure:
    """Two stacks of layers. Something to train in each: backward passes all. The top alone: backward stops there."""
    axes = canvas(440)
    for left, title, trained in ((40, "BitFit, LoRA", (1, 2, 3, 4)), (620, "top layer alone", (4,))):
        words(axes, left + 170, 24, title, size=28, bold=True)
        for layer in (4, 3, 2, 1):
            y = 56 + (4 - layer) * 96
            whole = trained == (4,) and layer == 4
            box(axes, left, y, 270, 78, "trained" if whole else f"layer {layer}     ", frozen=not whole,
                colour=ORANGE, solid=whole)  # fmt: skip
            if layer in trained and not whole:
                tile(axes, left + 188, y + 14, 62, 50, "", ORANGE)
            if layer in trained:
                tile(axes, left + 350, y + 12, 130, 54, "kept", SKY)
            else:
                words(axes, left + 415, y + 39, "nothing", size=22, colour=GREY)
        arrow(axes, (left + 310, 56), (left + 310, 56 + 96 * len(trained) - 8), colour=PINK)
    return axes.figure


@picture
def checkpoints() -> Figure:
    """Four blocks: in forward only their inputs are kept; in backward each block is run again when its turn comes."""
    axes = canvas(400)
    for y, name in ((30, "forward"), (225, "backward,\nat block 3")):
        words(axes, 10, y + 50, name, size=26, align="left", bold=True)
        for number in range(4):
            x, done = 200 + 245 * number, y > 200 and number == 3
            if not done:
                tile(axes, x, y + 20, 40, 60, "", SKY)
            box(axes, x + 52, y, 165, 100, f"block {number + 1}", frozen=done, solid=not done, size=26)
    for number in range(4):
        x = 252 + 245 * number
        again = number == 2
        inner = "run again" if again else ("done" if number == 3 else "not yet")
        if again:
            tile(axes, x, 332, 165, 48, inner, SKY)
        else:
            words(axes, x + 82, 356, inner, size=22, colour=GREY)
        words(axes, x + 82, 160, "thrown away", size=22, colour=GREY)
    return axes.figure


@picture
def one_byte() -> Figure:
    """Four numbers of a state, the scale that they share, and the whole numbers that are kept: an example."""
    axes = canvas(330)
    numbers = (0.02, -0.11, 0.05, 0.20)
    words(axes, 20, 60, "a block of the state,\n4 bytes each", size=24, align="left")
    words(axes, 20, 280, "kept: codes of 1 byte,\nand one scale", size=24, align="left")
    for number, value in enumerate(numbers):
        x = 360 + 150 * number
        tile(axes, x, 25, 140, 70, f"{value:.2f}", AMBER, size=26)
        arrow(axes, (x + 70, 102), (x + 70, 238))
        tile(axes, x + 35, 245, 70, 70, str(round(value / max(numbers) * 127)), AMBER, size=26)
    words(axes, 1150, 170, "÷ scale, rounded", size=24, align="right")
    box(axes, 985, 245, 165, 70, "0.20 / 127", colour=AMBER, size=26)
    words(axes, 1150, 60, "an example", size=20, align="right", colour=GREY)
    return axes.figure
