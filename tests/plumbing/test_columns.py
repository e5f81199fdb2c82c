"""A dataset that somebody else made, on its way into batches: used as it is meant, or refused by column and row."""

from typing import Any

import pytest
import small_world
import torch
from datasets import ClassLabel, Dataset, Features, List, Value
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from course_utils import data
from course_utils.data import conversations, pairs, word_puzzles

TEXTS = ["the soup was cold", "we liked it"]


def bare(**more: str) -> PreTrainedTokenizerFast:
    """A tokenizer like GPT-2's: no special tokens around a text, and no pad token of its own."""
    backend = Tokenizer(models.WordLevel({"<unk>": 0, "<eos>": 1, "a": 2, "b": 3}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", eos_token="<eos>", **more)


def labels_of(**columns: list[Any]) -> list[int]:
    rows = data.tokenize(Dataset.from_dict({"text": TEXTS} | columns), small_world.tokenizer())
    batch = next(iter(data.make_loader(rows, small_world.tokenizer(), 2, shuffle=False)))
    assert batch["labels"].dtype == torch.int64
    return [label for _, label in sorted(zip(batch["id"].tolist(), batch["labels"].tolist(), strict=True))]


@pytest.mark.parametrize(
    "columns",
    [
        {"label": [1, 0], "id": [3, 7]},
        {"label": [1, 0]},
        {"labels": [1, 0]},
        {"label": [1.0, 0.0]},
        {"label": ["1", "0"]},
        {"label": [True, False]},
    ],
)
def test_labels_are_read_as_they_are_meant(columns: dict[str, Any]) -> None:
    assert labels_of(**columns) == [1, 0]


def test_rows_without_labels_say_so() -> None:
    assert labels_of() == labels_of(labels=[-100, -100]) == [data.NO_LABEL] * 2


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": [0.5, 0.0]}, r"Row 0 of column 'label' is 0.5. A class is a whole number"),
        ({"label": [1, -1]}, r"Row 1 of column 'label' is -1. .*withheld: drop those rows"),
        ({"label": [1, None]}, r"Row 1 of column 'label' is blank"),
        ({"labels": [1.0, float("nan")]}, r"Row 1 of column 'labels' is blank"),
        ({"label": ["good", "bad"]}, r"the word 'good'. class_encode_column"),
        ({"label": [[1, 0], [0, 1]]}, r"Row 0 of column 'label' is \[1, 0\]. One class a row"),
        ({"label": [1, 0], "labels": [0, 1]}, r"a column 'label' and a column 'labels'"),
        ({"text": ["a", None]}, r"Row 1 of column 'text' is None, and a text belongs there"),
        ({"text": [12, 13]}, r"Row 0 of column 'text' is 12"),
        ({"text": []}, r"holds no rows"),
        ({"id": ["a1", "a2"]}, r"Row 0 of column 'id' is 'a1'.*remove_columns"),
        ({"text_pair": ["a", None]}, r"Row 1 of column 'text_pair' is None"),
    ],
)
def test_what_is_no_text_no_class_and_no_id_is_refused(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(data.DataError, match=message):
        labels_of(**columns)


def test_a_column_of_another_name_is_missed_by_name() -> None:
    rows = Dataset.from_dict({"Text": TEXTS, "label": [0, 1]})
    with pytest.raises(data.DataError, match=r"no column 'text'. Did you mean 'Text'\?.*rename_column"):
        data.tokenize(rows, small_world.tokenizer())


def test_a_withheld_label_of_a_published_test_set_is_refused() -> None:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes"])})
    rows = Dataset.from_dict({"text": TEXTS, "label": [-1, -1]}, features=features)
    with pytest.raises(data.DataError, match="withheld"):
        data.tokenize(rows, small_world.tokenizer())


def test_a_column_of_float32_holds_scores() -> None:
    features = Features({"text": Value("string"), "label": Value("float32")})
    rows = data.tokenize(
        Dataset.from_dict({"text": TEXTS, "label": [3.75, 0.5]}, features=features), small_world.tokenizer()
    )
    batch = next(iter(data.make_loader(rows, small_world.tokenizer(), 2, shuffle=False)))
    assert batch["labels"].dtype == torch.float32 and set(batch["labels"].tolist()) == {3.75, 0.5}
    blank = Dataset.from_dict({"text": TEXTS, "label": [3.75, None]}, features=features)
    with pytest.raises(data.DataError, match="Row 1 of column 'label' is blank. Give the row a score"):
        data.tokenize(blank, small_world.tokenizer())


# Tokenizers, empty texts, empty datasets


def test_a_tokenizer_without_a_pad_token_is_told_which_setting_is_missing() -> None:
    rows = data.tokenize(Dataset.from_dict({"text": ["a b", "a"]}), bare())
    with pytest.raises(ValueError, match=r"no pad token.*tokenizer.pad_token = tokenizer.eos_token"):
        data.make_loader(rows, bare(), 2, shuffle=False)
    padding = bare(pad_token="<eos>")
    batch = next(iter(data.make_loader(rows, padding, 2, shuffle=False)))
    assert batch["attention_mask"].tolist() == [[1, 0], [1, 1]]


def test_an_empty_text_is_read_where_a_model_can_and_named_where_it_cannot() -> None:
    rows = Dataset.from_dict({"text": ["the soup", ""]})
    ids = data.tokenize(rows, small_world.tokenizer())["input_ids"][:]
    assert len(ids[1]) == 2  # [CLS] and [SEP]
    with pytest.raises(data.DataError, match="Row 1 of column 'text' has no token"):
        data.tokenize(rows, bare(pad_token="<eos>"))


def test_a_dataset_that_is_empty_or_not_tokenised_makes_no_loader() -> None:
    rows = data.tokenize(Dataset.from_dict({"text": TEXTS}), small_world.tokenizer())
    with pytest.raises(data.DataError, match="holds no rows"):
        data.make_loader(rows.select([]), small_world.tokenizer(), 2, shuffle=False)
    with pytest.raises(data.DataError, match="no column 'input_ids': tokenize it first"):
        data.make_loader(rows.remove_columns("input_ids"), small_world.tokenizer(), 2, shuffle=False)


def test_pairs_of_texts_keep_what_tells_them_apart() -> None:
    tokenizer, both = small_world.tokenizer(), small_world.tokenizer()
    both.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    both.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    rows = data.tokenize(
        Dataset.from_dict({"text": ["the soup", "we"], "text_pair": ["was cold", "liked"]}), both
    )
    expected = both("the soup", "was cold")
    assert rows[0]["input_ids"] == expected["input_ids"]
    assert rows[0]["token_type_ids"] == expected["token_type_ids"] == [0, 0, 0, 0, 1, 1, 1]
    batch = next(iter(data.make_loader(rows, both, 2, shuffle=False)))
    assert batch["token_type_ids"].shape == batch["input_ids"].shape
    assert "token_type_ids" not in data.tokenize(Dataset.from_dict({"text": TEXTS}), tokenizer).column_names


# Tags


def tagged(tokens: list[list[Any]], tags: list[list[Any]], names: list[str] | None = None) -> Dataset:
    feature = ClassLabel(names=names) if names else Value("int64")
    words = Value("string") if isinstance(tokens[0][0], str) else Value("int64")
    kind = Value("string") if isinstance(tags[0][0], str) else feature
    features = Features({"tokens": List(words), "ner_tags": List(kind)})
    return Dataset.from_dict({"tokens": tokens, "ner_tags": tags}, features=features)


@pytest.mark.parametrize(
    ("tokens", "tags", "message"),
    [
        ([["the", "soup"]], [[1]], "Row 0 has 2 words and 1 tags"),
        ([["the"], ["the", "soup"]], [[1], [1, 0, 0]], "Row 1 has 2 words and 3 tags"),
        ([["the"]], [["B-PER"]], "Row 0 of column 'ner_tags' holds 'B-PER'.*read_table"),
        ([["the"]], [[-1]], "Row 0 of column 'ner_tags' holds -1"),
        ([[3]], [[1]], "Row 0 of column 'tokens' holds 3"),
    ],
)
def test_words_and_tags_that_do_not_fit_are_refused(tokens: Any, tags: Any, message: str) -> None:
    with pytest.raises(data.DataError, match=message):
        data.tokenize_tags(tagged(tokens, tags), small_world.tokenizer())


def test_a_word_without_a_token_never_takes_a_names_tag_with_it() -> None:
    tokenizer, names = small_world.tokenizer(), ["B-PER", "O", "I-PER"]
    rows = data.tokenize_tags(tagged([["the", "\u3000", "soup"]], [[0, 1, 1]], names), tokenizer)
    assert [label for label in rows[0]["labels"] if label != data.NO_LABEL] == [0, 1]
    with pytest.raises(
        data.DataError, match=r"Row 0: the word '\\u3000' has a tag and, for this tokenizer, no"
    ):
        data.tokenize_tags(tagged([["\u3000", "soup"]], [[0, 2]], names), tokenizer)
    with pytest.raises(data.DataError, match=r"Row 0: the word '\\u3000' has a tag"):
        data.tokenize_tags(tagged([["soup", "\u3000"]], [[1, 0]], names), tokenizer)


def test_words_that_are_cut_off_are_not_lost_words() -> None:
    rows = data.tokenize_tags(
        tagged([["the", "soup", "was", "cold"]], [[0, 0, 0, 1]]), small_world.tokenizer(), 4
    )
    assert rows[0]["labels"] == [data.NO_LABEL, 0, 0, data.NO_LABEL]


# Pairs to translate, conversations, puzzles


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"source": ["the", None], "targets": [["a"], ["b"]]}, "Row 1 of column 'source' is None"),
        ({"source": ["the", "bus"], "targets": [["a"], []]}, r"Row 1 of column 'targets' is \[\]"),
        ({"source": ["the"], "targets": ["a"]}, "Row 0 of column 'targets' is 'a'"),
        ({"source": ["the"]}, "no column 'targets'"),
    ],
)
def test_pairs_that_cannot_be_learned_are_refused(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(data.DataError, match=message):
        pairs.make_loader(
            Dataset.from_dict(columns), small_world.tokenizer(), 2, start_token_id=1, shuffle=False
        )


def test_conversations_need_marks_and_words() -> None:
    texts = [conversations.as_text(["a"], ["b"])]
    with pytest.raises(data.DataError, match="no tokens <user> and <assistant>"):
        conversations.mark_ids(bare(pad_token="<eos>"))
    with pytest.raises(ValueError, match="no pad token"):
        conversations.make_loader(texts, bare(), 2, labels_of=lambda ids: ids[1:])
    with pytest.raises(data.DataError, match="Text 1 has fewer than two tokens"):
        conversations.make_loader(["a b", "a"], bare(pad_token="<eos>"), 2, labels_of=lambda ids: ids[1:])


def test_more_examples_than_there_are_words_are_refused() -> None:
    words = word_puzzles.Words([("bus", "bis"), ("soup", "sup")], ["late", "cold", "warm"])
    assert len(word_puzzles.questions(["copy"], 2, 2, None, words, 0)[0].examples) == 2
    with pytest.raises(ValueError, match="3 examples beside the query: 'copy' has only 3 words"):
        word_puzzles.questions(["copy"], 2, 3, None, words, 0)


def test_classes_without_names_and_batches_without_rows_are_refused() -> None:
    rows = Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]})
    with pytest.raises(data.DataError, match="class_encode_column"):
        data.few_of_each(rows, 1, seed=0)
    assert len(data.few_of_each(rows.class_encode_column("label"), 1, seed=0)) == 2
    with pytest.raises(ValueError, match="batch_size is 0"):
        data.LengthBatches([3, 4], 0, shuffle=True, seed=0)


def test_a_length_below_the_special_tokens_and_a_class_without_end_are_refused() -> None:
    rows = Dataset.from_dict({"text": ["a b"], "label": [0]})
    assert len(data.tokenize(rows, small_world.tokenizer(), 3)["input_ids"][0]) == 3
    with pytest.raises(data.DataError, match="max_length is 1"):
        data.tokenize(rows, small_world.tokenizer(), 1)
    with pytest.raises(data.DataError, match="Row 0 of column 'label' is inf"):
        data.tokenize(Dataset.from_dict({"text": ["a"], "label": [float("inf")]}), small_world.tokenizer())
