"""Exercises that count bytes: the peak of a timeline, and what training needs whatever the batch."""

import itertools

from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Mistake,
    Observations,
    plain_int,
    slips,
)
from course_utils.methods import memory

# --- highest_level ---


def _level_cases(_: Generator) -> list[Arguments]:
    """The first level is not the highest, nor is the last; later ones reach the same level twice, or fall first."""
    changes = (
        [5, 3, -4, 2],
        [4],
        [10, -3, 3, -6, 6, -1],
        [2, 7, -8, 5, 4, -9, 1],
        [6, -1, -2, -3, 9, -4],
        [1, 1, 1, 1, 5],
    )
    return [{"changes": list(change)} for change in changes]


def _observe_level(function: Function, arguments: Arguments) -> Observations:
    given = list(arguments["changes"])
    value = function(given)
    changed = "changes" if given != arguments["changes"] else None
    if isinstance(value, tuple | list) and len(value) == 2:
        value = {"level": plain_int(value[0]), "index": plain_int(value[1])}
    elif isinstance(value, dict):
        value = (value,)  # not what the next cell can take apart, whatever its names
    return {INPUTS_CHANGED: changed, RESULT: value}


HIGHEST_LEVEL = Exercise(
    reference=memory.highest_level,
    cases=_level_cases,
    observe=_observe_level,
    mistakes=edits(
        memory.highest_level,
        (
            {"level +=": "level ="},
            "that is the largest single change. The level is the sum of all changes up to there.",
        ),
        ({"if level > highest": "if True"}, "that is the level at the end. Keep the highest one on the way."),
        (
            {"+= change": "+= max(change, 0)"},
            "what goes is not taken off. Add every change, those below 0 too.",
        ),
        (
            {">": ">="},
            "the level is right, the index is that of the last time it was reached. The first is asked for: compare "
            "with >, not with >=.",
        ),
        ({"return": "where += 1\n    return"}, "the index counts from 1. Python's first index is 0."),
        (
            {"return highest, where": "return where, highest"},
            "level and index are exchanged: the level comes first.",
        ),
        (
            {"        level += change\n": "", "level, index": "level, index\n        level += change"},
            "that is the level before each change. The change at an index has happened: add it first.",
        ),
        ({"0, 0, 0": "0, math.inf, 0", ">": "<"}, "that is the lowest level. The highest is asked for."),
        (
            {"+= change": "+= abs(change)"},
            "what goes is added as if it came. A change below 0 lowers the level: add it with its sign.",
        ),
        (
            {"return": "where = changes.index(max(changes))\n    return"},
            "the level is right, the index is that of the largest change. Which change lifted the level above all "
            "before it?",
        ),
        (
            {"return": "where = index\n    return"},
            "the level is right, the index is the last one. Keep the index at which the level was reached.",
        ),
        (
            {"return highest, where": "return highest"},
            "that is the level alone. Return the index of the change too: level, index.",
        ),
        (
            {"return highest, where": "return where"},
            "that is the index alone. Return the level too, and first: level, index.",
        ),
        (
            lambda changes: list(itertools.accumulate(changes)),
            "these are all levels. Return the highest of them, and its index.",
        ),
    ),
    advice={
        INPUTS_CHANGED: "the list of changes is changed in place: it is needed again. Only read it.",
        "type": "return two whole numbers: the highest level, and the index of the change that first reached it.",
        "value": "add the changes above one by one, from 0. Where is the sum above all sums before it for the last "
        "time? Return that sum, and the index of that change.",
    },
)

# --- training_bytes ---


def _bytes_cases(_: Generator) -> list[Arguments]:
    values = ((0, 10, 4, 4, 8), (90, 10, 4, 4, 8), (7, 3, 6, 4, 8), (1000, 1, 2, 2, 4), (5, 0, 2, 3, 7))
    names = ("frozen", "trained", "weight_bytes", "gradient_bytes", "state_bytes")
    return [dict(zip(names, value, strict=True)) for value in values]


def _observe_bytes(function: Function, arguments: Arguments) -> Observations:
    value = function(*arguments.values())
    if isinstance(value, dict) and value.keys() == {"parameters", "gradients", "optimizer state"}:
        value = {name: plain_int(value[name]) for name in ("parameters", "gradients", "optimizer state")}
    return {RESULT: value}


def _loose_bytes(
    frozen: int,
    trained: int,
    weight_bytes: int,
    gradient_bytes: int,
    state_bytes: int,
    *,
    frozen_gradients: bool = False,
    frozen_states: bool = False,
    trained_weights_only: bool = False,
    frozen_weights_only: bool = False,
    states_twice: bool = False,
    states_of_gradients: bool = False,
    no_size: bool = False,
    no_brackets: bool = False,
    sizes_exchanged: bool = False,
    of_frozen: bool = False,
) -> dict[str, int]:
    everything = frozen + trained
    weights = trained if trained_weights_only else frozen if frozen_weights_only else everything
    has_both = frozen if of_frozen else trained
    gradients = everything if frozen_gradients else has_both
    states = everything if frozen_states else has_both
    if no_size:
        weight_bytes = gradient_bytes = state_bytes = 1
    if sizes_exchanged:
        gradient_bytes, state_bytes = state_bytes, gradient_bytes
    each_state = gradient_bytes * 2 if states_of_gradients else state_bytes * (2 if states_twice else 1)
    return {
        "parameters": frozen + trained * weight_bytes if no_brackets else weights * weight_bytes,
        "gradients": gradients * gradient_bytes,
        "optimizer state": states * each_state,
    }


TRAINING_BYTES = Exercise(
    reference=memory.training_bytes,
    cases=_bytes_cases,
    observe=_observe_bytes,
    mistakes=slips(
        _loose_bytes,
        {
            "frozen_gradients": "frozen parameters are given gradients. Backward makes none for them.",
            "frozen_states": "frozen parameters are given a state. The optimizer never sees them.",
            "trained_weights_only": "the frozen weights are missing. They are not trained, but they are there.",
            "frozen_weights_only": "the trained weights are missing. Frozen or trained, a weight is there.",
            "states_twice": "the state is counted twice. state_bytes is both states of Adam together.",
            "states_of_gradients": "the state is reckoned from the gradient's bytes. Use state_bytes.",
            "no_size": "these are numbers of parameters. Multiply by the bytes of each.",
            "no_brackets": "the product is made before the sum: (frozen + trained) * weight_bytes.",
            "sizes_exchanged": "the bytes are exchanged: gradients take gradient_bytes, the state takes state_bytes.",
            "of_frozen": "gradients and state are those of the frozen parameters. Only the trained ones have them.",
        },
        Mistake(
            lambda frozen, trained, weight_bytes, gradient_bytes, state_bytes: sum(
                memory.training_bytes(frozen, trained, weight_bytes, gradient_bytes, state_bytes).values()
            ),
            "that is the total. The parts are asked for, by name, in a dictionary.",
        ),
    ),
    advice={
        "type": 'return a dictionary {"parameters": ..., "gradients": ..., "optimizer state": ...}: these three names '
        "and no other, each with a whole number.",
    },
)
