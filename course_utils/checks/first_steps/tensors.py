"""Exercises on tensors: a comparison, and a mean under a mask."""

import copy
import numbers

import torch
from torch import Generator, Tensor

from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    HAS_GRADIENT,
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Observations,
)
from course_utils.methods import first_steps

CUT_OFF = (
    "no gradient can flow back through the result, so a model that uses it could not learn. Something cut it: "
    ".item(), .detach(), .numpy(), float(...), torch.tensor(...) or torch.no_grad()."
)


def random_numbers(generator: Generator, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Drawn as float64, then rounded: the same numbers at every dtype."""
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


# --- accuracy ---


def _accuracy_cases(_: Generator) -> list[Arguments]:
    pairs = (
        ([2, 0, 1, 1], [2, 0, 0, 1]),
        ([0, 1, 2], [1, 2, 0]),
        ([1, 1, 0, 2, 2, 0, 1], [1, 0, 0, 1, 2, 2, 0]),
        ([2, 1], [2, 1]),
    )
    return [
        {"predicted": torch.tensor(predicted), "labels": torch.tensor(labels)} for predicted, labels in pairs
    ]


def _observe_accuracy(function: Function, arguments: Arguments) -> Observations:
    """A tensor that holds one number is as good as that number: nobody knows the difference yet."""
    passed = copy.deepcopy(arguments)
    value = function(*passed.values())
    if isinstance(value, Tensor) and value.dim() == 0 and not value.is_meta:
        value = value.item()
    if isinstance(value, numbers.Real) and not isinstance(value, int | bool):
        value = float(value)  # NumPy's numbers, too
    changed = [name for name, given in arguments.items() if not torch.equal(given, passed[name])]
    return {INPUTS_CHANGED: ", ".join(changed) or None, RESULT: value}


_COUNTED = "that is how many are right. The share is that number divided by how many there are."

ACCURACY = Exercise(
    reference=first_steps.accuracy,
    cases=_accuracy_cases,
    observe=_observe_accuracy,
    mistakes=edits(
        first_steps.accuracy,
        {".mean()": ".sum()"},
        _COUNTED,
        {"==": "!="},
        "that is the share of wrong ones: 1 minus what is asked for.",
        {".item()": ".item() * 100"},
        "that is in percent. Return a share, from 0 to 1.",
        {".float().mean()": ".sum()"},
        _COUNTED,
        {".float().mean().item()": ""},
        "that says of each entry whether it is right. One number is asked for: turn True and False into "
        "1 and 0 with .float(), then take .mean().",
        {"(predicted == labels).float().mean().item()": "torch.equal(predicted, labels)"},
        "torch.equal says whether all entries are right. Compare entry by entry with ==.",
        {"(predicted == labels)": "(predicted - labels).abs()"},
        "that is how far apart the numbers of the classes are. But the classes are names: 2 is not more "
        "than 1. Ask whether they are equal, with ==.",
        {".float().mean().item()": ".sum().item() // len(labels)"},
        "that is rounded down to a whole number, as // and int() do. Divide with /, and leave the share as it is.",
        {"return ": "return round(", ".item()": ".item(), 2)"},
        "the share is rounded. Return it as it is, and round where it is shown.",
    ),
    advice={
        "type": "return one number: a float, or a tensor that holds nothing else. .item() makes a number of a tensor "
        "with one entry.",
        "RuntimeError": "if it says that the mean of booleans cannot be taken: True and False are not numbers "
        "to PyTorch. Turn them into 1 and 0 first: (predicted == labels).float().",
        "AttributeError": "a comparison of two tensors is a tensor, but of two lists it is True or False. "
        "Compare the tensors themselves, with ==.",
    },
)

# --- masked_mean ---

_MASKS = (
    ([[1, 1, 0], [1, 1, 1]], 2, torch.float32),
    ([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0]], 5, torch.float64),
    ([[1, 0, 0], [1, 1, 0], [1, 1, 1]], 3, torch.float64),
    ([[1, 1]], 4, torch.float32),
)


def _masked_mean_cases(generator: Generator) -> list[Arguments]:
    masks = [(torch.tensor(mask), size, dtype) for mask, size, dtype in _MASKS]
    return [
        {"vectors": random_numbers(generator, *mask.shape, size, dtype=dtype), "attention_mask": mask}
        for mask, size, dtype in masks
    ]


_MEAN = "(vectors * mask).sum(dim=1) / mask.sum(dim=1)"

MASKED_MEAN = Exercise(
    reference=first_steps.masked_mean,
    cases=_masked_mean_cases,
    mistakes=edits(
        first_steps.masked_mean,
        {"attention_mask": "torch.ones_like(attention_mask)"},
        "the mask is not used, so the padding counts. Multiply the vectors by it, add them up, "
        "and divide by the number of real tokens.",
        {"/ mask.sum(dim=1)": "/ vectors.shape[1]"},
        "the sum leaves the padding out, but it is divided by the whole length. Divide by "
        "the number of real tokens: the sum of the mask.",
        {" / mask.sum(dim=1)": ""},
        "that is the sum over the real tokens. Divide it by how many there are.",
        {"mask.sum(dim=1)": "mask.sum()"},
        "the sum of each sentence is divided by the number of tokens in the whole batch. Sum the mask over dim 1 only.",
        {"attention_mask": "(1 - attention_mask)"},
        "the mask is taken the wrong way round: 1 stands for a token, 0 for padding.",
        {"dim=1": "dim=1, keepdim=True"},
        "the summed dim is still there, with length 1. Leave out keepdim=True, or squeeze(1) it away.",
        {"(vectors * mask)": "vectors"},
        "it is divided by the number of real tokens, but the padding is still in the sum. Multiply the "
        "vectors by the mask before you add them up.",
        {"/ mask": "/ attention_mask"},
        "the sums have the shape (batch, size), the counts (batch,), and broadcasting takes those for a row: it fails, "
        "or divides by the count of another sentence. Make a column of them: attention_mask.sum(dim=1, keepdim=True).",
        {_MEAN: f"({_MEAN}).squeeze()"},
        "squeeze() drops every dim of length 1, so a batch of one sentence loses its rows. Name the dim: squeeze(1).",
        {_MEAN: "torch.stack([row[own] for row, own in zip(vectors, attention_mask)]).mean(dim=1)"},
        "the mask holds whole numbers, and row[mask] takes them for places: 0 and 1, over and over. For a choice it "
        "must be true or false: row[mask.bool()].",
        {_MEAN: "vectors[:, 0]"},
        "that is the vector of the first token only. The mean over all real tokens is asked for.",
        {_MEAN: "(vectors * mask).sum(dim=0) / mask.sum(dim=0).clamp(min=1)"},
        "the sum runs over dim 0, across the sentences. The tokens of a sentence are dim 1.",
    ),
    advice={
        HAS_GRADIENT: CUT_OFF,
        "shape": "one vector for each sentence is asked for. Sum over dim 1, the tokens, and over nothing else.",
        "RuntimeError": "if it says that sizes must match: the vectors have three dims, the mask has two. "
        "attention_mask.unsqueeze(-1) adds one of length 1 at the end, which then stretches by itself.",
    },
)
