"""Exercises on the scores of attention, tokens by tokens for each head, and on the loss that compares them."""

import torch
from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.intermediate_kd.inputs import (
    BATCHES,
    SHAPES,
    TEACHER_GRADIENT,
    WHOLE_NUMBERS_AS_MASK,
    draw,
    mask_of,
    student_gradient,
)
from course_utils.checks.tasks import Arguments, Exercise
from course_utils.methods import intermediate_kd


def _score_cases(generator: Generator) -> list[Arguments]:
    sizes: tuple[tuple[int, int, int, int, torch.dtype], ...] = (
        (1, 3, 4, 2, torch.float32),  # batch, length, width, heads
        (2, 3, 6, 3, torch.float64),
        (2, 4, 6, 2, torch.float64),
        (3, 2, 5, 1, torch.float32),
        (2, 4, 16, 4, torch.float32),  # length, heads, width of a head: equal, so no shape tells them apart
    )
    return [
        {
            "query": draw(generator, batch, length, width, dtype=dtype),
            "key": draw(generator, batch, length, width, dtype=dtype),
            "heads": heads,
        }
        for batch, length, width, heads, dtype in sizes
    ]


_ROOT = "math.sqrt(width // heads)"
ONE_HEAD = "length, heads, width // heads)"
UNSPLIT = "that is one head of the whole width. Split the width into heads first."

ATTENTION_SCORES = Exercise(
    reference=intermediate_kd.attention_scores,
    cases=_score_cases,
    mistakes=edits(
        intermediate_kd.attention_scores,
        {f" / {_ROOT}": ""},
        "the scores are not divided by anything. Divide by the square root of the width of a head.",
        {_ROOT: "math.sqrt(width)"},
        "divide by the square root of the width of one head, width / heads, not of the whole.",
        {"math.sqrt": ""},
        "divide by the square root of the width of a head, not by the width itself.",
        {_ROOT: "math.sqrt(heads)"},
        "divide by the square root of the width of a head, not of the number of heads.",
        {_ROOT: "math.sqrt(length)"},
        "divide by the square root of the width of a head, not of the number of tokens.",
        {"/ math": "* math"},
        "the scores are multiplied by the root. Divide.",
        {"return": "return (", _ROOT: f"{_ROOT}).softmax(dim=-1)"},
        "stop before the softmax: the scores themselves are compared.",
        {"return": "return (", _ROOT: f"{_ROOT}).log_softmax(dim=-1)"},
        "stop before the softmax and its logarithm: the scores themselves are compared.",
        {"return": "return (", _ROOT: f"{_ROOT}).masked_fill(torch.ones(length, length).triu(1) > 0, -1e9)"},
        "no mask here, not even a causal one: a score for each pair of tokens.",
        {"@ k.transpose": "@ q.transpose"},
        "the query meets itself. A score is the product of one token's query with another's key: Q K^T.",
        {"q = query": "k = query", "k = key": "q = key"},
        "rows and columns are exchanged. A row belongs to a query: Q K^T, not K Q^T.",
        {"length, heads,": "heads, length,", ".transpose(1, 2)": ""},
        "reshape straight to (batch, heads, length, ...) mixes tokens and heads. First split the width: "
        "(batch, length, heads, width / heads), then exchange the dims 1 and 2.",
        {"heads, width // heads)": "width // heads, heads)", ".transpose(1, 2)": ".permute(0, 3, 1, 2)"},
        "a head has neighbouring features: split the width into (heads, width / heads), in this order.",
        {"return": "return (", _ROOT: f"{_ROOT}).mean(dim=1)"},
        "the heads are averaged. Keep each one: (batch, heads, length, length).",
        {"return": "return (", _ROOT: f"{_ROOT}).permute(0, 2, 3, 1)"},
        "the heads stand last. They belong in front: (batch, heads, length, length).",
        {"return": "return (", _ROOT: f"{_ROOT}).transpose(0, 1)"},
        "the heads stand before the batch: (batch, heads, length, length).",
        {".transpose(1, 2)": ""},
        "each token compares its own heads with each other. Exchange the dims of tokens and heads before the "
        "product: .transpose(1, 2).",
        {ONE_HEAD: "length, 1, width)", "return": "return (", _ROOT: f"{_ROOT}).expand(-1, heads, -1, -1)"},
        UNSPLIT,
        {ONE_HEAD: "length, 1, width)", _ROOT: "math.sqrt(width)"},
        UNSPLIT,
        {ONE_HEAD: "length, 1, width)", "return": "return (", _ROOT: "math.sqrt(width))[:, 0]"},
        UNSPLIT,
        {".transpose(-1, -2)": ""},
        "the key is not turned: multiply by the key with its last two dims exchanged, key.transpose(-1, -2).",
    ),
    advice={
        "RuntimeError": SHAPES
        + "Split the width into (heads, width / heads), exchange dims 1 and 2, and multiply "
        "by the key with its last two dims exchanged: key.transpose(-1, -2).",
        "shape": "the scores have the shape (batch, heads, length, length).",
        "value": "those are not the scores. For each head: the product of every query with every key, divided by the "
        "square root of the width of a head. Nothing before it, nothing after it.",
        "nan": "there is a NaN or an infinity in it. No mask here, not even a causal one: a score for each pair.",
    },
)

