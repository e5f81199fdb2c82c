"""Answers to the exercises of notebook 07 as a reader might write them.

WRONG: for each exercise, the answers, or replacements in the reference, and a piece of the hint that each must get.
RIGHT: other ways to be right.
"""

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

# --- count_ia3_parameters ---


def count_matrices(hidden_size, intermediate_size, layers):
    return layers * (hidden_size * hidden_size * 2 + hidden_size * intermediate_size * 2)


def count_without_brackets(hidden_size, intermediate_size, layers):
    return 2 * hidden_size + intermediate_size * layers


def count_with_brackets_too_narrow(hidden_size, intermediate_size, layers):
    return layers * hidden_size * 2 + intermediate_size


def count_all_wide(hidden_size, intermediate_size, layers):
    return 3 * intermediate_size * layers


def count_one_vector(hidden_size, intermediate_size, layers):
    return layers * (hidden_size + intermediate_size)


def count_queries(hidden_size, intermediate_size, layers):
    return (3 * hidden_size + intermediate_size) * layers


def count_attention_only(hidden_size, intermediate_size, layers):
    return layers * 2 * hidden_size


def count_feedforward_twice(hidden_size, intermediate_size, layers):
    return 2 * layers * (hidden_size + intermediate_size)


def count_one_layer(hidden_size, intermediate_size, layers):
    return 2 * hidden_size + intermediate_size


def count_decimal(hidden_size, intermediate_size, layers):
    return layers * (hidden_size / 0.5 + intermediate_size)


def count_tensor(hidden_size, intermediate_size, layers):
    return torch.tensor(layers * (2 * hidden_size + intermediate_size))


def count_one_vector_of_one_layer(hidden_size, intermediate_size, layers):
    return hidden_size + intermediate_size


def count_with_head(hidden_size, intermediate_size, layers):
    return layers * (2 * hidden_size + intermediate_size) + 3 * hidden_size + 3


def count_square_and_wide(hidden_size, intermediate_size, layers):
    return layers * hidden_size * (2 * hidden_size + intermediate_size)


def count_four_times(hidden_size, intermediate_size, layers):
    return layers * (2 * hidden_size + 4 * hidden_size)


def count_four_vectors(hidden_size, intermediate_size, layers):
    return layers * (4 * hidden_size + intermediate_size)


def count_with_biases(hidden_size, intermediate_size, layers):
    return layers * (2 * (hidden_size + 1) + intermediate_size + 1)


def count_feedforward_only(hidden_size, intermediate_size, layers):
    return intermediate_size * layers


def count_by_numpy(hidden_size, intermediate_size, layers):
    return np.sum([hidden_size, hidden_size, intermediate_size]) * layers


def count_by_vectors(hidden_size, intermediate_size, layers):
    vectors = [torch.ones(hidden_size), torch.ones(hidden_size), torch.ones(intermediate_size)]
    return sum(vector.numel() for _ in range(layers) for vector in vectors)


def count_part_by_part(hidden_size, intermediate_size, layers):
    keys = values = hidden_size * layers
    return keys + values + layers * intermediate_size


# --- scaled_output ---


def output_bias_apart(x, weight, bias, scale):
    out = F.linear(x, weight) * scale
    return out if bias is None else out + bias


def output_unscaled(x, weight, bias, scale):
    return F.linear(x, weight, bias)


def output_added(x, weight, bias, scale):
    return F.linear(x, weight, bias) + scale


def output_one_plus(x, weight, bias, scale):
    return F.linear(x, weight, bias) * (1 + scale)


def output_divided(x, weight, bias, scale):
    return F.linear(x, weight, bias) / scale


def output_no_bias(x, weight, bias, scale):
    return F.linear(x, weight) * scale


def output_lying_weight(x, weight, bias, scale):
    out = x @ weight
    return (out if bias is None else out + bias) * scale


def output_adds_none(x, weight, bias, scale):
    return (x @ weight.T + bias) * scale


def output_asks_bias(x, weight, bias, scale):
    out = x @ weight.T
    if bias:
        out = out + bias
    return out * scale


