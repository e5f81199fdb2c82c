"""Answers to the exercises of notebook 12 as a reader might write them.

WRONG: for each exercise, the answers and a piece of the hint that each must get. RIGHT: other ways to be
right.
"""

import math

import pandas as pd
import torch
import torch.nn.functional as F

from course_utils.methods.linear_attention import feature_map
from course_utils.methods.quantization import quantize_rows

# --- choose ---


def choose_below(methods, at_most):
    fits = [name for name, row in methods.items() if all(row[key] < most for key, most in at_most.items())]
    return max(fits, key=lambda name: methods[name]["accuracy"]) if fits else None


def choose_not_above(methods, at_most):
    fits = [
        name for name, row in methods.items() if not any(row[key] > most for key, most in at_most.items())
    ]
    return max(fits, key=lambda name: methods[name]["accuracy"]) if fits else None


def choose_any(methods, at_most):
    fits = [
        name
        for name, row in methods.items()
        if not at_most or any(row[key] <= most for key, most in at_most.items())
    ]
    return max(fits, key=lambda name: methods[name]["accuracy"]) if fits else None


def choose_best(methods, at_most):
    return max(methods, key=lambda name: methods[name]["accuracy"])


def choose_accuracy(methods, at_most):
    best = None
    for row in methods.values():
        if all(row[key] <= most for key, most in at_most.items()) and (
            best is None or row["accuracy"] > best
        ):
            best = row["accuracy"]
    return best


def choose_first(methods, at_most):
    for name, row in methods.items():
        if all(row[key] <= most for key, most in at_most.items()):
            return name
    return None


def choose_smallest(methods, at_most):
    fits = [name for name, row in methods.items() if all(row[key] <= most for key, most in at_most.items())]
    return min(fits, key=lambda name: methods[name]["parameters"], default=None)


def choose_least(methods, at_most):
    fits = [name for name, row in methods.items() if all(row[key] <= most for key, most in at_most.items())]
    return min(fits, key=lambda name: methods[name]["accuracy"], default=None)


def choose_raises(methods, at_most):
    fits = {name: row for name, row in methods.items() if all(row[k] <= most for k, most in at_most.items())}
    return max(fits, key=lambda name: fits[name]["accuracy"])


def choose_list(methods, at_most):
    return [name for name, row in methods.items() if all(row[key] <= most for key, most in at_most.items())]


def choose_by_name(methods, at_most):
    fits = [name for name, row in methods.items() if all(row[key] <= most for key, most in at_most.items())]
    return max(fits, default=None)


def choose_last(methods, at_most):
    fits = [name for name, row in methods.items() if all(row[key] <= most for key, most in at_most.items())]
    return sorted(fits, key=lambda name: methods[name]["accuracy"])[-1]


def choose_in_a_frame(methods, at_most):
    frame, limits = pd.DataFrame.from_dict(methods, orient="index"), pd.Series(at_most, dtype=float)
    fits = frame[(frame[limits.index] <= limits).all(axis=1)]
    return None if fits.empty else fits["accuracy"].idxmax()


def choose_loop(methods, at_most):
    best, best_accuracy = None, -math.inf
    for name, row in methods.items():
        for key, most in at_most.items():
            if math.isnan(row[key]) or row[key] > most:
                break
        else:
            if row["accuracy"] > best_accuracy:
                best, best_accuracy = name, row["accuracy"]
    return best


def choose_sorted(methods, at_most):
    for name in sorted(methods, key=lambda name: -methods[name]["accuracy"]):
        if all(methods[name][key] <= at_most[key] for key in at_most):
            return name


# --- route ---


def route_all_then_cut(router_logits, top_k):
    weights = router_logits.softmax(-1)
    kept, places = weights.topk(top_k, dim=-1)
    return torch.zeros_like(weights).scatter(-1, places, kept)


def route_zeros(router_logits, top_k):
    kept, places = router_logits.topk(top_k, dim=-1)
    return torch.zeros_like(router_logits).scatter(-1, places, kept).softmax(dim=-1)


def route_softmax(router_logits, top_k):
    return F.softmax(router_logits, dim=-1)


