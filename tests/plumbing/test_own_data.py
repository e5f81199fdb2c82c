"""A reader's own data: what is read, what is found in it, how it is cleaned and split, and what there is to beat."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import small_world
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from course_utils.data import own
from course_utils.data.files import DataError
from course_utils.paths import DATA

TEXTS = ["late bus", "good soup", "cold room"]
LABELS = ["bad", "good", "bad"]


def labelled(texts: list[str], labels: list[Any], **more: list[Any]) -> Dataset:
    return own.read_table(
        pd.DataFrame({"text": texts, "label": labels, **more}), label="label", keep=list(more)
    )


def findings(data: Dataset | DatasetDict, **more: Any) -> dict[str, int]:
    found = own.look(data, **more)
    return dict(zip(found["finding"], found["rows"], strict=True))


# Reading


def write(folder: Path, ending: str) -> Path:
    """The same three rows in a file of that kind, under columns of the writer's own names."""
    frame = pd.DataFrame({"Review": TEXTS, "Stars": LABELS})
    path = folder / f"mine{ending}"
    if ending == ".parquet":
        frame.to_parquet(path)
    elif ending == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif ending == ".json":
        frame.to_json(path, orient="records")
    else:
        frame.to_csv(path, index=False, sep="\t" if ending == ".tsv" else ",")
    return path


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".csv.gz", ".jsonl", ".json", ".parquet"])
def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path, ending: str) -> None:
    rows = own.read_table(str(write(tmp_path, ending)), text="Review", label="Stars")
    assert rows.features["label"].names == ["bad", "good"]
    assert rows.to_list() == [
        {"id": i, "text": text, "label": LABELS[i] == "good"} for i, text in enumerate(TEXTS)
    ]


def test_a_frame_and_a_dataset_give_the_same_rows() -> None:
    frame = pd.DataFrame({"text": TEXTS, "label": LABELS}, index=[7, 8, 9])
    features = Features({"text": Value("string"), "label": ClassLabel(names=["good", "bad"])})
    dataset = Dataset.from_dict({"text": TEXTS, "label": [1, 0, 1]}, features=features)
    read = [own.read_table(source, label="label") for source in (frame, dataset)]
    assert read[0].to_list() == read[1].to_list()
    assert read[0].features == read[1].features


def test_pairs_answers_and_unlabelled_rows() -> None:
    frame = pd.DataFrame({"q": ["a", None], "passage": ["b", "c"], "reply": ["d", "e"], "who": [1, 2]})
    rows = own.read_table(frame, text="q", text_pair="passage", answer="reply", keep=["who"])
    assert rows[1] == {"id": 1, "text": "", "text_pair": "c", "answer": "e", "who": 2}
    unlabelled = own.read_table(frame, text="q")
    assert unlabelled.column_names == ["id", "text"] and unlabelled["id"][:] == [100_000, 100_001]
    with pytest.raises(DataError, match="one of label, answer and tags"):
        own.read_table(frame, text="q", label="who", answer="reply")


def test_numbers_are_classes_by_size_and_what_is_blank_is_no_class() -> None:
    rows = labelled(["a"] * 5, [10.0, 2.0, float("nan"), 1.0, 2.0])
    assert rows.features["label"].names == ["1", "2", "10"]
    assert rows["label"][:] == [2, 1, None, 0, 1]
    assert labelled(["a", "b"], ["x", " "])["label"][:] == [0, None]


def test_a_second_file_is_numbered_as_the_first() -> None:
    first = labelled(["a", "b", "c"], ["bad", "fine", "good"])
    names = first.features["label"].names
    frame = pd.DataFrame({"text": ["d", "e"], "y": ["good", "bad"]})
    second = own.read_table(frame, label="y", classes=names)
    assert second["label"][:] == [2, 0] and second.features["label"] == first.features["label"]
    apart = own.read_table(frame, label="y")
    assert "labels are numbered differently" in findings(DatasetDict({"train": first, "test": apart}))
    with pytest.raises(DataError, match="number their labels differently"):
        own.baselines(first, apart)
    with pytest.raises(DataError, match=r"row 0: the label 'good' is none of .* Did you mean 'goods'\?"):
        own.read_table(frame, label="y", classes=["bad", "goods"])