def output_matrix_product(x, weight, bias, scale):
    return F.linear(x, weight, bias) @ scale


def output_on_the_input(x, weight, bias, scale):
    return F.linear(scale * x, weight, bias)


def output_flattened(x, weight, bias, scale):
    return F.linear(x.reshape(-1, x.shape[-1]), weight, bias) * scale


def output_as_columns(x, weight, bias, scale):
    return (weight @ x) * scale


def output_without_gradient(x, weight, bias, scale):
    with torch.no_grad():
        return F.linear(x, weight, bias) * scale


def output_base_without_gradient(x, weight, bias, scale):
    with torch.no_grad():
        out = F.linear(x, weight, bias)
    return out * scale


def output_scale_detached(x, weight, bias, scale):
    return F.linear(x, weight, bias) * scale.detach()


def output_in_place(x, weight, bias, scale):
    weight *= scale[:, None]
    return F.linear(x, weight, None if bias is None else bias * scale)


def output_two_things(x, weight, bias, scale):
    return F.linear(x, weight) * (scale + 1)


def output_nothing(x, weight, bias, scale):
    F.linear(x, weight, bias) * scale


def output_without_brackets(x, weight, bias, scale):
    return x @ weight.T * scale + bias


def output_asks_bias_and_forgets(x, weight, bias, scale):
    return F.linear(x, weight, bias) if bias else F.linear(x, weight)


def output_through_gelu(x, weight, bias, scale):
    return F.gelu(F.linear(x, weight, bias)) * scale


def output_new_layer(x, weight, bias, scale):
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, dtype=weight.dtype)
    layer.weight = nn.Parameter(weight)
    if bias is not None:
        layer.bias = nn.Parameter(bias)
    return layer(x) * scale


def output_in_place_of_its_own(x, weight, bias, scale):
    out = x @ weight.T
    if bias is not None:
        out += bias
    return out.mul(scale)


def output_folded(x, weight, bias, scale):
    return F.linear(x, weight * scale.unsqueeze(1), None if bias is None else scale * bias)


def output_by_diagonal(x, weight, bias, scale):
    return F.linear(x, weight, bias) @ torch.diag(scale)


def output_by_einsum(x, weight, bias, scale):
    out = torch.einsum("...i,oi,o->...o", x, weight, scale)
    return out if bias is None else out + bias * scale


# --- scaled_input ---


def input_bias_too(x, weight, bias, scale):
    return F.linear(x * scale, weight, None if bias is None else bias * scale)


def input_unscaled(x, weight, bias, scale):
    return F.linear(x, weight, bias)


def input_added(x, weight, bias, scale):
    return F.linear(x + scale, weight, bias)


def input_one_plus(x, weight, bias, scale):
    return F.linear(x + x * scale, weight, bias)


def input_divided(x, weight, bias, scale):
    return F.linear(x / scale, weight, bias)


def input_no_bias(x, weight, bias, scale):
    return (x * scale) @ weight.T


def input_lying_weight(x, weight, bias, scale):
    out = (x * scale) @ weight
    return out if bias is None else out + bias


def input_adds_none(x, weight, bias, scale):
    return (x * scale) @ weight.T + bias


def input_matrix_product(x, weight, bias, scale):
    return F.linear(x @ scale, weight, bias)


def input_on_the_output(x, weight, bias, scale):
    return F.linear(x, weight, bias) * scale


def input_scale_detached(x, weight, bias, scale):
    return F.linear(x * scale.data, weight, bias)


def input_x_detached(x, weight, bias, scale):
    return F.linear(x.detach() * scale, weight, bias)


def input_in_place(x, weight, bias, scale):
    x *= scale
    return F.linear(x, weight, bias)


def input_rows(x, weight, bias, scale):
    return F.linear(x * scale[:, None], weight, bias)


def input_two_things(x, weight, bias, scale):
    return F.linear(x + scale, weight)


def input_as_list(x, weight, bias, scale):
    return F.linear(x * scale, weight, bias).tolist()


