"""One reader for each file layout that the catalogue names: files of a folder -> `datasets.DatasetDict`.

A reader takes the catalogue's entry, the path of each split, and the language. Ids are whole numbers, unique
within a data set: those of labelled rows stay below `UNLABELLED_ID`, those of unlabelled rows start there.
"""

import csv
import hashlib
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from course_utils.assets import Entry

UNLABELLED_ID = 100_000
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]
RUN = 8  # words in a row that betray a copied sentence
CODES = {"english": "en", "indonesian": "id", "javanese": "jv", "sundanese": "su"}  # WikiANN's languages

Row = tuple[int, str, str]  # id, text, label


def _csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _classification(splits: dict[str, list[Row]]) -> DatasetDict:
    """Columns id, text, label. The label names are sorted: they do not depend on the order of rows."""
    names = sorted({label for rows in splits.values() for _, _, label in rows})
    features = Features({"id": Value("int64"), "text": Value("string"), "label": ClassLabel(names=names)})
    return DatasetDict({split: _table(rows, features) for split, rows in splits.items()})


def _table(rows: Iterable[tuple], features: Features) -> Dataset:
    columns = dict(zip(features, map(list, zip(*rows, strict=True)), strict=True))
    return Dataset.from_dict(columns or {name: [] for name in features}, features=features)


def _texts(texts: Iterable[tuple[int, str]]) -> DatasetDict:
    """One split, train, with columns id and text."""
    features = Features({"id": Value("int64"), "text": Value("string")})
    return DatasetDict({"train": _table([(UNLABELLED_ID + i, text) for i, text in texts], features)})


