"""Answers to the exercises of notebook 13 as a reader might write them.

WRONG: for each exercise, the answers and a piece of the hint that each must get. RIGHT: other ways to be
right.
"""

import random
from collections import defaultdict
from copy import deepcopy
from math import sqrt
from statistics import NormalDist

import torch

from course_utils.methods.replacing import merge, merge_and_unload, unmerge

# --- split_by_group ---


def split_rows(groups, test_share, seed):
    rows = list(range(len(groups)))
    random.Random(seed).shuffle(rows)
    count = round(test_share * len(rows))
    return sorted(rows[count:]), sorted(rows[:count])


def split_in_order(groups, test_share, seed):
    names = sorted(set(groups))
    tested = names[: round(test_share * len(names))]
    return [i for i, g in enumerate(groups) if g not in tested], [
        i for i, g in enumerate(groups) if g in tested
    ]


def split_unseeded(groups, test_share, seed):
    names = sorted(set(groups))
    random.Random().shuffle(names)
    tested = names[: round(test_share * len(names))]
    return [i for i, g in enumerate(groups) if g not in tested], [
        i for i, g in enumerate(groups) if g in tested
    ]


def split_globally(groups, test_share, seed):
    names = sorted(set(groups))
    random.seed(seed)
    random.shuffle(names)
    tested = names[: round(test_share * len(names))]
    return [i for i, g in enumerate(groups) if g not in tested], [
        i for i, g in enumerate(groups) if g in tested
    ]


def split_exchanged(groups, test_share, seed):
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    tested = names[: round(test_share * len(names))]
    return [i for i, g in enumerate(groups) if g in tested], [
        i for i, g in enumerate(groups) if g not in tested
    ]


def split_names(groups, test_share, seed):
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    count = round(test_share * len(names))
    return names[count:], names[:count]


def split_by_places(groups, test_share, seed):
    rows = defaultdict(list)
    for row, group in enumerate(groups):
        rows[group].append(row)
    names = sorted(rows)
    random.Random(seed).shuffle(names)
    count = round(test_share * len(names))
    return [r for n in names[count:] for r in rows[n]], [r for n in names[:count] for r in rows[n]]


def split_one_of_each(groups, test_share, seed):
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    tested = names[: round(test_share * len(names))]
    return [groups.index(n) for n in sorted(set(groups)) if n not in tested], [
        i for i, g in enumerate(groups) if g in tested
    ]


def split_by_sample(groups, test_share, seed):
    names = list(dict.fromkeys(groups))
    tested = set(random.Random(seed).sample(names, round(test_share * len(names))))
    parts = [], []
    for row, group in enumerate(groups):
        parts[group in tested].append(row)
    return parts


def split_by_numbers(groups, test_share, seed):
    number = {name: i for i, name in enumerate(sorted(set(groups)))}
    order = torch.randperm(len(number), generator=torch.Generator().manual_seed(seed)).tolist()
    tested = order[: round(test_share * len(number))]
    test = [row for row in range(len(groups)) if number[groups[row]] in tested]
    return sorted(set(range(len(groups))) - set(test)), test


# --- interval ---


def interval_wald(correct, n, level=0.95):
    z, share = NormalDist().inv_cdf(0.5 + level / 2), correct / n
    error = (share * (1 - share) / n) ** 0.5
    return share - z * error, share + z * error


def interval_clipped(correct, n, level=0.95):
    low, high = interval_wald(correct, n, level)
    return max(low, 0.0), min(high, 1.0)


def interval_at(correct, n, z):
    share, scale = correct / n, 1 + z**2 / n
    middle, reach = share + z**2 / (2 * n), z * sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    return (middle - reach) / scale, (middle + reach) / scale


def interval_one_sided(correct, n, level=0.95):
    return interval_at(correct, n, NormalDist().inv_cdf(level))


def interval_typed(correct, n, level=0.95):
    return interval_at(correct, n, 1.96)


def interval_percent(correct, n, level=0.95):
    return tuple(100 * x for x in interval_right(correct, n, level))


def interval_exchanged(correct, n, level=0.95):
    return interval_right(correct, n, level)[::-1]


def interval_width(correct, n, level=0.95):
    low, high = interval_right(correct, n, level)
    return (low + high) / 2, (high - low) / 2


def interval_unscaled(correct, n, level=0.95):
    z = NormalDist().inv_cdf(0.5 + level / 2)
    low, high = interval_at(correct, n, z)
    return max(0.0, low * (1 + z**2 / n)), min(1.0, high * (1 + z**2 / n))


def interval_right(correct, n, level=0.95):
    low, high = interval_at(correct, n, NormalDist().inv_cdf(0.5 + level / 2))
    return max(0.0, low), min(1.0, high)


