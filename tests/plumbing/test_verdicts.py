"""Verdicts: the interval against numbers worked out by hand, and each of the three words on both sides of a bound."""

import math

import numpy as np
import pandas as pd
import pytest

from course_utils import results
from course_utils.results import verdicts

FIVE = [1.0, 2.0, 3.0, 4.0, 5.0]
"""Mean 3, sample variance 2.5; with four degrees of freedom t is 2.776, so half of the interval is 1.963."""


def test_the_interval_is_students() -> None:
    mean, low, high = results.interval(FIVE)
    assert mean == 3
    assert (low, high) == pytest.approx((3 - 1.963, 3 + 1.963), abs=1e-3)
    for column in (pd.Series(FIVE), np.array(FIVE)):
        assert results.interval(column) == (mean, low, high)


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    import torch

    runs = torch.randn(2000, 5, generator=torch.Generator().manual_seed(0)) + 7
    covered = [low < 7 < high for _, low, high in map(results.interval, runs.tolist())]
    assert sum(covered) / len(covered) == pytest.approx(0.95, abs=0.015)


def test_one_value_settles_nothing() -> None:
    assert results.interval([4.0]) == (4.0, -math.inf, math.inf)
    assert results.verdict([4.0], above=0).word == "not settled"


@pytest.mark.parametrize(
    ("bounds", "word"),
    [
        ({"above": 1.0}, "reproduced"),
        ({"above": 1.1}, "not settled"),
        ({"above": 4.9}, "not settled"),
        ({"above": 5.0}, "not reproduced"),
        ({"below": 5.0}, "reproduced"),
        ({"below": 4.0}, "not settled"),
        ({"below": 1.0}, "not reproduced"),
        ({"above": 1.0, "below": 5.0}, "reproduced"),
        ({"above": 2.0, "below": 5.0}, "not settled"),
        ({"above": 2.0, "below": 4.0}, "not settled"),
        ({"above": 6.0, "below": 8.0}, "not reproduced"),
    ],
)
def test_each_word_on_each_side(bounds: dict[str, float], word: str) -> None:
    found = results.verdict(FIVE, **bounds)
    assert found.word == word and (found.mean, found.runs) == (3, 5)


def test_a_mean_on_the_bound_is_not_settled() -> None:
    """Two methods that are equal in every run do not show that one is better."""
    assert results.verdict([0.0, 0.0, 0.0], above=0).word == "not settled"


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ValueError, match="No bound"):
        results.verdict(FIVE)
    for values in ([], [1.0, math.nan]):
        with pytest.raises(ValueError, match="finite"):
            results.verdict(values, above=0)
    with pytest.raises(ValueError, match="no part"):
        results.judge("S02", {})
    with pytest.raises(ValueError, match="Nothing lies above 2"):
        results.verdict([1.0, 1.0], above=2, below=-2)


@pytest.mark.parametrize("worst", verdicts.WORDS)
def test_the_worst_part_decides(worst: str, capsys: pytest.CaptureFixture[str]) -> None:
    above = dict(zip(verdicts.WORDS, (0.0, 3.0, 9.0), strict=True))[worst]
    parts = {
        "at one example": results.verdict(FIVE, above=above),
        "at four": results.verdict(FIVE, above=0),
    }
    assert results.judge("S02", parts) == worst
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == f"S02  {worst}"
    assert second.strip() == f"at one example: 3.0 (95 % interval 1.0 to 5.0, 5 runs): {worst}"
    assert third.endswith("reproduced")
