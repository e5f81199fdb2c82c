"""Linear attention: without the softmax, the product can be taken in the other order.

Source: Katharopoulos, Vyas, Pappas and Fleuret (2020), "Transformers are RNNs: Fast Autoregressive Transformers with
Linear Attention", section 3.2 (equations 4 to 6), section 3.2.1 (the feature map) and section 3.4 (the recurrence).
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def feature_map(x: Tensor) -> Tensor:
    """elu(x) + 1: above 0 everywhere, so that the weights it makes are too (section 3.2.1, equation 7)."""
    return F.elu(x) + 1


def attention_with_all_pairs(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The same weights in the usual order: every query with every key first, length x length of them.

    query, key: (..., length, dim); value: (..., length, value_dim). Returns (..., length, value_dim).
    """
    weights = feature_map(query) @ feature_map(key).transpose(-1, -2)
    return weights / weights.sum(dim=-1, keepdim=True) @ value


def linear_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention whose cost grows with the length, not with its square: keys meet values first (equation 5).

    query, key: (..., length, dim); value: (..., length, value_dim). Returns (..., length, value_dim): with f the
    feature map, f(query) (f(key)^T value), each row divided by f(query) times the sum of f(key) over the length.
    Every query sees every key.
    """
    query, key = feature_map(query), feature_map(key)
    summary = key.transpose(-1, -2) @ value
    normalizer = query @ key.sum(dim=-2, keepdim=True).transpose(-1, -2)
    return query @ summary / normalizer


def causal_linear_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The same, where a query sees the keys up to its own: a recurrence (equations 16 to 20).

    Shapes as in `linear_attention`. The state, (..., dim, value_dim) and (..., dim), is all that is kept of the
    past: it does not grow with the length.
    """
    query = feature_map(query)
    key = feature_map(key)
    memory = torch.zeros_like(key[..., 0, :, None] * value[..., 0, None, :])
    total = torch.zeros_like(key[..., 0, :])
    outputs = []
    for position in range(query.shape[-2]):
        q = query[..., position, :]
        k = key[..., position, :]
        v = value[..., position, :]
        memory = memory + k[..., :, None] * v[..., None, :]
        total = total + k
        outputs.append((q[..., None, :] @ memory)[..., 0, :] / (q * total).sum(dim=-1, keepdim=True))
    return torch.stack(outputs, dim=-2)
