"""The pictures of deck 04, second part: (IA)³."""

from draw import AMBER, BLACK, BLUE, GREEN, GREY, ORANGE, PALE, arrow, box, canvas, chart, words
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils import results
from pictures.blocks import key, part, sign, way
from pictures.peft import areas, scores
from pictures.peft import share as share_of
from pictures.registry import picture

KINDS = {"BitFit": ("v", AMBER), "(IA)³": ("*", GREEN), "LoRA": ("o", BLACK), "adapters": ("s", ORANGE)}


def _bars(axes: Axes, x: float, base: float, values: list[float], colour: str) -> None:
    """A vector as bars that rise from a base line, 80 pixels for one."""
    for index, value in enumerate(values):
        axes.add_patch(Rectangle((x + 44 * index, base - 80 * value), 34, 80 * value, facecolor=colour,
                                 edgecolor=BLACK, linewidth=1.5))  # fmt: skip
    axes.plot([x - 8, x + 44 * len(values)], [base, base], color=BLACK, linewidth=2)


@picture
def ia3_vector() -> Figure:
    """What a vector of factors does to a layer's output: each feature is turned up, down or off."""
    axes = canvas(410)
    output, factors = [1.5, 1.0, 2.0, 0.8, 1.3, 1.0], [1.0, 2.4, 0.5, 1.0, 0.0, 1.8]
    product = [a * b for a, b in zip(output, factors, strict=True)]
    for x, values, colour, name in (
        (50, output, PALE, "Wx + b"), (460, factors, ORANGE, "$l$: trained, starts at ones"),
        (870, product, PALE, "output"),
    ):  # fmt: skip
        _bars(axes, x, 290, values, colour)
        words(axes, x + 130, 335, name, size=28, colour=ORANGE if colour == ORANGE else BLACK)
    sign(axes, 385, 200, "·")
    words(axes, 800, 200, "=", size=44)
    words(axes, 580, 390, "six features of one token, an example", size=22, colour=GREY)
    return axes.figure


@picture
def ia3_places() -> Figure:
    """Where the three vectors stand in a transformer block: on keys, on values, inside the feed-forward."""
    axes = canvas(530)
    middle = 230
    words(axes, 18, middle, "x", size=34)
    for y, name in ((40, "$W_q$"), (185, "$W_k$"), (330, "$W_v$")):
        way(axes, [(36, middle), (60, middle), (60, y + 45), (96, y + 45)])
        part(axes, 100, y, 104, 90, name, size=32)
    for y, name in ((185, "$l_k$"), (330, "$l_v$")):
        arrow(axes, (208, y + 45), (244, y + 45))
        part(axes, 248, y, 84, 90, name, trains=True, size=32)
        arrow(axes, (336, y + 45), (386, y + 45))
    arrow(axes, (208, 85), (386, 85))
    box(axes, 390, 30, 136, 400, "softmax\nand sum", colour=GREY, size=24)
    arrow(axes, (530, middle), (558, middle))
    part(axes, 562, 185, 88, 90, "$W_o$", size=32)
    arrow(axes, (654, middle), (696, middle))
    for x, name in ((700, "$W_1$"), (1042, "$W_2$")):
        part(axes, x, 185, 88, 90, name, size=32)
    box(axes, 814, 185, 88, 90, "GELU", colour=GREY, size=24)
    part(axes, 928, 185, 88, 90, "$l_{ff}$", trains=True, size=32)
    for x in (792, 906, 1020):
        arrow(axes, (x - 4, middle), (x + 22, middle))
    arrow(axes, (1134, middle), (1158, middle))
    words(axes, 300, 475, "attention", size=30, bold=True)
    words(axes, 915, 130, "feed-forward", size=30, bold=True)
    words(axes, 915, 330, "(sums and LayerNorm are left out)", size=22, colour=GREY)
    key(axes, 740, 475)
    return axes.figure


@picture
def ia3_pareto() -> Figure:
    """Accuracy against the share of parameters trained, and the front of those that no other beats (notebook 07)."""
    rows = results.load("07", track="bundled", own=False)
    rows = rows[(rows["exhibit"] == "E18") & (rows["data"] == "sentiment")]
    mean, counts = (
        100 * rows.groupby("method")["value"].mean(),
        rows.groupby("method")["trainable_parameters"].min(),
    )
    share = 100 * (counts - counts["head only"]) / counts["full fine-tuning"]
    figure, axes = chart(500)
    for kind, (mark, colour) in (KINDS | {"full": ("D", BLUE)}).items():
        of_kind = share[share.index.str.startswith(kind)].sort_values().index
        axes.semilogx(share[of_kind], mean[of_kind], mark, markersize=24 if mark == "*" else 13, color=colour)
    front: list[str] = []
    for method in share.drop("head only").sort_values().index:
        if not front or mean[method] > mean[front[-1]]:
            front.append(method)
    axes.step(share[front], mean[front], where="post", linewidth=2, color=GREY, zorder=0)
    for method, (dx, dy, align) in {
        "(IA)³": (0, 18, "center"), "adapters, 1 wide": (14, -4, "left"), "BitFit": (14, -4, "left"),
        "LoRA, rank 1": (0, 16, "center"), "adapters, 8 wide": (8, -30, "left"), "LoRA, rank 4": (4, -32, "left"),
        "adapters, 32 wide": (14, -8, "left"), "LoRA, rank 16": (0, 16, "center"),
        "full fine-tuning": (0, -32, "right"),
    }.items():  # fmt: skip
        axes.annotate(
            method,
            (share[method], mean[method]),
            xytext=(dx, dy),
            textcoords="offset points",
            ha=align,
            fontsize=16,
        )
    axes.set(xlabel="trained besides the head, % of the model (log scale)", ylabel="accuracy (%)")
    axes.set(title=f"English sentiment; the head alone: {mean['head only']:.1f} %; grey: the front")
    axes.set(ylim=(mean.drop("head only").min() - 2, mean.max() + 2.5), xlim=(0.15, 200))
    axes.set_xticks([0.2, 1, 5, 20, 100], ["0.2", "1", "5", "20", "100"])
    return figure


@picture
def ia3_few() -> Figure:
    """A handful of examples: full fine-tuning, (IA)³ and the head alone, with the spread of the draws (notebook 07)."""
    figure, axes = chart(530)
    sizes = (8, 32, 128)
    for method, colour, mark in (
        ("full fine-tuning", BLUE, "D"),
        ("(IA)³", GREEN, "o"),
        ("head only", GREY, "s"),
    ):
        runs = [scores("E18", method, "few", examples=size) for size in sizes]
        mean, spread = [run.mean() for run in runs], [run.std() for run in runs]
        axes.plot(range(3), mean, marker=mark, color=colour, label=method)
        axes.fill_between(range(3), [m - s for m, s in zip(mean, spread, strict=True)],
                          [m + s for m, s in zip(mean, spread, strict=True)], color=colour, alpha=0.18)  # fmt: skip
    axes.set_xticks(range(3), [str(size) for size in sizes])
    axes.set(
        xlabel="labelled examples", ylabel="accuracy (%)", title="Few examples: mean and spread of the draws"
    )
    axes.set_ylim(25, 100)
    axes.legend(loc="upper left")
    return figure


@picture
def areas_ia3() -> Figure:
    """The whole model and the factors of (IA)³: areas to scale, from the counts of notebook 07."""
    return areas([("everything", 100.0), ("(IA)³", share_of("E18", "(IA)³", "sentiment"))])
