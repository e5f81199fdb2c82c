"""Answers to the exercises of notebook 12 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/beyond`, since none of its mistakes fits: replacements in the
reference, or a function, and a piece of the advice. RIGHT: other ways to be right.
"""

import itertools
import math

import pandas as pd
import torch
import torch.nn.functional as F

from course_utils.methods.linear_attention import feature_map


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


def route_one_hot(router_logits, top_k, capacity):
    kept, places = router_logits.topk(top_k)
    chosen = F.one_hot(places, router_logits.shape[-1])
    before = chosen.sum(-2).cumsum(0) - chosen.sum(-2)
    return (chosen * kept.softmax(-1)[..., None]).sum(-2).where(before + 1 <= capacity, 0)


def route_in_a_loop(router_logits, top_k, capacity):
    least = router_logits.topk(top_k, dim=-1).values[..., -1:]
    weights = router_logits.masked_fill(router_logits < least, -math.inf).softmax(dim=-1)
    room = [capacity] * router_logits.shape[1]
    keep = torch.zeros_like(weights)
    for token, row in enumerate(weights.tolist()):
        for expert, weight in enumerate(row):
            if weight > 0 and room[expert] >= 1:
                room[expert] -= 1
                keep[token, expert] = 1
    return weights * keep


def route_again(router_logits, top_k, capacity):
    weights = router_logits.softmax(-1)
    kept, places = weights.topk(top_k, dim=-1)
    weights = torch.zeros_like(weights).scatter_(-1, places, kept / kept.sum(-1, keepdim=True))
    rows = []
    for column in weights.T:
        served = column.nonzero()[:, 0]
        served = served if capacity == math.inf else served[: int(capacity)]
        rows.append(torch.zeros_like(column).index_copy(0, served, column[served]))
    return torch.stack(rows, dim=1)


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


def levels_by_distance(x, levels, block_size):
    rounded = []
    for block in x.flatten().split(block_size):
        scale = block.abs().max().float()
        nearest = (block.float()[:, None] - scale * levels).abs().argmin(dim=1)
        rounded.append(scale * levels[nearest])
    return torch.cat(rounded).reshape(x.shape).type_as(x)


def levels_by_clamped_scale(x, levels, block_size):
    blocks = x.float().view(-1, block_size)
    scale = blocks.norm(float("inf"), dim=-1, keepdim=True)
    distances = (blocks / scale.clamp(min=1e-20))[..., None] - levels
    return (levels[distances.pow(2).argmin(-1)] * scale).to(x.dtype).reshape_as(x)


def levels_by_counting(x, levels, block_size):
    """The code of a number is how many of the middles lie below it."""
    blocks = x.reshape(-1, block_size).float()
    scale = torch.maximum(blocks.max(1).values, -blocks.min(1).values)[:, None]
    codes = sum((blocks > scale * (low + high) / 2).long() for low, high in itertools.pairwise(levels))
    return (scale * levels[codes]).reshape(x.shape).to(x.dtype)


def leave_with_masks(hidden, layers, classifiers, threshold):
    """Places in two dictionaries, and the mask turned into indices."""
    left, found = list(range(len(hidden))), {}
    for number in range(len(layers)):
        if not left:
            continue
        hidden = layers[number](hidden, torch.tensor(left))
        logits = classifiers[number](hidden)
        p = logits.softmax(-1)
        sure = (-torch.xlogy(p, p).sum(-1) < threshold).tolist()
        for i, row in enumerate(left):
            if sure[i] or number == len(layers) - 1:
                found[row] = number + 1, int(logits[i].argmax())
        staying = [i for i, row in enumerate(left) if row not in found]
        hidden, left = hidden[staying], [left[i] for i in staying]
    return tuple(torch.tensor([found[row][part] for row in sorted(found)]) for part in (0, 1))


def leave_by_recursion(hidden, layers, classifiers, threshold, rows=None, number=1):
    rows = torch.arange(hidden.shape[0]) if rows is None else rows
    hidden = layers[0](hidden, rows)
    logits = classifiers[0](hidden)
    layer, answer = torch.full_like(rows, number), logits.argmax(-1)
    go_on = (torch.distributions.Categorical(logits=logits).entropy() >= threshold).nonzero()[:, 0]
    if len(layers) > 1 and len(go_on):
        rest = leave_by_recursion(
            hidden[go_on], layers[1:], classifiers[1:], threshold, rows[go_on], number + 1
        )
        layer[go_on], answer[go_on] = rest
    return layer, answer


def leave_from_full_tensors(hidden, layers, classifiers, threshold):
    """The hidden states stay in one tensor, and each layer gets those rows of it that are left."""
    hidden, batch = hidden.clone(), len(hidden)
    inside, layer, answer = (
        torch.ones(batch, dtype=bool),
        torch.zeros(batch).long(),
        torch.zeros(batch).long(),
    )
    for number, (run, classify) in enumerate(zip(layers, classifiers, strict=True)):
        rows = inside.nonzero()[:, 0]
        if not inside.any():
            return layer, answer
        hidden[rows] = run(hidden[rows], rows)
        logits = classify(hidden[rows])
        layer[rows], answer[rows] = number + 1, logits.argmax(-1)
        log_p = logits.log_softmax(-1)
        inside[rows] = (-(log_p.exp() * log_p).sum(-1)) >= threshold
    return layer, answer


