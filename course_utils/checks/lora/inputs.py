"""Inputs that the checks of this notebook share."""

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import Arguments


def whole(generator: Generator, *shape: int, dtype: torch.dtype) -> Tensor:
    """Whole numbers from -4 to 4, never 0: they can be worked out by hand."""
    signs = torch.randint(0, 2, shape, generator=generator) * 2 - 1
    return (torch.randint(1, 5, shape, generator=generator) * signs).to(dtype)


def layer(
    generator: Generator, out_features: int, in_features: int, rank: int, dtype: torch.dtype
) -> Arguments:
    """The weight of a linear layer, and the two matrices of LoRA as they may be after training.

    See `whole` for the entries: small enough that every way to reckon is exact, even in half precision.
    """
    return {
        "weight": whole(generator, out_features, in_features, dtype=dtype),
        "lora_A": whole(generator, rank, in_features, dtype=dtype),
        "lora_B": whole(generator, out_features, rank, dtype=dtype),
    }
