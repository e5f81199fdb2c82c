"""The numbers that a deck or a picture may show: what was measured and ships, and what the papers report.

Nothing here has a fallback: what is not there stops the build, with words that say what is.
"""

import functools
from typing import Any

import pandas as pd

from course_utils import results
from course_utils.results.statements import shipped


def value(
    exhibit: str, method: str, data: str | None = None, *, metric: str = "accuracy", track: str = "bundled",
    digits: int = 1, **extra: Any,
) -> str:  # fmt: skip
    """The mean of a shipped measurement over its seeds; accuracy and F1 in percent. `extra` names settings (rank=4)."""
    rows = _rows(exhibit, method, data, metric, track, extra)
    return f"{rows['value'].mean() * (100 if metric in results.SHARES else 1):,.{digits}f}"


def trained(
    exhibit: str, method: str, data: str | None = None, *, metric: str = "accuracy", **extra: Any
) -> str:
    """The number of parameters that a shipped run trained, with commas."""
    counts = _rows(exhibit, method, data, metric, "bundled", extra)["trainable_parameters"].unique()
    if len(counts) > 1:
        raise ValueError(
            f"{exhibit}, {method}: runs that trained {sorted(counts)} parameters; name the setting."
        )
    return f"{int(counts[0]):,}"


@functools.cache
def _shipped_rows(track: str) -> pd.DataFrame:
    return results.load(track=track, own=False)


def _rows(
    exhibit: str, method: str, data: str | None, metric: str, track: str, extra: dict[str, Any]
) -> pd.DataFrame:
    rows = _shipped_rows(track)
    asked = {
        "exhibit": exhibit,
        "method": method,
        "metric": metric,
        **({"data": data} if data else {}),
        **extra,
    }
    found = rows
    for name, wanted in asked.items():
        found = found[found[name] == wanted] if name in found else found[:0]
    if found.empty:
        there = sorted(set(rows.loc[rows["exhibit"] == exhibit, "method"]))
        raise ValueError(f"No shipped row has {asked}. Methods of {exhibit}: {there}.")
    if found["seed"].duplicated().any():
        same = ("seed", "value", "seconds", "time", "peak_bytes", "versions", "machine", "source")
        differ = [name for name in found if name not in same and found[name].astype(str).nunique() > 1]
        raise ValueError(f"Several measurements have {asked}: they differ in {differ}. Name one.")
    return found


def besides_head(exhibit: str, method: str, data: str, *, digits: int = 1) -> str:
    """What a method trains besides the head, in percent of the model, as the papers count it: from the shipped runs of
    the method, of the head alone and of full fine-tuning."""
    one, head, whole = (
        int(trained(exhibit, name, data).replace(",", ""))
        for name in (method, "head only", "full fine-tuning")
    )
    return f"{100 * (one - head) / whole:.{digits}f}"


def mean(numbers: list[str], *, digits: int = 1) -> str:
    """The mean of numbers that `value`, `part` or `paper` gave; ask those for more digits than you show."""
    return f"{sum(map(_number, numbers)) / len(numbers):,.{digits}f}"


def minus(one: str, other: str, *, digits: int = 1) -> str:
    """The difference of two such numbers."""
    return f"{_number(one) - _number(other):,.{digits}f}"


def times(number: str, factor: float, *, digits: int = 1) -> str:
    """Such a number in another unit: 100 shows a share in percent, -1 a lead as what another is behind."""
    return f"{factor * _number(number):,.{digits}f}"


def _number(shown: str) -> float:
    return float(shown.replace(",", ""))


def part(name: str, start: str, *, track: str = "bundled", digits: int = 1) -> str:
    """The mean, over the shipped seeds, of that part of a statement's test whose name begins with `start`."""
    parts = shipped(track)[name].parts
    found = [part.values for text, part in parts.items() if text.startswith(start)]
    if len(found) != 1 or found[0].empty:
        raise ValueError(
            f"{len(found)} parts of {name} begin with {start!r}, or it has no runs: {list(parts)}."
        )
    return f"{found[0].mean():,.{digits}f}"


def verdict(name: str, *, track: str = "bundled") -> str:
    """What became of a statement in the shipped rows, in a word or two."""
    return shipped(track)[name].word


def paper(exhibit: str, row: str, column: str) -> str:
    """A paper's figure as the slides of the tutorial show it."""
    figures = results.paper(exhibit)
    if row not in figures.index or column not in figures:
        raise ValueError(f"The paper's {exhibit} has rows {list(figures.index)} and columns {list(figures)}.")
    shown = figures.loc[row, column]
    return "–" if pd.isna(shown) else str(shown)


def paper_rows(exhibit: str) -> list[str]:
    """The names of the rows of a paper's figures, in their order."""
    return list(results.paper(exhibit).index)


def source(exhibit: str) -> str:
    """Where a paper's figures come from."""
    return str(results.paper(exhibit).attrs["source"])
