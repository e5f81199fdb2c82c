"""Exercises on A and B alone: those that come nearest to an update, how many numbers they hold, and how they start.

What is random is judged by its traits, never by its values.
"""

import math
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils.checks.compare import describe
from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Observations,
    observe_number,
)
from course_utils.methods import lora

KIND = "kind of answer"
SHAPES = "shapes of A and B"
DTYPES = "dtypes of A and B"
GRADIENTS = "A or B asks for gradients"
MATRIX_A, MATRIX_B = "A", "B"
SIZES = 1e-4, 10.0  # of A's entries; beyond, they may be what lay in memory
# Of nn.Linear's spread, at most: 1.7 is orthogonal, 2.4 is Kaiming's own. With far more, training breaks.
WIDEST = 3.0


def _init_cases(_: Generator) -> list[Arguments]:
    """As large as this, so that the spread of the entries can be told."""
    sizes = ((96, 40, 8), (128, 50, 4), (256, 30, 1), (64, 7, 16))
    return [
        {"in_features": in_features, "out_features": out_features, "rank": rank}
        for in_features, out_features, rank in sizes
    ]


def _observe_init(function: Function, arguments: Arguments) -> Observations:
    pair, again = function(*arguments.values()), function(*arguments.values())
    if not (_are_two_tensors(pair) and _are_two_tensors(again)):
        return {KIND: describe(pair), RESULT: None}
    (lora_A, lora_B), (other_A, _) = ([matrix.detach() for matrix in result] for result in (pair, again))
    return {
        KIND: "two tensors",
        RESULT: f"A of shape {tuple(lora_A.shape)}, B of shape {tuple(lora_B.shape)}",
        DTYPES: f"{lora_A.dtype}, {lora_B.dtype}",
        GRADIENTS: any(matrix.requires_grad for matrix in pair),
        MATRIX_B: "not all zeros" if lora_B.any() else "all zeros",
        MATRIX_A: _kind(lora_A, other_A),
    }


def _are_two_tensors(result: Any) -> bool:
    return (
        isinstance(result, tuple | list)
        and len(result) == 2
        and all(isinstance(part, Tensor) and part.device.type == "cpu" for part in result)
        and all(part.layout == torch.strided for part in result)
    )


def _kind(matrix: Tensor, again: Tensor) -> str:
    """What a learner would say of A; `again` is the A of a second call."""
    size = matrix.double().square().mean().sqrt().item() if matrix.numel() else 0
    if size == 0:
        return "all zeros"
    if matrix.unique().numel() == 1 or (matrix.dim() == 2 and len(matrix.unique(dim=0)) < len(matrix)):
        return "rows that are alike"
    if not SIZES[0] < size < SIZES[1]:
        return "entries far too small or too large"
    if matrix.dim() == 2 and int(torch.linalg.matrix_rank(matrix.float())) < min(matrix.shape):
        return "rows that follow from one another"
    if torch.equal(matrix, again):
        return "the same at every call"
    if abs(matrix.double().mean().item()) > size / 2:
        return "entries mostly of one sign"
    return "random" if size * math.sqrt(3 * matrix.shape[-1]) < WIDEST else "random, and too large"


_EXCHANGED = "A and B are exchanged: return A, which meets the input, first."
_ON_THEIR_SIDE = (
    "both matrices lie on their side. A takes the input down to the rank, and a weight has the shape "
    "(outputs, inputs): A is (rank, in), B is (out, rank)."
)
_NOT_ZERO = (
    "B is not zero, so B A is not zero, and the model is changed before its first step. Fill B with zeros."
)
_NOT_FLOAT32 = "make both float32, the dtype of torch.empty and torch.zeros."
_PARAMETERS = "return plain tensors. The layer that you build later makes parameters of them."
_DRAWN = "nn.init.kaiming_uniform_(lora_A, a=math.sqrt(5))"
_B = "torch.zeros(out_features, rank)"

