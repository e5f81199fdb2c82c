"""Exercises on the optimizer's state: one step of AdamW, and numbers in one byte."""

from typing import Any

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import (
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Mistake,
    Observations,
    slips,
)
from course_utils.methods import memory


def _observe_parts(names: tuple[str, ...]) -> Any:
    """For a function that returns several tensors: each by its name."""

    def observe(function: Function, arguments: Arguments) -> Observations:
        given = {name: v.clone() if isinstance(v, Tensor) else v for name, v in arguments.items()}
        value = function(*given.values())
        changed = [
            name
            for name, before in arguments.items()
            if isinstance(before, Tensor) and not torch.equal(before, given[name])
        ]
        seen: Observations = {INPUTS_CHANGED: ", ".join(changed) or None}
        if not isinstance(value, tuple | list) or len(value) != len(names):
            return {**seen, RESULT: value}
        return {
            **seen,
            RESULT: f"{len(names)} parts",
            **{
                name: part.detach() if isinstance(part, Tensor) else part
                for name, part in zip(names, value, strict=True)
            },
        }

    return observe


# --- adamw_step ---


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
) -> tuple[Tensor, Tensor, Tensor]:
    beta1, beta2 = betas[::-1] if betas_exchanged else betas
    grad = gradient + weight_decay * parameter if decay_in_gradient else gradient
    new1, new2 = (beta1, beta2) if beta_for_new else (1 - beta1, 1 - beta2)
    m = (1 - new1) * exp_avg + new1 * grad
    v = (1 - new2) * exp_avg_sq + new2 * (grad if not_squared else grad**2)
    power = step - 1 if step_from_zero else step
    m_hat = m if uncorrected else m / (1 - beta1**power)
    v_hat = v if uncorrected else v / (1 - beta2**power)
    root = v_hat if no_root else (v_hat + eps).sqrt() if eps_inside else v_hat.sqrt()
    update = lr * m_hat / (root + (0 if no_eps or eps_inside else eps))
    rate = 1.0 if decay_without_rate else lr
    shrink = 0.0 if no_decay or decay_in_gradient else rate * weight_decay
    moved = parameter - shrink * parameter + (update if uphill else -update)
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
    observe=_observe_parts(("the new parameter", "exp_avg", "exp_avg_sq")),
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
        },
        Mistake(
            _decayed_last,
            "the decay is taken of what the step has moved already. Take it of the old parameter.",
        ),
    ),
    advice={
        RESULT: "return three tensors: the new parameter, exp_avg, exp_avg_sq.",
        "nan": "there is a NaN or an infinity in it: a division by 0? At the first step, step is 1, not 0.",
    },
)

# --- quantize_blockwise ---


def _quantize_cases(generator: Generator) -> list[Arguments]:
    """One block; several; a shorter one at the end, of a matrix; a block of zeros."""
    plain = torch.tensor([0.5, -2.0, 1.0, 0.25])
    several = torch.randn(12, generator=generator) * torch.tensor([1.0, 50.0, 0.02]).repeat_interleave(4)
    matrix = torch.randn(3, 5, generator=generator)
    zeros = torch.cat([torch.randn(4, generator=generator), torch.zeros(4)])
    return [
        {"x": plain, "block_size": 4},
        {"x": several, "block_size": 4},
        {"x": matrix, "block_size": 4},
        {"x": zeros, "block_size": 4},
        {"x": matrix.double(), "block_size": 100},
    ]


def _loose_quantize(
    x: Tensor,
    block_size: int,
    *,
    one_scale: bool = False,
    cut_off: bool = False,
    by_256: bool = False,
    no_magnitude: bool = False,
    scale_is_largest: bool = False,
    flat: bool = False,
    wrong_dtype: bool = False,
    inverse_scale: bool = False,
) -> tuple[Tensor, Tensor]:
    size = max(x.numel(), 1) if one_scale else block_size
    blocks = torch.nn.functional.pad(x.flatten(), (0, -x.numel() % size)).view(-1, size)
    largest = (blocks if no_magnitude else blocks.abs()).amax(dim=1)
    scales = largest / (128 if by_256 else 127)
    divisors = torch.where(scales == 0, torch.ones_like(scales), scales)
    ratio = blocks / divisors[:, None]
    codes = ratio.trunc() if cut_off else ratio.round()
    codes = (codes if wrong_dtype else codes.to(torch.int8)).flatten()[: x.numel()]
    kept = largest if scale_is_largest else 1 / scales if inverse_scale else scales
    return codes if flat else codes.view_as(x), kept


QUANTIZE_BLOCKWISE = Exercise(
    reference=memory.quantize_blockwise,
    cases=_quantize_cases,
    observe=_observe_parts(("codes", "scales")),
    mistakes=slips(
        _loose_quantize,
        {
            "one_scale": "there is one scale for all numbers. Each block of block_size numbers has its own.",
            "cut_off": "the codes are cut off towards 0. Round them: .round() before .to(torch.int8).",
            "by_256": "divide by 127: int8 goes up to 127 only, and 128 would turn into -128.",
            "no_magnitude": "the scale is made of the largest number. The largest magnitude is asked for: .abs().",
            "scale_is_largest": "that is the largest magnitude. The scale is that, divided by 127.",
            "flat": "the codes are flat. Give them the shape of x again.",
            "wrong_dtype": "the codes are not int8, so nothing is saved: .to(torch.int8).",
            "inverse_scale": "the scales are upside down: x is code * scale.",
        },
    ),
    advice={
        RESULT: "return two tensors: the codes, and the scales.",
        "value": "work one block out by hand: scale = largest magnitude / 127, code = round(x / scale). In a block of "
        "zeros the codes are 0: divide by 1 there, not by 0.",
        "RuntimeError": "the numbers do not fill the last block. Pad them with zeros, F.pad(x.flatten(), (0, n)), and "
        "cut the codes off at x.numel() again.",
    },
)
