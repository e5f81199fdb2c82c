"""Exercise on the scores of attention: one table of tokens by tokens for each head."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.intermediate_kd.inputs import SHAPES, draw
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
        ),  # length, heads and width of a head: equal, so no shape tells them apart
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
    root_of_heads: bool = False,
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
    scale = float(width if whole_width else heads if root_of_heads else size)
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
            "root_of_heads": "divide by the square root of the width of a head, not of the number of heads.",
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
        "nan": "there is a NaN or an infinity in it. No mask here, not even a causal one: a score for each pair.",
    },
)
