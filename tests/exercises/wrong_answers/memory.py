"""Answers to the exercises of notebook 05 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/memory`, since none of its mistakes fits: replacements in the
reference, and a piece of the advice. RIGHT: other ways to be right.
"""

import bisect
import itertools

import numpy as np
import torch
import torch.nn.functional as F


def level_in_numpys_own_kind(changes):
    levels = np.cumsum(changes)
    return levels.max(), levels.argmax()


def level_by_numpy(changes):
    levels = np.cumsum(changes)
    return int(levels.max()), int(levels.argmax())


def level_by_accumulate(changes):
    levels = list(itertools.accumulate(changes))
    return [max(levels), levels.index(max(levels))]


def saved_in_a_list(run, present=()):
    saved = []
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t)
    with hooks:
        result = run()
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().size() for t in saved}
    for tensor in present:
        storages.pop(tensor.untyped_storage().data_ptr(), None)
    del result
    return sum(storages.values())


def saved_as_it_comes(run, present=()):
    met = {tensor.untyped_storage()._cdata for tensor in present}
    total, alive = 0, []

    def pack(tensor):
        nonlocal total
        storage = tensor.untyped_storage()
        alive.append(storage)
        if storage._cdata not in met:
            met.add(storage._cdata)
            total += len(storage)
        return tensor

    def unpack(tensor):
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        run()
    return total


def saved_by_numpys_sum(run, present=()):
    sizes = {}

    class Hooks(torch.autograd.graph.saved_tensors_hooks):
        def __init__(self):
            super().__init__(self.pack, lambda kept: kept[0])

        def pack(self, tensor):
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return (tensor,)

    with Hooks():
        run()
    for tensor in present:
        sizes[tensor.untyped_storage().data_ptr()] = 0
    return np.sum(list(sizes.values()), dtype=int)


def block_of_numpy(batch, length, hidden, heads, bytes_each, fused=True):
    return np.int64(block_by_parts(batch, length, hidden, heads, bytes_each, fused))


def block_by_parts(batch, length, hidden, heads, bytes_each, fused=True):
    tokens = batch * length
    attention = tokens * heads if fused else batch * heads * length**2
    norms = 2 * (tokens * hidden + 2 * tokens)
    return bytes_each * (tokens * hidden * (1 + 3 + 1 + 1 + 8) + norms + attention)


def block_by_dict(batch, length, hidden, heads, bytes_each, fused=True):
    each = {"vectors": 16 * hidden, "norms": 4, "attention": heads * (1 if fused else length)}
    return sum(each.values()) * batch * length * bytes_each


