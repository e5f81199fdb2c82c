"""The exercise on numbers in one byte."""

import torch
from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import RESULT, Arguments, Exercise, observe_parts
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


NO_MAGNITUDE = "the scale is made of the largest number. The largest magnitude is asked for: .abs()."
QUANTIZE_BLOCKWISE = Exercise(
    reference=memory.quantize_blockwise,
    cases=_quantize_cases,
    observe=observe_parts(("codes", "scales")),
    mistakes=edits(
        memory.quantize_blockwise,
        {"blocks =": "block_size = x.numel()\n    blocks ="},
        "there is one scale for all numbers. Each block of block_size numbers has its own.",
        {"round": "trunc"},
        "the codes are cut off towards 0. Round them: .round() before .to(torch.int8).",
        {"127": "128"},
        "divide by 127: int8 goes up to 127 only, and 128 would turn into -128.",
        {".abs()": ""},
        NO_MAGNITUDE,
        {".abs()": "", "scales > 0": "scales != 0"},
        NO_MAGNITUDE,
        {"(x), scales": "(x), scales * 127"},
        "that is the largest magnitude. The scale is that, divided by 127.",
        {".view_as(x)": ""},
        "the codes are flat. Give them the shape of x again.",
        {".to(torch.int8)": ""},
        "the codes are not int8, so nothing is saved: .to(torch.int8).",
        {"(x), scales": "(x), 1 / scales"},
        "the scales are upside down: x is code * scale.",
        {"(x), scales": "(x), scales[:, None]"},
        "the scales have a dim too many: (blocks,), not (blocks, 1).",
        {"[: x.numel()].view_as(x)": ""},
        "the zeros that fill the last block are still among the codes. Cut them off at x.numel(), and give them "
        "the shape of x.",
        {"(x), scales": "(x), divisors"},
        "the scale of a block of zeros is 0. Divide by 1 there, but return the 0.",
        {"divisors =": "scales = scales.clamp(min=1e-8)\n    divisors ="},
        "scales have a least value. A block of tiny numbers, as an optimizer's states are, loses its digits: set "
        "only a scale of exactly 0 apart.",
        {"divisors[": "(divisors + 1e-8)["},
        "something is added to the scale before the division. Beside tiny numbers, as an optimizer's states are, "
        "it is not small: set only a scale of exactly 0 apart.",
        {"(x), scales": "(x), scales.repeat_interleave(block_size)[: x.numel()].view_as(x)"},
        "there is a scale for every number, so nothing is saved. Return one for each block.",
        {"127": "255"},
        "divide by 127: the codes go from -127 to 127.",
        {"return ": "return scales, ", "(x), scales": "(x)"},
        "the two are exchanged: the codes come first, the scales second.",
        {"blocks =": "block_size = -(-x.numel() // block_size)\n    blocks ="},
        "block_size is taken for the number of blocks. It is how many numbers share a scale.",
    ),
    advice={
        RESULT: "return two tensors: the codes, and the scales.",
        "shape": "the codes have the shape of x, and there is one scale for each block: (blocks,).",
        "dtype": "the codes are torch.int8 (unsigned ones cannot be below 0); the scales stay in the dtype of x.",
        "value": "work one block out by hand: scale = largest magnitude / 127, code = round(x / scale). In a block "
        "of zeros the codes are 0: divide by 1 there, not by 0.",
        "RuntimeError": "the numbers do not fill the last block. Pad them with zeros, F.pad(x.flatten(), (0, n)), "
        "and cut the codes off at x.numel() again.",
    },
)
