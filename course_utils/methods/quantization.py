"""Quantization of weights: eight bits to compute with, four bits to keep a frozen base in.

Sources: Dettmers, Lewis, Belkada and Zettlemoyer (2022), "LLM.int8(): 8-bit Matrix Multiplication for Transformers at
Scale", section 2.1 (the largest magnitude as the scale) and section 3.1 (a scale for each row of the input, and one for
each output); Dettmers, Pagnoni, Holtzman and Zettlemoyer (2023), "QLoRA: Efficient Finetuning of Quantized LLMs",
section 3 and appendix E (NF4). Left out: the outliers that LLM.int8() keeps in 16 bits, and QLoRA's second
quantization, that of the scales.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.methods.freezing import head_parts
from course_utils.methods.memory import quantize_blockwise


def quantize_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """One byte a number, and one scale for each row. x: (..., features), float.

    Returns the codes, int8 from -127 to 127, in the shape of x, and the scales, (..., 1): x is about codes * scales.
    """
    codes, scales = quantize_blockwise(x, x.shape[-1])
    return codes, scales.view(*x.shape[:-1], 1)


def int8_linear(x: Tensor, codes: Tensor, scales: Tensor, bias: Tensor) -> Tensor:
    """A linear layer in eight bits: whole numbers are multiplied, and the sums are scaled back.

    x: (..., in), float32; it is quantized here, each row with a scale of its own (`quantize_rows`). codes, int8,
    (out, in) and scales, (out, 1): the weight; bias: (out,). Returns (..., out), float32. The sums of whole numbers
    are taken in float32, where they are exact up to 2 ** 24; a processor's 8-bit units take them in 32-bit integers.
    """
    x_codes, x_scales = quantize_rows(x)
    sums = F.linear(x_codes.float(), codes.float())
    return sums * x_scales * scales[:, 0] + bias


class Int8Linear(nn.Module):
    """A linear layer whose weight is kept as codes of one byte, and one scale for each output. It does not train."""

    codes: Tensor
    scales: Tensor
    bias: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        codes, scales = quantize_rows(linear.weight.detach())
        self.register_buffer("codes", codes)
        self.register_buffer("scales", scales)
        self.register_buffer("bias", linear.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        return int8_linear(x, self.codes, self.scales, self.bias)


def quantize_linears(model: nn.Module) -> nn.Module:
    """Put an `Int8Linear` in the place of every linear layer that has a bias. In place; returns the model."""
    layers = {path: part for path, part in model.named_modules() if isinstance(part, nn.Linear)}
    for path, linear in layers.items():
        parent, _, name = path.rpartition(".")
        if linear.bias is not None:
            setattr(model.get_submodule(parent), name, Int8Linear(linear))
    return model


def nf4_levels() -> Tensor:
    """The sixteen numbers from -1 to 1 of NF4: quantiles of a normal distribution, 0 among them. (16,), float32.

    Eight of them are above 0 and seven below (Dettmers et al. 2023, appendix E).
    """
    outermost = 0.9677083  # the quantile that stands for the largest number of a block
    above, below = (
        torch.special.ndtri(torch.linspace(outermost, 0.5, count, dtype=torch.float64))[:-1]
        for count in (9, 8)
    )
    levels = torch.cat([-below, torch.zeros(1, dtype=torch.float64), above.flip(0)])
    return (levels / levels.max()).float()


def to_nearest_levels(x: Tensor, levels: Tensor, block_size: int) -> Tensor:
    """What is left of x after it was kept as the numbers of its nearest levels, and one scale for each block.

    x: any shape, float, of a size that block_size divides; levels: sorted, from -1 to 1. A block's scale is its
    largest magnitude. Returns a new tensor of x's shape and dtype.
    """
    blocks = x.reshape(-1, block_size)
    scales = blocks.abs().amax(dim=1, keepdim=True)
    ratio = blocks / torch.where(scales > 0, scales, torch.ones_like(scales))
    codes = torch.bucketize(ratio, (levels[1:] + levels[:-1]) / 2)
    return (levels[codes] * scales).view_as(x)


@torch.no_grad()
def round_base(model: nn.Module, levels: Tensor, block_size: int, head: Sequence[str]) -> int:
    """Round the weights of all linear layers outside the head to the levels. In place; returns how many weights.

    They stay float32 here: what is lost is shown, not what is saved.
    """
    inside, rounded = tuple(f"{path}." for path in head_parts(model, head)), 0
    for path, part in model.named_modules():
        if isinstance(part, nn.Linear) and not f"{path}.".startswith(inside):
            part.weight.copy_(to_nearest_levels(part.weight, levels.to(part.weight.device), block_size))
            rounded += part.weight.numel()
    return rounded
