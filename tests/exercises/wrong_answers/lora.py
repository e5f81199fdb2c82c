"""Answers to the exercises of notebook 11 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/lora`, since none of its mistakes fits: replacements in the
reference, or a function, and a piece of the advice. RIGHT: other ways to be right.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def init_gaussian(in_features, out_features, rank):
    return torch.normal(0, 0.02, (rank, in_features)), torch.zeros((out_features, rank))


def init_uniform(in_features, out_features, rank):
    lora_A = (torch.rand(rank, in_features) * 2 - 1) / in_features**0.5
    return [lora_A, torch.randn(rank, out_features).T * 0]


def init_by_layers(in_features, out_features, rank):
    down, up = nn.Linear(in_features, rank, bias=False), nn.Linear(rank, out_features, bias=False)
    nn.init.zeros_(up.weight)
    return down.weight.detach(), up.weight.data


def init_by_numpy(in_features, out_features, rank):
    lora_A = np.random.default_rng().normal(size=(rank, in_features)) / in_features**0.5
    return torch.tensor(lora_A, dtype=torch.float32), torch.zeros(out_features, rank)


def init_by_default(in_features, out_features, rank):
    return nn.init.kaiming_uniform_(torch.empty(rank, in_features)), torch.zeros(out_features, rank)


def init_orthogonal(in_features, out_features, rank):
    return nn.init.orthogonal_(torch.empty(rank, in_features)), torch.zeros(out_features, rank)


def scaling_by_power(rank, lora_alpha, rank_stabilized=False):
    return lora_alpha * rank ** (-0.5 if rank_stabilized else -1)


def scaling_by_numpy(rank, lora_alpha, rank_stabilized=False):
    if rank_stabilized:
        rank = np.sqrt(rank)
    return lora_alpha / rank


def scaling_by_branches(rank, lora_alpha, rank_stabilized=False):
    if not rank_stabilized:
        return float(lora_alpha / rank)
    return lora_alpha / rank * rank**0.5


def forward_by_product(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(x, weight + scaling * lora_B @ lora_A, bias)


def forward_by_einsum(x, weight, bias, lora_A, lora_B, scaling):
    out = torch.einsum("...i,oi->...o", x, weight)
    if bias is not None:
        out = out + bias
    return out + scaling * torch.einsum("...i,ri,or->...o", x, lora_A, lora_B)


def forward_scaling_first(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(F.linear(scaling * x, lora_A), lora_B, bias) + x @ weight.mT


def merge_as_parameter(weight, lora_A, lora_B, scaling):
    return nn.Parameter((weight + scaling * lora_B @ lora_A).to(weight.dtype))


def merge_without_gradient(weight, lora_A, lora_B, scaling):
    with torch.no_grad():
        merged = weight.clone()
        merged += (scaling * (lora_B @ lora_A)).type_as(weight)
        return merged


def merge_in_the_dtype_of_the_weight(weight, lora_A, lora_B, scaling):
    return torch.addmm(weight, lora_B.to(weight.dtype), lora_A.to(weight.dtype), alpha=scaling)


def count_by_entries(in_features, out_features, rank, layers):
    lora_A, lora_B = torch.zeros(rank, in_features), torch.zeros(out_features, rank)
    return (lora_A.numel() + lora_B.numel()) * layers


def count_by_numpy(in_features, out_features, rank, layers):
    return np.int64(layers) * rank * (in_features + out_features)


def count_in_a_loop(in_features, out_features, rank, layers):
    return sum(rank * side for _ in range(layers) for side in (in_features, out_features))


WRONG = {
    "lora.lora_init": [
        (
            {"lora_A, torch.zeros(": "(rank, in_features), ("},
            "return two tensors with entries",
        ),
        ({"empty(rank, in_features)": "empty(rank, rank)"}, "A should have the shape"),
    ],
    "lora.lora_scaling": [
        ({"return": "import torch\n    return torch.ones(()) *"}, "plain number (a float)"),
        (
            {"lora_alpha /": "1 / lora_alpha *", "(math.sqrt(rank) if rank_stabilized else rank)": "rank"},
            "Two things.",
        ),
    ],
    "lora.lora_forward": [
        ({"return": "x = x.reshape(-1, x.shape[-1])\n    return"}, "nothing has to be flattened"),
        (
            {"F.linear(F.linear(x, lora_A), lora_B)": "(lora_B @ (lora_A @ x))"},
            "shapes that do not go together",
        ),
        (
            {
                "return F.linear(x": "with torch.no_grad():\n        frozen = F.linear(x",
                " + s": "\n    return frozen + s",
            },
            "the layers below, on which x depends",
        ),
        ({"weight, bias": "weight.detach(), bias"}, "nobody could train W itself"),
        ({"lora_B": "lora_B.detach()"}, "B would not learn"),
        ({"return": "weight += scaling * (lora_B @ lora_A)\n    return"}, "changes its inputs in place"),
        ({", bias": "", "scaling * ": ""}, "Two things."),
    ],
    "lora.merged_weight": [
        ({"return weight +": "weight += 1\n    return weight +"}, "changes its inputs in place"),
        (
            {"weight + (scaling * (lora_B @ lora_A))": "torch.addmm(weight, lora_B, lora_A, alpha=scaling)"},
            "shapes or dtypes that do not go together",
        ),
        ({"scaling * ": "", ".to(weight.dtype)": ""}, "Two things."),
        ({"weight + (": "weight.T @ (weight + (", "weight.dtype)": "weight.dtype))"}, "has the shape of W"),
        ({"return weight": "return (weight", "dtype)": "dtype)).tolist()"}, "not the type to return"),
    ],
    "lora.count_lora_parameters": [
        ({"return": "return torch.tensor(1) *"}, "return a whole number (an int)"),
        (
            {"rank * (in_features + out_features)": "(rank * (in_features + out_features) + out_features)"},
            "the numbers are not",
        ),
    ],
}

RIGHT = {
    "lora.lora_init": [
        init_gaussian,
        init_uniform,
        init_by_layers,
        init_by_numpy,
        init_orthogonal,
        init_by_default,
    ],
    "lora.lora_scaling": [scaling_by_power, scaling_by_numpy, scaling_by_branches],
    "lora.lora_forward": [forward_by_product, forward_by_einsum, forward_scaling_first],
    "lora.merged_weight": [merge_as_parameter, merge_without_gradient, merge_in_the_dtype_of_the_weight],
    "lora.count_lora_parameters": [count_by_entries, count_in_a_loop, count_by_numpy],
}
