"""Choosing a method: the most accurate of those that keep to what a reader can afford."""

import math

from course_utils.methods.validation import Given, checked


def _limits_are_measured(given: Given) -> None:
    """Every limit is on a number that each method has; a method of unknown accuracy is no choice."""
    for name, numbers in given["methods"].items():
        if missing := [limited for limited in ("accuracy", *given["at_most"]) if limited not in numbers]:
            raise ValueError(
                f"{name} has no number called {missing[0]}, only {', '.join(numbers)}. Give NaN where a number was not "
                "measured, or take the limit away."
            )
    given["methods"] = {
        name: numbers for name, numbers in given["methods"].items() if not math.isnan(numbers["accuracy"])
    }


@checked(_limits_are_measured)
def choose(methods: dict[str, dict[str, float]], at_most: dict[str, float]) -> str | None:
    """The name of the most accurate method that keeps to every limit; None where none does.

    methods: for each name its numbers, "accuracy" among them. at_most: for some of these numbers the most that is
    allowed, itself included. A number that was not measured is NaN, and keeps to no limit on it; a method whose
    accuracy is NaN is never chosen. Raises ValueError where a method lacks a number that is limited.
    """
    within = {
        name: numbers["accuracy"]
        for name, numbers in methods.items()
        if all(numbers[limited] <= most for limited, most in at_most.items())
    }
    return max(within, key=lambda name: within[name], default=None)
