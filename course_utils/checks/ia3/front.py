"""Exercise on the Pareto front: which methods are worth their size."""

from typing import Any

from torch import Generator

from course_utils.checks.compare import describe
from course_utils.checks.edits import edits
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
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
    ([3, 1, 3, 2], [50.0, 20.0, 50.0, 30.0]),  # two that are equal
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
    return {
        **seen,
        KIND: "a list of places",
        RESULT: _without_equals(places, [*zip(sizes, scores, strict=True)]),
    }


def _without_equals(places: list[int], points: list[tuple[float, float]]) -> list[int]:
    """Of equal points one stands for all: whichever of them an answer has, or all of them, is right."""
    if not all(0 <= place < len(points) for place in places):
        return places
    firsts = [points.index(points[place]) for place in places]
    return [one for k, one in enumerate(firsts) if one not in firsts[:k] or places[k] in places[:k]]


def _places(result: Any) -> list[int] | None:
    """The answer as whole numbers; None where it is something else. NumPy's whole numbers will do."""
    if not isinstance(result, list | tuple):
        return None
    if any(isinstance(place, bool) or not hasattr(place, "__index__") for place in result):
        return None
    return [place.__index__() for place in result]


_KEY = "key=lambda i: (sizes[i], -scores[i])"
_BETTER = "not front or scores[place] > scores[front[-1]]"

PARETO_FRONT = Exercise(
    reference=ia3.pareto_front,
    cases=_cases,
    observe=_observe,
    mistakes=edits(
        ia3.pareto_front,
        {"front.append(place)": "front.append(sizes.index(sizes[place]))"},
        "list.index finds the first point of that size, which may be another one. Sort the places themselves: "
        "sorted(range(len(sizes)), key=...).",
        {
            "sorted(range(len(sizes))": "sorted([i for i in range(len(sizes)) if [*zip(sizes, "
            "scores)].count((sizes[i], scores[i])) == 1]"
        },
        "of two equal points both are left out, since each is as small and as good as the other. Keep the first: "
        "only one that is smaller or better, too, beats a point.",
        {", -scores[i]": ""},
        "of two points of one size the worse one stays, if it comes first. Sort by size, and among equals by "
        "score, the better one first.",
        {"> scores": ">= scores"},
        "a point stays that is larger than another and only as good. It must be better than every smaller one.",
        {"(sizes[i]": "(-sizes[i]", "return": f"front.sort({_KEY})\n    return"},
        "that keeps what is large and good. A small size is the better one.",
        {_BETTER: "not any(sizes[i] != sizes[place] and scores[i] > scores[place] for i in front)"},
        "a point stays that another equals in one of the two and beats in the other. That other is "
        "enough: it is as small and as good, and in one of them better.",
        {"return": "front.sort()\n    return"},
        "the right points, in the order in which they came. Sort them by size, the smallest first: "
        "the front is drawn as a line.",
        {"return": "front.reverse()\n    return"},
        "the right points, the largest first. Begin with the smallest.",
        {"return": "front = front[-1:]\n    return"},
        "that is the point with the best score alone. A smaller one that is not beaten by anything "
        "smaller still belongs to the front.",
        {_BETTER: "True"},
        "all points are there, sorted. Leave out each that another one beats.",
        {"return front": "return [(sizes[i], scores[i]) for i in front]"},
        "the right points, but return their places in the lists, 0 for the first: [0, 2].",
        {
            "front: list[int] = []": "front, before = [], None",
            _BETTER: "before is None or scores[place] > scores[before]",
            "append(place)": "append(place)\n        before = place",
        },
        "each point is compared with the next smaller one only. It must beat every smaller one: "
        "keep the best score so far.",
        {_BETTER: "scores[place] > (scores[front[-1]] if front else 0)"},
        'the best score so far begins at 0, and here no score is above that. Begin with minus infinity: float("-inf").',
        {", -scores[i]": "", _BETTER: "True"},
        "every place is there, sorted by size. Leave out each point that another one beats.",
        {"return front": "return [sizes[i] for i in front]"},
        "those are the sizes of the right points. Return their places in the lists, 0 for the first.",
        {"return front": "return [i + 1 for i in front]"},
        "the right points, counted from one. Places are counted from 0.",
        {f"sorted(range(len(sizes)), {_KEY})": "range(len(sizes))"},
        "the points are gone through as they came. Sort them by size first: only then has all that is smaller "
        "been seen.",
        {"return front": "return []"},
        "no point is left. Each is as small and as good as itself: to beat it, another must be smaller or better.",
        {"return front": "return [i in front for i in range(len(sizes))]"},
        "that says yes or no for each point. Return the places of those with a yes, sorted by size.",
    ),
    advice={
        KIND: "return a list of whole numbers: the places of the points on the front, 0 for the first.",
        RESULT: "those are not the points of the front, in the order of their sizes. A point falls out where another "
        "is as small and as good, and smaller or better.",
    },
)
