"""Answers to the exercises of notebook 05 as a reader might write them.

WRONG: for each exercise, the answers and a piece of the hint that each must get. RIGHT: other ways to be
right.
"""

import itertools

import numpy as np
import torch
import torch.nn.functional as F

# --- highest_level ---


def level_of_changes(changes):
    return max(changes), changes.index(max(changes))


def level_at_the_end(changes):
    return sum(changes), len(changes) - 1


def level_never_freed(changes):
    level = 0
    for index, change in enumerate(changes):
        if change > 0:
            level, last = level + change, index
    return level, last


def level_last_time(changes):
    level = highest = where = 0
    for index, change in enumerate(changes):
        level += change
        if level >= highest:
            highest, where = level, index
    return highest, where


def level_from_one(changes):
    levels = list(itertools.accumulate(changes))
    return max(levels), levels.index(max(levels)) + 1


def level_exchanged(changes):
    levels = np.cumsum(changes).tolist()
    return levels.index(max(levels)), max(levels)


def level_before(changes):
    level = highest = where = 0
    for index, change in enumerate(changes):
        if level > highest:
            highest, where = level, index
        level += change
    return highest, where


def level_lowest(changes):
    levels = list(itertools.accumulate(changes))
    return min(levels), levels.index(min(levels))


def level_alone(changes):
    return max(itertools.accumulate(changes))


def level_in_place(changes):
    for index in range(1, len(changes)):
        changes[index] += changes[index - 1]
    return max(changes), changes.index(max(changes))


def level_with_index_of_largest(changes):
    return max(itertools.accumulate(changes)), changes.index(max(changes))


def level_with_last_index(changes):
    return max(itertools.accumulate(changes)), len(changes) - 1


def level_never_falls(changes):
    levels = list(itertools.accumulate(map(abs, changes)))
    return max(levels), levels.index(max(levels))


def level_by_name(changes):
    level, index = level_by_accumulate(changes)
    return {"level": level, "index": index}


def level_index_alone(changes):
    return level_by_accumulate(changes)[1]


def levels_all(changes):
    return list(itertools.accumulate(changes))


def level_without_the_first(changes):
    return level_by_accumulate(changes[1:] or [0])


def level_in_numpys_own_kind(changes):
    levels = np.cumsum(changes)
    return levels.max(), levels.argmax()


def level_by_numpy(changes):
    levels = np.cumsum(changes)
    return int(levels.max()), int(levels.argmax())


def level_by_accumulate(changes):
    levels = list(itertools.accumulate(changes))
    return [max(levels), levels.index(max(levels))]


# --- saved_by_linear ---


def saved_exchanged(input_needs_gradient, weight_needs_gradient):
    return _named(input_needs_gradient, weight_needs_gradient)


def _named(first, second):
    return {name for name, needed in (("input", first), ("weight", second)) if needed}


def saved_input_always(input_needs_gradient, weight_needs_gradient):
    return {"input", "weight"} if input_needs_gradient else {"input"}


def saved_weight_always(input_needs_gradient, weight_needs_gradient):
    return {"input", "weight"} if weight_needs_gradient else {"weight"}


def saved_by_elif(input_needs_gradient, weight_needs_gradient):
    if weight_needs_gradient:
        return {"input"}
    elif input_needs_gradient:
        return {"weight"}
    return set()


def saved_output(input_needs_gradient, weight_needs_gradient):
    saved = _named(weight_needs_gradient, input_needs_gradient)
    return saved | {"output"} if saved else saved


def saved_never_weight(input_needs_gradient, weight_needs_gradient):
    return {"input"} if weight_needs_gradient else set()


def saved_bias(input_needs_gradient, weight_needs_gradient):
    saved = _named(weight_needs_gradient, input_needs_gradient)
    return saved | ({"bias"} if saved else set())


def saved_both(input_needs_gradient, weight_needs_gradient):
    return {"weight", "input"}


def saved_as_letters(input_needs_gradient, weight_needs_gradient):
    return {name for name, needed in (("x", weight_needs_gradient), ("W", input_needs_gradient)) if needed}


def saved_by_comprehension(input_needs_gradient, weight_needs_gradient):
    return _named(weight_needs_gradient, input_needs_gradient)


def saved_if_both(input_needs_gradient, weight_needs_gradient):
    return {"input", "weight"} if input_needs_gradient and weight_needs_gradient else set()


