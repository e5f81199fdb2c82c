"""Learning rates that are tried on validation rows, and the runs with the best of them: what result rows say of both.

A table of this kind bears a name of its own, as a notebook does. A try has seed 0, and its row names the validation
data; a run of the table names the test data. Both name their learning rate.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from course_utils import assets, results


class Run(NamedTuple):
    """A learning rate to try on the validation rows, or (`rate` None) a run of the table, with the chosen rate."""

    method: str
    seed: int
    rate: float | None = None


def tried(name: str, method: str, validation: str) -> dict[float, float]:
    """The validation score of each rate that has been tried."""
    rows = results.load(name, assets.track())
    if rows.empty:
        return {}
    found = rows[(rows["method"] == method) & (rows["data"] == validation)]
    return dict(zip(found["learning_rate"], found["value"], strict=True))


def chosen(name: str, command: str, method: str, rates: Sequence[float], validation: str) -> float:
    """The learning rate with the best validation score, of equal ones the first.

    command: the word behind `python -m course_utils tables` that makes the table. Raises ValueError where one of the
    rates has not been tried.
    """
    scores = tried(name, method, validation)
    if lacking := [rate for rate in rates if rate not in scores]:
        raise ValueError(
            f"{method} has no validation score for the rate {lacking[0]:g}. Make the table first: "
            f"python -m course_utils tables {command}."
        )
    return max(rates, key=lambda rate: scores[rate])


def scores(name: str, method: str, rate: float, data: str) -> list[float]:
    """The scores (%) of the table's runs with this rate, by seed."""
    rows = results.load(name, assets.track())
    found = rows[(rows["method"] == method) & (rows["data"] == data) & (rows["learning_rate"] == rate)]
    return (100 * found.sort_values("seed")["value"]).tolist()


def missing(
    name: str, rates: Mapping[str, Sequence[float]], seeds: Iterable[int], data: str, validation: str
) -> list[Run]:
    """The runs without a row: all tries of all methods, then the table's runs, seed by seed."""
    rows = results.load(name, assets.track())
    final = rows[rows["data"] == data] if len(rows) else rows
    made = set(zip(final["method"], final["seed"], strict=True)) if len(rows) else set()
    done = {method: tried(name, method, validation) for method in rates}
    tries = [Run(method, 0, rate) for method in rates for rate in rates[method] if rate not in done[method]]
    runs = [Run(method, seed) for seed in seeds for method in rates]
    return tries + [run for run in runs if (run.method, run.seed) not in made]