def test_a_published_sets_minus_one_is_no_class() -> None:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes"])})
    rows = Dataset.from_dict({"text": ["a", "b"], "label": [-1, 1]}, features=features)
    assert own.read_table(rows, label="label")["label"][:] == [None, 0]


@pytest.mark.parametrize("as_text", [True, False])
def test_tags_of_any_scheme_become_iob2(as_text: bool) -> None:
    row: dict[str, Any] = {"words": ["Ana", "San", "left", "Bali"], "marks": ["B-PER", "E-PER", "O", "S-LOC"]}
    if as_text:
        row = {name: " ".join(value) for name, value in row.items()}
    rows = own.read_table(pd.DataFrame([row]), text="words", tags="marks")
    names = rows.features["ner_tags"].feature.names
    assert names == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert rows[0]["tokens"] == ["Ana", "San", "left", "Bali"]
    assert [names[tag] for tag in rows[0]["ner_tags"]] == ["B-PER", "I-PER", "O", "B-LOC"]


def test_a_conll_file_is_read_by_its_ending(tmp_path: Path) -> None:
    path = tmp_path / "mine.conll"
    path.write_text("-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nleft VBD B-VP O\n", encoding="utf-8")
    rows = own.read_table(path, text="tokens", tags="tags")
    assert rows[0]["tokens"] == ["EU", "left"]
    assert rows[0]["ner_tags"] == [1, 0]


@pytest.mark.parametrize(
    ("columns", "arguments", "message"),
    [
        (
            {"text": ["a"]},
            {"text": "txet"},
            r"no column 'txet'. Did you mean 'text'\? Its columns are 'text'\.",
        ),
        ({"text": ["a", 5]}, {}, r"row 1: column 'text' holds 5, and a text belongs there"),
        ({"text": ["a"], "y": [None]}, {"label": "y"}, r"Column 'y' holds no label"),
        (
            {"text": ["a"], "y": [[1, 0]]},
            {"label": "y"},
            r"row 0: column 'y' holds \[1, 0\]. One class a row",
        ),
        ({"text": ["a b"], "y": ["O"]}, {"tags": "y"}, r"row 0: 2 words and 1 tags"),
        ({"text": ["a"], "y": ["PERSON"]}, {"tags": "y"}, r"row 0: 'PERSON' is no tag"),
        ({"text": []}, {}, r"holds no rows"),
        ({"text": ["a"], "y": ["b"]}, {"keep": ["y", "text"]}, r"a column 'text' already"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(columns: Any, arguments: Any, message: str) -> None:
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    source = Dataset.from_dict(columns) if columns["text"] == ["a"] else frame
    with pytest.raises(DataError, match=message) as raised:
        own.read_table(source, **arguments)
    assert "\n" not in str(raised.value)


def test_a_fault_in_a_file_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"text": "a"}\n\n{"text": 5}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"mine.jsonl, line 3: column 'text' holds 5"):
        own.read_table(path)


def test_a_kept_column_of_numbers_and_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"text": "a", "who": 12}\n\n{"text": "b", "who": "A13"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"mine.jsonl, line 3: column 'who' holds 'A13', and 12 above it"):
        own.read_table(path, keep=["who"])