def route_short(router_logits, top_k):
    return torch.topk(router_logits, top_k).values.softmax(-1)


def route_topk(router_logits, top_k):
    return router_logits.topk(top_k)


def route_logits(router_logits, top_k):
    kept, places = router_logits.topk(top_k, dim=-1)
    return torch.zeros_like(router_logits).scatter(-1, places, kept)


def route_equal(router_logits, top_k):
    places = router_logits.topk(top_k, dim=-1).indices
    return torch.zeros_like(router_logits).scatter(-1, places, 1 / top_k) + 0 * router_logits


def route_detached(router_logits, top_k):
    kept, places = router_logits.detach().topk(top_k, dim=-1)
    return torch.zeros_like(router_logits).scatter(-1, places, kept.softmax(-1))


def route_sum(router_logits, top_k):
    kept, places = router_logits.topk(top_k, dim=-1)
    return torch.zeros_like(router_logits).scatter(-1, places, kept / kept.sum(-1, keepdim=True))


def route_pair(router_logits, top_k):
    kept, places = router_logits.topk(top_k)
    return kept.softmax(-1), places


def route_over_tokens(router_logits, top_k):
    kept, places = router_logits.topk(top_k, dim=-1)
    return torch.zeros_like(router_logits).scatter(-1, places, kept.softmax(0))


def route_down(router_logits, top_k):
    kept, places = router_logits.topk(top_k, dim=0)
    return torch.zeros_like(router_logits).scatter(0, places, kept.softmax(0))


def route_ones(router_logits, top_k):
    return torch.zeros_like(router_logits).scatter(-1, router_logits.topk(top_k).indices, 1.0)


def route_other_dtype(router_logits, top_k):
    kept, places = router_logits.topk(top_k)
    return torch.zeros(router_logits.shape).scatter(-1, places, kept.softmax(-1))


def route_sigmoid(router_logits, top_k):
    kept, places = router_logits.topk(top_k)
    return torch.zeros_like(router_logits).scatter(-1, places, kept.sigmoid())


def route_one_hot(router_logits, top_k):
    kept, places = router_logits.topk(top_k)
    return (F.one_hot(places, router_logits.shape[-1]) * kept.softmax(-1)[..., None]).sum(-2)


def route_infinity(router_logits, top_k):
    least = router_logits.topk(top_k, dim=-1).values[..., -1:]
    return router_logits.masked_fill(router_logits < least, -math.inf).softmax(dim=-1)


def route_again(router_logits, top_k):
    weights = router_logits.softmax(-1)
    kept, places = weights.topk(top_k, dim=-1)
    return torch.zeros_like(weights).scatter_(-1, places, kept / kept.sum(-1, keepdim=True))


# --- load_balancing_loss ---


def balance_mean(router_logits):
    experts = router_logits.shape[-1]
    f = F.one_hot(router_logits.argmax(-1), experts).to(router_logits.dtype).mean(0)
    return experts * (f * router_logits.softmax(-1).mean(0)).mean()


def balance_counts(router_logits):
    experts = router_logits.shape[-1]
    counts = torch.bincount(router_logits.argmax(-1), minlength=experts)
    return experts * (counts * router_logits.softmax(-1).mean(0)).sum()


def balance_counts_only(router_logits):
    experts = router_logits.shape[-1]
    f = F.one_hot(router_logits.argmax(-1), experts).to(router_logits.dtype).mean(0)
    return experts * (f * f).sum()


def balance_soft_only(router_logits):
    p = router_logits.softmax(-1).mean(0)
    return len(p) * (p * p).sum()


def balance_raw(router_logits):
    experts = router_logits.shape[-1]
    f = F.one_hot(router_logits.argmax(-1), experts).to(router_logits.dtype).mean(0)
    return experts * (f * router_logits.mean(0)).sum()


def balance_each_token(router_logits):
    experts = router_logits.shape[-1]
    chosen = F.one_hot(router_logits.argmax(-1), experts).to(router_logits.dtype)
    return experts * (chosen * router_logits.softmax(-1)).mean(0).sum()


