"""Train, validation and test rows of which none has seen another: the same text, or the same group, in one split."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from datasets import Dataset, DatasetDict
from sklearn.model_selection import train_test_split

from course_utils.data.files import DataError, find_column
from course_utils.data.own.findings import plain, text_keys


def split(
    rows: Dataset, *, validation: float = 0.1, test: float = 0.2, group: str | None = None, seed: int = 0
) -> DatasetDict:
    """The rows as splits train, validation and test; `validation` and `test` are shares of them, above 0.

    Rows of the same text (`findings.text_keys`), or with the same value in the column `group` (a customer, a
    document; case and blanks do not count), never part: they would let a model recite what it was trained on. With a
    column label each split has the labels' shares of the whole, as far as whole units can (scikit-learn's
    `train_test_split`, stratified); a unit of each class is trained on, where there are units enough. A unit is a row,
    or rows that stay together, so the shares are of units. The rows keep their order. The same rows and seed give the
    same splits. A row whose `group` is blank belongs to none.

    Raises DataError for shares that leave a split empty, and a column that is not there.
    """
    if not (validation > 0 and test > 0 and validation + test < 1):
        raise DataError(
            f"validation={validation} and test={test} leave a split empty. Both should be above 0, "
            "and their sum below 1."
        )
    units = _units(rows, group)
    counts = [round(share * len(units)) for share in (test, validation)]
    if min(counts) < 1 or sum(counts) >= len(units):
        hint = " A text that two groups share ties them together: clean() the rows first." if group else ""
        raise DataError(
            f"{len(rows)} rows make {len(units)} units that may part, too few for shares of {validation} and "
            f"{test}.{hint}"
        )
    strata = _strata(rows, units)
    rest = list(range(len(units)))
    parts = {}
    for name, count in zip(("test", "validation"), counts, strict=True):
        rest, parts[name] = _draw(rest, strata, count, seed)
    parts["train"] = rest
    return DatasetDict(
        {
            name: rows.select(sorted(row for unit in parts[name] for row in units[unit]))
            for name in ("train", "validation", "test")
        }
    )


def stay_together(columns: Sequence[Sequence[Any]]) -> list[int]:
    """For each row the first row of its unit: rows with a common key in some column, directly or through others.

    columns: for each kind of key, such as the text and the customer, one key a row; None is no key.
    """
    parent = list(range(len(columns[0])))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for column in columns:
        first: dict[Any, int] = {}
        for row, key in enumerate(column):
            if key is not None:
                one, other = sorted((root(row), root(first.setdefault(key, row))))
                parent[other] = one
    return [root(row) for row in range(len(parent))]


def _units(rows: Dataset, group: str | None) -> list[list[int]]:
    """Rows that must stay together, as lists of places; in order of their first row."""
    columns: list[list[Any]] = [[key or None for key in text_keys(rows)]]
    if group is not None:
        values = rows[find_column(group, rows.column_names, "The dataset")][:]
        columns.append([_group(value) for value in values])
    units = defaultdict(list)
    for row, unit in enumerate(stay_together(columns)):
        units[unit].append(row)
    return list(units.values())


def _group(value: Any) -> Any:
    """What is compared: "Anna " and "anna" are one customer. None where the cell is blank."""
    if value is None or value != value:  # NaN is not equal to itself
        return None
    return plain(value) or None if isinstance(value, str) else value


def _strata(rows: Dataset, units: list[list[int]]) -> list[int | None]:
    """The commonest label of each unit; one and the same where the rows have no labels."""
    if "label" not in rows.column_names:
        return [None] * len(units)
    labels = [-1 if label is None else label for label in rows["label"][:]]
    return [Counter(labels[row] for row in unit).most_common(1)[0][0] for unit in units]


def _draw(units: list[int], strata: list[int | None], count: int, seed: int) -> tuple[list[int], list[int]]:
    """Those that are left, and `count` that are drawn."""
    sizes = Counter(strata[unit] for unit in units)
    pool = [unit for unit in units if sizes[strata[unit]] > 1 or len(sizes) == 1]
    kinds = len({strata[unit] for unit in pool})
    # scikit-learn needs a unit of each class on both sides. With fewer than that, chance draws, from what is left
    # where each class keeps a unit to train on.
    possible = 1 < kinds <= min(count, len(pool) - count)
    if not possible:
        one_each = {strata[unit]: unit for unit in random.Random(seed).sample(units, len(units))}
        pool = [unit for unit in units if one_each[strata[unit]] != unit]
        if len(sizes) == 1 or len(pool) <= count:
            pool = units
    left, drawn = train_test_split(
        pool, test_size=count, random_state=seed, stratify=[strata[u] for u in pool] if possible else None
    )
    inside = set(pool)
    return left + [unit for unit in units if unit not in inside], drawn
