"""Exercise on folding: the scale and the layer in one plain layer."""

from typing import Any

import torch
from torch import Generator, Tensor

from course_utils.checks.compare import describe
from course_utils.checks.ia3.inputs import factors, layer
from course_utils.checks.tasks import (
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Mistake,
    Observations,
    observe_values,
    slips,
)
from course_utils.methods import ia3

WEIGHT, BIAS = "new weight", "new bias"


def _cases(generator: Generator) -> list[Arguments]:
    """On the output and on the input, with and without a bias; the last weight is in half precision."""
    sizes = (
        (2, 3, True, False, torch.float32),
        (2, 3, True, True, torch.float32),
        (3, 3, True, False, torch.float64),
        (3, 3, True, True, torch.float64),
        (4, 2, False, False, torch.float32),
        (2, 2, False, True, torch.float32),
        (3, 2, True, False, torch.bfloat16),
    )
    cases: list[Arguments] = []
    for out_features, in_features, has_bias, on_input, dtype in sizes:
        given = layer(generator, out_features, in_features, has_bias, dtype)
        kept = torch.float32 if dtype == torch.bfloat16 else dtype
        scale = factors(generator, in_features if on_input else out_features, kept)
        cases.append({**given, "scale": scale, "on_input": on_input})
    return cases


def _observe(function: Function, arguments: Arguments) -> Observations:
    seen = observe_values(function, arguments)
    pair: Any = seen[RESULT]
    told: Observations = {INPUTS_CHANGED: seen[INPUTS_CHANGED]}
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        return {**told, RESULT: describe(pair), WEIGHT: None, BIAS: None}
    weight, bias = (part.detach() if isinstance(part, Tensor) else part for part in pair)
    return {**told, RESULT: "a weight and a bias", WEIGHT: weight, BIAS: bias}


def _loose(
    weight: Tensor,
    bias: Tensor | None,
    scale: Tensor,
    on_input: bool,
    *,
    bias_kept: bool = False,
    bias_always: bool = False,
    flag_ignored: bool = False,
    flag_inverted: bool = False,
    divided: bool = False,
    added: bool = False,
    one_plus: bool = False,
    other_dtype: bool = False,
    zero_bias: bool = False,
    exchanged: bool = False,
) -> tuple[Tensor | None, Tensor | None]:
    columns = (on_input is not flag_inverted) and not flag_ignored
    factor = 1 / scale if divided else 1 + scale if one_plus else scale
    shaped = factor if columns else factor[:, None]
    new_weight = weight + shaped if added else weight * shaped
    new_bias = bias
    if bias is not None and not bias_kept and (bias_always or not columns):
        new_bias = bias + factor if added else bias * factor
    if bias is None and zero_bias:
        new_bias = torch.zeros_like(weight[:, 0])
    if not other_dtype:
        new_weight = new_weight.to(weight.dtype)
        new_bias = new_bias if new_bias is None else new_bias.to(weight.dtype)
    return (new_bias, new_weight) if exchanged else (new_weight, new_bias)


def _always_columns(
    weight: Tensor, bias: Tensor | None, scale: Tensor, on_input: bool
) -> tuple[Tensor, Tensor | None]:
    return weight * scale, bias if bias is None or on_input else bias * scale


_DTYPE = (
    "the dtype changed. The weight may be half precision where the scale is float32, and their product is then "
    "float32: bring it back with .to(weight.dtype), the bias too."
)

FOLDED = Exercise(
    reference=ia3.folded,
    cases=_cases,
    observe=_observe,  # one folds after training: no gradients
    mistakes=slips(
        _loose,
        {
            "bias_kept": "with the scale on the output, the bias is scaled too: (x W^T + bias) * scale holds it "
            "inside the brackets.",
            "bias_always": "with the scale on the input, the bias stays as it is: it is added after x was scaled.",
            "flag_ignored": "on_input is not used. A scale of the input meets the columns of W, and the bias stays.",
            "flag_inverted": "on_input is turned round: a scale of the output, on_input=False, multiplies rows.",
            "divided": "that divides by the scale. So one takes it out again; to fold it in, multiply.",
            "added": "the scale is added. Multiply by it.",
            "one_plus": "that multiplies by 1 + scale. The vector starts at one, so it is the factor itself.",
            "other_dtype": _DTYPE,
            "zero_bias": "no bias should stay no bias: return None in its place.",
            "exchanged": "weight and bias are exchanged: return the weight first.",
        },
        Mistake(
            _always_columns,
            "weight * scale multiplies columns, each time. A scale of the output belongs to the rows: "
            "weight * scale[:, None].",
        ),
        Mistake(
            lambda weight, bias, scale, on_input: (
                (weight * scale if on_input else weight * scale[:, None]).to(weight.dtype),
                bias * (1 if on_input else scale).to(weight.dtype),  # type: ignore[union-attr]
            ),
            "bias may be None, and None cannot be multiplied.",
        ),
    ),
    advice={
        "dtype": _DTYPE,
        "shape": "the new weight has the shape of W, (out, in), and the new bias that of the bias, (out,).",
        "TypeError": "bias may be None, and None cannot be multiplied. Ask `if bias is not None` first.",
        "RuntimeError": "read the message. A Boolean: ask `if bias is not None`, not `if bias`. A dtype: the weight "
        "may be half precision, so bring the scale to weight.dtype first. Else shapes that do not go together: rows of "
        "W are its outputs, so scale[:, None], shape (out, 1), meets them; scale, shape (in,), meets the columns.",
        RESULT: "return two things: the new weight, then the new bias, as in `return new_weight, new_bias`.",
        "none": "None came back where a tensor belongs. Only a layer without a bias keeps None, in the bias's place.",
        "value": "type and shape are right, the numbers are not. With on_input, entry (i, j) of W is multiplied by "
        "scale[j], and the bias stays; without, by scale[i], and entry i of the bias too.",
    },
)
