"""Exercises on the teacher's soft targets."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.logit_kd.inputs import STUDENT_GRADIENT, TEACHER_GRADIENT, pairs, random_logits
from course_utils.checks.tasks import Arguments, Exercise, Mistake, slips
from course_utils.methods import kd


def _softmax_cases(generator: Generator) -> list[Arguments]:
    shapes: tuple[tuple[tuple[int, ...], float], ...] = (
        ((4,), 0.5),
        ((1, 5), 1.0),
        ((2, 3, 4), 5.0),
    )
    small: Arguments = {"logits": random_logits(generator, 2, 3, dtype=torch.float32), "temperature": 2.0}
    others: list[Arguments] = [
        {"logits": random_logits(generator, *shape), "temperature": temperature}
        for shape, temperature in shapes
    ]
    large = random_logits(generator, 3, 3, dtype=torch.float32, scale=200.0)
    far_apart = torch.tensor([[200.0, 0.0, 0.0], [0.0, 1.0, 2.0]])  # one maximum cannot serve both rows
    return [small, *others, *({"logits": logits, "temperature": 1.0} for logits in (large, far_apart))]


def _loose_softmax(
    logits: Tensor,
    temperature: float,
    *,
    no_temperature: bool = False,
    multiplied: bool = False,
    after: bool = False,
    first_dim: bool = False,
    log: bool = False,
    naive: bool = False,
    power: bool = False,
) -> Tensor:
    scale = 1.0 if no_temperature or after else temperature if multiplied else 1 / temperature
    scaled = logits * scale
    dim = 0 if first_dim else -1
    if naive:
        p = scaled.exp() / scaled.exp().sum(dim=dim, keepdim=True)
    else:
        p = (F.log_softmax if log else F.softmax)(scaled, dim=dim)
    if power:
        p = F.softmax(logits, dim=dim) ** (1 / temperature)
    return p / temperature if after else p


def _softmax_by_one_maximum(logits: Tensor, temperature: float) -> Tensor:
    scaled = logits / temperature
    powers = (scaled - scaled.max()).exp()
    return powers / powers.sum(dim=-1, keepdim=True)


SOFTMAX = Exercise(
    reference=kd.softmax_with_temperature,
    cases=_softmax_cases,
    mistakes=slips(
        _loose_softmax,
        {
            "no_temperature": "the temperature is not used: divide the logits by it before the softmax.",
            "multiplied": "the logits are multiplied by the temperature. Divide: a high temperature makes "
            "them alike.",
            "after": "the temperature divides the probabilities, which then no longer sum to 1. Divide the "
            "logits.",
            "first_dim": "the softmax runs over dim 0, across the examples. The classes are the last dim: "
            "dim=-1.",
            "log": "these are log-probabilities. Return probabilities: softmax, not log_softmax.",
            "naive": "exp of a large logit is infinite, and inf / inf is NaN. "
            "Subtract the row's maximum first, or use F.softmax, which does.",
            "power": "probabilities to the power 1 / temperature must be made to sum to 1 again.",
        },
        Mistake(
            _softmax_by_one_maximum,
            "the maximum of the whole tensor is subtracted: in a row far below it, every exp is 0, and 0 / 0 is NaN. "
            "Subtract each row's own maximum: .amax(dim=-1, keepdim=True).",
        ),
        Mistake(
            lambda logits, temperature: F.softmax(logits / temperature, dim=1),
            "dim=1 is the last dim of a table only. Use dim=-1: it is the classes for any number of "
            "dimensions.",
        ),
        Mistake(
            lambda logits, temperature: F.softmax(logits / temperature, dim=-1).max(dim=-1).values,
            "return the probabilities of all classes, not only the largest one.",
        ),
    ),
)


def _kd_cases(generator: Generator) -> list[Arguments]:
    return [{**pair, "temperature": temperature} for pair, temperature in pairs(generator)]


def loose_kd_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    temperature: float,
    *,
    no_square: bool = False,
    once: bool = False,
    divided: bool = False,
    mean: bool = False,
    total: bool = False,
    swapped: bool = False,
    no_log: bool = False,
    log_teacher: bool = False,
    log_of_softmax: bool = False,
    cold_teacher: bool = False,
    cold_student: bool = False,
    first_dim: bool = False,
    no_entropy: bool = False,
    teacher_learns: bool = False,
) -> Tensor:
    """`kd_loss`, with a slip for each keyword that is True."""
    dim = 0 if first_dim else -1
    student = student_logits / (1 if cold_student else temperature)
    teacher = (teacher_logits if teacher_learns else teacher_logits.detach()) / (
        1 if cold_teacher else temperature
    )
    if swapped:  # the student in the place of the target
        student, teacher = teacher, student
    log_q = F.softmax(student, dim=dim).log() if log_of_softmax else F.log_softmax(student, dim=dim)
    p = F.softmax(teacher, dim=dim)
    target = F.log_softmax(teacher, dim=dim) if log_teacher else p
    terms = F.kl_div(log_q.exp() if no_log else log_q, target, reduction="none")
    if no_entropy:
        terms = -p * log_q
    loss = terms.mean() if mean else terms.sum() if total else terms.sum() / len(terms)
    exponent = 0 if no_square else 1 if once else -2 if divided else 2
    return loss * temperature**exponent


_KD_HINTS = {
    "no_square": "the factor temperature ** 2 is missing. Without it the gradient fades as the temperature "
    "rises.",
    "once": "the loss is multiplied by temperature, not by temperature ** 2.",
    "divided": "the loss is divided by temperature ** 2. Multiply, to undo the shrinking of the gradient.",
    "mean": "reduction='mean' also divides by the number of classes. The average over examples is "
    "'batchmean'.",
    "total": "that is the sum over the batch. Divide by the number of examples: reduction='batchmean'.",
    "swapped": "student and teacher are swapped. F.kl_div takes the student's log-probabilities first, "
    "then the teacher's probabilities as the target.",
    "no_log": "the first argument of F.kl_div must be log-probabilities: F.log_softmax for the student.",
    "log_teacher": "the target of F.kl_div is probabilities: F.softmax for the teacher, or pass "
    "log_target=True.",
    "log_of_softmax": "the log of a softmax is -inf once a probability rounds to 0. F.log_softmax stays "
    "finite.",
    "cold_teacher": "the temperature is applied to the student only. Divide the teacher's logits by it too.",
    "cold_student": "the temperature is applied to the teacher only. Divide the student's logits by it too.",
    "first_dim": "the softmax runs over dim 0, across the examples. The classes are the last dim: dim=-1.",
    "no_entropy": "that is the soft cross-entropy. It lies above the KL divergence by the teacher's entropy, "
    "and so is not 0 where the two agree.",
    "teacher_learns": TEACHER_GRADIENT,
}


def _all_cold(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    return kd.kd_loss(student_logits, teacher_logits, 1.0) * temperature**2


KD_LOSS = Exercise(
    reference=kd.kd_loss,
    cases=_kd_cases,
    mistakes=slips(
        loose_kd_loss,
        _KD_HINTS,
        Mistake(
            lambda s, t, temperature: (
                F.kl_div(s / temperature, t.detach() / temperature, reduction="batchmean") * temperature**2
            ),
            "these are still logits. F.kl_div wants log_softmax of the student's and softmax of the "
            "teacher's.",
        ),
        Mistake(
            lambda s, t, temperature: -kd.kd_loss(s, t, temperature),
            "the sign is turned round: a loss goes down.",
        ),
        Mistake(
            _all_cold,
            "the logits are not divided by the temperature: it stands in the factor only. Divide both before the "
            "softmax.",
        ),
        Mistake(
            lambda s, t, temperature: kd.kd_loss(s, t, 1.0),
            "the temperature is not used: divide the logits of both by it, and multiply the loss by temperature ** 2.",
        ),
        Mistake(
            lambda s, t, temperature: (
                F.kl_div(
                    F.log_softmax(s / temperature, dim=-1),
                    F.softmax(t.detach() / temperature, dim=-1).log(),
                    reduction="batchmean",
                )
                * temperature**2
            ),
            _KD_HINTS["log_teacher"],
        ),
    ),
    advice={
        "gradient of student_logits": STUDENT_GRADIENT,
        "gradient of teacher_logits": TEACHER_GRADIENT,
        "nan": "NaN or infinity: with large logits a probability rounds to 0, and its log is -inf. "
        "Take F.log_softmax, not the log of a softmax.",
    },
)
