"""Exercise on the merged weight: the update and the weight in one matrix."""

import torch
from torch import Generator, Tensor

from course_utils.checks.lora.inputs import layer
from course_utils.checks.tasks import Arguments, Exercise, observe_values, slips
from course_utils.methods import lora


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
        {**layer(generator, out_features, in_features, rank, dtype), "scaling": scaling}
        for out_features, in_features, rank, scaling, dtype in sizes
    ]
    cases[-1]["weight"] = cases[-1]["weight"].to(torch.bfloat16)
    return cases


def _loose_merge(
    weight: Tensor,
    lora_A: Tensor,
    lora_B: Tensor,
    scaling: float,
    *,
    no_scaling: bool = False,
    scales_all: bool = False,
    divided: bool = False,
    subtracted: bool = False,
    no_base: bool = False,
    exchanged: bool = False,
    transposed: bool = False,
    entrywise: bool = False,
    other_dtype: bool = False,
) -> Tensor:
    left, right = (lora_A, lora_B) if exchanged else (lora_B, lora_A)
    product = left * right if entrywise else left @ right
    factor = 1.0 if no_scaling else 1 / scaling if divided else scaling
    update = (product.T if transposed else product) * (-factor if subtracted else factor)
    total = update + (0.0 if no_base else scaling if scales_all else 1.0) * weight
    return total if other_dtype else total.to(weight.dtype)


_DTYPE = (
    "the dtype of the weight changed. It may be half precision where A and B are float32, and their sum is then "
    "float32: bring the update into weight.dtype with .to(weight.dtype)."
)

MERGED_WEIGHT = Exercise(
    reference=lora.merged_weight,
    cases=_merge_cases,
    observe=observe_values,  # one merges after training
    mistakes=slips(
        _loose_merge,
        {
            "no_scaling": "the scaling is not used: it multiplies the update, B A.",
            "scales_all": "the scaling multiplies W too. It belongs to the update only.",
            "divided": "the update is divided by the scaling. Multiply: scaling is lora_alpha / rank already.",
            "subtracted": "the update is subtracted. That is how to take it out again; to merge, add it.",
            "no_base": "that is the update alone. Add it to W.",
            "exchanged": "that is A B. The order is B A: (out, rank) times (rank, in) is (out, in), as W.",
            "transposed": "the update lies on its side. B A has W's shape, (out, in), as it is.",
            "entrywise": "* multiplies entry by entry. The matrix product is @.",
            "other_dtype": _DTYPE,
        },
    ),
    advice={
        "dtype": _DTYPE,
        "shape": "the merged weight has the shape of W, (out, in). B A has it too, and is added to W.",
        "RuntimeError": "shapes or dtypes that do not go together. lora_B is (out, rank), lora_A is (rank, in), "
        "weight is (out, in); and the weight may be half precision where A and B are float32.",
    },
)
