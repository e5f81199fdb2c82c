"""Exercise on the slope of a function, from two of its values."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from course_utils.checks.first_steps.tensors import random_numbers
from course_utils.checks.tasks import Arguments, Exercise, Mistake, observe_values, slips
from course_utils.methods import first_steps


def x_cubed(x: Tensor) -> Tensor:
    """Its slope is 3 * x ** 2; the central difference lies above that by the square of the step."""
    return x**3


def sine(x: Tensor) -> Tensor:
    """Its slope is the cosine."""
    return torch.sin(x)


def _slope_cases(generator: Generator) -> list[Arguments]:
    return [
        {"function": x_cubed, "x": torch.tensor(2.0), "step": 0.5},
        {"function": sine, "x": random_numbers(generator, 3), "step": 0.1},
        {"function": x_cubed, "x": random_numbers(generator, 2, 2), "step": 1.5},
    ]


def _loose_slope(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    step: float,
    *,
    forward: bool = False,
    backward: bool = False,
    one_step: bool = False,
    precedence: bool = False,
    half: bool = False,
    undivided: bool = False,
    downhill: bool = False,
) -> Tensor:
    right = x if backward else x + step
    left = x if forward else x - step
    rise = function(left) - function(right) if downhill else function(right) - function(left)
    if undivided:
        return rise
    if half or precedence:
        return rise / 2 * (step if precedence else 1)
    return rise / (step if one_step or forward or backward else 2 * step)


def _exact_slope(function: Callable[[Tensor], Tensor], x: Tensor, step: float) -> Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(function(x).sum(), x)[0]


SLOPE = Exercise(
    reference=first_steps.slope,
    cases=_slope_cases,
    observe=observe_values,  # two values of the function are enough: nobody trains through a slope
    mistakes=slips(
        _loose_slope,
        {
            "forward": "that goes a step to the right only. Start a step to the left: it is far more exact.",
            "backward": "that goes a step to the left only. End a step to the right: it is far more exact.",
            "one_step": "from x - step to x + step the way is two steps long. Divide by 2 * step.",
            "precedence": "a / 2 * step divides by 2 and then multiplies by step. Put brackets: a / (2 * step).",
            "half": "that divides by 2, but not by step. The way from x - step to x + step is 2 * step long.",
            "undivided": "that is how far the function rises. Divide by how far you went: 2 * step.",
            "downhill": "left and right are exchanged, so the sign is turned round.",
        },
        Mistake(
            _exact_slope,
            "that is the exact slope, from autograd. Here it is to come from two values of the function: "
            "a test of autograd must not use it.",
        ),
        Mistake(
            lambda function, x, step: function(x + step) - function(x - step) / (2 * step),
            "only the second value is divided. Put brackets around the difference.",
        ),
        Mistake(
            lambda function, x, step: _loose_slope(function, x, step / 2),
            "that goes half a step each way. Go a whole step to the right and to the left: the way is 2 * step long.",
        ),
    ),
    advice={
        "RuntimeError": "if it speaks of gradients: x asks for none here. The slope comes from two values of "
        "`function`, and needs no autograd.",
        "TypeError": "`function` is a function: call it with a tensor, function(x + step).",
    },
)
