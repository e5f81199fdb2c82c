"""Exercises on the forward pass of a scaled layer: the scale on its output, and on its input."""

import functools

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.ia3.inputs import factors, layer, whole
from course_utils.checks.tasks import HAS_GRADIENT, Arguments, Exercise, Mistake, slips
from course_utils.methods import ia3

# (shape of x without its last dim, out, in, has a bias, dtype). Where out and in are equal, no shape tells the
# input from the output; where they differ, each does.
_SIZES: tuple[tuple[tuple[int, ...], int, int, bool, torch.dtype], ...] = (
    ((3,), 2, 2, True, torch.float32),
    ((2,), 2, 3, True, torch.float32),
    ((3, 2), 4, 3, False, torch.float64),
    ((2, 5), 3, 5, True, torch.float64),
    ((4,), 4, 4, False, torch.float32),
)


def _cases(generator: Generator, on_input: bool) -> list[Arguments]:
    cases: list[Arguments] = []
    for rows, out_features, in_features, has_bias, dtype in _SIZES:
        given = layer(generator, out_features, in_features, has_bias, dtype)
        scale = factors(generator, in_features if on_input else out_features, dtype)
        cases.append({"x": whole(generator, *rows, in_features, dtype=dtype), **given, "scale": scale})
    return cases


def _output_cases(generator: Generator) -> list[Arguments]:
    return _cases(generator, on_input=False)


def _input_cases(generator: Generator) -> list[Arguments]:
    return _cases(generator, on_input=True)


def _loose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    scale: Tensor,
    *,
    on_input: bool,
    bias_astray: bool = False,
    no_scale: bool = False,
    added: bool = False,
    one_plus: bool = False,
    inverted: bool = False,
    no_bias: bool = False,
    lying_weight: bool = False,
) -> Tensor:
    """`bias_astray` scales the bias where it should not be, and does not where it should."""
    factor = 1 + scale if one_plus else 1 / scale if inverted else scale

    def scaled(values: Tensor) -> Tensor:
        return values if no_scale else values + factor if added else values * factor

    out = (scaled(x) if on_input else x) @ (weight if lying_weight else weight.T)
    if bias is None or no_bias:
        return out if on_input else scaled(out)
    if on_input:
        return out + (scaled(bias) if bias_astray else bias)
    return scaled(out) + bias if bias_astray else scaled(out + bias)


_loose_output = functools.partial(_loose, on_input=False)
_loose_input = functools.partial(_loose, on_input=True)

_NO_SCALE = "the scale is not used: that is the frozen layer alone."
_ONE_PLUS = "that multiplies by 1 + scale. The vector starts at one, so it is the factor itself."
_INVERTED = "that divides by the scale. Multiply."
_NO_BIAS = "the bias is missing. F.linear(x, weight, bias) adds it, and takes None as well."
_LYING = "that is x W. A weight has the shape (out, in): x W^T, or F.linear(x, weight, bias)."
_ASKS_BIAS = "`if bias` asks a whole tensor whether it is true. Ask `if bias is not None`."
_BOOLEAN = "(If the message speaks of a Boolean: ask `if bias is not None`, not `if bias`.)"
_NONE = "bias may be None: F.linear takes it as it is, arithmetic does not."
_PRODUCT = (
    "@ with the scale sums over the features, so one number for each row is left. The scale is one factor a feature: "
    "multiply with *."
)
_CUT_OFF = "the value is right, the gradient is not: something was computed under torch.no_grad() or with .detach(). "
_FROZEN = (
    "The layer is frozen outside this function; plain arithmetic is enough here. (A new nn.Linear or nn.Parameter cuts "
    "it as well.)"
)
_ADVICE = {
    "TypeError": "bias may be None, and None cannot be added. F.linear(x, weight, bias) takes both.",
    "value": "type and shape are right, the numbers are not. Each feature is multiplied by its own factor, once, and "
    "nothing else happens: no activation, no sum over the factors.",
    HAS_GRADIENT: "no gradient can flow back through the result, so the scale could not learn. "
    "Something cut it: .item(), .detach(), .numpy(), torch.tensor(...) or torch.no_grad().",
    "gradient of x": _CUT_OFF
    + "The layer is frozen outside this function; as it is, the layers below would learn the wrong thing.",
    "gradient of weight": _CUT_OFF + _FROZEN,
    "gradient of bias": _CUT_OFF + _FROZEN,
    "gradient of scale": _CUT_OFF + "As it is, the scale would not learn what it should.",
}