def balance_vector(router_logits):
    experts = router_logits.shape[-1]
    f = F.one_hot(router_logits.argmax(-1), experts).to(router_logits.dtype).mean(0)
    return experts * f * router_logits.softmax(-1).mean(0)


def balance_whole_numbers(router_logits):
    f = F.one_hot(router_logits.argmax(-1), router_logits.shape[-1]).mean(0)
    return router_logits.shape[-1] * (f * router_logits.softmax(-1).mean(0)).sum()


def balance_alpha(router_logits):
    return 0.01 * balance_bincount(router_logits)


def balance_from_zero(router_logits):
    return balance_loop(router_logits) - 1


def balance_guessed_experts(router_logits):
    f = F.one_hot(router_logits.argmax(-1)).to(router_logits.dtype).mean(0)
    return router_logits.shape[-1] * (f * router_logits.softmax(-1).mean(0)).sum()


def balance_log(router_logits):
    f = F.one_hot(router_logits.argmax(-1), router_logits.shape[-1]).to(router_logits.dtype).mean(0)
    return len(f) * (f * router_logits.log_softmax(-1).mean(0)).sum()


def balance_bincount(router_logits):
    tokens, experts = router_logits.shape
    f = router_logits.argmax(-1).bincount(minlength=experts) / tokens
    return experts * torch.dot(f.to(router_logits.dtype), router_logits.softmax(-1).mean(0))


def balance_loop(router_logits):
    p, best = router_logits.softmax(-1), router_logits.argmax(-1)
    experts = router_logits.shape[1]
    return sum((best == e).to(p.dtype).mean() * p[:, e].mean() for e in range(experts)) * experts


# --- linear_attention ---


def attention_softmax(query, key, value):
    scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    return scores.softmax(-1) @ value


def attention_no_map(query, key, value):
    summary = key.transpose(-1, -2) @ value
    return query @ summary / (query @ key.sum(-2, keepdim=True).transpose(-1, -2))


def attention_not_divided(query, key, value):
    return feature_map(query) @ (feature_map(key).transpose(-1, -2) @ value)


def attention_by_length(query, key, value):
    return feature_map(query) @ (feature_map(key).transpose(-1, -2) @ value) / key.shape[-2]


def attention_values_mapped(query, key, value):
    q, k, v = map(feature_map, (query, key, value))
    return q @ (k.transpose(-1, -2) @ v) / (q @ k.sum(-2, keepdim=True).transpose(-1, -2))


def attention_elu(query, key, value):
    q, k = F.elu(query), F.elu(key)
    return q @ (k.transpose(-1, -2) @ value) / (q @ k.sum(-2, keepdim=True).transpose(-1, -2))


def attention_causal(query, key, value):
    q, k = feature_map(query), feature_map(key)
    weights = (q @ k.transpose(-1, -2)).tril()
    return weights / weights.sum(-1, keepdim=True) @ value


def attention_not_turned(query, key, value):
    return feature_map(query) @ (feature_map(key) @ value)


def attention_sum_of_keys(query, key, value):
    q, k = feature_map(query), feature_map(key)
    return q @ (k.transpose(-1, -2) @ value) / k.sum(-1, keepdim=True)


def attention_exp(query, key, value):
    q, k = query.exp(), key.exp()
    return q @ (k.transpose(-1, -2) @ value) / (q @ k.sum(-2).unsqueeze(-1))


def attention_sum_over_queries(query, key, value):
    q, k = feature_map(query), feature_map(key)
    total = q @ k.sum(-2).unsqueeze(-1)
    return q @ (k.transpose(-1, -2) @ value) / total.sum(-2, keepdim=True)


def attention_by_vector(query, key, value):
    q, k = feature_map(query), feature_map(key)
    return q @ (k.transpose(-1, -2) @ value) / k.sum(-2, keepdim=True)


def attention_with_epsilon(query, key, value):
    """As the paper's authors have it."""
    q, k = feature_map(query), feature_map(key)
    total = torch.einsum("...nd,...d->...n", q, k.sum(-2)) + 1e-6
    return torch.einsum("...nd,...dm,...n->...nm", q, k.transpose(-1, -2) @ value, 1 / total)


