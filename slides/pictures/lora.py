"""The pictures of deck 06: LoRA."""

import numpy as np
from draw import BLACK, BLUE, GREEN, GREY, ORANGE, SKY, arrow, box, canvas, chart, words
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils import results
from pictures.blocks import funnel, key, matrix, part, sign, way
from pictures.peft import areas, scores, share
from pictures.registry import picture

RANKS = (1, 2, 4, 8, 64)
WEIGHTS = {"Wq": ("o", GREY), "Wq Wv": ("s", SKY), "Wq Wk Wv Wo": ("D", GREEN), "all linear": ("^", ORANGE)}


@picture
def full_update() -> Figure:
    """Full fine-tuning of one layer: the old matrix plus an update that is as large."""
    axes = canvas(370)
    side, top = 270, 20
    matrix(axes, 60, top, side, side, "W′", trains=True, colour=BLUE, size=40)
    words(axes, 195, 335, "after fine-tuning", size=28)
    words(axes, 375, top + side / 2, "=", size=48)
    matrix(axes, 440, top, side, side, "W", size=40)
    words(axes, 575, 335, "as it was before", size=28)
    words(axes, 755, top + side / 2, "+", size=48)
    matrix(axes, 820, top, side, side, "ΔW", trains=True, size=40)
    words(axes, 955, 335, "what the task added", size=28)
    return axes.figure


@picture
def low_rank() -> Figure:
    """The update as a product of two thin matrices, to scale, with their sizes."""
    axes = canvas(440)
    wide, rank, scale = 768, 24, 0.42  # an example: the width of BERT-base
    side, slim, top = wide * scale, rank * scale, 20
    matrix(axes, 40, top, side, side, "ΔW", trains=True, size=44)
    words(axes, 40 + side / 2, 400, f"{wide} · {wide} = {wide * wide:,}", size=26)
    words(axes, 430, top + side / 2, "=", size=48)
    matrix(axes, 520, top, slim, side, trains=True)
    words(axes, 545, top + side / 2, "B\nup", align="left", size=30, colour=ORANGE)
    words(axes, 640, top + side / 2, "·", size=60)
    matrix(axes, 720, top + side / 2 - slim / 2, side, slim, trains=True)
    words(axes, 720 + side / 2, top + side / 2 - 50, "A, down", size=30, colour=ORANGE)
    words(axes, 800, 400, f"2 · {wide} · {rank} = {2 * wide * rank:,}", size=26)
    words(axes, 890, 270, f"rank r = {rank}, an example", size=24, colour=GREY)
    return axes.figure


@picture
def parallel() -> Figure:
    """An adapter comes after the layer, LoRA lies beside it: sequential and parallel."""
    axes = canvas(510)
    middle = 260
    words(axes, 270, 30, "adapter: in series", size=32, bold=True)
    words(axes, 20, middle, "x", size=34)
    arrow(axes, (36, middle), (66, middle))
    part(axes, 70, middle - 90, 130, 180, "W", size=44)
    arrow(axes, (204, middle), (258, middle))
    funnel(axes, 262, middle, 84, 180, 50)
    funnel(axes, 362, middle, 84, 50, 180)
    words(axes, 354, 385, "down, up", size=28, colour=ORANGE)
    way(axes, [(228, middle), (228, 120), (496, 120), (496, middle - 24)])
    arrow(axes, (448, middle), (474, middle))
    sign(axes, 496, middle)
    arrow(axes, (520, middle), (560, middle))
    words(axes, 880, 30, "LoRA: in parallel", size=32, bold=True)
    words(axes, 630, middle, "x", size=34)
    way(axes, [(648, middle), (690, middle), (690, 175), (746, 175)])
    way(axes, [(690, middle), (690, 375), (746, 375)])
    part(axes, 750, 90, 240, 170, "W", size=44)
    funnel(axes, 752, 375, 110, 170, 40, "A")
    funnel(axes, 878, 375, 110, 40, 170, "B")
    way(axes, [(994, 175), (1060, 175), (1060, middle - 24)])
    way(axes, [(994, 375), (1060, 375), (1060, middle + 24)])
    sign(axes, 1060, middle)
    arrow(axes, (1084, middle), (1140, middle))
    key(axes, 90, 480)
    return axes.figure


