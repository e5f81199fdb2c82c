"""Classes as words: a text is put into a wording, and the likeliest label after it is the model's answer."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerBase

from course_utils import training
from course_utils.data import answers
from course_utils.data.columns import label_names, labels_of
from course_utils.models import language_models
from course_utils.models.prefix_cache import device_of

SENTIMENT = (
    "Review: {}\nSentiment:",
    "{}\nSentiment:",
    "Text: {}\nSentiment:",
    "Sentence: {}\nLabel:",
    "{}\nIs this positive, negative or neutral? It is",
    'What is the sentiment of this sentence: "{}"\nThe sentiment is',
    "Is the following review positive, negative or neutral?\n{}\nAnswer:",
    "Classify the sentiment as positive, negative or neutral.\nText: {}\nSentiment:",
    "{}\nThe sentiment of this text is",
    "{}\nOverall, the opinion of the writer is",
    "{}\nThe tone of this review is",
    "{}\nThis review is",
    "How does the writer feel about it?\n{}\nThe feeling is",
    'Question: What is the sentiment of "{}"?\nAnswer:',
    "Q: Is this positive, negative or neutral? {}\nA:",
    "Please tell me the sentiment of this review.\n{}\nSentiment:",
)
"""Sixteen wordings of one question, written before any of them was tried."""


def put_into(wording: str, texts: Sequence[str]) -> list[str]:
    """Each text in the place of the wording's {}. Raises ValueError for a wording without it."""
    if "{}" not in wording:
        raise ValueError(f"The wording {wording!r} has no {{}}, so every text would get the same prompt.")
    return [wording.replace("{}", text) for text in texts]


def words(rows: Dataset) -> list[str]:
    """The names of the classes as they follow a prompt: " positive". Raises DataError where they have no names."""
    return [f" {name}" for name in label_names(rows)]


def right(
    model: nn.Module, tokenizer: PreTrainedTokenizerBase, rows: Dataset, wording: str, **how: Any
) -> Tensor:
    """For each row (text, label: a ClassLabel) 1.0 where its label is the likeliest word, else 0.0. (rows,).

    The mean is the accuracy. In the course's precision; `how` goes to `language_models.choose`, which raises. Raises
    DataError for a row without a label.
    """
    labels = torch.tensor(labels_of(rows)[0])
    with training.autocast(device_of(model)):
        chosen = language_models.choose(model, tokenizer, put_into(wording, rows["text"]), words(rows), **how)
    return (chosen == labels).float()


def make_loader(
    rows: Dataset, tokenizer: PreTrainedTokenizerBase, wording: str, batch_size: int, seed: int = 0
) -> DataLoader:
    """Shuffled batches of `answers.make_loader`, whose answers are the label words. Raises as `right`."""
    names = words(rows)
    replies = [names[label] for label in labels_of(rows)[0]]
    prompts = put_into(wording, rows["text"])
    return answers.make_loader(prompts, replies, tokenizer, batch_size, seed=seed)


def answer_loss(outputs: Any, batch: dict[str, Tensor]) -> Tensor:
    """Cross-entropy at the tokens of the answers, for a model that gives logits at every token.

    outputs.logits: (batch, length, vocabulary); batch: of `make_loader`.
    """
    at_answers = outputs.logits[:, batch["logits_to_keep"]]
    return training.gold_loss(SimpleNamespace(logits=at_answers), batch)
