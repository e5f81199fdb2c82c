"""One reader for each file layout that the catalogue names: files of a folder -> `datasets.DatasetDict`.

A reader takes the catalogue's entry, the path of each split, and the language. Ids are whole numbers, unique
within a data set: those of labelled rows stay below `UNLABELLED_ID`, those of unlabelled rows start there.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from course_utils.assets import Entry
from course_utils.data.columns import class_names
from course_utils.data.copies import without_copies
from course_utils.data.files import DataError, find_column, read_csv, read_json, read_lines
from course_utils.data.tags import Sentence, iob2, read_conll, read_wikiann

UNLABELLED_ID = 100_000
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]

Row = tuple[int, str, str]  # id, text, label


def csv_rows(path: Path, columns: Sequence[str]) -> list[list[str]]:
    """The cells of these columns, a list a row. Raises DataError for blank cells, and a column id that is no id."""
    header, rows = read_csv(path, columns)
    places = [header.index(find_column(column, header, path.name)) for column in columns]
    seen: dict[int, int] = {}
    found = []
    for line, cells in rows:
        row = [cells[place] for place in places]
        if missing := [column for column, cell in zip(columns, row, strict=True) if not cell.strip()]:
            raise DataError(
                f"{path.name}, line {line}: {missing[0]!r} is blank. Fill it in, or drop the row."
            )
        if not row[0].strip().isdecimal():
            raise DataError(f"{path.name}, line {line}: the id {row[0]!r} is not a whole number from 0 on.")
        if (first := seen.setdefault(int(row[0]), line)) != line:
            raise DataError(
                f"{path.name}, line {line}: the id {row[0]} is that of line {first} too. Number the rows."
            )
        found.append(row)
    if not found:
        raise DataError(f"{path.name} names its columns and holds no rows.")
    return found


def _no_two_spellings(names: Sequence[str], where: str) -> None:
    """Raises DataError for two labels that differ only in case: nobody means them as two classes."""
    spelt: dict[str, str] = {}
    for name in names:
        if (other := spelt.setdefault(name.casefold(), name)) != name:
            raise DataError(
                f"{where} has the labels {other!r} and {name!r}. Spell them alike, for one class."
            )


def _classification(splits: dict[str, list[Row]]) -> DatasetDict:
    """Columns id, text, label. The order of the label names does not depend on the order of rows."""
    names = class_names(label for rows in splits.values() for _, _, label in rows)
    _no_two_spellings(names, "The data set")
    features = Features({"id": Value("int64"), "text": Value("string"), "label": ClassLabel(names=names)})
    return DatasetDict({split: table(rows, features) for split, rows in splits.items()})


def table(rows: Sequence[tuple], features: Features) -> Dataset:
    """A dataset of rows, whose values stand in the order of the features. There may be no row."""
    columns = zip(*rows, strict=True)
    lists = dict(zip(features, map(list, columns), strict=True)) if rows else {name: [] for name in features}
    return Dataset.from_dict(lists, features=features)


def texts_only(texts: Iterable[tuple[int, str]]) -> DatasetDict:
    """One split, train, with columns id and text."""
    features = Features({"id": Value("int64"), "text": Value("string")})
    return DatasetDict({"train": table([(UNLABELLED_ID + i, text) for i, text in texts], features)})


def labelled_csv(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """NusaX's columns `id,text,label`, one file a split. Blanks around a label do not count."""
    splits = {}
    for split, path in paths.items():
        rows = csv_rows(path, ("id", "text", "label"))
        if high := [number for number, _, _ in rows if int(number) >= UNLABELLED_ID]:
            raise DataError(
                f"{path.name}: the id {high[0]} is {UNLABELLED_ID} or more, as rows without labels have."
            )
        splits[split] = [(int(number), text, label.strip()) for number, text, label in rows]
    return _classification(splits)


