"""Answers to the exercises of notebook 12 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/beyond`, since none of its mistakes fits: replacements in the
reference, or a function, and a piece of the advice. RIGHT: other ways to be right.
"""

import math

import pandas as pd
import torch
import torch.nn.functional as F

from course_utils.methods.linear_attention import feature_map
from course_utils.methods.quantization import quantize_rows


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


def balance_bincount(router_logits):
    tokens, experts = router_logits.shape
    f = router_logits.argmax(-1).bincount(minlength=experts) / tokens
    return experts * torch.dot(f.to(router_logits.dtype), router_logits.softmax(-1).mean(0))


def balance_loop(router_logits):
    p, best = router_logits.softmax(-1), router_logits.argmax(-1)
    experts = router_logits.shape[1]
    return sum((best == e).to(p.dtype).mean() * p[:, e].mean() for e in range(experts)) * experts


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


def int8_scaled_weight(x, codes, scales, bias):
    x_codes, x_scales = quantize_rows(x)
    return F.linear(x_codes.float() * x_scales, codes.float() * scales, bias)


def int8_whole_numbers(x, codes, scales, bias):
    x_codes, x_scales = quantize_rows(x)
    return (x_codes.int() @ codes.int().T).float() * (x_scales * scales.squeeze(1)) + bias


def int8_by_hand(x, codes, scales, bias):
    top = x.abs().amax(-1, keepdim=True) / 127
    return F.linear((x / top).round(), codes.float()) * top * scales.flatten() + bias


def entropies(logits):
    log_p = logits.log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1)


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


def balance_by_pairs(router_logits):
    """The product of the two means as one mean over all pairs of tokens."""
    best = router_logits == router_logits.amax(dim=-1, keepdim=True)
    pairs = best.to(router_logits.dtype) @ router_logits.softmax(dim=-1).T
    return pairs.mean() * router_logits.shape[-1]


BEST = "max(within, key=lambda name: within[name], default=None)"
QUANTIZED = "x_codes, x_scales = quantize_rows(x)"

WRONG = {
    "beyond.choose": [
        ({BEST: "list(within)"}, "return the name of a method, a str"),
        ({BEST: "sorted(within, key=lambda name: within[name])[-1]"}, "the list is empty"),
        ({"numbers[limited]": "numbers[most]"}, "the limits bear the names of the numbers"),
        ({"within[name],": "len(name),"}, "of the rest take the most accurate"),
        ({"<=": "<", "max": "min"}, "Two things"),
    ],
    "beyond.route": [
        ({"kept.softmax": "kept.detach().softmax"}, "the router could not learn"),
        ({"zeros_like(router_logits)": "zeros(router_logits.shape)"}, "torch.zeros_like(router_logits)"),
        ({"softmax(dim=-1)": "sigmoid()"}, "A row sums to 1"),
        ({"softmax(dim=-1))": "softmax(dim=-1)).sum(dim=0)"}, "one weight for each token"),
        ({"kept.softmax(dim=-1)": "kept.softmax(dim=-1).detach() + 0 * kept"}, "their gradient is not"),
    ],
    "beyond.load_balancing_loss": [
        ({".sum()": ""}, "the loss is one number"),
        ({".to(router_logits.dtype)": ""}, "a mean needs numbers with a point"),
        ({".softmax": ".log_softmax"}, "work the first input out by hand"),
        ({"router_logits.softmax": "router_logits.detach().softmax"}, "could not learn to spread"),
        ({".to(router_logits.dtype)": ".double()"}, "the dtype changed"),
        ({"shares *": "(shares + probabilities - probabilities.detach()) *"}, "through P alone"),
    ],
    "beyond.linear_attention": [
        ({"key.transpose(-1, -2)": "key"}, "shapes that do not go together"),
        ({"/ normalizer": "/ normalizer.sum(dim=-2, keepdim=True)"}, "the usual order gives the same"),
        ({"/ normalizer": "/ key.sum(dim=-2, keepdim=True)"}, "divided by one number"),
        ({"return": "with torch.no_grad():\n        return"}, "no gradient can flow back"),
        ({"feature_map(query)": "feature_map(query).detach()"}, "the gradient of the query is not"),
        ({"feature_map(key)": "feature_map(key).detach()"}, "the gradient of the key is not"),
        ({"@ value": "@ value.detach()"}, "the gradient of the value is not"),
        ({"feature_map": "query.new_tensor(0) *"}, "a row was divided by 0"),
    ],
    "beyond.int8_linear": [
        (
            {"sums = F.linear(x_codes.float(), codes.float())": "return F.linear(x, codes * scales, bias)"},
            "the product is one of floats",
        ),
        ({"* x_scales ": ""}, "the scales of x are missing"),
        ({"* scales[:, 0] ": ""}, "the scales of the weight are missing"),
        ({" + bias": ""}, "the bias is missing"),
        ({"codes.float())": "codes.float(), bias)", " + bias": ""}, "added to the whole numbers"),
        ({"F.linear(x_codes.float(), codes.float())": "(x_codes @ codes.T).float()"}, "kept in one byte"),
        ({"scales[:, 0]": "scales"}, "are a column"),
        ({", codes.float()": ", codes"}, "neither two kinds of numbers"),
        (
            {
                "return sums * x_scales * scales[:, 0] + bias": "return (sums * x_scales * scales[:, 0] + bias).round()"
            },
            "the result is rounded",
        ),
        (
            {QUANTIZED: "x_scales = quantize_rows(x)[1]; x_codes = (x / x_scales).to(torch.int8)"},
            "are cut, not rounded",
        ),
        (
            {
                QUANTIZED: "x_scales = quantize_rows(x)[1] * 127 / 128; x_codes = (x / x_scales).round().clamp(max=127)"
            },
            "the code 128",
        ),
        ({"x_codes.float()": "quantize_rows(x).float()"}, "quantize_rows returns two tensors"),
    ],
    "beyond.exit_layers": [
        ({"layers + 1, classes": "layers + 1"}, "return two tensors"),
        ({"layers[None])[0]": "layers[None])"}, "one number for each sentence"),
        ({"layers + 1": "layers + 1.0"}, "both are whole numbers"),
        ({"< threshold": "< 1.5 * threshold"}, "take one sentence"),
    ],
}

RIGHT = {
    "beyond.choose": [choose_loop, choose_sorted, choose_in_a_frame],
    "beyond.route": [route_infinity, route_again, route_one_hot],
    "beyond.load_balancing_loss": [balance_bincount, balance_loop, balance_by_pairs],
    "beyond.linear_attention": [
        attention_all_pairs,
        attention_einsum,
        attention_with_epsilon,
        attention_with_ones,
    ],
    "beyond.int8_linear": [int8_whole_numbers, int8_by_hand, int8_scaled_weight],
    "beyond.exit_layers": [exit_loop, exit_categorical, exit_backwards],
}
