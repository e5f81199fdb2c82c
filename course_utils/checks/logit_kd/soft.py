"""Exercises on the two divergences between the teacher's soft targets and the student's."""

from course_utils.checks.advice import LARGE_LOGITS
from course_utils.checks.edits import edits
from course_utils.checks.logit_kd.inputs import GRADIENT_ADVICE, TEACHER_GRADIENT, cases
from course_utils.checks.tasks import Exercise
from course_utils.methods import kd

FIRST_DIM = "the softmax runs over dim 0, across the examples. The classes are the last dim: dim=-1."
INFINITE = (
    "torch.distributions takes the divergence for infinite where a probability rounds to 0, although its logarithm is "
    "finite. F.kl_div, which is given the logarithms of F.log_softmax, stays finite."
)


def _distributions(weighing: str, other: str) -> str:
    """Source of the divergence by torch.distributions, from logits."""
    of = "torch.distributions.Categorical(logits={} / temperature)"
    return f"torch.distributions.kl_divergence({of.format(weighing)}, {of.format(other)}).mean()"


KD_CALL = 'F.kl_div(log_p_student, p_teacher, reduction="batchmean")'
REVERSE_CALL = 'F.kl_div(log_p_teacher, log_p_student, reduction="batchmean", log_target=True)'
STUDENTS, TEACHERS = "student_logits", "teacher_logits.detach()"
LOG_TARGET = "the target of F.kl_div is probabilities: F.softmax for the teacher, or pass log_target=True."


# Of both losses.
NO_FACTOR = (
    {" * temperature**2": ""},
    "the factor temperature ** 2 is missing. Without it the gradient fades as the temperature rises.",
)
SHARED = (
    {"**2": ""},
    "the loss is multiplied by temperature, not by temperature ** 2.",
    {"**2": " * 2"},
    "the loss is multiplied by 2 * temperature, not by temperature ** 2.",
    {"* temperature**2": "/ temperature**2"},
    "the loss is divided by temperature ** 2. Multiply, to undo the shrinking of the gradient.",
    {"batchmean": "mean"},
    "reduction='mean' also divides by the number of classes. The average over examples is 'batchmean'.",
    {"batchmean": "sum"},
    "that is the sum over the batch. Divide by the number of examples: reduction='batchmean'.",
    {".detach() / temperature": ".detach()"},
    "the temperature is applied to the student only. Divide the teacher's logits by it too.",
    {"student_logits / temperature": "student_logits"},
    "the temperature is applied to the teacher only. Divide the student's logits by it too.",
    {"dim=-1": "dim=0"},
    FIRST_DIM,
    {".detach()": ""},
    TEACHER_GRADIENT,
    {"F.kl_div": "-F.kl_div"},
    "the sign is turned round: a loss goes down.",
    {" / temperature, dim=-1)": ", dim=-1) / temperature"},
    "what comes out of the softmax is divided by the temperature. Divide the logits, before the softmax.",
    {" / temperature": " * temperature"},
    "the logits are multiplied by the temperature, which makes the answers sharper. Divide by it, to soften them.",
    {" / temperature": ""},
    "the logits are not divided by the temperature: it stands in the factor only. Divide both before the softmax.",
    {" / temperature": "", " * temperature**2": ""},
    "the temperature is not used: divide the logits of both by it, and multiply the loss by temperature ** 2.",
)
ADVICE = {
    **GRADIENT_ADVICE,
    "nan": "NaN or infinity: with large logits a probability rounds to 0, and its log is -inf. "
    "Take F.log_softmax, not the log of a softmax.",
    "value": LARGE_LOGITS,
}

