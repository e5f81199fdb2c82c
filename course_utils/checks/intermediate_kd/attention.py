"""Exercise on the loss that compares the attention scores of two models."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.intermediate_kd.inputs import (
    BATCHES,
    SHAPES,
    TEACHER_GRADIENT,
    WHOLE_NUMBERS_AS_MASK,
    draw,
    mask_of,
    student_gradient,
)
from course_utils.checks.tasks import Arguments, Exercise, Mistake, slips
from course_utils.methods import intermediate_kd

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
    over_batch: bool = False,
    across_sentences: bool = False,
    by_sentence: bool = False,
    either: bool = False,
    heads_summed: bool = False,
    absolute: bool = False,
    root: bool = False,
    probabilities: bool = False,
    teacher_learns: bool = False,
) -> Tensor:
    student, teacher = student_scores, teacher_scores if teacher_learns else teacher_scores.detach()
    queries, keys = attention_mask[:, :, None], attention_mask[:, None, :]
    pairs = queries * keys
    tokens = attention_mask.sum()
    if padding_counts:
        pairs = torch.ones_like(pairs)
    elif keys_only:
        pairs = keys.expand_as(pairs)
    elif queries_only:
        pairs = queries.expand_as(pairs)
    elif either:
        pairs = (queries + keys).clamp(max=1)
    if probabilities:
        student, teacher = student.softmax(dim=-1), teacher.softmax(dim=-1)
    apart = (student - teacher).abs() if absolute else (student - teacher).square()
    each = apart.sum(dim=1) if heads_summed else apart.mean(dim=1)
    count: Tensor | int = pairs.sum()
    if divides_by_all:
        count = pairs.numel()
    elif divides_by_tokens:
        count = tokens
    elif across_sentences:
        count = tokens**2
    elif over_batch or total:
        count = len(pairs) if over_batch else 1
    if by_sentence:
        loss = ((each * pairs).sum(dim=(1, 2)) / pairs.sum(dim=(1, 2))).mean()
    else:
        loss = (each * pairs).sum() / count
    return loss.sqrt() if root else loss


def _indexed(s: Tensor, t: Tensor, mask: Tensor) -> Tensor:
    return (s - t.detach()).square().mean(dim=1)[mask[:, :, None] * mask[:, None, :]].mean()


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
            "over_batch": "that is divided by the number of sentences. Divide by the number of pairs.",
            "across_sentences": "a token attends inside its own sentence only: add up the pairs of each sentence, not "
            "the square of all tokens of the batch.",
            "by_sentence": "that averages each sentence first, so that a pair of a short one counts more. Sum over "
            "all real pairs of the batch, and divide once.",
            "either": "pairs of a real token and padding count. Both tokens must be real: multiply the two masks.",
            "heads_summed": "that is summed over the heads. Take the mean over them.",
            "absolute": "that is the absolute difference. Square it.",
            "root": "no square root: the mean squared difference is the loss.",
            "probabilities": "compare the scores themselves: no softmax here.",
            "teacher_learns": TEACHER_GRADIENT,
        },
        Mistake(_indexed, WHOLE_NUMBERS_AS_MASK),
        Mistake(
            lambda s, t, mask: F.mse_loss(
                *(x[(mask[:, :, None] * mask[:, None]).bool()] for x in (s, t.detach()))
            ),
            "the choice of pairs falls on the dim of the heads. Average over the heads first, then choose.",
        ),
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
        "gradient of student_scores": student_gradient("scores"),
        "nan": "there is a NaN or an infinity in it. Minus infinity less minus infinity is NaN: leave the scores as "
        "they are, and leave pairs out of the sum.",
        "RuntimeError": SHAPES
        + "Scores are (batch, heads, length, length). A pair is real where both its tokens "
        "are: attention_mask[:, :, None] * attention_mask[:, None, :], of shape (batch, length, length).",
    },
)
