"""Zero-shot chain of thought: what the model is asked, how its number is read, and classes that are asked as words."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import any_model
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Value
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

from course_utils import training
from course_utils.data.files import DataError
from course_utils.models import label_words, language_models, reasoning


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("39 apples, of 50", "39"),
        ("1,200.", "1200"),
        ("$3.50 each", "3.50"),
        ("about -7.", "-7"),
        ("none at all", ""),
    ],
)
def test_the_first_number_counts_without_commas_and_full_stop(text: str, number: str) -> None:
    assert reasoning.first_number(text) == number


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """A model that writes "so 3 and 4" to the first prompt and "7." when asked for the number; what it was asked."""
    seen: list[tuple[str, int]] = []

    def write(_: Any, __: Any, prompts: Sequence[str], max_new_tokens: int, batch_size: int) -> list[str]:
        seen.extend((prompt, max_new_tokens) for prompt in prompts)
        return ["7." if "numerals" in prompt else "so 3 and 4" for prompt in prompts]

    monkeypatch.setattr(language_models, "write", write)
    return seen


def test_a_template_is_put_in_two_steps(asked: list[tuple[str, int]]) -> None:
    (solution,) = reasoning.solve(None, None, ["3 + 4?"], "Let's think", write_tokens=5)  # type: ignore[arg-type]
    first = "Q: 3 + 4?\nA: Let's think"
    second = f"{first} so 3 and 4\nTherefore, the answer (arabic numerals) is"
    assert asked == [(first, 5), (second, 32)]
    assert solution.number == "7" and solution.text == f"{second} 7."[len("Q: 3 + 4?\nA: ") :]


def test_without_a_template_the_number_is_asked_for_at_once(asked: list[tuple[str, int]]) -> None:
    solutions = reasoning.solve(None, None, ["3 + 4?", "1 + 1?"], None)  # type: ignore[arg-type]
    assert asked == [(f"Q: {q}\nA: The answer (arabic numerals) is", 32) for q in ("3 + 4?", "1 + 1?")]
    assert reasoning.share_right(solutions, ["7", "2"]) == 0.5


# Label words


def test_sixteen_wordings_ask_the_same_and_end_where_a_word_must_follow() -> None:
    assert len(set(label_words.SENTIMENT)) == 16
    for wording in label_words.SENTIMENT:
        (text,) = label_words.put_into(wording, ["a {strange} text"])
        assert "a {strange} text" in text and not text[-1].isspace()


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """Bytes alone."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(BPE(vocab={letter: i for i, letter in enumerate(["<pad>", *letters])}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="<pad>")


def moods() -> Dataset:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["bad", "good"])})
    return Dataset.from_dict({"text": ["well", "oh dear", "so so"], "label": [1, 0, 0]}, features=features)


def model() -> Any:
    return any_model.tiny("Llama", language=True, vocab_size=260)


def test_right_says_for_each_row_whether_its_label_is_the_likeliest(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    rows, lm = moods(), model()
    found = label_words.right(lm, tokenizer, rows, "{}:")
    likeliest = language_models.choose(lm, tokenizer, ["well:", "oh dear:", "so so:"], [" bad", " good"])
    assert found.tolist() == [float(a == b) for a, b in zip(likeliest.tolist(), [1, 0, 0], strict=True)]
    flipped = rows.map(lambda row: {"label": 1 - row["label"]})
    assert label_words.right(lm, tokenizer, flipped, "{}:").tolist() == [
        1 - value for value in found.tolist()
    ]


def test_the_loss_reads_the_answers_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    """From logits at every token it is the loss of a model that gives them at the answers alone."""
    lm = model()
    (batch,) = label_words.make_loader(moods(), tokenizer, "{}:", batch_size=3)
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    few = training.gold_loss(lm(**inputs, logits_to_keep=batch["logits_to_keep"]), batch)
    loss = label_words.answer_loss(lm(**inputs), batch)
    torch.testing.assert_close(loss, few)
    assert (batch["labels"] != -100).sum() == len(" good") + 2 * len(" bad")
    other = SimpleNamespace(logits=lm(**inputs).logits.roll(1, dims=1))
    assert not torch.isclose(label_words.answer_loss(other, batch), loss)


def test_a_wording_without_a_place_and_rows_without_classes_are_refused(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    with pytest.raises(ValueError, match="every text would get the same prompt"):
        label_words.put_into("Review: {text}", ["well"])
    withheld = moods().map(lambda row, i: {"label": -1 if i else 1}, with_indices=True)
    for use in (
        lambda rows: label_words.make_loader(rows, tokenizer, "{}:", 2),  # -1 would be the last class
        lambda rows: label_words.right(model(), tokenizer, rows, "{}:"),
    ):
        with pytest.raises(DataError, match="Row 1 of column 'label' is -1"):
            use(withheld)
        with pytest.raises(DataError, match="no column 'label' whose classes have names"):
            use(moods().cast_column("label", Value("int64")))
