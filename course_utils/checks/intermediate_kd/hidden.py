"""Exercise on the loss of the hidden states, with a projection where the widths differ."""

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

# (student width, teacher width, has a projection), one for each of BATCHES. Where the widths are equal, no shape tells
# a transposed projection; where they differ, each does.
_WIDTHS = ((2, 3, True), (2, 2, True), (4, 4, False), (3, 5, True))


def _hidden_cases(generator: Generator) -> list[Arguments]:
    cases: list[Arguments] = []
    for (lengths, longest, dtype), (narrow, wide, projected) in zip(BATCHES, _WIDTHS, strict=True):
        rows = len(lengths)
        cases.append(
            {
                "student_hidden": draw(generator, rows, longest, narrow, dtype=dtype),
                "teacher_hidden": draw(generator, rows, longest, wide, dtype=dtype),
                "attention_mask": mask_of(*lengths, longest=longest),
                "projection": draw(generator, wide, narrow, dtype=dtype) if projected else None,
            }
        )
    return cases


def _loose_hidden(
    student_hidden: Tensor,
    teacher_hidden: Tensor,
    attention_mask: Tensor,
    projection: Tensor | None = None,
    *,
    padding_counts: bool = False,
    divides_by_all: bool = False,
    by_sentence: bool = False,
    over_batch: bool = False,
    total: bool = False,
    width_summed: bool = False,
    absolute: bool = False,
    root: bool = False,
    half: bool = False,
    lying: bool = False,
    no_projection: bool = False,
    frozen_projection: bool = False,
    teacher_learns: bool = False,
) -> Tensor:
    target = teacher_hidden if teacher_learns else teacher_hidden.detach()
    weight = projection.detach() if projection is not None and frozen_projection else projection
    student = student_hidden
    if weight is not None and not no_projection:
        student = student @ weight if lying else F.linear(student, weight)
    apart = (student - target).abs() if absolute else (student - target).square()
    each = apart.sum(dim=-1) if width_summed else apart.mean(dim=-1)
    mask = torch.ones_like(attention_mask) if padding_counts else attention_mask
    kept = each * mask
    if by_sentence:
        loss = (kept.sum(dim=1) / mask.sum(dim=1)).mean()
    else:
        count = mask.numel() if divides_by_all else len(mask) if over_batch else 1 if total else mask.sum()
        loss = kept.sum() / count
    return (loss.sqrt() if root else loss) * (0.5 if half else 1)


_ASKS = "`if projection` asks a whole tensor whether it is true. Ask `if projection is not None`."


def _asks_projection_for_its_truth(s: Tensor, t: Tensor, mask: Tensor, projection: Tensor | None) -> Tensor:
    return intermediate_kd.hidden_loss(s, t, mask, projection if projection else None)


def _indexed(s: Tensor, t: Tensor, mask: Tensor, projection: Tensor | None) -> Tensor:
    return F.mse_loss((s if projection is None else F.linear(s, projection))[mask], t.detach()[mask])


HIDDEN_LOSS = Exercise(
    reference=intermediate_kd.hidden_loss,
    cases=_hidden_cases,
    mistakes=slips(
        _loose_hidden,
        {
            "padding_counts": "padding is counted. Multiply by the mask, and divide by the number of real tokens.",
            "divides_by_all": "the sum leaves padding out, but is divided by all places. Divide by the number of "
            "real tokens: attention_mask.sum().",
            "by_sentence": "that averages each sentence first, so that a token of a short one counts more. Sum over "
            "all real tokens of the batch, and divide once.",
            "over_batch": "that is divided by the number of sentences. Divide by the number of real tokens.",
            "total": "that is the sum over the tokens. Divide by the number of real tokens.",
            "width_summed": "that is summed over the width. Take the mean over it, or wide teachers weigh more.",
            "absolute": "that is the absolute difference. Square it.",
            "root": "no square root: the mean squared difference is the loss.",
            "half": "leave out the factor one half.",
            "lying": "the projection has the shape (teacher width, student width): multiply by its transpose, as "
            "F.linear(student_hidden, projection) does.",
            "no_projection": "the projection is not used: it takes the student's states to the teacher's width.",
            "frozen_projection": "the projection gets no gradient, so it could not learn. Detach the teacher only.",
            "teacher_learns": TEACHER_GRADIENT,
        },
        Mistake(_asks_projection_for_its_truth, _ASKS),
        Mistake(_indexed, WHOLE_NUMBERS_AS_MASK),
        Mistake(
            lambda s, t, mask, projection: _indexed(s, t, mask == 0, projection),
            "that keeps the padding and leaves out the tokens: the mask is 1 at a token.",
        ),
        Mistake(
            lambda s, t, mask, projection: intermediate_kd.hidden_loss(s, t.detach() @ projection, mask),
            "the teacher's states are taken to the student's width. Take the student's to the teacher's: what the "
            "teacher says must not depend on weights that train.",
        ),
        Mistake(
            lambda s, t, mask, projection: intermediate_kd.hidden_loss(F.linear(s, projection), t, mask),
            "projection may be None, where the widths are equal. Then there is nothing to multiply with.",
        ),
    ),
    advice={
        "gradient of teacher_hidden": TEACHER_GRADIENT,
        "gradient of student_hidden": student_gradient("hidden states"),
        "gradient of projection": "the value is right, but the projection could not learn from it: no .detach() "
        "and no torch.no_grad() around it.",
        "RuntimeError": SHAPES
        + "Hidden states are (batch, length, width), the mask is (batch, length): average "
        "over the width first, or give the mask a last dim of 1. The projection is (teacher width, student width).",
    },
)
