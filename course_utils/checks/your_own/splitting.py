"""Exercises on a split without leakage: drawing groups, and who must stay together."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Observations,
    observe_values,
)
from course_utils.data import own
from course_utils.methods import evaluation

# --- split_by_group: many splits are right, so what is observed are the properties of one ---

_KIND = "two lists of row numbers"


class _Text(str):
    """A text with a hash of its own: in another process a set of texts has another order."""

    salt = 0

    def __hash__(self) -> int:
        return hash((self.salt, str(self)))


def _salted(groups: list[str], salt: int) -> list[str]:
    kind = type("_Text", (_Text,), {"salt": salt})
    return [kind(group) for group in groups]


def _in_every_process(split: Callable[[list[str]], Any], groups: list[str]) -> bool:
    """Whether the split stays where texts have other hashes, or where other texts stand in the same order.

    One of the two is enough. An answer may take plain texts out of these (NumPy does), or have a hash of its own
    (hashlib), which other texts change.
    """
    first = split(list(groups))
    salted = [_salted(groups, salt) for salt in range(8)]
    renamed = [[f"{salt}{group}" for group in groups] for salt in range(8)]
    return any(all(split(other) == first for other in others) for others in (salted, renamed))


def _random_states() -> list[Any]:
    numpys: Any = np.random.get_state()
    return [random.getstate(), numpys[1].tolist(), numpys[2], torch.get_rng_state().tolist()]


def _kind(value: Any) -> str:
    if not isinstance(value, tuple | list) or len(value) != 2:
        return "not two lists"
    rows = [row for part in value if isinstance(part, list) for row in part]
    if not all(isinstance(part, list) for part in value):
        return "two things that are no lists"
    return _KIND if all(type(row) is int for row in rows) else "lists with something else than row numbers"


def _observe_split(function: Function, arguments: Arguments) -> Observations:
    groups, share, seed = arguments.values()
    given = list(groups)
    before = _random_states()
    value = function(given, share, seed)
    untouched = _random_states() == before
    seen: Observations = {INPUTS_CHANGED: None if given == groups else "groups", RESULT: _kind(value)}
    if seen[RESULT] != _KIND:
        return seen
    train, test = value
    tested = {groups[row] for row in test if 0 <= row < len(groups)}
    return {
        **seen,
        "rows in neither list or in both": sorted(
            row for row in range(len(groups)) if (row in train) == (row in test)
        ),
        "groups in both lists": sorted(tested & {groups[row] for row in train if 0 <= row < len(groups)}),
        "groups that are tested": len(tested),
        "rows that occur twice or do not exist": len(train) + len(test) - len(groups),
        "ascending order": train == sorted(train) and test == sorted(test),
        "the same split for the same seed": list(function(list(groups), share, seed)) == [train, test],
        "another split for other seeds": any(
            list(function(list(groups), share, seed + more)) != [train, test] for more in range(1, 9)
        ),
        "the same split in every process": _in_every_process(
            lambda others: list(function(others, share, seed)), groups
        ),
        "the global random state is left alone": untouched,
    }


def _split_cases(_: Generator) -> list[Arguments]:
    """Groups of like size, in order; mixed; of very unlike size; a share that is no whole number of groups."""
    ordered = [f"c{row // 2}" for row in range(20)]
    mixed = [ordered[row * 7 % 20] for row in range(20)]
    unlike = ["large"] * 12 + [f"small {row}" for row in range(9)]
    return [
        {"groups": ordered, "test_share": 0.3, "seed": 0},
        {"groups": mixed, "test_share": 0.2, "seed": 1},
        {"groups": unlike, "test_share": 0.5, "seed": 3},
        {"groups": mixed[:13], "test_share": 0.34, "seed": 2},
    ]


SPLIT_BY_GROUP = Exercise(
    reference=evaluation.split_by_group,
    cases=_split_cases,
    observe=_observe_split,
    mistakes=edits(
        evaluation.split_by_group,
        {"sorted(set(groups))": "list(range(len(groups)))", "if group": "if row"},
        "rows are drawn, so a group has some in each list, and that is the leak: the model has met what it is "
        "tested on. Draw groups, then ask for each row whether its group was drawn.",
        {" if group not in tested": ""},
        "the first list holds every row, those of the tested groups too. Leave them out.",
        {"return train, test": "return test, train"},
        "the two lists are exchanged, or 1 - test_share of the groups is tested. The first list is to train on.",
        {"* len(names)": "* len(groups)"},
        "test_share was taken of the rows. It is a share of the groups: round(test_share * number of groups).",
        {"round": "int"},
        "int() rounds down. The nearest whole number of groups is asked for: round().",
        {"random.Random(seed).shuffle(names)": "pass"},
        "every seed gives the same split: the seed is not used, or nothing is drawn. Those that come first in the "
        "file or the alphabet are no random choice. Shuffle the groups with random.Random(seed).",
        {"Random(seed)": "Random()"},
        "the seed is not used, and each call draws anew: nobody can repeat it.",
        {"random.Random(seed)": "random.seed(seed)\n    random"},
        "random.seed, np.random.seed and torch.manual_seed change the random numbers of the whole program. A generator "
        "of your own does not: random.Random(seed).shuffle(names).",
        {"sorted(set(groups))": "list(set(groups))"},
        "a set of texts has another order in every process, and hash() another value, so the same seed draws other "
        "groups tomorrow. Sort before you draw.",
    ),
    advice={
        RESULT: "return two plain lists of row numbers, first those to train on: `return train, test`. Not the "
        "groups, and no array or set.",
        "rows in neither list or in both": "every row belongs into exactly one of the two lists. These do not.",
        "groups in both lists": "these groups have rows in both lists, and that is the leak: the model has met what "
        "it is tested on. Draw groups, not rows. Then ask for each row whether its group was drawn.",
        "groups that are tested": "that is another number of groups than asked for. test_share counts groups, not "
        "rows: round(test_share * number of different groups), and the first list is the one to train on.",
        "rows that occur twice or do not exist": "there are more row numbers than rows, or fewer. Each row "
        "counts once.",
        "ascending order": "the row numbers are not in ascending order. Go through the rows in their own order.",
        "the same split for the same seed": "two calls with one seed give two splits, so nobody can repeat the "
        "measurement. Draw with random.Random(seed), from a sorted list: a set of texts has another order in every "
        "process.",
    },
)

# --- stay_together ---


def _together_cases(_: Generator) -> list[Arguments]:
    """One kind of key; two; a chain; a row that joins two units; no keys, and one key in two columns; many rows; keys
    that count as false."""
    draw = random.Random(0)
    many = [draw.choice(["a", "b", "c", None]) if row % 3 else f"t{row}" for row in range(24)]
    return [
        {"columns": [["a", "b", "a", "c"]]},
        {"columns": [["a", "b", "c", "b"], ["x", "y", "x", "z"]]},
        {"columns": [["a", "b", "b", "c", "d"], ["x", "x", "y", "y", "z"]]},
        {"columns": [["a", "b", "c", "d", "c"], ["x", "y", "z", "y", "x"], ["1", "2", "3", "3", "4"]]},
        {"columns": [[None, None, "a", None, "b", "b"], ["a", "u", "v", "w", "w", "b"]]},
        {"columns": [many, [f"c{row * 7 % 11}" for row in range(24)]]},
        {"columns": [[0, 7, 0, None, 7, 8], ["", "a", "b", "", "c", "d"]]},
    ]


_ROOTS = "return [root(row) for row in range(len(parent))]"
_FRESH = "for column in columns:\n        first: dict[Any, int] = {}"

STAY_TOGETHER = Exercise(
    reference=own.stay_together,
    cases=_together_cases,
    observe=observe_values,
    mistakes=edits(
        own.stay_together,
        {"for column in columns:": "for column in columns[:1]:"},
        "only the first column is used. A key of any will do.",
        {"for column in columns:": "for column in [list(zip(*columns))]:"},
        "rows are joined only where all their keys agree. One common key is enough.",
        {_ROOTS: "return parent"},
        "rows are joined to the row before, and not to the first of the chain: a stays with b and b with c, so a "
        "stays with c.",
        {"if key is not None:": "if True:"},
        "None joins rows. It means that a row has no such key: skip it.",
        {"if key is not None:": "if key:"},
        "a key of 0, or an empty text, was passed over, since both count as false. Only None is no key: ask "
        "`key is not None`.",
        {"parent[other] = one": "parent[one] = other"},
        "a unit is named after its last row, or another one. Name it after its first.",
        {"parent[other] = one": "parent[row] = one"},
        "only the row itself moves to the other unit, and leaves its own behind. All rows of a unit move with it.",
        {_FRESH: "first = {}\n    for column in columns:"},
        "keys of different columns were mixed: a customer called like a text is not that text.",
        {
            _ROOTS: "roots = list(map(root, parent))\n    return [sorted(set(roots)).index(one) for one in roots]"
        },
        "the units are numbered one after the other. The name of a unit is the number of its first row.",
        {_ROOTS: "return [[i for i in parent if root(i) == r] for r in set(map(root, parent))]"},
        "those are the units. Return one number for each row, in the order of the rows.",
    ),
    advice={
        "type": "return a plain list with one int for each row.",
        "shape": "return one number for each row.",
        "value": "take two rows with a common key: they need the same number, and so does whoever shares a key with "
        "one of the two. The number is that of the first row among them.",
        "TypeError": "None cannot be put in order or added to a text. Ask `key is not None` first.",
    },
)
