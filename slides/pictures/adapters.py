"""The pictures of deck 04, third part: adapters."""

import numpy as np
from draw import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, arrow, box, canvas, words
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pictures.blocks import funnel, key, matrix, part, sign, way
from pictures.registry import picture


def _flow(
    axes: Axes, y: float, height: float, parts: list[tuple[str, float, str]], x: float = 62
) -> list[float]:
    """Parts from left to right with arrows between; returns their left sides. Kinds: "frozen", "trains", "sign"."""
    left = []
    for name, width, kind in parts:
        arrow(axes, (x - 30, y), (x - 3, y))
        left.append(x)
        if kind == "sign":
            sign(axes, x + width / 2, y)
        else:
            part(axes, x, y - height / 2, width, height, name, trains=kind == "trains", size=24)
        x += width + 34
    arrow(axes, (x - 30, y), (x, y))
    return left


@picture
def houlsby_block() -> Figure:
    """A transformer block with a Houlsby adapter in its two places: after each sublayer, before the sum."""
    axes = canvas(490)
    names = ["attention", "adapter", "+", "Layer\nNorm", "feed-\nforward", "adapter", "+", "Layer\nNorm"]
    widths = [150, 122, 42, 92, 122, 122, 42, 92]
    kinds = ["frozen", "trains", "sign", "frozen", "frozen", "trains", "sign", "frozen"]
    x = _flow(axes, 270, 190, list(zip(names, widths, kinds, strict=True)))
    words(axes, 16, 270, "x", size=34)
    for start, end in ((44, x[2] + 21), (x[4] - 18, x[6] + 21)):
        way(axes, [(start, 270), (start, 130), (end, 130), (end, 246)])
        words(axes, (start + end) / 2, 100, "skip connection", size=26)
    words(axes, x[1] + 61, 400, "here", size=34, colour=ORANGE, bold=True)
    words(axes, x[5] + 61, 400, "and here", size=34, colour=ORANGE, bold=True)
    key(axes, 780, 465)
    return axes.figure


@picture
def pfeiffer_block() -> Figure:
    """A transformer block with Pfeiffer's adapter: one, after the last LayerNorm, with the sum from before it."""
    axes = canvas(390)
    names = [
        "attention",
        "+",
        "Layer\nNorm",
        "feed-\nforward",
        "+",
        "Layer\nNorm",
        "adapter",
        "+",
        "Layer\nNorm",
    ]
    widths = [142, 42, 84, 112, 42, 84, 112, 42, 84]
    kinds = ["frozen", "sign", "frozen", "frozen", "sign", "frozen", "trains", "sign", "frozen"]
    x = _flow(axes, 230, 170, list(zip(names, widths, kinds, strict=True)))
    words(axes, 16, 230, "x", size=34)
    for start, end in ((44, x[1] + 21), (x[3] - 18, x[4] + 21), (x[5] - 18, x[7] + 21)):
        way(axes, [(start, 230), (start, 100), (end, 100), (end, 206)])
    words(axes, (x[5] + x[7]) / 2 - 20, 65, "the sum, before LayerNorm", size=26)
    words(axes, x[6] + 56, 350, "here only", size=32, colour=ORANGE, bold=True)
    return axes.figure


@picture
def adapter_inside() -> Figure:
    """An adapter: down to a small width, a non-linearity, up again, and what came in is added."""
    axes = canvas(440)
    middle = 235
    matrix(axes, 90, middle - 130, 30, 260, trains=True, colour=GREY)
    words(axes, 105, 395, "$h$, width $N$", size=26)
    arrow(axes, (126, middle), (206, middle))
    funnel(axes, 212, middle, 190, 260, 70, "down\n$N$ to $k$")
    arrow(axes, (406, middle), (446, middle))
    box(axes, 450, middle - 36, 100, 72, "ReLU", colour=GREY)
    words(axes, 500, 300, "width $k$", size=26)
    arrow(axes, (554, middle), (594, middle))
    funnel(axes, 600, middle, 190, 70, 260, "up\n$k$ to $N$")
    arrow(axes, (794, middle), (874, middle))
    sign(axes, 900, middle)
    arrow(axes, (924, middle), (1004, middle))
    matrix(axes, 1010, middle - 130, 30, 260, trains=True, colour=GREY)
    words(axes, 1025, 395, "width $N$", size=26)
    way(axes, [(160, middle), (160, 50), (900, 50), (900, middle - 24)])
    words(axes, 530, 25, "what came in goes around, and is added", size=24)
    return axes.figure


