"""A reader's file or table -> a `datasets.Dataset` with the course's names of columns."""

import re
import reprlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from datasets import ClassLabel, Dataset, Features, List, Value

from course_utils.data.columns import class_names
from course_utils.data.files import DataError, did_you_mean, find_column, read_csv, read_json
from course_utils.data.readers import UNLABELLED_ID
from course_utils.data.tags import iob2, read_conll


def read_table(
    source: str | Path | Dataset | pd.DataFrame,
    *,
    text: str = "text",
    text_pair: str | None = None,
    label: str | None = None,
    answer: str | None = None,
    tags: str | None = None,
    classes: Sequence[str] | None = None,
    keep: Sequence[str] = (),
) -> Dataset:
    """The rows of a file, a data frame or a dataset, as the course's functions take them.

    source: a path that ends in .csv, .tsv, .jsonl, .json, .parquet or .conll (also with .gz after it), a pandas
    data frame, or a `datasets.Dataset`. The other arguments name columns of it: `text`, for pairs of texts also
    `text_pair`, and at most one of `label` (a class), `answer` (text to write) and `tags` (one for each word; `text`
    then names the column of words). `classes` fixes the labels and their order, where a second file must be numbered
    as the first (`rows.features["label"].names`). `keep` names columns that come along unchanged.

    Returns columns id, text, and text_pair, label, answer where asked for. id is the row's place, from 0; for rows
    without label, answer and tags from 100,000 on, so that both kinds can be joined. label is a `ClassLabel`: names in
    alphabetical order, whole numbers by size; None where the cell is blank. With `tags` the columns are id, tokens and
    ner_tags (IOB2, whatever the scheme of the source). A blank text becomes "".

    Raises DataError, one sentence that names file, line or row, and what to do.
    """
    if sum(name is not None for name in (label, answer, tags)) > 1:
        raise DataError("Name one of label, answer and tags: a model learns one of them at a time.")
    given = [text, text_pair, label, answer, tags, *keep]
    table, place = _read(source, [name for name in given if name is not None])
    where = Path(source).name if isinstance(source, str | Path) else f"This {type(source).__name__}"

    def values(name: str) -> list[Any]:
        return table[find_column(name, list(table), where)]

    count = len(next(iter(table.values()), ()))
    if not count:
        raise DataError(f"{where} holds no rows, only the names of its columns.")
    first = UNLABELLED_ID if label is answer is tags is None else 0
    columns: dict[str, Any] = {"id": list(range(first, first + count))}
    features: dict[str, Any] = {"id": Value("int64")}
    if tags is not None:
        columns["tokens"], columns["ner_tags"], names = _tagged(values(text), values(tags), place)
        features |= {"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=names))}
    for column, name in {"text": text, "text_pair": text_pair, "answer": answer}.items():
        if name is not None and tags is None:
            columns[column] = _texts(values(name), name, place)
            features[column] = Value("string")
    if label is not None:
        columns["label"], names = _classes(values(label), label, place, classes)
        features["label"] = ClassLabel(names=names)
    if twice := set(keep) & set(columns):
        raise DataError(f"The result has a column {min(twice)!r} already: rename the one that is to be kept.")
    for name in keep:
        column = _kept(values(name), name, place)
        columns[name], features[name] = column[name][:], column.features[name]
    return Dataset.from_dict(columns, features=Features(features))


HALF = re.compile("[\ud800-\udfff]")  # of a pair; json.loads joins the whole ones
Place = Callable[[int], str]  # a row's number -> how a message names it


def _read(source: Any, wanted: list[str]) -> tuple[dict[str, list[Any]], Place]:
    """Columns by name, and how to name a row: by its line in a text file, else by its number from 0."""
    if isinstance(source, pd.DataFrame):
        _refuse_two(wanted, [str(name) for name in source.columns], "This DataFrame")
        return {str(name): _plain(column) for name, column in source.items()}, lambda row: f"row {row}"
    if isinstance(source, Dataset):
        return {name: _named(source, name) for name in source.column_names}, lambda row: f"row {row}"
    if not isinstance(source, str | Path):
        splits = ", ".join(map(repr, source)) if isinstance(source, dict) else ""
        hint = f" Take one of its splits: {splits}." if splits else ""
        raise DataError(
            f"A {type(source).__name__} is neither a path, a pandas data frame nor a datasets.Dataset.{hint}"
        )
    if "://" in str(source):
        raise DataError(
            f"{source} is an address, and only files are read. Download it, or give pandas.read_csv(...) as the source."
        )
    path = Path(source).expanduser()
    ending = next((e.lower() for e in reversed(path.suffixes) if e.lower() != ".gz"), "")
    if ending not in _ENDINGS and not path.is_dir():
        hint = " Save its sheet as 'CSV UTF-8' in Excel." if ending in (".xlsx", ".xls", ".xlsm") else ""
        raise DataError(f"{path.name}: this ending is not known.{hint} Known are {', '.join(_ENDINGS)}.")
    return _ENDINGS.get(ending, _csv)(path, wanted)


def _refuse_two(wanted: Sequence[str], names: Sequence[str], where: str) -> None:
    """Raises DataError where a column that is wanted is there twice: in a dict the second would replace the first."""
    for name in wanted:
        if names.count(name) > 1:
            find_column(name, names, where)


def _plain(column: pd.Series) -> list[Any]:
    """The column's values as Python's own, with None for pandas' NaN and NA."""
    values = [value.tolist() if hasattr(value, "tolist") else value for value in column.tolist()]
    return [None if pd.api.types.is_scalar(value) and pd.isna(value) else value for value in values]


def _named(dataset: Dataset, column: str) -> list[Any]:
    """The column's values, class numbers as their names; -1, which published sets write for none, as None."""
    feature, values = dataset.features[column], dataset[column][:]
    if isinstance(feature, ClassLabel):
        return [None if value is None or value < 0 else feature.int2str(value) for value in values]
    if isinstance(getattr(feature, "feature", None), ClassLabel):
        return [[feature.feature.int2str(value) for value in row] for row in values]
    return values


def _csv(path: Path, wanted: list[str]) -> tuple[dict[str, list[Any]], Place]:
    header, rows = read_csv(path, wanted)
    _refuse_two(wanted, header, path.name)
    columns = {name: [cells[i] for _, cells in rows] for i, name in enumerate(header)}
    return columns, lambda row: f"{path.name}, line {rows[row][0]}"


def _json(path: Path, wanted: list[str]) -> tuple[dict[str, list[Any]], Place]:
    rows = read_json(path)
    if len(rows) == 1 and {type(value) for value in rows[0][1].values()} == {dict}:
        raise DataError(
            f"{path.name} holds an object for each column ({', '.join(rows[0][1])}), and one for each row belongs "
            'there: pandas writes those with to_json(path, orient="records", lines=True).'
        )
    names = dict.fromkeys(
        name for _, row in rows for name in row
    )  # in order of appearance; a row may lack one
    return {
        name: [row.get(name) for _, row in rows] for name in names
    }, lambda row: f"{path.name}, line {rows[row][0]}"


def _parquet(path: Path, wanted: list[str]) -> tuple[dict[str, list[Any]], Place]:
    try:
        frame = pd.read_parquet(path)
    except FileNotFoundError:
        return _csv(path, wanted)  # its message says what lies beside
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path.name} cannot be read as Parquet ({str(error).splitlines()[0]}). Write it again, or save it as CSV."
        ) from None
    return _read(frame, wanted)[0], lambda row: f"{path.name}, row {row}"