def unlabelled_csv(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """Columns `id,text`; the ids are numbered anew from `UNLABELLED_ID`."""
    return texts_only(enumerate(text for _, text in csv_rows(paths["train"], ("id", "text"))))


def smsa(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """SMSA: `text<TAB>label` without a header. Its training texts, without their labels, in a fixed order.

    A text is dropped when it is a copy of another, of a row of SMSA's own test files, or of a text in `without`.
    """
    splits: dict[str, list[Row]] = {}
    first = 0
    for split, path in paths.items():
        lines = read_lines(path)
        splits[split] = _smsa_rows(lines, path.name, first)
        first += len(lines) - (not lines[-1])
    held_out = [text for split, rows in splits.items() if split != "train" for _, text, _ in rows]
    train = sorted(without_copies(splits["train"], held_out + without), key=fixed_order)
    return texts_only((i, text) for i, text, _ in train)


def _smsa_rows(lines: list[str], name: str, first: int) -> list[Row]:
    """The rows of a file, whose ids are their lines counted from `first`. Blank lines and a header are left out."""
    rows = []
    for i, line in enumerate(lines):
        text, _, label = (part.strip() for part in line.rpartition("\t"))
        if not line.strip() or (i == 0 and [text.lower(), label.lower()] == ["text", "label"]):
            continue
        if not text or not label:
            raise DataError(
                f"{name}, line {i + 1}: {line[:40]!r} is not a text, a tab and a label. Complete or drop the line."
            )
        rows.append((first + i, line.rpartition("\t")[0], label))
    if not rows:
        raise DataError(f"{name} holds no row: a text, a tab and a label.")
    return rows


def fixed_order(row: Row) -> str:
    """A shuffle that no seed and no version of a library can change: by the hash of the text."""
    return hashlib.sha256(row[1].encode()).hexdigest()


def conll(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """CoNLL files (see `read_conll`) -> columns id, tokens, ner_tags (IOB2)."""
    return _tagged({split: read_conll(path) for split, path in paths.items()}, entry.tags)


def wikiann(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """`conll` out of a zip that holds an archive a language ("en.tar.gz"), with lines `en:token<TAB>tag`.

    A path goes on inside the zip: the language, then the file in its archive. Lines of a blank token are left out.
    """
    return _tagged({split: read_wikiann(path) for split, path in paths.items()}, entry.tags)


def _tagged(splits: dict[str, Iterable[Sentence]], types: dict[str, str]) -> DatasetDict:
    """Columns id, tokens, ner_tags, from the sentences of each split; the ids count on from split to split.

    Raises DataError where entities are tagged, and none is of a type that the catalogue names.
    """
    features = Features(
        {"id": Value("int64"), "tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=TAGS))}
    )
    made, first = {}, 0
    for split, found in splits.items():
        rows = [(tokens, tags) for _, tokens, tags in found]
        kinds = {tag[2:] for _, tags in rows for tag in tags} - {""}
        if kinds and kinds.isdisjoint(types):
            raise DataError(
                f"The {split} file tags entities of the types {', '.join(sorted(kinds))}, and the catalogue expects "
                f"{', '.join(types)}. Name the file's own types under `tags`."
            )
        made[split] = table(
            [(first + i, tokens, iob2(tags, types)) for i, (tokens, tags) in enumerate(rows)], features
        )
        first += len(rows)
    return DatasetDict(made)


def name_or_none(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """A task for whole sentences, made of `conll`: does a sentence name a person, a place or an organization?"""
    tagged = conll(entry, paths, language, without)
    return _classification(
        {
            split: [
                (row["id"], " ".join(row["tokens"]), "a name" if any(row["ner_tags"]) else "no name")
                for row in rows
            ]
            for split, rows in tagged.items()
        }
    )


_PAIRS = Features({"id": Value("int64"), "source": Value("string"), "targets": List(Value("string"))})


def parallel_jsonl(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """Objects `{id, english, <language>: [paraphrases]}`, one a line -> columns id, source, targets."""
    splits = {}
    for split, path in paths.items():
        rows = []
        for line, row in read_json(path):
            try:
                number, source, targets = int(row["id"]), row["english"], row[language]
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(
                    f"{path.name}, line {line}: {error} is missing or of the wrong kind. Fields: {', '.join(row)}."
                ) from None
            if not targets or not isinstance(targets, list) or not all(isinstance(t, str) for t in targets):
                raise DataError(
                    f"{path.name}, line {line}: {language!r} should be a list of one text or more."
                )
            rows.append((number, source, targets))
        splits[split] = table(rows, _PAIRS)
    return DatasetDict(splits)


def rows_jsonl(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """Objects, one a line -> their fields as columns, None where a row lacks one. The splits may differ."""
    splits = {}
    for split, path in paths.items():
        rows = [row for _, row in read_json(path)]
        fields = dict.fromkeys(field for row in rows for field in row)  # in order of appearance
        splits[split] = Dataset.from_dict({field: [row.get(field) for row in rows] for field in fields})
    return DatasetDict(splits)


def nusax_parallel(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """NusaX's sentiment files joined by id: English is the source, the sentence in `language` the target."""
    splits = {}
    for split, path in paths.items():
        english = dict(csv_rows(path.parent.parent / "english" / path.name, ("id", "text")))
        rows = csv_rows(path, ("id", "text"))
        if alone := {number for number, _ in rows} - set(english):
            raise DataError(f"{path.name}: the id {min(alone)} is not in the English file of that name.")
        splits[split] = table([(int(number), english[number], [text]) for number, text in rows], _PAIRS)
    return DatasetDict(splits)


READERS: dict[str, Callable[[Entry, dict[str, Path], str, list[str]], DatasetDict]] = {
    reader.__name__: reader
    for reader in (
        labelled_csv,
        unlabelled_csv,
        smsa,
        conll,
        wikiann,
        name_or_none,
        parallel_jsonl,
        rows_jsonl,
        nusax_parallel,
    )  # fmt: skip
}
