"""The columns of a dataset that somebody else made, checked before they are used: texts, labels, tags, ids.

Each function returns plain Python values, or raises DataError with the column, the row (from 0) and what belongs there.
"""

from collections.abc import Iterable, Sized
from typing import Any

from datasets import ClassLabel, Dataset
from transformers import PreTrainedTokenizerBase

from course_utils.data.files import DataError, did_you_mean

NO_LABEL = -100  # what cross-entropy ignores


def values_of(dataset: Dataset, column: str) -> list[Any]:
    """The column's values. Raises DataError that lists the columns there are."""
    if column in dataset.column_names:
        return dataset[column][:]
    names = dataset.column_names
    raise DataError(
        f"The dataset has no column {column!r}.{did_you_mean(column, names)} Its columns are "
        f'{", ".join(map(repr, names)) or "none"}. rename_column("...", "{column}") gives one that name.'
    )


def texts_of(dataset: Dataset, column: str = "text") -> list[str]:
    """The texts of each row; an empty one is a text."""
    texts = values_of(dataset, column)
    if not texts:
        raise DataError(f"The dataset holds no rows: its column {column!r} is empty.")
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(
                f"Row {row} of column {column!r} is {text!r}, and a text belongs there. Fill it in, or drop the row."
            )
    return texts


def ids_of(dataset: Dataset) -> list[int]:
    """The whole numbers that tell rows apart: the column id, or else the rows' places."""
    if "id" not in dataset.column_names:
        return list(range(len(dataset)))
    ids = dataset["id"][:]
    for row, number in enumerate(ids):
        if not isinstance(number, int):
            raise DataError(
                f"Row {row} of column 'id' is {number!r}, and a whole number belongs there. Without that column "
                '(remove_columns("id")) the rows are numbered.'
            )
    return ids


def label_names(dataset: Dataset) -> list[str]:
    """The names of the classes of the column label. Raises DataError where its classes have no names."""
    feature = dataset.features.get("label")
    if not isinstance(feature, ClassLabel):
        raise DataError(
            "The dataset has no column 'label' whose classes have names. class_encode_column(\"label\") makes one of "
            "words or numbers; own.read_table(..., label=...) reads one."
        )
    return feature.names


def labels_of(dataset: Dataset) -> tuple[list[Any], str]:
    """The class of each row, from 0, out of the column label (or labels); -100 in every row without such a column. And
    their type: "int64", or "float32" where the column is of that type: then its values are scores, not classes.
    """
    found = [name for name in ("label", "labels") if name in dataset.column_names]
    if not found:
        return [NO_LABEL] * len(dataset), "int64"
    if len(found) == 2:
        raise DataError(
            "The dataset has a column 'label' and a column 'labels'. Remove the one that is not meant."
        )
    score = getattr(dataset.features[found[0]], "dtype", "") == "float32"
    check = _score if score else _class
    values = [
        check(value, f"Row {row} of column {found[0]!r}") for row, value in enumerate(dataset[found[0]][:])
    ]
    return values, "float32" if score else "int64"


def _score(value: Any, where: str) -> float:
    if value is None or value != value:  # NaN is not equal to itself
        raise DataError(f"{where} is blank. Give the row a score, or drop it.")
    return value


def _class(value: Any, where: str) -> int:
    if value is None or value != value:  # NaN is not equal to itself
        raise DataError(
            f"{where} is blank. Label the row, or drop it; {NO_LABEL} in all rows means no labels."
        )
    if isinstance(value, str):
        if value.strip().isdecimal():
            return int(value)
        raise DataError(
            f"{where} is the word {value!r}. class_encode_column(...) numbers the classes and keeps their names."
        )
    if isinstance(value, list | tuple | dict):
        raise DataError(f"{where} is {value!r}. One class a row belongs there: a whole number from 0.")
    if value in (float("inf"), float("-inf")) or value != int(value):
        raise DataError(
            f"{where} is {value!r}. A class is a whole number from 0; scores are a column of type float32."
        )
    if value < 0 and value != NO_LABEL:
        raise DataError(
            f"{where} is {value}. Classes count from 0; published test sets write -1 where the label is withheld: "
            f"drop those rows."
        )
    return int(value)


def class_names(labels: Iterable[str]) -> list[str]:
    """Each label once, in an order that does not depend on the rows: whole numbers by size, else alphabetical."""
    names = sorted(set(labels))
    numbers = all(name.strip().removeprefix("-").isdecimal() for name in names)
    return sorted(names, key=int) if numbers else names


def tags_of(dataset: Dataset) -> tuple[list[list[str]], list[list[int]]]:
    """The words of each row and the number of each word's tag, out of the columns tokens and ner_tags."""
    words, tags = values_of(dataset, "tokens"), values_of(dataset, "ner_tags")
    for row, (some, theirs) in enumerate(zip(words, tags, strict=True)):
        if len(some) != len(theirs):
            raise DataError(
                f"Row {row} has {len(some)} words and {len(theirs)} tags. Each word needs one tag."
            )
        for word, tag in zip(some, theirs, strict=True):
            if not isinstance(word, str):
                raise DataError(f"Row {row} of column 'tokens' holds {word!r}, and words belong there.")
            if not isinstance(tag, int) or (tag < 0 and tag != NO_LABEL):
                raise DataError(
                    f"Row {row} of column 'ner_tags' holds {tag!r}, and the number of a tag belongs there. "
                    "own.read_table(..., tags=...) numbers them and keeps their names."
                )
    return words, tags


def outside(dataset: Dataset) -> int:
    """The number of the tag O: by its name, or else 0."""
    feature = getattr(dataset.features["ner_tags"], "feature", None)
    return feature.str2int("O") if isinstance(feature, ClassLabel) and "O" in feature.names else 0


def check_tokens(input_ids: Iterable[Sized], column: str) -> None:
    """Raises DataError for a row without a token: no model can read it."""
    for row, ids in enumerate(input_ids):
        if len(ids) == 0:
            raise DataError(
                f"Row {row} of column {column!r} has no token for this tokenizer, as it is empty. Drop it."
            )


def pad_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token that fills up short rows. Raises ValueError where the tokenizer has none."""
    if tokenizer.pad_token_id is None:
        raise ValueError(
            "This tokenizer has no pad token, so rows of unlike length make no batch. Set tokenizer.pad_token = "
            "tokenizer.eos_token, and model.config.pad_token_id = tokenizer.pad_token_id."
        )
    return tokenizer.pad_token_id