def _conll(path: Path, wanted: list[str]) -> tuple[dict[str, list[Any]], Place]:
    sentences = list(read_conll(path))
    tokens, tags = [s[1] for s in sentences], [s[2] for s in sentences]
    return {"tokens": tokens, "tags": tags}, lambda row: f"{path.name}, line {sentences[row][0]}"


_ENDINGS = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt"), _csv),
    **dict.fromkeys((".jsonl", ".json", ".ndjson"), _json),
    ".parquet": _parquet,
    **dict.fromkeys((".conll", ".iob2"), _conll),
}


def _kept(values: list[Any], column: str, place: Place) -> Dataset:
    """The column alone. Raises DataError where its values are of several types, such as numbers and text."""
    try:
        return Dataset.from_dict({column: values})
    except (TypeError, ValueError, OverflowError) as error:  # Arrow's own errors are of these
        first = next(value for value in values if value is not None)
        other = (i for i, v in enumerate(values) if v is not None and type(v) is not type(first))
        if (row := next(other, None)) is None:
            raise DataError(
                f"Column {column!r} cannot be kept ({error}): write its values as text."
            ) from error
        raise DataError(
            f"{place(row)}: column {column!r} holds {reprlib.repr(values[row])}, and {reprlib.repr(first)} above it. "
            "A column has one type: write all its values as text."
        ) from None


