"""Exercises on the invertible adapter: the coupling of the two halves, and its inverse."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import HAS_GRADIENT, Arguments, Exercise, Mistake, slips
from course_utils.methods import madx

Half = Callable[[Tensor], Tensor]


def triple(half: Tensor) -> Tensor:
    """A function whose inverse exists, as that of `plus_one` does."""
    return 3 * half


def square(half: Tensor) -> Tensor:
    """A function without an inverse: the coupling needs none."""
    return half * half


def plus_one(half: Tensor) -> Tensor:
    """Not linear, so that a forgotten step cannot cancel out."""
    return half + 1


def _cases(name: str, generator: Generator) -> list[Arguments]:
    """Small whole numbers, so that the smallest case can be worked out by hand."""
    sizes: tuple[tuple[tuple[int, ...], Half, Half, torch.dtype], ...] = (
        ((1, 4), triple, square, torch.float32),
        ((2, 4), square, plus_one, torch.float64),
        ((2, 3, 6), plus_one, triple, torch.float32),
        ((4, 2, 4), square, triple, torch.float32),
        ((6,), triple, plus_one, torch.float32),
    )
    return [
        {
            name: torch.randint(1, 5, shape, generator=generator).to(dtype),
            "first": first,
            "second": second,
        }
        for shape, first, second, dtype in sizes
    ]


def _loose_couple(
    hidden: Tensor,
    first: Half,
    second: Half,
    *,
    old_left: bool = False,
    exchanged: bool = False,
    no_first: bool = False,
    no_second: bool = False,
    not_added: bool = False,
    own_half: bool = False,
    halves_turned: bool = False,
    interleaved: bool = False,
    subtracted: bool = False,
    multiplied: bool = False,
    reads_update: bool = False,
    onto_left: bool = False,
    wrong_dim: bool = False,
) -> Tensor:
    if exchanged:
        first, second = second, first
    if interleaved:
        left, right = hidden[..., ::2], hidden[..., 1::2]
    else:
        left, right = hidden.chunk(2, dim=0 if wrong_dim else -1)

    def joined(half: Tensor, update: Tensor) -> Tensor:
        update = -update if subtracted else update
        return half * update if multiplied else update if not_added else half + update

    before = left
    if not no_first:
        left = joined(left, first(left if own_half else right))
    if not no_second:
        reads = right if own_half else before if old_left else left - before if reads_update else left
        right = joined(left if onto_left else right, second(reads))
    parts = [right, left] if halves_turned else [left, right]
    return torch.cat(parts, dim=0 if wrong_dim else -1)


def _right_first(hidden: Tensor, first: Half, second: Half) -> Tensor:
    left, right = hidden.chunk(2, dim=-1)
    right = right + second(left)
    return torch.cat([left + first(right), right], dim=-1)


def _left_is_right(hidden: Tensor, first: Half, second: Half) -> Tensor:
    right, left = hidden.chunk(2, dim=-1)
    left = left + first(right)
    return torch.cat([left, right + second(left)], dim=-1)


_SHAPE = (
    "the result has the shape of what was given. Halve the last dim with .chunk(2, dim=-1), and put the halves "
    "side by side again with torch.cat([...], dim=-1); torch.stack makes a new dim."
)
_ERROR = (
    "two likely reasons. `left += ...` works in place, on what was given or is still needed: write left = left + ... "
    "Or the halves do not fit each other: halve the last dim, and give each function one half."
)
_TYPE = "return one tensor: put the halves side by side again with torch.cat([...], dim=-1)."
_SIZE = "a place in a tensor is a whole number: half the width is width // 2. Or take .chunk(2, dim=-1)."
_UNPACK = "`left, right = ...` needs two things. .chunk(2, dim=-1) gives the halves of the last dim."
_CUT = (
    "no gradient can flow back through the result, so the adapter could not learn. Something cut it: .item(), "
    ".detach(), .numpy() or torch.no_grad()."
)
_GRADIENT = (
    "the value is right, the gradient is not: something was computed under torch.no_grad() or with .detach(). "
    "Plain arithmetic is enough. "
)

_ADVICE = {
    "shape": _SHAPE,
    "type": _TYPE,
    "RuntimeError": _ERROR,
    "TypeError": _SIZE,
    "ValueError": _UNPACK,
    HAS_GRADIENT: _CUT,
}

COUPLE = Exercise(
    reference=madx.couple,
    cases=lambda generator: _cases("hidden", generator),
    mistakes=slips(
        _loose_couple,
        {
            "old_left": "second reads the left half as it was. It must read the new one, o1: only that is known when "
            "one goes back.",
            "exchanged": "first and second are exchanged. first makes what is added to the left half.",
            "no_first": "the left half is as it was: o1 = first(e2) + e1.",
            "no_second": "the right half is as it was: o2 = second(o1) + e2.",
            "not_added": "the halves themselves are missing: o1 is first(e2) plus e1, o2 is second(o1) plus e2.",
            "own_half": "each function reads the half that it is added to. It must read the other one, or there is no "
            "way back.",
            "halves_turned": "the halves have changed sides: o1 stands on the left.",
            "interleaved": "that takes every second number. A half is the first or the last width / 2 of them, "
            "in a row.",
            "subtracted": "that subtracts. On the way there, add; the inverse subtracts.",
            "multiplied": "that multiplies. Add: o1 = first(e2) + e1. A product with zero has no way back.",
            "reads_update": "second reads first(e2) alone. It must read o1, which is first(e2) plus e1.",
            "onto_left": "second(o1) is added to o1. Add it to e2, the right half.",
            "wrong_dim": "that halves the first dim, which holds sentences. Halve the last one: dim=-1.",
        },
        Mistake(
            _right_first, "the right half goes first here. Begin with the left: o1 = first(e2) + e1, then o2."
        ),
        Mistake(
            _left_is_right,
            "e1 and e2 are exchanged from the start: e1 is the left half, the first of the two.",
        ),
    ),
    advice={
        **_ADVICE,
        "gradient of hidden": _GRADIENT + "As it is, the layers below would learn the wrong thing.",
    },
)


def _loose_uncouple(
    coupled: Tensor,
    first: Half,
    second: Half,
    *,
    same_order: bool = False,
    exchanged: bool = False,
    added: bool = False,
    old_right: bool = False,
    no_first: bool = False,
    no_second: bool = False,
    old_in_result: bool = False,
    second_twice: bool = False,
    own_half: bool = False,
    divided: bool = False,
    halves_turned: bool = False,
    turned_sign: bool = False,
) -> Tensor:
    if exchanged:
        first, second = second, first
    left, right = coupled.chunk(2, dim=-1)
    before = right

    def undone(half: Tensor, update: Tensor) -> Tensor:
        moved = half + update if added else half / update if divided else half - update
        return -moved if turned_sign else moved

    def back_left(left: Tensor, right: Tensor) -> Tensor:
        reads = left if own_half else before if old_right else right
        return left if no_first else undone(left, (second if second_twice else first)(reads))

    def back_right(left: Tensor, right: Tensor) -> Tensor:
        return right if no_second else undone(right, second(right if own_half else left))

    if same_order:
        left = back_left(left, right)
        right = back_right(left, right)
    else:
        right = back_right(left, right)
        left = back_left(left, right)
    right = before if old_in_result else right
    return torch.cat([right, left] if halves_turned else [left, right], dim=-1)


UNCOUPLE = Exercise(
    reference=madx.uncouple,
    cases=lambda generator: _cases("coupled", generator),
    mistakes=slips(
        _loose_uncouple,
        {
            "same_order": "the left half is undone first, but what was added to it came from the old right half, which "
            "is not there yet. Last done, first undone: begin with e2 = o2 - second(o1).",
            "exchanged": "first and second are exchanged. second made what was added to the right half.",
            "added": "that adds once more. To undo a sum, subtract.",
            "old_right": "first reads o2. It must read e2, the right half as it was before: that is what it read on "
            "the way there.",
            "no_first": "the left half is not undone: e1 = o1 - first(e2).",
            "no_second": "the right half is not undone: e2 = o2 - second(o1).",
            "old_in_result": "the left half is right, but o2 stands beside it. Put e2 = o2 - second(o1) there.",
            "second_twice": "second undoes both halves. What first added, first must take away: e1 = o1 - first(e2).",
            "own_half": "each function reads the half that it is taken from. It must read the other one, as on the "
            "way there.",
            "divided": "that divides. What was added is undone by subtracting.",
            "halves_turned": "the halves have changed sides: e1 stands on the left.",
            "turned_sign": "that is the function minus the half. It is the half minus the function: e2 = o2 - "
            "second(o1).",
        },
        Mistake(
            madx.couple, "that is the way there once more. Go back: subtract, and undo the right half first."
        ),
    ),
    advice={
        **_ADVICE,
        "gradient of coupled": _GRADIENT + "As it is, the layers below would learn the wrong thing.",
    },
)
