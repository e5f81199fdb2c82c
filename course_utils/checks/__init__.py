"""The exercises of the notebooks: an answer is checked when it is defined, and never stops the notebook.

`exercise` decorates a stub, `grade` judges any answer, `exercises` lists the ids, `progress` shows what is
solved, `reference` gives the course's own answer.
"""

import difflib
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from course_utils.checks import (
    adapters,
    beyond,
    engine,
    first_steps,
    freezing,
    ia3,
    intermediate_kd,
    logit_kd,
    lora,
    madx,
    memory,
    prompts,
    scale,
    seqkd,
)
from course_utils.checks.engine import Outcome
from course_utils.checks.tasks import Exercise

__all__ = ["Outcome", "UnknownExercise", "exercise", "exercises", "grade", "progress", "reference"]

# One module a notebook, in the course's order.
TOPICS: tuple[ModuleType, ...] = (
    first_steps, scale, logit_kd, intermediate_kd, seqkd, memory, freezing,
    ia3, adapters, madx, prompts, lora, beyond,
)  # fmt: skip
_TASKS: dict[str, Exercise] = {
    f"{topic.__name__.rpartition('.')[2]}.{task.reference.__name__}": task
    for topic in TOPICS
    for task in topic.EXERCISES
}
_MARKS = {"right": ("\u2713", "[right]"), "wrong": ("\u2717", "[wrong]"), "not attempted": ("\u25cb", "[ ]")}
_WORDS = {"right": "solved", "wrong": "tried", "not attempted": "not attempted"}

_session: dict[str, Outcome] = {}  # the last outcome of each exercise whose cell was run


class UnknownExercise(LookupError):
    """No exercise has this id."""


def exercises() -> list[str]:
    """The ids of all exercises, in the course's order, for example "logit_kd.kd_loss"."""
    return list(_TASKS)


def grade(id: str, candidate: Any) -> Outcome:
    """Judge an answer: status "right", "wrong" or "not attempted", and a message for its author.

    Whatever the candidate does ends in a message: an error, an endless loop, `exit()`. Only an unknown id
    raises (UnknownExercise), and the reader's own Ctrl-C.
    """
    return engine.check(_task(id), candidate)


def reference(id: str) -> Callable[..., Any]:
    """The course's own answer to an exercise, from `methods/`."""
    return _task(id).reference


def exercise(id: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a stub: check the answer, print what came of it, and bind the name to something that works.

    That is the reader's own function where it is right, and the reference otherwise.
    """
    task = _task(id)

    def decorate(candidate: Callable[..., Any]) -> Callable[..., Any]:
        outcome = grade(id, candidate)
        _session[id] = outcome
        _show(outcome.status, f"{id}: {outcome.message}")
        if outcome.status != "right":
            return task.reference
        if _parameters(candidate) != _parameters(task.reference):
            print("  Later cells use the stub's names of the parameters, so the reference stands in.")
            return task.reference
        return candidate

    return decorate


def progress() -> None:
    """Print what is solved, of those notebooks whose exercises this session has met, or else of all."""
    met = {id.partition(".")[0] for id in _session}
    ids = [id for id in _TASKS if not met or id.partition(".")[0] in met]
    statuses = {id: _session[id].status if id in _session else "not attempted" for id in ids}
    solved = sum(status == "right" for status in statuses.values())
    print(f"{solved} of {len(ids)} exercises solved")
    width = max(map(len, ids))
    for id, status in statuses.items():
        _show(status, f"{id:<{width}}  {_WORDS[status]}")


def _task(id: str) -> Exercise:
    if id in _TASKS:
        return _TASKS[id]
    nearest = difflib.get_close_matches(str(id), _TASKS, n=3, cutoff=0.3) or list(_TASKS)[:3]
    raise UnknownExercise(
        f"There is no exercise {id!r}. The nearest: {', '.join(nearest)}. "
        "course_utils.checks.exercises() lists them all."
    )


def _parameters(function: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some functions written in C do not tell
        return []


def _show(status: str, text: str) -> None:
    """Print with a mark that this output can show: not every locale has a tick."""
    mark, plain_mark = _MARKS[status]
    try:
        mark.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        mark = plain_mark
    print(mark, text)
