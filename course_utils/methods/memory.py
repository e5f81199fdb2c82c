"""Where the memory of training goes, and an optimizer that needs less of it.

Sources: Loshchilov and Hutter (2019), "Decoupled Weight Decay Regularization", algorithm 2 (AdamW); Korthikanti et al.
(2022), "Reducing Activation Recomputation in Large Transformer Models", section 4 (activations of a block); Dettmers et
al. (2022), "8-bit Optimizers via Block-wise Quantization", section 2.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def highest_level(changes: Iterable[int]) -> tuple[int, int]:
    """The highest level of memory, and the index of the change that first reached it.

    changes: bytes that come (above 0) or go (below 0), in order; the level before the first is 0.
    At least one change; the first is above 0.
    """
    level, highest, where = 0, 0, 0
    for index, change in enumerate(changes):
        level += change
        if level > highest:
            highest, where = level, index
    return highest, where


def saved_bytes(run: Callable[[], Any], present: Iterable[Tensor] = ()) -> int:
    """Bytes of memory that `run()` makes autograd keep for the backward pass.

    A tensor lies in a piece of memory, its storage, and a view shares that of another tensor. Each storage counts once
    and whole, however many saved tensors lie in it. present: tensors that are in memory anyway, such as the model's
    parameters and the batch; their storages do not count. `run` is called once.
    """
    counted = {tensor.untyped_storage().data_ptr() for tensor in present}
    saved = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return sum(storage.nbytes() for address, storage in saved.items() if address not in counted)


def block_activations(
    batch: int, length: int, hidden: int, heads: int, bytes_each: int, fused: bool = True
) -> int:
    """Bytes of the activations that one block of BERT saves, trained in full and without dropout.

    hidden numbers a token: the block's input; query, key and value; the attention's output; the input of each
    LayerNorm; what the first of them gives to the feed-forward part. That part, four times as wide, keeps what
    goes into GELU and what comes out. Each LayerNorm also keeps 2 numbers a token. Attention keeps 1 number for
    each head and token if it is fused, else the whole matrix of length x length for each head.
    """
    attention = heads if fused else heads * length
    numbers_a_token = (8 + 2 * 4) * hidden + 2 * 2 + attention
    return batch * length * numbers_a_token * bytes_each


def largest_batch(peak: Callable[[int], float], free: float) -> int:
    """The largest batch whose training step fits into `free` bytes; 0 where not even one row does.

    peak: from a batch size, 1 or more, to the bytes of the step at its worst moment. It grows without end, and never
    falls. It is asked for about 2 log2(n) sizes, where n is the answer.
    """
    fits, too_large = 0, 1
    while peak(too_large) <= free:
        fits, too_large = too_large, 2 * too_large
    while too_large - fits > 1:
        middle = (fits + too_large) // 2
        if peak(middle) <= free:
            fits = middle
        else:
            too_large = middle
    return fits


def adamw_step(
    parameter: Tensor,
    gradient: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """One step of AdamW (Loshchilov and Hutter 2019, algorithm 2). Returns the new parameter and its two states.

    As torch writes it: the decay is multiplied by lr, where the paper has a schedule's factor.
    exp_avg, exp_avg_sq: the moving averages of the gradient and of its square, shaped as the parameter; step: 1 at
    the first one. The inputs stay as they are.
    """
    exp_avg = betas[0] * exp_avg + (1 - betas[0]) * gradient
    exp_avg_sq = betas[1] * exp_avg_sq + (1 - betas[1]) * gradient**2
    unbiased = exp_avg / (1 - betas[0] ** step)
    unbiased_sq = exp_avg_sq / (1 - betas[1] ** step)
    decayed = parameter - lr * weight_decay * parameter
    return decayed - lr * unbiased / (unbiased_sq.sqrt() + eps), exp_avg, exp_avg_sq


def quantize_blockwise(x: Tensor, block_size: int) -> tuple[Tensor, Tensor]:
    """One byte a number: each block of `block_size` numbers shares one scale.

    x: any shape, float; its entries are taken in order, and the last block may be shorter. Returns the codes, int8
    from -127 to 127, in the shape of x, and the scales, (blocks,), of x's dtype: the largest magnitude of a block
    divided by 127. A code is x / scale, rounded; in a block of zeros, 0.
    """
    blocks = F.pad(x.flatten(), (0, -x.numel() % block_size)).view(-1, block_size)
    scales = blocks.abs().amax(dim=1) / 127
    divisors = torch.where(scales > 0, scales, torch.ones_like(scales))
    codes = (blocks / divisors[:, None]).round().to(torch.int8)
    return codes.flatten()[: x.numel()].view_as(x), scales


def dequantize_blockwise(codes: Tensor, scales: Tensor, block_size: int) -> Tensor:
    """Numbers from codes and scales: the other direction of `quantize_blockwise`."""
    each = scales.repeat_interleave(block_size)[: codes.numel()]
    return codes.to(scales.dtype) * each.view_as(codes)


class MixedStates(torch.optim.Optimizer):
    """An optimizer whose states have dtypes of their own, and keep them when a checkpoint is loaded. torch would turn
    them into the parameter's dtype: codes would take four bytes, and scales in bfloat16 lose digits."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        numbers = [number for group in state_dict["param_groups"] for number in group["params"]]
        parameters = [p for group in self.param_groups for p in group["params"]]
        for number, p in zip(numbers, parameters, strict=True):
            for name, value in state_dict["state"].get(number, {}).items():
                if isinstance(value, Tensor):
                    self.state[p][name] = value.to(p.device, copy=True)


class AdamW8bit(MixedStates):
    """AdamW whose two states are kept in one byte a number, and one float32 scale for each block of 256.

    A step is computed in float32, whatever the parameter's dtype: in float16, eps and the squares of small gradients
    would be 0.
    Of the average of squares the fourth root is stored: it spans few powers of ten where the square spans many,
    and what is rounded to 0 would be divided by.
    """

    BLOCK = 256

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            settings = {name: group[name] for name in ("lr", "betas", "eps", "weight_decay")}
            for p in (p for p in group["params"] if p.grad is not None):
                state = self.state[p]
                if not state:
                    state["step"] = 0
                    blocks = math.ceil(p.numel() / self.BLOCK)
                    for name in ("exp_avg", "root"):
                        state[name] = torch.zeros_like(p, dtype=torch.int8)
                        state[f"{name}_scales"] = torch.zeros(blocks, device=p.device)
                state["step"] += 1
                exp_avg = dequantize_blockwise(state["exp_avg"], state["exp_avg_scales"], self.BLOCK)
                root = dequantize_blockwise(state["root"], state["root_scales"], self.BLOCK)
                new, exp_avg, exp_avg_sq = adamw_step(
                    p.float(), p.grad.float(), exp_avg, root.square().square(), state["step"], **settings
                )
                p.copy_(new)
                for name, value in (("exp_avg", exp_avg), ("root", exp_avg_sq.sqrt().sqrt())):
                    codes, scales = quantize_blockwise(value, self.BLOCK)
                    state[name].copy_(codes)  # in place: two states at once would take twice the memory
                    state[f"{name}_scales"].copy_(scales)
        return loss
