"""Exercises on attention: its scores, and the loss that compares those of two models."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.intermediate_kd.inputs import BATCHES, SHAPES, TEACHER_GRADIENT, draw, mask_of
from course_utils.checks.tasks import Arguments, Exercise, Mistake, slips
from course_utils.methods import intermediate_kd


def _score_cases(generator: Generator) -> list[Arguments]:
    sizes: tuple[tuple[int, int, int, int, torch.dtype], ...] = (
        (1, 3, 4, 2, torch.float32),  # batch, length, width, heads
        (2, 3, 6, 3, torch.float64),
        (2, 4, 6, 2, torch.float64),
        (3, 2, 5, 1, torch.float32),
        (
            2,
            4,
            16,
            4,
            torch.float32,
        ),  # length, heads and width of a head are equal: no shape tells them apart
    )
    return [
        {
            "query": draw(generator, batch, length, width, dtype=dtype),
            "key": draw(generator, batch, length, width, dtype=dtype),
            "heads": heads,
        }
        for batch, length, width, heads, dtype in sizes
    ]


def _loose_scores(
    query: Tensor,
    key: Tensor,
    heads: int,
    *,
    no_scale: bool = False,
    whole_width: bool = False,
    no_root: bool = False,
    multiplied: bool = False,
    softmax: bool = False,
    turned: bool = False,
    cut: bool = False,
    comb: bool = False,
    summed: bool = False,
    heads_inside: bool = False,
) -> Tensor:
    batch, length, width = query.shape
    size = width // heads

    def split(x: Tensor) -> Tensor:
        if cut:
            return x.reshape(batch, heads, length, size)
        if comb:
            return x.reshape(batch, length, size, heads).permute(0, 3, 1, 2)
        return x.reshape(batch, length, heads, size).transpose(1, 2)

    scores = split(query) @ split(key).transpose(-1, -2)
    scale = float(width if whole_width else size)
    scale = 1.0 if no_scale else scale if no_root else math.sqrt(scale)
    scores = scores * scale if multiplied else scores / scale
    if softmax:
        scores = F.softmax(scores, dim=-1)
    if turned:
        scores = scores.transpose(-1, -2)
    if heads_inside:
        scores = scores.permute(0, 2, 3, 1)
    return scores.mean(dim=1) if summed else scores


def _untransposed(query: Tensor, key: Tensor, heads: int) -> Tensor:
    batch, length, width = query.shape
    q, k = (x.reshape(batch, length, heads, width // heads).transpose(1, 2) for x in (query, key))
    return q @ k / math.sqrt(width // heads)


ATTENTION_SCORES = Exercise(
    reference=intermediate_kd.attention_scores,
    cases=_score_cases,
    mistakes=slips(
        _loose_scores,
        {
            "no_scale": "the scores are not divided by anything. Divide by the square root of the width of a head.",
            "whole_width": "divide by the square root of the width of one head, width / heads, not of the whole.",
            "no_root": "divide by the square root of the width of a head, not by the width itself.",
            "multiplied": "the scores are multiplied by the root. Divide.",
            "softmax": "stop before the softmax: the scores themselves are compared.",
            "turned": "rows and columns are exchanged. A row belongs to a query: Q K^T, not K Q^T.",
            "cut": "reshape straight to (batch, heads, length, ...) mixes tokens and heads. First split the width: "
            "(batch, length, heads, width / heads), then exchange the dims 1 and 2.",
            "comb": "a head has neighbouring features: split the width into (heads, width / heads), in this order.",
            "summed": "the heads are averaged. Keep each one: (batch, heads, length, length).",
            "heads_inside": "the heads stand last. They belong in front: (batch, heads, length, length).",
        },
        Mistake(
            lambda q, k, heads: (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).unsqueeze(1),
            "that is one head of the whole width. Split the width into heads first.",
        ),
        Mistake(
            _untransposed,
            "the key is not turned: multiply by the key with its last two dims exchanged, key.transpose(-1, -2).",
        ),
    ),
    advice={
        "RuntimeError": SHAPES
        + "Split the width into (heads, width / heads), exchange dims 1 and 2, and multiply "
        "by the key with its last two dims exchanged: key.transpose(-1, -2).",
        "shape": "the scores have the shape (batch, heads, length, length).",
    },
)

_HEADS = (3, 1, 2, 2)


def _loss_cases(generator: Generator) -> list[Arguments]:
    cases: list[Arguments] = []
    for (lengths, longest, dtype), heads in zip(BATCHES, _HEADS, strict=True):
        shape = (len(lengths), heads, longest, longest)
        student, teacher = (draw(generator, *shape, dtype=dtype) for _ in range(2))
        mask = mask_of(*lengths, longest=longest)
        cases.append({"student_scores": student, "teacher_scores": teacher, "attention_mask": mask})
    return cases


def _loose_loss(
    student_scores: Tensor,
    teacher_scores: Tensor,
    attention_mask: Tensor,
    *,
    padding_counts: bool = False,
    keys_only: bool = False,
    queries_only: bool = False,
    divides_by_all: bool = False,
    divides_by_tokens: bool = False,
    total: bool = False,
    heads_summed: bool = False,
    absolute: bool = False,
    root: bool = False,
    probabilities: bool = False,
    teacher_learns: bool = False,
) -> Tensor:
    student, teacher = student_scores, teacher_scores if teacher_learns else teacher_scores.detach()
    queries, keys = attention_mask[:, :, None], attention_mask[:, None, :]
    pairs = queries * keys
    if padding_counts:
        pairs = torch.ones_like(pairs)
    elif keys_only:
        pairs = keys.expand_as(pairs)
    elif queries_only:
        pairs = queries.expand_as(pairs)
    if probabilities:
        student, teacher = student.softmax(dim=-1), teacher.softmax(dim=-1)
    apart = (student - teacher).abs() if absolute else (student - teacher).square()
    each = apart.sum(dim=1) if heads_summed else apart.mean(dim=1)
    count = attention_mask.sum() if divides_by_tokens else 1 if total else pairs.sum()
    loss = (each * pairs).sum() / (pairs.numel() if divides_by_all else count)
    return loss.sqrt() if root else loss


ATTENTION_LOSS = Exercise(
    reference=intermediate_kd.attention_loss,
    cases=_loss_cases,
    mistakes=slips(
        _loose_loss,
        {
            "padding_counts": "padding is counted. Only pairs of two real tokens count.",
            "keys_only": "rows of padding are counted: the mask must hold for the query as well as for the key.",
            "queries_only": "columns of padding are counted: the mask must hold for the key as well as for the query.",
            "divides_by_all": "the sum leaves padding out, but is divided by all pairs. Divide by the number of "
            "pairs of two real tokens.",
            "divides_by_tokens": "that is divided by the number of tokens. Divide by the number of pairs.",
            "total": "that is the sum over the pairs. Divide by the number of pairs of two real tokens.",
            "heads_summed": "that is summed over the heads. Take the mean over them.",
            "absolute": "that is the absolute difference. Square it.",
            "root": "no square root: the mean squared difference is the loss.",
            "probabilities": "compare the scores themselves: no softmax here.",
            "teacher_learns": TEACHER_GRADIENT,
        },
        Mistake(
            lambda s, t, mask: F.mse_loss(
                s * mask[:, None, None, :] * mask[:, None, :, None],
                t.detach() * mask[:, None, None, :] * mask[:, None, :, None],
            ),
            "setting padding to 0 is not enough: the mean still divides by all pairs. Divide by the number of "
            "pairs of two real tokens.",
        ),
    ),
    advice={
        "gradient of teacher_scores": TEACHER_GRADIENT,
        "RuntimeError": SHAPES
        + "Scores are (batch, heads, length, length). A pair is real where both its tokens "
        "are: attention_mask[:, :, None] * attention_mask[:, None, :], of shape (batch, length, length).",
    },
)
