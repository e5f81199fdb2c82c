"""Exercise on prefix tuning: one matrix, cut into keys and values for every layer."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import (
    HAS_GRADIENT,
    Arguments,
    Exercise,
    Function,
    Mistake,
    Observations,
    observe_tensors,
    slips,
)
from course_utils.methods import prompts

# num_virtual_tokens, batch_size, layers, heads, numbers a head
_SIZES = ((1, 1, 1, 1, 2), (1, 1, 2, 1, 1), (2, 1, 1, 2, 2), (3, 2, 2, 2, 3), (2, 3, 4, 3, 2))


def _prefix_cases(generator: Generator) -> list[Arguments]:
    cases: list[Arguments] = []
    for number, batch_size, layers, heads, size in _SIZES:
        width = layers * 2 * heads * size
        prefix = torch.randperm(number * width, generator=generator).float().view(number, width)
        cases.append({"prefix": prefix, "batch_size": batch_size, "layers": layers, "heads": heads})
    return cases


def _observe_pairs(function: Function, arguments: Arguments) -> Observations:
    """The pairs as one tensor, (layers, 2, batch, heads, tokens, numbers a head), so that they can be compared. Such a
    tensor, a zip or a generator is as good an answer: it gives a pair for each layer."""
    return observe_tensors(lambda *given: _stacked(function(*given)), arguments)


def _stacked(pairs: Any) -> Any:
    if isinstance(pairs, Iterator):
        pairs = list(pairs)
    if not isinstance(pairs, list | tuple | Tensor) or len(pairs) == 0:
        return pairs
    if not all(isinstance(pair, list | tuple | Tensor) and len(pair) == 2 for pair in pairs):
        return pairs
    parts = [part for pair in pairs for part in pair]
    if not all(isinstance(part, Tensor) and part.shape == parts[0].shape for part in parts):
        return pairs
    return torch.stack(parts).unflatten(0, (len(pairs), 2))


def _loose_pairs(
    prefix: Tensor,
    batch_size: int,
    layers: int,
    heads: int,
    *,
    exchanged: bool = False,
    keys_first: bool = False,
    heads_last: bool = False,
    no_permute: bool = False,
    tokens_first: bool = False,
    one_row: bool = False,
    detached: bool = False,
    backwards: bool = False,
    one_layer: bool = False,
) -> list[tuple[Tensor, Tensor]]:
    number = len(prefix)
    given = prefix.detach() if detached else prefix
    if no_permute:
        parts = given.reshape(layers, 2, heads, number, -1)
    elif keys_first:
        parts = given.view(number, 2, layers, heads, -1).permute(2, 1, 3, 0, 4)
    elif heads_last:
        parts = given.view(number, layers, 2, -1, heads).permute(1, 2, 4, 0, 3)
    else:
        parts = given.view(number, layers, 2, heads, -1).permute(1, 2, 3, 0, 4)
    parts = parts.transpose(2, 3) if tokens_first else parts
    rows = parts.unsqueeze(2).repeat(1, 1, 1 if one_row else batch_size, 1, 1, 1)
    rows = rows.flip(0) if backwards else rows[:1].repeat(layers, 1, 1, 1, 1, 1) if one_layer else rows
    return [(value, key) if exchanged else (key, value) for key, value in rows]


KEYS_AND_VALUES = Exercise(
    reference=prompts.keys_and_values,
    cases=_prefix_cases,
    observe=_observe_pairs,
    mistakes=slips(
        _loose_pairs,
        {
            "exchanged": "keys and values are exchanged: the key comes first, in the row and in the pair.",
            "keys_first": "that takes the keys of all layers first, then the values. A row goes layer after layer: "
            "key, value, key, value.",
            "heads_last": "the numbers of a head are picked from all over. A key goes head after head: the heads come "
            "first in the view, then the numbers of each.",
            "no_permute": "the shape is right, the places are not: a view alone cuts rows apart. View as "
            "(tokens, layers, 2, heads, numbers), then permute.",
            "tokens_first": "the tokens stand before the heads. Attention wants (batch, heads, tokens, numbers).",
            "one_row": "there is one row only. Each of the batch_size rows needs the prefix: expand it.",
            "detached": "the value is right, but no gradient reaches the prefix: .detach(), .data or torch.no_grad() "
            "cut it, and the prefix could not learn.",
            "backwards": "the layers come in reverse order.",
            "one_layer": "each layer gets the keys and values of the first. Each has its own.",
        },
        Mistake(
            lambda prefix, batch_size, layers, heads: [
                (key, value)
                for key, value in prefix.view(len(prefix), layers, 2, heads, -1).permute(1, 2, 3, 0, 4)
            ],
            "the batch is missing: (batch_size, heads, tokens, numbers), the same for each row.",
        ),
    ),
    advice={
        HAS_GRADIENT: "no gradient can flow back through the result, so the prefix could not learn. Something cut it: "
        ".detach(), .data, .numpy(), torch.tensor(...) or torch.no_grad().",
        "type": "return a list with a pair (key, value) for each layer; all of one shape, "
        "(batch_size, heads, tokens, hidden / heads). (Above, the expected ones are stacked.)",
        "shape": "a list with a pair for each layer; each part is (batch_size, heads, tokens, hidden / heads). Above, "
        "all of them are stacked: (layers, 2, batch_size, heads, tokens, hidden / heads).",
        "value": "the shape is right, the places are not. First view each row as (layers, 2, heads, numbers), then "
        "bring the dims into order, and last of all spread them over the batch.",
        "RuntimeError": "the numbers do not fit the shape. A row holds layers * 2 * heads * (hidden / heads) numbers: "
        "view it as (tokens, layers, 2, heads, -1).",
    },
)
