"""Exercise on masked words: what the model is shown, and what it is asked."""

import torch
from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, observe_parts
from course_utils.methods import madx


def _cases(generator: Generator) -> list[Arguments]:
    """The first can be read off; in the last nothing is asked. A draw of exactly 0.8 shows the token, 0.9 another:
    in float64, since in float32 0.9 is a little less for Python."""
    ids = torch.tensor([[2, 11, 12, 13, 14, 3]])
    asked = torch.tensor([[False, True, True, True, False, False]])
    draw = torch.tensor([[0.5, 0.1, 0.85, 0.95, 0.95, 0.2]])
    first = {"input_ids": ids, "asked": asked, "draw": draw, "random_ids": ids + 20, "mask_id": 4}
    edges = dict(first, draw=torch.tensor([[0.5, 0.8, 0.9, 0.0, 0.3, 0.99]], dtype=torch.float64), mask_id=7)
    cases: list[Arguments] = [first, edges]
    for shape in ((3, 5), (2, 9), (4, 6)):
        numbers = torch.randint(5, 90, shape, generator=generator)
        others = torch.randint(100, 190, shape, generator=generator)
        chosen = torch.rand(shape, generator=generator) < 0.5
        drawn = torch.rand(shape, generator=generator)
        cases.append(dict(zip(first, (numbers, chosen, drawn, others, 4), strict=True)))
    return [*cases, dict(cases[-1], asked=torch.zeros(4, 6, dtype=torch.bool))]


_LABELS = "(asked, input_ids"
_UNASKED = "places that are not asked are changed too. All three cases hold where `asked` is True."
_WHERE = "torch.where(condition, a, b) takes a where the condition is True, and b elsewhere. Here they are exchanged."
_BRACKETS = (
    "`and`, `or` and `if` ask a whole tensor whether it is true. Combine with & and |, and set each comparison in "
    "brackets, since & binds first: asked & (draw < 0.8). If it speaks of shapes: x[where] = random_ids[where] picks "
    "the same places on both sides."
)

