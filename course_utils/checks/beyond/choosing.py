"""The exercise on choosing a method under limits."""

import copy
import math

from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import choosing

_SIZES = {
    "full": {"accuracy": 0.9, "parameters": 1000.0, "seconds": 8.0},
    "thin": {"accuracy": 0.88, "parameters": 20.0, "seconds": 9.0},
    "head": {"accuracy": 0.7, "parameters": 5.0, "seconds": 3.0},
    "odd": {"accuracy": 0.6, "parameters": 30.0, "seconds": 7.0},
}
_UNMEASURED = {
    "new": {"accuracy": 0.95, "parameters": 10.0, "seconds": math.nan},
    **_SIZES,
    "half": {"accuracy": 0.8, "parameters": 500.0, "seconds": 8.5},
}


def _observe(function: Function, arguments: Arguments) -> Observations:
    given = copy.deepcopy(arguments)
    value = function(*given.values())
    changed = [name for name, before in arguments.items() if repr(before) != repr(given[name])]
    return {INPUTS_CHANGED: ", ".join(changed) or None, RESULT: value}


def _cases(_: Generator) -> list[Arguments]:
    """One limit; the limit itself; two limits; none; nothing fits; a number that nobody measured."""
    limits: tuple[tuple[dict, dict], ...] = (
        (_SIZES, {"parameters": 100.0}),
        (_SIZES, {"parameters": 5.0}),
        (_SIZES, {"parameters": 1000.0, "seconds": 8.0}),
        (_SIZES, {}),
        (_SIZES, {"seconds": 1.0}),
        (_SIZES, {"parameters": 100.0, "seconds": 8.5}),
        (_UNMEASURED, {"seconds": 8.7}),
        (_UNMEASURED, {"parameters": 500.0}),
        (_UNMEASURED, {"parameters": 500.0, "seconds": 8.7}),
    )
    return [{"methods": methods, "at_most": at_most} for methods, at_most in limits]


CHOOSE = Exercise(
    reference=choosing.choose,
    cases=_cases,
    observe=_observe,
    mistakes=edits(
        choosing.choose,
        {"<=": "<"},
        "a method that needs just as much as is allowed is refused. The limit itself is allowed: <=.",
        {"<=": ">="},
        "the limits are turned round: a method must need at most that much, <=.",
        {
            "all(numbers[limited] <= most for limited, most in at_most.items())": "sum(numbers[limited] for "
            "limited in at_most) <= sum(at_most.values())"
        },
        "the numbers are added up, and one limit makes up for another. Each holds by itself.",
        {"all(": "not at_most or any("},
        "a method that keeps to one of the limits is taken. It must keep to all of them.",
        {"numbers[limited] <=": "not numbers[limited] >"},
        "a number that nobody measured (NaN) is taken to keep to the limit. Ask `number <= limit`: with NaN that "
        "is False. `not number > limit` is True.",
        {"max(within, key=lambda name: within[name], default=None)": "next(iter(within), None)"},
        "that is the first that fits. The most accurate of those that fit is asked for.",
        {"max": "min", "within[name]": 'methods[name]["parameters"]'},
        "that is the one with the fewest parameters. Among those that fit, accuracy decides.",
        {"within, key=lambda name: within[name]": "within.values()"},
        "that is the accuracy. Return the name of the method.",
        {"return": 'within = within or {name: methods[name]["accuracy"] for name in methods}\n    return'},
        "where nothing fits, a method is named all the same. Return None there.",
        {
            "return": 'best = max(methods, key=lambda name: methods[name]["accuracy"])\n    return',
            "max(within, key=lambda name: within[name], default=None)": "best if best in within else None",
        },
        "the most accurate of all is taken, and dropped where it breaks a limit. Leave out what breaks a limit "
        "first, and take the most accurate of the rest.",
        {"max": "min"},
        "that is the least accurate of those that fit. Take the most accurate.",
        {"at_most.items()": "()"},
        "the limits are not looked at. Leave out every method that needs more than one of them allows.",
        {"at_most.items()": "list(at_most.items())[:1]"},
        "only the first limit is looked at. A method must keep to all of them.",
        {", default=None": ""},
        "max() of nothing raises. Where no method fits, return None: max(..., default=None).",
        {", key=lambda name: within[name]": ""},
        "max() of names takes the last in the alphabet. Tell it what to compare: key=lambda name: "
        "methods[name]['accuracy'].",
    ),
    advice={
        "none": "None says that no method fits, and here one does: it needs at most what each limit allows. (Or does "
        "the function lack its `return`?)",
        "type": "return the name of a method, a str, or None where none fits.",
        "value": "that is another method. Cross out all that break a limit, or have NaN there; of the rest take the "
        "most accurate.",
        "IndexError": "where no method fits, the list is empty, and has no first or last. Return None there.",
        "KeyError": "the limits bear the names of the numbers: methods[name][limited] is at most at_most[limited].",
    },
)
