"""The charts of deck 03: measured peaks of notebook 05, and the arithmetic of bytes."""

import measured
import numpy as np
from draw import AMBER, BLACK, BLUE, GREEN, ORANGE, PINK, SKY, chart
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_utils import results
from pictures.registry import picture

BYTES = 4  # of a number in float32


def measured_peaks() -> dict[str, tuple[float, int]]:
    """For each way to train in notebook 05 the peak in MB, and how many parameters it trains."""
    rows = results.load("05", track="bundled", own=False)
    rows = rows[(rows["exhibit"] == "E15") & (rows["metric"] == "peak (MB)")]
    means = rows.groupby("method", sort=False)[["value", "trainable_parameters"]].mean()
    return {str(row.Index): (row.value, int(row.trainable_parameters)) for row in means.itertuples()}


def bars_of(axes: Axes, names: list[str], parts: dict[str, tuple[list[float], str]]) -> None:
    """Horizontal bars of parts end to end, the first name on top, each total at the end of its bar."""
    left = np.zeros(len(names))
    for name, (widths, colour) in parts.items():
        shown = axes.barh(names, widths, left=left, color=colour, label=name, edgecolor="white", height=0.7)
        left += np.array(widths)
    axes.bar_label(shown, [f"{total:.0f}" for total in left], padding=8, fontsize=18, fontweight="bold",
                   bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)


def gpu_lines(axes: Axes, height: float) -> None:
    """The memory of two GPUs as lines across a chart in GB, with their names at this height."""
    from course_utils.measure import fake_models  # loads transformers: only where it is needed

    for name, size in fake_models.DEVICES.items():
        axes.axvline(size / 1e9, color=BLACK, linestyle="--", linewidth=2)
        axes.text(size / 1e9, height, f" {name}: {size / 1e9:.0f} GB", fontsize=17, va="center")


@picture
def step_timeline() -> Figure:
    """A training step as time goes by: what is level, what rises and falls, and where the peak is. Not measured."""
    time = np.array([0, 4, 8, 8.6, 9])
    model, momentum = np.full(5, 1.0), np.full(5, 2.0)
    kept, gradients = np.array([0, 2.6, 0, 0, 0]), np.array([0, 0, 1, 1, 0])
    figure, axes = chart(510)
    axes.stackplot(time, model, momentum, kept, gradients, colors=[BLUE, AMBER, SKY, PINK], edgecolor="white")
    for place, text in ((2, "forward"), (6, "backward"), (8.8, "step")):
        axes.text(place, 6.3, text, fontsize=18, ha="center", fontweight="bold")
    for place in (4, 8):
        axes.axvline(place, color=BLACK, linestyle=":", linewidth=2)
    for x, y, text, colour in ((2, 0.5, "model", "white"), (2, 2.0, "gradient momentum", BLACK),
                               (5.5, 3.35, "intermediate variables", BLACK)):  # fmt: skip
        axes.text(x, y, text, fontsize=18, ha="center", va="center", color=colour)
    for text, tip, place in (("the peak", (4, 5.62), (4.7, 5.72)), ("gradients", (6.7, 4.1), (6.9, 5.3))):
        axes.annotate(
            text, tip, place, fontsize=19, va="center", arrowprops={"arrowstyle": "-|>", "linewidth": 3}
        )
    axes.set(xlim=(0, 9.3), ylim=(0, 6.8), xticks=[], yticks=[], ylabel="memory (a sketch)", xlabel="time")
    axes.grid(visible=False)
    return figure


@picture
def peak_parts() -> Figure:
    """The measured peak of full training: model and momentum by their sizes, the rest nearly all kept from forward."""
    peak, parameters = measured_peaks()["full"]
    model = parameters * BYTES / 1e6
    momentum = model * float(measured.value("E14", "AdamW", metric="state (times the parameters)", digits=4))
    figure, axes = chart(370)
    rest = "intermediate variables\n(and what little else is there)"
    parts = (
        ("model", model, BLUE),
        ("gradient momentum", momentum, AMBER),
        (rest, peak - model - momentum, SKY),
    )
    shown = axes.barh(
        [name for name, _, _ in parts], [size for _, size, _ in parts], color=[c for *_, c in parts]
    )
    axes.bar_label(shown, fmt="%.1f", padding=10, fontsize=18)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.15)
    axes.set(xlabel="memory at the peak (MB)", title="Small encoder, 16 texts of 64 tokens, float32")
    return figure