def test_a_kept_number_that_is_too_large_is_not_called_one_of_another_type(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(f'{{"text": "a", "who": {10**30}}}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"Column 'who' cannot be kept .*: write its values as text"):
        own.read_table(path, keep=["who"])


def test_half_of_an_emoji_is_read_and_found(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"text": "good \\ud83d"}\n{"text": "good \\ud83d\\ude00"}\n', encoding="utf-8")
    rows = own.read_table(path)
    assert rows["text"][:] == ["good \ufffd", "good \U0001f600"]
    assert findings(rows)["letters were lost in decoding"] == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "revews.csv",
            r"no file .*revews.csv. Did you mean 'reviews.csv'\? In its folder: notes.md, reviews.csv",
        ),
        ("no/such.csv", "Nor is there a folder"),
        ("", "is a folder. Name one of its files: notes.md, reviews.csv"),
        ("notes.md", "this ending is not known. Known are .csv"),
        ("mine.parquet", "no file .*mine.parquet"),
    ],
)
def test_a_wrong_path_lists_what_is_there(tmp_path: Path, name: str, message: str) -> None:
    for there in ("reviews.csv", "notes.md"):
        (tmp_path / there).write_text("text\na\n", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        own.read_table(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mine.xlsx", "PK", "Save its sheet as 'CSV UTF-8' in Excel. Known are"),
        ("mine.json", '{"text": {"0": "a", "1": "b"}, "label": {"0": "x", "1": "y"}}', 'orient="records"'),
        (
            "mine.csv",
            "late bus,bad\ngood soup,good\n",
            r"no column 'text'.*'late bus', 'bad'.*If that line is a row",
        ),
        ("mine.csv", "texts,label\na,b\n", "Did you mean 'texts'"),
    ],
)
def test_files_as_they_come_from_work_are_refused_with_the_remedy(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message) as raised:
        own.read_table(tmp_path / name)
    assert len(str(raised.value)) < 400


def test_an_address_is_refused_as_one() -> None:
    with pytest.raises(DataError, match=r"^https://example.org/mine.csv is an address"):
        own.read_table("https://example.org/mine.csv")


def test_what_is_no_parquet_and_no_single_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.parquet").write_text("text\na\n", encoding="utf-8")
    with pytest.raises(DataError, match="mine.parquet cannot be read as Parquet"):
        own.read_table(tmp_path / "mine.parquet")
    with pytest.raises(DataError, match="Take one of its splits: 'train'"):
        own.read_table(DatasetDict({"train": Dataset.from_dict({"text": ["a"]})}))  # type: ignore[arg-type]


# Looking


def test_faults_are_found_and_counted() -> None:
    texts = ["Good soup.", "good  soup", "", "cold", "cold", "caf\u00c3\u00a9", "!?", "bus"]
    found = findings(labelled(texts, ["y", "y", "y", "x", "y", "x", "X ", None]))
    assert found["text is empty"] == 1
    assert found["text occurs more than once"] == 4
    assert found["same text, different labels"] == 2
    assert found["letters were lost in decoding"] == 1
    assert found["label 'X ' beside 'x'"] == 1
    assert found["label is missing"] == 1
    assert found["label 'y'"] == 4 and found["label 'x'"] == 3


def test_clean_data_has_facts_alone() -> None:
    found = own.look(labelled(TEXTS * 5, [f"{x}" for x in range(3)] * 5).select(range(3)))
    assert set(found["finding"]) == {"label '0'", "label '1'", "label '2'", "length in words"}


def test_a_text_in_two_splits_is_found_behind_other_spelling() -> None:
    splits = DatasetDict(
        {
            "train": labelled(["Good soup!", "bus"], ["x", "y"]),
            "test": labelled(["good soup", ""], ["x", "y"]),
        }
    )
    assert findings(splits)["text in train and in test"] == 1
    del splits["test"]
    assert not [name for name in findings(splits) if name.startswith("text in")]


@pytest.mark.parametrize(
    ("labels", "finding"),
    [
        ([*map(str, range(60))], "60 different labels"),
        (["x"] * 60, "only one label"),
        (["0", "1", "-1"] * 20, "label -1"),
    ],
)
def test_labels_that_are_no_classes_are_found(labels: list[str], finding: str) -> None:
    assert finding in findings(labelled([f"t{i}" for i in range(60)], labels))


def test_lengths_are_held_to_the_models_limit() -> None:
    tokenizer = small_world.tokenizer()
    rows = labelled(["the soup", "the soup was cold but the room is clean"], ["x", "y"])
    assert findings(rows, tokenizer=tokenizer, limit=10)["longer than 10 tokens"] == 1
    assert "longer than 11 tokens" not in findings(rows, tokenizer=tokenizer, limit=11)
    tokenizer.model_max_length = 3
    assert findings(rows, tokenizer=tokenizer)["longer than 3 tokens"] == 2
    paired = own.read_table(pd.DataFrame({"text": ["the soup"], "p": ["was cold"]}), text_pair="p")
    shown = own.look(paired, tokenizer).set_index("finding")["example"]["length in tokens"]
    both = len(tokenizer("the soup", "was cold")["input_ids"])
    assert shown == f"median {both}, longest {both}"


