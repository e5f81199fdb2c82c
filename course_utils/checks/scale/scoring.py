"""Exercises on the scoring of an answer: exact match, and log-likelihood a token."""

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import HAS_GRADIENT, Arguments, Exercise, Mistake, slips
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


def _loose_likelihood(
    logits: Tensor,
    input_ids: Tensor,
    answer_mask: Tensor,
    *,
    no_shift: bool = False,
    back_shift: bool = False,
    whole_row: bool = False,
    summed: bool = False,
    by_length: bool = False,
    over_batch: bool = False,
    negative: bool = False,
    probability: bool = False,
    raw: bool = False,
    mask_not_shifted: bool = False,
    base_two: bool = False,
    most_likely: bool = False,
    over_places: bool = False,
    undone: bool = False,
    over_rows: bool = False,
) -> Tensor:
    if no_shift:
        scores, ids, counted = logits, input_ids, answer_mask
    elif back_shift:
        scores, ids, counted = logits[:, 1:], input_ids[:, :-1], answer_mask[:, :-1]
    else:
        scores, ids = logits[:, :-1], input_ids[:, 1:]
        counted = answer_mask[:, :-1] if mask_not_shifted else answer_mask[:, 1:]
    scores = scores if raw else scores.log_softmax(dim=1 if over_places else -1)
    chosen = scores.amax(dim=-1) if most_likely else scores.gather(-1, ids.unsqueeze(-1)).squeeze(-1)
    chosen = chosen.exp() if probability else chosen / torch.log(torch.tensor(2.0)) if base_two else chosen
    counted = torch.ones_like(counted) if whole_row else counted
    total = chosen.masked_fill(~counted, 0.0).sum(dim=-1)
    number = torch.full_like(total, counted.shape[-1]) if by_length else counted.sum(dim=-1)
    number = number.sum() if over_rows else number
    value = total if summed else total.sum() / number.sum() if over_batch else total / number
    value = value.exp() if undone else value
    return -value if negative else value


def _ids_not_shifted(logits: Tensor, input_ids: Tensor, answer_mask: Tensor) -> Tensor:
    log_p = logits[:, :-1].log_softmax(dim=-1)
    of_own = log_p.gather(-1, input_ids[:, :-1].unsqueeze(-1)).squeeze(-1)
    counted = answer_mask[:, 1:]
    return of_own.masked_fill(~counted, 0.0).sum(dim=-1) / counted.sum(dim=-1)


def _by_whole_length(logits: Tensor, input_ids: Tensor, answer_mask: Tensor) -> Tensor:
    value = scale.answer_log_likelihood(logits, input_ids, answer_mask)
    return value * answer_mask.sum(dim=-1) / answer_mask.shape[-1]


def _mean_of_probabilities(logits: Tensor, input_ids: Tensor, answer_mask: Tensor) -> Tensor:
    return _loose_likelihood(logits, input_ids, answer_mask, probability=True).log()


def _times_mask(logits: Tensor, input_ids: Tensor, answer_mask: Tensor) -> Tensor:
    log_p = logits[:, :-1].log_softmax(dim=-1)
    of_next = log_p.gather(-1, input_ids[:, 1:].unsqueeze(-1)).squeeze(-1)
    return (of_next * answer_mask[:, 1:]).sum(dim=-1) / answer_mask[:, 1:].sum(dim=-1)


_TIMES_MASK = (
    "a token that the prompt should not hold has the log-probability minus infinity, and minus infinity times 0 is "
    "NaN. Put 0 in the place of what does not count: masked_fill or torch.where."
)

_ONE_SHORTER = (
    "shapes or dtypes that do not go together. Logits lose their last place, tokens and mask their first: "
    "logits[:, :-1], input_ids[:, 1:], answer_mask[:, 1:]. A mask of truth values is turned round with ~."
)

