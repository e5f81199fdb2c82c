"""The exercises of the notebooks: an answer is checked when it is defined, and never stops the notebook.

`exercise` decorates a stub, `hint` helps a reader who is stuck, `grade` judges any answer, `exercises` lists the
ids, `progress` shows what is solved, `reference` gives the course's own answer.
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
    hints,
    ia3,
    intermediate_kd,
    logit_kd,
    lora,
    madx,
    memory,
    prompts,
    record,
    scale,
    seqkd,
    your_own,
)
from course_utils.checks.engine import Outcome
from course_utils.checks.tasks import Exercise

__all__ = ["Outcome", "UnknownExercise", "exercise", "exercises", "grade", "hint", "progress", "reference"]

# One module a notebook, in the course's order.
TOPICS: tuple[ModuleType, ...] = (
    first_steps, scale, logit_kd, intermediate_kd, seqkd, memory, freezing,
    ia3, adapters, madx, prompts, lora, beyond, your_own,
)  # fmt: skip
_TASKS: dict[str, Exercise] = {
    f"{topic.__name__.rpartition('.')[2]}.{task.reference.__name__}": task
    for topic in TOPICS
    for task in topic.EXERCISES
}
_MARKS = {"right": ("\u2713", "[right]"), "wrong": ("\u2717", "[wrong]"), "not attempted": ("\u25cb", "[ ]")}
_WORDS = {"right": "solved", "wrong": "tried", "not attempted": "not attempted"}

_met: set[str] = set()  # the topics of which this kernel has met an exercise


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
        _met.add(_topic(id))
        record.add(id, status=outcome.status)
        _show(outcome.status, f"{id}: {outcome.message}")
        if outcome.status != "right":
            return task.reference
        if _parameters(candidate) != _parameters(task.reference):
            print("  Later cells use the stub's names of the parameters, so the reference stands in.")
            return task.reference
        return candidate

    return decorate


def hint(id: str, all: bool = False) -> None:
    """Print the next of an exercise's three hints: a nudge, the idea, nearly the line.

    Each call gives the next one, in a later kernel too; after the third, the third again. With `all` it gives the
    three at once. An unknown id raises UnknownExercise.
    """
    _task(id)
    texts = hints.of_exercise(id)
    read = record.entries().get(id, record.Entry()).hints
    last = len(texts) if all else min(read + 1, len(texts))
    _met.add(_topic(id))
    record.add(id, hints=last)
    for number in range(1 if all else last, last + 1):
        print(f"{id}: hint {number} of {len(texts)}\n\n{hints.laid_out(texts[number - 1])}\n")
    if last < len(texts):
        print("Still stuck? Run this cell again: it gives the next hint.")
    else:
        print("That was the last hint. The solution is folded away under the exercise.")


def progress(reset: bool = False) -> None:
    """Print what is solved, what was tried, how many hints were read, and which exercise is next.

    It survives a kernel's restart; `reset` forgets everything first. Shown are the notebooks whose exercises this
    kernel has met, or else those that were begun before, or else all.
    """
    if reset:
        record.clear()
        print("Your progress is reset: no exercise counts as tried, and no hint as read.")
    entries = record.entries()
    known = {id: entries.get(id, record.Entry()) for id in _TASKS}
    begun = _met or {_topic(id) for id in _TASKS if id in entries}
    ids = [id for id in _TASKS if not begun or _topic(id) in begun]
    solved = [id for id in _TASKS if known[id].status == "right"]
    print(f"{len(set(solved) & set(ids))} of {len(ids)} exercises solved")
    width = max(map(len, ids))
    for id in ids:
        status, read = known[id].status, known[id].hints
        used = f", {read} hint{'s' if read > 1 else ''}" if read else ""
        _show(status, f"{id:<{width}}  {_WORDS[status]}{used}")
    start = exercises().index(ids[0])
    unsolved = [id for id in exercises()[start:] + exercises()[:start] if id not in solved]
    if unsolved:
        print(f'Next: {unsolved[0]}. If you are stuck, run course_utils.hint("{unsolved[0]}").')
    else:
        print("Every exercise of the course is solved.")


def _topic(id: str) -> str:
    return id.partition(".")[0]


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
