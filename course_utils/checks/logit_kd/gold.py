"""Exercises on the logits themselves, and on gold labels, alone and beside the teacher's soft targets."""

from course_utils.checks.edits import edits
from course_utils.checks.logit_kd.inputs import GRADIENT_ADVICE, TEACHER_GRADIENT, cases
from course_utils.checks.tasks import Exercise
from course_utils.methods import kd

PLAIN_GOLD = "with no labelled row in the batch F.cross_entropy is NaN. Call gold_loss, which is 0 there."

LOGIT_MSE = Exercise(
    reference=kd.logit_mse_loss,
    cases=lambda generator: cases(generator, "student_logits", "teacher_logits"),
    mistakes=edits(
        kd.logit_mse_loss,
        (
            {"student_logits": "student_logits.softmax(-1)", "detach()": "detach().softmax(-1)"},
            "compare the logits themselves: no softmax here.",
        ),
        (
            {"student_logits": "student_logits.log_softmax(-1)", "detach()": "detach().log_softmax(-1)"},
            "compare the logits themselves: no log_softmax here.",
        ),
        (
            {"detach())": 'detach(), reduction="sum")'},
            "that is the sum. Average over all entries, batch and classes.",
        ),
        (
            {"detach())": 'detach(), reduction="none").sum(dim=-1).mean()'},
            "that is summed over classes. Average over all entries, batch and classes.",
        ),
        ({"mse_loss": "l1_loss"}, "that is the absolute difference. Square it."),
        (
            {"return F": "return torch.sqrt(F", "detach())": "detach()))"},
            "no square root: the mean squared difference is the loss.",
        ),
        ({"return": "return 0.5 *"}, "leave out the factor one half."),
        ({".detach()": ""}, TEACHER_GRADIENT),
    ),
    advice=GRADIENT_ADVICE,
)

GOLD_NAN = (
    "where no row has a label, the mean over 0 rows is 0 / 0 = NaN. Sum over the labelled rows, "
    "and divide by their number, but at least by 1."
)
GOLD_LOSS = Exercise(
    reference=kd.gold_loss,
    cases=lambda generator: cases(generator, "student_logits", "labels"),
    mistakes=edits(
        kd.gold_loss,
        ({".clamp(min=1)": ""}, GOLD_NAN),
        (
            {
                "total =": "if (labels == -100).all():\n        return student_logits.new_zeros(())\n    total ="
            },
            "where no row has a label, the 0 is a new tensor with no path back to the logits: "
            "backward() fails. Let the 0 come out of the logits: the sum over no rows is 0 and keeps the path.",
        ),
        (
            {"labelled_rows.clamp(min=1)": "len(labels)"},
            "rows without a label are counted. Divide by the number of labelled rows.",
        ),
        (
            {" / labelled_rows.clamp(min=1)": ""},
            "that is the sum over the labelled rows. Divide it by their number.",
        ),
        (
            {"total =": "labels = labels.clamp(min=0)\n    total ="},
            "rows labelled -100 are taken for rows of class 0. They must not count: ignore_index=-100.",
        ),
        (
            {"(student_logits": "(student_logits.softmax(-1)"},
            "F.cross_entropy takes logits and does the softmax itself. Here it is done twice.",
        ),
        (
            {"cross_entropy": "nll_loss"},
            "F.nll_loss takes log-probabilities. Use F.cross_entropy, or log_softmax first.",
        ),
    ),
    advice={
        "nan": GOLD_NAN,
        "dtype": "the dtype changed. torch.tensor(0.) is float32, whatever the logits are. Let the 0 come out of "
        "the logits: the sum over no rows is 0, in their dtype, and gradients find their way back.",
        "IndexError": "-100 is no class: a row with that label has none. "
        "Leave such rows out, or pass ignore_index=-100.",
    },
)

KD_CALL = "kd_loss(student_logits, teacher_logits, temperature)"
GOLD_CALL = "gold_loss(student_logits, labels)"
KD_AND_GOLD = Exercise(
    reference=kd.kd_and_gold_loss,
    cases=lambda generator: cases(
        generator, "student_logits", "teacher_logits", "labels", "temperature", "alpha"
    ),
    mistakes=edits(
        kd.kd_and_gold_loss,
        (
            {"alpha * kd": "(1 - alpha) * kd", "(1 - alpha) * gold": "alpha * gold"},
            "the weights are exchanged: alpha is for the KD term, 1 - alpha for the gold labels.",
        ),
        ({"(1 - alpha) * ": ""}, "the gold term has its full weight. It should be (1 - alpha)."),
        ({"alpha * kd": "kd"}, "the KD term has its full weight. It should be alpha."),
        (
            {"temperature)": "temperature) / temperature**2"},
            "in the KD term the factor temperature ** 2 is missing. Call kd_loss, which has it.",
        ),
        (
            {"temperature)": "temperature) * temperature**2"},
            "kd_loss has the factor temperature ** 2 already. Here it stands there twice.",
        ),
        (
            {"labels)": "labels) * temperature**2"},
            "temperature ** 2 belongs to the KD term only; kd_loss has it already.",
        ),
        (
            {"gold_loss(student_logits": "gold_loss(student_logits / temperature"},
            "the gold term divides the logits too: it belongs at temperature 1.",
        ),
        ({"gold_loss": "F.cross_entropy"}, PLAIN_GOLD),
        (
            {
                KD_CALL: "rows.any() and kd_loss(student_logits[rows], teacher_logits[rows], temperature)",
                "kd =": "rows = labels != -100\n    kd =",
            },
            "the teacher teaches on every row, labelled or not. Only the gold term leaves rows out.",
        ),
        (
            {
                KD_CALL: "F.kl_div(F.log_softmax(student_logits / temperature, -1), "
                "F.softmax(teacher_logits / temperature, -1), reduction='batchmean') * temperature**2"
            },
            TEACHER_GRADIENT,
        ),
        (
            {GOLD_CALL: "F.cross_entropy(student_logits, teacher_logits.argmax(dim=-1))"},
            "the second term uses the teacher's best class. It should use the gold labels.",
        ),
    ),
    advice={**GRADIENT_ADVICE, "nan": PLAIN_GOLD},
)