def input_bias_scaled_if_there(x, weight, bias, scale):
    return F.linear(x * scale, weight, bias * scale)


def input_rows_of_weight(x, weight, bias, scale):
    return F.linear(x, weight * scale[:, None], bias)


def input_without_layer(x, weight, bias, scale):
    return x * scale


def input_twice(x, weight, bias, scale):
    return F.linear(x * scale, weight * scale, bias)


def input_by_einsum(x, weight, bias, scale):
    out = torch.einsum("...i,i,oi->...o", x, scale, weight)
    return out if bias is None else out + bias


def input_folded(x, weight, bias, scale):
    return F.linear(x, scale * weight, bias)


def input_by_diagonal(x, weight, bias, scale):
    out = x @ torch.diag(scale) @ weight.mT
    return out if bias is None else bias + out


def input_by_multiply(x, weight, bias, scale):
    return nn.functional.linear(torch.mul(scale, x), weight, bias)


# --- folded ---


def fold_bias_kept(weight, bias, scale, on_input=False):
    return (weight * (scale if on_input else scale[:, None])).to(weight.dtype), bias


def fold_bias_always(weight, bias, scale, on_input=False):
    new_weight = weight * scale if on_input else (weight * scale[:, None]).to(weight.dtype)
    return new_weight, None if bias is None else (bias * scale).to(weight.dtype)


def fold_always_rows(weight, bias, scale, on_input=False):
    new_bias = None if bias is None else (bias * scale).to(weight.dtype)
    return (scale[:, None] * weight).to(weight.dtype), new_bias


def fold_turned_round(weight, bias, scale, on_input=False):
    if not on_input:
        return (weight * scale).to(weight.dtype), bias
    return weight * scale[:, None], None if bias is None else bias * scale


def fold_divided(weight, bias, scale, on_input=False):
    if on_input:
        return weight / scale, bias
    return (weight / scale[:, None]).to(weight.dtype), None if bias is None else (bias / scale).to(bias.dtype)


def fold_added(weight, bias, scale, on_input=False):
    if on_input:
        return weight + scale, bias
    return (weight + scale[:, None]).to(weight.dtype), None if bias is None else (bias + scale).to(bias.dtype)


def fold_other_dtype(weight, bias, scale, on_input=False):
    if on_input:
        return weight * scale, bias
    return weight * scale[:, None], None if bias is None else bias * scale


def fold_zero_bias(weight, bias, scale, on_input=False):
    bias = torch.zeros(len(weight), dtype=weight.dtype) if bias is None else bias
    if on_input:
        return weight * scale, bias
    return (weight * scale[:, None]).to(weight.dtype), (bias * scale).to(weight.dtype)


def fold_exchanged(weight, bias, scale, on_input=False):
    if on_input:
        return bias, weight * scale
    return None if bias is None else (bias * scale).to(bias.dtype), (weight * scale[:, None]).to(weight.dtype)


def fold_always_columns(weight, bias, scale, on_input=False):
    return weight * scale, bias if bias is None or on_input else bias * scale


def fold_none_multiplied(weight, bias, scale, on_input=False):
    if on_input:
        return weight * scale, bias
    return (weight * scale[:, None]).to(weight.dtype), (bias * scale).to(weight.dtype)


def fold_in_place(weight, bias, scale, on_input=False):
    weight *= scale if on_input else scale[:, None]
    if bias is not None and not on_input:
        bias *= scale
    return weight, bias


def fold_weight_only(weight, bias, scale, on_input=False):
    return (weight * (scale if on_input else scale[:, None])).to(weight.dtype)


def fold_by_product(weight, bias, scale, on_input=False):
    new_weight = weight @ scale if on_input else scale.to(weight.dtype) @ weight
    return new_weight, bias


def fold_bias_squared(weight, bias, scale, on_input=False):
    if on_input:
        return weight * scale, bias
    new_bias = None if bias is None else (bias * scale * scale).to(bias.dtype)
    return (weight * scale[:, None]).to(weight.dtype), new_bias