def _asks_bias(x: Tensor, weight: Tensor, bias: Tensor | None, scale: Tensor) -> Tensor:
    return F.linear(x, weight) * scale + (bias if bias else 0)


SCALED_OUTPUT = Exercise(
    reference=ia3.scaled_output,
    cases=_output_cases,
    mistakes=slips(
        _loose_output,
        {
            "bias_astray": "the bias is added after the scaling. The whole output is scaled, the bias in it too: "
            "(x W^T + bias) * scale.",
            "no_scale": _NO_SCALE + " Multiply its output by the scale.",
            "added": "the scale is added. That would be one more bias; (IA)³ multiplies.",
            "one_plus": _ONE_PLUS,
            "inverted": _INVERTED,
            "no_bias": _NO_BIAS,
            "lying_weight": _LYING,
        },
        Mistake(_asks_bias, _ASKS_BIAS),
        Mistake(
            lambda x, weight, bias, scale: F.linear(x, weight, bias if bias else None),
            f"Two things. First: {_ASKS_BIAS} Second: {_NO_SCALE}",
        ),
        Mistake(
            lambda x, weight, bias, scale: F.linear(x, weight) * scale + bias,
            "Two things. First: the bias is added after the scaling. The whole output is scaled, so brackets are "
            f"missing: (x W^T + bias) * scale. Second: {_NONE}",
        ),
        Mistake(lambda x, weight, bias, scale: F.linear(x, weight, bias) @ scale, _PRODUCT),
        Mistake(
            _loose_input,
            "x is scaled, before the layer. Here the scale belongs to the output: it has `out` entries.",
        ),
    ),
    advice={
        **_ADVICE,
        "shape": "the result is (..., out): only the last dim of x changes, and the scale changes no shape.",
        "RuntimeError": "shapes that do not go together. x is (..., in), weight (out, in), scale (out,): it fits the "
        "layer's output, not x. F.linear(x, weight, bias) gives that output, for any number of dims in front. "
        + _BOOLEAN,
    },
)

SCALED_INPUT = Exercise(
    reference=ia3.scaled_input,
    cases=_input_cases,
    mistakes=slips(
        _loose_input,
        {
            "bias_astray": "the bias is scaled. Only x is: the bias comes after it, as it was.",
            "no_scale": _NO_SCALE + " Multiply x by the scale, before the layer.",
            "added": "the scale is added to x. (IA)³ multiplies.",
            "one_plus": _ONE_PLUS,
            "inverted": _INVERTED,
            "no_bias": _NO_BIAS,
            "lying_weight": _LYING,
        },
        Mistake(lambda x, weight, bias, scale: F.linear(x @ scale, weight, bias), _PRODUCT),
        Mistake(
            lambda x, weight, bias, scale: F.linear(x * scale, weight, bias * scale),
            f"Two things. First: the bias is scaled. Only x is. Second: {_NONE}",
        ),
        Mistake(
            lambda x, weight, bias, scale: F.linear(x, weight * scale[:, None], bias),
            "the scale meets the rows of W, its outputs. A scale of the input meets the columns, or x: x * scale.",
        ),
        Mistake(
            lambda x, weight, bias, scale: x * scale,
            "that is the scaled input. The layer is missing: F.linear(x * scale, weight, bias).",
        ),
        Mistake(
            lambda x, weight, bias, scale: F.linear(x * scale, weight * scale, bias),
            "x is scaled twice: once itself, and once more by the columns of W.",
        ),
        Mistake(
            _loose_output,
            "the output is scaled. Here the scale belongs to x, before the layer: it has `in` entries.",
        ),
    ),
    advice={
        **_ADVICE,
        "shape": "the result is (..., out): the scale changes no shape, and the layer only the last dim of x.",
        "RuntimeError": "shapes that do not go together. x is (..., in), weight (out, in), scale (in,): it fits x, "
        "not the layer's output. F.linear(x, weight, bias) takes any number of dims in front. " + _BOOLEAN,
    },
)
