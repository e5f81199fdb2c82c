"""What several runs say in one picture: the mean of the shipped seeds, and how far it may be off."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes


def band(axes: Axes, means: pd.DataFrame, label: str, places: Mapping[Any, float] | None = None) -> None:
    """A thin line through the means, and a band from `low` to `high` in the same colour; nothing for an empty table.

    means: what `results.over_seeds` returns; its index is x. places: where each x lies on the axis, if it
    is no number.
    """
    if means.empty:
        return
    x = [places[name] if places else name for name in means.index]
    (line,) = axes.plot(x, means["mean"], linewidth=1, label=label)
    axes.fill_between(x, means["low"], means["high"], color=line.get_color(), alpha=0.2, linewidth=0)
