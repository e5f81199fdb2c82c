"""Exercise on the gold labels, where not every row has one."""

from course_utils.checks.edits import edits
from course_utils.checks.logit_kd.inputs import cases
from course_utils.checks.tasks import Exercise
from course_utils.methods import kd

GOLD_NAN = (
    "where no row has a label, the mean over 0 rows is 0 / 0 = NaN. Sum over the labelled rows, "
    "and divide by their number, but at least by 1."
)
GOLD_LOSS = Exercise(
    reference=kd.gold_loss,
    cases=lambda generator: cases(generator, "student_logits", "labels"),
    mistakes=edits(
        kd.gold_loss,
        {".clamp(min=1)": ""},
        GOLD_NAN,
        {"total =": "if (labels == -100).all():\n        return student_logits.new_zeros(())\n    total ="},
        "where no row has a label, the 0 is a new tensor with no path back to the logits: "
        "backward() fails. Let the 0 come out of the logits: the sum over no rows is 0 and keeps the path.",
        {"total =": "if (labels == -100).any():\n        return 0 * student_logits.sum()\n    total ="},
        "one row without a label makes the loss 0. Only where none has a label is it 0: .all(), not .any().",
        {"labelled_rows.clamp(min=1)": "len(labels)"},
        "rows without a label are counted. Divide by the number of labelled rows.",
        {" / labelled_rows.clamp(min=1)": ""},
        "that is the sum over the labelled rows. Divide it by their number.",
        {"total =": "labels = labels.clamp(min=0)\n    total ="},
        "rows labelled -100 are taken for rows of class 0. They must not count: ignore_index=-100.",
        {"(student_logits": "(student_logits.softmax(-1)"},
        "F.cross_entropy takes logits and does the softmax itself. Here it is done twice.",
        {"cross_entropy": "nll_loss"},
        "F.nll_loss takes log-probabilities. Use F.cross_entropy, or log_softmax first.",
    ),
    advice={
        "nan": GOLD_NAN,
        "dtype": "the dtype changed. torch.tensor(0.) is float32, whatever the logits are. Let the 0 come out of "
        "the logits: the sum over no rows is 0, in their dtype, and gradients find their way back.",
        "IndexError": "-100 is no class: a row with that label has none. "
        "Leave such rows out, or pass ignore_index=-100.",
    },
)