# Cleaning


def test_cleaning_drops_what_has_one_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    rows = labelled(["a", "A.", "", "b", "a", "c"], ["x", "x", "x", None, "y", "X "], who=[1, 2, 3, 4, 5, 6])
    kept = own.clean(rows)
    assert kept["id"][:] == [0, 4, 5] and kept["who"][:] == [1, 5, 6]
    assert kept.features["label"].names == ["x", "y"]
    assert kept["label"][:] == [0, 1, 0]
    said = capsys.readouterr().out
    assert said.startswith("3 of 6 rows kept") and "'X ' is now 'x'" in said and said.count("\n") == 1
    assert own.clean(kept).to_list() == kept.to_list()


def test_whole_numbers_are_one_class_with_and_without_a_zero_and_keep_their_order() -> None:
    rows = labelled(list("abcdef"), ["1 ", "1.0", "2", "2.0", "2", "1.5"])
    assert findings(rows)["label '1.0' beside '1'"] == 1
    kept = own.clean(rows)
    assert kept.features["label"].names == ["1", "1.5", "2"]
    names = kept.features["label"].int2str(kept["label"][:])
    assert names == ["1", "1", "2", "2", "2", "1.5"]
    assert own.clean(labelled(list("abc"), ["1 ", "2", "3"])).features["label"].names == ["1", "2", "3"]
    assert own.clean(labelled(list("abc"), [" pos", "neg", "neg"])).features["label"].names == ["neg", "pos"]


def test_cleaning_takes_rows_without_labels() -> None:
    assert own.clean(own.read_table(pd.DataFrame({"text": ["a", "a", None]})))["id"][:] == [100_000]


def test_answers_are_looked_at_and_cleaned_as_labels_are() -> None:
    frame = pd.DataFrame({"text": ["a", "A", "a", "b"], "answer": ["x", "x", "y", " "]})
    rows = own.read_table(frame, answer="answer")
    found = findings(rows)
    assert found["same text, different answers"] == 3 and found["answer is missing"] == 1
    assert own.clean(rows)["id"][:] == [0, 2]


def test_the_same_words_with_other_tags_are_found_and_stay() -> None:
    frame = pd.DataFrame({"text": ["US won", "us won", "us won", ""], "tags": ["B-LOC O", "O O", "O O", ""]})
    rows = own.read_table(frame, tags="tags")
    found = findings(rows)
    assert found["same text, different tags"] == 3 and "tag is missing" not in found
    assert own.clean(rows)["id"][:] == [0, 1]


def test_a_dataset_that_was_not_read_here_can_be_looked_at() -> None:
    rows = Dataset.from_dict({"text": ["a", None], "label": [1, None]})
    found = findings(rows)
    assert found["text is empty"] == 1 and found["label is missing"] == 1
    with pytest.raises(DataError, match="no column 'text'"):
        own.look(rows.rename_column("text", "review"))


# Splitting


