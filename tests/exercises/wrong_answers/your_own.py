"""Answers to the exercises of notebook 13 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/your_own`, since none of its mistakes fits: replacements in the
reference, and a piece of the advice. RIGHT: other ways to be right.
"""

import hashlib
import random
from copy import deepcopy
from math import sqrt
from statistics import NormalDist

import numpy as np
import torch

from course_utils.methods.replacing import merge, merge_and_unload


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


def split_by_numpy(groups, test_share, seed):
    names, group_of = np.unique(groups, return_inverse=True)
    size = round(test_share * len(names))
    tested = np.isin(group_of, np.random.default_rng(seed).choice(len(names), size, replace=False))
    return np.flatnonzero(~tested).tolist(), np.flatnonzero(tested).tolist()


def split_by_permutation(groups, test_share, seed):
    """NumPy makes plain texts of the names."""
    order = np.random.default_rng(seed).permutation(sorted(set(groups)))
    tested = set(order[: round(test_share * len(order))])
    rows = range(len(groups))
    return [row for row in rows if groups[row] not in tested], [row for row in rows if groups[row] in tested]


def split_by_digest(groups, test_share, seed):
    """A hash that is the same in every process."""
    names = sorted(set(groups), key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
    tested = names[: round(test_share * len(names))]
    rows = range(len(groups))
    return [row for row in rows if groups[row] not in tested], [row for row in rows if groups[row] in tested]


def split_by_torchs_seed(groups, test_share, seed):
    torch.manual_seed(seed)
    names = sorted(set(groups))
    chosen = torch.randperm(len(names))[: round(test_share * len(names))]
    tested = {names[number] for number in chosen}
    rows = range(len(groups))
    return [row for row in rows if groups[row] not in tested], [row for row in rows if groups[row] in tested]


def together_by_relabelling(columns):
    units = list(range(len(columns[0])))
    for column in columns:
        for row, key in enumerate(column):
            for other in range(row):
                if key is not None and column[other] == key:
                    low, high = sorted((units[row], units[other]))
                    units = [low if unit == high else unit for unit in units]
    return units


def together_by_search(columns):
    """Each unit is what can be reached from its first row."""
    rows, unit_of = range(len(columns[0])), {}
    for start in rows:
        waiting = [start]
        while waiting:
            row = waiting.pop()
            if row not in unit_of:
                unit_of[row] = start
                waiting += [r for r in rows for c in columns if c[r] is not None and c[r] == c[row]]
    return [unit_of[row] for row in rows]


def together_by_passes(columns):
    """The smallest number spreads through the keys until nothing changes."""
    units, before = list(range(len(columns[0]))), None
    while units != before:
        before = list(units)
        for column in columns:
            smallest = {}
            for key, unit in zip(column, units, strict=True):
                smallest[key] = min(smallest.get(key, unit), unit)
            units = [unit if key is None else smallest[key] for key, unit in zip(column, units, strict=True)]
    return units


def interval_by_parts(correct, n, level=0.95):
    z, share = NormalDist().inv_cdf(0.5 + level / 2), correct / n
    middle, reach = share + z**2 / (2 * n), z * sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    return tuple(min(1.0, max(0.0, bound / (1 + z**2 / n))) for bound in (middle - reach, middle + reach))


def interval_by_equation(correct, n, level=0.95):
    z, share = NormalDist().inv_cdf((1 + level) / 2), correct / n
    a, b, c = 1 + z * z / n, -2 * share - z * z / n, share * share
    root = sqrt(b * b - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def interval_cut(correct, n, level=0.95):
    low, high = interval_by_equation(correct, n, level)
    return max(0, low), min(1, high)


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


def merge_by_module(model, batch):
    modes = {module: module.training for module in model.modules()}
    before = model.eval()(**batch).logits.detach().float()
    after = merge_and_unload(model)(**batch).logits.detach().float()
    for module in model.modules():
        module.training = modes.get(module, modes[model])
    return torch.dist(before, after, p=float("inf")).item()


LAST = "+ reach) / scale)"

WRONG = {
    "your_own.split_by_group": {
        "another number of groups than asked for": {"names[:": "names[: 1 +"},
        "torch.manual_seed change the random numbers": split_by_torchs_seed,
        "return two plain lists of row numbers": {"[row for": "[str(row) for"},
        "Two things.": {"round": "int", "Random(seed)": "Random(0)"},
        "not in ascending order": {"return train": "return train[::-1]"},
        "every row belongs into exactly one": {"if group not": "if row != 0 and group not"},
        "Each row counts once": {"return train": "return train + train[-1:]"},
        "changes its inputs in place": {"return": "groups.sort()\n    return"},
    },
    "your_own.stay_together": {
        "a plain list with one int": {"return [root(row)": "return [str(root(row))"},
        "return one number for each row.": {"in range(len(parent))]": "in set(map(root, parent))]"},
        "that of the first row among them": {"[root(row) for": "[2 * root(row) for"},
        "None cannot be put in order": {"if key is not None:": "if key + '':"},
        "Two things.": {
            "for column in columns:": "for column in columns[:1]:",
            "if key is not None:": "if True:",
        },
    },
    "your_own.interval": {
        "(low, high), as a tuple": {"return max": "return [max", LAST: f"{LAST}]"},
        "two plain numbers, (low, high).": {"return": "return share,"},
        "do not solve the equation": {"4 * n": "2 * n"},
        "may stand below a line": {"share * (1 - share) / n": "1 / (n / share / (1 - share))"},
        "Two things.": {"max": "100 * max", "min": "100 * min", "sqrt": ""},
    },
    "your_own.merge_and_compare": {
        "largest absolute difference of two logits": {".max()": ".median()"},
        "Two things.": {".abs()": "", "model.train(was_training)": "pass"},
        ".item() makes one of a tensor": {".item()": ""},
        "was it merged into this model": {"return": "model.query.weight.mul_(2)\n    return"},
        "still asks for a gradient": {"@torch.no_grad()": "", ".item()": ".numpy()"},
        "changes its inputs in place": {"return": "batch.clear()\n    return"},
    },
}

RIGHT = {
    "your_own.split_by_group": [
        split_by_sample,
        split_by_numbers,
        split_by_numpy,
        split_by_permutation,
        split_by_digest,
    ],
    "your_own.stay_together": [together_by_relabelling, together_by_search, together_by_passes],
    "your_own.interval": [interval_by_parts, interval_by_equation, interval_cut, interval_by_halving],
    "your_own.merge_and_compare": [merge_by_steps, merge_with_a_copy, merge_by_module],
}
