"""The pictures of deck 07 on what lies beyond: experts, linear attention, quantization, early exits."""

import json

from draw import AMBER, BLACK, BLUE, GREEN, GREY, ORANGE, SKY, arrow, box, canvas, chart, stacked, words
from matplotlib.figure import Figure
from measured import value

from course_utils.paths import DATA
from pictures.registry import picture

DIM = 32  # the width of a head in the notebook's comparison


def _figure(exhibit: str, method: str, metric: str) -> float:
    """A shipped figure, the mean over its seeds."""
    return float(value(exhibit, method, metric=metric, digits=3).replace(",", ""))


@picture
def four_places() -> Figure:
    """Where in a Transformer each of the four ideas acts."""
    axes = canvas(470)
    for layer in range(3):
        y = 310 - 135 * layer
        box(axes, 430, y, 300, 120, "", colour=GREY)
        box(axes, 445, y + 12, 130, 96, "attention", colour=BLUE, size=22)
        box(axes, 585, y + 12, 130, 96, "feed-\nforward", colour=BLUE, size=22)
    arrow(axes, (580, 465), (580, 435))
    for x, end, y, align, text in (
        (425, 320, 88, "right", "linear attention:\nsum in another order"),
        (735, 840, 88, "left", "mixture of experts:\nmany, one used a word"),
        (425, 320, 370, "right", "quantization: every\nweight in fewer bits"),
        (735, 840, 302, "left", "early exiting: leave\nbetween two layers"),
    ):
        arrow(axes, (x, y), (end, y))
        words(axes, end + (10 if align == "left" else -10), y, text, align=align)
    return axes.figure


@picture
def experts() -> Figure:
    """Three words, a router, and four experts of which each word meets one."""
    axes = canvas(430)
    for y, text in ((60, "the"), (180, "soup"), (300, "was")):
        box(axes, 20, y, 140, 70, text, colour=GREY)
        arrow(axes, (165, y + 35), (285, 215 if y == 180 else (190 if y < 180 else 240)))
    box(axes, 290, 140, 170, 150, "router", colour=ORANGE, solid=True, size=28)
    lines = ((10, "“soup”", 185), (115, "nobody", None), (220, "“the”", 220), (325, "“was”", 250))
    for number, (y, word, start) in enumerate(lines, start=1):
        used = start is not None
        text = f"expert {number}\nmeets {word}"
        box(axes, 630, y, 240, 90, text, colour=BLUE if used else GREY, solid=used, size=24)
        if used:
            arrow(axes, (465, start), (622, y + 45))
            arrow(axes, (875, y + 45), (975, 215 + (y - 170) / 8))
    box(axes, 980, 150, 160, 130, "the words,\nas before", colour=GREY, size=24)
    return axes.figure


@picture
def where_numbers_are() -> Figure:
    """The parameters of our encoder by part, to scale."""
    shape = json.loads((DATA / "models" / "encoder" / "config.json").read_text(encoding="utf-8"))
    wide, inner, layers = (shape[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers"))
    parts = (
        ("embeddings", shape["vocab_size"] * wide, GREY),
        ("attention", 4 * wide * wide * layers, SKY),
        ("feed-forward", 2 * wide * inner * layers, BLUE),
    )
    axes = canvas(200)
    scale = 1140 / sum(count for _, count, _ in parts)
    left = 10.0
    for name, count, colour in parts:
        words(axes, left + count * scale / 2, 30, name, size=26)
        left = stacked(axes, left, 60, 90, [("", count * scale, colour)])
    words(axes, 580, 178, "the matrices of our encoder, to scale", size=22, colour=GREY)
    return axes.figure


@picture
def experts_cost() -> Figure:
    """Parameters and operations of eight experts, one a word, as multiples of the dense encoder."""
    bars = {
        "parameters": _figure("E29", "8 experts", "parameters (times)"),
        "operations": _figure("E29", "8 experts, one a word", "operations (times)"),
    }
    figure, axes = chart(330)
    shown = axes.barh(list(bars), list(bars.values()), color=BLUE)
    axes.bar_label(shown, fmt="%.1f times", padding=8, fontsize=20)
    axes.axvline(1, color=BLACK, linestyle="--", linewidth=2)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.25 * max(bars.values())), xlabel="times the dense encoder (dashed: as much)")
    axes.set_title("Eight experts in each layer, one a word")
    return figure


