"""The exercise on rounding to a few levels, as NF4 does."""

import torch
from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import Arguments, Exercise, observe_values
from course_utils.methods import quantization

FEW = torch.tensor([-1.0, -0.4, 0.0, 0.3, 1.0])


def _cases(generator: Generator) -> list[Arguments]:
    """By hand; two blocks of very different size in a row; blocks that cross rows; a block of zeros; half precision."""

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    zeros = numbers(2, 4)
    zeros[1] = 0
    return [
        {"x": torch.tensor([[1.0, -0.1, -2.0, 0.5]]), "levels": FEW, "block_size": 4},
        {"x": numbers(2, 6) * torch.tensor([9.0, 9, 9, 1, 1, 1]), "levels": FEW, "block_size": 3},
        {"x": numbers(4, 3), "levels": torch.tensor([-1.0, -0.7, 0.1, 1.0]), "block_size": 2},
        {"x": zeros, "levels": FEW, "block_size": 4},
        {"x": numbers(2, 3, 32) + 0.3, "levels": quantization.nf4_levels(), "block_size": 16},
        {"x": numbers(2, 4).bfloat16(), "levels": FEW, "block_size": 4},
    ]


_LARGEST = "blocks.abs().amax(dim=1, keepdim=True)"
_BETWEEN = "(levels[1:] + levels[:-1]) / 2"

TO_NEAREST_LEVELS = Exercise(
    reference=quantization.to_nearest_levels,
    cases=_cases,
    observe=observe_values,
    mistakes=edits(
        quantization.to_nearest_levels,
        {".abs()": "", "scales > 0": "scales != 0"},
        "the scale is the largest number, and a block may have a larger one below 0: take abs() first.",
        {".abs()": ""},
        "the scale is the largest number, and a block may have a larger one below 0: take abs() first.",
        {_LARGEST: "blocks.abs().amax().expand(len(blocks), 1)"},
        "all blocks share one scale. Each has its own, so that one large number spoils only its block.",
        {"amax(": "mean("},
        "the scale is the mean magnitude, so larger numbers are cut. It is the largest magnitude.",
        {" * scales": ""},
        "those are levels from -1 to 1. Multiply each block by its scale again.",
        {_BETWEEN: "levels[1:]"},
        "every number goes down to the level below. Take the nearest: the middle decides.",
        {_BETWEEN: "levels[:-1]"},
        "every number goes up to the level above. Take the nearest: the middle decides.",
        {"levels[codes] * scales": "codes + 0 * scales"},
        "those are the codes. Give back the levels that they mean.",
        {"levels[codes]": "(ratio * (len(levels) // 2)).round() / (len(levels) // 2)"},
        "that rounds to evenly spaced numbers. Use the levels that are given.",
        {
            "x.reshape(-1, block_size)": "x.reshape(block_size, -1).T",
            " * scales)": " * scales).T.contiguous()",
        },
        "a block is made of numbers that lie apart. It is `block_size` neighbours: reshape(-1, block_size).",
        {"x.reshape(-1, block_size)": "x.flatten(0, -2)"},
        "a whole row shares one scale. A block is `block_size` neighbours: reshape(-1, block_size).",
        {".to(x.dtype)": ""},
        "the dtype changed: what comes back has that of x.",
        {".view_as(x)": ""},
        "the blocks lie in rows of their own. Give back the shape of x.",
    ),
    advice={
        "dtype": "the result has the dtype of x. Whole numbers are codes: levels[codes] looks up what they mean.",
        "shape": "the result has the shape of x.",
        "nan": "there is a NaN: a block of zeros was divided by its scale, 0.",
        "RuntimeError": "shapes that do not go together: blocks are (blocks, block_size), scales (blocks, 1).",
        "value": "take one block: divide it by its largest magnitude, replace each number by the nearest level, and "
        "multiply by that magnitude again.",
    },
)