def interval_by_equation(correct, n, level=0.95):
    z, share = NormalDist().inv_cdf((1 + level) / 2), correct / n
    a, b, c = 1 + z * z / n, -2 * share - z * z / n, share * share
    root = sqrt(b * b - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def interval_by_halving(correct, n, level=0.95):
    z, share = NormalDist().inv_cdf(0.5 + level / 2), correct / n

    def bound(inside, outside):
        for _ in range(200):
            middle = (inside + outside) / 2
            if abs(share - middle) <= z * sqrt(middle * (1 - middle) / n):
                inside = middle
            else:
                outside = middle
        return inside

    return bound(share, 0.0), bound(share, 1.0)


# --- merge_and_compare ---


@torch.no_grad()
def merge_in_its_mode(model, batch):
    before = model(**batch).logits.float()
    merge_and_unload(model)
    return (model(**batch).logits.float() - before).abs().max().item()


@torch.no_grad()
def merge_mean(model, batch):
    was_training = model.training
    model.eval()
    before = model(**batch).logits.float()
    merge_and_unload(model)
    after = model(**batch).logits.float()
    model.train(was_training)
    return (after - before).abs().mean().item()


@torch.no_grad()
def merge_keeping(model, batch):
    was_training = model.training
    model.eval()
    before = model(**batch).logits.float()
    merge(model)
    after = model(**batch).logits.float()
    model.train(was_training)
    return (after - before).abs().max().item()


@torch.no_grad()
def merge_leaving_eval(model, batch):
    model.eval()
    before = model(**batch).logits.float()
    merge_and_unload(model)
    return (model(**batch).logits.float() - before).abs().max().item()


@torch.no_grad()
def merge_as_tensor(model, batch):
    was_training = model.training
    model.eval()
    before = model(**batch).logits.float()
    merge_and_unload(model)
    after = model(**batch).logits.float()
    model.train(was_training)
    return (after - before).abs().max()


@torch.no_grad()
def merge_emptied(model, batch):
    was_training = model.training
    model.eval()
    before = model(**batch).logits.float()
    merge_and_unload(model)
    after = model(input_ids=batch.pop("input_ids"), attention_mask=batch.pop("attention_mask")).logits.float()
    model.train(was_training)
    return (after - before).abs().max().item()


@torch.no_grad()
def merge_by_steps(model, batch):
    training = model.training
    before = model.eval()(**batch)
    merge(model)
    after = model(**batch)
    unmerged_difference = max(
        abs(a - b)
        for a, b in zip(after.logits.flatten().tolist(), before.logits.flatten().tolist(), strict=True)
    )
    merge_and_unload(model).train(training)
    return unmerged_difference


def merge_with_a_copy(model, batch):
    original = deepcopy(model).eval()
    merge_and_unload(model)
    with torch.inference_mode():
        difference = deepcopy(model).eval()(**batch).logits.float() - original(**batch).logits.float()
    return float(difference.abs().max())


def merge_and_back(model, batch):
    training = model.training
    model.eval()
    with torch.no_grad():
        before = model(**batch).logits.float()
        merge(model)
        after = model(**batch).logits.float()
    unmerge(model)
    model.train(training)
    return (after - before).abs().max().item()


WRONG = {
    "your_own.split_by_group": [
        (split_rows, "Draw groups, not rows"),
        (split_in_order, "every seed gives the same split"),
        (split_unseeded, "two calls with one seed give two splits"),
        (split_globally, "change the random numbers of the whole program"),
        (split_exchanged, "another number of groups than asked for"),
        (split_names, "return two plain lists of row numbers"),
        (split_by_places, "not in ascending order"),
        (split_one_of_each, "every row belongs into exactly one"),
    ],
    "your_own.interval": [
        (interval_wald, "the model never errs"),
        (interval_one_sided, "z is that of one side"),
        (interval_typed, "the level is not used"),
        (interval_percent, "that is in percent"),
        (interval_exchanged, "the upper bound comes first"),
        (interval_width, "the middle and half the width"),
        (interval_unscaled, "the division is missing"),
    ],
    "your_own.merge_and_compare": [
        (merge_mean, "largest absolute difference of two logits"),
        (merge_keeping, "the wrappers are still there"),
        (merge_leaving_eval, "Remember model.training"),
        (merge_as_tensor, ".item() makes one of a tensor"),
        (merge_emptied, "changes its inputs in place"),
    ],
}
RIGHT = {
    "your_own.split_by_group": [split_by_sample, split_by_numbers],
    "your_own.interval": [interval_right, interval_by_equation, interval_by_halving],
    "your_own.merge_and_compare": [merge_by_steps, merge_with_a_copy],
}
