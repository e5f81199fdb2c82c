"""Inputs that the checks of this notebook share."""

from typing import Any

import torch
from torch import Generator, Tensor
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel

TEACHER_GRADIENT = "the gradient also reaches the teacher, who is not to learn: .detach() its tensor."
SHAPES = "shapes that do not go together. "
WHOLE_NUMBERS_AS_MASK = (
    "the mask holds whole numbers, and x[mask] takes them for places: 0 and 1, over and over. For a choice it must "
    "be true or false: x[mask.bool()]."
)


def student_gradient(what: str) -> str:
    """The hint where the value is right and the gradient of the student's tensor is not."""
    return f"the value is right, but the student could not learn from it: no .detach() on its {what}."


def draw(generator: Generator, *shape: int, dtype: torch.dtype) -> Tensor:
    """Drawn as float64, then rounded: the same numbers at every dtype."""
    return torch.randn(*shape, generator=generator, dtype=torch.float64).mul(2).to(dtype)


def mask_of(*lengths: int, longest: int) -> Tensor:
    """An attention mask: each row starts with so many ones, and the rest is padding."""
    return (torch.arange(longest) < torch.tensor(lengths)[:, None]).long()


def small_bert(generator: Generator, layers: int, width: int = 2) -> PreTrainedModel:
    """A BERT with a classifier on top, a few numbers each part."""
    config = BertConfig(
        vocab_size=3, hidden_size=width, num_hidden_layers=layers, num_attention_heads=2,
        intermediate_size=2, max_position_embeddings=4,
    )  # fmt: skip
    return filled(generator, BertForSequenceClassification, config)


def filled(generator: Generator, kind: type[PreTrainedModel], config: Any) -> PreTrainedModel:
    """A model whose numbers come from the generator: a check leaves the reader's seed alone."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        model = kind(config).eval()
        for parameter in model.parameters():
            parameter.copy_(draw(generator, *parameter.shape, dtype=torch.float32))
    return model


# (lengths of the sentences, length of the batch, dtype). One of them has no padding at all.
BATCHES: tuple[tuple[tuple[int, ...], int, torch.dtype], ...] = (
    ((3, 1), 3, torch.float32),
    ((2, 2), 2, torch.float64),
    ((4, 1, 2), 5, torch.float64),
    ((1,), 4, torch.float32),
)
