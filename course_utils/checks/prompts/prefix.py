"""Exercise on prefix tuning: one matrix, cut into keys and values for every layer."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    HAS_GRADIENT,
    Arguments,
    Exercise,
    Function,
    Observations,
    observe_tensors,
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


KEYS_AND_VALUES = Exercise(
    reference=prompts.keys_and_values,
    cases=_prefix_cases,
    observe=_observe_pairs,
    mistakes=edits(
        prompts.keys_and_values,
        {
            "heads, -1).permute(1, 2, 3, 0, 4)": "-1).permute(1, 2, 0, 3).reshape(layers, 2, heads, len(prefix), -1)"
        },
        "a view of (heads, tokens, numbers) cuts the row anew, across tokens. View it as (tokens, heads, numbers), "
        "and then exchange the dims: transpose or permute.",
        {"(key, value)": "(key, key)"},
        "the keys are given twice. The value comes second.",
        {"(key, value)": "(value, key)"},
        "keys and values are exchanged: the key comes first, in the row and in the pair.",
        {"layers, 2": "2, layers", "1, 2, 3,": "2, 1, 3,"},
        "that takes the keys of all layers first, then the values. A row goes layer after layer: "
        "key, value, key, value.",
        {"heads, -1": "-1, heads", "3, 0, 4": "4, 0, 3"},
        "the numbers of a head are picked from all over. A key goes head after head: the heads come "
        "first in the view, then the numbers of each.",
        {"len(prefix), layers, 2, heads": "layers, 2, heads, len(prefix)", ".permute(1, 2, 3, 0, 4)": ""},
        "the shape is right, the places are not: a view alone cuts rows apart. View as "
        "(tokens, layers, 2, heads, numbers), then permute.",
        {"rows]": "rows.transpose(3, 4)]"},
        "the tokens stand before the heads. Attention wants (batch, heads, tokens, numbers).",
        {"batch_size": "1"},
        "there is one row only. Each of the batch_size rows needs the prefix: expand it.",
        {"prefix.view": "prefix.detach().view"},
        "the value is right, but no gradient reaches the prefix: .detach(), .data or torch.no_grad() "
        "cut it, and the prefix could not learn.",
        {"rows]": "rows.flip(0)]"},
        "the layers come in reverse order.",
        {"rows]": "rows[:1].expand(layers, -1, -1, -1, -1, -1)]"},
        "each layer gets the keys and values of the first. Each has its own.",
        {".unsqueeze(2).expand(-1, -1, batch_size, -1, -1, -1)": ""},
        "the batch is missing: (batch_size, heads, tokens, numbers), the same for each row.",
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