LORA_INIT = Exercise(
    reference=lora.lora_init,
    cases=_init_cases,
    observe=_observe_init,
    mistakes=edits(
        lora.lora_init,
        {_DRAWN: "lora_A.zero_()", _B: "torch.randn(out_features, rank)"},
        "that would work too, since B A is zero either way. But the paper and peft draw A and set B to zero; "
        "do as they do, so that the two can be compared.",
        {f"lora_A, {_B}": f"lora_A.T, {_B}.T"},
        _ON_THEIR_SIDE,
        {f"lora_A, {_B}": f"{_B}, lora_A"},
        _EXCHANGED,
        {"torch.zeros": "torch.randn"},
        _NOT_ZERO,
        {_DRAWN: "lora_A.zero_()"},
        "A and B are both zero, and so they stay: the gradient of B is made with A, that of A with B, "
        "and both are zero at every step. Draw A at random.",
        {_DRAWN: "lora_A.fill_(1.0)"},
        "rows of A are alike. Each then gets the same gradients as the others, and the update never "
        "has more than the rank of the rows that differ. Draw every entry at random.",
        {_DRAWN: f"{_DRAWN}\n    lora_A = torch.outer(torch.randn(rank), lora_A[0])"},
        "rows of A are multiples of other rows, or sums of them. The update then never has more than the "
        "rank of A, which is less than `rank`. Draw every entry on its own: nn.init.kaiming_uniform_ does.",
        {_DRAWN: f"torch.manual_seed(1)\n    {_DRAWN}"},
        "A is the same at every call. Each layer should get its own: draw it at random, "
        "without a seed in the function.",
        {f"lora_A, {_B}": f"lora_A.double(), {_B}.double()"},
        _NOT_FLOAT32,
        {f"lora_A, {_B}": f"nn.Parameter(lora_A), nn.Parameter({_B})"},
        _PARAMETERS,
        {_DRAWN: f"{_DRAWN}.mul_(1e6)"},
        "the entries of A are far too small or too large (torch.empty alone holds whatever lay in memory). "
        "Draw them: nn.init.kaiming_uniform_(lora_A, a=math.sqrt(5)).",
        {_DRAWN: "lora_A.uniform_(0, 1 / math.sqrt(in_features))"},
        "all entries of A have one sign (torch.rand draws from 0 to 1), so every row sees little but the sum of "
        "the inputs. Draw around 0: nn.init.kaiming_uniform_ does.",
        {_DRAWN: "lora_A.normal_()"},
        "A is random, but drawn from too wide a range, and so the first steps of B would throw the model off. Fill "
        "torch.empty(rank, in_features) with nn.init.kaiming_uniform_, a=math.sqrt(5): the more inputs, the narrower.",
    ),
    advice={
        DTYPES: _NOT_FLOAT32,
        GRADIENTS: _PARAMETERS,
        MATRIX_B: _NOT_ZERO,
        MATRIX_A: "A is not drawn as asked. Fill torch.empty(rank, in_features) with nn.init.kaiming_uniform_, "
        "a=math.sqrt(5).",
        KIND: "return two tensors with entries in them: A, then B, as in `return lora_A, lora_B`.",
        RESULT: "A should have the shape (rank, in_features) and B (out_features, rank).",
    },
)


def _low_rank_cases(generator: Generator) -> list[Arguments]:
    """Wide, square and high; the last update is a product of two thin matrices itself."""
    sizes = ((2, 3, 1), (3, 3, 2), (6, 4, 2), (3, 5, 3), (4, 3, 0))
    updates = [torch.randn(out, size, generator=generator, dtype=torch.float64) for out, size, _ in sizes]
    cases: list[Arguments] = [
        {"update": update.float(), "rank": rank} for update, (_, _, rank) in zip(updates, sizes, strict=True)
    ]
    thin = torch.randn(2, 5, 2, generator=generator)
    return [*cases, {"update": thin[0] @ thin[1].T, "rank": 2}]


def _observe_factors(function: Function, arguments: Arguments) -> Observations:
    update = arguments["update"].clone()
    pair = function(update, arguments["rank"])
    changed = None if torch.equal(update, arguments["update"]) else "update"
    if not _are_two_tensors(pair):
        return {INPUTS_CHANGED: changed, KIND: describe(pair), RESULT: None}
    lora_A, lora_B = (matrix.detach() for matrix in pair)
    meet = lora_A.dim() == lora_B.dim() == 2 and lora_B.shape[1] == lora_A.shape[0]
    return {
        INPUTS_CHANGED: changed,
        KIND: "two tensors",
        SHAPES: f"A {tuple(lora_A.shape)}, B {tuple(lora_B.shape)}",
        DTYPES: f"{lora_A.dtype}, {lora_B.dtype}",
        RESULT: lora_B @ lora_A if meet and lora_A.dtype == lora_B.dtype else None,
    }


