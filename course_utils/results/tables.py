"""Rows of results laid out for reading: one line a method, one column a metric, means and spreads over the seeds."""

import math
import statistics
from collections.abc import Iterable
from typing import Any

import pandas as pd

from course_utils.results.verdicts import interval

SHARES = ("accuracy", "macro_f1", "f1", "matthews", "spearman", "seqeval")
"""Metrics up to 1, shown in percent."""


def table(rows: pd.DataFrame, index: str | list[str] = "method") -> pd.DataFrame:
    """Rows of `load` laid out for reading: one line for each value of `index`, one column for each metric.

    A cell is the mean over the seeds, with ± the sample standard deviation where there are several. Accuracy
    and F1 are in percent. A row without a setting that is in `index` (full fine-tuning has no rank) has a dash there.
    Raises ValueError if there are no rows, or if a cell would mix different runs.
    """
    if rows.empty:
        raise ValueError("There are no result rows to lay out. Run the cells that train and record first.")
    by = [index] if isinstance(index, str) else index
    lines: dict[str, dict[str, Any]] = {}
    for names, group in rows.groupby(by, sort=False, dropna=False):
        line = lines.setdefault(" · ".join("–" if pd.isna(name) else str(name) for name in names), {})
        for metric, part in group.groupby("metric", sort=False):
            _refuse_a_mix(part, by)
            share = metric in SHARES
            line[f"{metric} (%)" if share else metric] = mean_and_spread(
                part["value"] * (100 if share else 1)
            )
        runs = group[group["metric"] == group["metric"].iloc[0]]
        line["seeds"] = str(len(runs))
        line["trainable parameters"] = f"{int(runs['trainable_parameters'].iloc[0]):,}"
        line["seconds"] = f"{runs['seconds'].mean():.1f}"
    frame = pd.DataFrame.from_dict(lines, orient="index").fillna("–")
    frame.index.name = " · ".join(by)
    last = ["seeds", "trainable parameters", "seconds"]
    return frame[[column for column in frame if column not in last] + last]


def over_seeds(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """The mean over the seeds and the ends of its 95 % interval, for each value of the column `by`, in its order.

    rows: of one method and metric; several of one seed (tasks, draws) count with their mean. Shares are in percent.
    Returns the columns mean, low, high; with one seed the two ends are the mean, for it says nothing of the spread.
    """
    found = {}
    for name, group in rows.groupby(by):
        scale = 100 if set(group["metric"]) <= set(SHARES) else 1
        mean, low, high = interval([float(x) for x in scale * group.groupby("seed")["value"].mean()])
        found[name] = (mean, low, high) if math.isfinite(low) else (mean, mean, mean)
    return pd.DataFrame.from_dict(found, orient="index", columns=["mean", "low", "high"])


def _refuse_a_mix(part: pd.DataFrame, by: list[str]) -> None:
    """A cell holds one run a seed; two mean that something else differs, and must be a part of the index."""
    if not part["seed"].duplicated().any():
        return
    told = [name for name in part if name not in ("seed", "value", "seconds", "time", "peak_bytes", "source")]
    varying = [str(name) for name in told if part[name].astype(str).nunique() > 1]
    raise ValueError(
        f"Several rows of one seed fall into one cell of this table. They differ in {', '.join(varying)}: "
        f"choose one value first, or add it to index (now {', '.join(by)})."
    )


def made_on(rows: pd.DataFrame) -> str:
    """The machines that made these rows of `load`, each once: "AMD EPYC, 1 core, cpu"."""
    return "; ".join(dict.fromkeys(machine_name(machine) for machine in rows["machine"]))


def machine_name(machine: dict[str, Any]) -> str:
    """A row's machine in words: processor, cores, and the device that trained."""
    cores = f"{machine['cores']} core{'' if machine['cores'] == 1 else 's'}"
    return f"{machine['cpu']}, {cores}, {machine['device']}"


def mean_and_spread(values: Iterable[float]) -> str:
    """ "81.2 ± 0.4": the mean and the sample standard deviation; the value alone where there is one."""
    numbers = [float(value) for value in values]
    spread = f" ± {statistics.stdev(numbers):.1f}" if len(numbers) > 1 else ""
    return f"{statistics.mean(numbers):.1f}{spread}"
