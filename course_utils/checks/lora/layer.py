"""Exercises on an adapted layer: its forward pass, and the one matrix that it can become."""

import torch
from torch import Generator, Tensor

from course_utils.checks.edits import edits
from course_utils.checks.tasks import HAS_GRADIENT, Arguments, Exercise, observe_values
from course_utils.methods import lora


def _whole(generator: Generator, *shape: int, dtype: torch.dtype) -> Tensor:
    """Whole numbers from -4 to 4, never 0: they can be worked out by hand, and are exact even in half precision."""
    signs = torch.randint(0, 2, shape, generator=generator) * 2 - 1
    return (torch.randint(1, 5, shape, generator=generator) * signs).to(dtype)


def _layer(
    generator: Generator, out_features: int, in_features: int, rank: int, dtype: torch.dtype
) -> Arguments:
    """The weight of a linear layer, and the two matrices of LoRA as they may be after training."""
    return {
        "weight": _whole(generator, out_features, in_features, dtype=dtype),
        "lora_A": _whole(generator, rank, in_features, dtype=dtype),
        "lora_B": _whole(generator, out_features, rank, dtype=dtype),
    }


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
        given = _layer(generator, out_features, in_features, rank, dtype)
        x = _whole(generator, *rows, in_features, dtype=dtype)
        bias = _whole(generator, out_features, dtype=dtype) if has_bias else None
        weight = given.pop("weight")
        cases.append({"x": x, "weight": weight, "bias": bias, **given, "scaling": scaling})
    return cases


_FROZEN = "F.linear(x, weight, bias)"
_UPDATE = "F.linear(F.linear(x, lora_A), lora_B)"
_PLAIN = "F.linear(x, weight)"
_CUT_OFF = (
    "the value is right, the gradient is not: something was computed under torch.no_grad() or with .detach(). The "
    "layer is frozen by requires_grad_(False), outside this function; here, plain arithmetic is enough. "
)
_GRADIENTS = {
    "x": "As it is, the layers below, on which x depends, would learn the wrong thing.",
    "weight": "As it is, nobody could train W itself with it.",
    "bias": "As it is, nobody could train the bias with it.",
    "lora_A": "As it is, A would not learn.",
    "lora_B": "As it is, B would not learn.",
}

LORA_FORWARD = Exercise(
    reference=lora.lora_forward,
    cases=_forward_cases,
    mistakes=edits(
        lora.lora_forward,
        ({"scaling * ": ""}, "the scaling is not used: it multiplies the update, x A^T B^T."),
        (
            {_FROZEN: f"scaling * {_FROZEN}"},
            "the scaling multiplies the frozen layer too. It belongs to the update only.",
        ),
        (
            {", bias)": ") + (0 if bias is None else scaling * bias)"},
            "the scaling multiplies the bias too. It belongs to the update only.",
        ),
        (
            {"scaling *": "1 / scaling *"},
            "the update is divided by the scaling. Multiply: scaling is lora_alpha / rank already.",
        ),
        (
            {", bias)": ")"},
            "the bias is missing. F.linear(x, weight, bias) adds it, and takes None as well.",
        ),
        (
            {", bias)": ", bias) + (0 if bias is None else bias)"},
            "the bias is added twice: it belongs to the frozen layer only.",
        ),
        (
            {"scaling *": "0 *"},
            "that is the frozen layer alone. Add the update: scaling * x A^T B^T.",
        ),
        (
            {f"{_FROZEN} + ": ""},
            "that is the update alone. The frozen layer's own output, x W^T + bias, is still there.",
        ),
        ({"+ scaling": "- scaling"}, "the update is subtracted. Add it."),
        (
            {"weight, bias": "weight.T, bias"},
            "that is x W. A weight has the shape (out, in): x W^T, or F.linear(x, weight).",
        ),
        (
            {"lora_A": "lora_A.T"},
            "A is not turned. It has the shape (rank, in), so x meets A^T; F.linear(x, lora_A) is that.",
        ),
        ({"lora_B": "lora_B.T"}, "B is not turned. It has the shape (out, rank), so what A gave meets B^T."),
        (
            {"lora_A": "lora_B", "lora_B": "lora_A"},
            "x meets B first, or B A is written A B. x should meet A, (rank, in), which takes it down to the rank, "
            "then B; as one matrix they are B A, which is (out, in), as W is.",
        ),
        (
            {_UPDATE: "(x @ lora_B @ lora_A)"},
            "x meets B first, or B A lies on its side. x should meet A^T, which takes it down to the rank, then B^T; "
            "as one matrix, x meets (B A)^T, just as it meets W^T.",
        ),
        (
            {_FROZEN: f"{_PLAIN} + (bias if bias else 0)"},
            "`if bias` asks a whole tensor whether it is true. Ask `if bias is not None`.",
        ),
        (
            {_FROZEN: f"{_PLAIN} + bias"},
            "bias may be None, and None cannot be added. F.linear(x, weight, bias) takes both.",
        ),
    ),
    advice={
        HAS_GRADIENT: "no gradient can flow back through the result, so A and B could not learn. "
        "Something cut it: .item(), .detach(), .numpy(), torch.tensor(...) or torch.no_grad().",
        **{f"gradient of {name}": _CUT_OFF + outcome for name, outcome in _GRADIENTS.items()},
        "shape": "the result is (..., out): only the last dim of x changes, and those before it stay as they are. "
        "F.linear takes any number of them, so nothing has to be flattened.",
        "RuntimeError": "shapes that do not go together. x is (..., in), weight (out, in), lora_A (rank, in), "
        "lora_B (out, rank); F.linear(x, m) is x m^T, for any number of dims in front.",
    },
)


