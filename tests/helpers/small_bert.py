"""What the tests of LoRA, (IA)³ and adapters share: a tiny shape, a padded batch, and how to see what has changed."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from transformers import BertConfig

HEAD = {"classifier.weight", "classifier.bias"}


def config(**options: Any) -> BertConfig:
    """Two layers, 16 wide, three classes."""
    return BertConfig(
        vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=16, **{"num_labels": 3} | options,
    )  # fmt: skip


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    """Five rows of seven tokens, two of them padded."""
    generator = torch.Generator().manual_seed(1)
    mask = torch.ones(5, 7, dtype=torch.long)
    mask[0, 4:] = mask[3, 2:] = 0
    return {"input_ids": torch.randint(40, (5, 7), generator=generator), "attention_mask": mask}


@torch.no_grad()
def logits(model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The model's logits in eval mode."""
    return model.eval()(**batch).logits


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of all weights, by name."""
    return copy.deepcopy(model.state_dict())


def moved(model: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    """The names of the weights that are no longer what they were."""
    return {name for name, value in weights(model).items() if not torch.equal(value, before[name])}


def refuses(load: Callable[[nn.Module, Any], Any], model: nn.Module, state: Any, message: str) -> None:
    """Assert that `load` does not put `state` into the model: it raises, and not one weight has changed."""
    before = weights(model)
    with pytest.raises(ValueError, match=message):
        load(model, state)
    assert moved(model, before) == set()
