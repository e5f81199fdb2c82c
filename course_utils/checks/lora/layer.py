"""Exercise on the forward pass of an adapted layer."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.lora.inputs import layer, whole
from course_utils.checks.tasks import HAS_GRADIENT, Arguments, Exercise, Mistake, slips
from course_utils.methods import lora

# (shape of x without its last dim, out, in, rank, has a bias, scaling, dtype). Where all are equal, no shape
# tells a transposed matrix; where they differ, each does.
_SIZES: tuple[tuple[tuple[int, ...], int, int, int, bool, float, torch.dtype], ...] = (
    ((2,), 2, 3, 1, True, 2.0, torch.float32),
    ((2,), 2, 2, 2, True, 0.5, torch.float64),
    ((3, 2), 5, 4, 2, False, 3.0, torch.float64),
    ((2, 5), 3, 6, 2, True, 1.0, torch.float32),
    ((4,), 4, 4, 2, False, 0.25, torch.float32),
)


def _forward_cases(generator: Generator) -> list[Arguments]:
    cases: list[Arguments] = []
    for rows, out_features, in_features, rank, has_bias, scaling, dtype in _SIZES:
        given = layer(generator, out_features, in_features, rank, dtype)
        x = whole(generator, *rows, in_features, dtype=dtype)
        bias = whole(generator, out_features, dtype=dtype) if has_bias else None
        weight = given.pop("weight")
        cases.append({"x": x, "weight": weight, "bias": bias, **given, "scaling": scaling})
    return cases


def _loose_forward(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    lora_A: Tensor,
    lora_B: Tensor,
    scaling: float,
    *,
    no_scaling: bool = False,
    scales_all: bool = False,
    scales_bias: bool = False,
    divided: bool = False,
    no_bias: bool = False,
    bias_twice: bool = False,
    no_update: bool = False,
    no_base: bool = False,
    subtracted: bool = False,
    lying_weight: bool = False,
    lying_a: bool = False,
    lying_b: bool = False,
    exchanged: bool = False,
) -> Tensor:
    base = x @ (weight if lying_weight else weight.T)
    a, b = lora_A if lying_a else lora_A.T, lora_B if lying_b else lora_B.T
    update = x @ b @ a if exchanged else x @ a @ b
    factor = 1.0 if no_scaling else 1 / scaling if divided else scaling
    update = update * (0.0 if no_update else -factor if subtracted else factor)
    shift = bias if bias is not None and not no_bias else torch.zeros_like(weight[:, 0])
    shift = shift * (1 + bias_twice) * (scaling if scales_bias else 1)
    frozen = (base + shift) * (scaling if scales_all else 1)
    return update if no_base else frozen + update


def _asks_bias_for_its_truth(
    x: Tensor, weight: Tensor, bias: Tensor | None, lora_A: Tensor, lora_B: Tensor, scaling: float
) -> Tensor:
    shift = bias if bias else 0
    return F.linear(x, weight) + shift + scaling * F.linear(F.linear(x, lora_A), lora_B)


_A_B = (
    "x meets B first, or B A is written A B. x should meet A, (rank, in), which takes it down to the rank, then B; "
    "as one matrix they are B A, which is (out, in), as W is."
)
_LYING_B_A = (
    "x meets B first, or B A lies on its side. x should meet A^T, which takes it down to the rank, then B^T; as one "
    "matrix, x meets (B A)^T, just as it meets W^T."
)
_CUT_OFF = (
    "the value is right, the gradient is not: something was computed under torch.no_grad() or with .detach(). The "
    "layer is frozen by requires_grad_(False), outside this function; here, plain arithmetic is enough. "
)

LORA_FORWARD = Exercise(
    reference=lora.lora_forward,
    cases=_forward_cases,
    mistakes=slips(
        _loose_forward,
        {
            "no_scaling": "the scaling is not used: it multiplies the update, x A^T B^T.",
            "scales_all": "the scaling multiplies the frozen layer too. It belongs to the update only.",
            "scales_bias": "the scaling multiplies the bias too. It belongs to the update only.",
            "divided": "the update is divided by the scaling. Multiply: scaling is lora_alpha / rank already.",
            "no_bias": "the bias is missing. F.linear(x, weight, bias) adds it, and takes None as well.",
            "bias_twice": "the bias is added twice: it belongs to the frozen layer only.",
            "no_update": "that is the frozen layer alone. Add the update: scaling * x A^T B^T.",
            "no_base": "that is the update alone. The frozen layer's own output, x W^T + bias, is still there.",
            "subtracted": "the update is subtracted. Add it.",
            "lying_weight": "that is x W. A weight has the shape (out, in): x W^T, or F.linear(x, weight).",
            "lying_a": "A is not turned. It has the shape (rank, in), so x meets A^T; F.linear(x, lora_A) is that.",
            "lying_b": "B is not turned. It has the shape (out, rank), so what A gave meets B^T.",
            "exchanged": _A_B,
        },
        Mistake(
            lambda x, weight, bias, lora_A, lora_B, scaling: (
                F.linear(x, weight, bias) + scaling * (x @ lora_B @ lora_A)
            ),
            _LYING_B_A,
        ),
        Mistake(
            _asks_bias_for_its_truth,
            "`if bias` asks a whole tensor whether it is true. Ask `if bias is not None`.",
        ),
        Mistake(
            lambda x, weight, bias, lora_A, lora_B, scaling: (
                F.linear(x, weight) + bias + scaling * (x @ lora_A.T @ lora_B.T)
            ),
            "bias may be None, and None cannot be added. F.linear(x, weight, bias) takes both.",
        ),
    ),
    advice={
        HAS_GRADIENT: "no gradient can flow back through the result, so A and B could not learn. "
        "Something cut it: .item(), .detach(), .numpy(), torch.tensor(...) or torch.no_grad().",
        "gradient of x": _CUT_OFF
        + "As it is, the layers below, on which x depends, would learn the wrong thing.",
        "gradient of weight": _CUT_OFF + "As it is, nobody could train W itself with it.",
        "gradient of bias": _CUT_OFF + "As it is, nobody could train the bias with it.",
        "gradient of lora_A": _CUT_OFF + "As it is, A would not learn.",
        "gradient of lora_B": _CUT_OFF + "As it is, B would not learn.",
        "shape": "the result is (..., out): only the last dim of x changes, and those before it stay as they are. "
        "F.linear takes any number of them, so nothing has to be flattened.",
        "RuntimeError": "shapes that do not go together. x is (..., in), weight (out, in), lora_A (rank, in), "
        "lora_B (out, rank); F.linear(x, m) is x m^T, for any number of dims in front.",
    },
)
