"""The exercise on linear attention."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.tasks import HAS_GRADIENT, Arguments, Exercise, Mistake, slips
from course_utils.methods import linear_attention

# (dims in front, length, dim, value_dim, dtype). A length that differs from both dims tells a wrong product by its
# shape; one that is the same does not.
_SIZES: tuple[tuple[tuple[int, ...], int, int, int, torch.dtype], ...] = (
    ((), 2, 3, 1, torch.float32),
    ((), 3, 2, 4, torch.float32),
    ((2,), 4, 4, 4, torch.float32),
    ((2, 3), 5, 3, 2, torch.float32),
    ((1, 2), 1, 3, 3, torch.float32),
)


def _cases(generator: Generator) -> list[Arguments]:
    cases: list[Arguments] = []
    for front, length, dim, value_dim, dtype in _SIZES:
        sizes = {"query": dim, "key": dim, "value": value_dim}
        cases.append(
            {
                name: torch.randn(*front, length, size, generator=generator).to(dtype)
                for name, size in sizes.items()
            }
        )
    return cases


def _loose(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    no_map: bool = False,
    no_query_map: bool = False,
    no_key_map: bool = False,
    value_too: bool = False,
    not_divided: bool = False,
    by_length: bool = False,
    plain_elu: bool = False,
    relu: bool = False,
    scaled: bool = False,
    mean_of_keys: bool = False,
) -> Tensor:
    def mapped(x: Tensor) -> Tensor:
        if scaled:
            x = x / query.shape[-1] ** 0.5
        return F.relu(x) if relu else F.elu(x) + (0 if plain_elu else 1)

    q = query if no_map or no_query_map else mapped(query)
    k = key if no_map or no_key_map else mapped(key)
    v = mapped(value) if value_too else value
    result = q @ (k.transpose(-1, -2) @ v)
    if not_divided:
        return result
    if by_length:
        return result / query.shape[-2]
    total = k.mean(dim=-2, keepdim=True) if mean_of_keys else k.sum(dim=-2, keepdim=True)
    return result / (q @ total.transpose(-1, -2))


def _causal(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return linear_attention.causal_linear_attention(query, key, value)


def _softmax(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value)


def _softmax_of_mapped(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    query, key = F.elu(query) + 1, F.elu(key) + 1
    return (query @ key.transpose(-1, -2)).softmax(dim=-1) @ value


def _sum_over_dim(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    query, key = F.elu(query) + 1, F.elu(key) + 1
    result = query @ (key.transpose(-1, -2) @ value)
    return result / key.sum(dim=-1, keepdim=True)


def _exponential(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    weights = query.exp() @ key.exp().transpose(-1, -2)
    return weights / weights.sum(dim=-1, keepdim=True) @ value


def _query_alone(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    query, key = F.elu(query) + 1, F.elu(key) + 1
    return query @ (key.transpose(-1, -2) @ value) / query.sum(dim=-1, keepdim=True)


LINEAR_ATTENTION = Exercise(
    reference=linear_attention.linear_attention,
    cases=_cases,
    mistakes=slips(
        _loose,
        {
            "no_map": "the feature map is missing, so a weight may be below 0, and the sum it is divided by near 0. "
            "feature_map(query) and feature_map(key) come first.",
            "no_query_map": "the query is used as it is. The feature map belongs to query and key.",
            "no_key_map": "the key is used as it is. The feature map belongs to query and key.",
            "value_too": "the values went through the feature map too. Only query and key do.",
            "not_divided": "the weights of a row do not sum to 1: divide by feature_map(query) times the sum of "
            "feature_map(key) over the length.",
            "by_length": "the result is divided by the length. Divide each row by its own sum: "
            "feature_map(query) times the "
            "sum of feature_map(key).",
            "plain_elu": "that is elu without the + 1, and may be below 0. feature_map(x) adds it.",
            "relu": "that is another feature map, ReLU, which can make a whole row 0. Use feature_map.",
            "scaled": "query and key are divided by the root of the dim first. That belongs to softmax "
            "attention; here it "
            "is left out.",
            "mean_of_keys": "the row is divided by the mean of the keys. Take their sum over the length.",
        },
        Mistake(_causal, "a query sees the keys up to its own only. Here it sees all of them."),
        Mistake(
            _softmax,
            "that is attention with a softmax, whose cost grows with the square of the length. Replace the "
            "softmax by the "
            "feature map, and take the other order.",
        ),
        Mistake(
            _softmax_of_mapped,
            "there is still a softmax over all pairs. The feature map stands in its place.",
        ),
        Mistake(
            _exponential,
            "that is another feature map, exp. feature_map is elu(x) + 1.",
        ),
        Mistake(
            _sum_over_dim,
            "the sum runs over the dim of the keys. It runs over the length, dim=-2, and meets the query.",
        ),
        Mistake(
            _query_alone,
            "the row is divided by the sum of its query. The keys belong in it too: feature_map(query) times "
            "their sum.",
        ),
    ),
    advice={
        HAS_GRADIENT: "no gradient can flow back through the result. Something cut it: .detach(), torch.no_grad().",
        "shape": "one row for each query: (..., length, value_dim). Keys and values meet first: (dim, value_dim). "
        "And a row is divided by one number: feature_map(query) times the sum of feature_map(key) over the length.",
        "value": "the usual order gives the same: all products of feature_map(query) and feature_map(key), each row "
        "divided by its sum, times value. Compare with that.",
        "RuntimeError": "shapes that do not go together. feature_map(key) is (..., length, dim): turn it with "
        ".transpose(-1, -2), so that it meets value, (..., length, value_dim), over the length. Its sum runs over the "
        "length too, dim=-2, and then meets the query over the dim.",
        "gradient of query": "the value is right, the gradient of the query is not: something was detached.",
        "gradient of key": "the value is right, the gradient of the key is not: something was detached.",
        "gradient of value": "the value is right, the gradient of the value is not: something was detached.",
        "nan": "there is a NaN or an infinity: a row was divided by 0. With feature_map every weight is above 0.",
    },
)
