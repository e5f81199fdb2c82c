"""The pictures of notebook 12."""

from collections.abc import Mapping, Sequence

import pandas as pd

from course_utils.plots import style

LARGE = ("encoder", "teacher", "BERT (teacher)")  # as rows name the whole encoder
BELOW, BESIDE = ((0, -16), "center"), ((-8, -4), "right")
LANDMARKS = {
    "BitFit": BELOW,
    "top layer": BELOW,
    "full fine-tuning": BELOW,
    "TinyBERT": BESIDE,
    "KD, all sentences": BESIDE,
    "gold labels": BESIDE,
}
"""Methods that are named in the picture of all although others beat them, and where their names stand."""


def accuracy_by_size(lines: pd.DataFrame, whole: int) -> list[str]:
    """Accuracy over what is trained, one point for each line of `results.by_method`; the front and the
    landmarks have names.

    The front: the methods that no other beats in both. whole: parameters of the whole encoder; what trains a tenth or
    more of them, and what is a smaller model, get markers of their own. Returns the front, smallest first.
    """
    by_size = lines.sort_values(["trained", "accuracy"], ascending=[True, False])
    before = by_size["accuracy"].cummax().shift(fill_value=0)
    front = by_size[by_size["accuracy"] > before]
    figure, axes = style.plt.subplots(figsize=(7.5, 4.6))
    few, small = lines["trained"] < whole / 10, ~lines["model"].isin(LARGE)
    for name, part, marker in (
        ("under a tenth of the encoder", lines[few & ~small], "o"),
        ("more than that", lines[~few & ~small], "s"),
        ("a student, trained whole: smaller to use, too", lines[small], "^"),
    ):
        axes.semilogx(part["trained"], part["accuracy"], marker, label=name, alpha=0.7, markersize=8)
    axes.plot(front["trained"], front["accuracy"], color="black", linewidth=1, label="front")
    for place, (name, row) in enumerate(front.iterrows()):
        left = place % 2 == 1  # neighbours would write over each other
        axes.annotate(
            str(name),
            (row["trained"], row["accuracy"]),
            xytext=(-5, 7) if left else (5, 7),
            ha="right" if left else "left",
            textcoords="offset points",
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
        )
    for name in lines.index.intersection(LANDMARKS).difference(front.index):
        axes.annotate(
            str(name),
            (lines.loc[name, "trained"], lines.loc[name, "accuracy"]),
            xytext=LANDMARKS[name][0],
            ha=LANDMARKS[name][1],
            textcoords="offset points",
            fontsize=9,
        )
    axes.set(title="All methods: what is trained, and what it brings", ylabel="test accuracy (%)")
    axes.set(xlabel="trained parameters, head included (log scale)")
    axes.margins(0.16)
    axes.legend(loc="lower left")
    style.show(
        figure,
        alt="Test accuracy over the number of trained parameters, a point for each method; a line joins those "
        "that no other "
        "beats in both. Full fine-tuning, at the right, lies level with methods that train far less.",
    )
    return list(front.index)


def experts(grown: pd.DataFrame) -> None:
    """Parameters, operations and time over the number of experts, as multiples of the dense encoder.

    grown: one row for each (top_k, experts); columns parameters, operations, time.
    """
    figure, axes = style.plt.subplots()
    lines = (("parameters", 1, "-"), ("operations", 2, ":"), ("operations", 1, "--"), ("time", 1, "-."))
    for column, top_k, dashes in lines:
        line = grown.loc[top_k, column]
        label = column if column == "parameters" else f"{column}, {top_k} a word"
        axes.plot(line.index, line, dashes, marker="o", label=label)
    axes.set(title="More experts: parameters grow, operations do not", xlabel="experts in each layer")
    axes.set(
        ylabel="times the dense encoder", ylim=(0, None), xticks=sorted(set(grown.index.get_level_values(1)))
    )
    axes.legend()
    style.show(
        figure,
        alt="Parameters rise with the number of experts. Operations stay flat, at a higher level for two "
        "experts a word. The measured time, of one expert a word, has a line of its own.",
    )


def attention(taken: pd.DataFrame, heads: int, dim: int) -> None:
    """Left: the time of one layer over the length, a line for each column of `taken`. Right: bytes of the past,
    counted."""
    figure, (left, right) = style.plt.subplots(1, 2, figsize=(9, 4))
    for (name, line), dashes in zip(taken.items(), ("-", "--", ":"), strict=True):
        left.loglog(taken.index, line, dashes, marker="o", markersize=5, label=str(name))
    left.set(title="Time of one attention layer", xlabel="length (words)", ylabel="ms")
    lengths = list(taken.index)
    right.loglog(lengths, [4 * heads * 2 * dim * n / 1000 for n in lengths], "--", label="keys and values")
    right.loglog(
        lengths, [4 * heads * dim * (dim + 1) / 1000 for _ in lengths], ":", label="linear: the state"
    )
    right.set(title="Kept of the past, one layer", xlabel="length (words)", ylabel="kB")
    left.legend()
    right.legend()
    style.show(
        figure,
        alt="Left: time over length for three kinds of attention, softmax the steepest. Right: keys and values "
        "grow with the "
        "length, the state of linear attention does not.",
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
        alt="Test accuracy over the mean number of layers computed: sentences that leave one by one lie above "
        "those that all "
        "leave at the same layer; a dotted line marks all layers.",
    )