def adamw_by_torch(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    p = parameter.clone().requires_grad_()
    p.grad = gradient.clone()
    optimizer = torch.optim.AdamW([p], lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
    optimizer.state[p] = {
        "step": torch.tensor(float(step - 1)),
        "exp_avg": exp_avg.clone(),
        "exp_avg_sq": exp_avg_sq.clone(),
    }
    optimizer.step()
    return p.detach(), optimizer.state[p]["exp_avg"], optimizer.state[p]["exp_avg_sq"]


def batch_bit_by_bit(peak, free):
    """From the highest power of two down: keep each that still fits."""
    power = 1
    while peak(power) <= free:
        power *= 2
    rows = 0
    while power:
        if peak(rows + power) <= free:
            rows += power
        power //= 2
    return rows


def batch_by_bisect(peak, free):
    high = 1
    while peak(high) <= free:
        high *= 4
    return bisect.bisect_right(range(1, high + 1), free, key=peak)


def batch_by_steps(peak, free):
    rows, step = 0, 1
    while peak(rows + step) <= free:
        rows, step = rows + step, step * 2
    while step > 1:
        step //= 2
        rows += step * (peak(rows + step) <= free)
    return rows


def blocks_of(x, block_size):
    return F.pad(x.flatten(), (0, -x.numel() % block_size)).view(-1, block_size)


def coded(x, block_size, scales, rounded=torch.round):
    below = scales.clamp(min=1e-30).repeat_interleave(block_size)[: x.numel()].view_as(x)
    return rounded(x / below).to(torch.int8)


def quantize_by_multiplying(x, block_size):
    blocks = blocks_of(x, block_size)
    largest = blocks.abs().amax(dim=1)
    codes = torch.floor(blocks * 127 / largest.clamp(min=1e-12)[:, None] + 0.5)
    return codes.to(torch.int8).flatten()[: x.numel()].view_as(x), largest / 127


def quantize_by_split(x, block_size):
    codes, scales = [], []
    for block in x.flatten().split(block_size):
        scale = block.abs().max() / 127
        codes.append((block / scale if scale > 0 else block).round().to(torch.int8))
        scales.append(scale)
    return torch.cat(codes).view(x.shape), torch.stack(scales)


def quantize_by_clamp(x, block_size):
    scales = blocks_of(x, block_size).abs().amax(dim=1) / 127
    return coded(x, block_size, scales), scales


def adamw_compact(p, g, m, v, step, lr, betas, eps, decay):
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    m_hat, v_hat = m / (1 - betas[0] ** step), v / (1 - betas[1] ** step)
    return p * (1 - lr * decay) - lr * m_hat / (v_hat.sqrt() + eps), m, v


def adamw_by_lerp(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    """The corrections folded into the rate and the root, as torch does it."""
    first, second = exp_avg.lerp(gradient, 1 - betas[0]), exp_avg_sq.lerp(gradient.square(), 1 - betas[1])
    root = second.sqrt() / (1 - betas[1] ** step) ** 0.5 + eps
    rate = lr / (1 - betas[0] ** step)
    return parameter.mul(1 - lr * weight_decay).addcdiv(first, root, value=-rate), first, second


STATES = ", exp_avg, exp_avg_sq"

WRONG = {
    "memory.highest_level": {
        "in place": {"level += change": "level += change\n        changes[index] = level"},
        "return two whole numbers": {"return highest, where": 'return {"level": highest, "index": where}'},
        "add the changes above one by one": {"(changes)": "(changes[1:])"},
        "Two things": {">": ">=", "highest, where\n": "where, highest\n"},
    },
    "memory.saved_bytes": {
        "return a whole number of bytes": {"return sum": "return str and [1] or sum"},
        "the bytes are not right": {"return sum(": "return 8 + sum("},
        "the graph of the run does not work": {"        return tensor": "        return tensor.detach() * 0"},
        "Two things.": {
            "storage.nbytes() for": "storage.nbytes() // 4 for",
            " if address not in counted": "",
        },
    },
    "memory.block_activations": {
        "count by the list above the exercise": {"numbers_a_token * bytes_each": "34 * hidden"},
        "return a whole number": {"return": "return batch,"},
    },
    "memory.adamw_step": {
        "in place": {"exp_avg = betas[0] * exp_avg +": "exp_avg *= betas[0]\n    exp_avg +="},
        "return three tensors": {STATES: ""},
        "state by state": {"gradient**2": "gradient.abs()"},
        "a division by 0?": {"- betas[0] ** step": "- 1"},
    },
    "memory.quantize_blockwise": {
        "work one block out by hand": {".to(torch.int8)": ".to(torch.int8) // 2"},
        "unsigned ones": {"int8": "uint8"},
        "do not fill the last block": {"F.pad(x.flatten(), (0, -x.numel() % block_size))": "x"},
        "return two tensors": {"(x), scales": "(x)"},
        "there is one scale for each block": {"(x), scales": "(x), scales.mean()"},
    },
    "memory.largest_batch": {
        "return a whole number": {"return fits": "return float(fits)"},
        "with one row more it must not": {"return fits": "return 2 * fits"},
        "1 or more: ask peak for no other": {
            "fits, too_large = 0, 1": "fits, too_large = 0, 1 + 0 * peak(0)"
        },
        "too many sizes are tried": {"return fits": "[peak(fits or 1) for _ in range(60)]\n    return fits"},
        "Two things.": {"<= free": "< free", "return fits": "return too_large"},
    },
}

RIGHT = {
    "memory.highest_level": [level_by_numpy, level_by_accumulate, level_in_numpys_own_kind],
    "memory.saved_bytes": [saved_in_a_list, saved_as_it_comes, saved_by_numpys_sum],
    "memory.block_activations": [block_by_parts, block_by_dict, block_of_numpy],
    "memory.adamw_step": [adamw_compact, adamw_by_torch, adamw_by_lerp],
    "memory.quantize_blockwise": [quantize_by_split, quantize_by_clamp, quantize_by_multiplying],
    "memory.largest_batch": [batch_bit_by_bit, batch_by_bisect, batch_by_steps],
}
