"""The papers' own data: small files with the traps of the real ones; and those, where a mirror is at hand."""

import gzip
import json
from pathlib import Path

import pytest
import small_world
import torch
from datasets import DatasetDict

from course_utils import assets, data
from course_utils.assets import fetching
from course_utils.data.benchmarks import BENCHMARKS


def read(role: str, paths: dict[str, Path]) -> DatasetDict:
    entry = assets.entry(role, "real")
    return BENCHMARKS[entry.reader](entry, paths, entry.language or "", [])


def put(folder: Path, text: str, **how: str) -> Path:
    path = folder / "file.tsv"
    path.write_text(text, encoding=how.get("encoding", "utf-8"), newline="")
    return path


# GLUE


def test_mrpc_has_a_byte_order_mark_and_quotes_that_are_text(tmp_path: Path) -> None:
    path = put(
        tmp_path,
        "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
        '1\t1\t2\t" He said .\tHe said " it " .\n0\t3\t4\tA b .\t"C\u2028d\n',
        encoding="utf-8-sig",
    )
    rows = read("glue_mrpc", {"train": path, "test": path})["train"]
    assert list(rows["text"]) == ['" He said .', "A b ."]
    assert list(rows["text_pair"]) == ['He said " it " .', '"C\u2028d']
    names = rows.features["label"].names
    assert [names[label] for label in rows["label"]] == ["equivalent", "not_equivalent"]


def test_cola_has_no_header(tmp_path: Path) -> None:
    path = put(tmp_path, "gj04\t1\t\tFirst row.\ngj04\t0\t*\tSecond row a.\n")
    rows = read("glue_cola", {"train": path, "test": path})["test"]
    assert list(rows["text"]) == ["First row.", "Second row a."] and list(rows["label"]) == [1, 0]
    assert rows.features["label"].names == ["unacceptable", "acceptable"]


def test_stsb_has_a_score_that_stays_a_float_through_to_the_batch(tmp_path: Path) -> None:
    head = "index\tsentence1\tsentence2\tscore\n"
    path = put(tmp_path, head + "0\tthe soup\tit was cold\t3.800\n1\tthe bus\tthe bus\t5.000\n")
    rows = read("glue_stsb", {"train": path, "test": path})["test"]
    assert list(rows["label"]) == pytest.approx([3.8, 5.0])
    tokenizer = small_world.tokenizer()
    tokens = data.tokenize(rows, tokenizer)
    (batch,) = data.make_loader(tokens, tokenizer, 2, shuffle=False)
    assert batch["labels"].dtype == torch.float32
    assert sorted(batch["labels"].tolist()) == pytest.approx([3.8, 5.0])


def test_rte_has_its_labels_in_words(tmp_path: Path) -> None:
    head = "index\tsentence1\tsentence2\tlabel\n"
    path = put(tmp_path, head + "0\ta\tb\tnot_entailment\n1\tc\td\tentailment\n")
    assert list(read("glue_rte", {"train": path, "test": path})["test"]["label"]) == [1, 0]