KD_LOSS = Exercise(
    reference=kd.kd_loss,
    cases=lambda generator: cases(generator, "student_logits", "teacher_logits", "temperature"),
    mistakes=edits(
        kd.kd_loss,
        *NO_FACTOR,
        *SHARED,
        {"student_logits": "teacher_logits.detach()", "teacher_logits.detach()": "student_logits"},
        "student and teacher are swapped. F.kl_div takes the student's log-probabilities first, "
        "then the teacher's probabilities as the target.",
        {"F.log_softmax": "F.softmax"},
        "the first argument of F.kl_div must be log-probabilities: F.log_softmax for the student.",
        {"F.softmax": "F.log_softmax"},
        LOG_TARGET,
        {
            "F.log_softmax(": "torch.log(F.softmax(",
            "student_logits / temperature, dim=-1)": "student_logits / temperature, dim=-1))",
        },
        "the log of a softmax is -inf once a probability rounds to 0. F.log_softmax stays finite.",
        {KD_CALL: "-(p_teacher * log_p_student).sum(dim=-1).mean()"},
        "that is the soft cross-entropy. It lies above the KL divergence by the teacher's entropy, "
        "and so is not 0 where the two agree.",
        {
            "F.log_softmax(student_logits / temperature, dim=-1)": "student_logits / temperature",
            "F.softmax(teacher_logits.detach() / temperature, dim=-1)": "teacher_logits.detach() / temperature",
        },
        "these are still logits. F.kl_div wants log_softmax of the student's and softmax of the teacher's.",
        {
            "F.softmax(": "torch.log(F.softmax(",
            "detach() / temperature, dim=-1)": "detach() / temperature, dim=-1))",
        },
        LOG_TARGET,
        {KD_CALL: _distributions(TEACHERS, STUDENTS)},
        INFINITE,
        {KD_CALL: _distributions(STUDENTS, TEACHERS)},
        "the divergence is taken from the student to the teacher: kl_divergence(p, q) weighs by p, and that is the "
        "teacher's distribution here.",
    ),
    advice=ADVICE,
)

STUDENTS_OWN = (
    "the value is right, the gradient is not: the student's probabilities weigh the sum, and they learn as well. "
    "Detach the teacher alone."
)
REVERSE_KL = Exercise(
    reference=kd.reverse_kl_loss,
    cases=lambda generator: cases(generator, "student_logits", "teacher_logits", "temperature"),
    mistakes=edits(
        kd.reverse_kl_loss,
        *NO_FACTOR,
        *SHARED,
        {"log_p_teacher, log_p_student,": "log_p_student, log_p_teacher,"},
        "that is the forward divergence of exercise 1. In F.kl_div the distribution that weighs the sum stands "
        "second: here it is the student's.",
        {", log_target=True": ""},
        "the target of F.kl_div is probabilities unless you pass log_target=True. These are their logarithms.",
        {REVERSE_CALL: "(log_p_student.exp().detach() * (log_p_student - log_p_teacher)).sum(dim=-1).mean()"},
        STUDENTS_OWN,
        {"log_p_student, reduction": "log_p_student.exp(), reduction", ", log_target=True": ""},
        "the value is right, but its gradient is NaN where a probability of the student rounds to 0: F.kl_div "
        "takes the log of it. Pass the student's log-probabilities, with log_target=True.",
        {REVERSE_CALL: "-(log_p_student.exp() * log_p_teacher).sum(dim=-1).mean()"},
        "that is a cross-entropy. It leaves out the student's own entropy, so the student would say only the "
        "teacher's favourite class.",
        {"F.log_softmax(": "torch.log(F.softmax(", "temperature, dim=-1)": "temperature, dim=-1))"},
        "the log of a softmax is -inf once a probability rounds to 0. F.log_softmax stays finite.",
        {REVERSE_CALL: _distributions(STUDENTS, TEACHERS)},
        INFINITE,
        {REVERSE_CALL: _distributions(TEACHERS, STUDENTS)},
        "that is the forward divergence of exercise 1: kl_divergence(p, q) weighs by p, and that is the student's "
        "distribution here.",
    ),
    advice=ADVICE,
)