def many(rows: int = 400, seed: int = 0) -> Dataset:
    """Rows of three uneven classes; every fifth text occurs twice; 57 customers."""
    draw = np.random.default_rng(seed)
    texts = [f"text {i - 1 if i % 5 == 1 else i}" for i in range(rows)]
    labels = draw.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1]).tolist()
    return labelled(texts, labels, who=[i // 7 for i in range(rows)])


@pytest.mark.parametrize("group", [None, "who"])
def test_no_text_and_no_group_is_in_two_splits(group: str | None) -> None:
    rows = many()
    splits = own.split(rows, group=group)
    assert list(splits) == ["train", "validation", "test"]
    assert sorted(i for part in splits.values() for i in part["id"]) == rows["id"][:]
    for column in ("text", *([group] if group else [])):
        values = [set(part[column]) for part in splits.values()]
        assert sum(map(len, values)) == len(set.union(*values))


def test_splits_have_the_shares_and_the_labels_of_the_whole() -> None:
    rows = many()
    splits = own.split(rows, validation=0.1, test=0.3)
    assert len(splits["test"]) == pytest.approx(0.3 * len(rows), abs=12)
    assert len(splits["validation"]) == pytest.approx(0.1 * len(rows), abs=8)
    whole = np.bincount(rows["label"][:], minlength=3) / len(rows)
    for part in splits.values():
        assert np.bincount(part["label"][:], minlength=3) / len(part) == pytest.approx(whole, abs=0.06)


def test_the_seed_decides() -> None:
    first, again, other = (own.split(many(), seed=seed)["test"]["id"][:] for seed in (1, 1, 2))
    assert first == again != other


def test_a_class_of_one_row_is_trained_on_and_unlabelled_rows_split_too() -> None:
    labels = ["a"] * 20 + ["b"] * 20 + ["rare"]
    splits = own.split(labelled([f"t{i}" for i in range(41)], labels))
    assert 40 in splits["train"]["id"][:]
    assert sum(len(part) for part in splits.values()) == 41
    plain = own.split(own.read_table(pd.DataFrame({"text": list("abcdefghij")})))
    assert [len(part) for part in plain.values()] == [7, 1, 2]


def test_a_group_is_one_whatever_its_case_and_blanks() -> None:
    who = [f"{'Anna' if i % 2 else 'anna '} {i // 4}" for i in range(40)]
    rows = labelled([f"t{i}" for i in range(40)], ["a", "b"] * 20, who=who)
    splits = own.split(rows, group="who")
    groups = [{name.split()[-1] for name in part["who"]} for part in splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 10


def test_rows_without_a_label_split_as_a_class_of_their_own() -> None:
    splits = own.split(labelled([f"t{i}" for i in range(40)], ["a", "b", None, "a"] * 10))
    assert [part["label"][:].count(None) for part in splits.values()] == [7, 1, 2]


@pytest.mark.parametrize("sizes", [[3] * 60 + [1] * 10, [3] * 10, [30, 1]])
def test_every_class_is_trained_on(sizes: list[int]) -> None:
    labels = [f"c{i}" for i, size in enumerate(sizes) for _ in range(size)]
    rows = labelled([f"t{i}" for i in range(len(labels))], labels)
    for seed in range(10):
        splits = own.split(rows, seed=seed)
        assert set(splits["train"]["label"]) == set(range(len(sizes)))
        assert sum(map(len, splits.values())) == len(rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"test": 0.0}, "leave a split empty"),
        ({"test": 0.95}, "leave a split empty"),
        ({"test": 0.001, "validation": 0.001}, "too few"),
        ({"group": "whom"}, "no column 'whom'. Did you mean 'who'"),
    ],
)
def test_a_split_that_cannot_be_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        own.split(many(), **arguments)


# Scores


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3 (Wilson).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_the_interval_is_wilsons(correct: int, n: int, low: float, high: float) -> None:
    assert own.interval(correct, n) == pytest.approx((low, high), abs=5e-5)


def test_an_interval_of_nothing_is_refused() -> None:
    for correct, n in ((0, 0), (3, 2), (-1, 5)):
        with pytest.raises(ValueError, match="between 0 and n"):
            own.interval(correct, n)


def test_baselines_are_worked_out_by_hand() -> None:
    train = labelled(["good soup", "good", "good bus", "cold bus", "cold"], ["g", "g", "g", "b", "b"])
    test = labelled(["good room", "cold room", "cold", "cold soup"], ["g", "b", "b", "b"])
    table = own.baselines(train, test)
    assert table.loc["commonest label", ["accuracy", "correct", "rows"]].tolist() == [0.25, 1, 4]
    assert tuple(table.loc["commonest label", ["low", "high"]]) == own.interval(1, 4)
    assert table.loc["bag of words", "correct"] == 4


