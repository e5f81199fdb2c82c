"""Whether a statement was reproduced: the mean over runs, its 95 % interval, and the bound that the statement sets.

A statement's test is written down before the runs. It ends in one of three words, `WORDS`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scipy import stats

WORDS = ("reproduced", "not settled", "not reproduced")
"""From the best to the worst."""
LEVEL = 0.95


class Verdict(NamedTuple):
    """One of `WORDS`, with the mean of the values, the ends of its 95 % interval, and the number of values."""

    word: str
    mean: float
    low: float
    high: float
    runs: int

    def __str__(self) -> str:
        interval = f"{100 * LEVEL:.0f} % interval {self.low:.1f} to {self.high:.1f}, {self.runs} runs"
        return f"{self.mean:.1f} ({interval if self.runs > 1 else 'one run has no interval'}): {self.word}"


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean, and the ends of its 95 % interval (Student's t, two-sided), in the unit of the values.

    values: one for each seed or draw, of runs that are alike in everything else. One value alone says nothing of the
    spread: its interval is the whole line. Raises ValueError for no value, and for one that is not a finite number.
    """
    if not len(values) or not all(map(math.isfinite, values)):
        raise ValueError(
            f"An interval needs at least one value, and finite numbers only. These are the values: {list(values)}."
        )
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return mean, -math.inf, math.inf
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)) * math.sqrt(variance / len(values))
    return mean, mean - half, mean + half


def verdict(values: Sequence[float], *, above: float = -math.inf, below: float = math.inf) -> Verdict:
    """Whether the mean of the values lies between the two bounds, or whether that is not settled.

    values: one for each seed or draw, in any unit. For a difference of two methods, give the difference of each seed.
    above, below: what the statement says, in the same unit. "At least two points better" is above=2; "within one
    point" is above=-1, below=1.

    "reproduced": the whole 95 % interval lies between the bounds. "not reproduced": the whole of it lies beyond one of
    them. "not settled": it holds or touches a bound. Raises ValueError as `interval`, where no bound is given, and
    where nothing lies between them.
    """
    if above == -math.inf and below == math.inf:
        raise ValueError(
            "No bound: say what the statement claims, for example verdict(differences, above=0)."
        )
    if above >= below:
        raise ValueError(f"Nothing lies above {above} and below {below}. Exchange the two bounds.")
    mean, low, high = interval(values)
    inside, outside = above < low and high < below, high < above or below < low
    word = WORDS[0] if inside else WORDS[2] if outside else WORDS[1]
    return Verdict(word, mean, low, high, len(values))


def judge(statement: str, parts: Mapping[str, Verdict]) -> str:
    """Print the verdict of a statement with that of each of its parts below it, and return the word.

    A statement of several parts is as good as its worst one: all must be reproduced, and one that is not reproduced
    decides. Raises ValueError where there is no part.
    """
    if not parts:
        raise ValueError(f"{statement} has no part to judge: give at least one verdict.")
    word = max((part.word for part in parts.values()), key=WORDS.index)
    print(f"{statement}  {word}")
    for name, part in parts.items():
        print(f"     {name}: {part}")
    return word
