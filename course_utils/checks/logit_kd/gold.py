"""Exercises on gold labels, alone and beside the teacher's soft targets."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.logit_kd.inputs import STUDENT_GRADIENT, TEACHER_GRADIENT, pairs
from course_utils.checks.logit_kd.soft import loose_kd_loss
from course_utils.checks.tasks import Arguments, Exercise, Mistake, slips
from course_utils.methods import kd

_LABELS = ([2, -100], [0], [1, -100, 3, 0, -100], [-100, -100, -100], [1, 0, 0, 1], [-100, 2])


def _gold_cases(generator: Generator) -> list[Arguments]:
    return [
        {"student_logits": pair["student_logits"], "labels": torch.tensor(labels)}
        for (pair, _), labels in zip(pairs(generator), _LABELS, strict=True)
    ]


def _loose_gold_loss(
    student_logits: Tensor,
    labels: Tensor,
    *,
    all_rows: bool = False,
    total: bool = False,
    as_class: bool = False,
    twice: bool = False,
) -> Tensor:
    if as_class:
        labels = labels.clamp(min=0)
    logits = F.softmax(student_logits, dim=-1) if twice else student_logits
    loss = F.cross_entropy(logits, labels, reduction="sum")
    rows = len(labels) if all_rows else int((labels != -100).sum().clamp(min=1))
    return loss if total else loss / rows


def _cut_off_zero(student_logits: Tensor, labels: Tensor) -> Tensor:
    labelled = labels != -100
    if not labelled.any():
        return student_logits.new_zeros(())
    return F.cross_entropy(student_logits[labelled], labels[labelled])


GOLD_HINTS = {
    "nan": "where no row has a label, the mean over 0 rows is 0 / 0 = NaN. Sum over the labelled rows, "
    "and divide by their number, but at least by 1.",
    "zero": "where no row has a label, the 0 is a new tensor with no path back to the logits: "
    "backward() fails. Let the 0 come out of the logits: the sum over no rows is 0 and keeps the path.",
}

GOLD_LOSS = Exercise(
    reference=kd.gold_loss,
    cases=_gold_cases,
    mistakes=[
        Mistake(lambda logits, labels: F.cross_entropy(logits, labels, ignore_index=-100), GOLD_HINTS["nan"]),
        Mistake(_cut_off_zero, GOLD_HINTS["zero"]),
        *slips(
            _loose_gold_loss,
            {
                "all_rows": "rows without a label are counted. Divide by the number of labelled rows.",
                "total": "that is the sum over the labelled rows. Divide it by their number.",
                "as_class": "rows labelled -100 are taken for rows of class 0. "
                "They must not count: ignore_index=-100.",
                "twice": "F.cross_entropy takes logits and does the softmax itself. Here it is done twice.",
            },
        ),
        Mistake(
            lambda logits, labels: (
                F.nll_loss(logits, labels, reduction="sum") / (labels != -100).sum().clamp(min=1)
            ),
            "F.nll_loss takes log-probabilities. Use F.cross_entropy, or log_softmax first.",
        ),
    ],
    advice={
        "nan": GOLD_HINTS["nan"],
        "dtype": "the dtype changed. torch.tensor(0.) is float32, whatever the logits are. Let the 0 come out of "
        "the logits: the sum over no rows is 0, in their dtype, and gradients find their way back.",
        "IndexError": "-100 is no class: a row with that label has none. "
        "Leave such rows out, or pass ignore_index=-100.",
    },
)


def _both_cases(generator: Generator) -> list[Arguments]:
    alphas = (0.75, 0.5, 0.9, 0.3, 0.0, 1.0)
    return [
        {**pair, "labels": torch.tensor(labels), "temperature": temperature, "alpha": alpha}
        for (pair, temperature), labels, alpha in zip(pairs(generator), _LABELS, alphas, strict=True)
    ]


def _loose_both(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    temperature: float,
    alpha: float,
    *,
    exchanged: bool = False,
    full_gold: bool = False,
    full_kd: bool = False,
    no_square: bool = False,
    square_twice: bool = False,
    square_on_gold: bool = False,
    warm_gold: bool = False,
    plain_gold: bool = False,
    labelled_only: bool = False,
    teacher_learns: bool = False,
) -> Tensor:
    rows = labels != -100 if labelled_only else torch.ones_like(labels, dtype=torch.bool)
    teacher = teacher_logits[rows]
    teach = kd.kd_loss if not teacher_learns else lambda *given: loose_kd_loss(*given, teacher_learns=True)
    distilled = teach(student_logits[rows], teacher, temperature) if rows.any() else student_logits.sum() * 0
    distilled = distilled * temperature ** (2 * square_twice - 2 * no_square)
    logits = student_logits / temperature if warm_gold else student_logits
    gold = F.cross_entropy(logits, labels) if plain_gold else kd.gold_loss(logits, labels)
    gold = gold * temperature**2 if square_on_gold else gold
    kd_weight, gold_weight = (1 - alpha, alpha) if exchanged else (alpha, 1 - alpha)
    return (1 if full_kd else kd_weight) * distilled + (1 if full_gold else gold_weight) * gold


KD_AND_GOLD = Exercise(
    reference=kd.kd_and_gold_loss,
    cases=_both_cases,
    mistakes=slips(
        _loose_both,
        {
            "exchanged": "the weights are exchanged: alpha is for the KD term, 1 - alpha for the gold "
            "labels.",
            "full_gold": "the gold term has its full weight. It should be (1 - alpha).",
            "full_kd": "the KD term has its full weight. It should be alpha.",
            "no_square": "in the KD term the factor temperature ** 2 is missing. Call kd_loss, which has it.",
            "square_twice": "kd_loss has the factor temperature ** 2 already. Here it stands there twice.",
            "square_on_gold": "temperature ** 2 belongs to the KD term only; kd_loss has it already.",
            "warm_gold": "the gold term divides the logits too: it belongs at temperature 1.",
            "plain_gold": "with no labelled row in the batch F.cross_entropy is NaN. "
            "Call gold_loss, which is 0 there.",
            "labelled_only": "the teacher teaches on every row, labelled or not. "
            "Only the gold term leaves rows out.",
            "teacher_learns": TEACHER_GRADIENT,
        },
        Mistake(
            lambda s, t, labels, temperature, alpha: (
                alpha * kd.kd_loss(s, t, temperature) + (1 - alpha) * F.cross_entropy(s, t.argmax(dim=-1))
            ),
            "the second term uses the teacher's best class. It should use the gold labels.",
        ),
    ),
    advice={
        "gradient of student_logits": STUDENT_GRADIENT,
        "gradient of teacher_logits": TEACHER_GRADIENT,
        "nan": "with no labelled row in the batch F.cross_entropy is NaN. Call gold_loss, which is 0 there.",
    },
)