def attention_with_ones(query, key, value):
    q, k = feature_map(query), feature_map(key)
    both = q @ (k.transpose(-1, -2) @ torch.cat([value, torch.ones_like(value[..., :1])], -1))
    return both[..., :-1] / both[..., -1:]


def attention_all_pairs(query, key, value):
    weights = feature_map(query) @ feature_map(key).transpose(-1, -2)
    return (weights / weights.sum(-1, keepdim=True)) @ value


def attention_einsum(query, key, value):
    q, k = F.elu(query) + 1, F.elu(key) + 1
    summary = torch.einsum("...nd,...nv->...dv", k, value)
    return torch.einsum("...nd,...dv->...nv", q, summary) / (q * k.sum(-2, keepdim=True)).sum(
        -1, keepdim=True
    )


# --- int8_linear ---


def int8_dequantized(x, codes, scales, bias):
    return F.linear(x, codes * scales, bias)


def int8_no_x_scales(x, codes, scales, bias):
    x_codes, _ = quantize_rows(x)
    return F.linear(x_codes.float(), codes.float()) * scales[:, 0] + bias


def int8_no_scales(x, codes, scales, bias):
    x_codes, x_scales = quantize_rows(x)
    return x_codes.float() @ codes.float().T * x_scales + bias


def int8_no_bias(x, codes, scales, bias):
    x_codes, x_scales = quantize_rows(x)
    return x_codes.float() @ codes.float().T * x_scales * scales.T


def int8_bias_first(x, codes, scales, bias):
    x_codes, x_scales = quantize_rows(x)
    return F.linear(x_codes.float(), codes.float(), bias) * x_scales * scales[:, 0]


def int8_overflow(x, codes, scales, bias):
    x_codes, x_scales = quantize_rows(x)
    return (x_codes @ codes.T).float() * x_scales * scales[:, 0] + bias


def int8_column(x, codes, scales, bias):
    x_codes, x_scales = quantize_rows(x)
    return x_codes.float() @ codes.float().T * x_scales * scales + bias


def int8_two_kinds(x, codes, scales, bias):
    x_codes, x_scales = quantize_rows(x)
    return x_codes.float() @ codes.T * x_scales * scales[:, 0] + bias


def int8_rounded(x, codes, scales, bias):
    return int8_whole_numbers(x, codes, scales, bias).round()


def int8_cut(x, codes, scales, bias):
    x_scales = x.abs().amax(-1, keepdim=True) / 127
    x_codes = (x / x_scales).to(torch.int8)
    return F.linear(x_codes.float(), codes.float()) * x_scales * scales[:, 0] + bias


def int8_to_128(x, codes, scales, bias):
    x_scales = x.abs().amax(-1, keepdim=True) / 128
    x_codes = (x / x_scales).round().clamp(-128, 127)
    return F.linear(x_codes, codes.float()) * x_scales * scales[:, 0] + bias


def int8_not_unpacked(x, codes, scales, bias):
    return F.linear(quantize_rows(x).float(), codes.float()) * scales[:, 0] + bias


def int8_scaled_weight(x, codes, scales, bias):
    x_codes, x_scales = quantize_rows(x)
    return F.linear(x_codes.float() * x_scales, codes.float() * scales, bias)


def int8_whole_numbers(x, codes, scales, bias):
    x_codes, x_scales = quantize_rows(x)
    return (x_codes.int() @ codes.int().T).float() * (x_scales * scales.squeeze(1)) + bias


def int8_by_hand(x, codes, scales, bias):
    top = x.abs().amax(-1, keepdim=True) / 127
    return F.linear((x / top).round(), codes.float()) * top * scales.flatten() + bias


# --- exit_layers ---


def entropies(logits):
    log_p = logits.log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1)


def exit_from_zero(logits, threshold):
    sure = entropies(logits) < threshold
    sure[-1] = True
    layers = sure.int().argmax(0)
    return layers, logits.argmax(-1).gather(0, layers[None])[0]


def exit_unsure(logits, threshold):
    sure = entropies(logits) > threshold
    sure[-1] = True
    layers = sure.int().argmax(0)
    return layers + 1, logits.argmax(-1).gather(0, layers[None])[0]


