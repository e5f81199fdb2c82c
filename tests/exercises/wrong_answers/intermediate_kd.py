"""Answers to the exercises of notebook 03 as a reader might write them.

WRONG: for each exercise, the answers and a piece of the hint that each must get. RIGHT: other ways to be
right.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# --- layer_map ---


def map_from_zero(student_layers, teacher_layers, kind):
    return [layer - 1 for layer in map_by_cases(student_layers, teacher_layers, kind)]


def map_with_embedding(student_layers, teacher_layers, kind):
    return [0] + map_by_cases(student_layers, teacher_layers, kind)


def map_one_late(student_layers, teacher_layers, kind):
    return [layer + 1 for layer in map_by_cases(student_layers, teacher_layers, kind)]


def map_spread_low(student_layers, teacher_layers, kind):
    if kind == "uniform":
        return [1 + m * teacher_layers // student_layers for m in range(student_layers)]
    return map_by_cases(student_layers, teacher_layers, kind)


def map_to_both_ends(student_layers, teacher_layers, kind):
    if kind == "uniform":
        return [1 + m * (teacher_layers - 1) // max(1, student_layers - 1) for m in range(student_layers)]
    return map_by_cases(student_layers, teacher_layers, kind)


def map_rounded_up(student_layers, teacher_layers, kind):
    if kind == "uniform":
        return [-(-m * teacher_layers // student_layers) for m in range(1, student_layers + 1)]
    return map_by_cases(student_layers, teacher_layers, kind)


def map_whole_steps(student_layers, teacher_layers, kind):
    if kind == "uniform":
        step = teacher_layers // student_layers
        return list(range(step, step * student_layers + 1, step))
    return map_by_cases(student_layers, teacher_layers, kind)


def map_decimal(student_layers, teacher_layers, kind):
    if kind == "uniform":
        return [m * teacher_layers / student_layers for m in range(1, student_layers + 1)]
    return map_by_cases(student_layers, teacher_layers, kind)


def map_exchanged(student_layers, teacher_layers, kind):
    other = {"first": "last", "last": "first", "uniform": "uniform"}[kind]
    return map_by_cases(student_layers, teacher_layers, other)


def map_backwards(student_layers, teacher_layers, kind):
    return map_by_cases(student_layers, teacher_layers, kind)[::-1]


def map_kind_unused(student_layers, teacher_layers, kind):
    return map_by_cases(student_layers, teacher_layers, "uniform")


def map_last_from_zero(student_layers, teacher_layers, kind):
    if kind == "last":
        return list(range(teacher_layers))[-student_layers:]
    return map_by_cases(student_layers, teacher_layers, kind)


def map_first_from_zero(student_layers, teacher_layers, kind):
    if kind == "first":
        return list(range(student_layers))
    return map_by_cases(student_layers, teacher_layers, kind)


def map_to_nearest(student_layers, teacher_layers, kind):
    if kind == "uniform":
        return [round(m * teacher_layers / student_layers) for m in range(1, student_layers + 1)]
    return map_by_cases(student_layers, teacher_layers, kind)


def map_last_turned(student_layers, teacher_layers, kind):
    if kind == "last":
        return [teacher_layers - m for m in range(student_layers)]
    return map_by_cases(student_layers, teacher_layers, kind)


def map_as_tensor(student_layers, teacher_layers, kind):
    return torch.tensor(map_by_cases(student_layers, teacher_layers, kind))


def map_one_entry_short(student_layers, teacher_layers, kind):
    return map_by_cases(student_layers, teacher_layers, kind)[1:]


def map_by_cases(student_layers, teacher_layers, kind):
    if kind == "first":
        return list(range(1, student_layers + 1))
    if kind == "last":
        return list(range(1, teacher_layers + 1))[-student_layers:]
    return [int(m * teacher_layers / student_layers) for m in range(1, student_layers + 1)]


def map_of_numpy(student_layers, teacher_layers, kind):
    m = np.arange(1, student_layers + 1)
    if kind == "uniform":
        return list(m * teacher_layers // student_layers)
    return list(m + teacher_layers - student_layers) if kind == "last" else list(m)


def map_by_shift(student_layers, teacher_layers, kind):
    shift = {"first": 0, "last": teacher_layers - student_layers}
    steps = range(1, student_layers + 1)
    if kind in shift:
        return [m + shift[kind] for m in steps]
    return [math.floor(teacher_layers * m / student_layers) for m in steps]


# --- hidden_loss ---


def project(student_hidden, projection):
    return student_hidden if projection is None else student_hidden @ projection.T


def hidden_padding_counts(student_hidden, teacher_hidden, attention_mask, projection=None):
    return F.mse_loss(project(student_hidden, projection), teacher_hidden.detach())


def hidden_divides_by_all(student_hidden, teacher_hidden, attention_mask, projection=None):
    apart = project(student_hidden, projection) - teacher_hidden.detach()
    return (apart**2 * attention_mask.unsqueeze(-1)).mean()


def hidden_by_sentence(student_hidden, teacher_hidden, attention_mask, projection=None):
    apart = (project(student_hidden, projection) - teacher_hidden.detach()) ** 2
    sums = (apart.mean(-1) * attention_mask).sum(1)
    return (sums / attention_mask.sum(1)).mean()


def hidden_over_batch(student_hidden, teacher_hidden, attention_mask, projection=None):
    apart = (project(student_hidden, projection) - teacher_hidden.detach()) ** 2
    return (apart.mean(-1) * attention_mask).sum() / len(attention_mask)


def hidden_total(student_hidden, teacher_hidden, attention_mask, projection=None):
    apart = (project(student_hidden, projection) - teacher_hidden.detach()) ** 2
    return (apart.mean(-1) * attention_mask).sum()


def hidden_width_summed(student_hidden, teacher_hidden, attention_mask, projection=None):
    apart = (project(student_hidden, projection) - teacher_hidden.detach()) ** 2
    return (apart.sum(-1) * attention_mask).sum() / attention_mask.sum()


def hidden_absolute(student_hidden, teacher_hidden, attention_mask, projection=None):
    apart = (project(student_hidden, projection) - teacher_hidden.detach()).abs()
    return (apart.mean(-1) * attention_mask).sum() / attention_mask.sum()


def hidden_root(student_hidden, teacher_hidden, attention_mask, projection=None):
    return hidden_by_selection(student_hidden, teacher_hidden, attention_mask, projection) ** 0.5


def hidden_half(student_hidden, teacher_hidden, attention_mask, projection=None):
    return hidden_by_selection(student_hidden, teacher_hidden, attention_mask, projection) / 2


def hidden_lying(student_hidden, teacher_hidden, attention_mask, projection=None):
    projected = student_hidden if projection is None else student_hidden @ projection
    return hidden_by_selection(projected, teacher_hidden, attention_mask)


def hidden_no_projection(student_hidden, teacher_hidden, attention_mask, projection=None):
    return hidden_by_selection(student_hidden, teacher_hidden, attention_mask)


def hidden_frozen_projection(student_hidden, teacher_hidden, attention_mask, projection=None):
    weight = None if projection is None else projection.detach()
    return hidden_by_selection(student_hidden, teacher_hidden, attention_mask, weight)


def hidden_teacher_learns(student_hidden, teacher_hidden, attention_mask, projection=None):
    apart = (project(student_hidden, projection) - teacher_hidden) ** 2
    return (apart.mean(-1) * attention_mask).sum() / attention_mask.sum()


def hidden_asks_projection(student_hidden, teacher_hidden, attention_mask, projection=None):
    if projection:
        student_hidden = F.linear(student_hidden, projection)
    return hidden_by_selection(student_hidden, teacher_hidden, attention_mask)


def hidden_teacher_projected(student_hidden, teacher_hidden, attention_mask, projection=None):
    return hidden_by_selection(student_hidden, teacher_hidden @ projection, attention_mask)


def hidden_needs_projection(student_hidden, teacher_hidden, attention_mask, projection=None):
    return hidden_by_selection(F.linear(student_hidden, projection), teacher_hidden, attention_mask)


def hidden_mask_too_flat(student_hidden, teacher_hidden, attention_mask, projection=None):
    apart = (project(student_hidden, projection) - teacher_hidden.detach()) ** 2
    return (apart * attention_mask).sum() / attention_mask.sum()


def hidden_in_place(student_hidden, teacher_hidden, attention_mask, projection=None):
    teacher_hidden *= attention_mask.unsqueeze(-1)
    return hidden_by_selection(student_hidden, teacher_hidden, attention_mask, projection)


def hidden_mask_of_numbers(student_hidden, teacher_hidden, attention_mask, projection=None):
    apart = (project(student_hidden, projection) - teacher_hidden.detach()) ** 2
    return apart[attention_mask].mean()


def hidden_of_padding(student_hidden, teacher_hidden, attention_mask, projection=None):
    apart = (project(student_hidden, projection) - teacher_hidden.detach()) ** 2
    return apart[attention_mask == 0].mean()


def hidden_student_frozen(student_hidden, teacher_hidden, attention_mask, projection=None):
    if projection is not None:
        student_hidden = student_hidden.detach()
    return hidden_by_selection(student_hidden, teacher_hidden, attention_mask, projection)


def hidden_two_things(student_hidden, teacher_hidden, attention_mask, projection=None):
    apart = (project(student_hidden, projection) - teacher_hidden) ** 2
    return (apart.sum(-1) * attention_mask).sum() / attention_mask.sum()


def hidden_by_selection(student_hidden, teacher_hidden, attention_mask, projection=None):
    real = attention_mask.bool()
    return F.mse_loss(project(student_hidden, projection)[real], teacher_hidden.detach()[real])


def hidden_by_einsum(student_hidden, teacher_hidden, attention_mask, projection=None):
    if projection is not None:
        student_hidden = torch.einsum("bls,ts->blt", student_hidden, projection)
    squares = (student_hidden - teacher_hidden.detach()).pow(2) * attention_mask[..., None]
    return squares.sum() / (attention_mask.sum() * teacher_hidden.shape[-1])


# --- attention_scores ---


def split(x, heads):
    return x.view(*x.shape[:2], heads, -1).permute(0, 2, 1, 3)


def scores_no_scale(query, key, heads):
    return split(query, heads) @ split(key, heads).mT


def scores_whole_width(query, key, heads):
    return split(query, heads) @ split(key, heads).mT / query.shape[-1] ** 0.5


def scores_no_root(query, key, heads):
    return split(query, heads) @ split(key, heads).mT / (query.shape[-1] // heads)


def scores_root_of_heads(query, key, heads):
    return split(query, heads) @ split(key, heads).mT / heads**0.5


def scores_causal(query, key, heads):
    later = torch.ones(query.shape[1], query.shape[1]).triu(1).bool()
    return scores_by_einsum(query, key, heads).masked_fill(later, -math.inf)


def scores_multiplied(query, key, heads):
    return split(query, heads) @ split(key, heads).mT * math.sqrt(query.shape[-1] // heads)


def scores_softmax(query, key, heads):
    return scores_by_einsum(query, key, heads).softmax(-1)


def scores_turned(query, key, heads):
    return scores_by_einsum(key, query, heads)


def scores_cut(query, key, heads):
    batch, length, width = query.shape
    q = query.reshape(batch, heads, length, width // heads)
    k = key.reshape(batch, heads, length, width // heads)
    return q @ k.transpose(2, 3) / math.sqrt(width // heads)


def scores_comb(query, key, heads):
    batch, length, width = query.shape
    q = query.reshape(batch, length, -1, heads)
    k = key.reshape(batch, length, -1, heads)
    return torch.einsum("bqdh,bkdh->bhqk", q, k) / math.sqrt(width // heads)


def scores_averaged(query, key, heads):
    return scores_by_einsum(query, key, heads).mean(1)


def scores_heads_last(query, key, heads):
    return scores_by_einsum(query, key, heads).permute(0, 2, 3, 1)


def scores_one_head(query, key, heads):
    return (query @ key.mT / math.sqrt(query.shape[-1]))[:, None]


def scores_not_transposed(query, key, heads):
    return split(query, heads) @ split(key, heads) / math.sqrt(query.shape[-1] // heads)


def scores_heads_apart(query, key, heads):
    q, k = query.unflatten(-1, (heads, -1)), key.unflatten(-1, (heads, -1))
    return q @ k.transpose(1, 3) / math.sqrt(query.shape[-1] // heads)


def scores_detached(query, key, heads):
    return scores_by_einsum(query, key, heads).detach()


def scores_by_einsum(query, key, heads):
    batch, length, width = query.shape
    q = query.view(batch, length, heads, width // heads)
    k = key.view(batch, length, heads, width // heads)
    return torch.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(width // heads)


def scores_by_chunks(query, key, heads):
    size = query.shape[-1] // heads
    pairs = zip(query.split(size, dim=-1), key.split(size, dim=-1), strict=True)
    return torch.stack([q @ k.mT / size**0.5 for q, k in pairs], dim=1)


# --- attention_loss ---


def attention_padding_counts(student_scores, teacher_scores, attention_mask):
    return F.mse_loss(student_scores, teacher_scores.detach())


def attention_keys_only(student_scores, teacher_scores, attention_mask):
    apart = ((student_scores - teacher_scores.detach()) ** 2).mean(1)
    keys = attention_mask[:, None, :].expand_as(apart)
    return (apart * keys).sum() / keys.sum()


def attention_queries_only(student_scores, teacher_scores, attention_mask):
    apart = ((student_scores - teacher_scores.detach()) ** 2).mean(1)
    queries = attention_mask[:, :, None].expand_as(apart)
    return (apart * queries).sum() / queries.sum()


def attention_divides_by_all(student_scores, teacher_scores, attention_mask):
    apart = ((student_scores - teacher_scores.detach()) ** 2).mean(1)
    return (apart * attention_mask[:, :, None] * attention_mask[:, None]).sum() / apart.numel()


def attention_zeroed(student_scores, teacher_scores, attention_mask):
    pairs = (attention_mask[:, :, None] * attention_mask[:, None])[:, None]
    return F.mse_loss(student_scores * pairs, teacher_scores.detach() * pairs)


def attention_by_tokens(student_scores, teacher_scores, attention_mask):
    apart = ((student_scores - teacher_scores.detach()) ** 2).mean(1)
    pairs = attention_mask[:, :, None] * attention_mask[:, None]
    return (apart * pairs).sum() / attention_mask.sum()


def attention_total(student_scores, teacher_scores, attention_mask):
    apart = ((student_scores - teacher_scores.detach()) ** 2).mean(1)
    return (apart * attention_mask[:, :, None] * attention_mask[:, None]).sum()


def attention_by_sentence(student_scores, teacher_scores, attention_mask):
    apart = ((student_scores - teacher_scores.detach()) ** 2).mean(1)
    pairs = attention_mask[:, :, None] * attention_mask[:, None]
    return ((apart * pairs).flatten(1).sum(1) / pairs.flatten(1).sum(1)).mean()


def attention_over_batch(student_scores, teacher_scores, attention_mask):
    return attention_total(student_scores, teacher_scores, attention_mask) / len(attention_mask)


def attention_across_sentences(student_scores, teacher_scores, attention_mask):
    return attention_total(student_scores, teacher_scores, attention_mask) / attention_mask.sum() ** 2


def attention_either(student_scores, teacher_scores, attention_mask):
    apart = ((student_scores - teacher_scores.detach()) ** 2).mean(1)
    return apart[attention_mask.bool()[:, :, None] | attention_mask.bool()[:, None]].mean()


def attention_mask_of_numbers(student_scores, teacher_scores, attention_mask):
    apart = ((student_scores - teacher_scores.detach()) ** 2).mean(1)
    return apart[attention_mask[:, :, None] * attention_mask[:, None]].mean()


def attention_choice_of_heads(student_scores, teacher_scores, attention_mask):
    pairs = (attention_mask[:, :, None] * attention_mask[:, None]).bool()
    return ((student_scores - teacher_scores.detach()) ** 2)[pairs].mean()


def attention_infinite(student_scores, teacher_scores, attention_mask):
    padding = (attention_mask[:, :, None] * attention_mask[:, None])[:, None] == 0
    student, teacher = (x.masked_fill(padding, -math.inf) for x in (student_scores, teacher_scores))
    return F.mse_loss(student, teacher.detach())


def attention_heads_summed(student_scores, teacher_scores, attention_mask):
    return attention_by_selection(student_scores, teacher_scores, attention_mask) * student_scores.shape[1]


def attention_absolute(student_scores, teacher_scores, attention_mask):
    pairs = attention_mask[:, :, None] * attention_mask[:, None]
    apart = (student_scores - teacher_scores.detach()).abs().mean(1)
    return (apart * pairs).sum() / pairs.sum()


def attention_root(student_scores, teacher_scores, attention_mask):
    return attention_by_selection(student_scores, teacher_scores, attention_mask).sqrt()


def attention_probabilities(student_scores, teacher_scores, attention_mask):
    return attention_by_selection(student_scores.softmax(-1), teacher_scores.softmax(-1), attention_mask)


def attention_teacher_learns(student_scores, teacher_scores, attention_mask):
    pairs = attention_mask[:, :, None] * attention_mask[:, None]
    apart = ((student_scores - teacher_scores) ** 2).mean(1)
    return (apart * pairs).sum() / pairs.sum()


def attention_mask_too_flat(student_scores, teacher_scores, attention_mask):
    apart = (student_scores - teacher_scores.detach()) ** 2
    return (apart * attention_mask[:, :, None] * attention_mask[:, None]).sum() / attention_mask.sum()


def attention_by_selection(student_scores, teacher_scores, attention_mask):
    real = (attention_mask[:, :, None] * attention_mask[:, None]).bool()
    student, teacher = (scores.movedim(1, -1)[real] for scores in (student_scores, teacher_scores.detach()))
    return F.mse_loss(student, teacher)


def attention_by_broadcast(student_scores, teacher_scores, attention_mask):
    pairs = attention_mask[:, None, :, None] * attention_mask[:, None, None, :]
    squares = F.mse_loss(student_scores, teacher_scores.detach(), reduction="none") * pairs
    return squares.sum() / pairs.sum() / student_scores.shape[1]


# --- patient_loss ---


def patient_unscaled(student_cls, teacher_cls):
    return (student_cls - teacher_cls.detach()).pow(2).sum(-1).mean()


def patient_student_unscaled(student_cls, teacher_cls):
    return (student_cls - F.normalize(teacher_cls.detach(), dim=-1)).pow(2).sum(-1).mean()


def patient_teacher_unscaled(student_cls, teacher_cls):
    return (F.normalize(student_cls, dim=-1) - teacher_cls.detach()).pow(2).sum(-1).mean()


def patient_across(student_cls, teacher_cls):
    student, teacher = F.normalize(student_cls, dim=0), F.normalize(teacher_cls.detach(), dim=0)
    return (student - teacher).pow(2).sum(-1).mean()


def patient_dim_1(student_cls, teacher_cls):
    student, teacher = F.normalize(student_cls), F.normalize(teacher_cls.detach())
    return (student - teacher).pow(2).sum(-1).mean()


def patient_standardised(student_cls, teacher_cls):
    size = student_cls.shape[-1:]
    student, teacher = F.layer_norm(student_cls, size), F.layer_norm(teacher_cls.detach(), size)
    return (student - teacher).pow(2).sum(-1).mean()


def patient_width_mean(student_cls, teacher_cls):
    return F.mse_loss(F.normalize(student_cls, dim=-1), F.normalize(teacher_cls.detach(), dim=-1))


def patient_total(student_cls, teacher_cls):
    return (F.normalize(student_cls, dim=-1) - F.normalize(teacher_cls.detach(), dim=-1)).pow(2).sum()


def patient_first_dim(student_cls, teacher_cls):
    return patient_total(student_cls, teacher_cls) / len(student_cls)


def patient_of_difference(student_cls, teacher_cls):
    return F.normalize(student_cls - teacher_cls.detach(), dim=-1).pow(2).sum(-1).mean()


def patient_one_length(student_cls, teacher_cls):
    student, teacher = (x / x.norm() for x in (student_cls, teacher_cls.detach()))
    return (student - teacher).pow(2).sum(-1).mean()


def patient_dim_lost(student_cls, teacher_cls):
    student, teacher = (x / x.norm(dim=-1) for x in (student_cls, teacher_cls.detach()))
    return (student - teacher).pow(2).sum(-1).mean()


def patient_absolute(student_cls, teacher_cls):
    student, teacher = F.normalize(student_cls, dim=-1), F.normalize(teacher_cls.detach(), dim=-1)
    return (student - teacher).abs().sum(-1).mean()


def patient_root(student_cls, teacher_cls):
    student, teacher = F.normalize(student_cls, dim=-1), F.normalize(teacher_cls.detach(), dim=-1)
    return (student - teacher).norm(dim=-1).mean()


def patient_cosine(student_cls, teacher_cls):
    return 1 - F.cosine_similarity(student_cls, teacher_cls.detach(), dim=-1).mean()


def patient_teacher_learns(student_cls, teacher_cls):
    student, teacher = F.normalize(student_cls, dim=-1), F.normalize(teacher_cls, dim=-1)
    return (student - teacher).pow(2).sum(-1).mean()


def patient_by_hand(student_cls, teacher_cls):
    teacher = teacher_cls.detach()
    student = student_cls / student_cls.norm(dim=-1, keepdim=True)
    return ((student - teacher / teacher.norm(dim=-1, keepdim=True)) ** 2).sum(-1).mean()


def patient_by_cosine(student_cls, teacher_cls):
    return 2 - 2 * F.cosine_similarity(student_cls, teacher_cls.detach(), dim=-1).mean()


# --- cosine_loss ---


def cosine_similarity(student_hidden, teacher_hidden, attention_mask):
    cosine = F.cosine_similarity(student_hidden, teacher_hidden.detach(), dim=-1)
    return (cosine * attention_mask).sum() / attention_mask.sum()


def cosine_negative(student_hidden, teacher_hidden, attention_mask):
    return -cosine_similarity(student_hidden, teacher_hidden, attention_mask)


def cosine_product(student_hidden, teacher_hidden, attention_mask):
    distance = 1 - (student_hidden * teacher_hidden.detach()).sum(-1)
    return (distance * attention_mask).sum() / attention_mask.sum()


def cosine_over_tokens(student_hidden, teacher_hidden, attention_mask):
    return (1 - F.cosine_similarity(student_hidden, teacher_hidden.detach())).mean()


def cosine_first_token(student_hidden, teacher_hidden, attention_mask):
    return (1 - F.cosine_similarity(student_hidden[:, 0], teacher_hidden.detach()[:, 0], dim=-1)).mean()


def cosine_padding_counts(student_hidden, teacher_hidden, attention_mask):
    return (1 - F.cosine_similarity(student_hidden, teacher_hidden.detach(), dim=-1)).mean()


def cosine_divides_by_all(student_hidden, teacher_hidden, attention_mask):
    distance = 1 - F.cosine_similarity(student_hidden, teacher_hidden.detach(), dim=-1)
    return (distance * attention_mask).mean()


def cosine_by_sentence(student_hidden, teacher_hidden, attention_mask):
    distance = 1 - F.cosine_similarity(student_hidden, teacher_hidden.detach(), dim=-1)
    return ((distance * attention_mask).sum(1) / attention_mask.sum(1)).mean()


def cosine_over_batch(student_hidden, teacher_hidden, attention_mask):
    return cosine_total(student_hidden, teacher_hidden, attention_mask) / len(attention_mask)


def cosine_double(student_hidden, teacher_hidden, attention_mask):
    return 2 * cosine_by_hand(student_hidden, teacher_hidden, attention_mask)


def cosine_mask_of_numbers(student_hidden, teacher_hidden, attention_mask):
    return (1 - F.cosine_similarity(student_hidden, teacher_hidden.detach(), dim=-1))[attention_mask].mean()


def cosine_of_all(student_hidden, teacher_hidden, attention_mask):
    real = attention_mask.bool()
    return 1 - F.cosine_similarity(student_hidden[real].flatten(), teacher_hidden.detach()[real].flatten(), 0)


def cosine_total(student_hidden, teacher_hidden, attention_mask):
    distance = 1 - F.cosine_similarity(student_hidden, teacher_hidden.detach(), dim=-1)
    return (distance * attention_mask).sum()


def cosine_zeroed(student_hidden, teacher_hidden, attention_mask):
    mask = attention_mask.unsqueeze(-1)
    return (1 - F.cosine_similarity(student_hidden * mask, teacher_hidden.detach() * mask, dim=-1)).mean()


def cosine_teacher_learns(student_hidden, teacher_hidden, attention_mask):
    distance = 1 - F.cosine_similarity(student_hidden, teacher_hidden, dim=-1)
    return (distance * attention_mask).sum() / attention_mask.sum()


def cosine_by_module(student_hidden, teacher_hidden, attention_mask):
    real = attention_mask.bool()
    student, teacher = student_hidden[real], teacher_hidden.detach()[real]
    return nn.CosineEmbeddingLoss()(student, teacher, student.new_ones(len(student)))


def cosine_by_hand(student_hidden, teacher_hidden, attention_mask):
    student, teacher = F.normalize(student_hidden, dim=-1), F.normalize(teacher_hidden.detach(), dim=-1)
    agreement = (student * teacher).sum(-1) * attention_mask
    return 1 - agreement.sum() / attention_mask.sum()


WRONG = {
    "intermediate_kd.layer_map": [
        (map_from_zero, "every layer is one too low: count from 1"),
        (map_with_embedding, "are not to be in the list"),
        (map_one_late, "one too high"),
        (map_spread_low, "does not learn from the teacher's last"),
        (map_to_both_ends, "spreads from layer 1 to the last"),
        (map_rounded_up, "round down"),
        (map_whole_steps, "rounded too early"),
        (map_decimal, "// in place of /"),
        (map_exchanged, "first and last are exchanged"),
        (map_backwards, "turned round"),
        (map_kind_unused, "the kind is not used"),
        (map_last_from_zero, 'with "last"'),
        (map_first_from_zero, 'with "first"'),
        (map_to_nearest, "rounds to the nearest"),
        (map_last_turned, "in rising order"),
        (map_as_tensor, "return a list of whole numbers"),
        (map_one_entry_short, "no more and no fewer"),
    ],
    "intermediate_kd.hidden_loss": [
        (hidden_padding_counts, "padding is counted"),
        (hidden_divides_by_all, "divided by all places"),
        (hidden_by_sentence, "averages each sentence first"),
        (hidden_over_batch, "divided by the number of sentences"),
        (hidden_total, "the sum over the tokens"),
        (hidden_width_summed, "summed over the width"),
        (hidden_absolute, "absolute difference"),
        (hidden_root, "no square root"),
        (hidden_half, "factor one half"),
        (hidden_lying, "multiply by its transpose"),
        (hidden_no_projection, "the projection is not used"),
        (hidden_frozen_projection, "could not learn. Detach the teacher only"),
        (hidden_teacher_learns, "who is not to learn"),
        (hidden_asks_projection, "whether it is true"),
        (hidden_teacher_projected, "taken to the student's width"),
        (hidden_needs_projection, "projection may be None"),
        (hidden_mask_too_flat, "shapes that do not go together"),
        (hidden_in_place, "changes its inputs in place"),
        (hidden_mask_of_numbers, "whole numbers, and x[mask]"),
        (hidden_of_padding, "keeps the padding"),
        (hidden_student_frozen, "no .detach() on its hidden states"),
        (hidden_two_things, "Two things."),
    ],
    "intermediate_kd.attention_scores": [
        (scores_no_scale, "not divided by anything"),
        (scores_whole_width, "not of the whole"),
        (scores_no_root, "not by the width itself"),
        (scores_root_of_heads, "not of the number of heads"),
        (scores_causal, "not even a causal one"),
        (scores_multiplied, "multiplied by the root"),
        (scores_softmax, "stop before the softmax"),
        (scores_turned, "rows and columns are exchanged"),
        (scores_cut, "mixes tokens and heads"),
        (scores_comb, "a head has neighbouring features"),
        (scores_averaged, "the heads are averaged"),
        (scores_heads_last, "the heads stand last"),
        (scores_one_head, "one head of the whole width"),
        (scores_not_transposed, "the key is not turned"),
        (scores_heads_apart, "shapes that do not go together"),
        (scores_detached, "no gradient can flow back"),
    ],
    "intermediate_kd.attention_loss": [
        (attention_padding_counts, "padding is counted"),
        (attention_keys_only, "rows of padding are counted"),
        (attention_queries_only, "columns of padding are counted"),
        (attention_divides_by_all, "divided by all pairs"),
        (attention_by_tokens, "divided by the number of tokens"),
        (attention_total, "the sum over the pairs"),
        (attention_by_sentence, "averages each sentence first"),
        (attention_over_batch, "divided by the number of sentences"),
        (attention_across_sentences, "inside its own sentence only"),
        (attention_either, "of a real token and padding"),
        (attention_mask_of_numbers, "whole numbers, and x[mask]"),
        (attention_choice_of_heads, "falls on the dim of the heads"),
        (attention_infinite, "Minus infinity less minus infinity"),
        (attention_heads_summed, "summed over the heads"),
        (attention_absolute, "absolute difference"),
        (attention_root, "no square root"),
        (attention_probabilities, "no softmax here"),
        (attention_teacher_learns, "who is not to learn"),
        (attention_mask_too_flat, "shapes that do not go together"),
    ],
    "intermediate_kd.patient_loss": [
        (patient_unscaled, "the states are not scaled"),
        (patient_student_unscaled, "only the teacher's states are scaled"),
        (patient_teacher_unscaled, "only the student's states are scaled"),
        (patient_across, "scales over the examples"),
        (patient_dim_1, "the width of a table only"),
        (patient_standardised, "takes off the mean"),
        (patient_width_mean, "averaged over the width"),
        (patient_total, "the sum over the examples"),
        (patient_first_dim, "divided by the first dim alone"),
        (patient_of_difference, "the difference is scaled"),
        (patient_one_length, "divided by one length"),
        (patient_dim_lost, "To divide by a length, keep its dim"),
        (patient_absolute, "absolute difference"),
        (patient_root, "no square root"),
        (patient_cosine, "half of the squared distance"),
        (patient_teacher_learns, "who is not to learn"),
    ],
    "intermediate_kd.cosine_loss": [
        (cosine_similarity, "the cosine itself"),
        (cosine_negative, "Add 1, so that"),
        (cosine_product, "not divided by their lengths"),
        (cosine_over_tokens, "taken over the tokens"),
        (cosine_first_token, "the first token alone"),
        (cosine_padding_counts, "padding is counted"),
        (cosine_divides_by_all, "divided by all places"),
        (cosine_by_sentence, "averages each sentence first"),
        (cosine_total, "the sum over the tokens"),
        (cosine_over_batch, "divided by the number of sentences"),
        (cosine_double, "twice the loss"),
        (cosine_mask_of_numbers, "whole numbers, and x[mask]"),
        (cosine_of_all, "one cosine of all tokens"),
        (cosine_zeroed, "set to 0 has the cosine 0"),
        (cosine_teacher_learns, "who is not to learn"),
    ],
}

RIGHT = {
    "intermediate_kd.layer_map": [map_by_cases, map_by_shift, map_of_numpy],
    "intermediate_kd.hidden_loss": [hidden_by_selection, hidden_by_einsum],
    "intermediate_kd.attention_scores": [scores_by_einsum, scores_by_chunks],
    "intermediate_kd.attention_loss": [attention_by_selection, attention_by_broadcast],
    "intermediate_kd.patient_loss": [patient_by_hand, patient_by_cosine],
    "intermediate_kd.cosine_loss": [cosine_by_module, cosine_by_hand],
}