def _cells(axes: Axes, x: float, y: float, values: np.ndarray, size: float) -> None:
    """A matrix as cells: white is zero, the darker the larger."""
    for (row, column), value in np.ndenumerate(values):
        axes.add_patch(Rectangle((x + size * column, y + size * row), size, size, edgecolor=GREY, linewidth=1.2,
                                 facecolor=ORANGE if value else "white", alpha=float(abs(value)) or 1.0))  # fmt: skip


@picture
def lora_start() -> Figure:
    """Before training A is random and B is zero, so their product is zero and the model is unchanged."""
    axes = canvas(390)
    generator = np.random.default_rng(0)
    size = 36
    _cells(axes, 80, 20, np.zeros((8, 2)), size)
    words(axes, 116, 350, "B: zeros", size=30)
    words(axes, 235, 164, "·", size=60)
    _cells(axes, 320, 128, generator.uniform(0.2, 1, (2, 8)), size)
    words(axes, 464, 350, "A: random", size=30)
    words(axes, 690, 164, "=", size=48)
    _cells(axes, 790, 20, np.zeros((8, 8)), size)
    words(axes, 934, 350, "BA: nothing yet", size=30)
    return axes.figure


@picture
def rank_measured() -> Figure:
    """Accuracy over the rank, a line for each set of weights: the paper's two tasks, and ours from notebook 11."""
    figure, panels = chart(500, columns=4, sharey=True)
    figures = results.paper("E26")[[f"r{rank}" for rank in RANKS]]
    for axes, task in zip(panels, ("WikiSQL", "MultiNLI", "sentiment", "second task"), strict=True):
        published = f"{task}, Wq" in figures.index
        for weights, (mark, colour) in WEIGHTS.items():
            if published and weights == "all linear":
                continue
            line = list(figures.loc[f"{task}, {weights}"]) if published else [
                scores("E26", "LoRA", task, rank=rank, weights=weights).mean() for rank in RANKS
            ]  # fmt: skip
            label = weights if task == "sentiment" else None
            axes.plot(range(5), line, marker=mark, color=colour, label=label)
        axes.set_xticks(range(5), [str(rank) for rank in RANKS])
        axes.set(title=f"{'paper' if published else 'ours'}: {task}", xlabel="rank", ylim=(55, 100))
    panels[0].set_ylabel("accuracy (%)")
    figure.legend(loc="outside lower center", ncols=4)
    return figure


@picture
def scaling_measured() -> Figure:
    """alpha over r, or over the root of r: accuracy over the rank, from the rows of notebook 11."""
    figure, axes = chart(390)
    for method, colour, mark, style in (("LoRA", ORANGE, "s", "-"), ("rsLoRA", BLACK, "o", "--")):
        ranks = RANKS if method == "LoRA" else RANKS[1:]
        runs = [scores("E26", method, "sentiment", rank=rank, weights="Wq Wv") for rank in ranks]
        places = [RANKS.index(rank) for rank in ranks]
        label = {"LoRA": "over r (LoRA)", "rsLoRA": "over the root of r (rsLoRA)"}[method]
        shift = 0.05 if method == "rsLoRA" else 0
        axes.errorbar([place + shift for place in places], [run.mean() for run in runs], [run.std() for run in runs],
                      linestyle=style, marker=mark, color=colour, label=label, capsize=6)  # fmt: skip
    axes.set_xticks(range(5), [str(rank) for rank in RANKS])
    axes.set(xlabel="rank; query and value, sentiment", ylabel="accuracy (%)", ylim=(80, 102))
    axes.legend(loc="upper left")
    return figure