def saved_if_any(input_needs_gradient, weight_needs_gradient):
    return {"input", "weight"} if input_needs_gradient or weight_needs_gradient else set()


def saved_never_input(input_needs_gradient, weight_needs_gradient):
    return {"weight"} if input_needs_gradient else set()


def saved_frozen(input_needs_gradient, weight_needs_gradient):
    return frozenset(saved_by_comprehension(input_needs_gradient, weight_needs_gradient))


def saved_as_list(input_needs_gradient, weight_needs_gradient):
    return ["weight"] * input_needs_gradient + ["input"] * weight_needs_gradient


# --- block_activations ---


def block_in_numbers(batch, length, hidden, heads, bytes_each, fused=True):
    return batch * length * (16 * hidden + 4 + (heads if fused else heads * length))


def block_of_one_text(batch, length, hidden, heads, bytes_each, fused=True):
    return block_in_numbers(1, length, hidden, heads, 4, fused) * bytes_each


def block_fused(batch, length, hidden, heads, bytes_each, fused=True):
    return batch * length * (16 * hidden + 4 + heads) * bytes_each


def block_not_fused(batch, length, hidden, heads, bytes_each, fused=True):
    return batch * length * (16 * hidden + 4 + heads * length) * bytes_each


def block_turned_round(batch, length, hidden, heads, bytes_each, fused=True):
    return batch * length * (16 * hidden + 4 + (heads * length if fused else heads)) * bytes_each


def block_one_head(batch, length, hidden, heads, bytes_each, fused=True):
    return batch * length * (16 * hidden + 4 + (heads if fused else length)) * bytes_each


def block_without_norms(batch, length, hidden, heads, bytes_each, fused=True):
    return batch * length * (16 * hidden + (heads if fused else heads * length)) * bytes_each


def block_narrow(batch, length, hidden, heads, bytes_each, fused=True):
    return batch * length * (10 * hidden + 4 + (heads if fused else heads * length)) * bytes_each


def block_gelu_once(batch, length, hidden, heads, bytes_each, fused=True):
    return batch * length * (12 * hidden + 4 + (heads if fused else heads * length)) * bytes_each


def block_without_qkv(batch, length, hidden, heads, bytes_each, fused=True):
    return batch * length * (13 * hidden + 4 + (heads if fused else heads * length)) * bytes_each


def block_without_input(batch, length, hidden, heads, bytes_each, fused=True):
    return batch * length * (15 * hidden + 4 + (heads if fused else heads * length)) * bytes_each


def block_cubed(batch, length, hidden, heads, bytes_each, fused=True):
    return batch * length * (16 * hidden + 4 + (heads if fused else heads * length**2)) * bytes_each


def block_as_float(batch, length, hidden, heads, bytes_each, fused=True):
    return block_in_numbers(batch, length, hidden, heads, 4, fused) * float(bytes_each)


def block_with(vectors=16, norms=4, heads_used=True, attention=1):
    def block(batch, length, hidden, heads, bytes_each, fused=True):
        kept = attention * (heads if heads_used else 1) * (1 if fused else length)
        return batch * length * (vectors * hidden + norms + kept) * bytes_each

    return block


def block_norms_as_vectors(batch, length, hidden, heads, bytes_each, fused=True):
    return block_with(norms=4 * hidden)(batch, length, hidden, heads, bytes_each, fused)


def block_attention_outside(batch, length, hidden, heads, bytes_each, fused=True):
    return (batch * length * (16 * hidden + 4) + (heads if fused else heads * length)) * bytes_each


def block_of_numpy(batch, length, hidden, heads, bytes_each, fused=True):
    return np.int64(block_by_parts(batch, length, hidden, heads, bytes_each, fused))


def block_by_korthikanti(batch, length, hidden, heads, bytes_each, fused=True):
    return batch * length * 34 * hidden


def block_by_parts(batch, length, hidden, heads, bytes_each, fused=True):
    tokens = batch * length
    attention = tokens * heads if fused else batch * heads * length**2
    norms = 2 * (tokens * hidden + 2 * tokens)
    return bytes_each * (tokens * hidden * (1 + 3 + 1 + 1 + 8) + norms + attention)


def block_by_dict(batch, length, hidden, heads, bytes_each, fused=True):
    each = {"vectors": 16 * hidden, "norms": 4, "attention": heads * (1 if fused else length)}
    return sum(each.values()) * batch * length * bytes_each


