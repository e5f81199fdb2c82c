"""Exercises on what a network is trained with: slopes, a layer, a loss."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.first_steps.tensors import CUT_OFF, random_numbers
from course_utils.checks.tasks import HAS_GRADIENT, Arguments, Exercise, Mistake, slips
from course_utils.methods import first_steps

CUT_ONE = (
    "the result is right, but one of the inputs gets no gradient, or a wrong one: a .detach(), .data or "
    "torch.no_grad() cut the way back to it."
)

# --- slope ---


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
    return torch.autograd.grad(function(x).sum(), x, create_graph=True)[0]


SLOPE = Exercise(
    reference=first_steps.slope,
    cases=_slope_cases,
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
    ),
    advice={
        HAS_GRADIENT: CUT_OFF,
        "TypeError": "`function` is a function: call it with a tensor, function(x + step).",
    },
)


# --- linear ---


def _linear_cases(generator: Generator) -> list[Arguments]:
    shapes = ((2, 3, 2, torch.float32), (1, 4, 3, torch.float64), (3, 3, 3, torch.float64))
    return [
        {
            "x": random_numbers(generator, batch, inputs, dtype=dtype),
            "weight": random_numbers(generator, outputs, inputs, dtype=dtype),
            "bias": random_numbers(generator, outputs, dtype=dtype),
        }
        for batch, inputs, outputs, dtype in shapes
    ]


def _loose_linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    *,
    no_bias: bool = False,
    minus: bool = False,
    times: bool = False,
    inside: bool = False,
    turned: bool = False,
) -> Tensor:
    y = x @ (weight.T + bias if inside else weight.T)
    if not (no_bias or inside):
        y = y * bias if times else y - bias if minus else y + bias
    return y.T if turned else y


LINEAR = Exercise(
    reference=first_steps.linear,
    cases=_linear_cases,
    mistakes=slips(
        _loose_linear,
        {
            "no_bias": "the bias is missing: add it to the product.",
            "minus": "the bias is subtracted. Add it.",
            "times": "the product is multiplied by the bias. Add it.",
            "inside": "the bias is added to the weight, and then multiplied by x. Add it to the product: "
            "@ comes before +, so no brackets are needed.",
            "turned": "rows and columns are exchanged. One row a sentence, one column an output: x comes first.",
        },
    ),
    advice={
        HAS_GRADIENT: CUT_OFF,
        **{f"gradient of {name}": CUT_ONE for name in ("x", "weight", "bias")},
        "RuntimeError": "the shapes do not fit. In a product, a row of x meets a column on the right; the weight "
        "keeps its inputs in rows, so turn it: weight.T. And @ is the matrix product; * is not.",
    },
)


# --- cross_entropy ---


def _cross_entropy_cases(generator: Generator) -> list[Arguments]:
    rows = (
        ([1, 0], 3, torch.float32, 1.0),
        ([2], 3, torch.float64, 1.0),
        ([3, 0, 1, 1, 2], 4, torch.float64, 1.0),
        ([2, 0, 1], 3, torch.float32, 200.0),  # some class has a probability that rounds to 0
    )
    return [
        {
            "logits": random_numbers(generator, len(labels), classes, dtype=dtype) * scale,
            "labels": torch.tensor(labels),
        }
        for labels, classes, dtype, scale in rows
    ]


def _loose_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    *,
    total: bool = False,
    positive: bool = False,
    no_log: bool = False,
    no_softmax: bool = False,
    log_of_softmax: bool = False,
    first_dim: bool = False,
    every_class: bool = False,
    every_pair: bool = False,
    best_class: bool = False,
) -> Tensor:
    dim = 0 if first_dim else -1
    scores = F.log_softmax(logits, dim=dim)
    if no_log:
        scores = F.softmax(logits, dim=dim)
    if log_of_softmax:
        scores = F.softmax(logits, dim=dim).log()
    if no_softmax:
        scores = logits
    rows = torch.arange(len(labels))
    chosen = scores[rows, scores.argmax(dim=-1) if best_class else labels]
    if every_pair:
        chosen = scores[:, labels]
    if every_class:
        chosen = scores
    loss = chosen.sum() if total else chosen.mean()
    return loss if positive else -loss


CROSS_ENTROPY = Exercise(
    reference=first_steps.cross_entropy,
    cases=_cross_entropy_cases,
    mistakes=slips(
        _loose_cross_entropy,
        {
            "total": "that is the sum over the batch. Take the mean: .mean().",
            "positive": "the sign is missing: a log-probability is at most 0, and a loss is to go down to 0.",
            "no_log": "these are probabilities. Take their logarithm: F.log_softmax.",
            "no_softmax": "these are still logits. F.log_softmax makes log-probabilities of them.",
            "log_of_softmax": "the log of a softmax is -inf once a probability rounds to 0. F.log_softmax stays "
            "finite.",
            "first_dim": "the softmax runs over dim 0, across the sentences. The classes are the last dim: "
            "dim=-1.",
            "every_class": "that averages over all classes. Only the right class of each row counts.",
            "every_pair": "[:, labels] takes, in every row, the classes of all rows. Name the row too: "
            "[torch.arange(len(labels)), labels] takes one entry a row.",
            "best_class": "that takes the class that the model thinks best. Take the right one: `labels`.",
        },
        Mistake(
            lambda logits, labels: -F.log_softmax(logits, dim=-1)[labels].mean(),
            "[labels] alone takes whole rows, those whose numbers are in `labels`. Name the row and then the "
            "class: [torch.arange(len(labels)), labels].",
        ),
        Mistake(
            lambda logits, labels: -logits.log()[torch.arange(len(labels)), labels].mean(),
            "that is the logarithm of the logits, which may be negative. F.log_softmax makes probabilities of "
            "them first, and then takes the logarithm.",
        ),
        Mistake(
            lambda logits, labels: F.cross_entropy(F.softmax(logits, dim=-1), labels),
            "F.cross_entropy takes logits and does the softmax itself. Here it is done twice.",
        ),
    ),
    advice={
        HAS_GRADIENT: CUT_OFF,
        "nan": "the log of 0 is minus infinity: a probability rounded to 0. F.log_softmax stays finite.",
        "shape": "one number is asked for: the mean over the batch, .mean().",
    },
)
