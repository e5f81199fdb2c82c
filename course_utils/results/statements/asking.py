"""What the test of a statement asks of a track's rows: scores by seed, and bounds on them.

A test returns its parts by name. A part whose rows are not there has no values, so it cannot be judged, and neither can
the statement. Scores are in percent where the metric is a share, else in the metric's own unit.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from course_utils.results.rows import FIELDS
from course_utils.results.tables import SHARES
from course_utils.results.verdicts import WORDS, Verdict, verdict

LEAST_SEEDS = 3
"""With fewer seeds nothing is reproduced."""
NOT_MEASURED = "not measured"
HOW_LONG = ("learning_rate", "steps", "problems", "write_tokens")
"""Settings that say how much work went into a run. A test need not name them: of several it gets the most steps."""


class Part(NamedTuple):
    """What one part of a test measured: a value for each seed, and the bounds that the statement sets.

    Without a bound it is shown beside the others, and not judged. again: measures the same in other rows, where the
    rows themselves chose what is compared.
    """

    values: pd.Series
    above: float = -math.inf
    below: float = math.inf
    again: Callable[[pd.DataFrame], pd.Series] | None = None

    @property
    def judged(self) -> bool:
        """Whether the statement sets a bound here."""
        return self.above > -math.inf or self.below < math.inf

    @property
    def bound(self) -> str:
        """ "above 10", "between -1 and 1"; empty without a bound."""
        if self.above > -math.inf and self.below < math.inf:
            return f"between {self.above:g} and {self.below:g}"
        return f"above {self.above:g}" if self.above > -math.inf else f"below {self.below:g}" * self.judged

    @property
    def verdict(self) -> Verdict | None:
        """None where nothing was measured, or where there is no bound."""
        if self.values.empty or not self.judged:
            return None
        found = verdict(self.values.tolist(), above=self.above, below=self.below)
        few = found.runs < LEAST_SEEDS and found.word == WORDS[0]
        return found._replace(word=WORDS[1]) if few else found


Parts = dict[str, Part]


def track_of(rows: pd.DataFrame) -> str:
    """The track that the rows are of; "bundled" where there are none."""
    return "bundled" if rows.empty else str(rows["track"].iloc[0])


def among(rows: pd.DataFrame, **wanted: Any) -> pd.DataFrame:
    """The rows with these values in these columns."""
    if not set(wanted) <= set(rows):
        return rows[:0]
    chosen = np.ones(len(rows), dtype=bool)
    for name, value in wanted.items():
        chosen &= (rows[name] == value).to_numpy()
    return rows[chosen]


def scores(
    rows: pd.DataFrame,
    exhibit: str,
    method: str,
    data: str | None = None,
    metric: str | None = None,
    **settings: Any,
) -> pd.Series:
    """The values of one method by seed; empty where there are none.

    data: may stay open where the method has one. metric: that of the method where it stays open. settings: those that
    the rows must have; they may have no other, besides `HOW_LONG`. Raises ValueError where a seed has several values.
    """
    named = {name: value for name, value in (("data", data), ("metric", metric)) if value is not None}
    found = among(rows, exhibit=exhibit, method=method, **named, **settings)
    others = [name for name in found if name not in (*FIELDS, *HOW_LONG, *settings)]
    found = found[found[others].isna().all(axis=1)]
    if found.empty:
        return pd.Series(dtype=float)
    if "steps" in found and found["steps"].notna().any():
        found = found[found["steps"] == found["steps"].max()]
    if found["seed"].duplicated().any():
        raise ValueError(
            f"{exhibit}, {method}: several rows of one seed. Their data: {sorted(set(found['data']))}, "
            f"their metrics: {sorted(set(found['metric']))}. Name one."
        )
    return by_seed(found)


def by_seed(rows: pd.DataFrame) -> pd.Series:
    """The mean value of each seed, in percent where the metric is a share."""
    if rows.empty:
        return pd.Series(dtype=float)
    percent = rows["metric"].isin(SHARES).map({True: 100.0, False: 1.0})
    return (rows["value"] * percent).groupby(rows["seed"]).mean()


def average(parts: Sequence[pd.Series]) -> pd.Series:
    """The mean of several scores, of the seeds that all of them have."""
    return pd.concat(list(parts), axis=1).mean(axis=1, skipna=False).dropna()


def minus(one: pd.Series, other: pd.Series) -> pd.Series:
    """The difference of each seed that both have."""
    return (one - other).dropna().astype(float)


def best(candidates: Sequence[pd.Series]) -> pd.Series:
    """The scores with the highest mean; empty where a candidate is missing."""
    return (
        max(candidates, key=lambda score: float(score.mean()))
        if all(map(len, candidates))
        else candidates[0][:0]
    )
