"""The exercise on a linear layer in eight bits."""

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import Arguments, Exercise, Mistake, observe_values, slips
from course_utils.methods import quantization

_SIZES: tuple[tuple[tuple[int, ...], int, int], ...] = (
    ((1,), 2, 2),
    ((2,), 3, 4),
    ((2, 3), 4, 4),
    ((3,), 5, 40),
)


def _cases(generator: Generator) -> list[Arguments]:
    """By hand; rows of very different size; several dims in front; sums that do not fit one byte."""
    cases: list[Arguments] = []
    for rows, out_features, in_features in _SIZES:
        x = torch.randn(*rows, in_features, generator=generator)
        x = x * torch.linspace(1, 20, x[..., 0].numel()).view(*rows, 1)
        weight = torch.randn(out_features, in_features, generator=generator)
        weight = weight * torch.linspace(0.1, 2, out_features)[:, None]
        codes, scales = quantization.quantize_rows(weight)
        bias = torch.randn(out_features, generator=generator)
        cases.append({"x": x, "codes": codes, "scales": scales, "bias": bias})
    return cases


def _loose(
    x: Tensor,
    codes: Tensor,
    scales: Tensor,
    bias: Tensor,
    *,
    no_x_scales: bool = False,
    no_scales: bool = False,
    no_bias: bool = False,
    bias_scaled: bool = False,
    one_byte: bool = False,
    lying: bool = False,
    divided: bool = False,
    x_as_it_is: bool = False,
    one_x_scale: bool = False,
    rounded: bool = False,
) -> Tensor:
    x_codes, x_scales = quantization.quantize_rows(x)
    if one_x_scale:
        flat, scale = quantization.quantize_rows(x.reshape(1, -1))
        x_codes, x_scales = flat.view_as(x), scale[0]
    if x_as_it_is:
        x_codes, x_scales = x, torch.ones_like(x_scales)
    turned = codes if lying else codes.T
    sums = x_codes.double() @ turned.double()
    if one_byte:
        sums = sums.long().to(torch.int8).double()
    weight_scales = scales[:, 0]
    factor = torch.ones(()) if no_x_scales else 1 / x_scales if divided else x_scales
    result = sums.float() * factor
    if not no_scales:
        result = result / weight_scales if divided else result * weight_scales
    if rounded:
        result = result.round()
    if bias_scaled:
        return (sums.float() + bias) * x_scales * weight_scales
    return result if no_bias else result + bias


def _column_of_scales(x: Tensor, codes: Tensor, scales: Tensor, bias: Tensor) -> Tensor:
    x_codes, x_scales = quantization.quantize_rows(x)
    return x_codes.float() @ codes.float().T * x_scales * scales + bias


def _codes_cut(x: Tensor, codes: Tensor, scales: Tensor, bias: Tensor) -> Tensor:
    x_scales = x.abs().amax(dim=-1, keepdim=True) / 127
    return (x / x_scales).trunc() @ codes.float().T * x_scales * scales[:, 0] + bias


INT8_LINEAR = Exercise(
    reference=quantization.int8_linear,
    cases=_cases,
    observe=observe_values,
    mistakes=slips(
        _loose,
        {
            "no_x_scales": "the scales of x are missing: its codes stand for x only together with them.",
            "no_scales": "the scales of the weight are missing: each output has one.",
            "no_bias": "the bias is missing. It is float32 and comes last.",
            "bias_scaled": "the bias is added to the whole numbers and scaled with them. It comes after the scales.",
            "one_byte": "the sums are kept in one byte, where they do not fit. Add up in a wider type: "
            "x_codes.float() @ codes.float().T.",
            "lying": "the codes lie on their side. They have the shape (out, in): x meets codes.T, or F.linear(x, "
            "codes).",
            "divided": "the sums are divided by the scales. A number is code * scale: multiply.",
            "x_as_it_is": "x is not quantized, so the product is one of floats, and no cheaper. quantize_rows(x) "
            "first, then multiply codes with codes.",
            "one_x_scale": "x has one scale as a whole. Each row has its own, as quantize_rows gives it.",
            "rounded": "the result is rounded. Only codes are whole numbers.",
        },
        Mistake(
            _column_of_scales,
            "the scales of the weight are a column, (out, 1), but the outputs lie along the last dim: scales[:, 0].",
        ),
        Mistake(
            lambda x, codes, scales, bias: quantization.int8_linear(x, codes, scales, bias).round(),
            "the result is rounded. Only codes are whole numbers.",
        ),
        Mistake(
            _codes_cut,
            "the codes of x are cut, not rounded: .to(torch.int8) drops what stands behind the point. quantize_rows "
            "rounds.",
        ),
        Mistake(
            lambda x, codes, scales, bias: (
                (x / (x.abs().amax(dim=-1, keepdim=True) / 128)).round().clamp(-128, 127)
                @ codes.float().T
                * (x.abs().amax(dim=-1, keepdim=True) / 128)
                * scales[:, 0]
                + bias
            ),
            "the largest number of a row gets the code 128, which does not fit. Codes go from -127 to 127: "
            "quantize_rows.",
        ),
    ),
    advice={
        "shape": "the result is (..., out). The scales of the weight belong to the last dim: scales[:, 0], (out,); "
        "those of x to its rows: (..., 1).",
        "dtype": "the result is float32: whole numbers are only what goes into the product.",
        "AttributeError": "quantize_rows returns two tensors: x_codes, x_scales = quantize_rows(x).",
        "RuntimeError": "torch multiplies neither two kinds of numbers nor shapes that do not go together. "
        "x_codes.float() @ codes.float().T; and scales[:, 0] for the outputs.",
        "value": "work one output out by hand: the codes of the row of x times the codes of the row of the weight, "
        "added up; times the row's scale; times the output's scale; plus its bias.",
    },
)