# --- adamw_step ---


def adamw(p, g, m, v, step, lr, betas, eps, decay, correct=True):
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    m_hat, v_hat = (m / (1 - betas[0] ** step), v / (1 - betas[1] ** step)) if correct else (m, v)
    return p * (1 - lr * decay) - lr * m_hat / (v_hat.sqrt() + eps), m, v


def adamw_uncorrected(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    return adamw(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay, correct=False)


def adamw_corrected_states(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    new, m, v = adamw(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay)
    return new, m / (1 - betas[0] ** step), v / (1 - betas[1] ** step)


def adamw_betas_exchanged(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    return adamw(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas[::-1], eps, weight_decay)


def adamw_no_decay(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    return adamw(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, 0)


def adam_with_l2(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    gradient = gradient + weight_decay * parameter
    return adamw(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, 0)


def adamw_decay_without_rate(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    return adamw(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay / lr)


def adamw_uphill(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    new, m, v = adamw(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay)
    decayed = parameter - lr * weight_decay * parameter
    return 2 * decayed - new, m, v


def adamw_eps_inside(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    _, m, v = adamw(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay)
    root = (v / (1 - betas[1] ** step) + eps).sqrt()
    return parameter * (1 - lr * weight_decay) - lr * m / (1 - betas[0] ** step) / root, m, v


def adamw_no_root(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    _, m, v = adamw(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay)
    below = v / (1 - betas[1] ** step) + eps
    return parameter * (1 - lr * weight_decay) - lr * m / (1 - betas[0] ** step) / below, m, v


def adamw_decayed_last(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    new, m, v = adamw(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, 0)
    return new * (1 - lr * weight_decay), m, v


def adamw_beta_for_new(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    m = (1 - betas[0]) * exp_avg + betas[0] * gradient
    v = (1 - betas[1]) * exp_avg_sq + betas[1] * gradient**2
    below = (v / (1 - betas[1] ** step)).sqrt() + eps
    return parameter * (1 - lr * weight_decay) - lr * m / (1 - betas[0] ** step) / below, m, v


def adamw_in_place(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    exp_avg.mul_(betas[0]).add_(gradient, alpha=1 - betas[0])
    exp_avg_sq.mul_(betas[1]).addcmul_(gradient, gradient, value=1 - betas[1])
    below = (exp_avg_sq / (1 - betas[1] ** step)).sqrt() + eps
    new = parameter * (1 - lr * weight_decay) - lr * exp_avg / (1 - betas[0] ** step) / below
    return new, exp_avg, exp_avg_sq


def adamw_parameter_alone(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    return adamw(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay)[0]


def adamw_like(
    first=True, second=True, old=False, more=0, rate=True, grows=False, new=None, power=pow, order=(0, 1, 2)
):
    """AdamW with something changed; new: the weight of what is new, if not 1 - beta."""

    def one_step(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
        weights = [new or 1 - beta for beta in betas]
        m = betas[0] * exp_avg + weights[0] * gradient
        v = betas[1] * exp_avg_sq + weights[1] * gradient**2
        used = (exp_avg, exp_avg_sq) if old else (m, v)
        m_hat = used[0] / (1 - power(betas[0], step + more)) if first else used[0]
        v_hat = used[1] / (1 - power(betas[1], step + more)) if second else used[1]
        decay = lr * weight_decay * parameter * (-1 if grows else 1)
        moved = parameter - decay - (lr if rate else 1) * m_hat / (v_hat.sqrt() + eps)
        return [(moved, m, v)[index] for index in order]

    return one_step


def adamw_old_states(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    new, _, _ = adamw(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay)
    return new, exp_avg, exp_avg_sq


def adamw_update_alone(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    new, m, v = adamw(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay)
    return parameter * (1 - lr * weight_decay) - new, m, v


def adamw_compact(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay):
    return adamw(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay)


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


# --- training_bytes ---


def bytes_with_frozen_gradients(frozen, trained, weight_bytes, gradient_bytes, state_bytes):
    total = frozen + trained
    sizes = (total * weight_bytes, total * gradient_bytes, trained * state_bytes)
    return dict(zip(("parameters", "gradients", "optimizer state"), sizes, strict=True))


def bytes_with_frozen_states(frozen, trained, weight_bytes, gradient_bytes, state_bytes):
    total = frozen + trained
    sizes = (total * weight_bytes, trained * gradient_bytes, total * state_bytes)
    return dict(zip(("parameters", "gradients", "optimizer state"), sizes, strict=True))


def bytes_trained_only(frozen, trained, weight_bytes, gradient_bytes, state_bytes):
    return {
        "parameters": trained * weight_bytes,
        "gradients": trained * gradient_bytes,
        "optimizer state": trained * state_bytes,
    }


def bytes_frozen_only(frozen, trained, weight_bytes, gradient_bytes, state_bytes):
    return {
        "parameters": frozen * weight_bytes,
        "gradients": trained * gradient_bytes,
        "optimizer state": trained * state_bytes,
    }


def bytes_two_states(frozen, trained, weight_bytes, gradient_bytes, state_bytes):
    return {
        "parameters": (frozen + trained) * weight_bytes,
        "gradients": trained * gradient_bytes,
        "optimizer state": 2 * trained * state_bytes,
    }


def bytes_not_bytes(frozen, trained, weight_bytes, gradient_bytes, state_bytes):
    return {"parameters": frozen + trained, "gradients": trained, "optimizer state": trained}


def bytes_in_all(frozen, trained, weight_bytes, gradient_bytes, state_bytes):
    return frozen * weight_bytes + trained * (weight_bytes + gradient_bytes + state_bytes)


def bytes_as_tuple(frozen, trained, weight_bytes, gradient_bytes, state_bytes):
    return (frozen + trained) * weight_bytes, trained * gradient_bytes, trained * state_bytes


def bytes_without_brackets(frozen, trained, weight_bytes, gradient_bytes, state_bytes):
    return {
        "parameters": frozen + trained * weight_bytes,
        "gradients": trained * gradient_bytes,
        "optimizer state": trained * state_bytes,
    }


def bytes_exchanged(frozen, trained, weight_bytes, gradient_bytes, state_bytes):
    return bytes_in_another_order(frozen, trained, weight_bytes, state_bytes, gradient_bytes)


def bytes_of_frozen(frozen, trained, weight_bytes, gradient_bytes, state_bytes):
    return bytes_in_another_order(trained, frozen, weight_bytes, gradient_bytes, state_bytes)


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


# --- quantize_blockwise ---


def blocks_of(x, block_size):
    return F.pad(x.flatten(), (0, -x.numel() % block_size)).view(-1, block_size)


def coded(x, block_size, scales, rounded=torch.round):
    below = scales.clamp(min=1e-30).repeat_interleave(block_size)[: x.numel()].view_as(x)
    return rounded(x / below).to(torch.int8)


def quantize_one_scale(x, block_size):
    scales = x.abs().max().reshape(1) / 127
    return (x / scales).round().to(torch.int8), scales


def quantize_cut_off(x, block_size):
    scales = blocks_of(x, block_size).abs().amax(dim=1) / 127
    return coded(x, block_size, scales, rounded=torch.trunc), scales


def quantize_by_128(x, block_size):
    scales = blocks_of(x, block_size).abs().amax(dim=1) / 128
    return coded(x, block_size, scales), scales


def quantize_without_abs(x, block_size):
    scales = blocks_of(x, block_size).amax(dim=1) / 127
    blocks = blocks_of(x, block_size) / torch.where(scales == 0, torch.ones_like(scales), scales)[:, None]
    return blocks.round().to(torch.int8).flatten()[: x.numel()].view_as(x), scales


def quantize_largest(x, block_size):
    scales = blocks_of(x, block_size).abs().amax(dim=1) / 127
    return coded(x, block_size, scales), scales * 127


def quantize_flat(x, block_size):
    scales = blocks_of(x, block_size).abs().amax(dim=1) / 127
    return coded(x, block_size, scales).flatten(), scales


def quantize_in_float(x, block_size):
    scales = blocks_of(x, block_size).abs().amax(dim=1) / 127
    return coded(x, block_size, scales).to(x.dtype), scales


def quantize_by_halves(x, block_size):
    scales = blocks_of(x, block_size).abs().amax(dim=1) / 127
    return coded(x, block_size, scales) // 2, scales


def quantize_inverse(x, block_size):
    scales = blocks_of(x, block_size).abs().amax(dim=1) / 127
    return coded(x, block_size, scales), 1 / scales


def quantize_without_padding(x, block_size):
    blocks = x.view(-1, block_size)
    scales = blocks.abs().amax(dim=1) / 127
    below = torch.where(scales > 0, scales, torch.ones_like(scales))
    return (blocks / below[:, None]).round().to(torch.int8).view_as(x), scales


def quantize_with_a_dim_too_many(x, block_size):
    codes, scales = quantize_by_split(x, block_size)
    return codes, scales[:, None]


def quantize_with_padding_left(x, block_size):
    filled, scales = blocks_of(x, block_size).flatten(), quantize_by_split(x, block_size)[1]
    return coded(filled, block_size, scales), scales


def quantize_zeros_by_one(x, block_size):
    codes, scales = quantize_by_split(x, block_size)
    return codes, torch.where(scales > 0, scales, torch.ones_like(scales))


def quantize_with_least_scale(x, block_size):
    scales = (blocks_of(x, block_size).abs().amax(dim=1) / 127).clamp(min=1e-8)
    return coded(x, block_size, scales), scales


def quantize_with_epsilon(x, block_size):
    scales = blocks_of(x, block_size).abs().amax(dim=1) / 127
    return coded(x, block_size, scales + 1e-8), scales


def quantize_scale_for_each(x, block_size):
    codes, scales = quantize_by_split(x, block_size)
    return codes, scales.repeat_interleave(block_size)[: x.numel()].view_as(x)


def quantize_exchanged(x, block_size):
    return quantize_by_split(x, block_size)[::-1]


def quantize_into_so_many_blocks(x, block_size):
    return quantize_by_split(x, -(-x.numel() // block_size))


def quantize_unsigned(x, block_size):
    codes, scales = quantize_by_split(x, block_size)
    return codes.to(torch.uint8), scales


def quantize_by_multiplying(x, block_size):
    blocks = blocks_of(x, block_size)
    largest = blocks.abs().amax(dim=1)
    codes = torch.floor(blocks * 127 / largest.clamp(min=1e-12)[:, None] + 0.5)
    return codes.to(torch.int8).flatten()[: x.numel()].view_as(x), largest / 127


def quantize_codes_alone(x, block_size):
    return quantize_by_split(x, block_size)[0]


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


WRONG = {
    "memory.highest_level": [
        (level_of_changes, "largest single change"),
        (level_at_the_end, "the level at the end"),
        (level_never_freed, "what goes is not taken off"),
        (level_last_time, "the last time it was reached"),
        (level_from_one, "counts from 1"),
        (level_exchanged, "are exchanged"),
        (level_before, "before each change"),
        (level_lowest, "the lowest level"),
        (level_alone, "that is the level alone"),
        (level_in_place, "in place"),
        (level_with_index_of_largest, "that of the largest change"),
        (level_with_last_index, "the index is the last one"),
        (level_never_falls, "as if it came"),
        (level_by_name, "return two whole numbers"),
        (level_index_alone, "that is the index alone"),
        (levels_all, "these are all levels"),
        (level_without_the_first, "add the changes above one by one"),
    ],
    "memory.saved_by_linear": [
        (saved_exchanged, "the other way round"),
        (saved_input_always, "the input is kept every time"),
        (saved_weight_always, "the weight is kept every time"),
        (saved_by_elif, "two ifs"),
        (saved_output, "the output is not needed"),
        (saved_never_weight, "the weight is never kept"),
        (saved_bias, "the bias is not needed"),
        (saved_both, "both are kept every time"),
        (saved_if_both, "not one `and`"),
        (saved_if_any, "one of the two only"),
        (saved_never_input, "the input is never kept"),
        (saved_as_list, "return a set of names"),
        (saved_as_letters, "the names are"),
    ],
    "memory.block_activations": [
        (block_in_numbers, "not bytes"),
        (block_of_one_text, "that is one text"),
        (block_fused, "fused is not used. Where it is False"),
        (block_not_fused, "fused is not used. Where it is True"),
        (block_turned_round, "turned round"),
        (block_one_head, "each head has a matrix of its own"),
        (block_without_norms, "the two LayerNorms keep"),
        (block_narrow, "four times as wide"),
        (block_gelu_once, "both kept"),
        (block_without_qkv, "query, key and value are three"),
        (block_without_input, "a vector of hidden numbers is missing"),
        (block_with(vectors=14), "two vectors of hidden numbers are missing"),
        (block_with(vectors=8), "the feed-forward part is missing"),
        (block_with(heads_used=False), "heads is not used"),
        (block_with(attention=0), "besides its vectors is missing"),
        (block_norms_as_vectors, "not 2 vectors"),
        (block_attention_outside, "is for each token too"),
        (block_cubed, "outside the bracket already"),
        (block_as_float, "a whole number: an int. Use"),
        (block_by_korthikanti, "count by the list above the exercise"),
    ],
    "memory.adamw_step": [
        (adamw_uncorrected, "divide each by 1 - beta"),
        (adamw_corrected_states, "the corrected averages are returned"),
        (adamw_betas_exchanged, "betas are exchanged"),
        (adamw_no_decay, "the weight decay is missing"),
        (adam_with_l2, "Adam with L2"),
        (adamw_decay_without_rate, "the decay is not multiplied"),
        (adamw_uphill, "against the gradient"),
        (adamw_eps_inside, "inside the square root"),
        (adamw_no_root, "the square root is missing"),
        (adamw_decayed_last, "what the step has moved already"),
        (adamw_beta_for_new, "beta is the weight of the new gradient"),
        (adamw_in_place, "in place"),
        (adamw_parameter_alone, "return three tensors"),
        (adamw_like(first=False), "exp_avg starts at 0"),
        (adamw_like(second=False), "exp_avg_sq starts at 0"),
        (adamw_like(old=True), "made with the old averages"),
        (adamw_like(more=1), "do not add to it"),
        (adamw_like(rate=False), "the step is not multiplied by lr"),
        (adamw_like(grows=True), "the decay has the wrong sign"),
        (adamw_like(new=1), "what is new has weight 1"),
        (adamw_like(power=lambda beta, step: beta * step), "raised to that power"),
        (adamw_like(order=(0, 2, 1)), "the states are exchanged"),
        (adamw_like(order=(1, 2, 0)), "the new parameter comes first"),
        (adamw_old_states, "the states are the old ones"),
        (adamw_update_alone, "that is the update"),
    ],
    "memory.training_bytes": [
        (bytes_with_frozen_gradients, "frozen parameters are given gradients"),
        (bytes_with_frozen_states, "frozen parameters are given a state"),
        (bytes_trained_only, "the frozen weights are missing"),
        (bytes_frozen_only, "the trained weights are missing"),
        (bytes_two_states, "the state is counted twice"),
        (bytes_not_bytes, "these are numbers of parameters"),
        (bytes_in_all, "that is the total"),
        (bytes_as_tuple, "return a dictionary"),
        (bytes_without_brackets, "before the sum"),
        (bytes_exchanged, "the bytes are exchanged"),
        (bytes_of_frozen, "those of the frozen parameters"),
    ],
    "memory.quantize_blockwise": [
        (quantize_one_scale, "one scale for all numbers"),
        (quantize_cut_off, "cut off towards 0"),
        (quantize_by_128, "divide by 127"),
        (quantize_without_abs, "the largest number"),
        (quantize_largest, "that is the largest magnitude. The scale"),
        (quantize_flat, "the codes are flat"),
        (quantize_in_float, "the codes are not int8"),
        (quantize_by_halves, "work one block out by hand"),
        (quantize_inverse, "upside down"),
        (quantize_without_padding, "do not fill the last block"),
        (quantize_codes_alone, "return two tensors"),
        (quantize_with_a_dim_too_many, "a dim too many"),
        (quantize_with_padding_left, "still among the codes"),
        (quantize_zeros_by_one, "but return the 0"),
        (quantize_with_least_scale, "scales have a least value"),
        (quantize_with_epsilon, "something is added to the scale"),
        (quantize_scale_for_each, "a scale for every number"),
        (quantize_exchanged, "the two are exchanged"),
        (quantize_into_so_many_blocks, "taken for the number of blocks"),
        (quantize_unsigned, "unsigned ones"),
    ],
}

RIGHT = {
    "memory.highest_level": [level_by_numpy, level_by_accumulate, level_in_numpys_own_kind],
    "memory.saved_by_linear": [saved_by_comprehension, saved_frozen],
    "memory.block_activations": [block_by_parts, block_by_dict, block_of_numpy],
    "memory.adamw_step": [adamw_compact, adamw_by_torch],
    "memory.training_bytes": [bytes_in_another_order, bytes_by_keywords, bytes_of_numpy],
    "memory.quantize_blockwise": [quantize_by_split, quantize_by_clamp, quantize_by_multiplying],
}
