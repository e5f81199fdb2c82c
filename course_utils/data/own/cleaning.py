"""Remove the faults that have one remedy, and say what was done."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from datasets import ClassLabel, Dataset

from course_utils.data.own.findings import label_texts, spellings, text_keys


def clean(rows: Dataset) -> Dataset:
    """The rows without the faults that have one remedy, and a printed line on what was done.

    Rows without text or (where there is a column label) without label go; of rows with the same text (`text_keys`)
    and label the first stays; label names that differ only in case and blanks become the commonest of them. Ids stay.
    The same text with different labels stays as it is: only a person can tell which is right.
    """
    labelled = "label" in rows.column_names
    done: list[str] = []
    if labelled and isinstance(rows.features["label"], ClassLabel):
        rows, changed = _one_spelling(rows)
        done += [f"label {name!r} is now {other!r}" for name, other in changed.items()]
    labels: Sequence[Any] = rows["label"][:] if labelled else [0] * len(rows)
    seen: set[tuple[str, Any]] = set()
    kept: list[int] = []
    dropped: Counter[str] = Counter()
    for i, (key, label) in enumerate(zip(text_keys(rows), labels, strict=True)):
        if not key or label is None or (key, label) in seen:
            dropped[
                "without text" if not key else "without label" if label is None else "that were doubled"
            ] += 1
        else:
            seen.add((key, label))
            kept.append(i)
    done += [f"rows {why} dropped: {count}" for why, count in dropped.items()]
    print(f"{len(kept)} of {len(rows)} rows kept: {'; '.join(done) or 'nothing to clean'}.")
    return rows.select(kept)


def _one_spelling(rows: Dataset) -> tuple[Dataset, dict[str, str]]:
    names = label_texts(rows)
    changed = spellings(name for name in names if name)
    old = rows.features["label"].names
    new = [name for name in old if name not in changed]
    new += sorted(set(changed.values()) - set(new))
    numbers = {name: new.index(changed.get(name, name)) for name in names if name}
    column = [numbers.get(name) for name in names]
    features = rows.features.copy()
    features["label"] = ClassLabel(names=new)
    columns = {name: rows[name][:] for name in rows.column_names} | {"label": column}
    return Dataset.from_dict(columns, features=features), changed
