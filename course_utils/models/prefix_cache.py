"""The prefix cache: what all texts begin with is computed once, and every batch goes on from its keys and values.

Serving engines do it for prompts that share a description and examples (Kwon et al. 2023, "Efficient Memory Management
for Large Language Model Serving with PagedAttention", section 4.4, "shared prefix"). It changes no score by more than
rounding, because a causal model computes the same keys and values for a token whatever follows it.
"""

import copy
import inspect
from collections.abc import Sequence

import torch
from torch import nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from course_utils.data.answers import Tokens


def takes(model: nn.Module, name: str) -> bool:
    """Whether the model's forward pass has an argument of this name, or hands on any."""
    parameters = inspect.signature(model.forward).parameters
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def device_of(model: nn.Module) -> torch.device:
    """Where the model's first parameter lies, and so where its inputs go."""
    return next(model.parameters()).device


def prefix_cache(
    model: nn.Module, ordered: Sequence[Tokens], most: int, sliding: bool
) -> DynamicCache | None:
    """The keys and values of what all of these sorted rows begin with, at most `most` tokens.

    None where that is nothing or there is one row, and for a model that cannot go on from it for a whole batch: one
    with a recurrent state, or one that puts a learned prompt in front of whatever it is given. sliding: whether layers
    may keep a window alone, which is right as long as no padding follows the prefix.
    """
    shared = _shared_length(ordered, most) if len(ordered) > 1 else 0
    if not shared or not takes(model, "past_key_values"):
        return None
    ids = torch.tensor([ordered[0][:shared]], device=device_of(model))
    last = {"logits_to_keep": 1} if takes(model, "logits_to_keep") else {}
    cache = getattr(model(input_ids=ids, use_cache=True, **last), "past_key_values", None)
    if not isinstance(cache, DynamicCache) or cache.get_seq_length() != shared:
        return None
    kinds = (DynamicLayer, DynamicSlidingWindowLayer) if sliding else (DynamicLayer,)
    return cache if all(type(layer) in kinds for layer in cache.layers) else None


def repeated(cache: DynamicCache, rows: int) -> DynamicCache:
    """A cache of its own for a batch: a forward pass puts the batch's keys and values after those that it holds."""
    own = copy.deepcopy(cache)
    own.batch_repeat_interleave(rows)
    return own


def _shared_length(ordered: Sequence[Tokens], most: int) -> int:
    """With how many tokens, at most `most`, all of these sorted rows begin: as the first and the last of them do."""
    pairs = zip(ordered[0], ordered[-1], strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other or place == most), most)