def _merge_cases(generator: Generator) -> list[Arguments]:
    """The last has a weight in half precision, and A and B in float32, as peft keeps them by default."""
    sizes = (
        (2, 3, 1, 2.0, torch.float32),
        (2, 2, 2, 0.5, torch.float32),
        (5, 4, 2, 3.0, torch.float64),
        (3, 3, 1, 0.25, torch.float32),
        (3, 2, 2, 0.5, torch.float32),
    )
    cases: list[Arguments] = [
        {**_layer(generator, out_features, in_features, rank, dtype), "scaling": scaling}
        for out_features, in_features, rank, scaling, dtype in sizes
    ]
    cases[-1]["weight"] = cases[-1]["weight"].to(torch.bfloat16)
    return cases


_DTYPE = (
    "the dtype of the weight changed. It may be half precision where A and B are float32, and their sum is then "
    "float32: bring the update into weight.dtype with .to(weight.dtype)."
)

MERGED_WEIGHT = Exercise(
    reference=lora.merged_weight,
    cases=_merge_cases,
    observe=observe_values,  # one merges after training
    mistakes=edits(
        lora.merged_weight,
        ({"scaling * ": ""}, "the scaling is not used: it multiplies the update, B A."),
        (
            {"weight + ": "scaling * weight + "},
            "the scaling multiplies W too. It belongs to the update only.",
        ),
        (
            {"scaling * ": "1 / scaling * "},
            "the update is divided by the scaling. Multiply: scaling is lora_alpha / rank already.",
        ),
        (
            {"weight +": "weight -"},
            "the update is subtracted. That is how to take it out again; to merge, add it.",
        ),
        ({"weight + ": ""}, "that is the update alone. Add it to W."),
        (
            {"lora_B @ lora_A": "lora_A @ lora_B"},
            "that is A B. The order is B A: (out, rank) times (rank, in) is (out, in), as W.",
        ),
        (
            {"lora_B @ lora_A": "(lora_B @ lora_A).T"},
            "the update lies on its side. B A has W's shape, (out, in), as it is.",
        ),
        ({"@": "*"}, "* multiplies entry by entry. The matrix product is @."),
        ({".to(weight.dtype)": ""}, _DTYPE),
    ),
    advice={
        "dtype": _DTYPE,
        "shape": "the merged weight has the shape of W, (out, in). B A has it too, and is added to W.",
        "RuntimeError": "shapes or dtypes that do not go together. lora_B is (out, rank), lora_A is (rank, in), "
        "weight is (out, in); and the weight may be half precision where A and B are float32.",
    },
)