def labelled_csv(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """NusaX's columns `id,text,label`, one file a split."""
    return _classification(
        {s: [(int(r["id"]), r["text"], r["label"]) for r in _csv_rows(p)] for s, p in paths.items()}
    )


def unlabelled_csv(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """Columns `id,text`; the ids are numbered anew from `UNLABELLED_ID`."""
    return _texts(enumerate(row["text"] for row in _csv_rows(paths["train"])))


def smsa(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """SMSA: `text<TAB>label` without a header. Role "unlabelled" gets the rows whose labels the course hides.

    A train row is dropped when it is a copy of another, of a row of its own test files, or of a text in
    `without`. The others are put in a fixed order; the first `entry.labelled` keep their labels.
    """
    splits: dict[str, list[Row]] = {}
    first = 0
    for split, path in paths.items():
        lines = path.read_text(encoding="utf-8").splitlines()
        parts = [line.rpartition("\t") for line in lines]
        splits[split] = [(first + i, text, label) for i, (text, _, label) in enumerate(parts) if text]
        first += len(lines)
    held_out = [text for split, rows in splits.items() if split != "train" for _, text, _ in rows]
    train = sorted(without_copies(splits["train"], held_out + without), key=_fixed_order)
    labelled = entry.labelled or len(train)
    if entry.role == "unlabelled":
        return _texts((i, text) for i, text, _ in train[labelled:])
    return _classification({**splits, "train": train[:labelled]})


def _fixed_order(row: Row) -> str:
    """A shuffle that no seed and no version of a library can change: by the hash of the text."""
    return hashlib.sha256(row[1].encode()).hexdigest()


def letters(text: str) -> str:
    """Lower-case letters and digits alone: texts that differ in case, spaces and punctuation become equal."""
    return re.sub(r"[\W_]+", "", text.lower())


def runs(text: str) -> set[tuple[str, ...]]:
    """Every run of `RUN` words. "-nya" is left out: SMSA writes it as a word of its own, NusaX does not."""
    words = re.findall(r"[^\W_]+", re.sub(r"nya\b", " ", text.lower()))
    return {tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1)}


def without_copies(rows: Iterable[Row], others: Iterable[str]) -> list[Row]:
    """The rows that copy neither an earlier row nor a text of `others`.

    A copy has the same `letters`, or shares a run of words with a text of `others`: NusaX's authors
    corrected and shortened the sentences that they took from SMSA. Equality alone finds about half of them.
    """
    seen: set[str] = set()
    foreign: set[tuple[str, ...]] = set()
    for text in others:
        seen.add(letters(text))
        foreign |= runs(text)
    kept = []
    for row in rows:
        key = letters(row[1])
        if key not in seen and foreign.isdisjoint(runs(row[1])):
            kept.append(row)
        seen.add(key)
    return kept


def conll(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """CoNLL lines `token<TAB>tag`, an empty one after a sentence -> columns id, tokens, ner_tags (IOB2)."""
    return _tagged({split: path.read_text(encoding="utf-8") for split, path in paths.items()}, entry.tags)


def wikiann(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """`conll` out of a zip that holds an archive a language ("en.tar.gz"), with lines `en:token<TAB>tag`.

    A path goes on inside the zip: the language, then the file in its archive. Lines of a blank token are left out.
    """
    return _tagged({split: _in_archive(path) for split, path in paths.items()}, entry.tags)


def _in_archive(path: Path) -> str:
    code = CODES[path.parent.name]
    with zipfile.ZipFile(path.parents[1]) as outer:
        (name,) = (name for name in outer.namelist() if PurePosixPath(name).name == f"{code}.tar.gz")
        inner = io.BytesIO(outer.read(name))
    with tarfile.open(fileobj=inner) as archive:
        (member,) = (member for member in archive if PurePosixPath(member.name).name == path.name)
        lines = archive.extractfile(member).read().decode("utf-8").split("\n")  # type: ignore[union-attr]
    return "\n".join(line.removeprefix(f"{code}:") for line in lines if not re.match(rf"{code}:\s*\t", line))


def _tagged(texts: dict[str, str], types: dict[str, str]) -> DatasetDict:
    """Columns id, tokens, ner_tags, from the text of each split; the ids count on from split to split."""
    features = Features(
        {"id": Value("int64"), "tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=TAGS))}
    )
    splits, first = {}, 0
    for split, text in texts.items():
        sentences = list(_sentences(text, types))
        splits[split] = _table([(first + i, *sentence) for i, sentence in enumerate(sentences)], features)
        first += len(sentences)
    return DatasetDict(splits)


def name_or_none(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """A task for whole sentences, made of `conll`: does a sentence name a person, a place or an organisation?"""
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


def _sentences(text: str, types: dict[str, str]) -> Iterable[tuple[list[str], list[str]]]:
    tokens: list[str] = []
    tags: list[str] = []
    for line in [*text.split("\n"), ""]:
        token, _, tag = line.strip("\r").partition("\t")
        if token.strip():
            tokens.append(token)
            tags.append(_iob2(tag.strip(), tags[-1] if tags else "O", types))
        elif tokens:
            yield tokens, tags
            tokens, tags = [], []


def _iob2(tag: str, before: str, types: dict[str, str]) -> str:
    """The tag for a publisher's. Of several annotators' tags the first counts; entities start with B-."""
    prefix, _, kind = tag.split(",")[0].partition("-")
    if kind not in types:
        return "O"
    inside = prefix == "I" and before[2:] == types[kind]
    return f"{'I' if inside else 'B'}-{types[kind]}"


_PAIRS = Features({"id": Value("int64"), "source": Value("string"), "targets": List(Value("string"))})


def parallel_jsonl(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """Objects `{id, english, <language>: [paraphrases]}`, one a line -> columns id, source, targets."""
    splits = {}
    for split, path in paths.items():
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        splits[split] = _table([(int(r["id"]), r["english"], r[language]) for r in rows], _PAIRS)
    return DatasetDict(splits)


def rows_jsonl(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """Objects, one a line -> their fields as columns. The splits may have different ones."""
    return DatasetDict(
        {
            split: Dataset.from_list(
                [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            )
            for split, path in paths.items()
        }
    )


def nusax_parallel(entry: Entry, paths: dict[str, Path], language: str, without: list[str]) -> DatasetDict:
    """NusaX's sentiment files joined by id: English is the source, the sentence in `language` the target."""
    splits = {}
    for split, path in paths.items():
        english = {row["id"]: row["text"] for row in _csv_rows(path.parent.parent / "english" / path.name)}
        pairs = [(int(row["id"]), english[row["id"]], [row["text"]]) for row in _csv_rows(path)]
        splits[split] = _table(pairs, _PAIRS)
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
