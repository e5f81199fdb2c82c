"""Quantization of weights: eight bits to compute with, four bits to keep a frozen base in.

Sources: Dettmers, Lewis, Belkada and Zettlemoyer (2022), "LLM.int8(): 8-bit Matrix Multiplication for Transformers at
Scale", section 2.1 (the largest magnitude as the scale) and section 3.1 (a scale for each row of the input, and one for
each output); Dettmers, Pagnoni, Holtzman and Zettlemoyer (2023), "QLoRA: Efficient Finetuning of Quantized LLMs",
section 3 and appendix E (NF4). LLM.int8() looks for outliers anew in each input (section 3.2). Here they are looked for
once, in a few texts, so that a file can hold their columns. Left out: QLoRA's second quantization, of the scales.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from course_utils.methods.finding import check_all_linear, check_not_int8, linear_layers
from course_utils.methods.freezing import head_parts
from course_utils.methods.memory import quantize_blockwise
from course_utils.methods.replacing import NewPart, Wrapped, added_parameters, innermost, replace, wrapped
from course_utils.methods.validation import Given, checked, kind_of


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


def _no_gradient_below(given: Given) -> None:
    """A backward pass through the layer raises: rounding has the gradient 0, so what is below would learn from the
    scales alone."""

    def refuse(_: Tensor) -> None:
        raise RuntimeError(
            "A gradient has come to an int8 layer (quantize_linears), which cannot pass it on: what is below would "
            "learn from a wrong one. Train on the model in float, and quantize last."
        )

    if given["x"].requires_grad and torch.is_grad_enabled():
        given["x"] = given["x"].view_as(given["x"])  # for this layer alone
        given["x"].register_hook(refuse)


class Int8Linear(nn.Module):
    """A linear layer whose weight is kept as codes of one byte, and one scale for each output. It does not train.

    It computes in float32 and answers in the dtype of its input. `weight` is what the codes stand for, (out, in). A
    backward pass to what is below raises RuntimeError.
    """

    codes: Tensor
    scales: Tensor
    bias: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.out_features, self.in_features = linear.weight.shape
        codes, scales = quantize_rows(linear.weight.detach().float())
        bias = torch.zeros(self.out_features) if linear.bias is None else linear.bias.detach()
        self.register_buffer("codes", codes)
        self.register_buffer("scales", scales)
        self.register_buffer("bias", bias.to(scales))

    @checked(_no_gradient_below)
    def forward(self, x: Tensor) -> Tensor:
        return int8_linear(x.float(), self.codes, self.scales, self.bias).to(x.dtype)

    @property
    def weight(self) -> Tensor:
        return self.codes * self.scales


class OutlierInt8Linear(Int8Linear):
    """An `Int8Linear` that keeps some features of its input, and the columns of the weight that meet them, in float.

    columns: (kept,), the indices of these features. Their columns of the weight are kept in 16 bits; among the codes
    they are zeros.
    """

    columns: Tensor
    kept: Tensor

    def __init__(self, linear: nn.Linear, columns: Tensor) -> None:
        rest = deepcopy(linear)
        rest.weight.data[:, columns] = 0
        super().__init__(rest)
        self.register_buffer("columns", columns)
        self.register_buffer("kept", linear.weight.detach()[:, columns].half())

    @checked(_no_gradient_below)
    def forward(self, x: Tensor) -> Tensor:
        rest = x.float().index_fill(-1, self.columns, 0)
        exact = F.linear(x[..., self.columns].float(), self.kept.float())
        return (int8_linear(rest, self.codes, self.scales, self.bias) + exact).to(x.dtype)

    @property
    def weight(self) -> Tensor:
        return (self.codes * self.scales).index_copy(1, self.columns, self.kept.float())


@torch.no_grad()
def largest_inputs(
    model: nn.Module, batches: Iterable[Mapping[str, Tensor]], head: Sequence[str] = ()
) -> dict[str, Tensor]:
    """How large each feature of the input of each linear layer outside the head gets: by path, (in,), float32.

    batches: what the model is called with, such as input_ids of shape (texts, tokens), without padding: its features
    would count too.
    """
    largest: dict[str, Tensor] = {}

    def look(path: str, given: tuple[Tensor, ...]) -> None:
        features = given[0].abs().flatten(0, -2).amax(dim=0).float()
        largest[path] = torch.maximum(largest.get(path, features), features)

    hooks = [
        layer.register_forward_pre_hook(lambda _, given, path=path: look(path, given))
        for path, layer in linear_layers(model, head).items()
    ]
    try:
        for batch in batches:
            model(**batch)
    finally:
        for hook in hooks:
            hook.remove()
    return largest


def quantize_linears(
    model: nn.Module, outliers: Mapping[str, Tensor] | None = None, head: Sequence[str] = ()
) -> nn.Module:
    """Put an `Int8Linear` in the place of every linear layer outside the head, a `Conv1D` too. In place; returns the
    model.

    outliers: by the path of a layer the columns that it keeps in float, (kept,); it becomes an `OutlierInt8Linear`.
    Raises ValueError, and changes nothing, where there is no layer, where a path or a column is none of theirs, where a
    method's layers are still on the model, and where experts share one tensor (`finding.check_all_linear`).
    """
    if added := wrapped(model, (Wrapped, NewPart)):
        raise ValueError(
            f"{next(iter(added))} is a method's own, and int8 layers pass no gradient on to it. Merge it first "
            "(merge_lora, merge_ia3), and quantize last; adapters cannot be merged."
        )
    check_all_linear(model)
    layers = linear_layers(model, head)
    if not layers:
        raise ValueError("This model has no linear layers in float, so there is nothing to quantize.")
    if unknown := [path for path in outliers or {} if path not in layers]:
        raise ValueError(
            f"outliers names {unknown[0]}, and this model has no linear layer there outside its head. Take the paths "
            "from largest_inputs, with the same head."
        )
    for path, kept in (outliers or {}).items():
        features = _as_linear(layers[path]).in_features
        if len(kept) and not 0 <= int(kept.min()) <= int(kept.max()) < features:
            raise ValueError(
                f"outliers names columns {int(kept.min())} to {int(kept.max())} of {path}, and its features are "
                f"0 to {features - 1}. Take the columns from largest_inputs of this model."
            )
    for path, layer in layers.items():
        linear, columns = _as_linear(layer), (outliers or {}).get(path)
        new = Int8Linear(linear) if columns is None else OutlierInt8Linear(linear, columns)
        replace(model, path, new)
    return model


def _as_linear(layer: Any) -> nn.Linear:
    if not isinstance(layer, Conv1D):
        return layer
    linear = nn.Linear(layer.weight.shape[0], layer.weight.shape[1], device="meta")
    linear.weight, linear.bias = nn.Parameter(layer.weight.detach().T), layer.bias
    return linear


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
    blocks = x.reshape(-1, block_size).to(torch.promote_types(x.dtype, levels.dtype))
    scales = blocks.abs().amax(dim=1, keepdim=True)
    ratio = blocks / torch.where(scales > 0, scales, torch.ones_like(scales))
    codes = torch.bucketize(ratio, (levels[1:] + levels[:-1]) / 2)
    return (levels[codes] * scales).view_as(x).to(x.dtype)


def _base_layers(model: nn.Module, head: Sequence[str]) -> dict[str, Any]:
    """The linear layers outside the head, without an output layer that is tied to the embeddings.

    Raises ValueError where a matrix outside the head belongs to a layer of another kind, which would stay exact.
    """
    tables = {id(part.weight) for part in model.modules() if isinstance(part, nn.Embedding)}
    found = {path: innermost(layer) for path, layer in linear_layers(model, head).items()}
    layers = {path: layer for path, layer in found.items() if id(layer.weight) not in tables}
    known = tables | {id(layer.weight) for layer in layers.values()}
    left_out, added = tuple(f"{path}." for path in head_parts(model, head)), added_parameters(model)
    for name, weight in model.named_parameters():
        own = not name.startswith(left_out) and name not in added
        if own and weight.dim() > 1 and id(weight) not in known:
            raise ValueError(
                f"{kind_of(model)} has the matrix {name} in a layer that is neither nn.Linear nor Conv1D. It would "
                "stay exact, so what rounding costs could not be told. Nothing was changed."
            )
    return layers


@torch.no_grad()
def round_base(model: nn.Module, levels: Tensor, block_size: int, head: Sequence[str]) -> int:
    """Round the weights of all linear layers outside the head to the levels. In place; returns how many weights.

    They stay in their dtype here: what is lost is shown, not what is saved. Embeddings, an output layer that is tied to
    them, and what a method added are not rounded. Raises ValueError, and changes nothing, where there is no such layer,
    where a matrix belongs to another kind of layer, where a layer's weights do not fill whole blocks, and where a
    method is merged into them.
    """
    check_not_int8(model)
    layers = _base_layers(model, head)
    if not layers:
        raise ValueError(
            f"{kind_of(model)} has no linear layers in float outside its head, so there is nothing to round."
        )
    if any(layer.merged for layer in wrapped(model).values()):
        raise ValueError(
            "A method is merged into these weights, and could not be taken out again. Unmerge it first."
        )
    for path, layer in layers.items():
        if layer.weight.numel() % block_size:
            raise ValueError(
                f"{path} has {layer.weight.numel()} weights, which do not fill blocks of {block_size}. Take a "
                "block_size that divides the number of weights of each layer."
            )
    for layer in layers.values():
        weight = layer.weight.T if isinstance(layer, Conv1D) else layer.weight
        weight.copy_(to_nearest_levels(weight.contiguous(), levels.to(weight.device), block_size))
    return sum(layer.weight.numel() for layer in layers.values())