def fold_bias_kept_and_dtype(weight, bias, scale, on_input=False):
    return weight * (scale if on_input else scale[:, None]), bias


def fold_one_plus(weight, bias, scale, on_input=False):
    if on_input:
        return weight * (1 + scale), bias
    new_bias = None if bias is None else (bias * (1 + scale)).to(bias.dtype)
    return (weight * (1 + scale)[:, None]).to(weight.dtype), new_bias


def fold_asks_bias(weight, bias, scale, on_input=False):
    if bias and not on_input:
        bias = bias * scale
    return weight * (scale if on_input else scale[:, None]), bias


def fold_in_a_copy(weight, bias, scale, on_input=False):
    weight, bias = weight.clone(), None if bias is None else bias.clone()
    weight *= scale if on_input else scale[:, None]
    if bias is not None and not on_input:
        bias *= scale
    return weight, bias


def fold_by_diagonal(weight, bias, scale, on_input=False):
    diagonal = torch.diag(scale)
    if on_input:
        return weight @ diagonal, bias
    bias = None if bias is None else (diagonal @ bias.to(scale.dtype)).to(bias.dtype)
    return (diagonal @ weight.to(scale.dtype)).to(weight.dtype), bias


def fold_transposed(weight, bias, scale, on_input=False):
    scale = scale.to(weight.dtype)
    if on_input:
        return [torch.einsum("oi,i->oi", weight, scale), bias]
    return [(weight.T * scale).T, bias * scale if bias is not None else None]


# --- pareto_front ---


def front_by_pandas(sizes, scores):
    table = pd.DataFrame({"size": sizes, "score": scores}).sort_values(
        ["size", "score"], ascending=[True, False]
    )
    return table.index[table["score"] > table["score"].cummax().shift(fill_value=float("-inf"))]


def front_by_pairs(sizes, scores):
    kept = [
        i
        for i, (size, score) in enumerate(zip(sizes, scores, strict=True))
        if not any(
            (other <= size and best > score) or (other < size and best >= score)
            for other, best in zip(sizes, scores, strict=True)
        )
    ]
    return sorted(kept, key=lambda i: sizes[i])


def front_by_numpy(sizes, scores):
    order = np.lexsort((-np.array(scores), np.array(sizes)))
    kept, best = [], -np.inf
    for i in order:
        if scores[i] > best:
            kept.append(i)
            best = scores[i]
    return kept


def front_by_torch(sizes, scores):
    return torch.tensor(front_by_pairs(sizes, scores))


def front_as_array(sizes, scores):
    return np.array(front_by_pairs(sizes, scores))


def front_from_the_best_down(sizes, scores):
    kept, places = [], list(range(len(sizes)))
    while places:
        best = max(places, key=lambda i: (scores[i], -sizes[i]))
        kept.insert(0, best)
        places = [i for i in places if sizes[i] < sizes[best]]
    return tuple(kept)


