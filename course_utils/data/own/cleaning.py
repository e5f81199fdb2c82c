"""Remove the faults that have one remedy, and say what was done."""

from collections import Counter

from datasets import ClassLabel, Dataset

from course_utils.data.columns import class_names
from course_utils.data.own.findings import label_texts, spellings, targets_of, text_keys


def clean(rows: Dataset) -> Dataset:
    """The rows without the faults that have one remedy, and a printed line on what was done.

    Rows without text go, and (where there is such a column) without label or answer; of rows with the same text
    (`text_keys`) and the same label, answer or tags the first stays; label names that differ only in case, blanks and a
    final ".0" become the commonest of them. Ids stay. The same text with different labels stays as it is: only a person
    can tell which is right.
    """
    done: list[str] = []
    if "label" in rows.column_names and isinstance(rows.features["label"], ClassLabel):
        rows, changed = _one_spelling(rows)
        done += [f"label {name!r} is now {other!r}" for name, other in changed.items()]
    targets = targets_of(rows) or ["none"] * len(rows)
    seen: set[tuple[str, str]] = set()
    kept: list[int] = []
    dropped: Counter[str] = Counter()
    for i, (key, target) in enumerate(zip(text_keys(rows), targets, strict=True)):
        if not key:
            dropped["rows without text dropped"] += 1
        elif not target.strip():
            dropped["rows without label or answer dropped"] += 1
        elif (key, target) in seen:
            dropped["duplicate rows dropped, one of each kept"] += 1
        else:
            seen.add((key, target))
            kept.append(i)
    done += [f"{count} {why}" for why, count in dropped.items()]
    print(f"{len(kept)} of {len(rows)} rows kept: {'; '.join(done) or 'nothing to clean'}.")
    return rows.select(kept)


def _one_spelling(rows: Dataset) -> tuple[Dataset, dict[str, str]]:
    names = label_texts(rows)
    changed = spellings(name for name in names if name)
    old = rows.features["label"].names
    new = list(dict.fromkeys(changed.get(name, name) for name in old))
    if old == class_names(old):  # and not the order of read_table(classes=...)
        new = class_names(new)
    numbers = {name: new.index(changed.get(name, name)) for name in names if name}
    column = [numbers.get(name) for name in names]
    features = rows.features.copy()
    features["label"] = ClassLabel(names=new)
    columns = {name: rows[name][:] for name in rows.column_names} | {"label": column}
    return Dataset.from_dict(columns, features=features), changed