def _texts(values: list[Any], column: str, place: Place) -> list[str]:
    """The texts as they are, None as "". Raises DataError for what is no text.

    Half a character, where a program cut a text inside an emoji, cannot be stored: it becomes U+FFFD, which `look`
    finds.
    """
    for row, value in enumerate(values):
        if not isinstance(value, str) and value is not None:
            raise DataError(
                f"{place(row)}: column {column!r} holds {reprlib.repr(value)}, and a text belongs there. Name another "
                "column, or make it text."
            )
    return ["" if value is None else HALF.sub("\ufffd", value) for value in values]


def _classes(
    values: list[Any], column: str, place: Place, classes: Sequence[str] | None
) -> tuple[list[int | None], list[str]]:
    """The number of each label, None for a blank one, and the names. Blanks around a name stay: `look` tells them."""
    labels = [_class_name(value, column, place(row)) for row, value in enumerate(values)]
    names: list[str] = list(classes or class_names(name for name in labels if name is not None))
    if not names:
        raise DataError(f"Column {column!r} holds no label: each of its cells is blank.")
    numbers = {name: number for number, name in enumerate(names)}
    for row, name in enumerate(labels):
        if name is not None and name not in numbers:
            raise DataError(
                f"{place(row)}: the label {name!r} is none of the classes {', '.join(map(repr, names))}."
                f"{did_you_mean(name, names)}"
            )
    return [None if name is None else numbers[name] for name in labels], names


def _class_name(value: Any, column: str, place: str) -> str | None:
    if value is None or value != value or not str(value).strip():  # NaN is not equal to itself
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # pandas makes whole numbers floats where one is missing
    if isinstance(value, list | dict | tuple):
        raise DataError(f"{place}: column {column!r} holds {value!r}. One class a row belongs there.")
    return str(value)


def _tagged(
    words: list[Any], tags: list[Any], place: Place
) -> tuple[list[list[str]], list[list[str]], list[str]]:
    """Words and their tags as IOB2, and the names of all tags."""
    tokens = [row.split() if isinstance(row, str) else list(row or []) for row in words]
    marks = [row.split() if isinstance(row, str) else list(row or []) for row in tags]
    for row, (some, theirs) in enumerate(zip(tokens, marks, strict=True)):
        if len(some) != len(theirs):
            raise DataError(
                f"{place(row)}: {len(some)} words and {len(theirs)} tags. Each word needs one tag ('O' for none)."
            )
        try:
            marks[row] = iob2(theirs)
        except (ValueError, AttributeError) as error:
            raise DataError(f"{place(row)}: {error}") from None
    types = sorted({mark[2:] for row in marks for mark in row if mark != "O"})
    return tokens, marks, ["O", *(f"{start}-{kind}" for kind in types for start in "BI")]
