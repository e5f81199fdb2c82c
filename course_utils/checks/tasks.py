"""What an exercise is: a reference, inputs, what to observe of an answer, and the mistakes people make."""

import copy
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Function = Callable[..., Any]
Arguments = dict[str, Any]  # by name, in the order of the reference's parameters; passed by position
Observations = dict[str, Any]  # by what was observed, in the order in which differences are reported

RESULT = "result"
ERROR = "error"  # what is noted of an error that an exercise asks for in some cases
INPUTS_CHANGED = "inputs changed in place"
HAS_GRADIENT = "a gradient can flow back"
MODE = "mode of the model, which came in train mode"
MODE_CHANGED = (
    "the model was put into eval mode. What trains is a matter of requires_grad alone; the mode switches dropout, and "
    "is left as it was."
)


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people are likely to give, and a hint for an answer that behaves just like it.

    twofold: whether it is two mistakes at once.
    """

    wrong: Function
    hint: str
    twofold: bool = False


def observe_tensors(function: Function, arguments: Arguments) -> Observations:
    """Call a function of tensors; observe its value, its inputs afterwards, and the gradient of each input.

    A missing gradient counts as zero. The value is weighed with 1 ... 2 before `backward`, since the plain
    sum of probabilities has no gradient at all. No gradient is taken where inputs were changed: it would fail,
    and hide why.
    """
    given = copy.deepcopy(arguments)
    leaves = {name: value for name, value in given.items() if _is_float(value)}
    for leaf in leaves.values():
        leaf.requires_grad_()
    # Copies, not the leaves: on a leaf an in-place operation fails with a message about leaves.
    passed = {name: value.clone() if isinstance(value, Tensor) else value for name, value in given.items()}
    value = function(*passed.values())
    changed = [
        name for name in given if isinstance(given[name], Tensor) and not _same(given[name], passed[name])
    ]
    seen: Observations = {
        INPUTS_CHANGED: ", ".join(changed) or None,
        RESULT: value.detach() if isinstance(value, Tensor) else value,
    }
    if _is_float(value) and not changed:
        seen[HAS_GRADIENT] = value.requires_grad
        gradients: Sequence[Tensor | None] = [None] * len(leaves)
        if value.requires_grad:
            weights = torch.linspace(1, 2, value.numel(), dtype=value.dtype).reshape(value.shape)
            gradients = torch.autograd.grad((value * weights).sum(), list(leaves.values()), allow_unused=True)
        for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True):
            seen[f"gradient of {name}"] = torch.zeros_like(leaf) if gradient is None else gradient
    return seen


def observe_values(function: Function, arguments: Arguments) -> Observations:
    """As `observe_tensors`, but without gradients: for what is not trained through."""
    given = {name: value.clone() if isinstance(value, Tensor) else value for name, value in arguments.items()}
    value = function(*given.values())
    changed = [
        name for name in given if isinstance(given[name], Tensor) and not _same(arguments[name], given[name])
    ]
    return {
        INPUTS_CHANGED: ", ".join(changed) or None,
        RESULT: value.detach() if isinstance(value, Tensor) else value,
    }


def observe_parts(names: tuple[str, ...]) -> Callable[[Function, Arguments], Observations]:
    """For a function that returns several tensors: each by its name."""

    def observe(function: Function, arguments: Arguments) -> Observations:
        given = {name: v.clone() if isinstance(v, Tensor) else v for name, v in arguments.items()}
        value = function(*given.values())
        changed = [
            name
            for name, before in arguments.items()
            if isinstance(before, Tensor) and not torch.equal(before, given[name])
        ]
        seen: Observations = {INPUTS_CHANGED: ", ".join(changed) or None}
        if not isinstance(value, tuple | list) or len(value) != len(names):
            return {**seen, RESULT: value}
        return {
            **seen,
            RESULT: f"{len(names)} parts",
            **{
                name: part.detach() if isinstance(part, Tensor) else part
                for name, part in zip(names, value, strict=True)
            },
        }

    return observe


def observe_number(function: Function, arguments: Arguments) -> Observations:
    """For a function of plain numbers: the number that it returns."""
    return {RESULT: plain_int(function(*arguments.values()))}


def plain_int(value: Any) -> Any:
    """A whole number of another kind, as NumPy's, as an int; whatever else it is, unchanged."""
    return int(value) if isinstance(value, numbers.Integral) and not isinstance(value, bool) else value


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)


@dataclass(frozen=True, eq=False)
class Exercise:
    """One exercise. Its id is the name of its module in `checks/` and the name of its reference.

    cases: from a seeded generator, the inputs to try; the smallest first: the first that fails is shown.
    mistakes: tried in order; the first that behaves just like the answer, on every case, gives the hint (`edits`).
    advice: the hint for a difference in the observation of that name, where no mistake fits.
    """

    reference: Function
    cases: Callable[[torch.Generator], list[Arguments]]
    mistakes: Iterable[Mistake]
    observe: Callable[[Function, Arguments], Observations] = observe_tensors
    advice: Mapping[str, str] = field(default_factory=dict)
