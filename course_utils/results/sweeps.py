"""Sweeps of learning rates: what each rate of each method scored on validation rows, and which one was chosen."""

import json
import statistics
from typing import Any

import pandas as pd

from course_utils import assets
from course_utils.results.tables import SHARES


def score(made: pd.DataFrame, fields: dict[str, Any]) -> float | None:
    """The mean score (a share from 0 to 1) of the trainings that have these values; None where there is none."""
    if not set(fields) <= set(made.columns):
        return None
    fits = made["trainable_parameters"] > 0  # the others are figures, not scores
    for name, value in fields.items():
        fits &= made[name] == value
    if not fits.any():
        return None
    found = zip(made.loc[fits, "value"], made.loc[fits, "metric"], strict=True)
    return statistics.fmean(value if metric in SHARES else value / 100 for value, metric in found)


def choose(tried: pd.DataFrame) -> dict[str, float]:
    """Key -> the rate whose mean score over seeds is the highest; of equal ones the lowest rate.

    tried: columns key, rate, seed, score.
    """
    means = tried.groupby(["key", "rate"])["score"].mean()
    return {str(key): float(means[key].idxmax()) for key in tried["key"].unique()}


def sweep(notebook: str) -> pd.DataFrame:
    """The shipped sweep of a notebook on this track: columns key, rate, seed, score (a share), and chosen, whether the
    method got this rate. Empty where none ships."""
    path = assets.sweep_file(notebook)
    columns = ["key", "rate", "seed", "score"]
    if not path.exists():
        return pd.DataFrame(columns=[*columns, "chosen"])
    kept = json.loads(path.read_text(encoding="utf-8"))
    table = pd.DataFrame(kept["tried"], columns=columns)
    return table.assign(chosen=table["rate"] == table["key"].map(kept["chosen"]))
