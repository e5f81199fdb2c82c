"""Exercises on two losses that compare directions and leave lengths alone: PKD's and DistilBERT's."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.edits import edits
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


def _patient_cases(generator: Generator) -> list[Arguments]:
    sizes: tuple[tuple[tuple[int, ...], torch.dtype], ...] = (
        ((2, 3), torch.float32),
        ((1, 4), torch.float64),
        ((3, 2, 5), torch.float64),
        ((3, 3), torch.float32),
    )
    return [
        {name: draw(generator, *shape, dtype=dtype) for name in ("student_cls", "teacher_cls")}
        for shape, dtype in sizes
    ]


_STUDENT, _TEACHER = "F.normalize(student_cls, dim=-1)", "F.normalize(teacher_cls.detach(), dim=-1)"

PATIENT_LOSS = Exercise(
    reference=intermediate_kd.patient_loss,
    cases=_patient_cases,
    mistakes=edits(
        intermediate_kd.patient_loss,
        (
            {"F.normalize(": "(", ", dim=-1)": ")"},
            "the states are not scaled. Give each of them the length 1 first: F.normalize(..., dim=-1).",
        ),
        (
            {_STUDENT: "student_cls"},
            "only the teacher's states are scaled. Scale the student's as well.",
        ),
        (
            {"F.normalize(teacher": "(teacher", "detach(), dim=-1)": "detach())"},
            "only the student's states are scaled. Scale the teacher's as well.",
        ),
        (
            {", dim=-1)": ", dim=0)"},
            "that scales over the examples. The state of one example is its last dim: dim=-1.",
        ),
        (
            {"normalize": "layer_norm", ", dim=-1)": ", student_cls.shape[-1:])"},
            "that takes off the mean and divides by the deviation. Divide by the length only.",
        ),
        (
            {".sum(": ".mean("},
            "that is averaged over the width. Sum over it: the squared distance of two vectors.",
        ),
        ({".mean()": ".sum()"}, "that is the sum over the examples. Average over them."),
        ({".mean()": ".sqrt().mean()"}, "no square root: the squared distance is the loss."),
        ({"return": "return 0.5 *"}, "that is 1 minus the cosine, half of the squared distance."),
        ({".detach()": ""}, TEACHER_GRADIENT),
        (
            {", dim=-1)": ", dim=1)", ".sum(": ".mean("},
            "F.mse_loss also divides by the width. Sum over the width, and average over the examples.",
        ),
        (
            {", dim=-1)": ", dim=1)"},
            "dim=1 is the width of a table only. Use dim=-1: it is the width for any number of dims.",
        ),
        (
            {".mean()": ".sum() / len(student)"},
            "that is divided by the first dim alone. Average over all that stands in front of the width: .mean().",
        ),
        (
            {
                "F.normalize(": "(",
                ", dim=-1)": ")",
                "(student - teacher)": "F.normalize(student - teacher, dim=-1)",
            },
            "the difference is scaled, and so has the length 1 whatever the two are. Scale each state, then subtract.",
        ),
        (
            {
                _STUDENT: "student_cls / student_cls.norm()",
                _TEACHER: "(teacher_cls / teacher_cls.norm()).detach()",
            },
            "all states are divided by one length, that of the whole tensor. Each has its own: "
            "norm(dim=-1, keepdim=True).",
        ),
        ({".square()": ".abs()"}, "that is the absolute difference. Square it."),
    ),
    advice={
        "gradient of teacher_cls": TEACHER_GRADIENT,
        "gradient of student_cls": student_gradient("states"),
        "RuntimeError": SHAPES + "To divide by a length, keep its dim: norm(dim=-1, keepdim=True).",
    },
)


def _cosine_cases(generator: Generator) -> list[Arguments]:
    cases: list[Arguments] = []
    for lengths, longest, dtype in BATCHES:
        student, teacher = (draw(generator, len(lengths), longest, 4, dtype=dtype) for _ in range(2))
        mask = mask_of(*lengths, longest=longest)
        cases.append({"student_hidden": student, "teacher_hidden": teacher, "attention_mask": mask})
    return cases


def _loose_cosine(
    student_hidden: Tensor,
    teacher_hidden: Tensor,
    attention_mask: Tensor,
    *,
    similarity: bool = False,
    negative: bool = False,
    product: bool = False,
    over_tokens: bool = False,
    first_token: bool = False,
    padding_counts: bool = False,
    divides_by_all: bool = False,
    by_sentence: bool = False,
    over_batch: bool = False,
    double: bool = False,
    total: bool = False,
    teacher_learns: bool = False,
) -> Tensor:
    teacher = teacher_hidden if teacher_learns else teacher_hidden.detach()
    student, mask = student_hidden, attention_mask
    if over_tokens:
        return 1 - F.cosine_similarity(student, teacher, dim=1).mean()
    if first_token:
        student, teacher, mask = student[:, :1], teacher[:, :1], mask[:, :1]
    if padding_counts:
        mask = torch.ones_like(mask)
    cosine = (student * teacher).sum(dim=-1) if product else F.cosine_similarity(student, teacher, dim=-1)
    distance = (cosine if similarity else -cosine if negative else 1 - cosine) * mask
    if by_sentence:
        return (distance.sum(dim=1) / mask.sum(dim=1)).mean()
    count = mask.numel() if divides_by_all else len(mask) if over_batch else 1 if total else mask.sum()
    return distance.sum() / count * (2 if double else 1)


COSINE_LOSS = Exercise(
    reference=intermediate_kd.cosine_loss,
    cases=_cosine_cases,
    mistakes=slips(
        _loose_cosine,
        {
            "similarity": "that is the cosine itself, which is largest where the two agree. A loss is 1 minus it.",
            "negative": "that is minus the cosine, which is -1 where the two agree. Add 1, so that the loss is 0.",
            "product": "that is the product of the two states, not divided by their lengths.",
            "over_tokens": "the cosine is taken over the tokens. The state of one token is its last dim: dim=-1.",
            "first_token": "that is the first token alone. All real tokens count.",
            "padding_counts": "padding is counted. Multiply by the mask, and divide by the number of real tokens.",
            "divides_by_all": "the sum leaves padding out, but is divided by all places. Divide by the number of "
            "real tokens: attention_mask.sum().",
            "by_sentence": "that averages each sentence first, so that a token of a short one counts more. Sum over "
            "all real tokens of the batch, and divide once.",
            "over_batch": "that is divided by the number of sentences. Divide by the number of real tokens.",
            "double": "that is twice the loss: 1 minus the cosine is enough here.",
            "total": "that is the sum over the tokens. Divide by the number of real tokens.",
            "teacher_learns": TEACHER_GRADIENT,
        },
        Mistake(
            lambda s, t, mask: (1 - F.cosine_similarity(s, t.detach(), dim=-1))[mask].mean(),
            WHOLE_NUMBERS_AS_MASK,
        ),
        Mistake(
            lambda s, t, mask: (
                1 - F.cosine_similarity(s[mask.bool()].flatten(), t.detach()[mask.bool()].flatten(), dim=0)
            ),
            "that is one cosine of all tokens together. Take one for each token, then average.",
        ),
        Mistake(
            lambda s, t, mask: (
                1 - F.cosine_similarity(s * mask[..., None], t.detach() * mask[..., None], dim=-1).mean()
            ),
            "a state that was set to 0 has the cosine 0, so padding counts as a token that is quite wrong. Mask "
            "the distances, after 1 minus the cosine.",
        ),
    ),
    advice={
        "gradient of teacher_hidden": TEACHER_GRADIENT,
        "gradient of student_hidden": student_gradient("hidden states"),
        "RuntimeError": SHAPES
        + "The cosine takes away the width: what remains is (batch, length), as the mask is.",
    },
)
