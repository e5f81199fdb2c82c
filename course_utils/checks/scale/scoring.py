"""Exercises on the scoring of an answer: exact match, and log-likelihood a token."""

import torch
from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import HAS_GRADIENT, Arguments, Exercise
from course_utils.methods import scale

# Where the answer of each row stands (first token, behind its last one), and the length of the rows: padding follows.
_ROWS: tuple[tuple[tuple[tuple[int, int], ...], int], ...] = (
    (((2, 4),), 4),
    (((1, 3), (2, 3)), 4),
    (((3, 6), (2, 4), (4, 7)), 8),
    (((5, 6), (1, 6)), 6),
)
_CLASSES = 5


def _cases(generator: Generator) -> list[Arguments]:
    """Each set of rows three times: answers that the model would write, all but a token, and at random.

    The token is the last one of the first row, and an inner one of the last row, where its answer has one.

    Where the answer is right the rest of the row is wrong, so that a function that looks there is found out. An
    impossible token stands in the prompt of the last set: its log-probability is minus infinity.
    """
    cases: list[Arguments] = []
    for rows, length in _ROWS:
        for kind in ("right", "one wrong", "random"):
            ids = torch.randint(_CLASSES, (len(rows), length), generator=generator)
            logits = torch.randn(len(rows), length, _CLASSES, generator=generator, dtype=torch.float64)
            mask = torch.zeros(len(rows), length, dtype=torch.bool)
            for row, (start, end) in enumerate(rows):
                mask[row, start:end] = True
                wanted = ids[row, 1:] if kind != "random" else ids[row, 1:].roll(1)
                shown = torch.where(mask[row, 1:], wanted, (ids[row, 1:] + 1) % _CLASSES)
                if kind == "one wrong" and row == 0:
                    shown[end - 2] = (shown[end - 2] + 1) % _CLASSES
                elif kind == "one wrong" and row == len(rows) - 1 and end - start > 2:
                    shown[start] = (shown[start] + 1) % _CLASSES
                logits[row, torch.arange(length - 1), shown] += 6.0
            cases.append({"logits": logits, "input_ids": ids, "answer_mask": mask})
    last = cases[-1]
    last["logits"][0, 0, last["input_ids"][0, 1]] = -torch.inf  # a token of the prompt
    return cases


_TIMES_MASK = (
    "a token that the prompt should not hold has the log-probability minus infinity, and minus infinity times 0 is "
    "NaN. Put 0 in the place of what does not count: masked_fill or torch.where."
)

_ONE_SHORTER = (
    "shapes or dtypes that do not go together. Logits lose their last place, tokens and mask their first: "
    "logits[:, :-1], input_ids[:, 1:], answer_mask[:, 1:]. A mask of truth values is turned round with ~."
)

_COUNTED = " / counted.sum(dim=-1)"

ANSWER_LOG_LIKELIHOOD = Exercise(
    reference=scale.answer_log_likelihood,
    cases=_cases,
    mistakes=edits(
        scale.answer_log_likelihood,
        (
            {"[:, :-1]": "", "[:, 1:]": ""},
            "each place is scored by its own logits. The logits at a place are for the next token: "
            "logits[:, :-1] score input_ids[:, 1:].",
        ),
        (
            {"[:, :-1]": "[:, 1:]", "[:, 1:]": "[:, :-1]"},
            "the shift goes the wrong way: logits[:, :-1] score input_ids[:, 1:].",
        ),
        (
            {"mask[:, 1:]": "mask[:, :-1]"},
            "the mask was not shifted with the tokens: it marks places of input_ids, so take answer_mask[:, 1:].",
        ),
        (
            {"mask[:, 1:]": "mask[:, 1:] | True"},
            "every token of the row counts. Those of the prompt and the padding should not.",
        ),
        (
            {_COUNTED: ""},
            "that is the sum over the answer. Divide by its number of tokens, so that long answers can be "
            "compared with short ones.",
        ),
        (
            {_COUNTED: " / counted.shape[-1]"},
            "the sum is divided by the length of the row. Divide by the number of tokens of the answer.",
        ),
        (
            {"sum(dim=-1)": "sum()"},
            "that is one number for the whole batch. Return one a row, of shape (batch,).",
        ),
        (
            {"return ": "return -"},
            "the sign is turned: that is a loss. A log-likelihood is 0 at best, and below 0 otherwise.",
        ),
        (
            {"return of_next": "return of_next.exp()"},
            "those are probabilities. Take the mean of their logarithms.",
        ),
        (
            {".log_softmax(dim=-1)": ""},
            "those are logits, not log-probabilities: log_softmax over the vocabulary first.",
        ),
        (
            {"return of_next": "of_next = of_next / 0.6931471805599453\n    return of_next"},
            "those are bits. Nats, the natural logarithm, are wanted.",
        ),
        (
            {"gather(-1, next_ids.unsqueeze(-1)).squeeze(-1)": "amax(dim=-1)"},
            "that is the most likely token at each place. Take the token that stands there: gather.",
        ),
        (
            {"log_softmax(dim=-1)": "log_softmax(dim=1)"},
            "the softmax goes over the places. The vocabulary is the last dim: dim=-1.",
        ),
        (
            {"return ": "return (", _COUNTED: f"{_COUNTED}).exp()"},
            "that is exp of the answer. Stop at the mean of the logarithms.",
        ),
        (
            {_COUNTED: " / counted.sum()"},
            "each sum is divided by the tokens of all answers. Divide by those of its own: sum(dim=-1).",
        ),
        (
            {"ids[:, 1:]": "ids[:, :-1]"},
            "the tokens were not shifted: logits[:, :-1] score input_ids[:, 1:].",
        ),
        (
            {_COUNTED: " / answer_mask.shape[-1]"},
            "the sum is divided by all places, padding too. Divide by the number of tokens of the answer.",
        ),
        (
            {"return of_next": "return (of_next.exp()", _COUNTED: f"{_COUNTED}).log()"},
            "that is the logarithm of the mean probability. Take the logarithms first, then their mean.",
        ),
        ({"of_next.masked_fill(~counted, 0.0)": "(of_next * counted)"}, _TIMES_MASK),
    ),
    advice={
        "nan": _TIMES_MASK,
        "gradient of logits": "the value is right, its gradient is not. The logarithm of a softmax loses it where a "
        "probability is 0: log_softmax, and put 0 in the place of what does not count.",
        "RuntimeError": _ONE_SHORTER,
        "IndexError": _ONE_SHORTER,
        HAS_GRADIENT: "no gradient can flow back through the result, so nobody could train with it. Something cut it: "
        ".item(), .detach(), .numpy(), torch.tensor(...) or torch.no_grad().",
    },
)

