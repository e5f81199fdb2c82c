"""Answers to the exercises of notebook 03 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/intermediate_kd`, since none of its mistakes fits: replacements
in the reference, or a function, and a piece of the advice. RIGHT: other ways to be right.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


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


def project(student_hidden, projection):
    return student_hidden if projection is None else student_hidden @ projection.T


def hidden_by_selection(student_hidden, teacher_hidden, attention_mask, projection=None):
    real = attention_mask.bool()
    return F.mse_loss(project(student_hidden, projection)[real], teacher_hidden.detach()[real])


def hidden_by_einsum(student_hidden, teacher_hidden, attention_mask, projection=None):
    if projection is not None:
        student_hidden = torch.einsum("bls,ts->blt", student_hidden, projection)
    squares = (student_hidden - teacher_hidden.detach()).pow(2) * attention_mask[..., None]
    return squares.sum() / (attention_mask.sum() * teacher_hidden.shape[-1])


def hidden_by_sentences(student_hidden, teacher_hidden, attention_mask, projection=None):
    total = 0.0
    for student, teacher, length in zip(student_hidden, teacher_hidden, attention_mask.sum(1), strict=True):
        apart = project(student, projection)[:length] - teacher[:length].detach()
        total = total + apart.norm() ** 2 / apart.shape[-1]
    return total / attention_mask.sum()


def scores_by_einsum(query, key, heads):
    batch, length, width = query.shape
    q = query.view(batch, length, heads, width // heads)
    k = key.view(batch, length, heads, width // heads)
    return torch.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(width // heads)


def scores_by_chunks(query, key, heads):
    size = query.shape[-1] // heads
    pairs = zip(query.split(size, dim=-1), key.split(size, dim=-1), strict=True)
    return torch.stack([q @ k.mT / size**0.5 for q, k in pairs], dim=1)


def scores_scaled_first(query, key, heads):
    q, k = (x.unflatten(-1, (heads, -1)).movedim(2, 1) for x in (query, key))
    return torch.matmul(q * q.shape[-1] ** -0.5, k.mT)


def attention_by_selection(student_scores, teacher_scores, attention_mask):
    real = (attention_mask[:, :, None] * attention_mask[:, None]).bool()
    student, teacher = (scores.movedim(1, -1)[real] for scores in (student_scores, teacher_scores.detach()))
    return F.mse_loss(student, teacher)


def attention_by_broadcast(student_scores, teacher_scores, attention_mask):
    pairs = attention_mask[:, None, :, None] * attention_mask[:, None, None, :]
    squares = F.mse_loss(student_scores, teacher_scores.detach(), reduction="none") * pairs
    return squares.sum() / pairs.sum() / student_scores.shape[1]


def attention_by_sentences(student_scores, teacher_scores, attention_mask):
    lengths = attention_mask.sum(1).tolist()
    losses = [
        F.mse_loss(student[:, :n, :n], teacher[:, :n, :n].detach()) * n**2
        for student, teacher, n in zip(student_scores, teacher_scores, lengths, strict=True)
    ]
    return torch.stack(losses).sum() / sum(n**2 for n in lengths)


def patient_by_hand(student_cls, teacher_cls):
    teacher = teacher_cls.detach()
    student = student_cls / student_cls.norm(dim=-1, keepdim=True)
    return ((student - teacher / teacher.norm(dim=-1, keepdim=True)) ** 2).sum(-1).mean()


def patient_by_cosine(student_cls, teacher_cls):
    return 2 - 2 * F.cosine_similarity(student_cls, teacher_cls.detach(), dim=-1).mean()


def patient_by_rows(student_cls, teacher_cls):
    width = student_cls.shape[-1]
    student, teacher = student_cls.reshape(-1, width), teacher_cls.detach().reshape(-1, width)
    gaps = [s / (s @ s).sqrt() - t / (t @ t).sqrt() for s, t in zip(student, teacher, strict=True)]
    return sum(gap @ gap for gap in gaps) / len(gaps)


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
        ({"teacher_layers - student_layers + step": "teacher_layers + 1 - step"}, "in rising order"),
        (
            {"return [": "return torch.tensor([", "in steps]": "in steps])", "list(": "torch.tensor("},
            "return a list of whole numbers",
        ),
        ({"in steps]": "in steps][1:]"}, "no more and no fewer"),
        ({"//": "/", '"first"': '"last"', '"last"': '"first"'}, "Two things."),
    ],
    "intermediate_kd.hidden_loss": [
        ({".mean(dim=-1)": ""}, "shapes that do not go together"),
        (
            {"squares =": "teacher_hidden *= attention_mask[..., None]\n    squares ="},
            "changes its inputs in place",
        ),
        (
            {"F.linear(student_hidden": "F.linear(student_hidden.detach()"},
            "no .detach() on its hidden states",
        ),
        ({".mean(": ".sum(", ".detach()": ""}, "Two things."),
    ],
    "intermediate_kd.attention_scores": [
        (
            {
                "return": "return (",
                "(width // heads)": "(width // heads)).masked_fill(torch.ones(length, length).triu(1) > 0, -math.inf)",
            },
            "not even a causal one",
        ),
        ({".transpose(1, 2)": "", "(-1, -2)": "(1, 3)"}, "shapes that do not go together"),
        ({"@ k": "@ k.detach()", "q @": "q.detach() @"}, "no gradient can flow back"),
    ],
    "intermediate_kd.attention_loss": [
        (
            {
                "student_scores": "student_scores.masked_fill(pairs[:, None] == 0, -math.inf)",
                "detach()": "detach().masked_fill(pairs[:, None] == 0, -math.inf)",
            },
            "Minus infinity less minus infinity",
        ),
        ({".mean(dim=1)": ""}, "shapes that do not go together"),
        ({".mean(dim=1)": ".abs().sum(dim=1)", ".square()": ".abs()"}, "Two things."),
    ],
    "intermediate_kd.patient_loss": [
        (
            {"F.normalize(student_cls, dim=-1)": "student_cls / student_cls.norm(dim=-1)"},
            "To divide by a length, keep its dim",
        ),
        ({".mean()": ".mean().item()"}, "not the type to return"),
        ({"return": "return 0.5 *", ".detach()": ""}, "Two things."),
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
    "intermediate_kd.hidden_loss": [hidden_by_selection, hidden_by_einsum, hidden_by_sentences],
    "intermediate_kd.attention_scores": [scores_by_einsum, scores_by_chunks, scores_scaled_first],
    "intermediate_kd.attention_loss": [
        attention_by_selection,
        attention_by_broadcast,
        attention_by_sentences,
    ],
    "intermediate_kd.patient_loss": [patient_by_hand, patient_by_cosine, patient_by_rows],
    "intermediate_kd.cosine_loss": [cosine_by_module, cosine_by_hand],
}
