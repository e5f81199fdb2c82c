"""The exercise on numbers in one byte."""

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import RESULT, Arguments, Exercise, Mistake, observe_parts, slips
from course_utils.methods import memory


def _quantize_cases(generator: Generator) -> list[Arguments]:
    """One block; several; a shorter one at the end, of a matrix; a block of zeros; tiny numbers, as states are.

    No number lies half-way between two codes, where a rounding error would decide.
    """
    plain = torch.tensor([0.5, -2.0, 1.25, 0.25])
    several = torch.randn(12, generator=generator) * torch.tensor([1.0, 50.0, 0.02]).repeat_interleave(4)
    matrix = torch.randn(3, 5, generator=generator)
    zeros = torch.cat([torch.randn(4, generator=generator), torch.zeros(4)])
    return [
        {"x": plain, "block_size": 4},
        {"x": several, "block_size": 4},
        {"x": matrix, "block_size": 4},
        {"x": zeros, "block_size": 4},
        {"x": matrix.double(), "block_size": 100},
        {"x": several[:4] * 3e-7, "block_size": 4},
    ]


def _loose_quantize(
    x: Tensor,
    block_size: int,
    *,
    one_scale: bool = False,
    cut_off: bool = False,
    by_256: bool = False,
    no_magnitude: bool = False,
    scale_is_largest: bool = False,
    flat: bool = False,
    wrong_dtype: bool = False,
    inverse_scale: bool = False,
    kept_dim: bool = False,
    not_cut: bool = False,
    scale_one: bool = False,
    least_scale: bool = False,
    added: bool = False,
    scale_each: bool = False,
    by_255: bool = False,
) -> tuple[Tensor, Tensor]:
    size = max(x.numel(), 1) if one_scale else block_size
    blocks = torch.nn.functional.pad(x.flatten(), (0, -x.numel() % size)).view(-1, size)
    largest = (blocks if no_magnitude else blocks.abs()).amax(dim=1)
    scales = largest / (128 if by_256 else 255 if by_255 else 127)
    divisors = torch.where(scales == 0, torch.ones_like(scales), scales)
    if scale_one:
        scales = divisors
    if least_scale:
        scales = divisors = scales.clamp(min=1e-8)
    ratio = blocks / (divisors + 1e-8 * added)[:, None]
    codes = ratio.trunc() if cut_off else ratio.round()
    codes = (codes if wrong_dtype else codes.to(torch.int8)).flatten()
    codes = codes if not_cut else codes[: x.numel()]
    kept = largest if scale_is_largest else 1 / scales if inverse_scale else scales
    if scale_each:
        kept = kept.repeat_interleave(size)[: x.numel()].view_as(x)
    return codes if flat or not_cut else codes.view_as(x), kept[:, None] if kept_dim else kept


QUANTIZE_BLOCKWISE = Exercise(
    reference=memory.quantize_blockwise,
    cases=_quantize_cases,
    observe=observe_parts(("codes", "scales")),
    mistakes=slips(
        _loose_quantize,
        {
            "one_scale": "there is one scale for all numbers. Each block of block_size numbers has its own.",
            "cut_off": "the codes are cut off towards 0. Round them: .round() before .to(torch.int8).",
            "by_256": "divide by 127: int8 goes up to 127 only, and 128 would turn into -128.",
            "no_magnitude": "the scale is made of the largest number. The largest magnitude is asked for: .abs().",
            "scale_is_largest": "that is the largest magnitude. The scale is that, divided by 127.",
            "flat": "the codes are flat. Give them the shape of x again.",
            "wrong_dtype": "the codes are not int8, so nothing is saved: .to(torch.int8).",
            "inverse_scale": "the scales are upside down: x is code * scale.",
            "kept_dim": "the scales have a dim too many: (blocks,), not (blocks, 1).",
            "not_cut": "the zeros that fill the last block are still among the codes. Cut them off at x.numel(), and "
            "give them the shape of x.",
            "scale_one": "the scale of a block of zeros is 0. Divide by 1 there, but return the 0.",
            "least_scale": "scales have a least value. A block of tiny numbers, as an optimizer's states are, loses "
            "its digits: set only a scale of exactly 0 apart.",
            "added": "something is added to the scale before the division. Beside tiny numbers, as an optimizer's "
            "states are, it is not small: set only a scale of exactly 0 apart.",
            "scale_each": "there is a scale for every number, so nothing is saved. Return one for each block.",
            "by_255": "divide by 127: the codes go from -127 to 127.",
        },
        Mistake(
            lambda x, block_size: memory.quantize_blockwise(x, block_size)[::-1],
            "the two are exchanged: the codes come first, the scales second.",
        ),
        Mistake(
            lambda x, block_size: memory.quantize_blockwise(x, -(-x.numel() // block_size)),
            "block_size is taken for the number of blocks. It is how many numbers share a scale.",
        ),
    ),
    advice={
        RESULT: "return two tensors: the codes, and the scales.",
        "shape": "the codes have the shape of x, and there is one scale for each block: (blocks,).",
        "dtype": "the codes are torch.int8 (unsigned ones cannot be below 0); the scales stay in the dtype of x.",
        "value": "work one block out by hand: scale = largest magnitude / 127, code = round(x / scale). In a block of "
        "zeros the codes are 0: divide by 1 there, not by 0.",
        "RuntimeError": "the numbers do not fill the last block. Pad them with zeros, F.pad(x.flatten(), (0, n)), and "
        "cut the codes off at x.numel() again.",
    },
)
