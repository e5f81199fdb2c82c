"""Readers for the papers' own data: GLUE, GPT-3, MultiArith, Self-Instruct, Vicuna, NusaWrites.

They have the signature of those in `readers.py`. Rows and order are the publishers', but for what is said below. The
ids count on from split to split.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from datasets import ClassLabel, DatasetDict, Features, List, Value

from course_utils.assets import Entry
from course_utils.data.copies import without_copies
from course_utils.data.files import DataError, find_column, read_csv, read_json, read_lines
from course_utils.data.readers import UNLABELLED_ID, fixed_order, table, texts_only

VALIDATION_SHARE, VALIDATION_MOST = 0.1, 1000  # of the train rows
SENTENCE_WORDS = 10  # rows of SST-2 that are shorter are mostly phrases


@dataclass(frozen=True)
class Columns:
    """Where a GLUE task has its texts and its label: names of the header's columns, or numbers where there is none.

    labels: names in GLUE's order; none for a score.
    """

    text: str | int
    label: str | int
    text_pair: str | int | None = None
    labels: tuple[str, ...] = ()


GLUE = {
    "glue_cola": Columns(3, 1, labels=("unacceptable", "acceptable")),
    "glue_sst2": Columns("sentence", "label", labels=("negative", "positive")),
    "glue_mrpc": Columns("#1 String", "Quality", "#2 String", ("not_equivalent", "equivalent")),
    "glue_rte": Columns("sentence1", "label", "sentence2", ("entailment", "not_entailment")),
    "glue_stsb": Columns("sentence1", "score", "sentence2"),
}


def glue(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """GLUE's tab-separated files -> id, text, text_pair (where the task has two texts), label: a class, or a float.

    Quotes are text, not quoting; a byte-order mark is no part of the header. The published test labels are secret, so
    `test` is GLUE's dev file, and `validation` is taken from the train rows: a tenth, at most 1,000, always the same
    ones. (SST-2's train rows are phrases, many from one sentence: its validation rows are easier than its test rows.)
    Raises DataError where a row has more or fewer columns than the first.
    """
    columns = GLUE[entry.name]
    features = {"id": Value("int64"), "text": Value("string")}
    features |= {"text_pair": Value("string")} if columns.text_pair is not None else {}
    names = list(columns.labels)
    features["label"] = ClassLabel(names=names) if names else Value("float32")
    splits, first = {}, 0
    for split, path in paths.items():
        splits[split] = _glue_rows(path, columns, first)
        first += len(splits[split])
    order = sorted(splits["train"], key=lambda row: hashlib.sha256(repr(row).encode()).hexdigest())
    held_out = {row[0] for row in order[: min(VALIDATION_MOST, int(VALIDATION_SHARE * len(order)))]}
    train = splits.pop("train")
    parts = {
        "train": [row for row in train if row[0] not in held_out],
        "validation": [row for row in train if row[0] in held_out],
    }
    return DatasetDict({name: table(rows, Features(features)) for name, rows in (parts | splits).items()})


def sst2_few(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """SST-2 with few labels -> id, text, label. Role "unlabelled": the other training rows, as texts without labels.

    The published training rows are sentences, and phrases from them. In a fixed order, the first `entry.labelled` of at
    least `SENTENCE_WORDS` words keep their labels; as many after them are `validation`. No text is a part of one of
    these; a longer text may hold one. `test` is GLUE's dev file. A training row that copies another, or one of `test`,
    is dropped.
    """
    columns, count = GLUE["glue_sst2"], entry.labelled or 0
    rows = _glue_rows(paths["train"], columns, 0)
    test = _glue_rows(paths["test"], columns, len(rows))
    train = without_copies(sorted(rows, key=fixed_order), [text for _, text, _ in test])
    sentences = [row for row in train if len(row[1].split()) >= SENTENCE_WORDS]
    labelled, validation = sentences[:count], sentences[count : 2 * count]
    if entry.role == "unlabelled":
        known, held_out = {row[0] for row in labelled}, "\n".join(text for _, text, _ in validation)
        return texts_only((i, text) for i, text, _ in train if i not in known and text not in held_out)
    features = Features(
        {"id": Value("int64"), "text": Value("string"), "label": ClassLabel(names=list(columns.labels))}
    )
    splits = {"train": labelled, "validation": validation, "test": test}
    return DatasetDict({split: table(rows, features) for split, rows in splits.items()})


def _glue_rows(path: Path, columns: Columns, first: int) -> list[tuple]:
    cells = [line.split("\t") for line in read_lines(path) if line]
    for number, row in enumerate(cells, 1):
        if len(row) != len(cells[0]):
            raise DataError(
                f"{path.name}, line {number}: {len(row)} columns, where the first line has {len(cells[0])}. Fetch the "
                "published file again."
            )
    header: list[str | int] = list(range(len(cells[0])) if isinstance(columns.text, int) else cells.pop(0))
    wanted = [place for place in (columns.text, columns.text_pair, columns.label) if place is not None]
    places = [header.index(name) for name in wanted]
    rows = []
    for number, row in enumerate(cells):
        *texts, label = (row[place].strip() for place in places)
        value = _label(label, columns.labels) if columns.labels else float(label)
        rows.append((first + number, *texts, value))
    return rows


def _label(text: str, names: tuple[str, ...]) -> int:
    numbers = {name: number for number, name in enumerate(names)}
    numbers |= {str(number): number for number in range(len(names))}
    if text not in numbers:
        raise DataError(f"{text!r} is no label of this task, which has {', '.join(names)}.")
    return numbers[text]


def _cells(path: Path, *columns: str) -> list[list[str]]:
    """These columns of a CSV file."""
    header, rows = read_csv(path, columns)
    places = [header.index(find_column(column, header, path.name)) for column in columns]
    return [[cells[place] for place in places] for _, cells in rows]


def _numbered(splits: dict[str, list[tuple]], first: int = 0, **columns: Value | List) -> DatasetDict:
    """The splits with a column id in front, which counts from `first` on, from split to split."""
    features, found = Features({"id": Value("int64"), **columns}), {}
    for split, rows in splits.items():
        found[split] = table([(first + number, *row) for number, row in enumerate(rows)], features)
        first += len(rows)
    return DatasetDict(found)


def completions(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """GPT-3's files of `context` and `completion` -> id, prompt, completion: as published, with blanks and new lines.

    A split is a task; examples for a prompt come from other rows of the same.
    """
    rows = {
        task: [(row["context"], row["completion"]) for _, row in read_json(path)]
        for task, path in paths.items()
    }
    return _numbered(rows, prompt=Value("string"), completion=Value("string"))


def problems(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """The problems of zero-shot chain of thought -> id, question, answer: a number without decimals, or yes or no."""
    splits = {}
    for split, path in paths.items():
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            splits[split] = [(row["question"], row["answer"]) for row in found["examples"]]
        else:
            splits[split] = [(row["sQuestion"].strip(), f"{row['lSolutions'][0]:g}") for row in found]
    return _numbered(splits, question=Value("string"), answer=Value("string"))


def instructions(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """Self-Instruct's tasks -> id, instruction, input (may be empty), output; a row for each instance of a task."""
    splits = {
        split: [
            (task["instruction"], instance["input"], instance["output"])
            for _, task in read_json(path)
            for instance in task["instances"]
        ]
        for split, path in paths.items()
    }
    return _numbered(splits, instruction=Value("string"), input=Value("string"), output=Value("string"))


def questions(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """Vicuna's questions -> id, category, question (each is one turn)."""
    splits = {
        split: [(row["category"], *row["turns"]) for _, row in read_json(path)]
        for split, path in paths.items()
    }
    return _numbered(splits, category=Value("string"), question=Value("string"))


def paragraphs(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """NusaWrites' paragraphs as plain text: id (from `UNLABELLED_ID` on) and text."""
    splits = {split: [tuple(row) for row in _cells(path, "text")] for split, path in paths.items()}
    return _numbered(splits, first=UNLABELLED_ID, text=Value("string"))


def nusa_translation(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """NusaWrites' translations -> id, source (Indonesian), targets: the one sentence in `language`."""
    splits = {
        split: [(source, [target]) for source, target in _cells(path, "ind_text", "tgt_text")]
        for split, path in paths.items()
    }
    return _numbered(splits, source=Value("string"), targets=List(Value("string")))


BENCHMARKS: dict[str, Callable[[Entry, dict[str, Path], str, list[str]], DatasetDict]] = {
    reader.__name__: reader
    for reader in (
        glue,
        sst2_few,
        completions,
        problems,
        instructions,
        questions,
        paragraphs,
        nusa_translation,
    )
}