@picture
def two_thin_matrices() -> Figure:
    """One layer N by N, and two that go down to k and up again, drawn to one scale, with their sizes."""
    axes = canvas(440)
    wide, thin, scale = 768, 48, 0.44  # an example: the width of BERT-base
    side, slim = wide * scale, thin * scale
    matrix(axes, 60, 14, side, side, f"{wide} × {wide}", trains=True, colour=GREY, size=30)
    words(axes, 60 + side / 2, 410, f"N · N = {wide * wide:,}", size=28)
    words(axes, 500, 14 + side / 2, "or", size=32)
    matrix(axes, 580, 14, slim, side, trains=True)
    words(axes, 620, 150, "up", align="left", size=28, colour=ORANGE)
    matrix(axes, 760, 14, side, slim, trains=True)
    words(axes, 760 + side / 2, 62, "down", size=28, colour=ORANGE)
    words(axes, 860, 230, f"k = {thin}, an example", size=26, colour=GREY)
    words(axes, 860, 410, f"N · k + k · N = {2 * wide * thin:,}", size=28)
    words(axes, 860, 300, f"{wide // (2 * thin)} times fewer weights", size=32, bold=True)
    return axes.figure


@picture
def near_identity() -> Figure:
    """A new adapter adds next to nothing: what goes in comes out."""
    axes = canvas(340)
    values = np.array([1.4, -0.8, 2.0, 0.5, -1.2, 1.0])
    tiny = np.array([0.05, 0.03, -0.06, 0.04, 0.02, -0.05])
    for x, numbers, colour, name in (
        (40, values, PALE, "$h$"), (450, tiny, ORANGE, "from the bottleneck"),
        (860, values + tiny, PALE, "to the next part"),
    ):  # fmt: skip
        for index, value in enumerate(numbers):
            axes.add_patch(Rectangle((x + 44 * index, 160), 34, -66 * value, facecolor=colour, edgecolor=BLACK,
                                     linewidth=1.5))  # fmt: skip
        axes.plot([x - 8, x + 264], [160, 160], color=BLACK, linewidth=2)
        words(axes, x + 130, 275, name, size=28, colour=ORANGE if colour == ORANGE else BLACK)
    sign(axes, 378, 160)
    words(axes, 790, 160, "=", size=44)
    words(axes, 580, 320, "six features of one token, an example", size=22, colour=GREY)
    return axes.figure


@picture
def swapping() -> Figure:
    """One frozen model, and for each task a small cartridge of adapters and head that is put in and taken out."""
    axes = canvas(520)
    part(axes, 40, 10, 440, 430)
    words(axes, 260, 48, "one model, frozen", size=28)
    words(axes, 190, 110, "head", size=26)
    for index in range(5):
        y = 80 + 70 * index
        if index:
            part(axes, 80, y, 215, 60, f"layer {5 - index}", size=26)
        box(axes, 310, y, 140, 60, colour=ORANGE, solid=True)
    words(axes, 260, 485, "now in: sentiment analysis", size=28, colour=ORANGE)
    for index, (name, colour) in enumerate(
        [("sentiment analysis", ORANGE), ("names (NER)", GREEN), ("summarisation", BLUE)]
    ):
        y = 20 + 145 * index
        box(axes, 730, y, 410, 120, name, colour=colour, solid=True, size=32)
        arrow(axes, (722, y + 60), (494, 225 + 50 * (index - 1)), colour=colour, dashed=index > 0)
    words(axes, 925, 485, "a task: its adapters and head", size=28)
    return axes.figure
