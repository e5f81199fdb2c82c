"""The pictures of notebook 12."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes

from course_utils.plots import style

LARGE = ("encoder", "teacher", "BERT (teacher)")  # as rows name the whole encoder
WHOLE = "full fine-tuning"
BELOW, LEFT = ((0, -15), "center"), ((-8, -4), "right")
LANDMARKS = {"TinyBERT": LEFT, "KD, all sentences": LEFT, "gold labels": LEFT}
"""Students that are named in the picture of all although others beat them, and where their names stand."""
TOP_LANDMARKS = {"BitFit": BELOW, "top layer": BELOW, WHOLE: LEFT}
"""The same for methods among the best, which are named where the top is enlarged."""
TOP = 5.0
"""How many points below the best method the enlarged part begins."""


def accuracy_by_size(lines: pd.DataFrame, whole: int) -> list[str]:
    """Accuracy over what is trained, one point for each line of `results.by_method`; below them the best, enlarged.

    The methods of the front, which no other beats in both, bear numbers, and a legend has their names. whole:
    parameters of the whole encoder; what trains a tenth or more of them, and what is a smaller model, get markers of
    their own. Returns the front, smallest first.
    """
    by_size = lines.sort_values(["trained", "accuracy"], ascending=[True, False])
    before = by_size["accuracy"].cummax().shift(fill_value=0)
    front = by_size[by_size["accuracy"] > before]
    figure, both = style.plt.subplots(2, 1, figsize=(7, 7.6), sharex=True)
    lowest = lines["accuracy"].max() - TOP
    for axes, named, low in zip(both, (LANDMARKS, TOP_LANDMARKS), (0.0, lowest), strict=True):
        _points(axes, lines[lines["accuracy"] >= low], whole)
        _front(axes, front, low)
        _names(axes, lines[lines["accuracy"] >= low], named)
        axes.set(xlabel="trained parameters, head included (log scale)", ylabel="test accuracy (%)")
    upper, lower = both
    upper.margins(0.1)
    upper.legend(loc="center", bbox_to_anchor=(0.44, 0.52), fontsize=9)
    upper.set(title="All methods: accuracy against trained parameters")
    lower.set(title="The best of them, enlarged", ylim=(lowest, lowest + 1.15 * TOP))
    if WHOLE in lines.index:
        lower.axhline(lines.loc[WHOLE, "accuracy"] - 2, color="black", linestyle=":", linewidth=1)
        lower.annotate(
            f"two points below {WHOLE}",
            (1, lines.loc[WHOLE, "accuracy"] - 2),
            xycoords=("axes fraction", "data"),
            xytext=(-4, -10),
            textcoords="offset points",
            ha="right",
            fontsize=9,
        )
    numbered = [f"{number} {name}" for number, name in enumerate(front.index, start=1)]
    upper.text(0.31, 0.38, "\n".join(["front:", *numbered]), transform=upper.transAxes, va="top", fontsize=9)
    style.show(
        figure,
        alt="Test accuracy over the number of trained parameters, a point for each method, and below it the best "
        f"of them enlarged; a line joins those that no other beats in both. {_ends(lines, front)}",
    )
    return list(front.index)


def _ends(lines: pd.DataFrame, front: pd.DataFrame) -> str:
    """The best method and full fine-tuning in words, as far as `lines` has them."""
    told = {f"The best, {front.index[-1]},": front.iloc[-1]}
    if WHOLE in lines.index:
        told[WHOLE] = lines.loc[WHOLE]
    ends = (f"{name} scores {row['accuracy']:.1f} % with {row['trained']:,.0f}" for name, row in told.items())
    return "; ".join(ends) + "."


def _points(axes: Axes, lines: pd.DataFrame, whole: int) -> None:
    few, small = lines["trained"] < whole / 10, ~lines["model"].isin(LARGE)
    for name, part, marker in (
        ("under a tenth of the encoder", lines[few & ~small], "o"),
        ("more than that", lines[~few & ~small], "s"),
        ("a student, trained whole:\nsmaller to use, too", lines[small], "^"),
    ):
        axes.semilogx(part["trained"], part["accuracy"], marker, label=name, alpha=0.7, markersize=7)


def _front(axes: Axes, front: pd.DataFrame, low: float) -> None:
    axes.plot(front["trained"], front["accuracy"], color="black", linewidth=1)
    for number, (_, row) in enumerate(front.iterrows(), start=1):
        if row["accuracy"] >= low:
            axes.annotate(
                str(number),
                (row["trained"], row["accuracy"]),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=9,
                fontweight="bold",
            )


def _names(axes: Axes, lines: pd.DataFrame, named: Mapping[str, tuple[tuple[int, int], str]]) -> None:
    for name in lines.index.intersection(list(named)):
        offset, side = named[name]
        point = (lines.loc[name, "trained"], lines.loc[name, "accuracy"])
        axes.annotate(str(name), point, xytext=offset, ha=side, textcoords="offset points", fontsize=9)


def experts(grown: pd.DataFrame) -> None:
    """Parameters, operations and time over the number of experts, as multiples of the dense encoder.

    grown: one row for each (top_k, experts); columns parameters, operations, time.
    """
    figure, axes = style.plt.subplots()
    lines = (("parameters", 1, "-"), ("operations", 2, ":"), ("operations", 1, "--"), ("time", 1, "-."))
    for column, top_k, dashes in lines:
        line = grown.loc[top_k, column]
        label = column if column == "parameters" else f"{column}, {top_k} per word"
        axes.plot(line.index, line, dashes, marker="o", label=label)
    axes.set(title="More experts: parameters grow, operations do not", xlabel="experts in each layer")
    axes.set(
        ylabel="times the dense encoder", ylim=(0, None), xticks=sorted(set(grown.index.get_level_values(1)))
    )
    axes.legend()
    most = grown.index.get_level_values(1).max()
    one, two = grown.loc[(1, most)], grown.loc[(2, most)]
    style.show(
        figure,
        alt="Four lines over the number of experts, in multiples of the dense encoder. At the right end, with "
        f"{most} experts: parameters {one['parameters']:.1f}, operations {one['operations']:.1f} with one expert per "
        f"word and {two['operations']:.1f} with two, measured time {one['time']:.1f} with one.",
    )


def attention(taken: pd.DataFrame, heads: int, dim: int) -> None:
    """Left: the time of one layer over the length, a line for each column of `taken`. Right: bytes of the past,
    counted."""
    figure, (left, right) = style.plt.subplots(1, 2)
    for (name, line), dashes in zip(taken.items(), ("-", "--", ":"), strict=True):
        left.loglog(taken.index, line, dashes, marker="o", markersize=5, label=str(name))
    left.set(title="One attention layer", xlabel="length (words)", ylabel="time (ms)")
    lengths = list(taken.index)
    right.loglog(lengths, [4 * heads * 2 * dim * n / 1000 for n in lengths], "--", label="keys and values")
    right.loglog(
        lengths, [4 * heads * dim * (dim + 1) / 1000 for _ in lengths], ":", label="linear: the state"
    )
    right.set(title="Kept of the past", xlabel="length (words)", ylabel="memory of one layer (kB)")
    left.legend()
    right.legend()
    longest = [f"{name} {taken.loc[lengths[-1], name]:,.3g} ms" for name in taken]
    style.show(
        figure,
        alt=f"Left: time over length for three kinds of attention; at {lengths[-1]:,} words {', '.join(longest)}. "
        "Right: keys and values grow with the length, the state of linear attention does not.",
    )


def exits(swept: pd.DataFrame, whole: float, alone: Sequence[float], chosen: Mapping[str, float]) -> None:
    """Accuracy over the mean number of layers computed, as the threshold is swept.

    swept: columns layers, accuracy (%). whole: accuracy of all layers. alone: that of each layer's own classifier.
    chosen: one point that the text speaks of, as layers and accuracy.
    """
    figure, axes = style.plt.subplots()
    axes.plot(swept["layers"], swept["accuracy"], marker="o", label="early exit, threshold swept")
    axes.plot(range(1, len(alone) + 1), alone, "s--", fillstyle="none", label="all sentences leave there")
    axes.plot(chosen["layers"], chosen["accuracy"], "k*", markersize=14, label="chosen on validation")
    axes.axhline(whole, color="black", linestyle=":", linewidth=1, label="all layers")
    axes.set(
        title="Early exiting",
        xlabel="layers computed, mean of the test sentences",
        ylabel="test accuracy (%)",
    )
    axes.set_xticks(range(1, len(alone) + 1))
    axes.legend(loc="lower right")
    style.show(
        figure,
        alt="Test accuracy over the mean number of layers computed: a line for sentences that leave one by one, and "
        f"one for all leaving at the same layer. A star at {chosen['layers']:.1f} layers scores "
        f"{chosen['accuracy']:.1f} %; all {len(alone)} layers, the dotted line, score {whole:.1f} %.",
    )
