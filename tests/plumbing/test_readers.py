"""The readers of published layouts, on files with the faults that such files have."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from course_utils.data import DataError, readers

HEADER = "id,text,label\n"


def read(reader: Any, folder: Path, content: str, language: str = "", **entry: Any) -> Any:
    path = folder / "train.csv"
    path.write_bytes(content.encode())
    facts = {"role": "sentiment", "labelled": None, "tags": {"PER": "PER", "LOC": "LOC"}} | entry
    return reader(SimpleNamespace(**facts), {"train": path}, language, [])["train"]


def test_labels_are_one_class_whatever_the_blanks_and_numbers_go_by_size(tmp_path: Path) -> None:
    rows = read(readers.labelled_csv, tmp_path, "\ufeffid;text;label\n1;a;good \n2;b; good\n3;c;bad\n")
    assert rows.features["label"].names == ["bad", "good"] and rows["label"][:] == [1, 1, 0]
    numbers = "".join(f"{i},t{i},{i}\n" for i in (10, 2, 1))
    assert read(readers.labelled_csv, tmp_path, HEADER + numbers).features["label"].names == ["1", "2", "10"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER, "train.csv names its columns and holds no rows"),
        (HEADER + "1,a,good\n2,b,\n", "train.csv, line 3: 'label' is blank"),
        (HEADER + "1,,good\n", "train.csv, line 2: 'text' is blank"),
        (HEADER + "1,a,good\n2,b,Good\n", "labels 'Good' and 'good'. Spell them alike"),
        (HEADER + "x1,a,good\n", "train.csv, line 2: the id 'x1' is not a whole number"),
        (HEADER + "1,a,good\n1,b,bad\n", "train.csv, line 3: the id 1 is that of line 2 too"),
        (HEADER + "100001,a,good\n", "the id 100001 is 100000 or more"),
        ("id,texts,label\n1,a,good\n", "no column 'text'. Did you mean 'texts'"),
    ],
)
def test_a_row_that_nobody_meant_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(readers.labelled_csv, tmp_path, content)


def test_smsa_reads_every_line_or_names_it(tmp_path: Path) -> None:
    rows = read(readers.smsa, tmp_path, "text\tlabel\nbagus\u2028sekali\tpositive\n\njelek\tnegative")
    assert sorted(zip(rows["id"], rows["text"], strict=True)) == [
        (100_001, "bagus\u2028sekali"),
        (100_003, "jelek"),
    ]
    for line in ("rusak negative", "rusak\t", "\tnegative"):
        with pytest.raises(DataError, match="train.csv, line 2: .* is not a text, a tab and a label"):
            read(readers.smsa, tmp_path, f"bagus\tpositive\n{line}\njelek\tnegative\n")
    with pytest.raises(DataError, match="train.csv holds no row"):
        read(readers.smsa, tmp_path, "")


def test_entities_of_no_known_type_are_refused_and_of_some_are_read(tmp_path: Path) -> None:
    rows = read(readers.conll, tmp_path, "Budi S-PER\nada O\nBali U-PLACE\n")
    assert [readers.TAGS[tag] for tag in rows[0]["ner_tags"]] == ["B-PER", "O", "O"]
    with pytest.raises(DataError, match="the types PERSON, and the catalogue expects PER, LOC"):
        read(readers.conll, tmp_path, "Budi B-PERSON\n")
    with pytest.raises(DataError, match="holds no word with a tag"):
        read(readers.conll, tmp_path, "\n\n")


def test_rows_keep_every_field_and_blank_lines_are_none(tmp_path: Path) -> None:
    rows = read(readers.rows_jsonl, tmp_path, '\ufeff{"text": "a"}\n{"text": "b", "note": "c"}\n\n')
    assert rows.to_list() == [{"text": "a", "note": None}, {"text": "b", "note": "c"}]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": 1, "english": "a"}, "line 2: 'x' is missing or of the wrong kind. Fields: id, english"),
        ({"id": "one", "english": "a", "x": ["y"]}, "line 2: .*'one' is missing or of the wrong kind"),
        ({"id": 1, "english": "a", "x": []}, "line 2: 'x' should be a list of one text or more"),
        ({"id": 1, "english": "a", "x": "y"}, "line 2: 'x' should be a list"),
    ],
)
def test_a_pair_without_a_translation_is_refused(tmp_path: Path, row: Any, message: str) -> None:
    good = json.dumps({"id": 0, "english": "a", "x": ["y"]})
    with pytest.raises(DataError, match=message):
        read(readers.parallel_jsonl, tmp_path, f"{good}\n{json.dumps(row)}\n", "x")
