"""Learning rates that are tried on validation rows, and the runs with the best of them: what result rows say of both.

A table of this kind bears a name of its own, as a notebook does. A try has seed 0, and its row names the validation
data; a run of the table names the test data. Both name their learning rate.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
import torch

from course_utils import results, training
from course_utils.results.tables import SHARES

TRACK = "real"
"""The track of all tables of this kind. Their rows are read on either track: a reader without the models sees them."""


class Run(NamedTuple):
    """A learning rate to try on the validation rows, or (`rate` None) a run of the table, with the chosen rate."""

    method: str
    seed: int
    rate: float | None = None


class Tries(NamedTuple):
    """A table of this kind: what its rows bear, and what is asked of it.

    name: in the rows; command: the word after `python -m course_utils tables` that makes it; rates: those to try, by
    method; seeds: of the table's runs; data, validation: the names of the two splits; steps: of every training. Rows
    with another number of steps are of another table.
    """

    name: str
    command: str
    rates: Mapping[str, Sequence[float]]
    seeds: Sequence[int]
    data: str
    validation: str
    steps: int

    def tried(self, method: str) -> dict[float, float]:
        """The validation score of each rate that has been tried."""
        found = self._rows(method, self.validation)
        return dict(zip(found["learning_rate"], found["value"], strict=True))

    def chosen(self, method: str) -> float:
        """The learning rate with the best validation score, of equal ones the first.

        Raises ValueError where one of the rates has not been tried.
        """
        scores = self.tried(method)
        if lacking := [rate for rate in self.rates[method] if rate not in scores]:
            raise ValueError(
                f"{method} has no validation score for the rate {lacking[0]:g}. Make the table first: "
                f"python -m course_utils tables {self.command}."
            )
        return max(self.rates[method], key=lambda rate: scores[rate])

    def scores(self, method: str) -> list[float]:
        """The scores of the table's runs with the chosen rate, one for each of `seeds`, in their order. Shares are
        in percent.

        Raises ValueError where one of them is missing.
        """
        made = self._made(method)
        if lacking := [seed for seed in self.seeds if seed not in made]:
            raise ValueError(
                f"{method} has no run with seed {lacking[0]} at its rate. Make the rest of the table: "
                f"python -m course_utils tables {self.command}."
            )
        share = set(self._rows(method, self.data)["metric"]) <= set(SHARES)
        return [(100 if share else 1) * made[seed] for seed in self.seeds]

    def missing(self) -> list[Run]:
        """The runs without a row: all tries of all methods, then the table's runs, seed by seed."""
        done = {method: self.tried(method) for method in self.rates}
        tries = [
            Run(method, 0, rate)
            for method, rates in self.rates.items()
            for rate in rates
            if rate not in done[method]
        ]
        untried = {run.method for run in tries}  # their rate is not chosen yet
        made = {method: {} if method in untried else self._made(method) for method in self.rates}
        return tries + [
            Run(method, seed) for seed in self.seeds for method in self.rates if seed not in made[method]
        ]

    def record(
        self,
        exhibit: str,
        run: Run,
        history: training.History,
        *,
        model: str,
        data: str,
        accuracy: float,
        rate: float,
        **extra: Any,
    ) -> None:
        """The row of a run on this data, with what its training cost. accuracy: a share; extra: settings beside the
        rate and the steps.
        """
        results.record(
            self.name,
            exhibit,
            run.method,
            model=model,
            data=data,
            seed=run.seed,
            trainable_parameters=history.trainable_parameters,
            metric="accuracy",
            value=accuracy,
            seconds=history.seconds,
            peak_bytes=history.peak_bytes if torch.cuda.is_available() else None,  # else earlier runs count
            learning_rate=rate,
            steps=self.steps,
            **extra,
        )

    def _made(self, method: str) -> dict[int, float]:
        """The score of each seed with the chosen rate."""
        found = self._rows(method, self.data)
        found = found[found["learning_rate"] == self.chosen(method)]
        return dict(zip(found["seed"], found["value"], strict=True))

    def _rows(self, method: str, data: str) -> pd.DataFrame:
        rows = results.load(self.name, TRACK)
        if rows.empty:
            return pd.DataFrame(columns=["seed", "value", "learning_rate", "metric"])
        return rows[(rows["method"] == method) & (rows["data"] == data) & (rows["steps"] == self.steps)]
