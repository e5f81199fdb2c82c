"""Exercises on what a network is trained with: a slope and a loss."""

import math

import torch
from torch import Generator, Tensor

from course_utils.checks.advice import LARGE_LOGITS
from course_utils.checks.edits import edits
from course_utils.checks.first_steps.tensors import CUT_OFF, random_numbers
from course_utils.checks.tasks import HAS_GRADIENT, Arguments, Exercise, observe_values
from course_utils.methods import first_steps

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


_RISE = "(function(x + step) - function(x - step))"

SLOPE = Exercise(
    reference=first_steps.slope,
    cases=_slope_cases,
    observe=observe_values,  # two values of the function are enough: nobody trains through a slope
    mistakes=edits(
        first_steps.slope,
        {" - step": "", "2 * ": ""},
        "that goes a step to the right only. Start a step to the left: it is far more exact.",
        {" + step": "", "2 * ": ""},
        "that goes a step to the left only. End a step to the right: it is far more exact.",
        {"2 * ": ""},
        "from x - step to x + step the way is two steps long. Divide by 2 * step.",
        {"(2 * step)": "2 * step"},
        "a / 2 * step divides by 2 and then multiplies by step. Put brackets: a / (2 * step).",
        {" * step": ""},
        "that divides by 2, but not by step. The way from x - step to x + step is 2 * step long.",
        {" / (2 * step)": ""},
        "that is how far the function rises. Divide by how far you went: 2 * step.",
        {"(function": "(-function", "- function": "+ function"},
        "left and right are exchanged, so the sign is turned round.",
        {
            f"return {_RISE} / (2 * step)": "x = x.clone().requires_grad_()\n"
            "    return torch.autograd.grad(function(x).sum(), x)[0]"
        },
        "that is the exact slope, from autograd. Here it is to come from two values of the function: "
        "a test of autograd must not use it.",
        {_RISE: _RISE[1:-1]},
        "only the second value is divided. Put brackets around the difference.",
        {"+ step": "+ step / 2", "- step": "- step / 2", "2 * ": ""},
        "that goes half a step each way. Go a whole step to the right and to the left: the way is 2 * step long.",
        {"+ step": "+ step / 2", "- step": "- step / 2"},
        "that goes half a step each way, so the way is one step long, but it is divided by two. Go a whole step to "
        "the right and to the left.",
        {" - step": ""},
        "that begins at x itself, so the way is one step long, but it is divided by two. Begin a step to the left.",
    ),
    advice={
        "RuntimeError": "if it speaks of gradients: x asks for none here. The slope comes from two values of "
        "`function`, and needs no autograd.",
        "TypeError": "`function` is a function: call it with a tensor, function(x + step). That works entry by entry, "
        "whatever the shape of x, which may be a single number: no loop is needed.",
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


_PICK = "[torch.arange(len(labels)), labels]"
_BITS = "that is in bits: the logarithm has base 2. Take the natural one, as F.log_softmax does."

CROSS_ENTROPY = Exercise(
    reference=first_steps.cross_entropy,
    cases=_cross_entropy_cases,
    mistakes=edits(
        first_steps.cross_entropy,
        {".mean()": ".sum()"},
        "that is the sum over the batch. Take the mean: .mean().",
        {"-log": "log"},
        "the sign is missing: a log-probability is at most 0, and a loss is to go down to 0.",
        {"log_softmax": "softmax"},
        "these are probabilities. Take their logarithm: F.log_softmax.",
        {"F.log_softmax(logits, dim=-1)": "logits"},
        "these are still logits. F.log_softmax makes log-probabilities of them.",
        {"log_softmax": "softmax", "-1)": "-1).log()"},
        "the log of a softmax is -inf once a probability rounds to 0. F.log_softmax stays finite.",
        {"-1": "0"},
        "the softmax runs over dim 0, across the sentences. The classes are the last dim: dim=-1.",
        {_PICK: ""},
        "that averages over all classes. Only the right class of each row counts.",
        {"torch.arange(len(labels))": ":"},
        "[:, labels] takes, in every row, the classes of all rows. Name the row too: "
        "[torch.arange(len(labels)), labels] takes one entry a row.",
        {", labels]": ", log_probabilities.argmax(dim=-1)]"},
        "that takes the class that the model thinks best. Take the right one: `labels`.",
        {f"log_probabilities{_PICK}": "(log_probabilities * F.one_hot(labels, logits.shape[-1]))"},
        "it is divided by the number of all entries, so the other classes count too. Divide by the number of rows: "
        "one number a row, then the mean over the batch.",
        {f"{_PICK}.mean()": f"{_PICK}.exp().mean().log()"},
        "that is the logarithm of the mean probability. Take the logarithm of each, then the mean.",
        {".mean()": f".mean() / {math.log(2)}"},
        _BITS,
        {"log_softmax": "softmax", "-1)": "-1).log2()"},
        _BITS,
        {"torch.arange(len(labels)), ": ""},
        "[labels] alone takes whole rows, those whose numbers are in `labels`. Name the row and then the "
        "class: [torch.arange(len(labels)), labels].",
        {"F.log_softmax(logits, dim=-1)": "logits.log()"},
        "that is the logarithm of the logits, which may be negative. F.log_softmax makes probabilities of "
        "them first, and then takes the logarithm.",
        {"(logits": "(logits.softmax(dim=-1)"},
        "F.cross_entropy takes logits and does the softmax itself. Here it is done twice.",
    ),
    advice={
        HAS_GRADIENT: CUT_OFF,
        "nan": "the log of 0 is minus infinity: a probability rounded to 0. F.log_softmax stays finite.",
        "shape": "one number is asked for: the mean over the batch, .mean().",
        "value": LARGE_LOGITS,
        "RuntimeError": "if it speaks of sizes that must match: F.one_hot(labels) knows only the classes up to the "
        "largest label. Say how many there are: F.one_hot(labels, logits.shape[-1]).",
    },
)