def exit_no_last(logits, threshold):
    layers = (entropies(logits) < threshold).int().argmax(0)
    return layers + 1, logits.argmax(-1).gather(0, layers[None])[0]


def exit_last_classes(logits, threshold):
    sure = entropies(logits) < threshold
    sure[-1] = True
    return sure.int().argmax(0) + 1, logits[-1].argmax(-1)


def exit_probability(logits, threshold):
    sure = logits.softmax(-1).max(-1).values < threshold
    sure[-1] = True
    layers = sure.int().argmax(0)
    return layers + 1, logits.argmax(-1).gather(0, layers[None])[0]


def exit_bits(logits, threshold):
    sure = entropies(logits) / math.log(2) < threshold
    sure[-1] = True
    layers = sure.int().argmax(0)
    return layers + 1, logits.argmax(-1).gather(0, layers[None])[0]


def exit_together(logits, threshold):
    for number, layer in enumerate(logits, 1):
        if (entropies(layer) < threshold).all() or number == len(logits):
            return torch.full((logits.shape[1],), number), layer.argmax(-1)


def exit_exchanged(logits, threshold):
    return exit_loop(logits, threshold)[::-1]


def exit_positive(logits, threshold):
    sure = -entropies(logits) < threshold
    sure[-1] = True
    layers = sure.int().argmax(0)
    return layers + 1, logits.argmax(-1).gather(0, layers[None])[0]


def exit_probable(logits, threshold):
    sure = logits.softmax(-1).amax(-1) > threshold
    sure[-1] = True
    layers = sure.int().argmax(0)
    return layers + 1, logits.argmax(-1).gather(0, layers[None])[0]


def exit_surest(logits, threshold):
    layers = entropies(logits).argmin(0)
    return layers + 1, logits.argmax(-1).gather(0, layers[None])[0]


def exit_of_logits(logits, threshold):
    sure = -(logits * logits.log_softmax(-1)).sum(-1) < threshold
    sure[-1] = True
    layers = sure.int().argmax(0)
    return layers + 1, logits.argmax(-1).gather(0, layers[None])[0]


def exit_at_the_threshold(logits, threshold):
    sure = torch.distributions.Categorical(logits=logits).entropy() <= threshold
    sure[-1] = True
    first = sure.int().argmax(dim=0)
    return first + 1, logits.argmax(dim=-1).gather(0, first[None])[0]


def exit_backwards(logits, threshold):
    """From the last layer to the first: what is sure earlier overwrites."""
    layers, classes = torch.full((logits.shape[1],), len(logits)), logits[-1].argmax(-1)
    for number in range(len(logits), 0, -1):
        sure = entropies(logits[number - 1]) < threshold
        layers[sure], classes[sure] = number, logits[number - 1].argmax(-1)[sure]
    return layers, classes


def exit_loop(logits, threshold):
    layers, classes = [], []
    for row in range(logits.shape[1]):
        for number in range(1, len(logits) + 1):
            p = logits[number - 1, row].softmax(-1)
            if number == len(logits) or -(p * p.log()).sum() < threshold:
                layers.append(number)
                classes.append(int(p.argmax()))
                break
    return torch.tensor(layers), torch.tensor(classes)


def exit_categorical(logits, threshold):
    sure = torch.distributions.Categorical(logits=logits).entropy() < threshold
    layers = torch.where(sure.any(0), sure.int().argmax(0), len(logits) - 1)
    picked = logits[layers, torch.arange(logits.shape[1])]
    return layers + 1, picked.max(dim=-1).indices