def test_the_words_of_both_texts_count() -> None:
    frame = pd.DataFrame(
        {"text": ["a"] * 4, "p": ["good", "good", "cold", "cold"], "y": ["g", "g", "b", "b"]}
    )
    rows = own.read_table(frame, text_pair="p", label="y")
    assert own.baselines(rows, rows).loc["bag of words", "correct"] == 4


def test_baselines_want_labels() -> None:
    rows = labelled(["a", "b"], ["x", "y"])
    with pytest.raises(DataError, match="test rows have no column 'label'"):
        own.baselines(rows, rows.remove_columns("label"))
    with pytest.raises(DataError, match="train rows are empty, or some have no label"):
        own.baselines(labelled(["a", "b"], ["x", None]), rows)


def test_the_file_that_ships_is_read_looked_at_cleaned_and_split() -> None:
    rows = own.read_table(DATA / "own" / "reviews.csv", text="review", label="sentiment", keep=["customer"])
    found = findings(rows)
    assert len(rows) == 600 and rows[0]["customer"].startswith("C")
    assert found["text is empty"] == 2 and found["text occurs more than once"] == 48
    assert found["label 'Positive ' beside 'positive'"] == 9
    kept = own.clean(rows)
    assert len(kept) == 574 and kept.features["label"].names == ["negative", "neutral", "positive"]
    splits = own.split(kept, group="customer")
    assert not own.look(splits)["next"].any()
    table = own.baselines(splits["train"], splits["test"])
    assert (
        0.25 < table.loc["commonest label", "accuracy"] < 0.5 < table.loc["bag of words", "accuracy"] < 0.85
    )


def test_json_fields_that_differ_from_row_to_row_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(
        json.dumps({"text": "a"}) + "\n" + json.dumps({"text": "b", "note": "c"}), encoding="utf-8"
    )
    assert own.read_table(path, keep=["note"])["note"][:] == [None, "c"]


def test_rows_of_a_blank_group_are_no_group() -> None:
    """They would all be one unit: half of the data on one side."""
    texts = [f"text {i}" for i in range(40)]
    rows = labelled(texts, ["a", "b"] * 20, customer=["", " "] * 10 + [f"c{i // 2}" for i in range(20)])
    splits = own.split(rows, group="customer")
    assert 0 < sum(not customer.strip() for customer in splits["test"]["customer"]) < 20
    assert 6 <= len(splits["test"]) <= 12


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Sch\u00f6n!", "SCHO\u0308N", True),  # one letter, or a letter and a mark
        ("\u0915\u0940", "\u0915\u093e", False),  # Hindi: another vowel, written as a mark
        ("\u0e14\u0e35", "\u0e14\u0e38", False),  # Thai
        ("fine \U0001f44d", "fine \U0001f44e", False),
        ("fine \u2026", "fine!", True),
        ("caf\u00e9", "cafe", False),
    ],
)
def test_a_text_is_another_where_a_letter_its_mark_or_a_picture_is(one: str, other: str, same: bool) -> None:
    first, second = own.text_keys(Dataset.from_dict({"text": [one, other]}))
    assert (first == second) is same


def test_a_frame_with_two_columns_of_one_name_is_refused() -> None:
    frame = pd.DataFrame([["a", "b"], ["c", "d"]], columns=["text", "text"])
    with pytest.raises(DataError, match="2 columns called 'text'"):
        own.read_table(frame)


def test_a_column_of_numbers_is_no_text_and_words_are_no_classes_yet() -> None:
    with pytest.raises(DataError, match="Row 0 of column 'text' is 1"):
        own.look(Dataset.from_dict({"text": [1, 2]}))
    rows = Dataset.from_dict({"text": ["a", "b"], "label": ["x", "y"]})
    with pytest.raises(DataError, match="the word 'x'"):
        own.baselines(rows, rows)


def test_where_there_is_no_word_the_commonest_label_is_what_there_is_to_beat() -> None:
    rows = labelled(["\U0001f44d", "\U0001f44e", ":)"], ["x", "y", "x"])
    assert own.baselines(rows, rows)["correct"].tolist() == [2, 2]
