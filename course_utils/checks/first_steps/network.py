"""Exercises on what a network is made of and trained with: a layer, a loss."""

import math

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
        Mistake(
            lambda x, weight, bias: x @ weight.T + bias[:, None],
            "the bias stands upright, so each row, which is a sentence, gets another number of it. Each output has a "
            "number of its own: add the bias as it is, and it goes to every row.",
        ),
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
            lambda logits, labels: (
                -(F.log_softmax(logits, dim=-1) * F.one_hot(labels, logits.shape[-1])).mean()
            ),
            "the mean also counts the zeros of the other classes. Sum over the classes, .sum(dim=-1), then take the "
            "mean over the batch.",
        ),
        Mistake(
            lambda logits, labels: first_steps.cross_entropy(logits, labels) / math.log(2),
            "that is in bits: the logarithm has base 2. Take the natural one, as F.log_softmax does.",
        ),
        Mistake(
            lambda logits, labels: (
                -F.softmax(logits, dim=-1).log2()[torch.arange(len(labels)), labels].mean()
            ),
            "that is in bits: the logarithm has base 2. Take the natural one, as F.log_softmax does.",
        ),
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
