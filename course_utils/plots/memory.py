"""Pictures of a ledger: what memory is made of, as bars, and at every moment of a step."""

from collections.abc import Mapping, Sequence

import pandas as pd

from course_utils.measure.ledger import CATEGORIES, Ledger
from course_utils.plots import style

COLOUR = dict(zip(CATEGORIES, style.COLOURS, strict=True))
"""Each category in its own colour, the same in every picture."""
UNITS = {"MB": 10**6, "GB": 10**9}


def show_parts(
    rows: pd.DataFrame,
    title: str,
    alt: str,
    *,
    ylabel: str,
    unit: str = "MB",
    marks: Sequence[float] | None = None,
    limits: Mapping[str, int] | None = None,
) -> None:
    """A horizontal bar for each row, the first on top: the bytes of each category (the columns) side by side.

    A category that is nowhere as much as a hundredth of the longest bar is not drawn. marks: for each row, bytes at
    which a black mark stands. limits: dashed lines across all bars, by name. See `style.show` for `alt`.
    """
    size = UNITS[unit]
    figure, axes = style.plt.subplots(figsize=(6.5, 2.2 + 0.36 * len(rows)))
    left = pd.Series(0.0, index=rows.index)
    for name in (name for name in rows if rows[name].max() > rows.sum(axis=1).max() / 100):
        axes.barh(
            range(len(rows)), rows[name] / size, left=left, color=COLOUR[str(name)], height=0.65, label=name
        )
        left += rows[name] / size
    if marks is not None:
        axes.plot([mark / size for mark in marks], range(len(rows)), "k|", markersize=16, markeredgewidth=3)
    for (name, limit), dashes in zip((limits or {}).items(), (":", "--", "-", "-."), strict=False):
        axes.axvline(limit / size, color="black", linewidth=1.5, linestyle=dashes, label=name)
    axes.set_yticks(range(len(rows)), list(rows.index))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set(title=title, xlabel=f"memory ({unit})", ylabel=ylabel)
    figure.legend(loc="outside lower center", ncols=3)
    style.show(figure, alt)


def show_timeline(ledger: Ledger, title: str, alt: str) -> None:
    """The bytes of each category (at least a hundredth of the peak) at every moment; phases are marked."""
    frame = ledger.timeline
    shown = [name for name in CATEGORIES if frame[name].max() > frame["total"].max() / 100]
    figure, axes = style.plt.subplots()
    layers = [frame[name] / 10**6 for name in shown]
    axes.stackplot(frame.index, *layers, labels=shown, colors=[COLOUR[name] for name in shown])
    for phase in (phase for phase in frame["phase"].unique() if phase != "start"):
        first = int((frame["phase"] == phase).idxmax())
        axes.axvline(first, color="black", linewidth=1, linestyle=":")
        axes.annotate(
            phase,
            (first, 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -3),
            textcoords="offset points",
            rotation=90,
            va="top",
        )
    axes.set(title=title, xlabel="moments: memory comes or goes", ylabel="memory (MB)")
    axes.set_ylim(0, 1.5 * frame["total"].max() / 10**6)  # room for the names of the phases
    figure.legend(loc="outside lower center", ncols=3)
    style.show(figure, alt)