@picture
def big_models() -> Figure:
    """GPT, GPT-2 and GPT-3 at sixteen bytes a parameter, against the memory of two GPUs."""
    metric = "parameters, gradients, state (times the parameters)"
    whole = float(measured.value("E13", "full", metric=metric, digits=3)) * BYTES
    units = {"M": 1e6, "B": 1e9}
    sizes = {}
    for name in ("GPT", "GPT-2", "GPT-3"):
        shown = measured.paper("E01", name, "parameters").removeprefix("up to ")
        sizes[f"{name}, {shown}"] = float(shown[:-1]) * units[shown[-1]] * whole / 1e9
    figure, axes = chart(400)
    bars = axes.barh(list(sizes), list(sizes.values()), color=BLUE, height=0.6)
    axes.bar_label(bars, [f"{size:,.3g} GB" if size < 1000 else f"{size:,.0f} GB" for size in sizes.values()],
                   padding=8, fontsize=18)  # fmt: skip
    axes.invert_yaxis()
    gpu_lines(axes, -0.62)
    axes.grid(axis="y", visible=False)
    axes.set(
        xscale="log",
        xlim=(1, 30000),
        ylim=(2.5, -0.9),
        xlabel="model, gradients and momentum (GB, log scale)",
    )
    return figure


@picture
def conventions() -> Figure:
    """Bytes a parameter of four ways to train with AdamW: weights, copies, gradients, the two averages."""
    names = [
        "mixed, gradients in 4 bytes",
        "mixed, gradients in 2 bytes",
        "float32 throughout",
        "bfloat16 throughout",
    ]
    parts = {
        "weights": ([4, 4, 4, 2], BLUE),
        "copies in 2 bytes": ([2, 2, 0, 0], GREEN),
        "gradients": ([4, 2, 4, 2], PINK),
        "m": ([4, 4, 4, 2], AMBER),
        "v": ([4, 4, 4, 2], "#F5C25B"),
    }
    figure, axes = chart(385)
    bars_of(axes, names, parts)
    axes.set(xlim=(0, 20), xticks=range(0, 21, 4), xlabel="bytes a parameter")
    figure.legend(loc="outside upper center", ncols=5)
    return figure


@picture
def what_stays() -> Figure:
    """What partial training leaves of gradients and momentum, and what of intermediate variables."""
    trained = {name: count for name, (_, count) in measured_peaks().items()}
    partly, metric = ("top layer", "BitFit", "LoRA"), "activations (share of full)"
    names = ["full", *partly]
    few = [100 * trained[name] / trained["full"] for name in names]
    kept = [100.0] + [100 * float(measured.value("E15", name, metric=metric, digits=4)) for name in partly]
    figure, axes = chart(385)
    places = np.arange(len(names))
    for shift, shares, colour, label in ((-0.2, few, PINK, "gradients and momentum"),
                                         (0.2, kept, SKY, "intermediate variables")):  # fmt: skip
        bars = axes.barh(places + shift, shares, 0.38, color=colour, label=label)
        axes.bar_label(bars, fmt="%.0f", padding=8, fontsize=18)
    axes.set_yticks(places, ["full", "top layer and head", "BitFit", "LoRA"])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set(xlim=(0, 118), xlabel="left, in % of full training")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


@picture
def all_ways() -> Figure:
    """The measured peak of every way to train in notebook 05, in three groups."""
    peaks = {name: peak for name, (peak, _) in measured_peaks().items()}
    groups = {BLACK: ["full"], AMBER: ["SGD", "8-bit states", "mixed precision", "bfloat16"],
              ORANGE: ["LoRA", "BitFit", "top layer", "head only"],
              SKY: ["checkpointing", "LoRA, checkpointing"]}  # fmt: skip
    labels = {BLACK: "everything, AdamW, float32", AMBER: "other optimizer or precision", ORANGE: "part of the weights",
              SKY: "checkpointing"}  # fmt: skip
    figure, axes = chart(540)
    for colour, names in groups.items():
        bars = axes.barh(
            names, [peaks[name] for name in names], color=colour, label=labels[colour], height=0.72
        )
        axes.bar_label(bars, fmt="%.1f", padding=8, fontsize=17)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower right")
    axes.set(xlim=(0, 62), xlabel="memory at the peak (MB), 16 texts of 64 tokens")
    return figure


@picture
def seven_billion() -> Figure:
    """The arithmetic for seven billion parameters, trained whole or frozen, in two precisions, against two GPUs."""
    names = ["all trained, float32", "all trained, bfloat16", "frozen, float32", "frozen, bfloat16"]
    weights, trained = np.array([4, 2, 4, 2]), np.array([1, 1, 0, 0])
    parts = {"weights": (7 * weights, BLUE), "gradients": (7 * weights * trained, PINK),
             "gradient momentum": (14 * weights * trained, AMBER)}  # fmt: skip
    figure, axes = chart(385)
    bars_of(axes, names, parts)
    axes.texts[-1].set_position((28, 0))  # past the line of the T4
    gpu_lines(axes, -0.75)
    axes.set(xlim=(0, 125), ylim=(3.5, -1.05), xlabel="GB for seven billion parameters, without activations")
    axes.legend(loc="lower right")
    return figure
