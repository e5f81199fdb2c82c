"""Answers to the exercises of notebook 11 as a reader might write them.

WRONG: for each exercise, the answers and a piece of the hint that each must get. RIGHT: other ways to be
right.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# --- lora_init ---


def init_transposed(in_features, out_features, rank):
    return torch.randn(in_features, rank), torch.zeros(rank, out_features)


def init_exchanged(in_features, out_features, rank):
    return torch.zeros(out_features, rank), torch.randn(rank, in_features)


def init_both_random(in_features, out_features, rank):
    return torch.randn(rank, in_features) * 0.02, torch.randn(out_features, rank) * 0.02


def init_both_zero(in_features, out_features, rank):
    return torch.zeros(rank, in_features), torch.zeros(out_features, rank)


def init_other_way_round(in_features, out_features, rank):
    return torch.zeros(rank, in_features), torch.rand(out_features, rank)


def init_ones(in_features, out_features, rank):
    return torch.ones(rank, in_features), torch.zeros(out_features, rank)


def init_one_row(in_features, out_features, rank):
    return torch.randn(1, in_features).repeat(rank, 1), torch.full((out_features, rank), 0.0)


def init_outer_product(in_features, out_features, rank):
    return torch.outer(torch.randn(rank), torch.randn(in_features)), torch.zeros(out_features, rank)


def init_seeded(in_features, out_features, rank):
    torch.manual_seed(42)
    return torch.randn(rank, in_features), torch.zeros(out_features, rank)


def init_doubles(in_features, out_features, rank):
    return torch.from_numpy(np.random.randn(rank, in_features)), torch.from_numpy(
        np.zeros((out_features, rank))
    )


def init_parameters(in_features, out_features, rank):
    return nn.Parameter(torch.randn(rank, in_features)), nn.Parameter(torch.zeros(out_features, rank))


def init_huge(in_features, out_features, rank):
    return torch.randn(rank, in_features) * 1e6, torch.zeros(out_features, rank)


def init_shapes(in_features, out_features, rank):
    return (rank, in_features), (out_features, rank)


def init_square(in_features, out_features, rank):
    return torch.randn(rank, rank), torch.zeros(out_features, rank)


def init_standard(in_features, out_features, rank):
    return torch.randn(rank, in_features), torch.zeros(out_features, rank)


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


# --- lora_scaling ---


def scaling_inverted(rank, lora_alpha, rank_stabilized=False):
    return (math.sqrt(rank) if rank_stabilized else rank) / lora_alpha


def scaling_multiplied(rank, lora_alpha, rank_stabilized=False):
    return lora_alpha * (rank**0.5 if rank_stabilized else rank)


def scaling_alpha_only(rank, lora_alpha, rank_stabilized=False):
    return lora_alpha


def scaling_no_alpha(rank, lora_alpha, rank_stabilized=False):
    return 1 / (math.sqrt(rank) if rank_stabilized else rank)


def scaling_flag_ignored(rank, lora_alpha, rank_stabilized=False):
    return lora_alpha / rank


def scaling_always_root(rank, lora_alpha, rank_stabilized=False):
    return lora_alpha / math.sqrt(rank)


def scaling_flag_inverted(rank, lora_alpha, rank_stabilized=False):
    return lora_alpha / rank if rank_stabilized else lora_alpha / math.sqrt(rank)


def scaling_root_of_all(rank, lora_alpha, rank_stabilized=False):
    return math.sqrt(lora_alpha / rank) if rank_stabilized else lora_alpha / rank


def scaling_integer(rank, lora_alpha, rank_stabilized=False):
    return lora_alpha // math.sqrt(rank) if rank_stabilized else lora_alpha // rank


def scaling_half_rank(rank, lora_alpha, rank_stabilized=False):
    return lora_alpha / rank**1 / 2 if rank_stabilized else lora_alpha / rank


def scaling_tensor(rank, lora_alpha, rank_stabilized=False):
    return lora_alpha / torch.tensor(float(rank)) ** (0.5 if rank_stabilized else 1)


def scaling_inverted_and_flag_ignored(rank, lora_alpha, rank_stabilized=False):
    return rank / lora_alpha


def scaling_by_power(rank, lora_alpha, rank_stabilized=False):
    return lora_alpha * rank ** (-0.5 if rank_stabilized else -1)


def scaling_by_numpy(rank, lora_alpha, rank_stabilized=False):
    if rank_stabilized:
        rank = np.sqrt(rank)
    return lora_alpha / rank


# --- lora_forward ---


def forward_no_scaling(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(x, weight, bias) + x @ lora_A.T @ lora_B.T


def forward_scales_all(x, weight, bias, lora_A, lora_B, scaling):
    return scaling * (F.linear(x, weight, bias) + F.linear(F.linear(x, lora_A), lora_B))


def forward_scales_bias(x, weight, bias, lora_A, lora_B, scaling):
    update = F.linear(F.linear(x, lora_A), lora_B, bias)
    return F.linear(x, weight) + scaling * update


def forward_divided(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(x, weight, bias) + F.linear(F.linear(x, lora_A), lora_B) / scaling


def forward_no_bias(x, weight, bias, lora_A, lora_B, scaling):
    return x @ weight.T + scaling * (x @ lora_A.T @ lora_B.T)


def forward_bias_twice(x, weight, bias, lora_A, lora_B, scaling):
    out = F.linear(x, weight, bias) + scaling * (x @ lora_A.T @ lora_B.T)
    return out if bias is None else out + bias


def forward_without_update(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(x, weight, bias)


def forward_update_only(x, weight, bias, lora_A, lora_B, scaling):
    return scaling * F.linear(F.linear(x, lora_A), lora_B)


def forward_subtracted(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(x, weight, bias) - scaling * (x @ lora_A.T @ lora_B.T)


def forward_lying_weight(x, weight, bias, lora_A, lora_B, scaling):
    out = x @ weight + scaling * F.linear(F.linear(x, lora_A), lora_B)
    return out if bias is None else out + bias


def forward_lying_a(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(x, weight, bias) + scaling * F.linear(x @ lora_A, lora_B)


def forward_lying_b(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(x, weight, bias) + scaling * (x @ lora_A.T @ lora_B)


def forward_exchanged(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(x, weight, bias) + scaling * F.linear(F.linear(x, lora_B), lora_A)


def forward_lying_product(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(x, weight, bias) + scaling * (x @ (lora_B @ lora_A))


def forward_flattened(x, weight, bias, lora_A, lora_B, scaling):
    rows = x.reshape(-1, x.shape[-1])
    return F.linear(rows, weight, bias) + scaling * F.linear(F.linear(rows, lora_A), lora_B)


def forward_as_columns(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(x, weight, bias) + scaling * (lora_B @ (lora_A @ x))


def forward_asks_bias(x, weight, bias, lora_A, lora_B, scaling):
    out = x @ weight.T + scaling * (x @ lora_A.T @ lora_B.T)
    if bias:
        out = out + bias
    return out


def forward_adds_none(x, weight, bias, lora_A, lora_B, scaling):
    return x @ weight.T + bias + scaling * (x @ lora_A.T @ lora_B.T)


def forward_base_without_gradient(x, weight, bias, lora_A, lora_B, scaling):
    with torch.no_grad():
        frozen = F.linear(x, weight, bias)
    return frozen + scaling * F.linear(F.linear(x, lora_A), lora_B)


def forward_weight_detached(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(x, weight.detach(), bias) + scaling * (x @ lora_A.T @ lora_B.T)


def forward_b_detached(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(x, weight, bias) + scaling * (x @ lora_A.T @ lora_B.data.T)


def forward_in_place(x, weight, bias, lora_A, lora_B, scaling):
    weight += scaling * (lora_B @ lora_A)
    return F.linear(x, weight, bias)


def forward_two_things(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(x, weight) + x @ lora_A.T @ lora_B.T


def forward_by_product(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(x, weight + scaling * lora_B @ lora_A, bias)


def forward_by_einsum(x, weight, bias, lora_A, lora_B, scaling):
    out = torch.einsum("...i,oi->...o", x, weight)
    if bias is not None:
        out = out + bias
    return out + scaling * torch.einsum("...i,ri,or->...o", x, lora_A, lora_B)


def forward_scaling_first(x, weight, bias, lora_A, lora_B, scaling):
    return F.linear(F.linear(scaling * x, lora_A), lora_B, bias) + x @ weight.mT


# --- merged_weight ---


def merge_no_scaling(weight, lora_A, lora_B, scaling):
    return weight + (lora_B @ lora_A).to(weight.dtype)


def merge_scales_all(weight, lora_A, lora_B, scaling):
    return (scaling * (weight + lora_B @ lora_A)).to(weight.dtype)


def merge_divided(weight, lora_A, lora_B, scaling):
    return (weight + lora_B @ lora_A / scaling).to(weight.dtype)


def merge_subtracted(weight, lora_A, lora_B, scaling):
    return (weight - scaling * (lora_B @ lora_A)).to(weight.dtype)


def merge_update_only(weight, lora_A, lora_B, scaling):
    return (scaling * (lora_B @ lora_A)).to(weight.dtype)


def merge_exchanged(weight, lora_A, lora_B, scaling):
    return weight + scaling * (lora_A @ lora_B).to(weight.dtype)


def merge_transposed(weight, lora_A, lora_B, scaling):
    return weight + scaling * (lora_A.T @ lora_B.T).to(weight.dtype)


def merge_entrywise(weight, lora_A, lora_B, scaling):
    return weight + (scaling * lora_B * lora_A).to(weight.dtype)


def merge_other_dtype(weight, lora_A, lora_B, scaling):
    return weight + scaling * (lora_B @ lora_A)


def merge_in_place(weight, lora_A, lora_B, scaling):
    weight += scaling * (lora_B @ lora_A)
    return weight


def merge_addmm(weight, lora_A, lora_B, scaling):
    return torch.addmm(weight, lora_B, lora_A, alpha=scaling)


def merge_no_scaling_and_other_dtype(weight, lora_A, lora_B, scaling):
    return weight + lora_B @ lora_A


def merge_lying_weight(weight, lora_A, lora_B, scaling):
    return (weight.T @ (weight + scaling * (lora_B @ lora_A))).to(weight.dtype)


def merge_as_list(weight, lora_A, lora_B, scaling):
    return (weight + scaling * (lora_B @ lora_A)).tolist()


def merge_as_parameter(weight, lora_A, lora_B, scaling):
    return nn.Parameter((weight + scaling * lora_B @ lora_A).to(weight.dtype))


def merge_without_gradient(weight, lora_A, lora_B, scaling):
    with torch.no_grad():
        merged = weight.clone()
        merged += (scaling * (lora_B @ lora_A)).type_as(weight)
        return merged


def merge_in_the_dtype_of_the_weight(weight, lora_A, lora_B, scaling):
    return torch.addmm(weight, lora_B.to(weight.dtype), lora_A.to(weight.dtype), alpha=scaling)


# --- count_lora_parameters ---


def count_product(in_features, out_features, rank, layers):
    return in_features * out_features * rank * layers


def count_full(in_features, out_features, rank, layers):
    return in_features * out_features * layers


def count_only_a(in_features, out_features, rank, layers):
    return rank * in_features * layers


def count_only_b(in_features, out_features, rank, layers):
    return out_features * rank * layers


def count_one_layer(in_features, out_features, rank, layers):
    return rank * in_features + out_features * rank


def count_no_rank(in_features, out_features, rank, layers):
    return layers * (in_features + out_features)


def count_base_too(in_features, out_features, rank, layers):
    return layers * (in_features * out_features + rank * (in_features + out_features))


def count_middle_too(in_features, out_features, rank, layers):
    return layers * (in_features * rank + rank * rank + rank * out_features)


def count_doubled(in_features, out_features, rank, layers):
    return 2 * layers * rank * (in_features + out_features)


def count_a_twice(in_features, out_features, rank, layers):
    return 2 * rank * in_features * layers


def count_b_twice(in_features, out_features, rank, layers):
    return 2 * rank * out_features * layers


def count_decimal(in_features, out_features, rank, layers):
    return layers * rank * (in_features + out_features) / 1


def count_tensor(in_features, out_features, rank, layers):
    return torch.tensor(layers * rank * (in_features + out_features))


def count_with_biases(in_features, out_features, rank, layers):
    return layers * (rank * (in_features + out_features) + out_features)


def count_by_entries(in_features, out_features, rank, layers):
    lora_A, lora_B = torch.zeros(rank, in_features), torch.zeros(out_features, rank)
    return (lora_A.numel() + lora_B.numel()) * layers


def count_by_numpy(in_features, out_features, rank, layers):
    return np.int64(layers) * rank * (in_features + out_features)


def count_in_a_loop(in_features, out_features, rank, layers):
    return sum(rank * side for _ in range(layers) for side in (in_features, out_features))


WRONG = {
    "lora.lora_init": [
        (init_transposed, "lie on their side"),
        (init_exchanged, "A and B are exchanged"),
        (init_both_random, "B is not zero"),
        (init_both_zero, "both zero, and so they stay"),
        (init_other_way_round, "that would work too"),
        (init_ones, "rows of A are alike"),
        (init_outer_product, "multiples of other rows"),
        (init_seeded, "at random, without a seed"),
        (init_doubles, "make both float32"),
        (init_parameters, "return plain tensors"),
        (init_huge, "far too small or too large"),
        (init_standard, "too wide a range"),
        (init_shapes, "return two tensors with entries"),
        (init_square, "A should have the shape"),
    ],
    "lora.lora_scaling": [
        (scaling_inverted, "upside down"),
        (scaling_multiplied, "multiplied by the rank"),
        (scaling_alpha_only, "lora_alpha itself"),
        (scaling_no_alpha, "lora_alpha is not used"),
        (scaling_flag_ignored, "rank_stabilized is not used"),
        (scaling_always_root, "taken every time"),
        (scaling_flag_inverted, "turned round"),
        (scaling_root_of_all, "of the whole fraction"),
        (scaling_integer, "rounds down"),
        (scaling_half_rank, "** comes before /"),
        (scaling_tensor, "plain number (a float)"),
        (scaling_inverted_and_flag_ignored, "Two things."),
    ],
    "lora.lora_forward": [
        (forward_no_scaling, "the scaling is not used"),
        (forward_scales_all, "multiplies the frozen layer too"),
        (forward_scales_bias, "multiplies the bias too"),
        (forward_divided, "divided by the scaling"),
        (forward_no_bias, "the bias is missing"),
        (forward_bias_twice, "added twice"),
        (forward_without_update, "the frozen layer alone"),
        (forward_update_only, "the update alone"),
        (forward_subtracted, "the update is subtracted"),
        (forward_lying_weight, "that is x W."),
        (forward_lying_a, "A is not turned"),
        (forward_lying_b, "B is not turned"),
        (forward_exchanged, "B A is written A B"),
        (forward_lying_product, "B A lies on its side"),
        (forward_flattened, "nothing has to be flattened"),
        (forward_as_columns, "shapes that do not go together"),
        (forward_asks_bias, "whether it is true"),
        (forward_adds_none, "None cannot be added"),
        (forward_base_without_gradient, "the layers below, on which x depends"),
        (forward_weight_detached, "nobody could train W itself"),
        (forward_b_detached, "B would not learn"),
        (forward_in_place, "changes its inputs in place"),
        (forward_two_things, "Two things."),
    ],
    "lora.merged_weight": [
        (merge_no_scaling, "the scaling is not used"),
        (merge_scales_all, "multiplies W too"),
        (merge_divided, "divided by the scaling"),
        (merge_subtracted, "the update is subtracted"),
        (merge_update_only, "the update alone"),
        (merge_exchanged, "that is A B."),
        (merge_transposed, "lies on its side"),
        (merge_entrywise, "entry by entry"),
        (merge_other_dtype, "the dtype of the weight changed"),
        (merge_in_place, "changes its inputs in place"),
        (merge_addmm, "shapes or dtypes that do not go together"),
        (merge_no_scaling_and_other_dtype, "Two things."),
        (merge_lying_weight, "has the shape of W"),
        (merge_as_list, "not the type to return"),
    ],
    "lora.count_lora_parameters": [
        (count_product, "are multiplied"),
        (count_full, "what full fine-tuning trains"),
        (count_only_a, "counts A only"),
        (count_only_b, "counts B only"),
        (count_one_layer, "that is one layer"),
        (count_no_rank, "the rank is missing"),
        (count_base_too, "the weight itself"),
        (count_middle_too, "no matrix of rank * rank"),
        (count_doubled, "twice as many"),
        (count_a_twice, "B to be as large as A"),
        (count_b_twice, "A to be as large as B"),
        (count_decimal, "a count is a whole number"),
        (count_tensor, "return a whole number (an int)"),
        (count_with_biases, "the numbers are not"),
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
    "lora.lora_scaling": [scaling_by_power, scaling_by_numpy],
    "lora.lora_forward": [forward_by_product, forward_by_einsum, forward_scaling_first],
    "lora.merged_weight": [merge_as_parameter, merge_without_gradient, merge_in_the_dtype_of_the_weight],
    "lora.count_lora_parameters": [count_by_entries, count_in_a_loop, count_by_numpy],
}
