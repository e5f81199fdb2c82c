"""Exercises on what the model gets: the prompt in front, and the positions of what follows."""

import torch
from torch import Generator, Tensor

from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    HAS_GRADIENT,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Mistake,
    Observations,
    observe_values,
    slips,
)
from course_utils.methods import prompts

BELOW = "a position below 0"


def _prepend_cases(generator: Generator) -> list[Arguments]:
    """One prompt for all rows, or one a row; numbers that can be followed by eye."""
    cases: list[Arguments] = []
    for batch, number, length, hidden, own in (
        (1, 1, 2, 2, False),
        (2, 1, 2, 2, False),
        (2, 2, 1, 2, True),
        (3, 4, 5, 2, False),
        (3, 2, 3, 4, True),
        (2, 3, 4, 5, True),
    ):
        shape = (batch, number, hidden) if own else (number, hidden)
        prompt = torch.randint(-9, 10, shape, generator=generator).float()
        tokens = torch.randint(-9, 10, (batch, length, hidden), generator=generator).float()
        cases.append({"prompt": prompt, "token_embeddings": tokens})
    return cases


def _loose_prepend(
    prompt: Tensor,
    token_embeddings: Tensor,
    *,
    behind: bool = False,
    replaces: bool = False,
    prompt_only: bool = False,
    first_prompt: bool = False,
    turned: bool = False,
    detached: bool = False,
    mean: bool = False,
) -> Tensor:
    own = prompt[:1] if first_prompt and prompt.dim() == 3 else prompt
    rows = own.expand(len(token_embeddings), -1, -1)
    rows = rows.detach() if detached else rows
    rows = rows.flip(1) if turned else rows
    rows = rows.mean(dim=1, keepdim=True).expand_as(rows) if mean else rows
    if prompt_only:
        return rows
    tokens = token_embeddings[:, rows.shape[1] :] if replaces else token_embeddings
    return torch.cat([tokens, rows] if behind else [rows, tokens], dim=1)


_ONE_A_ROW = (
    "the prompt may also have the shape (batch, num_virtual_tokens, hidden), one for each row: then it needs no new "
    "dim. prompt.expand(batch, -1, -1) takes both."
)

PREPEND_PROMPT = Exercise(
    reference=prompts.prepend_prompt,
    cases=_prepend_cases,
    mistakes=slips(
        _loose_prepend,
        {
            "behind": "the prompt stands behind the tokens. A causal model reads from the left: what stands behind a "
            "token cannot change it.",
            "replaces": "the prompt takes the place of the first tokens. It stands in front of them; the rows grow.",
            "prompt_only": "that is the prompt alone. The tokens follow it.",
            "first_prompt": "each row gets the first row's prompt. Where there is one a row, each keeps its own.",
            "turned": "the virtual tokens stand in reverse order.",
            "detached": "the value is right, but no gradient reaches the prompt: .detach(), .data or torch.no_grad() "
            "cut it, and the prompt could not learn.",
            "mean": "the virtual tokens are averaged. Each keeps its own vector.",
        },
        Mistake(
            lambda prompt, token_embeddings: torch.cat(
                [prompt.unsqueeze(0).expand(len(token_embeddings), -1, -1), token_embeddings], dim=1
            ),
            _ONE_A_ROW,
        ),
        Mistake(
            lambda prompt, token_embeddings: torch.cat(
                [prompt.repeat(len(token_embeddings), 1, 1), token_embeddings], dim=1
            ),
            _ONE_A_ROW,
        ),
        Mistake(
            lambda prompt, token_embeddings: torch.cat([prompt, token_embeddings], dim=1),
            "a prompt of two dims must first be given to each row: prompt.expand(batch, -1, -1). Then torch.cat along "
            "dim 1.",
        ),
    ),
    advice={
        "gradient of token_embeddings": "the value is right, but no gradient reaches the token embeddings. They are "
        "joined as they are: no .detach(), .data or torch.no_grad().",
        HAS_GRADIENT: "no gradient can flow back through the result, so the prompt could not learn. Something cut it: "
        ".detach(), .data, .numpy(), torch.tensor(...) or torch.no_grad().",
        "shape": "the result is (batch, num_virtual_tokens + length, hidden): rows stay rows, and only dim 1 grows.",
        "RuntimeError": "shapes that do not go together. Give the prompt to each row, "
        "(batch, num_virtual_tokens, hidden), and join along dim 1: torch.cat([..., ...], dim=1).",
    },
)


def _mask_cases(_: Generator) -> list[Arguments]:
    """No padding, padding on the left, on the right, and in a gap behind the prompt."""
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
        (
            {"attention_mask": "torch.ones_like(attention_mask)"},
            "padding counts as a token, so what stands behind it moves on. Count the ones only: "
            "the running sum of the mask.",
        ),
        ({" - 1": ""}, "the first token is at 1. Positions begin at 0: subtract one from the running sum."),
        (
            {"cumsum(dim=-1)": "flip(-1).cumsum(dim=-1).flip(-1)"},
            "that counts from the right. How many tokens stand before, on the left?",
        ),
        (
            {
                "attention_mask": "torch.ones_like(attention_mask)",
                " - 1": " - (attention_mask == 0).sum(dim=-1, keepdim=True) - 1",
            },
            "that holds where all padding stands on the left. It may stand anywhere, also between "
            "the prompt and the tokens: take the running sum of the mask.",
        ),
        (
            {"dim=-1": "dim=0"},
            "the sum runs over the batch, dim 0. Each row has positions of its own: dim=-1.",
        ),
        (
            {".clamp(min=0)": ""},
            "padding before the first token gets the position -1, and a model that looks positions up in "
            "a table fails there. Lift it to 0: clamp(min=0).",
        ),
        ({"min=0)": "min=0).float()"}, "positions are whole numbers: leave the running sum in int64."),
        (
            {".cumsum(dim=-1)": " + 1"},
            "that is the mask. A position says how many tokens stand before: the running sum.",
        ),
        (
            {"return (": "return attention_mask - 1 + attention_mask * (", ".clamp(min=0)": ""},
            "padding gets the position -1, and a model that looks positions up in a table fails there. Lift it to 0.",
        ),
        (
            {
                "attention_mask": "torch.ones_like(attention_mask)",
                " - 1": " - attention_mask.argmax(dim=1, keepdim=True) - 1",
            },
            "only the padding before the first token is taken off. It may also stand behind it, between the prompt and "
            "the text: take the running sum of the mask.",
        ),
        ({"min=0": "min=1"}, "the first token is lifted to 1. It stands at 0: clamp(min=0)."),
        (
            {"attention_mask": "(attention_mask == 0)", " - 1": ""},
            "that counts the padding. Count the tokens, where the mask is 1.",
        ),
    ),
    advice={
        "value": "take one row, and count: how many ones stand before this one? The running sum of the mask, less one.",
        BELOW: "a position is below 0, and a model that looks positions up in a table fails there. clamp(min=0).",
        "type": "return a tensor of whole numbers, (batch, length).",
        "dtype": "positions are whole numbers of int64, as cumsum gives them.",
        "shape": "the result has the shape of the mask: a position for each token.",
    },
)