WRONG = {
    "beyond.choose": [
        (choose_below, "The limit itself is allowed"),
        (choose_not_above, "a number that nobody measured"),
        (choose_any, "keep to all of them"),
        (choose_best, "the limits are not looked at"),
        (choose_accuracy, "that is the accuracy"),
        (choose_first, "that is the first that fits"),
        (choose_smallest, "fewest parameters"),
        (choose_least, "least accurate of those that fit"),
        (choose_raises, "max() of nothing raises"),
        (choose_list, "return the name of a method, a str"),
        (choose_by_name, "the last in the alphabet"),
        (choose_last, "the list is empty"),
    ],
    "beyond.route": [
        (route_all_then_cut, "do not sum to 1"),
        (route_zeros, "0 gets a share of the softmax"),
        (route_softmax, "every expert gets a weight"),
        (route_short, "but not where it belongs"),
        (route_topk, "topk returns two tensors"),
        (route_logits, "those are the logits"),
        (route_equal, "all kept experts get the same weight"),
        (route_detached, "the router could not learn"),
        (route_sum, "divided by their sum"),
        (route_pair, "as a pair"),
        (route_over_tokens, "runs over the tokens"),
        (route_down, "topk and softmax with dim=-1"),
        (route_ones, "has the weight 1"),
        (route_other_dtype, "torch.zeros_like(router_logits)"),
        (route_sigmoid, "A row sums to 1"),
    ],
    "beyond.load_balancing_loss": [
        (balance_mean, "a mean over the experts takes it away"),
        (balance_counts, "f counts the tokens"),
        (balance_counts_only, "f stands in the place of P"),
        (balance_soft_only, "P stands in the place of f"),
        (balance_raw, "P is the mean of the logits"),
        (balance_each_token, "the product is taken for each token"),
        (balance_vector, "the loss is one number"),
        (balance_whole_numbers, "a mean needs numbers with a point"),
        (balance_alpha, "the factor alpha is in it"),
        (balance_from_zero, "one is taken off"),
        (balance_guessed_experts, "guesses the number of experts"),
        (balance_log, "work the first input out by hand"),
    ],
    "beyond.linear_attention": [
        (attention_softmax, "attention with a softmax"),
        (attention_no_map, "the feature map is missing"),
        (attention_not_divided, "the weights of a row do not sum to 1"),
        (attention_by_length, "divided by the length"),
        (attention_values_mapped, "the values went through"),
        (attention_elu, "elu without the + 1"),
        (attention_causal, "up to its own only"),
        (attention_not_turned, "shapes that do not go together"),
        (attention_sum_of_keys, "the sum runs over the dim"),
        (attention_exp, "another feature map, exp"),
        (attention_sum_over_queries, "the usual order gives the same"),
        (attention_by_vector, "divided by one number"),
    ],
    "beyond.int8_linear": [
        (int8_dequantized, "the product is one of floats"),
        (int8_no_x_scales, "the scales of x are missing"),
        (int8_no_scales, "the scales of the weight are missing"),
        (int8_no_bias, "the bias is missing"),
        (int8_bias_first, "added to the whole numbers"),
        (int8_overflow, "kept in one byte"),
        (int8_column, "are a column"),
        (int8_two_kinds, "neither two kinds of numbers"),
        (int8_rounded, "the result is rounded"),
        (int8_cut, "are cut, not rounded"),
        (int8_to_128, "the code 128"),
        (int8_not_unpacked, "quantize_rows returns two tensors"),
    ],
    "beyond.exit_layers": [
        (exit_from_zero, "numbered from 0"),
        (exit_unsure, "above the threshold"),
        (exit_no_last, "It leaves at the last"),
        (exit_last_classes, "those of the last layer"),
        (exit_probability, "the largest probability"),
        (exit_bits, "the entropy is in bits"),
        (exit_together, "leave together"),
        (exit_exchanged, "the two are exchanged"),
        (exit_positive, "the sign of the entropy"),
        (exit_probable, "leave at a large probability"),
        (exit_surest, "the surest layer"),
        (exit_of_logits, "logits times log p"),
        (exit_at_the_threshold, "just the threshold"),
    ],
}

RIGHT = {
    "beyond.choose": [choose_loop, choose_sorted, choose_in_a_frame],
    "beyond.route": [route_infinity, route_again, route_one_hot],
    "beyond.load_balancing_loss": [balance_bincount, balance_loop],
    "beyond.linear_attention": [
        attention_all_pairs,
        attention_einsum,
        attention_with_epsilon,
        attention_with_ones,
    ],
    "beyond.int8_linear": [int8_whole_numbers, int8_by_hand, int8_scaled_weight],
    "beyond.exit_layers": [exit_loop, exit_categorical, exit_backwards],
}
