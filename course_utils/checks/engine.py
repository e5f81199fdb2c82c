"""Grade an answer: run it and the reference on the same inputs, compare, and name the likely mistake."""

import inspect
import linecache
import math
import textwrap
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal, TypeVar

import torch

from course_utils.checks import sandbox
from course_utils.checks.advice import advice_for, unrun
from course_utils.checks.compare import ascii_only, describe, describe_both, difference
from course_utils.checks.stubs import is_stub
from course_utils.checks.tasks import ERROR, RESULT, Arguments, Exercise, Function, Mistake, Observations

CASES_SEED = 2015  # the checks make their own inputs: never from the reader's seed
RAISED = "raised"
MESSAGE = "its message"
ENTRY_LINES = 12  # of each part of a message: a reader's function may print, return or raise a megabyte

Told = TypeVar("Told")


@dataclass(frozen=True)
class Outcome:
    """What became of an answer, and the text for its author, in ASCII."""

    status: Literal["right", "wrong", "not attempted"]
    message: str


def check(task: Exercise, candidate: Any) -> Outcome:
    """Grade an answer. Nothing that the candidate does is raised here, except the reader's own Ctrl-C."""
    if not callable(candidate):
        return Outcome("wrong", f"this is {describe(candidate)}, not a function. Define it with `def`.")
    if is_stub(candidate):
        return Outcome(
            "not attempted", "not attempted yet. The reference stands in, so everything below works."
        )
    cases, expected = _cases(task), _expected(task)
    namespace = getattr(_function(candidate), "__globals__", {})
    calls = [partial(_compare, task, candidate, *pair) for pair in zip(cases, expected, strict=True)]
    report = sandbox.run(calls, namespace, sandbox.TIME_LIMIT)
    if report.cut:
        case = cases[min(len(report.results), len(cases) - 1)]  # the last one may have ended meanwhile
        return Outcome("wrong", _endless_message(case))
    seen = [_seen(result) for result in report.results]
    failed = next((index for index, (problem, _) in enumerate(seen) if problem), None)
    if failed is None:
        return Outcome("right", f"right, on all {len(cases)} inputs that were tried.")
    observed = [observations for _, observations in seen]
    return Outcome("wrong", _wrong_message(task, candidate, observed, failed, report.results))


# The inputs are the same every time, so what the reference and the mistakes make of them is kept.


@cache
def _cases(task: Exercise) -> list[Arguments]:
    # A model that a case makes draws from the global generator, which is the reader's.
    with torch.random.fork_rng():
        torch.manual_seed(CASES_SEED)
        return task.cases(torch.Generator().manual_seed(CASES_SEED))


@cache
def _expected(task: Exercise) -> list[Observations]:
    """In the sandbox too: there, grad mode and default dtype are PyTorch's, whatever the notebook has set."""
    report = sandbox.run([partial(task.observe, task.reference, case) for case in _cases(task)], {}, math.inf)
    for result in report.results:
        if result.error is not None:
            raise result.error
    return [result.value for result in report.results]


@cache
def _mistaken(task: Exercise, mistake: Mistake, index: int) -> Observations:
    try:
        return task.observe(mistake.wrong, _cases(task)[index])
    except Exception as error:  # some mistakes end in an error
        return {RAISED: type(error).__name__, MESSAGE: str(error)}


def _compare(
    task: Exercise, candidate: Function, case: Arguments, expected: Observations
) -> tuple[tuple[str, str] | None, Observations]:
    """The first difference as (name of the observation, kind), and all that was observed."""
    observed = task.observe(candidate, case)
    return first_difference(expected, observed), observed


def first_difference(expected: Observations, observed: Observations) -> tuple[str, str] | None:
    """The first observation that differs, and how; None where all agree."""
    for name, value in expected.items():
        if name not in observed:
            return name, "type"
        if kind := difference(value, observed[name]):
            return name, "none" if observed[name] is None else kind
    return None


def _seen(result: sandbox.Result) -> tuple[tuple[str, str] | None, Observations]:
    if result.error is not None:
        kind = type(result.error).__name__
        return (RAISED, kind), {RAISED: kind}
    return result.value  # type: ignore[no-any-return]