@picture
def two_orders() -> Figure:
    """The product of three matrices in both orders, to scale: long texts, narrow heads."""
    axes = canvas(400)
    long, thin = 190, 36
    for x, title, names, widths, square, colour, then in (
        (20, "all pairs first", ("Q", "Kᵀ"), (thin, long), long, AMBER, "then times V"),
        (640, "keys meet values first", ("Kᵀ", "V"), (long, thin), thin, GREEN, "then Q times it"),
    ):
        words(axes, x, 25, title, size=28, bold=True, align="left")
        left = x
        for name, width in zip(names, widths, strict=True):
            height = long + thin - width
            stacked(axes, left, 165 - height / 2, height, [("", width, BLUE)])
            words(axes, left + width / 2, 290, name, size=28)
            left += width + 20
        words(axes, left + 10, 165, "=", size=30)
        stacked(axes, left + 40, 165 - square / 2, square, [("", square, colour)])
        words(axes, left + 40 + square / 2, 290, "n × n" if square == long else "d × d", size=28, bold=True)
        words(axes, x, 350, then, size=26, align="left")
    return axes.figure


@picture
def counted_orders() -> Figure:
    """Operations of both orders over the length, counted."""
    lengths = [2**power for power in range(3, 13)]
    figure, axes = chart(330)
    axes.loglog(lengths, [4 * n * n * DIM for n in lengths], "-", color=BLUE, label="all pairs: n × n × d")
    axes.loglog(
        lengths, [4 * n * DIM * DIM for n in lengths], "--", color=GREEN, label="keys meet values: n × d × d"
    )
    axes.set_xticks(lengths[::2], [str(n) for n in lengths[::2]])
    axes.minorticks_off()
    axes.set(
        xlabel="length of the text, n (words)", ylabel="operations", title=f"Counted, for heads of d = {DIM}"
    )
    axes.legend(loc="upper left")
    return figure


@picture
def where_linear_wins() -> Figure:
    """The length from which linear attention stays faster, by the count and by the clock."""
    bars = {
        "by the count": float(DIM),
        "by the clock": _figure("E30", "linear attention", "faster than softmax from (words)"),
    }
    figure, axes = chart(330)
    for name, start in bars.items():
        axes.barh(name, start - 8, left=8, color=BLUE)
        axes.barh(name, 4096 - start, left=start, color=GREEN)
        axes.text(
            start * 1.15,
            name,
            f"linear wins from {start:.0f} words on",
            fontsize=18,
            va="center",
            color="white",
        )
    axes.invert_yaxis()
    axes.set(xscale="log", xlim=(8, 4096), xlabel="length of the text (words, log scale)")
    axes.set_xticks([8, 32, 128, 512, 2048], ["8", "32", "128", "512", "2048"])
    axes.minorticks_off()
    axes.set_title("Blue: softmax is faster. Green: linear is faster.")
    return figure


@picture
def eight_bits() -> Figure:
    """A row of weights as codes and one scale, with example numbers, and the bytes of a row of 128, to scale."""
    axes = canvas(430)
    words(axes, 20, 30, "example:", size=22, align="left", colour=GREY)
    for place, (number, code) in enumerate(
        (("0.42", "42"), ("−1.27", "−127"), ("0.08", "8"), ("0.913", "91"))
    ):
        x = 200 + 170 * place
        box(axes, x, 5, 150, 60, number, colour=BLUE)
        arrow(axes, (x + 75, 68), (x + 75, 128))
        box(axes, x, 130, 150, 60, code, colour=SKY)
    words(axes, 890, 98, "÷ 0.01, rounded", size=24, align="left")
    box(axes, 890, 130, 150, 60, "0.01", colour=AMBER)
    words(axes, 1055, 160, "a scale", size=22, align="left")
    scale = 900 / (4 * 128)
    words(axes, 20, 250, "a row of 128, to scale", size=24, align="left", bold=True)
    for y, parts, text in (
        (275, [("", 4 * 128 * scale, BLUE)], "4 bytes each"),
        (350, [("", 128 * scale, SKY), ("", 4 * scale, AMBER)], "1 byte each, and the scale"),
    ):
        end = stacked(axes, 20, y, 55, parts)
        words(axes, end + 15, y + 28, text, size=24, align="left")
    return axes.figure


@picture
def exits() -> Figure:
    """Four frozen layers, a small new classifier after each, and two sentences that leave at different ones."""
    axes = canvas(430)
    for place in range(4):
        x = 190 + 240 * place
        box(axes, x, 150, 150, 110, f"layer {place + 1}", frozen=True, size=26)
        box(axes, x + 15, 310, 120, 60, "sure?", colour=ORANGE, solid=True)
        arrow(axes, (x + 75, 265), (x + 75, 305))
        arrow(axes, (x - 82, 205), (x - 5, 205))
    box(axes, 5, 165, 100, 80, "text", colour=GREY)
    for x, text in ((505, "“Lovely coffee.”"), (985, "“Not that it was bad, but ...”")):
        arrow(axes, (x, 375), (x, 430))
        words(axes, x - 18, 405, text, size=22, align="right")
    words(axes, 580, 60, "frozen layers, new classifiers: a text leaves at the first that is sure", size=26)
    return axes.figure