_BEFORE = "answer_mask.roll(1, 1)"  # whether the token before is in the answer
_NEXT = "answer_mask.roll(-1, 1)"

EXACT_MATCH = Exercise(
    reference=scale.exact_match,
    cases=_cases,
    mistakes=edits(
        scale.exact_match,
        (
            {"[:, :-1]": "", "[:, 1:]": ""},
            "each place is compared with its own logits. The logits at a place are for the next token: "
            "logits[:, :-1] go with input_ids[:, 1:].",
        ),
        (
            {"[:, :-1]": "[:, 1:]", "[:, 1:]": "[:, :-1]"},
            "the shift goes the wrong way: logits[:, :-1] go with input_ids[:, 1:].",
        ),
        (
            {"mask[:, 1:]": "mask[:, :-1]"},
            "the mask was not shifted with the tokens: it marks places of input_ids, so take answer_mask[:, 1:].",
        ),
        (
            {" | ~answer_mask[:, 1:]": ""},
            "the prompt and the padding have to be right too. Only the answer should count.",
        ),
        (
            {"| ~": "& ", "all": "any"},
            "one right token is enough for it. All of the answer have to be right.",
        ),
        (
            {"| ~": "& ", "all(dim=-1)": "sum(dim=-1) / answer_mask.sum(dim=-1)"},
            "that is the share of right tokens. An exact match is all or nothing.",
        ),
        ({"answer_mask": f"(answer_mask & ~{_BEFORE})"}, "only the first token of the answer is looked at."),
        ({"answer_mask": f"(answer_mask & ~{_NEXT})"}, "only the last token of the answer is looked at."),
        (
            {"answer_mask": f"(answer_mask & ~({_BEFORE} & {_NEXT}))"},
            "the first and the last token of the answer are looked at, and none between. All count.",
        ),
        (
            {"answer_mask": f"(answer_mask & {_NEXT})"},
            "the last token of the answer is left out. It tells whether the model stops at the right place.",
        ),
        (
            {"all(dim=-1)": "all()"},
            "that is one truth value for the whole batch. Return one a row, of shape (batch,).",
        ),
        ({"return ": "return ~"}, "it is turned round: True should mean that the answer is right."),
        (
            {"all(dim=-1)": "all(dim=-1).float()"},
            "return truth values (bool): leave .float() to whoever takes the mean.",
        ),
        (
            {"~": ""},
            "the mask is turned the wrong way: the prompt and the padding have to be right, and the answer "
            "need not. `right | ~mask` is true where the mask is not.",
        ),
        (
            {"ids[:, 1:]": "ids[:, :-1]"},
            "the tokens were not shifted: logits[:, :-1] go with input_ids[:, 1:].",
        ),
    ),
    advice={
        "type": "return a tensor of truth values, one a row: no .tolist(), .item() or bool(...).",
        "shape": "one truth value a row is wanted, of shape (batch,): .all(dim=-1) over the places.",
        "dtype": "the dtype should be bool: for each row, whether all tokens of the answer are right.",
        "RuntimeError": _ONE_SHORTER,
        "IndexError": _ONE_SHORTER,
    },
)