ANSWER_LOG_LIKELIHOOD = Exercise(
    reference=scale.answer_log_likelihood,
    cases=_cases,
    mistakes=slips(
        _loose_likelihood,
        {
            "no_shift": "each place is scored by its own logits. The logits at a place are for the next token: "
            "logits[:, :-1] score input_ids[:, 1:].",
            "back_shift": "the shift goes the wrong way: logits[:, :-1] score input_ids[:, 1:].",
            "mask_not_shifted": "the mask was not shifted with the tokens: it marks places of input_ids, so take "
            "answer_mask[:, 1:].",
            "whole_row": "every token of the row counts. Those of the prompt and the padding should not.",
            "summed": "that is the sum over the answer. Divide by its number of tokens, so that long answers can be "
            "compared with short ones.",
            "by_length": "the sum is divided by the length of the row. Divide by the number of tokens of the answer.",
            "over_batch": "that is one number for the whole batch. Return one a row, of shape (batch,).",
            "negative": "the sign is turned: that is a loss. A log-likelihood is 0 at best, and below 0 otherwise.",
            "probability": "those are probabilities. Take the mean of their logarithms.",
            "raw": "those are logits, not log-probabilities: log_softmax over the vocabulary first.",
            "base_two": "those are bits. Nats, the natural logarithm, are wanted.",
            "most_likely": "that is the most likely token at each place. Take the token that stands there: gather.",
            "over_places": "the softmax goes over the places. The vocabulary is the last dim: dim=-1.",
            "undone": "that is exp of the answer. Stop at the mean of the logarithms.",
            "over_rows": "each sum is divided by the tokens of all answers. Divide by those of its own: sum(dim=-1).",
        },
        Mistake(
            _ids_not_shifted,
            "the tokens were not shifted: logits[:, :-1] score input_ids[:, 1:].",
        ),
        Mistake(
            _by_whole_length,
            "the sum is divided by all places, padding too. Divide by the number of tokens of the answer.",
        ),
        Mistake(
            _mean_of_probabilities,
            "that is the logarithm of the mean probability. Take the logarithms first, then their mean.",
        ),
        Mistake(_times_mask, _TIMES_MASK),
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


def _loose_match(
    logits: Tensor,
    input_ids: Tensor,
    answer_mask: Tensor,
    *,
    no_shift: bool = False,
    back_shift: bool = False,
    whole_row: bool = False,
    any_token: bool = False,
    share: bool = False,
    first_only: bool = False,
    last_only: bool = False,
    ends_only: bool = False,
    over_batch: bool = False,
    mask_not_shifted: bool = False,
    inverted: bool = False,
    as_float: bool = False,
    forgets_end: bool = False,
    others: bool = False,
    ids_not_shifted: bool = False,
) -> Tensor:
    if no_shift:
        right, counted = logits.argmax(dim=-1) == input_ids, answer_mask
    elif back_shift:
        right, counted = logits[:, 1:].argmax(dim=-1) == input_ids[:, :-1], answer_mask[:, :-1]
    else:
        right = logits[:, :-1].argmax(dim=-1) == input_ids[:, 1:]
        counted = answer_mask[:, :-1] if mask_not_shifted else answer_mask[:, 1:]
    if ids_not_shifted:
        right, counted = logits[:, :-1].argmax(dim=-1) == input_ids[:, :-1], answer_mask[:, 1:]
    counted = ~counted if others else counted
    first = counted & (counted.cumsum(dim=-1) == 1)
    last = counted & (counted.cumsum(dim=-1) == counted.sum(dim=-1, keepdim=True))
    counted = first | last if ends_only else counted & ~last if forgets_end else counted
    counted = first if first_only else last if last_only else counted
    if share:
        return (right & counted).sum(dim=-1) / counted.sum(dim=-1)
    if any_token:
        return (right & counted).any(dim=-1)
    match = right.all(dim=-1) if whole_row else (right | ~counted).all(dim=-1)
    match = match.all() if over_batch else ~match if inverted else match
    return match.float() if as_float else match


EXACT_MATCH = Exercise(
    reference=scale.exact_match,
    cases=_cases,
    mistakes=slips(
        _loose_match,
        {
            "no_shift": "each place is compared with its own logits. The logits at a place are for the next token: "
            "logits[:, :-1] go with input_ids[:, 1:].",
            "back_shift": "the shift goes the wrong way: logits[:, :-1] go with input_ids[:, 1:].",
            "mask_not_shifted": "the mask was not shifted with the tokens: it marks places of input_ids, so take "
            "answer_mask[:, 1:].",
            "whole_row": "the prompt and the padding have to be right too. Only the answer should count.",
            "any_token": "one right token is enough for it. All of the answer have to be right.",
            "share": "that is the share of right tokens. An exact match is all or nothing.",
            "first_only": "only the first token of the answer is looked at.",
            "last_only": "only the last token of the answer is looked at.",
            "ends_only": "the first and the last token of the answer are looked at, and none between. All count.",
            "forgets_end": "the last token of the answer is left out. It tells whether the model stops at the right "
            "place.",
            "over_batch": "that is one truth value for the whole batch. Return one a row, of shape (batch,).",
            "inverted": "it is turned round: True should mean that the answer is right.",
            "as_float": "return truth values (bool): leave .float() to whoever takes the mean.",
            "others": "the mask is turned the wrong way: the prompt and the padding have to be right, and the answer "
            "need not. `right | ~mask` is true where the mask is not.",
            "ids_not_shifted": "the tokens were not shifted: logits[:, :-1] go with input_ids[:, 1:].",
        },
    ),
    advice={
        "type": "return a tensor of truth values, one a row: no .tolist(), .item() or bool(...).",
        "shape": "one truth value a row is wanted, of shape (batch,): .all(dim=-1) over the places.",
        "dtype": "the dtype should be bool: for each row, whether all tokens of the answer are right.",
        "RuntimeError": _ONE_SHORTER,
        "IndexError": _ONE_SHORTER,
    },
)