MASK_TOKENS = Exercise(
    reference=madx.mask_tokens,
    cases=_cases,
    observe=observe_parts(("shown", "labels")),
    mistakes=edits(
        madx.mask_tokens,
        {"draw < 0.8": "draw < 2", "draw >= 0.9": "draw > 2"},
        "every place that is asked shows the mask. Only a draw below 0.8 does: later, in the task, no mask is"
        " ever seen.",
        {"draw >= 0.9": "draw > 2"},
        "no place shows a token of random_ids: it is not used, or the mask comes after it. A draw of 0.9 or more "
        "shows the token from there.",
        {"draw >= 0.9": "draw < 0.9"},
        "a draw below 0.8 is below 0.9 too, so the random token takes the place of the mask. It is for draws of "
        "0.9 or more.",
        {"draw >= 0.9": "draw < 0.1"},
        "one draw in ten is below 0.1, but those show the mask already. The random token is for another tenth: 0.9 "
        "or more.",
        {"asked & (draw < 0.8)": "asked * draw < 0.8"},
        "where `asked` is False the product is 0, which is below 0.8, so these places show the mask. Put brackets: "
        "asked & (draw < 0.8).",
        {"mask_id, input_ids": "input_ids, mask_id", "random_ids, shown": "shown, random_ids"},
        _WHERE,
        {"mask_id, input_ids": "input_ids, mask_id"},
        _WHERE,
        {"mask_id, input_ids": "mask_id, 0"},
        "a place that shows no mask shows 0, which is another token. It shows its own: input_ids.",
        {"asked &": "asked |"},
        "`|` changes a place that is asked or whose draw is small. Both must hold: asked & (draw < 0.8).",
        {
            "torch.where(asked & (draw >= 0.9), random_ids, shown)": "shown.masked_scatter(asked & (draw >= 0.9), "
            "random_ids)"
        },
        "the random tokens are taken from the beginning of random_ids, one after the other. Each place has its "
        "own: torch.where, or random_ids[where].",
        {
            "return shown, torch.where(asked, input_ids, -100)": "shown[~asked] = -100\n    return shown, shown"
        },
        "`shown` and `labels` are one tensor under two names, so what is done to the one happens to the other. "
        "Make each anew, or .clone().",
        {"random_ids, shown": "random_ids, input_ids"},
        "no place shows the mask: the second torch.where begins with input_ids again. Begin it with what the "
        "first one gave.",
        {">= 0.9": ">= 0.8"},
        "every draw of 0.8 or more shows a random token. From 0.8 up to 0.9 the place shows its own.",
        {"< 0.8": "< 0.9"},
        "a draw from 0.8 up to 0.9 shows the mask. There the place shows its own token.",
        {"draw >= 0.9": "draw >= 0.8) & (draw < 0.9"},
        "the random token is shown from 0.8 up to 0.9, and the token itself above. It is the other way round.",
        {"mask_id, input_ids": "random_ids, input_ids", "random_ids, shown": "mask_id, shown"},
        "mask and random token are exchanged: a draw below 0.8 shows the mask.",
        {"asked & ": ""},
        _UNASKED,
        {"asked & (draw < 0.8)": "draw < 0.8"},
        _UNASKED,
        {"asked & (draw >= 0.9)": "draw >= 0.9"},
        _UNASKED,
        {"torch.where(asked, input_ids, -100)": "input_ids"},
        "every place has a label. Where nothing is asked it is -100, or the model is paid for copying.",
        {_LABELS: "(asked, shown"},
        "the labels are taken from what is shown. The model must say what stood there before: take them from "
        "input_ids.",
        {"-100": "0"},
        "the label of a place that is not asked is 0, which is a token. It must be -100.",
        {"-100": "-1"},
        "the label of a place that is not asked is -1. It must be -100: that is what cross-entropy leaves out.",
        {_LABELS: "(asked, random_ids"},
        "the labels are taken from random_ids. The model must say what stood there: input_ids.",
        {"-100": "mask_id"},
        "the label of a place that is not asked is the mask. It must be -100: cross-entropy leaves that out.",
        {_LABELS: "(~asked, input_ids"},
        "the labels are turned round: -100 belongs where `asked` is False.",
        {_LABELS: "(asked & ((draw < 0.8) | (draw >= 0.9)), input_ids"},
        "a place that is asked and shows its own token has no label. It is asked all the same: the model "
        "cannot know that it was left alone.",
        {_LABELS: "(asked & (draw < 0.8), input_ids"},
        "only a place that shows the mask has a label. Every place that is asked has one, whatever it shows.",
        {"return shown": "return input_ids"},
        "what is shown is the text itself. Hide the places that are asked.",
        {"shown, torch.where(asked, input_ids, -100)": "torch.where(asked, input_ids, -100), shown"},
        "the two results are exchanged: what is shown comes first, the labels second.",
        {"< 0.8": "<= 0.8"},
        "a draw of exactly 0.8 shows the token itself: the mask is for draws below.",
        {">= 0.9": "> 0.9"},
        "a draw of exactly 0.9 shows a random token: it is for draws of 0.9 or more.",
    ),
    advice={
        INPUTS_CHANGED: "the function changes its inputs in place. Build new tensors: torch.where does, and so does "
        ".clone() before `x[...] = ...`.",
        RESULT: "return two tensors, shown and labels, in this order: `return shown, labels`.",
        "shape": "both results have the shape of input_ids, (batch, tokens). Do not pick the asked places out; "
        "torch.where(condition, a, b) keeps the shape.",
        "dtype": "both results hold token ids: int64, as input_ids does. torch.where with a whole number keeps it so.",
        "RuntimeError": _BRACKETS,
        "NotImplementedError": _BRACKETS,
        "TypeError": "combine conditions with & and |, and set each comparison in brackets: asked & (draw < 0.8).",
        "value": "go through the places of the first row above. Asked and draw < 0.8: mask_id. Asked and draw >= 0.9: "
        "the token of random_ids. Else: the token. Draw nothing yourself: `draw` and `random_ids` are given.",
    },
)
