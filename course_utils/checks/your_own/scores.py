"""The exercise on the interval of an accuracy."""

from math import sqrt
from statistics import NormalDist

from torch import Generator

from course_utils.checks.tasks import Arguments, Exercise, Mistake, observe_values, slips
from course_utils.data import own


def _cases(_: Generator) -> list[Arguments]:
    """A usual test; all right; none right; few rows; another level."""
    numbers = ((450, 500, 0.95), (20, 20, 0.95), (0, 12, 0.95), (3, 7, 0.95), (80, 100, 0.99))
    return [{"correct": correct, "n": n, "level": level} for correct, n, level in numbers]


def _loose(
    correct: int,
    n: int,
    level: float = 0.95,
    *,
    wald: bool = False,
    one_sided: bool = False,
    level_ignored: bool = False,
    around_share: bool = False,
    unscaled: bool = False,
    percent: bool = False,
    exchanged: bool = False,
    width: bool = False,
    no_root: bool = False,
) -> tuple[float, float]:
    z = 1.96 if level_ignored else NormalDist().inv_cdf(level if one_sided else 0.5 + level / 2)
    share, scale = correct / n, 1 + z * z / n
    if wald:
        low, high = share - z * sqrt(share * (1 - share) / n), share + z * sqrt(share * (1 - share) / n)
    else:
        middle = share if around_share else share + z * z / (2 * n)
        variance = share * (1 - share) / n + z * z / (4 * n * n)
        reach = z * (variance if no_root else sqrt(variance))
        low, high = ((middle + sign * reach) / (1 if unscaled else scale) for sign in (-1, 1))
        low, high = max(0.0, low), min(1.0, high)
    if width:
        return (low + high) / 2, (high - low) / 2
    low, high = (100 * low, 100 * high) if percent else (low, high)
    return (high, low) if exchanged else (low, high)


def _clipped_wald(correct: int, n: int, level: float = 0.95) -> tuple[float, float]:
    low, high = _loose(correct, n, level, wald=True)
    return max(0.0, low), min(1.0, high)


_WALD = (
    "that is the share plus or minus z standard errors, computed with the measured share. At 20 right of 20 it "
    "says that the "
    "model never errs. In Wilson's inequality the standard error is that of the unknown accuracy p: solve it for p."
)

INTERVAL = Exercise(
    reference=own.interval,
    cases=_cases,
    observe=observe_values,
    mistakes=slips(
        _loose,
        {
            "wald": _WALD,
            "one_sided": "z is that of one side. Of 95 %, half of the other 5 % lies at each end: inv_cdf(0.5 + "
            "level / 2).",
            "level_ignored": "the level is not used, or z was typed with few digits: NormalDist().inv_cdf(0.5 + "
            "level / 2).",
            "around_share": "the bounds lie around the measured share. Their middle is not it: the quadratic "
            "equation moves "
            "it towards one half, by z * z / (2 * n).",
            "unscaled": "the division is missing: the equation begins with (1 + z * z / n) * p * p, so both "
            "bounds are divided "
            "by 1 + z * z / n.",
            "percent": "that is in percent. Return shares, from 0 to 1.",
            "exchanged": "the upper bound comes first. Return (low, high).",
            "width": "that is the middle and half the width. Return the two bounds.",
            "no_root": "a square root is missing: the solution of a quadratic equation has one.",
        },
        Mistake(_clipped_wald, _WALD),
    ),
    advice={
        "type": "return two plain numbers, (low, high), as a tuple.",
        "shape": "return two plain numbers, (low, high).",
        "value": "these bounds do not solve the equation. Check them: with p = low, abs(correct / n - p) should "
        "equal "
        "z * sqrt(p * (1 - p) / n).",
        "ZeroDivisionError": "something is divided by 0. Neither correct nor correct / n may stand below a line.",
    },
)
