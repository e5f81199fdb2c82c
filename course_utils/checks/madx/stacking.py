"""Exercise on the stack: the task adapter reads what the language adapter gave."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import HAS_GRADIENT, Arguments, Exercise, Mistake, slips
from course_utils.methods import madx

Adapted = Callable[[Tensor, Tensor], Tensor]


def adds_double(hidden: Tensor, residual: Tensor) -> Tensor:
    """An adapter that can be reckoned by hand."""
    return residual + 2 * hidden


def adds_square(hidden: Tensor, residual: Tensor) -> Tensor:
    """Another one: in which order the two stand makes a difference."""
    return residual + hidden * hidden


def _cases(generator: Generator) -> list[Arguments]:
    """Small whole numbers. Each adapter is absent once, and both are."""
    pairs: tuple[tuple[Adapted | None, Adapted | None], ...] = (
        (adds_double, adds_square),
        (adds_square, adds_double),
        (adds_double, None),
        (None, adds_square),
        (None, None),
    )
    names = ("hidden", "residual", "language", "task")
    tensors = [torch.randint(1, 5, (2, 1, 3), generator=generator).float() for _ in pairs]
    tensors[0] = tensors[0][:, 0]
    return [
        dict(zip(names, (*pair, language, task), strict=True))
        for pair, (language, task) in zip(tensors, pairs, strict=True)
    ]


def _loose_stack(
    hidden: Tensor,
    residual: Tensor,
    language: Adapted | None,
    task: Adapted | None,
    *,
    side_by_side: bool = False,
    averaged: bool = False,
    task_first: bool = False,
    old_residual: bool = False,
    old_hidden: bool = False,
    no_language: bool = False,
    no_task: bool = False,
    hidden_only: bool = False,
) -> Tensor:
    if task_first:
        language, task = task, language
    language, task = None if no_language else language, None if no_task else task
    given = [adapter(hidden, residual) for adapter in (language, task) if adapter is not None]
    if side_by_side and given:
        return sum(given, torch.zeros_like(residual)) - (len(given) - 1) * residual
    if averaged and given:
        return sum(given, torch.zeros_like(residual)) / len(given)
    out, reads = residual, hidden
    if language is not None:
        out = language(hidden, hidden if hidden_only else residual)
        reads = hidden if old_hidden else out
    if task is None:
        return out
    return task(reads, residual if old_residual else out)


def _asks_for_no_none(hidden: Tensor, residual: Tensor, language: Adapted, task: Adapted) -> Tensor:
    out = language(hidden, residual)
    return task(out, out)


_SIDE = (
    "the two adapters stand side by side: both read `hidden`, and their updates are added. That is fusing. In a "
    "stack the "
    "task adapter reads what the language adapter gave."
)
_NOTHING = "with no adapter at all the result is `residual`: nothing is added to it."

STACK_ADAPTERS = Exercise(
    reference=madx.stack_adapters,
    cases=_cases,
    mistakes=slips(
        _loose_stack,
        {
            "side_by_side": _SIDE,
            "averaged": "that is the mean of two adapters side by side: fusing. In a stack the task adapter "
            "reads what the "
            "language adapter gave.",
            "task_first": "the task adapter is below. The language is: its output is what the task adapter reads.",
            "old_residual": "the task adapter adds to the old residual, so what the language adapter added is "
            "lost but for "
            "what passes through the task's bottleneck. Let it add to the language adapter's output.",
            "no_language": "the language adapter is not used.",
            "no_task": "the task adapter is not used.",
            "hidden_only": "the language adapter adds to `hidden`. Call it with both: language(hidden, residual).",
        },
        Mistake(
            _asks_for_no_none,
            "either adapter may be None, and None cannot be called. Ask `if language is not None` before.",
        ),
        Mistake(
            lambda hidden, residual, language, task: (
                task(language(hidden, residual), language(hidden, residual))
                if language and task
                else (language or task)(hidden, residual)
            ),
            _NOTHING,
        ),
        Mistake(
            lambda hidden, residual, language, task: (
                task(language(hidden, residual), language(hidden, residual))
                if language and task
                else (language or task)(hidden, residual)
                if language or task
                else hidden
            ),
            _NOTHING,
        ),
    ),
    advice={
        "shape": "the result has the shape of `hidden` and `residual`.",
        HAS_GRADIENT: "no gradient can flow back through the result, so no adapter could learn. Something cut it: "
        ".detach(), .numpy() or torch.no_grad().",
        "gradient of hidden": "the value is right, the gradient is not: .detach() or torch.no_grad() was used. What is "
        "frozen is frozen by requires_grad_(False), outside this function.",
        "gradient of residual": "the value is right, the gradient is not: .detach() or torch.no_grad() was "
        "used. What is "
        "frozen is frozen by requires_grad_(False), outside this function.",
    },
)
