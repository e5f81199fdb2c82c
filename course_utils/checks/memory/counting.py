"""Exercises on the peak: where it lies in a timeline, and the largest batch that it leaves room for."""

import itertools
import math
from collections.abc import Callable

from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Observations,
    plain_int,
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
        {"level +=": "level ="},
        "that is the largest single change. The level is the sum of all changes up to there.",
        {"if level > highest": "if True"},
        "that is the level at the end. Keep the highest one on the way.",
        {"+= change": "+= max(change, 0)"},
        "what goes is not taken off. Add every change, those below 0 too.",
        {">": ">="},
        "the level is right, the index is that of the last time it was reached. The first is asked for: compare "
        "with >, not with >=.",
        {"return": "where += 1\n    return"},
        "the index counts from 1. Python's first index is 0.",
        {"return highest, where": "return where, highest"},
        "level and index are exchanged: the level comes first.",
        {"        level += change\n": "", "level, index": "level, index\n        level += change"},
        "that is the level before each change. The change at an index has happened: add it first.",
        {"0, 0, 0": "0, math.inf, 0", ">": "<"},
        "that is the lowest level. The highest is asked for.",
        {"+= change": "+= abs(change)"},
        "what goes is added as if it came. A change below 0 lowers the level: add it with its sign.",
        {"return": "where = changes.index(max(changes))\n    return"},
        "the level is right, the index is that of the largest change. Which change lifted the level above all "
        "before it?",
        {"return": "where = index\n    return"},
        "the level is right, the index is the last one. Keep the index at which the level was reached.",
        {"return highest, where": "return highest"},
        "that is the level alone. Return the index of the change too: level, index.",
        {"return highest, where": "return where"},
        "that is the index alone. Return the level too, and first: level, index.",
        lambda changes: list(itertools.accumulate(changes)),
        "these are all levels. Return the highest of them, and its index.",
    ),
    advice={
        INPUTS_CHANGED: "the list of changes is changed in place: it is needed again. Only read it.",
        "type": "return two whole numbers: the highest level, and the index of the change that first reached it. "
        "(.item() makes a number of a tensor with one entry.)",
        "value": "add the changes above one by one, from 0. Where is the sum above all sums before it for the last "
        "time? Return that sum, and the index of that change.",
    },
)

# --- largest_batch ---


def _level_then_line(rows: int) -> float:
    """1000 bytes whatever the batch, and 7 a row."""
    return 1000 + 7 * rows


def _in_pieces_of_512(rows: int) -> float:
    """1000 bytes and 100 a row, in pieces of 512 bytes, as an allocator gives them out."""
    return math.ceil((1000 + 100 * rows) / 512) * 512


def _line_then_curve(rows: int) -> float:
    """Two moments vie for the peak: one grows with the batch, the other with its square."""
    return max(500 + 20 * rows, 5 * rows**2)


def _batch_cases(_: Generator) -> list[Arguments]:
    """The last one that fits: none, one, a power of two, beside one, at a step, where two moments cross; and many."""
    line, pieces, curve = _level_then_line, _in_pieces_of_512, _line_then_curve
    frees = [
        (line, 1035),
        (line, 1006),
        (line, 1007),
        (line, 1056),
        (line, 1150),
        (pieces, 3000),
        (curve, 2000),
    ]
    return [{"peak": peak, "free": free} for peak, free in [*frees, (curve, 505), (line, 10**6)]]


def _observe_batch(function: Function, arguments: Arguments) -> Observations:
    peak, asked = arguments["peak"], list[int]()

    def counted(rows: int) -> float:
        asked.append(rows)
        return peak(rows)

    counted.__name__ = peak.__name__
    value = plain_int(function(counted, arguments["free"]))
    whole = all(isinstance(plain_int(rows), int) and rows > 0 for rows in asked)
    return {RESULT: value, SIZES: "whole, from 1" if whole else "others", ASKED: len(asked) < 60}


def _one_by_one(peak: Callable[[int], float], free: float) -> int:
    rows = 0
    while peak(rows + 1) <= free:
        rows += 1
    return rows


def _on_a_line(peak: Callable[[int], float], free: float) -> int:
    per_row = peak(2) - peak(1)
    return max(int((free - peak(1) + per_row) // per_row), 0) if per_row else 0


SIZES, ASKED = "the batch sizes that were tried", "a size is tried fewer than 60 times"
_OUTGROWN = "while peak(too_large) <= free"
_HALVING = "while too_large - fits > 1"

LARGEST_BATCH = Exercise(
    reference=memory.largest_batch,
    cases=_batch_cases,
    observe=_observe_batch,
    mistakes=edits(
        memory.largest_batch,
        {"fits, too_large = 0, 1": "fits, too_large = 1, 2"},
        "where not even one row fits, the answer is 0. Begin with that: 0 fits, and 1 is not known yet.",
        {_HALVING: "while False"},
        "that is a power of two. It fits, and its double does not: the largest one that fits may lie between. "
        "Halve the gap until it is 1.",
        {"return fits": "return too_large"},
        "that is the smallest batch that does not fit. The one before it does.",
        {"<= free": "< free"},
        "a step that needs exactly what is free does fit: compare with <=.",
        {"> 1:": "> 2:"},
        "the search ends too early. The two must be neighbours: one fits, the next does not.",
        {"fits = middle": "fits = middle + 1", "too_large = middle": "too_large = middle - 1"},
        "the search steps over sizes that it has not tried. What fits becomes `fits` itself, and what does not "
        "becomes `too_large`.",
        {"if peak(middle) <= free": "if peak(middle) > free"},
        "the halves are exchanged: where the middle fits, search above it.",
        {"return fits": "return peak(fits) if fits else 0"},
        "those are the bytes. The size of the batch is asked for.",
        {_OUTGROWN: "while too_large * peak(1) <= free", "peak(middle)": "middle * peak(1)"},
        "what a single row needs is multiplied. Parameters, gradients and states are there once, whatever the "
        "batch: ask peak for the batch itself.",
        _on_a_line,
        "that draws a straight line through the peaks of 1 and 2. The peak need not lie on one: memory comes in "
        "pieces, and another moment may become the worst. Try the sizes themselves.",
        _one_by_one,
        "right, but each size that is tried is a training step, and there are many. Double the size until it does "
        "not fit, then halve the gap.",
    ),
    advice={
        "type": "return a whole number: how many rows fit.",
        "value": "with that many rows the step must fit, and with one row more it must not. Try both by hand.",
        SIZES: "a batch has a whole number of rows, 1 or more: ask peak for no other.",
        ASKED: "too many sizes are tried, and each is a training step. Double until it does not fit, then halve the "
        "gap.",
    },
)
