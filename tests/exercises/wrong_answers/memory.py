"""Answers to the exercises of notebook 05 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/memory`, since none of its mistakes fits: replacements in the
reference, and a piece of the advice. RIGHT: other ways to be right.
"""

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


def saved_by_comprehension(input_needs_gradient, weight_needs_gradient):
    needs = {"input": weight_needs_gradient, "weight": input_needs_gradient}
    return {name for name, needed in needs.items() if needed}


def saved_frozen(input_needs_gradient, weight_needs_gradient):
    return frozenset(saved_by_comprehension(input_needs_gradient, weight_needs_gradient))


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


def bytes_of_numpy(frozen, trained, weight_bytes, gradient_bytes, state_bytes):
    parts = bytes_in_another_order(frozen, trained, weight_bytes, gradient_bytes, state_bytes)
    return {name: np.int64(part) for name, part in parts.items()}


def bytes_in_another_order(frozen, trained, weight_bytes, gradient_bytes, state_bytes):
    return {
        "optimizer state": trained * state_bytes,
        "gradients": trained * gradient_bytes,
        "parameters": frozen * weight_bytes + trained * weight_bytes,
    }


def bytes_by_keywords(frozen, trained, weight_bytes, gradient_bytes, state_bytes):
    needs = {name: trained * each for name, each in (("gradients", gradient_bytes),)}
    return (
        {"parameters": (frozen + trained) * weight_bytes} | needs | {"optimizer state": trained * state_bytes}
    )


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


def saved_by_compress(input_needs_gradient, weight_needs_gradient):
    return set(itertools.compress(("weight", "input"), (input_needs_gradient, weight_needs_gradient)))


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
    "memory.highest_level": [
        ({"level += change": "level += change\n        changes[index] = level"}, "in place"),
        ({"return highest, where": 'return {"level": highest, "index": where}'}, "return two whole numbers"),
        ({"(changes)": "(changes[1:])"}, "add the changes above one by one"),
        ({">": ">=", "highest, where\n": "where, highest\n"}, "Two things"),
    ],
    "memory.saved_by_linear": [
        ({"return saved": "return list(saved)"}, "return a set of names"),
        ({'"input"': '"x"', '"weight"': '"W"'}, "the names are"),
        ({"if weight": "if not weight"}, "two questions, one by one"),
    ],
    "memory.block_activations": [
        ({"numbers_a_token * bytes_each": "34 * hidden"}, "count by the list above the exercise"),
        ({"return": "return batch,"}, "return a whole number"),
    ],
    "memory.adamw_step": [
        ({"exp_avg = betas[0] * exp_avg +": "exp_avg *= betas[0]\n    exp_avg +="}, "in place"),
        ({STATES: ""}, "return three tensors"),
        ({"gradient**2": "gradient.abs()"}, "state by state"),
        ({"- betas[0] ** step": "- 1"}, "a division by 0?"),
    ],
    "memory.training_bytes": [
        ({"trained * gradient": "(frozen + trained) * gradient"}, "frozen parameters are given gradients"),
        ({"trained * state": "(frozen + trained) * state"}, "frozen parameters are given a state"),
        ({"frozen + ": ""}, "the frozen weights are missing"),
        ({" + trained)": ")"}, "the trained weights are missing"),
        ({"* state_bytes": "* 2 * state_bytes"}, "the state is counted twice"),
        (
            {" * weight_bytes": "", " * gradient_bytes": "", " * state_bytes": ""},
            "these are numbers of parameters",
        ),
        ({"return {": "return sum({", "}": "}.values())"}, "that is the total"),
        ({"return {": "return tuple({", "}": "}.values())"}, "return a dictionary"),
        ({"(frozen + trained)": "frozen + trained"}, "before the sum"),
        ({"gradient_bytes": "state_bytes", "state_bytes": "gradient_bytes"}, "the bytes are exchanged"),
        ({"trained *": "frozen *"}, "those of the frozen parameters"),
    ],
    "memory.quantize_blockwise": [
        ({".to(torch.int8)": ".to(torch.int8) // 2"}, "work one block out by hand"),
        ({"int8": "uint8"}, "unsigned ones"),
        ({"F.pad(x.flatten(), (0, -x.numel() % block_size))": "x"}, "do not fill the last block"),
        ({"(x), scales": "(x)"}, "return two tensors"),
        ({"(x), scales": "(x), scales.mean()"}, "there is one scale for each block"),
    ],
}

RIGHT = {
    "memory.highest_level": [level_by_numpy, level_by_accumulate, level_in_numpys_own_kind],
    "memory.saved_by_linear": [saved_by_comprehension, saved_frozen, saved_by_compress],
    "memory.block_activations": [block_by_parts, block_by_dict, block_of_numpy],
    "memory.adamw_step": [adamw_compact, adamw_by_torch, adamw_by_lerp],
    "memory.training_bytes": [bytes_in_another_order, bytes_by_keywords, bytes_of_numpy],
    "memory.quantize_blockwise": [quantize_by_split, quantize_by_clamp, quantize_by_multiplying],
}