@pytest.mark.parametrize(
    "text, reason",
    [
        ("sentence\tlabel\na\t1\nb\t1\tx\n", "line 3: 3 columns, where the first line has 2"),
        ("sentence\tlabel\na\t-1\n", "'-1' is no label"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = put(tmp_path, text)
    with pytest.raises(ValueError, match=reason):
        read("glue_sst2", {"train": path, "test": path})


def test_validation_is_taken_from_train_and_is_always_the_same(tmp_path: Path) -> None:
    train = tmp_path / "train.tsv"
    train.write_text(
        "sentence\tlabel\n" + "".join(f"row {i} \t{i % 2}\n" for i in range(200)), encoding="utf-8"
    )
    test = put(tmp_path, "sentence\tlabel\nrow 0\t0\n")
    splits = read("glue_sst2", {"train": train, "test": test})
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 180, "validation": 20, "test": 1}
    ids = [number for rows in splits.values() for number in rows["id"]]
    assert sorted(ids) == list(range(201))
    held_out = list(splits["validation"]["id"])
    assert held_out != list(range(20)) and held_out == list(
        read("glue_sst2", {"train": train, "test": test})["validation"]["id"]
    )


def test_few_labels_and_the_rest_as_texts(tmp_path: Path) -> None:
    """Sentences keep their labels; texts copy none of them, none of the test, and no part of a validation sentence."""
    texts = [f"{'long ' * 10}sentence number {i} tail {i}" for i in range(1100)]
    texts += [*(f"tail {i}" for i in range(1100)), "A test sentence!", "alone"]
    train = tmp_path / "train.tsv"
    rows = (f"{text}\t{number % 2}\n" for number, text in enumerate(texts))
    train.write_text("sentence\tlabel\n" + "".join(rows), encoding="utf-8")
    paths = {"train": train, "test": put(tmp_path, "sentence\tlabel\na test sentence\t0\n")}
    splits, pool = read("sentiment", paths), read("unlabelled", paths)["train"]["text"][:]
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 500, "validation": 500, "test": 1}
    assert all(row["label"] == row["id"] % 2 and row["text"] == texts[row["id"]] for row in splits["train"])
    validation = splits["validation"]["text"][:]
    tails = {text[text.index("tail") :] for text in validation}
    assert not {*pool} & {*splits["train"]["text"], *validation, *tails, "A test sentence!"}
    assert "alone" in pool and sum(text.startswith("long") for text in pool) == 100


def test_two_texts_reach_the_model_as_two(tmp_path: Path) -> None:
    """A model that has token types is told which text a token is of, and the longer text is cut first."""
    from tokenizers.processors import TemplateProcessing

    tokenizer = small_world.tokenizer()
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    head = "index\tsentence1\tsentence2\tlabel\n"
    path = put(tmp_path, head + "0\tthe soup\tcold\tentailment\n1\tthe late bus was late\tbus\tentailment\n")
    rows = read("glue_rte", {"train": path, "test": path})["test"]
    tokens = data.tokenize(rows, tokenizer, max_length=7)
    assert tokens[0]["token_type_ids"] == [0, 0, 0, 0, 1, 1]
    assert tokens[1]["token_type_ids"] == [0, 0, 0, 0, 0, 1, 1]
    (batch,) = data.make_loader(tokens, tokenizer, 2, shuffle=False)
    assert batch["token_type_ids"].shape == batch["input_ids"].shape == (2, 7)


# The others


def test_completions_keep_their_blanks_and_new_lines(tmp_path: Path) -> None:
    row = {"context": "\nskicts =", "completion": " sticks"}
    with gzip.open(tmp_path / "a.jsonl.gz", "wt", encoding="utf-8") as handle:
        handle.write(json.dumps(row) + "\n")
    (tmp_path / "b.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    splits = read("word_scramble", {"one": tmp_path / "a.jsonl.gz", "two": tmp_path / "b.jsonl"})
    assert [splits[name][0] for name in ("one", "two")] == [
        {"id": i, "prompt": "\nskicts =", "completion": " sticks"} for i in range(2)
    ]


def test_an_answer_of_arithmetic_has_no_decimals(tmp_path: Path) -> None:
    found = [{"sQuestion": " How many? ", "lSolutions": [39.0]}]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    assert read("arithmetic", {"test": path})["test"][0] == {"id": 0, "question": "How many?", "answer": "39"}
    path.write_text(json.dumps({"examples": [{"question": "Heads?", "answer": "yes"}]}), encoding="utf-8")
    assert read("coin_flip", {"test": path})["test"][0]["answer"] == "yes"


# The real ones


COUNTS = {
    "glue_cola": {"train": 7696, "validation": 855, "test": 1043},
    "glue_sst2": {"train": 66349, "validation": 1000, "test": 872},
    "glue_mrpc": {"train": 3301, "validation": 366, "test": 408},
    "glue_rte": {"train": 2241, "validation": 249, "test": 277},
    "glue_stsb": {"train": 5175, "validation": 574, "test": 1500},
    "addition": {"test": 2000},
    "arithmetic": {"test": 600},
    "coin_flip": {"test": 500},
    "instruction_seeds": {"train": 175, "test": 252},
    "chat_questions": {"test": 80},
}


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_TRACK", "real")
    monkeypatch.setenv("COURSE_MIRROR", str(small_world.MIRROR))
    monkeypatch.setattr(fetching, "_fetched", {})


@small_world.needs_mirror
@pytest.mark.usefixtures("real")
@pytest.mark.parametrize("role", sorted(COUNTS))
def test_the_published_rows_are_all_there(role: str) -> None:
    splits = data.load(role)
    assert {name: len(rows) for name, rows in splits.items()} == COUNTS[role]
    assert "mirror" in assets.summary()
    for rows in splits.values():
        texts = [
            name for name in rows.column_names if rows.features[name].dtype == "string" and name != "input"
        ]
        assert all(text for name in texts for text in rows[name])


@small_world.needs_mirror
@pytest.mark.usefixtures("real")
def test_the_published_word_tasks_and_texts() -> None:
    words = data.load("word_scramble")
    assert len(words) == 5 and {len(rows) for rows in words.values()} == {10_000}
    assert words["reversed_words"][0]["completion"] == " defeat"
    for language in ("javanese", "minangkabau", "sundanese"):
        rows = data.load(f"paragraphs_{language}")
        assert len(rows["train"]) > 1900 and min(rows["train"]["id"]) == 100_000
    pairs = data.load("translation_javanese")
    assert set(pairs) == {"train", "validation", "test"} and all(
        len(pair) == 1 for pair in pairs["test"]["targets"]
    )
