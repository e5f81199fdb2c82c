"""Exercise on masked words: what the model is shown, and what it is asked."""

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import INPUTS_CHANGED, Arguments, Exercise, Mistake, observe_values, slips
from course_utils.methods import madx


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


def _loose_mask(
    input_ids: Tensor,
    asked: Tensor,
    draw: Tensor,
    random_ids: Tensor,
    mask_id: int,
    *,
    all_masked: bool = False,
    no_random: bool = False,
    rest_random: bool = False,
    shares_turned: bool = False,
    not_only_asked: bool = False,
    all_labels: bool = False,
    labels_of_shown: bool = False,
    zero_labels: bool = False,
    mask_labels: bool = False,
    turned_labels: bool = False,
    changed_only: bool = False,
    not_shown: bool = False,
    exchanged: bool = False,
) -> tuple[Tensor, Tensor]:
    here = torch.ones_like(asked) if not_only_asked else asked
    masked, other = here & (draw < 0.8), here & (draw >= (0.8 if rest_random else 0.9))
    if shares_turned:
        masked, other = here & (draw >= 0.9), here & (draw < 0.8)
    if all_masked:
        masked, other = here, torch.zeros_like(here)
    shown = torch.where(masked, mask_id, input_ids)
    if not no_random:
        shown = torch.where(other, random_ids, shown)
    kept = ~asked if turned_labels else asked & (masked | other) if changed_only else asked
    labels = torch.where(
        kept, shown if labels_of_shown else input_ids, 0 if zero_labels else mask_id if mask_labels else -100
    )
    labels = shown if all_labels and labels_of_shown else input_ids if all_labels else labels
    shown = input_ids if not_shown else shown
    return (labels, shown) if exchanged else (shown, labels)


MASK_TOKENS = Exercise(
    reference=madx.mask_tokens,
    cases=_cases,
    observe=observe_values,
    mistakes=slips(
        _loose_mask,
        {
            "all_masked": "every place that is asked shows the mask. Only a draw below 0.8 does: later, in the "
            "task, no "
            "mask is ever seen.",
            "no_random": "random_ids is not used: a draw of 0.9 or more shows the token from there.",
            "rest_random": "every draw of 0.8 or more shows a random token. From 0.8 up to 0.9 the place shows "
            "its own.",
            "shares_turned": "mask and random token are exchanged: a draw below 0.8 shows the mask.",
            "not_only_asked": "places that are not asked are changed too. All three cases hold where `asked` is True.",
            "all_labels": "every place has a label. Where nothing is asked it is -100, or the model is paid for "
            "copying.",
            "labels_of_shown": "the labels are taken from what is shown. The model must say what stood there before: "
            "take them from input_ids.",
            "zero_labels": "the label of a place that is not asked is 0, which is a token. It must be -100.",
            "mask_labels": "the label of a place that is not asked is the mask. It must be -100: cross-entropy leaves "
            "that out.",
            "turned_labels": "the labels are turned round: -100 belongs where `asked` is False.",
            "changed_only": "a place that is asked and shows its own token has no label. It is asked all the same: the "
            "model cannot know that it was left alone.",
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
        "type": "return two tensors, shown and labels, in this order.",
        "shape": "both results have the shape of input_ids, (batch, tokens). Do not pick the asked places out; "
        "torch.where(condition, a, b) keeps the shape.",
        "dtype": "both results hold token ids: int64, as input_ids does. torch.where with a whole number keeps it so.",
    },
)
