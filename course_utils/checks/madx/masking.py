"""Exercise on masked words: what the model is shown, and what it is asked."""

import torch
from torch import Generator, Tensor

from course_utils.checks.compare import describe
from course_utils.checks.tasks import (
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Mistake,
    Observations,
    observe_values,
    slips,
)
from course_utils.methods import madx

SHOWN, LABELS = "shown", "labels"


def _cases(generator: Generator) -> list[Arguments]:
    """The first can be read off; in the last nothing is asked. A draw of exactly 0.8 shows the token, 0.9 another."""
    ids = torch.tensor([[2, 11, 12, 13, 14, 3]])
    asked = torch.tensor([[False, True, True, True, False, False]])
    draw = torch.tensor([[0.5, 0.1, 0.85, 0.95, 0.95, 0.2]])
    first = {"input_ids": ids, "asked": asked, "draw": draw, "random_ids": ids + 20, "mask_id": 4}
    edges = dict(first, draw=torch.tensor([[0.5, 0.8, 0.9, 0.0, 0.3, 0.99]]), mask_id=7)
    cases: list[Arguments] = [first, edges]
    for shape in ((3, 5), (2, 9), (4, 6)):
        numbers = torch.randint(5, 90, shape, generator=generator)
        others = torch.randint(100, 190, shape, generator=generator)
        chosen = torch.rand(shape, generator=generator) < 0.5
        drawn = torch.rand(shape, generator=generator)
        cases.append(dict(zip(first, (numbers, chosen, drawn, others, 4), strict=True)))
    return [*cases, dict(cases[-1], asked=torch.zeros(4, 6, dtype=torch.bool))]


def _observe(function: Function, arguments: Arguments) -> Observations:
    """Each of the two results by its name: a message then says which of them differs. A list of both will do."""
    seen = observe_values(function, arguments)
    pair = seen[RESULT]
    told: Observations = {INPUTS_CHANGED: seen[INPUTS_CHANGED]}
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        return {**told, RESULT: describe(pair), SHOWN: None, LABELS: None}
    return {**told, RESULT: "two tensors", SHOWN: pair[0], LABELS: pair[1]}


def _loose_mask(
    input_ids: Tensor,
    asked: Tensor,
    draw: Tensor,
    random_ids: Tensor,
    mask_id: int,
    *,
    all_masked: bool = False,
    no_random: bool = False,
    begun_anew: bool = False,
    rest_random: bool = False,
    shares_turned: bool = False,
    middle_masked: bool = False,
    middle_random: bool = False,
    not_only_asked: bool = False,
    all_labels: bool = False,
    labels_of_shown: bool = False,
    zero_labels: bool = False,
    minus_one: bool = False,
    random_labels: bool = False,
    mask_labels: bool = False,
    turned_labels: bool = False,
    changed_only: bool = False,
    masked_only: bool = False,
    not_shown: bool = False,
    exchanged: bool = False,
) -> tuple[Tensor, Tensor]:
    here = torch.ones_like(asked) if not_only_asked else asked
    masked = here & (draw < (0.9 if middle_masked else 0.8))
    other = here & (draw >= (0.8 if rest_random or middle_random else 0.9))
    if middle_random:
        other = other & (draw < 0.9)
    if shares_turned:
        masked, other = here & (draw >= 0.9), here & (draw < 0.8)
    if all_masked:
        masked, other = here, torch.zeros_like(here)
    shown = torch.where(masked, mask_id, input_ids)
    if not no_random:
        shown = torch.where(other, random_ids, input_ids if begun_anew else shown)
    kept = ~asked if turned_labels else asked & (masked | other) if changed_only else asked
    kept = asked & masked if masked_only else kept
    told = shown if labels_of_shown else random_ids if random_labels else input_ids
    elsewhere = 0 if zero_labels else mask_id if mask_labels else -1 if minus_one else -100
    labels = told if all_labels else torch.where(kept, told, elsewhere)
    shown = input_ids if not_shown else shown
    return (labels, shown) if exchanged else (shown, labels)