_HEADS = (3, 1, 2, 2)


def _loss_cases(generator: Generator) -> list[Arguments]:
    cases: list[Arguments] = []
    for (lengths, longest, dtype), heads in zip(BATCHES, _HEADS, strict=True):
        shape = (len(lengths), heads, longest, longest)
        student, teacher = (draw(generator, *shape, dtype=dtype) for _ in range(2))
        mask = mask_of(*lengths, longest=longest)
        cases.append({"student_scores": student, "teacher_scores": teacher, "attention_mask": mask})
    return cases


_MEAN = "(squares * pairs).sum() / pairs.sum()"

ATTENTION_LOSS = Exercise(
    reference=intermediate_kd.attention_loss,
    cases=_loss_cases,
    mistakes=edits(
        intermediate_kd.attention_loss,
        {"squares =": "pairs = torch.ones_like(pairs)\n    squares ="},
        "padding is counted. Only pairs of two real tokens count.",
        {"attention_mask[:, :, None]": "(attention_mask * 0 + 1)[:, :, None]"},
        "rows of padding are counted: the mask must hold for the query as well as for the key.",
        {"attention_mask[:, None, :]": "(attention_mask * 0 + 1)[:, None, :]"},
        "columns of padding are counted: the mask must hold for the key as well as for the query.",
        {"pairs.sum()": "pairs.numel()"},
        "the sum leaves padding out, but is divided by all pairs. Divide by the number of pairs of two real tokens.",
        {"/ pairs.sum()": "/ attention_mask.sum()"},
        "that is divided by the number of tokens. Divide by the number of pairs.",
        {" / pairs.sum()": ""},
        "that is the sum over the pairs. Divide by the number of pairs of two real tokens.",
        {"/ pairs.sum()": "/ len(pairs)"},
        "that is divided by the number of sentences. Divide by the number of pairs.",
        {"/ pairs.sum()": "/ attention_mask.sum() ** 2"},
        "a token attends inside its own sentence only: add up the pairs of each sentence, not the square of all "
        "tokens of the batch.",
        {_MEAN: "((squares * pairs).sum(dim=(1, 2)) / pairs.sum(dim=(1, 2))).mean()"},
        "that averages each sentence first, so that a pair of a short one counts more. Sum over all real pairs of "
        "the batch, and divide once.",
        {"None] *": "None] |"},
        "pairs of a real token and padding count. Both tokens must be real: multiply the two masks.",
        {".mean(": ".sum("},
        "that is summed over the heads. Take the mean over them.",
        {".square()": ".abs()"},
        "that is the absolute difference. Square it.",
        {"return": "return (", "/ pairs.sum()": "/ pairs.sum()).sqrt()"},
        "no square root: the mean squared difference is the loss.",
        {"student_scores": "student_scores.softmax(-1)", "detach()": "detach().softmax(-1)"},
        "compare the scores themselves: no softmax here.",
        {".detach()": ""},
        TEACHER_GRADIENT,
        {_MEAN: "squares[pairs].mean()"},
        WHOLE_NUMBERS_AS_MASK,
        {".mean(dim=1)": "", _MEAN: "squares[pairs.bool()].mean()"},
        "the choice of pairs falls on the dim of the heads. Average over the heads first, then choose.",
    ),
    advice={
        "gradient of teacher_scores": TEACHER_GRADIENT,
        "gradient of student_scores": student_gradient("scores"),
        "nan": "there is a NaN or an infinity in it. Minus infinity less minus infinity is NaN: leave the scores as "
        "they are, and leave pairs out of the sum.",
        "RuntimeError": SHAPES
        + "Scores are (batch, heads, length, length). A pair is real where both its tokens "
        "are: attention_mask[:, :, None] * attention_mask[:, None, :], of shape (batch, length, length).",
    },
)