@picture
def merging() -> Figure:
    """Merging: the product of the two thin matrices is added into the old one, and they are gone."""
    axes = canvas(300)
    side, top = 200, 40
    matrix(axes, 60, top, side, side, "W", size=40)
    words(axes, 320, top + side / 2, "+", size=48)
    matrix(axes, 385, top, 22, side, trains=True)
    words(axes, 430, top + side / 2, "·", size=60)
    matrix(axes, 455, top + side / 2 - 11, side, 22, trains=True)
    words(axes, 396, 268, "B", size=28, colour=ORANGE)
    words(axes, 555, top + side / 2 + 50, "A", size=28, colour=ORANGE)
    words(axes, 730, top + side / 2, "=", size=48)
    matrix(axes, 790, top, side, side, "W′", trains=True, colour=BLUE, size=44)
    words(axes, 1080, top + side / 2, "one matrix,\nas large\nas W", size=22)
    return axes.figure


@picture
def modular_or_merged() -> Figure:
    """Apart, one base serves many tasks; merged, each task has a model of its own, with nothing to compute on top."""
    axes = canvas(430)
    words(axes, 270, 25, "apart", size=30, bold=True)
    words(axes, 880, 25, "merged", size=30, bold=True)
    matrix(axes, 40, 130, 150, 150, "W", size=40)
    for index, (name, colour) in enumerate([("task 1", ORANGE), ("task 2", GREEN), ("task 3", BLUE)]):
        y = 90 + 90 * index
        box(axes, 330, y, 190, 60, f"A, B: {name}", colour=colour, solid=True, size=22)
        arrow(axes, (326, y + 30), (200, 205 + 30 * (index - 1)), colour=colour, dashed=index > 0)
        x = 620 + 180 * index
        matrix(axes, x, 130, 150, 150, "W′", trains=True, colour=colour, size=40)
        words(axes, x + 75, 310, name, size=24)
    words(axes, 275, 385, "swap in place;\na little more to compute", size=24)
    words(axes, 880, 385, "nothing more to compute;\na whole model for each task", size=24)
    axes.plot([575, 575], [20, 420], color=GREY, linewidth=2)
    return axes.figure


@picture
def areas_lora() -> Figure:
    """The whole model, LoRA at rank 2, the biases: areas to scale, from the counts of notebook 11."""
    shares = [(name, share("E28", name, "sentiment")) for name in ("LoRA", "BitFit")]
    return areas([("everything", 100.0), *shares])


@picture
def room() -> Figure:
    """How many directions of an update a task may use: the width of B, to scale."""
    axes = canvas(340)
    axes.figure.set_facecolor("none")
    side, top = 260, 10
    matrix(axes, 40, top, side, side, "ΔW", trains=True, size=44)
    words(axes, 360, top + side / 2, "=", size=48)
    for x, part_of, name in (
        (430, 1, "all?"),
        (745, 1 / 2, "half?"),
        (965, 1 / 32, "a few?"),
        (1110, 1 / 130, "one?"),
    ):
        matrix(axes, x, top, side * part_of, side, trains=True)
        words(axes, x + side * part_of / 2, 312, name, size=30, bold=True)
    return axes.figure


@picture
def two_spends() -> Figure:
    """One matrix with a high rank or four with rank one, to the scale of our encoder's width."""
    axes = canvas(380)
    axes.figure.set_facecolor("none")
    size, width = 130, 128
    for number, rank, x, names in ((1, 64, 60, ["$W_q$"]), (2, 1, 560, ["$W_q$", "$W_k$", "$W_v$", "$W_o$"])):
        thin = max(size * rank / width, 2)
        for index, name in enumerate(names):
            left, top = x + 300 * (index % 2), 10 + 160 * (index // 2)
            matrix(axes, left, top, size, size, name, size=32)
            matrix(axes, left + size + 12, top, thin, size, trains=True)
            matrix(axes, left + size + 24 + thin, top, size, thin, trains=True)
        words(axes, x, 345, f"{number}: rank {rank}", align="left", size=30, bold=True)
    words(axes, 60, 200, "$W$, $B$ and $A$, to scale", align="left", size=24)
    return axes.figure