_FACTORS = "right[:rank], left[:, :rank] * singular_values[:rank]"
_FLIP = "left, singular_values, right = left.flip(1), singular_values.flip(0), right.flip(0)"

LOW_RANK = Exercise(
    reference=lora.low_rank,
    cases=_low_rank_cases,
    observe=_observe_factors,  # not A and B, but their product: both may be scaled or turned
    mistakes=edits(
        lora.low_rank,
        {" * singular_values[:rank]": ""},
        "the singular values are missing. They say how much of the update lies in each direction.",
        {"right[:rank],": "right[:rank] * singular_values[:rank, None],"},
        "the singular values are multiplied in twice. Give them to A or to B, or the square root to each.",
        {_FACTORS: "left[:, :rank] * singular_values[:rank], right[:rank]"},
        _EXCHANGED,
        {_FACTORS: "right[:rank].T, (left[:, :rank] * singular_values[:rank]).T"},
        _ON_THEIR_SIDE,
        {"right[:rank]": "right[:, :rank].T"},
        "A is made of columns of the third matrix. torch.linalg.svd returns V^T, so its directions are rows.",
        {"left[:, :rank]": "left[:rank].T"},
        "B is made of rows of the first matrix. The directions of the output are its columns.",
        {"return": f"{_FLIP}\n    return"},
        "those are the smallest directions. The singular values come in falling order: take the first.",
        {"[:rank]": "", "[:, :rank]": ""},
        "rank is not used: that is the whole update again.",
        {":rank": ":rank + 1"},
        "that is one direction too many: [:rank] holds exactly `rank` of them.",
    ),
    advice={
        KIND: "return two tensors: A, then B.",
        DTYPES: "the dtype changed. A and B have the dtype of `update`.",
        SHAPES: "A should have the shape (rank, in), and B (out, rank).",
        "value": "B A is not the nearest matrix of this rank: it keeps the directions with the largest singular "
        "values, each with its singular value.",
        "RuntimeError": "shapes that do not go together. With full_matrices=False, the three parts are (out, k), (k,) "
        "and (k, in), where k is the smaller side.",
    },
)


def _count_cases(_: Generator) -> list[Arguments]:
    sizes = ((3, 4, 2, 1), (3, 4, 2, 5), (128, 128, 8, 4), (768, 3072, 16, 12), (10, 6, 1, 3))
    names = ("in_features", "out_features", "rank", "layers")
    return [dict(zip(names, size, strict=True)) for size in sizes]


_SIDES = "(in_features + out_features)"

COUNT_LORA_PARAMETERS = Exercise(
    reference=lora.count_lora_parameters,
    cases=_count_cases,
    observe=observe_number,
    mistakes=edits(
        lora.count_lora_parameters,
        {"in_features + out_features": "in_features * out_features"},
        "in_features and out_features are multiplied. A and B are two matrices side by side: "
        "their entries add up. Only the product B A, which is never stored, has in * out of them.",
        {" + out_features": ""},
        "that counts A only. B has out_features * rank entries.",
        {"in_features + ": ""},
        "that counts B only. A has rank * in_features entries.",
        {"layers * ": ""},
        "that is one layer. Each of the `layers` matrices gets its own A and B.",
        {"rank * ": ""},
        "the rank is missing: A has that many rows, B that many columns.",
        {f"rank * {_SIDES}": f"(in_features * out_features + rank * {_SIDES})"},
        "the weight itself, in_features * out_features, is frozen: it does not count.",
        {"return": "return 1.0 *"},
        "a count is a whole number: an int. Use * and +, or // where you divide.",
        {"out_features": "in_features"},
        "that takes B to be as large as A. But B has out_features rows, not in_features: together they have "
        "rank * (in_features + out_features) entries.",
        {f"rank * {_SIDES}": "in_features * out_features"},
        "that is what full fine-tuning trains. LoRA trains A, (rank, in), and B, (out, rank).",
    ),
    advice={"type": "return a whole number (an int): count the entries of A and of B."},
)
