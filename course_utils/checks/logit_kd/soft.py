"""Exercises on the teacher's soft targets."""

import torch
from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.logit_kd.inputs import GRADIENT_ADVICE, TEACHER_GRADIENT, cases, random_logits
from course_utils.checks.tasks import Arguments, Exercise
from course_utils.methods import kd

FIRST_DIM = "the softmax runs over dim 0, across the examples. The classes are the last dim: dim=-1."
LOG_TARGET = "the target of F.kl_div is probabilities: F.softmax for the teacher, or pass log_target=True."


def _softmax_cases(generator: Generator) -> list[Arguments]:
    small = random_logits(generator, 2, 3, dtype=torch.float32)
    row, table, cube = (
        random_logits(generator, 4),
        random_logits(generator, 1, 5),
        random_logits(generator, 2, 3, 4),
    )
    large = random_logits(generator, 3, 3, dtype=torch.float32, scale=200.0)
    far_apart = torch.tensor([[200.0, 0.0, 0.0], [0.0, 1.0, 2.0]])  # one maximum cannot serve both rows
    given = ((small, 2.0), (row, 0.5), (table, 1.0), (cube, 5.0), (large, 1.0), (far_apart, 1.0))
    return [{"logits": logits, "temperature": temperature} for logits, temperature in given]


SOFTMAX = Exercise(
    reference=kd.softmax_with_temperature,
    cases=_softmax_cases,
    mistakes=edits(
        kd.softmax_with_temperature,
        ({" / temperature": ""}, "the temperature is not used: divide the logits by it before the softmax."),
        (
            {"/": "*"},
            "the logits are multiplied by the temperature. Divide: a high temperature makes them alike.",
        ),
        (
            {" / temperature, dim=-1)": ", dim=-1) / temperature"},
            "the temperature divides the probabilities, which then no longer sum to 1. Divide the logits.",
        ),
        ({"dim=-1": "dim=0"}, FIRST_DIM),
        (
            {"F.softmax": "F.log_softmax"},
            "these are log-probabilities. Return probabilities: softmax, not log_softmax.",
        ),
        (
            {
                "return F.softmax(": "exp = torch.exp(",
                ", dim=-1)": ")\n    return exp / exp.sum(dim=-1, keepdim=True)",
            },
            "exp of a large logit is infinite, and inf / inf is NaN. "
            "Subtract the row's maximum first, or use F.softmax, which does.",
        ),
        (
            {"logits / temperature, dim=-1)": "logits, dim=-1) ** (1 / temperature)"},
            "probabilities to the power 1 / temperature must be made to sum to 1 again.",
        ),
        (
            {
                "return F.softmax(logits / temperature, dim=-1)": "exp = ((logits - logits.max()) / temperature).exp()"
                "\n    return exp / exp.sum(dim=-1, keepdim=True)"
            },
            "the maximum of the whole tensor is subtracted: in a row far below it, every exp is 0, and 0 / 0 is NaN. "
            "Subtract each row's own maximum: .amax(dim=-1, keepdim=True).",
        ),
        (
            {"dim=-1": "dim=1"},
            "dim=1 is the last dim of a table only. Use dim=-1: it is the classes for any number of dimensions.",
        ),
        (
            {"dim=-1)": "dim=-1).amax(dim=-1)"},
            "return the probabilities of all classes, not only the largest one.",
        ),
    ),
)

KD_LOSS = Exercise(
    reference=kd.kd_loss,
    cases=lambda generator: cases(generator, "student_logits", "teacher_logits", "temperature"),
    mistakes=edits(
        kd.kd_loss,
        (
            {" * temperature**2": ""},
            "the factor temperature ** 2 is missing. Without it the gradient fades as the temperature rises.",
        ),
        ({"**2": ""}, "the loss is multiplied by temperature, not by temperature ** 2."),
        (
            {"* temperature**2": "/ temperature**2"},
            "the loss is divided by temperature ** 2. Multiply, to undo the shrinking of the gradient.",
        ),
        (
            {"batchmean": "mean"},
            "reduction='mean' also divides by the number of classes. The average over examples is 'batchmean'.",
        ),
        (
            {"batchmean": "sum"},
            "that is the sum over the batch. Divide by the number of examples: reduction='batchmean'.",
        ),
        (
            {"student_logits": "teacher_logits.detach()", "teacher_logits.detach()": "student_logits"},
            "student and teacher are swapped. F.kl_div takes the student's log-probabilities first, "
            "then the teacher's probabilities as the target.",
        ),
        (
            {"F.log_softmax": "F.softmax"},
            "the first argument of F.kl_div must be log-probabilities: F.log_softmax for the student.",
        ),
        ({"F.softmax": "F.log_softmax"}, LOG_TARGET),
        (
            {
                "F.log_softmax(": "torch.log(F.softmax(",
                "student_logits / temperature, dim=-1)": "student_logits / temperature, dim=-1))",
            },
            "the log of a softmax is -inf once a probability rounds to 0. F.log_softmax stays finite.",
        ),
        (
            {".detach() / temperature": ".detach()"},
            "the temperature is applied to the student only. Divide the teacher's logits by it too.",
        ),
        (
            {"student_logits / temperature": "student_logits"},
            "the temperature is applied to the teacher only. Divide the student's logits by it too.",
        ),
        ({"dim=-1": "dim=0"}, FIRST_DIM),
        (
            {
                'F.kl_div(log_p_student, p_teacher, reduction="batchmean")': "-(p_teacher * log_p_student)"
                ".sum(dim=-1).mean()"
            },
            "that is the soft cross-entropy. It lies above the KL divergence by the teacher's entropy, "
            "and so is not 0 where the two agree.",
        ),
        ({".detach()": ""}, TEACHER_GRADIENT),
        (
            {
                "F.log_softmax(student_logits / temperature, dim=-1)": "student_logits / temperature",
                "F.softmax(teacher_logits.detach() / temperature, dim=-1)": "teacher_logits.detach() / temperature",
            },
            "these are still logits. F.kl_div wants log_softmax of the student's and softmax of the teacher's.",
        ),
        ({"F.kl_div": "-F.kl_div"}, "the sign is turned round: a loss goes down."),
        (
            {" / temperature": ""},
            "the logits are not divided by the temperature: it stands in the factor only. Divide both before the "
            "softmax.",
        ),
        (
            {" / temperature": "", " * temperature**2": ""},
            "the temperature is not used: divide the logits of both by it, and multiply the loss by temperature ** 2.",
        ),
        (
            {
                "F.softmax(": "torch.log(F.softmax(",
                "detach() / temperature, dim=-1)": "detach() / temperature, dim=-1))",
            },
            LOG_TARGET,
        ),
    ),
    advice={
        **GRADIENT_ADVICE,
        "nan": "NaN or infinity: with large logits a probability rounds to 0, and its log is -inf. "
        "Take F.log_softmax, not the log of a softmax.",
    },
)