WRONG = {
    "ia3.count_ia3_parameters": [
        (count_matrices, "whole matrices"),
        (count_without_brackets, "for the keys and the values too"),
        (count_with_brackets_too_narrow, "for the feed-forward too"),
        (count_all_wide, "not intermediate_size"),
        (count_one_vector, "that is one vector of hidden_size"),
        (count_queries, "that is three vectors"),
        (count_attention_only, "inner activation is missing"),
        (count_feedforward_twice, "inner activation counts once"),
        (count_one_layer, "that is one layer"),
        (count_decimal, "a count is a whole number"),
        (count_tensor, "return a whole number (an int)"),
        (count_one_vector_of_one_layer, "Two things."),
        (count_with_head, "The head does not count"),
        (count_square_and_wide, "those are matrices, and"),
        (count_four_times, "need not be 4 * hidden_size"),
        (count_four_vectors, "that is four vectors"),
        (count_with_biases, "a factor has no bias"),
        (count_feedforward_only, "keys and values are missing"),
    ],
    "ia3.scaled_output": [
        (output_bias_apart, "added after the scaling"),
        (output_unscaled, "the scale is not used"),
        (output_added, "the scale is added"),
        (output_one_plus, "multiplies by 1 + scale"),
        (output_divided, "divides by the scale"),
        (output_no_bias, "the bias is missing"),
        (output_lying_weight, "that is x W."),
        (output_adds_none, "None cannot be added"),
        (output_asks_bias, "whether it is true"),
        (output_matrix_product, "sums over the features"),
        (output_on_the_input, "x is scaled, before the layer"),
        (output_flattened, "the scale changes no shape"),
        (output_as_columns, "shapes that do not go together"),
        (output_without_gradient, "no gradient can flow back"),
        (output_base_without_gradient, "the layers below would learn"),
        (output_scale_detached, "the scale would not learn what"),
        (output_in_place, "changes its inputs in place"),
        (output_two_things, "Two things."),
        (output_nothing, "returns None"),
        (output_without_brackets, "so brackets are missing"),
        (output_asks_bias_and_forgets, "Second: the scale is not used"),
        (output_through_gelu, "no activation"),
        (output_new_layer, "A new nn.Linear"),
    ],
    "ia3.scaled_input": [
        (input_bias_too, "the bias is scaled"),
        (input_unscaled, "the scale is not used"),
        (input_added, "the scale is added"),
        (input_one_plus, "multiplies by 1 + scale"),
        (input_divided, "divides by the scale"),
        (input_no_bias, "the bias is missing"),
        (input_lying_weight, "that is x W."),
        (input_adds_none, "None cannot be added"),
        (input_matrix_product, "sums over the features"),
        (input_on_the_output, "the output is scaled"),
        (input_scale_detached, "the scale would not learn what"),
        (input_x_detached, "the layers below would learn"),
        (input_in_place, "changes its inputs in place"),
        (input_rows, "shapes that do not go together"),
        (input_two_things, "Two things."),
        (input_as_list, "not the type to return"),
        (input_bias_scaled_if_there, "Only x is. Second"),
        (input_rows_of_weight, "the scale meets the rows of W"),
        (input_without_layer, "The layer is missing"),
        (input_twice, "x is scaled twice"),
    ],
    "ia3.folded": [
        (fold_bias_kept, "the bias is scaled too"),
        (fold_bias_always, "the bias stays as it is"),
        (fold_always_rows, "on_input is not used"),
        (fold_turned_round, "turned round"),
        (fold_divided, "divides by the scale"),
        (fold_added, "the scale is added"),
        (fold_other_dtype, "the dtype changed"),
        (fold_zero_bias, "stay no bias"),
        (fold_exchanged, "are exchanged"),
        (fold_always_columns, "multiplies columns, each time"),
        (fold_none_multiplied, "None cannot be multiplied"),
        (fold_in_place, "changes its inputs in place"),
        (fold_weight_only, "return two things"),
        (fold_by_product, "has the shape of W"),
        (fold_bias_squared, "and entry i of the bias too"),
        (fold_bias_kept_and_dtype, "Two things."),
        (fold_one_plus, "multiplies by 1 + scale"),
        (fold_asks_bias, "A Boolean: ask"),
    ],
    "ia3.pareto_front": [
        ({"return front": "return set(front)"}, "return a list of whole numbers"),
        ({"return": "scores.sort()\n    return"}, "changes its inputs in place"),
        ({"return": "front[0] = 0\n    return"}, "not the points of the front"),
        ({"> scores": ">= scores", ", -scores[i]": ""}, "Two things."),
    ],
}

RIGHT = {
    "ia3.count_ia3_parameters": [count_by_vectors, count_part_by_part, count_by_numpy],
    "ia3.scaled_output": [output_folded, output_by_diagonal, output_by_einsum, output_in_place_of_its_own],
    "ia3.scaled_input": [input_folded, input_by_diagonal, input_by_multiply, input_by_einsum],
    "ia3.folded": [fold_by_diagonal, fold_transposed, fold_in_a_copy],
    "ia3.pareto_front": [
        front_by_pairs,
        front_by_numpy,
        front_by_torch,
        front_as_array,
        front_by_pandas,
        front_from_the_best_down,
    ],
}
