"""The picture of a sweep: what each learning rate of a method scored on validation rows, and which one was chosen."""

from collections.abc import Mapping

import pandas as pd

from course_utils.plots import style


def show_sweep(tried: pd.DataFrame, methods: Mapping[str, str]) -> None:
    """One line for each method: the mean score at each rate, a bar from the lowest seed to the highest, a full point at
    the chosen rate. Prints a sentence where nothing was tried.

    tried: what `results.sweep` returns. methods: the keys to draw, and their names in the legend.
    """
    if tried.empty:
        print("No sweep ships for this track. The learning rates are the catalogue's.")
        return
    figure, axes = style.plt.subplots(figsize=(6.5, 3.6))
    for key, name in methods.items():
        by_rate = tried[tried["key"] == key].assign(percent=lambda rows: 100 * rows["score"]).groupby("rate")
        means = by_rate["percent"].mean()
        spans = [means - by_rate["percent"].min(), by_rate["percent"].max() - means]
        drawn = axes.errorbar(means.index, means, spans, marker="o", fillstyle="none", capsize=3, label=name)
        best = means[by_rate["chosen"].any()]
        axes.plot(best.index, best, "o", color=drawn[0].get_color(), markersize=9)
    axes.set_xscale("log")
    axes.set(title="Learning rates tried", xlabel="learning rate (log scale)", ylabel="validation score (%)")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    chosen = tried[tried["chosen"]].drop_duplicates("key").set_index("key")["rate"]
    told = "; ".join(f"{name} {chosen[key]:g}" for key, name in methods.items())
    style.show(figure, f"Validation score over the learning rate, one line for each method. Chosen: {told}.")
