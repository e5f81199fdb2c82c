"""Exercise on the two matrices before training. What is random is judged by its traits, never by its values."""

import math
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils.checks.compare import describe
from course_utils.checks.edits import edits
from course_utils.checks.tasks import RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import lora

KIND = "kind of answer"
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
        and all(part.layout == torch.strided and part.numel() for part in result)
    )


def _kind(matrix: Tensor, again: Tensor) -> str:
    """What a learner would say of A; `again` is the A of a second call."""
    size = matrix.double().square().mean().sqrt().item()
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
    return "random" if size * math.sqrt(3 * matrix.shape[-1]) < WIDEST else "random, and too large"


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
        (
            {_DRAWN: "lora_A.zero_()", _B: "torch.randn(out_features, rank)"},
            "that would work too, since B A is zero either way. But the paper and peft draw A and set B to zero; "
            "do as they do, so that the two can be compared.",
        ),
        (
            {f"lora_A, {_B}": f"lora_A.T, {_B}.T"},
            "both matrices lie on their side. A takes in_features down to rank, and a weight has the shape "
            "(outputs, inputs): A is (rank, in_features), B is (out_features, rank).",
        ),
        (
            {f"lora_A, {_B}": f"{_B}, lora_A"},
            "A and B are exchanged: return A, of shape (rank, in_features), first.",
        ),
        ({"torch.zeros": "torch.randn"}, _NOT_ZERO),
        (
            {_DRAWN: "lora_A.zero_()"},
            "A and B are both zero, and so they stay: the gradient of B is made with A, that of A with B, "
            "and both are zero at every step. Draw A at random.",
        ),
        (
            {_DRAWN: "lora_A.fill_(1.0)"},
            "rows of A are alike. Each then gets the same gradients as the others, and the update never "
            "has more than the rank of the rows that differ. Draw every entry at random.",
        ),
        (
            {_DRAWN: f"{_DRAWN}\n    lora_A = torch.outer(torch.randn(rank), lora_A[0])"},
            "rows of A are multiples of other rows, or sums of them. The update then never has more than the "
            "rank of A, which is less than `rank`. Draw every entry on its own: nn.init.kaiming_uniform_ does.",
        ),
        (
            {_DRAWN: f"torch.manual_seed(1)\n    {_DRAWN}"},
            "A is the same at every call. Each layer should get its own: draw it at random, "
            "without a seed in the function.",
        ),
        ({f"lora_A, {_B}": f"lora_A.double(), {_B}.double()"}, _NOT_FLOAT32),
        ({f"lora_A, {_B}": f"nn.Parameter(lora_A), nn.Parameter({_B})"}, _PARAMETERS),
        (
            {_DRAWN: f"{_DRAWN}.mul_(1e6)"},
            "the entries of A are far too small or too large (torch.empty alone holds whatever lay in memory). "
            "Draw them: nn.init.kaiming_uniform_(lora_A, a=math.sqrt(5)).",
        ),
        (
            {_DRAWN: "lora_A.normal_()"},
            "A is random, but drawn from too wide a range, and so the first steps of B would throw the model off. "
            "Fill torch.empty(rank, in_features) with nn.init.kaiming_uniform_, a=math.sqrt(5): the more inputs, the "
            "narrower.",
        ),
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
