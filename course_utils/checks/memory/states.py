"""The exercise on the optimizer's state: one step of AdamW."""

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import RESULT, Arguments, Exercise, Mistake, observe_parts, slips
from course_utils.methods import memory


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
        cases.append(
            {
                "parameter": parameter,
                "gradient": gradient,
                "exp_avg": exp_avg,
                "exp_avg_sq": exp_avg_sq,
                "step": step,
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
            }
        )
    return cases


def _loose_adamw(
    parameter: Tensor,
    gradient: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    *,
    uncorrected: bool = False,
    corrected_kept: bool = False,
    betas_exchanged: bool = False,
    not_squared: bool = False,
    no_root: bool = False,
    eps_inside: bool = False,
    no_decay: bool = False,
    decay_in_gradient: bool = False,
    decay_without_rate: bool = False,
    uphill: bool = False,
    no_eps: bool = False,
    beta_for_new: bool = False,
    step_from_zero: bool = False,
    first_uncorrected: bool = False,
    second_uncorrected: bool = False,
    old_averages: bool = False,
    gradient_itself: bool = False,
    no_rate: bool = False,
    new_weighs_one: bool = False,
    decay_grows: bool = False,
    decayed_only: bool = False,
    update_alone: bool = False,
    step_from_two: bool = False,
    times_step: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    beta1, beta2 = betas[::-1] if betas_exchanged else betas
    grad = gradient + weight_decay * parameter if decay_in_gradient else gradient
    old1, old2 = (1 - beta1, 1 - beta2) if beta_for_new else (beta1, beta2)
    m = old1 * exp_avg + (1 if new_weighs_one else 1 - old1) * grad
    v = old2 * exp_avg_sq + (1 if new_weighs_one else 1 - old2) * (grad if not_squared else grad**2)
    power = step - step_from_zero + step_from_two
    shrunk1, shrunk2 = (beta * step if times_step else beta**power for beta in (beta1, beta2))
    used1, used2 = (exp_avg, exp_avg_sq) if old_averages else (grad if gradient_itself else m, v)
    m_hat = used1 if uncorrected or first_uncorrected or gradient_itself else used1 / (1 - shrunk1)
    v_hat = used2 if uncorrected or second_uncorrected else used2 / (1 - shrunk2)
    root = v_hat if no_root else (v_hat + eps).sqrt() if eps_inside else v_hat.sqrt()
    update = (1 if no_rate else lr) * m_hat / (root + (0 if no_eps or eps_inside else eps))
    rate = 1.0 if decay_without_rate else lr
    shrink = 0.0 if no_decay or decay_in_gradient else rate * weight_decay
    decayed = shrink * parameter if decayed_only else (1 + (shrink if decay_grows else -shrink)) * parameter
    moved = update if update_alone else decayed + (update if uphill else -update)
    return (moved, m_hat, v_hat) if corrected_kept else (moved, m, v)


def _decayed_last(
    parameter: Tensor,
    gradient: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> tuple[Tensor, Tensor, Tensor]:
    moved, m, v = memory.adamw_step(parameter, gradient, exp_avg, exp_avg_sq, step, lr, betas, eps, 0.0)
    return moved - lr * weight_decay * moved, m, v


ADAMW_STEP = Exercise(
    reference=memory.adamw_step,
    cases=_adamw_cases,
    observe=observe_parts(("the new parameter", "exp_avg", "exp_avg_sq")),
    mistakes=slips(
        _loose_adamw,
        {
            "uncorrected": "the averages start at 0 and are too small at first: divide each by 1 - beta ** step.",
            "corrected_kept": "the corrected averages are returned as states. The states are the plain ones: the "
            "correction is made afresh at each step.",
            "betas_exchanged": "betas are exchanged: betas[0] belongs to exp_avg, betas[1] to exp_avg_sq.",
            "not_squared": "exp_avg_sq averages the square of the gradient, entry by entry.",
            "no_root": "the square root is missing: divide by exp_avg_sq.sqrt().",
            "eps_inside": "eps is inside the square root. Add it to the root.",
            "no_decay": "the weight decay is missing: take lr * weight_decay * parameter off.",
            "decay_in_gradient": "the decay is added to the gradient: that is Adam with L2. In AdamW it never meets "
            "the averages.",
            "decay_without_rate": "the decay is not multiplied by lr.",
            "uphill": "the sign is turned round: the step goes against the gradient.",
            "no_eps": "eps is missing: it keeps the division from exploding.",
            "beta_for_new": "beta is the weight of the new gradient. It is that of the old average: "
            "beta * average + (1 - beta) * new.",
            "step_from_zero": "step is 1 at the first step: use it as it is.",
            "first_uncorrected": "exp_avg starts at 0 and is too small at first: divide by 1 - betas[0] ** step.",
            "second_uncorrected": "exp_avg_sq starts at 0 and is too small at first: divide by 1 - betas[1] ** step.",
            "old_averages": "the step is made with the old averages. Update both first, then use the new ones.",
            "gradient_itself": "the step is made with the gradient itself. Use its average, exp_avg, corrected.",
            "no_rate": "the step is not multiplied by lr.",
            "new_weighs_one": "what is new has weight 1. Its weight is 1 - beta.",
            "decay_grows": "the decay has the wrong sign: it takes lr * weight_decay * parameter off.",
            "decayed_only": "only the decay is left of the parameter: parameter - lr * weight_decay * parameter.",
            "update_alone": "that is the update. Take it off the decayed parameter.",
            "step_from_two": "step is 1 at the first step already: do not add to it.",
            "times_step": "beta is multiplied by the step. It is raised to that power: beta ** step.",
        },
        Mistake(
            _decayed_last,
            "the decay is taken of what the step has moved already. Take it of the old parameter.",
        ),
        Mistake(
            lambda *given: [memory.adamw_step(*given)[index] for index in (0, 2, 1)],
            "the states are exchanged: exp_avg comes first, exp_avg_sq second.",
        ),
        Mistake(
            lambda *given: [memory.adamw_step(*given)[index] for index in (1, 2, 0)],
            "the new parameter comes first, the states after it.",
        ),
        Mistake(
            lambda *given: (memory.adamw_step(*given)[0], given[2], given[3]),
            "the states are the old ones. Return the averages with the new gradient in them.",
        ),
    ),
    advice={
        RESULT: "return three tensors: the new parameter, exp_avg, exp_avg_sq.",
        "value": "compare with the formula, state by state: exp_avg first, then exp_avg_sq, then the parameter.",
        "nan": "there is a NaN or an infinity in it: a division by 0? At the first step, step is 1, not 0.",
    },
)