MASK_TOKENS = Exercise(
    reference=madx.mask_tokens,
    cases=_cases,
    observe=_observe,
    mistakes=slips(
        _loose_mask,
        {
            "all_masked": "every place that is asked shows the mask. Only a draw below 0.8 does: later, in the task, "
            "no mask is ever seen.",
            "no_random": "random_ids is not used: a draw of 0.9 or more shows the token from there.",
            "begun_anew": "no place shows the mask: the second torch.where begins with input_ids again. Begin it with "
            "what the first one gave.",
            "rest_random": "every draw of 0.8 or more shows a random token. From 0.8 up to 0.9 the place shows "
            "its own.",
            "middle_masked": "a draw from 0.8 up to 0.9 shows the mask. There the place shows its own token.",
            "middle_random": "the random token is shown from 0.8 up to 0.9, and the token itself above. It is the "
            "other way round.",
            "shares_turned": "mask and random token are exchanged: a draw below 0.8 shows the mask.",
            "not_only_asked": "places that are not asked are changed too. All three cases hold where `asked` is True.",
            "all_labels": "every place has a label. Where nothing is asked it is -100, or the model is paid for "
            "copying.",
            "labels_of_shown": "the labels are taken from what is shown. The model must say what stood there before: "
            "take them from input_ids.",
            "zero_labels": "the label of a place that is not asked is 0, which is a token. It must be -100.",
            "minus_one": "the label of a place that is not asked is -1. It must be -100: that is what cross-entropy "
            "leaves out.",
            "random_labels": "the labels are taken from random_ids. The model must say what stood there: input_ids.",
            "mask_labels": "the label of a place that is not asked is the mask. It must be -100: cross-entropy leaves "
            "that out.",
            "turned_labels": "the labels are turned round: -100 belongs where `asked` is False.",
            "changed_only": "a place that is asked and shows its own token has no label. It is asked all the same: the "
            "model cannot know that it was left alone.",
            "masked_only": "only a place that shows the mask has a label. Every place that is asked has one, whatever "
            "it shows.",
            "not_shown": "what is shown is the text itself. Hide the places that are asked.",
            "exchanged": "the two results are exchanged: what is shown comes first, the labels second.",
        },
        Mistake(
            lambda input_ids, asked, draw, random_ids, mask_id: (
                torch.where(
                    asked & (draw <= 0.8), mask_id, torch.where(asked & (draw >= 0.9), random_ids, input_ids)
                ),
                torch.where(asked, input_ids, -100),
            ),
            "a draw of exactly 0.8 shows the token itself: the mask is for draws below.",
        ),
        Mistake(
            lambda input_ids, asked, draw, random_ids, mask_id: (
                torch.where(
                    asked & (draw < 0.8), mask_id, torch.where(asked & (draw > 0.9), random_ids, input_ids)
                ),
                torch.where(asked, input_ids, -100),
            ),
            "a draw of exactly 0.9 shows a random token: it is for draws of 0.9 or more.",
        ),
    ),
    advice={
        INPUTS_CHANGED: "the function changes its inputs in place. Build new tensors: torch.where does, and so does "
        ".clone() before `x[...] = ...`.",
        RESULT: "return two tensors, shown and labels, in this order: `return shown, labels`.",
        "shape": "both results have the shape of input_ids, (batch, tokens). Do not pick the asked places out; "
        "torch.where(condition, a, b) keeps the shape.",
        "dtype": "both results hold token ids: int64, as input_ids does. torch.where with a whole number keeps it so.",
        "RuntimeError": "`and`, `or` and `if` ask a whole tensor whether it is true. Combine with & and |, and set "
        "each comparison in brackets: asked & (draw < 0.8).",
        "TypeError": "combine conditions with & and |, and set each comparison in brackets: asked & (draw < 0.8).",
        "value": "go through the places of the first row above. Asked and draw < 0.8: mask_id. Asked and draw >= 0.9: "
        "the token of random_ids. Else: the token. Draw nothing yourself: `draw` and `random_ids` are given.",
    },
)
