"""Pictures of notebook 09: what is stacked on what and which of it trains, and gains by source and target."""

from collections.abc import Mapping, Sequence

import pandas as pd

from course_utils.plots import style


def show_stacks(columns: Mapping[str, Sequence[tuple[str, bool]]], title: str, alt: str) -> None:
    """A column of boxes for each stack, from below: the name of each part, orange where it trains, grey where frozen.

    columns: for each stack, its parts in the order in which a sentence passes, with whether they train.
    """
    figure, axes = style.plt.subplots(figsize=(6.5, 4.6))
    for x, parts in enumerate(columns.values()):
        for y, (name, trains) in enumerate(parts):
            axes.barh(y, 0.9, 0.8, x - 0.45, color=style.COLOURS[4] if trains else "#DDDDDD")
            axes.text(x, y, f"{name}: {'trains' if trains else 'frozen'}", ha="center", va="center")
    axes.set_xticks(range(len(columns)), list(columns))
    axes.set(
        title=title, xlabel="what is being trained", ylabel="from input (bottom) to output (top)", yticks=[]
    )
    axes.set_xlim(-0.55, len(columns) - 0.45)
    axes.grid(visible=False)
    style.show(figure, alt)


def show_gains(gains: pd.DataFrame, title: str, alt: str, *, label: str) -> None:
    """A heat map of gains, rows by columns, each with its number: blue above zero, red below, white at zero."""
    rows, columns = gains.shape
    figure, axes = style.plt.subplots(figsize=(6.5, 1.8 + 0.7 * rows))
    most = float(gains.abs().to_numpy().max()) or 1.0
    aspect = "equal" if rows == columns else "auto"
    picture = axes.imshow(gains, cmap="RdBu", vmin=-most, vmax=most, aspect=aspect)
    for y, row in enumerate(gains.to_numpy()):
        for x, gain in enumerate(row):
            shade = "white" if abs(gain) > 0.6 * most else "black"
            axes.text(x, y, f"{gain:+.1f}", ha="center", va="center", color=shade)
    axes.set_xticks(range(columns), list(gains.columns), rotation=20 if columns > 4 else 0)
    axes.set_yticks(range(rows), list(gains.index))
    axes.set(title=title, xlabel=gains.columns.name or "target", ylabel=gains.index.name or "source")
    axes.grid(visible=False)
    figure.colorbar(picture, label=label)
    style.show(figure, alt)
