"""Exercise on the stack: the task adapter reads what the language adapter gave."""

from collections.abc import Callable
from typing import Any

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
    summed: bool = False,
    averaged: bool = False,
    task_first: bool = False,
    old_residual: bool = False,
    residual_twice: bool = False,
    old_hidden: bool = False,
    onto_hidden: bool = False,
    no_language: bool = False,
    no_task: bool = False,
    hidden_only: bool = False,
    turned: bool = False,
) -> Tensor:
    if task_first:
        language, task = task, language
    language, task = None if no_language else language, None if no_task else task
    given = [adapter(hidden, residual) for adapter in (language, task) if adapter is not None]
    if (side_by_side or summed or averaged) and given:
        total = sum(given, torch.zeros_like(residual))
        return total / len(given) if averaged else total - (0 if summed else (len(given) - 1) * residual)
    out, reads = residual, hidden
    if language is not None:
        out = language(residual, hidden) if turned else language(hidden, hidden if hidden_only else residual)
        out = out + residual if residual_twice else out
        reads = hidden if old_hidden else out
    if task is None:
        return out
    onto = residual if old_residual else hidden if onto_hidden and language is not None else out
    return task(reads, onto) + (onto if residual_twice else 0)


def _asks_for_no_none(hidden: Tensor, residual: Tensor, language: Adapted, task: Adapted) -> Tensor:
    out = language(hidden, residual)
    return task(out, out)


def _asks_for_no_none_old(hidden: Tensor, residual: Tensor, language: Adapted, task: Adapted) -> Tensor:
    return task(language(hidden, residual), residual)


def _one_variable(kept: str) -> Callable[..., Tensor]:
    """What comes out where the result of the language adapter is kept under one of the two names alone."""

    def wrong(hidden: Tensor, residual: Tensor, language: Adapted | None, task: Adapted | None) -> Tensor:
        both = {"hidden": hidden, "residual": residual}
        if language is not None:
            both[kept] = language(hidden, residual)
        return both[kept] if task is None else task(both[kept], both[kept])

    return wrong


def _with_nothing(nothing: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """Right, but for what is returned where both adapters are absent."""

    def wrong(hidden: Tensor, residual: Tensor, language: Adapted | None, task: Adapted | None) -> Tensor:
        absent = language is None and task is None
        return nothing(hidden, residual) if absent else madx.stack_adapters(hidden, residual, language, task)

    return wrong


def _language_lost(
    hidden: Tensor, residual: Tensor, language: Adapted | None, task: Adapted | None
) -> Tensor:
    reads = hidden if language is None else language(hidden, residual)
    return residual if task is None else task(reads, residual)


def _none_called(*_: Any) -> Tensor:
    raise TypeError


_SIDE = (
    "the two adapters stand side by side: both read `hidden`, and their updates are added. That is fusing. In a stack "
    "the task adapter reads what the language adapter gave."
)
_OLD = (
    "the task adapter adds to the old residual, so what the language adapter added is lost but for what passes through "
    "the task's bottleneck. Let it add to the language adapter's output."
)
_NONE = "either adapter may be None, and None cannot be called. Ask `if language is not None` before."
_NOTHING = "with no adapter at all the result is `residual`: nothing is added to it."
_GRADIENT = (
    "the value is right, the gradient is not: .detach() or torch.no_grad() was used. What is frozen is frozen by "
    "requires_grad_(False), outside this function."
)

STACK_ADAPTERS = Exercise(
    reference=madx.stack_adapters,
    cases=_cases,
    mistakes=slips(
        _loose_stack,
        {
            "side_by_side": _SIDE,
            "summed": "that adds the outputs of two adapters side by side, `residual` twice. In a stack the task "
            "adapter reads what the language adapter gave.",
            "averaged": "that is the mean of two adapters side by side: fusing. In a stack the task adapter reads what "
            "the language adapter gave.",
            "task_first": "the task adapter is below. The language is: its output is what the task adapter reads.",
            "old_residual": _OLD,
            "onto_hidden": "the task adapter adds to `hidden`. Let it add to the language adapter's output.",
            "residual_twice": "the residual is added once more. An adapter has added to it already.",
            "no_language": "the language adapter is not used.",
            "no_task": "the task adapter is not used.",
            "hidden_only": "the language adapter adds to `hidden`. Call it with both: language(hidden, residual).",
            "turned": "the language adapter gets its two arguments in the wrong order: language(hidden, residual).",
        },
        Mistake(_asks_for_no_none, _NONE),
        Mistake(_asks_for_no_none_old, f"Two things. First: {_OLD} Second: {_NONE}"),
        Mistake(
            _language_lost,
            f"Two things. First: {_OLD} Second: where there is no task adapter, that output is the result.",
        ),
        Mistake(
            _one_variable("hidden"),
            "what `hidden` became serves as residual too. Right where there is a language adapter; where there is "
            "none, the task adapter is called with hidden and residual, and with neither the result is `residual`.",
        ),
        Mistake(
            _one_variable("residual"),
            "what `residual` became serves as `hidden` too. Right where there is a language adapter; where there is "
            "none, the task adapter reads `hidden`.",
        ),
        Mistake(_with_nothing(lambda hidden, residual: hidden), _NOTHING),
        Mistake(_with_nothing(lambda hidden, residual: hidden + residual), _NOTHING),
        Mistake(_with_nothing(_none_called), _NOTHING),
    ),
    advice={
        "shape": "the result has the shape of `hidden` and `residual`.",
        "none": "None came back. Each way through the function needs its own `return`; where both adapters are None, "
        "return `residual`.",
        "TypeError": "an adapter is called with two things, adapter(hidden, residual); and None cannot be called.",
        "UnboundLocalError": "with one of the adapters absent, that variable was never set. Begin with what holds "
        "without adapters: the result is `residual`.",
        HAS_GRADIENT: "no gradient can flow back through the result, so no adapter could learn. Something cut it: "
        ".detach(), .numpy() or torch.no_grad().",
        "gradient of hidden": _GRADIENT,
        "gradient of residual": _GRADIENT,
    },
)
