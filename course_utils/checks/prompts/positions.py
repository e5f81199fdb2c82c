"""Exercise on the positions of the tokens after a prompt."""

import torch
from torch import Generator, Tensor

from course_utils.checks.edits import edits
from course_utils.checks.tasks import RESULT, Arguments, Exercise, Function, Observations, observe_values
from course_utils.methods import prompts

BELOW = "a position below 0"


def _mask_cases(_: Generator) -> list[Arguments]:
    """No padding, padding on the left, on the right, and in a gap after the prompt."""
    masks = (
        [[1, 1, 1]],
        [[0, 1, 1]],
        [[1, 1, 1, 1], [0, 0, 1, 1]],
        [[1, 1, 1, 0], [1, 0, 0, 0]],
        [[1, 1, 0, 0, 1, 1], [1, 1, 1, 1, 1, 1], [1, 1, 0, 1, 1, 1]],
        [[0, 0, 0, 1], [0, 1, 1, 1], [1, 1, 1, 1]],
    )
    return [{"attention_mask": torch.tensor(mask)} for mask in masks]


def _observe_positions(function: Function, arguments: Arguments) -> Observations:
    """What stands at padding does not matter, so it is shown as 0; but an index below 0 fails with many models."""
    seen, mask = observe_values(function, arguments), arguments["attention_mask"]
    value = seen[RESULT]
    if isinstance(value, Tensor) and value.shape == mask.shape and not value.is_complex():
        seen[BELOW] = bool((value < 0).any())
        seen[RESULT] = value.masked_fill(mask == 0, 0)
    return seen


POSITIONS = Exercise(
    reference=prompts.positions,
    cases=_mask_cases,
    observe=_observe_positions,
    mistakes=edits(
        prompts.positions,
        {"attention_mask": "torch.ones_like(attention_mask)"},
        "padding counts as a token, so what comes after it moves on. Count the ones only: "
        "the running sum of the mask.",
        {" - 1": ""},
        "the first token is at 1. Positions begin at 0: subtract one from the running sum.",
        {"cumsum(dim=-1)": "flip(-1).cumsum(dim=-1).flip(-1)"},
        "that counts from the right. How many tokens stand before, on the left?",
        {
            "attention_mask": "torch.ones_like(attention_mask)",
            " - 1": " - (attention_mask == 0).sum(dim=-1, keepdim=True) - 1",
        },
        "that holds where all padding stands on the left. It may stand anywhere, also between "
        "the prompt and the tokens: take the running sum of the mask.",
        {"dim=-1": "dim=0"},
        "the sum runs over the batch, dim 0. Each row has positions of its own: dim=-1.",
        {".clamp(min=0)": ""},
        "padding before the first token gets the position -1, and a model that looks positions up in "
        "a table fails there. Lift it to 0: clamp(min=0).",
        {"min=0)": "min=0).float()"},
        "positions are whole numbers: leave the running sum in int64.",
        {".cumsum(dim=-1)": " + 1"},
        "that is the mask. A position says how many tokens stand before: the running sum.",
        {"return (": "return attention_mask - 1 + attention_mask * (", ".clamp(min=0)": ""},
        "padding gets the position -1, and a model that looks positions up in a table fails there. Lift it to 0.",
        {
            "attention_mask": "torch.ones_like(attention_mask)",
            " - 1": " - attention_mask.argmax(dim=1, keepdim=True) - 1",
        },
        "only the padding before the first token is taken off. It may also come after it, between the prompt and "
        "the text: take the running sum of the mask.",
        {"min=0": "max=0"},
        "that cuts off what is above 0. Below 0 is to be cut off: clamp(min=0).",
        {"min=0": "min=1"},
        "the first token is lifted to 1. It stands at 0: clamp(min=0).",
        {"attention_mask": "(attention_mask == 0)", " - 1": ""},
        "that counts the padding. Count the tokens, where the mask is 1.",
    ),
    advice={
        "value": "take one row, and count: how many ones stand before this one? The running sum of the mask, less one.",
        BELOW: "a position is below 0, and a model that looks positions up in a table fails there. clamp(min=0).",
        "type": "return a tensor of whole numbers, (batch, length).",
        "dtype": "positions are whole numbers of int64, as cumsum gives them.",
        "shape": "the result has the shape of the mask: a position for each token.",
    },
)
