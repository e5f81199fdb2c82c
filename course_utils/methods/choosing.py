"""Choosing a method: the most accurate of those that keep to what a reader can afford."""


def choose(methods: dict[str, dict[str, float]], at_most: dict[str, float]) -> str | None:
    """The name of the most accurate method that keeps to every limit; None where none does.

    methods: for each name its numbers, "accuracy" among them. at_most: for some of these numbers the most that is
    allowed, itself included. A number that was not measured is NaN, and keeps to no limit on it.
    """
    within = {
        name: numbers["accuracy"]
        for name, numbers in methods.items()
        if all(numbers[limited] <= most for limited, most in at_most.items())
    }
    return max(within, key=lambda name: within[name], default=None)
