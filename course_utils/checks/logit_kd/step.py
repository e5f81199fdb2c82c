"""Exercise on the step of distillation: from a batch to its loss, with the teacher's logits in a cache."""

import copy

import torch
from torch import Generator, Tensor
from transformers.modeling_outputs import SequenceClassifierOutput

from course_utils.checks.compare import difference
from course_utils.checks.edits import edits
from course_utils.checks.logit_kd.inputs import random_logits
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import kd

REFUSED = "a ValueError is raised"
GRADIENT = "gradient of the student's logits"
# ids of the batch, ids that the cache lacks, rows of the cache, labels, alpha, dtype of the student's logits
BATCHES: tuple[tuple[list[int], list[int], int, list[int], float, torch.dtype], ...] = (
    ([3, 1], [], 4, [2, -100], 0.75, torch.float32),
    ([5, 0, 4], [1, 3], 7, [0, 1, 1], 0.25, torch.float32),
    ([2, 6], [0], 8, [-100, -100], 0.5, torch.float32),
    ([1, 4, 2], [], 5, [1, -100, 0], 0.1, torch.bfloat16),
    ([0, 2, 1], [2], 3, [1, 0, 2], 0.6, torch.float32),
)


def worst_case(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """A soft loss that no answer can know: it cares who is who, and in which unit."""
    return (student_logits - 2 * teacher_logits.tanh()).square().amax(dim=-1).mean()


def _cases(generator: Generator) -> list[Arguments]:
    found = []
    for ids, lacking, rows, labels, alpha, dtype in BATCHES:
        cached = random_logits(generator, rows, 3, dtype=torch.float32)
        cached[lacking] = torch.nan
        logits = random_logits(generator, len(ids), 3, dtype=dtype)
        found.append(
            {
                "outputs": SequenceClassifierOutput(logits=logits),
                "batch": {"labels": torch.tensor(labels), "id": torch.tensor(ids)},
                "cached": cached,
                "soft_loss": worst_case,
                "alpha": alpha,
            }
        )
    return found


def _observe(function: Function, arguments: Arguments) -> Observations:
    given = copy.deepcopy(arguments)
    leaf = given["outputs"].logits.requires_grad_()
    given["outputs"] = SequenceClassifierOutput(logits=leaf.clone())
    lacking = bool(given["cached"][given["batch"]["id"]].isnan().any())
    try:
        value = function(*given.values())
    except Exception as error:
        if lacking:
            return {REFUSED: isinstance(error, ValueError) or f"no, a {type(error).__name__}"}
        raise
    changed = [name for name in ("outputs", "batch", "cached") if difference(arguments[name], given[name])]
    seen = {
        REFUSED: False,
        INPUTS_CHANGED: ", ".join(changed) or None,
        RESULT: value.detach() if isinstance(value, Tensor) else value,
    }
    # In half precision a gradient depends on how often the logits are turned into float32, which is all right.
    if isinstance(value, Tensor) and value.dim() == 0 and leaf.dtype == torch.float32 and not changed:
        gradient = torch.autograd.grad(value, leaf, allow_unused=True)[0] if value.requires_grad else None
        seen[GRADIENT] = torch.zeros_like(leaf) if gradient is None else gradient
    return seen


PLAIN_GOLD = "with no labelled row in the batch F.cross_entropy is NaN. Call gold_loss, which is 0 there."
LOOKED_UP = 'cached[batch["id"].to(cached.device)]'
OUTPUTS = "outputs is what the model returned: its logits are outputs.logits."
MISSING = "teacher_logits.isnan().any(dim=-1)"
SOFT_CALL = "soft_loss(student_logits, teacher_logits)"
DISTILLATION_LOSS = Exercise(
    reference=kd.distillation_loss,
    cases=_cases,
    observe=_observe,
    mistakes=edits(
        kd.distillation_loss,
        {LOOKED_UP: 'cached[: len(batch["id"])]'},
        "the first rows of the cache are taken, whichever examples are in the batch. Look up row i for the "
        'example whose id is i: cached[batch["id"]].',
        {"missing.any()": "False"},
        "an example that the cache has no logits for (NaN) goes through unnoticed, and one NaN ruins all "
        "weights. Raise a ValueError that names it. (NaN equals nothing, not even NaN: ask with .isnan().)",
        {"missing.any()": "False", ".to(student_logits)": ".to(student_logits).nan_to_num()"},
        "NaN is replaced by numbers, so the student learns an answer that the teacher never gave. Raise a ValueError.",
        {MISSING: 'cached.isnan().any().expand(len(batch["id"]))'},
        "the cache may have empty rows: ids have gaps. Refuse only if an example of this batch is missing.",
        {"alpha * soft": "(1 - alpha) * soft", "(1 - alpha) * gold": "alpha * gold"},
        "the weights are exchanged: alpha is for the KD term, 1 - alpha for the gold labels.",
        {"(1 - alpha) * ": ""},
        "the gold term has its full weight. It should be (1 - alpha).",
        {" + (1 - alpha) * gold": ""},
        "the gold labels are not used. They have the rest of the weight, 1 - alpha.",
        {"alpha * soft": "soft"},
        "the KD term has its full weight. It should be alpha.",
        {"gold_loss": "F.cross_entropy"},
        PLAIN_GOLD,
        {
            'gold_loss(student_logits, batch["labels"])': 'F.cross_entropy(student_logits, batch["labels"], '
            'reduction="sum") / len(batch["labels"])'
        },
        "rows without a label are counted in the gold term. gold_loss divides by the number of labelled rows.",
        {
            "soft =": 'rows = batch["labels"] != -100\n    soft =',
            SOFT_CALL: "soft_loss(student_logits[rows], teacher_logits[rows]) if rows.any() else 0.0",
        },
        "the teacher teaches on every row, labelled or not. Only the gold term leaves rows out.",
        {'batch["labels"]': "teacher_logits.argmax(dim=-1)"},
        "the second term uses the teacher's best class. It should use the gold labels.",
        {SOFT_CALL: "soft_loss(teacher_logits, student_logits)"},
        "the soft loss gets the teacher's logits first. It takes the student's first, then the teacher's.",
        {SOFT_CALL: "soft_loss(student_logits.softmax(-1), teacher_logits.softmax(-1))"},
        "the soft loss gets probabilities. It takes logits, and makes of them what it needs.",
        {SOFT_CALL: "kd_loss(student_logits, teacher_logits, 2.0)"},
        "kd_loss is called, whichever soft loss was passed. Call soft_loss: it may also be another one.",
        {"outputs.logits.float()": "outputs.logits"},
        "the student's logits may come in half precision, and a loss is summed in float32: logits.float().",
        {SOFT_CALL: "soft_loss(student_logits.detach(), teacher_logits)"},
        "no gradient of the soft term reaches the student: its logits are detached. The cache has no graph, so "
        "nothing here needs detach().",
        {"gold_loss(student_logits": "gold_loss(student_logits.detach()"},
        "no gradient of the gold term reaches the student: its logits are detached.",
    ),
    advice={
        REFUSED: "the cache has no logits (NaN) for an example of this batch. Nothing can be made of that: raise a "
        "ValueError that names the example, and no error of another kind.",
        "ValueError": "a ValueError belongs to one case only: an example of this batch whose row in the cache is NaN.",
        GRADIENT: "the value is right, but the student gets no gradient, or a wrong one. Something cut it: .detach(), "
        ".item(), .data or torch.no_grad().",
        INPUTS_CHANGED: "the batch or the cache is changed in place, and the next epoch needs both as they were.",
        "nan": PLAIN_GOLD,
        "TypeError": OUTPUTS,
        "AttributeError": OUTPUTS,
        "IndexError": 'the rows of the cache are numbered by the ids of the examples: cached[batch["id"]].',
        "RuntimeError": 'the soft loss compares row with row: look up those of this batch first, cached[batch["id"]].',
        "KeyError": "the batch has the columns id and labels; what the student made of the others is in outputs.",
    },
)
