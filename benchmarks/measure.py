"""Two sides measured in turns, and the figure that comes of it."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import course_utils  # noqa: F401 (before torch: it sets how torch's threads wait for each other)

# isort: split
import torch
from tqdm import tqdm

ROUNDS = 5


@dataclass(frozen=True)
class Figure:
    """One line of the report. `value` is a ratio of times, or a difference in points of accuracy."""

    name: str
    value: float
    unit: str
    ours: float
    other: float
    spread: tuple[float, float]
    goal: str = ""
    held: bool | None = None


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call, with the device's queue empty before and after."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(
    name: str, ours: Callable[[], float], other: Callable[[], float], goal: float | None = None
) -> Figure:
    """Median over the rounds of ours / other; each side is a function that returns its own seconds."""
    ours(), other()
    pairs = []
    for turn in tqdm(range(ROUNDS), desc=name[:50], leave=False):
        if turn % 2:
            second, first = other(), ours()
        else:
            first, second = ours(), other()
        pairs.append((first, second))
    ratios = [first / second for first, second in pairs]
    value = statistics.median(ratios)
    sides = [statistics.median(side) for side in zip(*pairs, strict=True)]
    held = None if goal is None else value <= goal
    limit = "" if goal is None else f"at most {goal}"
    return Figure(name, value, "x", sides[0], sides[1], (min(ratios), max(ratios)), limit, held)


def line(figure: Figure) -> str:
    """A figure as two lines of text."""
    verdict = (
        "no goal" if figure.held is None else f"goal {figure.goal}: {'held' if figure.held else 'NOT HELD'}"
    )
    unit = "s" if figure.unit == "x" else "%"
    return (
        f"{figure.value:6.3f} {figure.unit:<6} {figure.name}\n"
        f"              {figure.ours:.3f} {unit} and {figure.other:.3f} {unit}; "
        f"from {figure.spread[0]:.3f} to {figure.spread[1]:.3f}; {verdict}"
    )
