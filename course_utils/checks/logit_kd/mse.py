"""Exercise on the distance of the logits themselves."""

import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.logit_kd.inputs import STUDENT_GRADIENT, TEACHER_GRADIENT, pairs
from course_utils.checks.tasks import Arguments, Exercise, slips
from course_utils.methods import kd


def _mse_cases(generator: Generator) -> list[Arguments]:
    return [pair for pair, _ in pairs(generator)]


def _loose_mse(
    student_logits: Tensor,
    teacher_logits: Tensor,
    *,
    probabilities: bool = False,
    log_probabilities: bool = False,
    total: bool = False,
    over_batch: bool = False,
    absolute: bool = False,
    root: bool = False,
    half: bool = False,
    teacher_learns: bool = False,
) -> Tensor:
    student, teacher = student_logits, teacher_logits if teacher_learns else teacher_logits.detach()
    if probabilities or log_probabilities:
        squash = F.softmax if probabilities else F.log_softmax
        student, teacher = squash(student, dim=-1), squash(teacher, dim=-1)
    terms = (student - teacher).abs() if absolute else (student - teacher) ** 2
    loss = terms.sum() if total else terms.sum() / len(terms) if over_batch else terms.mean()
    return (loss.sqrt() if root else loss) * (0.5 if half else 1)


LOGIT_MSE = Exercise(
    reference=kd.logit_mse_loss,
    cases=_mse_cases,
    mistakes=slips(
        _loose_mse,
        {
            "probabilities": "compare the logits themselves: no softmax here.",
            "log_probabilities": "compare the logits themselves: no log_softmax here.",
            "total": "that is the sum. Average over all entries, batch and classes.",
            "over_batch": "that is summed over classes. Average over all entries, batch and classes.",
            "absolute": "that is the absolute difference. Square it.",
            "root": "no square root: the mean squared difference is the loss.",
            "half": "leave out the factor one half.",
            "teacher_learns": TEACHER_GRADIENT,
        },
    ),
    advice={
        "gradient of student_logits": STUDENT_GRADIENT,
        "gradient of teacher_logits": TEACHER_GRADIENT,
    },
)
