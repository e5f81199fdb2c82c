"""Exercise on the Pareto front: which methods are worth their size."""

import functools
from typing import Any

from torch import Generator

from course_utils.checks.compare import describe
from course_utils.checks.tasks import (
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Mistake,
    Observations,
    slips,
)
from course_utils.methods import ia3

KIND = "kind of answer"
_POINTS: tuple[tuple[list[int], list[float]], ...] = (
    ([10, 20, 30], [60.0, 50.0, 70.0]),  # the middle one is worse than the first
    ([30, 10, 20], [70.0, 60.0, 50.0]),  # the same, in another order
    ([5, 5, 9], [60.0, 80.0, 90.0]),  # two of one size
    ([5, 8, 9], [60.0, 80.0, 80.0]),  # two of one score
    ([7], [50.0]),
    ([100, 1, 10, 50, 60], [68.0, 20.0, 70.0, 60.0, 65.0]),  # better than the next smaller one is not enough
    ([1, 2, 3, 4], [40.0, 30.0, 20.0, 10.0]),  # the smallest is the best of all
    ([4, 3, 2, 1], [80.0, 79.5, 79.0, 10.0]),  # all of them, however little they gain
    ([1, 2, 3], [-2.0, -3.0, 0.0]),  # a score may be below 0, as a log-likelihood is
)


def _cases(_: Generator) -> list[Arguments]:
    return [{"sizes": list(sizes), "scores": list(scores)} for sizes, scores in _POINTS]


def _observe(function: Function, arguments: Arguments) -> Observations:
    sizes, scores = list(arguments["sizes"]), list(arguments["scores"])
    result: Any = function(sizes, scores)
    changed = [name for name, after in (("sizes", sizes), ("scores", scores)) if after != arguments[name]]
    seen: Observations = {INPUTS_CHANGED: ", ".join(changed) or None}
    if hasattr(result, "tolist"):  # a tensor, an array, an index of pandas
        result = result.tolist()
    places = _places(result)
    if places is None:
        return {**seen, KIND: describe(result), RESULT: None}
    return {**seen, KIND: "a list of places", RESULT: places}


def _places(result: Any) -> list[int] | None:
    """The answer as whole numbers; None where it is something else. NumPy's whole numbers will do."""
    if not isinstance(result, list | tuple):
        return None
    if any(isinstance(place, bool) or not hasattr(place, "__index__") for place in result):
        return None
    return [place.__index__() for place in result]


def _loose(
    sizes: list[int],
    scores: list[float],
    *,
    small_is_bad: bool = False,
    ties_stay: bool = False,
    beaten_both_strictly: bool = False,
    unsorted: bool = False,
    descending: bool = False,
    only_best: bool = False,
    everything: bool = False,
    values: bool = False,
    mask: bool = False,
    neighbours: bool = False,
) -> list[Any]:
    places = list(range(len(sizes)))

    def beaten(i: int) -> bool:
        for j in places:
            smaller, better = sizes[i] - sizes[j], scores[j] - scores[i]
            smaller = -smaller if small_is_bad else smaller
            if beaten_both_strictly or ties_stay:
                if smaller > 0 and better > 0:
                    return True
            elif smaller >= 0 and better >= 0 and (smaller or better):
                return True
        return False

    order = sorted(places, key=lambda i: (sizes[i], -scores[i]))
    if neighbours:  # better than the next smaller one, whatever stands before that
        kept = [i for k, i in enumerate(order) if k == 0 or scores[i] > scores[order[k - 1]]]
    elif only_best:
        kept = [max(places, key=lambda i: scores[i])]
    else:
        kept = [i for i in order if everything or not beaten(i)]
    if unsorted:
        kept = sorted(kept)
    if descending:
        kept = kept[::-1]
    if mask:
        return [i in kept for i in places]
    return [(sizes[i], scores[i]) for i in kept] if values else kept