def _known_mistake(
    task: Exercise, observed: Sequence[Observations], results: Sequence[sandbox.Result]
) -> str | None:
    """The hint of the first mistake that behaves like the answer on every case.

    Two at once are named only for an answer that gave something wrong. An error alone says too little: one that comes
    in every case would fit any two mistakes that fail together. And where an answer gives nothing but errors, their
    messages must agree as well: many things end in a TypeError.
    """
    gave = any(
        RAISED not in theirs and not theirs.get(ERROR) and first_difference(ours, theirs)
        for ours, theirs in zip(_expected(task), observed, strict=True)
    )
    only_errors = all(RAISED in theirs for theirs in observed)

    def behaves_alike(mistake: Mistake) -> bool:
        for index, theirs in enumerate(observed):
            ours = dict(_mistaken(task, mistake, index))
            message = ours.pop(MESSAGE, None)
            if list(ours) != list(theirs) or first_difference(ours, theirs):
                return False
            if only_errors and message != str(results[index].error):
                return False
        return True

    def search() -> str | None:
        tried = (mistake for mistake in task.mistakes if gave or not mistake.twofold)
        return next((mistake.hint for mistake in tried if behaves_alike(mistake)), None)

    return _guarded(search, None)


def _wrong_message(
    task: Exercise,
    candidate: Function,
    observed: Sequence[Observations],
    failed: int,
    results: Sequence[sandbox.Result],
) -> str:
    cases, expected, result = _cases(task), _expected(task), results[failed]
    problem, kind = _seen(result)[0] or ("", "")
    lines = {"given": _given(cases[failed]), "came back": "", "expected": ""}
    if result.error is not None:
        inside, line = _where(result.error, candidate)
        kind = kind if inside or kind != "TypeError" else "call"
        error = _guarded(partial(_error, result.error), ascii_only(type(result.error).__name__))
        lines["came back"] = error + (f"\nin the line `{line}`" if line else "")
        ours = expected[failed]
        name = RESULT if RESULT in ours else next(iter(ours))
        lines["expected"] = ("" if name == RESULT else f"{name}: ") + describe(ours[name])
    else:
        subject = "" if problem == RESULT else f"{problem}: "
        theirs, ours = observed[failed].get(problem), expected[failed][problem]
        both = _guarded(
            partial(describe_both, kind, ours, theirs), (describe(ours), "a value that cannot be shown")
        )
        lines["expected"], lines["came back"] = (subject + text for text in both)
    lines["hint"] = (
        unrun(_function(candidate))
        or _known_mistake(task, observed, results)
        or advice_for(task, problem, kind)
    )
    if result.printed.strip():
        lines["printed"] = ascii_only(result.printed.strip())
    return _layout("not right yet.", lines)


def _guarded(tell: Callable[[], Told], otherwise: Told) -> Told:
    """What `tell` makes of a reader's value or error, which may run the reader's own code, such as a
    `__str__` that fails or never ends; `otherwise` where nothing comes of it."""
    results = sandbox.run([tell], {}, sandbox.TIME_LIMIT).results
    return results[0].value if results and results[0].error is None else otherwise


def _endless_message(case: Arguments) -> str:
    hint = "look for a loop whose condition never becomes false, or that waits for something."
    lines = {
        "given": _given(case),
        "came back": f"nothing within {sandbox.TIME_LIMIT:g} seconds",
        "hint": hint,
    }
    return _layout("it did not end, and was stopped.", lines)


def _layout(headline: str, lines: dict[str, str]) -> str:
    def indented(name: str, text: str) -> str:
        whole = [part for line in text[:10_000].split("\n") for part in textwrap.wrap(line, 95) or [""]]
        if len(whole) > ENTRY_LINES:
            whole[ENTRY_LINES - 2 : -1] = ["..."]
        return textwrap.indent("\n".join(whole), " " * 15).replace(" " * 15, f"    {name:<10} ", 1)

    return "\n".join([headline, *(indented(name, text) for name, text in lines.items())])


def _given(case: Arguments) -> str:
    return "\n".join(f"{name} = {describe(value)}" for name, value in case.items())


def _error(error: BaseException) -> str:
    if isinstance(error, sandbox.Refused):
        return str(error)
    text = str(error)
    return ascii_only(f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__)


def _function(candidate: Function) -> Any:
    """The candidate itself, without what decorates it; of a class, its first method."""
    if inspect.isclass(candidate):
        return next(filter(inspect.isfunction, vars(candidate).values()), None)
    return inspect.unwrap(candidate)


def _where(error: BaseException, candidate: Function) -> tuple[bool, str]:
    """Whether the error arose inside the candidate's code, and in which line, where its source is at hand."""
    code = getattr(_function(candidate), "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    numbers = [frame.lineno for frame in frames if code and frame.filename == code.co_filename]
    line = linecache.getline(code.co_filename, numbers[-1] or 0).strip() if code and numbers else ""
    return bool(numbers), ascii_only(line)
