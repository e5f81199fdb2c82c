"""How much the bundled base of notebook 04 read in its own training: the notebook's costs rest on that number."""

import random
import sys

import pytest
from tokenizers import Tokenizer

from course_utils.models import chat
from course_utils.paths import DATA

sys.path.insert(0, str(DATA / "recipes"))  # the recipes are scripts beside each other, not a package

import instructions  # noqa: E402


def test_the_tokens_of_the_bases_training_are_those_of_its_recipe() -> None:
    """As its recipe draws documents: the label of each token but the last is the next one."""
    tokenizer = Tokenizer.from_file(str(DATA / "models" / "chat-base" / "tokenizer.json"))
    texts = [instructions.plain_text(random.Random(f"0/base/{n}")) + "<end>" for n in range(2_000)]
    read = sum(len(encoded.ids) - 1 for encoded in tokenizer.encode_batch(texts))
    card = (DATA / "models" / "chat-base" / "README.md").read_text(encoding="utf-8")
    assert "2,500 of 32 documents" in card
    assert 2_500 * 32 * read / len(texts) == pytest.approx(chat.BASE_TRAINING_TOKENS, rel=0.15)
