"""The exercise on linear attention."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    HAS_GRADIENT,
    Arguments,
    Exercise,
    Function,
    Observations,
    observe_tensors,
)
from course_utils.methods import linear_attention

PAIRS = "a number for each pair of positions"
# (dims in front, length, dim, value_dim). In the last one the length is far larger than all else: there a matrix of
# length times length stands out. A length that differs from both dims tells a wrong product by its shape; one
# that is the same does not.
_SIZES: tuple[tuple[tuple[int, ...], int, int, int], ...] = (
    ((), 2, 3, 1),
    ((), 3, 2, 4),
    ((2,), 4, 4, 4),
    ((2, 3), 5, 3, 2),
    ((1, 2), 1, 3, 3),
    ((), 24, 2, 2),
)


def _cases(generator: Generator) -> list[Arguments]:
    return [
        {
            name: torch.randn(*front, length, size, generator=generator)
            for name, size in (("query", dim), ("key", dim), ("value", value_dim))
        }
        for front, length, dim, value_dim in _SIZES
    ]


class _Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that is made."""

    size = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.size = max(
            [self.size, *(part.numel() for part in tree_leaves(made) if isinstance(part, Tensor))]
        )
        return made


def _observe(function: Function, arguments: Arguments) -> Observations:
    seen = observe_tensors(function, arguments)
    length, dim, value_dim = len(arguments["key"]), arguments["key"].shape[-1], arguments["value"].shape[-1]
    if arguments["key"].dim() == 2 and length > 4 * dim * value_dim:
        with _Largest() as largest:
            function(*(tensor.clone() for tensor in arguments.values()))
        seen[PAIRS] = largest.size >= length**2
    return seen


_ALL_PAIRS = (
    "the numbers are right, but on the way there is one for each pair of positions, length times length, which is "
    "what linear attention avoids. Take the other order: keys meet values first."
)
LINEAR_ATTENTION = Exercise(
    reference=linear_attention.linear_attention,
    cases=_cases,
    observe=_observe,
    mistakes=edits(
        linear_attention.linear_attention,
        {"query @ summary / normalizer": "(query @ key.transpose(-1, -2)) / normalizer @ value"},
        _ALL_PAIRS,
        {"(query)": "(query / query.shape[-1] ** 0.5)"},
        "the query is divided by the root of the dim first. That belongs to softmax attention; here it is left out.",
        {
            "query @ summary / normalizer": "query @ ((key / key.sum(dim=-2, keepdim=True)).transpose(-1, -2) @ value)"
        },
        "each feature of the keys is divided by its own sum. What is divided is the row of a query: by the product "
        "of that query and the sum of the keys.",
        {
            "feature_map(query), feature_map(key)": "query.softmax(dim=-1), key.softmax(dim=-2)",
            " / normalizer": "",
        },
        "that is another linear attention, with a softmax of the query over the dim and of the key over the "
        "length. Use feature_map, and divide by the sum.",
        {"feature_map": ""},
        "the feature map is missing, so a weight may be below 0, and the sum it is divided by near 0. "
        "feature_map(query) and feature_map(key) come first.",
        {"feature_map(query)": "query"},
        "the query is used as it is. The feature map belongs to query and key.",
        {"feature_map(key)": "key"},
        "the key is used as it is. The feature map belongs to query and key.",
        {"@ value": "@ feature_map(value)"},
        "the values went through the feature map too. Only query and key do.",
        {" / normalizer": ""},
        "the weights of a row do not sum to 1: divide by feature_map(query) times the sum of feature_map(key) "
        "over the length.",
        {"/ normalizer": "/ query.shape[-2]"},
        "the result is divided by the length. Divide each row by its own sum: feature_map(query) times the sum "
        "of feature_map(key).",
        {"feature_map": "F.elu"},
        "that is elu without the + 1, and may be below 0. feature_map(x) adds it.",
        {"feature_map": "F.relu"},
        "that is another feature map, ReLU, which can make a whole row 0. Use feature_map.",
        {"(query)": "(query / query.shape[-1] ** 0.5)", "(key)": "(key / query.shape[-1] ** 0.5)"},
        "query and key are divided by the root of the dim first. That belongs to softmax attention; here it is "
        "left out.",
        {"key.sum(": "key.mean("},
        "the row is divided by the mean of the keys. Take their sum over the length.",
        linear_attention.causal_linear_attention,
        "a query sees the keys up to its own only. Here it sees all of them.",
        F.scaled_dot_product_attention,
        "that is attention with a softmax, whose cost grows with the square of the length. Replace the softmax "
        "by the feature map, and take the other order.",
        {"query @ summary / normalizer": "(query @ key.transpose(-1, -2)).softmax(dim=-1) @ value"},
        "there is still a softmax over all pairs. The feature map stands in its place.",
        {"feature_map": "torch.exp"},
        "that is another feature map, exp. feature_map is elu(x) + 1.",
        {"/ normalizer": "/ key.sum(dim=-1, keepdim=True)"},
        "the sum runs over the dim of the keys. It runs over the length, dim=-2, and meets the query.",
        {"/ normalizer": "/ query.sum(dim=-1, keepdim=True)"},
        "the row is divided by the sum of its query. The keys belong in it too: feature_map(query) times their sum.",
    ),
    advice={
        PAIRS: _ALL_PAIRS,
        HAS_GRADIENT: "no gradient can flow back through the result. Something cut it: .detach(), torch.no_grad().",
        "shape": "one row for each query: (..., length, value_dim). Keys and values meet first: (dim, value_dim). "
        "And a row is divided by one number: feature_map(query) times the sum of feature_map(key) over the length.",
        "value": "the usual order gives the same: all products of feature_map(query) and feature_map(key), each row "
        "divided by its sum, times value. Compare with that.",
        "RuntimeError": "shapes that do not go together. feature_map(key) is (..., length, dim): turn it with "
        ".transpose(-1, -2), so that it meets value, (..., length, value_dim), over the length. Its sum runs over "
        "the length too, dim=-2, and then meets the query over the dim.",
        "IndexError": "there may be any number of dims before the last two: count from the end, .transpose(-1, -2) and "
        "dim=-2.",
        "gradient of query": "the value is right, the gradient of the query is not: something was detached.",
        "gradient of key": "the value is right, the gradient of the key is not: something was detached.",
        "gradient of value": "the value is right, the gradient of the value is not: something was detached.",
        "nan": "there is a NaN or an infinity: a row was divided by 0. With feature_map every weight is above 0.",
    },
)