def _sweep(
    sizes: list[int],
    scores: list[float],
    *,
    by_size_alone: bool = False,
    as_good: bool = False,
    least: float = float("-inf"),
) -> list[int]:
    """From the smallest up, keeping what is better than all before, and than `least`. `by_size_alone` leaves ties in
    size as they came; `as_good` keeps what is only as good."""
    kept: list[int] = []
    for i in sorted(range(len(sizes)), key=lambda i: (sizes[i], 0 if by_size_alone else -scores[i])):
        best = scores[kept[-1]] if kept else least
        if scores[i] > best or (as_good and scores[i] == best):
            kept.append(i)
    return kept


def _as_they_came(sizes: list[int], scores: list[float]) -> list[int]:
    kept: list[int] = []
    for i, score in enumerate(scores):
        if not kept or score > scores[kept[-1]]:
            kept.append(i)
    return kept


_ONE_SIZE = (
    "of two points of one size the worse one stays, if it comes first. Sort by size, and among equals by score, the "
    "better one first."
)
_ONE_SCORE = (
    "a point stays that is larger than another and only as good. It must be better than every smaller one."
)

PARETO_FRONT = Exercise(
    reference=ia3.pareto_front,
    cases=_cases,
    observe=_observe,
    mistakes=slips(
        _loose,
        {
            "small_is_bad": "that keeps what is large and good. A small size is the better one.",
            "ties_stay": "a point stays that another equals in one of the two and beats in the other. That other is "
            "enough: it is as small and as good, and in one of them better.",
            "unsorted": "the right points, in the order in which they came. Sort them by size, the smallest first: "
            "the front is drawn as a line.",
            "descending": "the right points, the largest first. Begin with the smallest.",
            "only_best": "that is the point with the best score alone. A smaller one that is not beaten by anything "
            "smaller still belongs to the front.",
            "everything": "all points are there, sorted. Leave out each that another one beats.",
            "values": "the right points, but return their places in the lists, 0 for the first: [0, 2].",
            "neighbours": "each point is compared with the next smaller one only. It must beat every smaller one: "
            "keep the best score so far.",
        },
        Mistake(functools.partial(_sweep, by_size_alone=True), _ONE_SIZE),
        Mistake(functools.partial(_sweep, as_good=True), _ONE_SCORE),
        Mistake(
            functools.partial(_sweep, by_size_alone=True, as_good=True),
            f"Two things. First: {_ONE_SIZE} Second: {_ONE_SCORE}",
        ),
        Mistake(
            functools.partial(_sweep, least=0.0),
            "the best score so far begins at 0, and here no score is above that. Begin with minus infinity: "
            'float("-inf").',
        ),
        Mistake(
            lambda sizes, scores: sorted(range(len(sizes)), key=lambda i: sizes[i]),
            "every place is there, sorted by size. Leave out each point that another one beats.",
        ),
        Mistake(
            lambda sizes, scores: [sizes[i] for i in ia3.pareto_front(sizes, scores)],
            "those are the sizes of the right points. Return their places in the lists, 0 for the first.",
        ),
        Mistake(
            lambda sizes, scores: [i + 1 for i in ia3.pareto_front(sizes, scores)],
            "the right points, counted from one. Places are counted from 0.",
        ),
        Mistake(
            _as_they_came,
            "the points are gone through as they came. Sort them by size first: only then is all that is smaller "
            "behind you.",
        ),
        Mistake(
            lambda sizes, scores: [],
            "no point is left. Each is as small and as good as itself: to beat it, another must be smaller or better.",
        ),
        Mistake(
            lambda sizes, scores: _loose(sizes, scores, mask=True),
            "that says yes or no for each point. Return the places of those with a yes, sorted by size.",
        ),
    ),
    advice={
        KIND: "return a list of whole numbers: the places of the points on the front, 0 for the first.",
        RESULT: "those are not the points of the front, in the order of their sizes. A point falls out where another "
        "is as small and as good, and smaller or better.",
        "shape": "too many points, or too few. A point falls out where another is as small and as good, and smaller "
        "or better.",
    },
)
