"""The exercise on the optimizer's state: one step of AdamW."""

import torch
from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import RESULT, Arguments, Exercise, observe_parts
from course_utils.methods import memory

_NAMES = ("parameter", "gradient", "exp_avg", "exp_avg_sq", "step", "lr", "betas", "eps", "weight_decay")


def _adamw_cases(generator: Generator) -> list[Arguments]:
    """The first step, then later ones; no two of the settings agree, and the averages are not small."""
    cases: list[Arguments] = []
    for shape, step, lr, betas, eps, weight_decay in (
        ((2,), 1, 0.1, (0.5, 0.75), 0.25, 0.5),
        ((3,), 2, 0.5, (0.9, 0.5), 0.125, 0.0),
        ((2, 3), 7, 0.01, (0.9, 0.99), 1e-8, 0.1),
    ):
        draw = [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(4)]
        parameter, gradient, exp_avg, exp_avg_sq = draw[0] * 3, draw[1] * 2, draw[2], draw[3].square()
        if step == 1:
            exp_avg, exp_avg_sq = torch.zeros_like(exp_avg), torch.zeros_like(exp_avg_sq)
        given = (parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, weight_decay)
        cases.append(dict(zip(_NAMES, given, strict=True)))
    return cases


ADAMW_STEP = Exercise(
    reference=memory.adamw_step,
    cases=_adamw_cases,
    observe=observe_parts(("the new parameter", "exp_avg", "exp_avg_sq")),
    mistakes=edits(
        memory.adamw_step,
        {" / (1 - betas[0] ** step)": "", " / (1 - betas[1] ** step)": ""},
        "the averages start at 0 and are too small at first: divide each by 1 - beta ** step.",
        {", exp_avg, exp_avg_sq": ", unbiased, unbiased_sq"},
        "the corrected averages are returned as states. The states are the plain ones: the correction is made "
        "afresh at each step.",
        {"betas[0]": "betas[1]", "betas[1]": "betas[0]"},
        "betas are exchanged: betas[0] belongs to exp_avg, betas[1] to exp_avg_sq.",
        {"**2": ""},
        "exp_avg_sq averages the square of the gradient, entry by entry.",
        {".sqrt()": ""},
        "the square root is missing: divide by exp_avg_sq.sqrt().",
        {".sqrt() + eps)": " + eps).sqrt()"},
        "eps is inside the square root. Add it to the root.",
        {" - lr * weight_decay * parameter": ""},
        "the weight decay is missing: take lr * weight_decay * parameter off.",
        {
            " - lr * weight_decay * parameter": "",
            "exp_avg = ": "gradient = gradient + weight_decay * parameter\n    exp_avg = ",
        },
        "the decay is added to the gradient: that is Adam with L2. In AdamW it never meets the averages.",
        {"lr * weight": "weight"},
        "the decay is not multiplied by lr.",
        {"decayed - lr": "decayed + lr"},
        "the sign is turned round: the step goes against the gradient.",
        {"(unbiased_sq.sqrt() + eps)": "unbiased_sq.sqrt() + eps"},
        "eps is added to the step. Put brackets: it is added to the root, before the division.",
        {" ** step": ""},
        "the correction is that of the first step at every step: beta ** step, not beta.",
        {" + eps": ""},
        "eps is missing: it keeps the division from exploding.",
        {f"betas[{i}] * exp": f"(1 - betas[{i}]) * exp" for i in (0, 1)}
        | {f"(1 - betas[{i}]) *": f"betas[{i}] *" for i in (0, 1)},
        "beta is the weight of the new gradient. It is that of the old average: beta * average + (1 - beta) * new.",
        {"** step": "** (step - 1)"},
        "step is 1 at the first step: use it as it is.",
        {" / (1 - betas[0] ** step)": ""},
        "exp_avg starts at 0 and is too small at first: divide by 1 - betas[0] ** step.",
        {" / (1 - betas[1] ** step)": ""},
        "exp_avg_sq starts at 0 and is too small at first: divide by 1 - betas[1] ** step.",
        {
            "exp_avg = ": "old, old_sq = exp_avg, exp_avg_sq\n    exp_avg = ",
            "exp_avg /": "old /",
            "exp_avg_sq /": "old_sq /",
        },
        "the step is made with the old averages. Update both first, then use the new ones.",
        {"* unbiased /": "* gradient /"},
        "the step is made with the gradient itself. Use its average, exp_avg, corrected.",
        {"lr * unbiased": "unbiased"},
        "the step is not multiplied by lr.",
        {"(1 - betas[0]) * ": "", "(1 - betas[1]) * ": ""},
        "what is new has weight 1. Its weight is 1 - beta.",
        {"parameter - lr": "parameter + lr"},
        "the decay has the wrong sign: it takes lr * weight_decay * parameter off.",
        {"parameter - lr": "lr"},
        "only the decay is left of the parameter: parameter - lr * weight_decay * parameter.",
        {"decayed - ": ""},
        "that is the update. Take it off the decayed parameter.",
        {"** step": "** (step + 1)"},
        "step is 1 at the first step already: do not add to it.",
        {"** step": "* step"},
        "beta is multiplied by the step. It is raised to that power: beta ** step.",
        {
            " - lr * weight_decay * parameter": "",
            "return ": "return (1 - lr * weight_decay) * (",
            " + eps)": " + eps))",
        },
        "the decay is taken of what the step has moved already. Take it of the old parameter.",
        {"exp_avg, exp_avg_sq": "exp_avg_sq, exp_avg"},
        "the states are exchanged: exp_avg comes first, exp_avg_sq second.",
        {"return ": "return exp_avg, exp_avg_sq, ", ", exp_avg, exp_avg_sq": ""},
        "the new parameter comes first, the states after it.",
        {"exp_avg = ": "old = exp_avg, exp_avg_sq\n    exp_avg = ", ", exp_avg, exp_avg_sq": ", *old"},
        "the states are the old ones. Return the averages with the new gradient in them.",
    ),
    advice={
        RESULT: "return three tensors: the new parameter, exp_avg, exp_avg_sq.",
        "value": "compare with the formula, state by state: exp_avg first, then exp_avg_sq, then the parameter.",
        "nan": "there is a NaN or an infinity in it: a division by 0? At the first step, step is 1, not 0.",
    },
)
