"""A small Llama with random weights, reviews and problems for it: what notebook 10 asks of a published model."""

import json
from pathlib import Path
from typing import Any

import any_model
import pytest
import real_sections
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

from course_utils import data, models
from course_utils.models import language_models
from course_utils.runs import learned_prompts, templates

MOODS = ("negative", "neutral", "positive")


def loaded(role: str, language: str | None = None) -> DatasetDict:
    """Problems whose answers are 0 to 9; reviews whose last word is their mood."""
    if role == "arithmetic":
        problems = {
            "question": [f"{i} + 0?" for i in range(100)],
            "answer": [str(i % 10) for i in range(100)],
        }
        return DatasetDict({"test": Dataset.from_dict(problems)})
    features = Features({"text": Value("string"), "label": ClassLabel(names=list(MOODS))})
    splits = {}
    for split, size in {"train": 48, "validation": 24, "test": 100}.items():
        found = {"text": ["bad", "okay", "good"] * size, "label": [0, 1, 2] * size}
        splits[split] = Dataset.from_dict(found, features=features).select(range(size))
    return DatasetDict(splits)


def tokenizer() -> PreTrainedTokenizerFast:
    """Bytes, but for the labels, which are one token each."""
    words = [f"Ġ{mood}" for mood in MOODS]
    letters = ["<end>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    merges, vocabulary = [], {letter: i for i, letter in enumerate(letters)}
    for word in words:
        for end in range(2, len(word) + 1):
            if word[:end] not in vocabulary:
                merges.append((word[: end - 1], word[end - 1]))
                vocabulary[word[:end]] = len(vocabulary)
    made = Tokenizer(BPE(vocab=vocabulary, merges=merges))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>", pad_token="<end>")


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the section and its tables find a small model, and write their rows below `folder`."""
    small = {"vocab_size": len(tokenizer()), "max_position_embeddings": 512}
    real_sections.on_the_real_track(monkeypatch, folder, "10_prompts")
    monkeypatch.setattr(data, "load", loaded)
    monkeypatch.setattr(models, "load_tokenizer", lambda role: tokenizer())
    monkeypatch.setattr(
        models, "load_language_model", lambda role: any_model.tiny("Llama", language=True, **small)
    )
    for name, value in {
        "STEPS": 6,
        "SEEDS": range(2),
        "RATES": dict.fromkeys(learned_prompts.TOKENS, (0.01, 0.3)),
    }.items():
        monkeypatch.setattr(learned_prompts, name, value)
    monkeypatch.setattr(templates, "PROBLEMS", 2)


def fake_write(monkeypatch: pytest.MonkeyPatch, fail_at: str = "nothing") -> None:
    """A model that is right about 0 to 4 wherever a template says to think, and is broken off at one template."""

    def write(_: Any, __: Any, prompts: list[str], **how: Any) -> list[str]:
        if any(fail_at in prompt for prompt in prompts):
            raise KeyboardInterrupt
        numbers = [int(prompt.split()[1]) % 10 for prompt in prompts]
        return [
            f"{n if 'think' in prompt and n < 5 else 77}" for n, prompt in zip(numbers, prompts, strict=True)
        ]

    monkeypatch.setattr(language_models, "write", write)


def written(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"results/real/{name}.jsonl").read_text().splitlines()]
