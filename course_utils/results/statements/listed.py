"""The slides' statements (data/results/statements.toml), each with its test, and what a track's rows say of it.

The tests were written down before the runs. A statement is as good as its worst part; one that fails decides, even
where other parts are not measured.
"""

import functools
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

from course_utils.paths import DATA
from course_utils.results.statements import beyond, distillation, prompting, scale, tuning
from course_utils.results.statements.asking import NOT_MEASURED, Parts
from course_utils.results.verdicts import WORDS

TESTS: dict[str, Callable[[pd.DataFrame], Parts]] = {
    name: test
    for module in (scale, distillation, tuning, prompting, beyond)
    for name, test in module.TESTS.items()
}


@dataclass(frozen=True)
class Statement:
    """What the slides say, in our words.

    test: when it counts as reproduced; tracks: where it is asked; identity: what of it follows from arithmetic or code,
    so that the notebook asserts it; why: by track, the likely reason where it is not reproduced.
    """

    id: str
    exhibit: str
    says: str
    test: str
    tracks: list[str]
    identity: str = ""
    why: dict[str, str] = field(default_factory=dict)

    @property
    def judged(self) -> bool:
        """Whether it has a test on rows. One that is an identity as a whole has none."""
        return self.id in TESTS


class Outcome(NamedTuple):
    """One of `verdicts.WORDS`, or "not measured", and what each part of the test measured."""

    word: str
    parts: Parts

    @property
    def missing(self) -> list[str]:
        """The parts without rows."""
        return [name for name, part in self.parts.items() if part.values.empty]

    @property
    def deciding(self) -> str:
        """The part that decides, as text: of the worst one with its mean out of bounds; or what is not measured."""
        worst = {
            name: found
            for name, part in self.parts.items()
            if (found := part.verdict) and found.word == self.word
        }
        if not worst:
            lacking = [name for name in self.missing if self.parts[name].judged]
            return f"no runs yet: {'; '.join(lacking)}"
        name = min(worst, key=lambda name: self.parts[name].above < worst[name].mean < self.parts[name].below)
        return f"{name}: {told(*worst[name][1:])} (needs {self.parts[name].bound})"


def told(mean: float, low: float, high: float, runs: int) -> str:
    """ "31.2 [26.0, 36.4], 5 seeds": mean, ends of the 95 % interval, and seeds."""
    number = "{:.2f}" if max(abs(mean), abs(high - low) if runs > 1 else 0) < 2 else "{:.1f}"
    if runs == 1:
        return f"{number.format(mean)}, 1 seed"
    return f"{number.format(mean)} [{number.format(low)}, {number.format(high)}], {runs} seeds"


@functools.cache
def statements() -> dict[str, Statement]:
    """All statements by id, in the order of the course."""
    listed = tomllib.loads((DATA / "results" / "statements.toml").read_text(encoding="utf-8"))
    return {name: Statement(id=name, **facts) for name, facts in listed.items()}


def statement(name: str, rows: pd.DataFrame) -> Outcome:
    """Whether a statement ("S22") was reproduced in these rows, all of one track, as `load` returns them.

    Raises ValueError for an id that is not in the list, and for an identity: the notebook asserts it.
    """
    if name not in TESTS:
        raise ValueError(f"{name} has no test on rows. These have one: {', '.join(sorted(TESTS))}.")
    parts = TESTS[name](rows)
    judged = [part for part in parts.values() if part.judged]
    words = [found.word for part in judged if (found := part.verdict)]
    if WORDS[2] in words:
        return Outcome(WORDS[2], parts)
    if not words or len(words) < len(judged):
        return Outcome(NOT_MEASURED, parts)
    return Outcome(max(words, key=WORDS.index), parts)
