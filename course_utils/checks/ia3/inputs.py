"""Inputs that the checks of this notebook share."""

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import Arguments


def whole(generator: Generator, *shape: int, dtype: torch.dtype) -> Tensor:
    """Whole numbers from -4 to 4, never 0: they can be worked out by hand."""
    signs = torch.randint(0, 2, shape, generator=generator) * 2 - 1
    return (torch.randint(1, 5, shape, generator=generator) * signs).to(dtype)


def factors(generator: Generator, size: int, dtype: torch.dtype) -> Tensor:
    """Factors as they may be after training: no two alike, the first below zero, none of them 0 or 1."""
    steps = torch.randint(1, 4, (size,), generator=generator).cumsum(0)
    return (steps - steps[0]).to(dtype) / 2 - 0.25


def layer(
    generator: Generator, out_features: int, in_features: int, has_bias: bool, dtype: torch.dtype
) -> Arguments:
    """The weight of a linear layer, and its bias or None."""
    bias = whole(generator, out_features, dtype=dtype) if has_bias else None
    return {"weight": whole(generator, out_features, in_features, dtype=dtype), "bias": bias}