def leave_the_surest_first(hidden, layers, classifiers, threshold):
    """Those that are left change their order, hidden states and indices alike."""
    rows = torch.arange(len(hidden))
    layer, answer = torch.zeros_like(rows), torch.zeros_like(rows)
    for number, (run, classify) in enumerate(zip(layers, classifiers, strict=True), start=1):
        logits = classify(hidden := run(hidden, rows))
        unsure = -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1)
        layer[rows], answer[rows] = number, logits.argmax(-1)
        order = unsure.argsort()
        order = order[unsure[order] >= threshold]
        hidden, rows = hidden[order], rows[order]
        if len(rows) == 0:
            break
    return layer, answer


def balance_by_pairs(router_logits):
    """The product of the two means as one mean over all pairs of tokens."""
    best = router_logits == router_logits.amax(dim=-1, keepdim=True)
    pairs = best.to(router_logits.dtype) @ router_logits.softmax(dim=-1).T
    return pairs.mean() * router_logits.shape[-1]


BEST = "max(within, key=lambda name: within[name], default=None)"

WRONG = {
    "beyond.choose": {
        "None says that no method fits": {"default=None)": "default=None) if len(at_most) == 1 else None"},
        "return the name of a method, a str": {BEST: "list(within)"},
        "the list is empty": {BEST: "sorted(within, key=lambda name: within[name])[-1]"},
        "the limits bear the names of the numbers": {"numbers[limited]": "numbers[most]"},
        "of the rest take the most accurate": {"within[name],": "len(name),"},
        "Two things": {"<=": "<", "max": "min"},
    },
    "beyond.route": {
        "the router could not learn": {"kept.softmax": "kept.detach().softmax"},
        "torch.zeros_like(router_logits)": {"zeros_like(router_logits)": "zeros(router_logits.shape)"},
        "A row sums to 1": {"softmax(dim=-1)": "sigmoid()"},
        "cannot be an index or go through int()": {"<= capacity": "<= int(capacity)"},
        "Two things.": {"<= capacity": "< capacity", "top_k, dim": "1, dim"},
        "one weight for each token": {
            "<= capacity)": "<= capacity)[:, :1]",
            "return weights": "return weights[:, :1]",
        },
        "their gradient is not": {"kept.softmax(dim=-1)": "kept.softmax(dim=-1).detach() + 0 * kept"},
    },
    "beyond.load_balancing_loss": {
        "the loss is one number": {".sum()": ""},
        "a mean needs numbers with a point": {".to(router_logits.dtype)": ""},
        "work the first input out by hand": {".softmax": ".sigmoid", "(dim=-1).mean": "().mean"},
        "could not learn to spread": {"router_logits.softmax": "router_logits.detach().softmax"},
        "the dtype changed": {".to(router_logits.dtype)": ".double()"},
        "through P alone": {"shares *": "(shares + probabilities - probabilities.detach()) *"},
    },
    "beyond.linear_attention": {
        "there is one for each pair of positions": attention_all_pairs,
        "count from the end": {"key.sum(dim=-2": "key.sum(dim=4"},
        "shapes that do not go together": {"key.transpose(-1, -2)": "key"},
        "the usual order gives the same": {"/ normalizer": "/ normalizer.sum(dim=-2, keepdim=True)"},
        "divided by one number": {"/ normalizer": "/ key.sum(dim=-2, keepdim=True)"},
        "no gradient can flow back": {"return": "with torch.no_grad():\n        return"},
        "the gradient of the query is not": {"feature_map(query)": "feature_map(query).detach()"},
        "the gradient of the key is not": {"feature_map(key)": "feature_map(key).detach()"},
        "the gradient of the value is not": {"@ value": "@ value.detach()"},
        "a row was divided by 0": {"feature_map": "query.new_tensor(0) *"},
    },
    "beyond.to_nearest_levels": {
        "Whole numbers are codes": {".to(x.dtype)": ".long()"},
        "shapes that do not go together": {"dim=1, keepdim=True": "dim=1"},
        "divide it by its largest magnitude": {"levels[codes] * scales": "levels[codes] * 2 * scales"},
        "the result has the shape of x": {"return (": "return ((", "to(x.dtype)": "to(x.dtype)).flatten()"},
        "changes its inputs in place": {"blocks = x.reshape": "x *= 1.5\n    blocks = x.reshape"},
        "Two things.": {"amax(": "mean(", " * scales": ""},
    },
    "beyond.leave_early": {
        "return two tensors": {"return computed, classes": "return computed"},
        "changes its inputs in place": {"hidden = layer(": "hidden[:] = layer("},
        "one number for each sentence": {"return computed, classes": "return computed[:1], classes"},
        "both are whole numbers": {"return computed": "return computed.float()"},
        "take one sentence": {"< threshold": "< 1.5 * threshold"},
        "differ in length": {"hidden, rows = hidden[~leaves], rows[~leaves]": "hidden = hidden[~leaves]"},
        "the answers are right": {"hidden = layer": "layer(hidden, rows)\n        hidden = layer"},
        "Two things.": {"< threshold": "> threshold", "] = number": "] = number - 1"},
    },
}

RIGHT = {
    "beyond.choose": [choose_loop, choose_sorted, choose_in_a_frame],
    "beyond.route": [route_in_a_loop, route_again, route_one_hot],
    "beyond.load_balancing_loss": [balance_bincount, balance_loop, balance_by_pairs],
    "beyond.linear_attention": [
        attention_einsum,
        attention_with_epsilon,
        attention_with_ones,
    ],
    "beyond.to_nearest_levels": [levels_by_distance, levels_by_clamped_scale, levels_by_counting],
    "beyond.leave_early": [
        leave_with_masks,
        leave_by_recursion,
        leave_from_full_tensors,
        leave_the_surest_first,
    ],
}
