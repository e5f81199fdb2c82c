"""Exercise on the scoring of an answer by exact match."""

import torch
from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import Arguments, Exercise
from course_utils.methods import scale

# Where the answer of each row stands (its first token, the one after its last), and the rows' length: padding follows.
_ROWS: tuple[tuple[tuple[tuple[int, int], ...], int], ...] = (
    (((2, 4),), 4),
    (((1, 3), (2, 3)), 4),
    (((3, 6), (2, 4), (4, 7)), 8),
    (((5, 6), (1, 6)), 6),
)
_CLASSES = 5


def _cases(generator: Generator) -> list[Arguments]:
    """Each set of rows five times: answers that the model would write, all but a token, at random; and twice with the
    places beside the answer right too, of which the second has one wrong.

    The token is the last one of the first row (the second time its first), and an inner one of the last row, where its
    answer has one.

    Where the answer is right the rest of the row is wrong, so that a function that looks there is found out.
    """
    cases: list[Arguments] = []
    for rows, length in _ROWS:
        for kind in ("right", "one wrong", "random", "right beside", "right beside, one wrong"):
            ids = torch.randint(_CLASSES, (len(rows), length), generator=generator)
            logits = torch.randn(len(rows), length, _CLASSES, generator=generator, dtype=torch.float64)
            mask = torch.zeros(len(rows), length, dtype=torch.bool)
            for row, (start, end) in enumerate(rows):
                mask[row, start:end] = True
                wanted = ids[row, 1:] if kind != "random" else ids[row, 1:].roll(1)
                near = torch.arange(1, length)
                near = (start - 1 <= near) & (near <= end) if "beside" in kind else mask[row, 1:]
                shown = torch.where(near, wanted, (ids[row, 1:] + 1) % _CLASSES)
                if "one wrong" in kind and row == 0:
                    place = start - 1 if "beside" in kind else end - 2
                    shown[place] = (shown[place] + 1) % _CLASSES
                elif "one wrong" in kind and row == len(rows) - 1 and end - start > 2:
                    shown[start] = (shown[start] + 1) % _CLASSES
                logits[row, torch.arange(length - 1), shown] += 6.0
            cases.append({"logits": logits, "input_ids": ids, "answer_mask": mask})
    return cases


_ONE_SHORTER = (
    "shapes or dtypes that do not go together. Logits lose their last place, tokens and mask their first: "
    "logits[:, :-1], input_ids[:, 1:], answer_mask[:, 1:]. A mask of truth values is turned round with ~."
)

_BEFORE = "answer_mask.roll(1, 1)"  # whether the token before is in the answer
_NEXT = "answer_mask.roll(-1, 1)"

EXACT_MATCH = Exercise(
    reference=scale.exact_match,
    cases=_cases,
    mistakes=edits(
        scale.exact_match,
        {"[:, :-1]": "", "[:, 1:]": ""},
        "each place is compared with its own logits. The logits at a place are for the next token: "
        "logits[:, :-1] go with input_ids[:, 1:].",
        {"[:, :-1]": "[:, 1:]", "[:, 1:]": "[:, :-1]"},
        "the shift goes the wrong way: logits[:, :-1] go with input_ids[:, 1:].",
        {"mask[:, 1:]": "mask[:, :-1]"},
        "the mask was not shifted with the tokens: it marks places of input_ids, so take answer_mask[:, 1:].",
        {" | ~answer_mask[:, 1:]": ""},
        "the prompt and the padding have to be right too. Only the answer should count.",
        {"| ~": "& "},
        "with & a place outside the answer counts as wrong, so no row is right. It need not be right: right | ~mask.",
        {"| ~": "& ", "all": "any"},
        "one right token is enough for it. All of the answer have to be right.",
        {"| ~": "& ", "all(dim=-1)": "sum(dim=-1) / answer_mask.sum(dim=-1)"},
        "that is the share of right tokens. An exact match is all or nothing.",
        {"answer_mask": f"(answer_mask & ~{_BEFORE})"},
        "only the first token of the answer is looked at.",
        {"answer_mask": f"(answer_mask & ~{_NEXT})"},
        "only the last token of the answer is looked at.",
        {"answer_mask": f"(answer_mask & ~({_BEFORE} & {_NEXT}))"},
        "the first and the last token of the answer are looked at, and none between. All count.",
        {"answer_mask": f"(answer_mask & {_NEXT})"},
        "the last token of the answer is left out. It tells whether the model stops at the right place.",
        {"answer_mask[:, 1:]": f"{_NEXT}[:, 1:]"},
        "the mask stands one place too early: it was shifted twice. It is shifted once, as the tokens are.",
        {
            "right | ~answer_mask[:, 1:]).all(dim=-1)": "right | ~answer_mask[:, 1:]).sum(dim=-1) + 1 >= "
            "right.shape[1]"
        },
        "one wrong token is let through. All of the answer have to be right.",
        {"all(dim=-1)": "all()"},
        "that is one truth value for the whole batch. Return one a row, of shape (batch,).",
        {"return ": "return ~"},
        "it is turned round: True should mean that the answer is right.",
        {"all(dim=-1)": "all(dim=-1).float()"},
        "return truth values (bool): leave .float() to whoever takes the mean.",
        {"~": ""},
        "the mask is turned the wrong way: the prompt and the padding have to be right, and the answer "
        "need not. `right | ~mask` is true where the mask is not.",
        {"ids[:, 1:]": "ids[:, :-1]"},
        "the tokens were not shifted: logits[:, :-1] go with input_ids[:, 1:].",
    ),
    advice={
        "type": "return a tensor of truth values, one a row: no .tolist(), .item() or bool(...).",
        "shape": "one truth value a row is wanted, of shape (batch,): .all(dim=-1) over the places.",
        "dtype": "the dtype should be bool: for each row, whether all tokens of the answer are right.",
        "RuntimeError": _ONE_SHORTER,
        "IndexError": _ONE_SHORTER,
    },
)
