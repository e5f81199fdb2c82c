"""Exercises on what MAD-X puts into a model: the invertible adapter, and the stack of two adapters."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    HAS_GRADIENT,
    INPUTS_CHANGED,
    Arguments,
    Exercise,
    Function,
    Observations,
    observe_tensors,
)
from course_utils.methods import madx

Calculation = Callable[..., Tensor]
STORED, INVERSE = "parameters", "inverse: "


class _Called(nn.Module):
    """A calculation that can be worked out by hand, as a module."""

    def __init__(self, calculation: Calculation) -> None:
        super().__init__()
        self.calculation = calculation

    def forward(self, *given: Tensor, **named: Tensor) -> Tensor:
        return self.calculation(*given, **named)


def _triple(half: Tensor) -> Tensor:
    return 3 * half


def _square(half: Tensor) -> Tensor:
    return half * half


def _plus_one(half: Tensor) -> Tensor:
    return half + 1


def _halves(generator: Generator) -> list[Arguments]:
    """Small whole numbers, so that the smallest case can be worked out by hand."""
    sizes: tuple[tuple[tuple[int, ...], Calculation, Calculation, torch.dtype], ...] = (
        ((1, 4), _triple, _square, torch.float32),
        ((2, 4), _square, _plus_one, torch.float64),
        ((2, 3, 8), _plus_one, _triple, torch.float32),
        ((4, 2, 4), _square, _triple, torch.float32),
        ((4,), _triple, _plus_one, torch.float32),
    )
    return [
        {
            "hidden": torch.randint(1, 5, shape, generator=generator).to(dtype),
            "first": first,
            "second": second,
        }
        for shape, first, second, dtype in sizes
    ]


def _observe_invertible(make: Function, arguments: Arguments) -> Observations:
    """What it makes of `hidden`, with these two functions in it, and what its inverse makes of the same numbers."""
    hidden = arguments["hidden"]
    adapter = make(hidden.shape[-1])
    stored = [f"{name} {tuple(p.shape)}" for name, p in sorted(adapter.named_parameters())]
    adapter.first, adapter.second = _Called(arguments["first"]), _Called(arguments["second"])
    back = observe_tensors(adapter.inverse, {"coupled": hidden})
    return {
        **observe_tensors(adapter, {"hidden": hidden}),
        **{INVERSE + name: value for name, value in back.items()},
        STORED: stored,
    }


_FIRST, _SECOND = "left + self.first(right)", "right + self.second(left)"
_FIRST_UNDONE, _SECOND_UNDONE = "left - self.first(right)", "right - self.second(left)"
_THERE = f"        left = {_FIRST}\n        right = {_SECOND}\n"
_BACK = f"        right = {_SECOND_UNDONE}\n        left = {_FIRST_UNDONE}\n"
_TURNED_THERE = f"        right = {_SECOND}\n        left = {_FIRST}\n"
_TURNED_BACK = f"        left = {_FIRST_UNDONE}\n        right = {_SECOND_UNDONE}\n"

_IN_PLACE = "`left += ...` works in place, on what was given: a half is a view of it. Write left = left + ... instead."
_CUT = "no gradient can flow back, so the adapter could not learn. Something cut it: .detach() or torch.no_grad()."
_SHAPE = (
    "the result has the shape of what was given. Halve the last dim with .chunk(2, dim=-1), and put the halves "
    "side by side again with torch.cat([...], dim=-1); torch.stack makes a new dim."
)
_GRADIENT = (
    "the value is right, the gradient is not: something was computed under torch.no_grad() or detached."
)

INVERTIBLE_ADAPTER = Exercise(
    reference=madx.InvertibleAdapter,
    cases=_halves,
    observe=_observe_invertible,
    mistakes=edits(
        madx.InvertibleAdapter,
        {_SECOND: "right + self.second(hidden.chunk(2, dim=-1)[0])"},
        "in forward `second` reads the left half as it was. It must read the new one: on the way back only that "
        "is known.",
        {"self.first(": "self.second(", "self.second(": "self.first("},
        "first and second are exchanged. first makes what is added to the left half.",
        {f"        right = {_SECOND}\n": ""},
        "forward leaves the right half as it was. Add what second makes of the new left half.",
        {_FIRST: "self.first(right)", _SECOND: "self.second(left)"},
        "in forward the halves themselves are lost. What the functions return is added to them.",
        {_FIRST: "left + self.first(left)", _SECOND: "right + self.second(right)"},
        "in forward each function reads the half that it is added to. It must read the other one, or there is no "
        "way back.",
        {"[left, right]": "[right, left]"},
        "the halves have changed sides: the left one stands on the left.",
        {"+ self": "- self", "- self": "+ self"},
        "the signs are exchanged: forward adds, and the inverse subtracts.",
        {"dim=-1": "dim=0"},
        "that halves the first dim, which holds sentences. Halve the last one: dim=-1.",
        {_THERE: _TURNED_THERE, _BACK: _TURNED_BACK},
        "the right half changes first here. Begin with the left one; then the inverse begins with the right.",
        {_BACK: _TURNED_BACK},
        "the inverse undoes the left half first, but what was added to it came from the old right half, which is "
        "not there yet. Last done, first undone.",
        {_FIRST_UNDONE: "left - self.second(right)", _SECOND_UNDONE: "right - self.first(left)"},
        "the inverse exchanges first and second. second made what was added to the right half.",
        {_BACK: _THERE},
        "the inverse is forward once more. Subtract, and undo the right half first.",
        {_FIRST_UNDONE: "left - self.first(coupled.chunk(2, dim=-1)[1])"},
        "in the inverse first reads the right half as it came. It must read the one that is undone already: that "
        "is what it read on the way there.",
        {f"        left = {_FIRST_UNDONE}\n": ""},
        "the inverse does not undo the left half.",
        {f"        right = {_SECOND_UNDONE}\n": ""},
        "the inverse does not undo the right half.",
    ),
    advice={
        "shape": _SHAPE,
        "type": "return one tensor: put the halves side by side again with torch.cat([...], dim=-1).",
        "RuntimeError": f"two likely reasons. {_IN_PLACE} Or the halves do not fit each other: halve the last dim, and "
        "give each function one half.",
        "AttributeError": "keep __init__ as it stands in the stub, and both methods, forward and inverse.",
        "IndexError": "there may be any number of dims before the width, or none. Count from the end: dim=-1.",
        HAS_GRADIENT: _CUT,
        "gradient of hidden": _GRADIENT,
        INVERSE
        + INPUTS_CHANGED: "the inverse changes what it is given. Build new tensors: right = right - ...",
        INVERSE + HAS_GRADIENT: _CUT,
        INVERSE + "gradient of coupled": _GRADIENT,
        STORED: "keep __init__ as it stands in the stub: two bottlenecks, each with weights of its own. The adapters "
        "that ship are loaded by these names and shapes.",
    },
)


def _adds_double(hidden: Tensor, residual: Tensor | None = None) -> Tensor:
    return (hidden if residual is None else residual) + 2 * hidden


def _adds_square(hidden: Tensor, residual: Tensor | None = None) -> Tensor:
    return (hidden if residual is None else residual) + hidden * hidden


def _pairs(generator: Generator) -> list[Arguments]:
    """Small whole numbers. Each adapter is absent once, and both are."""
    pairs: tuple[tuple[Calculation | None, Calculation | None], ...] = (
        (_adds_double, _adds_square),
        (_adds_square, _adds_double),
        (_adds_double, None),
        (None, _adds_square),
        (None, None),
    )
    names = ("hidden", "residual", "language", "task")
    tensors = [torch.randint(1, 5, (2, 1, 3), generator=generator).float() for _ in pairs]
    tensors[0] = tensors[0][:, 0]
    return [
        dict(zip(names, (*pair, language, task), strict=True))
        for pair, (language, task) in zip(tensors, pairs, strict=True)
    ]


def _observe_stack(make: Function, arguments: Arguments) -> Observations:
    hidden, residual, language, task = arguments.values()
    stack = make()
    stack.language = None if language is None else _Called(language)
    stack.task = None if task is None else _Called(task)
    return observe_tensors(stack, {"hidden": hidden, "residual": residual})


_LANGUAGE, _TASK = "self.language(hidden, residual)", "self.task(hidden, residual)"
_KEPT = "            hidden = residual\n"
_BOTH = "if self.language is not None and self.task is not None:\n            return "
_IF = "if self.language is not None:"

STACK = Exercise(
    reference=madx.Stack,
    cases=_pairs,
    observe=_observe_stack,
    mistakes=edits(
        madx.Stack,
        {_KEPT: ""},
        "the two adapters stand side by side: both read `hidden`, and their updates are added. That is fusing. In "
        "a stack the task adapter reads what the language adapter returned.",
        {_IF: f"{_BOTH}({_LANGUAGE} + {_TASK}) / 2\n        {_IF}"},
        "that is the mean of two adapters side by side: fusing. In a stack the task adapter reads what the "
        "language adapter returned.",
        {"self.language": "self.task", "self.task": "self.language"},
        "the task adapter is below. The language is: its output is what the task adapter reads.",
        {
            "residual = self": "below = self",
            _KEPT: "            hidden = below\n            if self.task is None:\n                return below\n",
        },
        "the task adapter adds to the old residual, so what the language adapter added is lost but for what passes "
        "through the task's bottleneck. Let it add to the language adapter's output.",
        {_KEPT: "            return residual if self.task is None else self.task(residual, hidden)\n"},
        "the task adapter adds to `hidden`. Let it add to the language adapter's output.",
        {_IF: "if False:"},
        "the language adapter is not used.",
        {f" if self.task is None else {_TASK}": ""},
        "the task adapter is not used.",
        {_LANGUAGE: "self.language(hidden, hidden)"},
        "the language adapter adds to `hidden`. Call it with both: self.language(hidden, residual).",
        {_LANGUAGE: "self.language(hidden)", _TASK: "self.task(hidden)"},
        "the adapters are called with `hidden` alone, so they add to it. Call each with both, (hidden, residual).",
        {_LANGUAGE: "self.language(residual, hidden)"},
        "the language adapter gets its two arguments in the wrong order: self.language(hidden, residual).",
        {_IF: "if True:", " residual if self.task is None else": ""},
        "either adapter may be None, and None cannot be called. Ask `if self.language is not None` before.",
        {"residual = self": "hidden = self", _KEPT: ""},
        "what the language adapter returned is kept as `hidden` alone: the task adapter adds to the old residual, "
        "and where there is no task adapter the language adapter's output is lost.",
        {
            "residual = self": "hidden = self",
            _KEPT: "",
            "return residual": "return hidden",
            _TASK: "self.task(hidden, hidden)",
        },
        "what `hidden` became serves as residual too. Right where there is a language adapter; where there is "
        "none, the task adapter is called with hidden and residual, and with neither the result is `residual`.",
        {_KEPT: "", _TASK: "self.task(residual, residual)"},
        "what `residual` became serves as `hidden` too. Right where there is a language adapter; where there is "
        "none, the task adapter reads `hidden`.",
        {"return residual": "return (hidden if self.language is None else residual)"},
        "with no adapter at all the result is `residual`.",
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
