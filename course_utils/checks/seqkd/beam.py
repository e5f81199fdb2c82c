"""Exercise on one step of a beam search."""

from typing import Any

import torch
from torch import Generator, Tensor

from course_utils.checks.edits import edits
from course_utils.checks.tasks import RESULT, Arguments, Exercise, Function, Observations, observe_values
from course_utils.methods import seqkd

# Sentences in the beam and their length, words, num_beams, the token that ends a sentence, and what its logit gains: so
# that some sentences end; in the last case none does.
_SIZES = (
    (1, 1, 4, 2, 3, 1.5),
    (2, 2, 3, 2, 0, 1.5),
    (3, 3, 7, 3, 2, 1.5),
    (4, 2, 3, 4, 1, 1.5),
    (1, 1, 3, 4, 1, 1.5),
    (2, 3, 6, 2, 4, -9.0),
)


def _beam_cases(generator: Generator) -> list[Arguments]:
    cases: list[Arguments] = []
    for beams, length, words, num_beams, end, gain in _SIZES:
        logits = torch.randn(beams, words, generator=generator, dtype=torch.float64)
        logits[:, end] += gain
        scores = -2 * torch.rand(beams, generator=generator, dtype=torch.float64)
        cases.append(
            {
                "tokens": torch.randint(4, 9, (beams, length), generator=generator),
                "scores": scores.float(),
                "log_probs": logits.log_softmax(dim=-1).float(),
                "num_beams": num_beams,
                "end_token_id": end,
            }
        )
    return cases


_PARTS = ("sentences that go on", "their scores", "sentences that ended", "the scores of these")


def _observe(function: Function, arguments: Arguments) -> Observations:
    """Each of the four tensors by its name. Nothing is trained through a search, and a list is as good as a tuple.

    Of a tensor without entries the dtype says nothing: torch.empty(0, 4) is float32, and good enough.
    """
    seen = observe_values(function, arguments)
    pairs = seen[RESULT]
    if not _is_pair(pairs) or not all(map(_is_pair, pairs)):
        return seen
    parts = [
        part.to(like.dtype) if isinstance(part, Tensor) and not part.numel() else part
        for part, like in zip(
            (*pairs[0], *pairs[1]), 2 * (arguments["tokens"], arguments["scores"]), strict=True
        )
    ]
    return seen | {RESULT: "two pairs"} | dict(zip(_PARTS, parts, strict=True))


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2


_BEST = "best, places = totals.topk(min(2 * num_beams, len(totals)))"
_SHARES = """best, order = totals.view_as(log_probs).topk(2, dim=1)
    order += torch.arange(len(scores))[:, None] * log_probs.shape[1]
    best, places = best.flatten().sort(descending=True)
    places = order.flatten()[places]"""
_GOES_ON = "(~ended).nonzero().flatten()[:num_beams]"
_RETURN = "return (longer[goes_on], best[goes_on]), (longer[finished], best[finished])"

BEAM_STEP = Exercise(
    reference=seqkd.beam_step,
    observe=_observe,
    cases=_beam_cases,
    mistakes=edits(
        seqkd.beam_step,
        {"scores[:, None] + ": ""},
        "the scores of the sentences so far are left out: a bad beginning would count as much as a good one. Add them.",
        {"None] +": "None] *"},
        "log-probabilities are added, not multiplied: the log of a product is the sum of the logs.",
        {_BEST: "best, places = totals.topk(min(2 * num_beams, len(totals)), largest=False)"},
        "these are the worst ones. Log-probabilities below 0: the best is the largest.",
        {"2 * num_beams": "num_beams"},
        "of num_beams candidates some end, and the beam shrinks. Take twice as many: each beam can end in one way "
        "only, so enough of them go on.",
        {"min(2 * num_beams, len(totals))": "2 * num_beams"},
        "topk is asked for more candidates than there are: a short table has fewer than 2 * num_beams. Take the "
        "smaller of the two numbers, min(...).",
        {"//": "%", "%": "//"},
        "beams and tokens are exchanged: whole division of the place gives the beam, the remainder the token.",
        {"log_probs.shape[1]": "len(scores)"},
        "a row of the table is as long as the vocabulary: divide by log_probs.shape[1], not by the number of beams.",
        {").flatten()\n    best": ").exp().flatten()\n    best"},
        "return log-probabilities, not probabilities: a product of many soon rounds to 0.",
        {").flatten()\n    best": ").T.flatten()\n    best"},
        "the table is flattened by columns. Its rows are the beams: flatten it as it is.",
        {"beams = places": "best = log_probs.flatten()[places]\n    beams = places"},
        "the scores are those of the added tokens alone. Return the sums: old score plus token.",
        {"beams = places": "best = scores[places // log_probs.shape[1]]\n    beams = places"},
        "the scores are the old ones. Return those of the longer sentences.",
        {_BEST: _SHARES},
        "every beam has its own share of the winners. All continuations of all beams compete in one list: flatten "
        "before topk.",
        {"tokens[beams]": "tokens[[0] * len(beams)]"},
        "every winner continues the first sentence. It continues that of its own beam: tokens[beams].",
        {"[tokens[beams], added[:, None]]": "[added[:, None], tokens[beams]]"},
        "the new token stands in front of the sentence. It comes last.",
        {_GOES_ON: "torch.arange(len(best))[:num_beams]"},
        "sentences that have ended stay in the beam. Only the others go on.",
        {_GOES_ON: "(~ended).nonzero().flatten()"},
        "the beam grows. At most num_beams sentences go on.",
        {"ended[:num_beams]": "ended"},
        "a sentence is set aside that ends but is not among the num_beams best: better ones are still under way.",
        {"added == end_token_id": "added == 0"},
        "the token that ends a sentence is end_token_id, not always 0.",
        {_RETURN: "return (longer[finished], best[finished]), (longer[goes_on], best[goes_on])"},
        "the two pairs are exchanged: first those that go on, then those that have ended.",
    ),
    advice={
        "type": "return two pairs of tensors, (sentences, scores): those that go on, and those that have ended.",
        "RuntimeError": "tokens is (beams, length), scores is (beams,), log_probs (beams, words). scores needs a "
        "second dim: scores[:, None]. Before you append a token, take for each winner the sentence of its beam. If it "
        "speaks of an empty list: there may be no sentence that ended, and torch.stack and torch.cat want one. Then "
        "return tensors of the shapes (0, length + 1) and (0,).",
        "shape": "the sentences are (how many, length + 1), and their scores (how many,), also where there are none: "
        "(0, length + 1) and (0,). At most num_beams go on.",
        "dtype": "tokens are whole numbers: // and %, not /. The scores keep their dtype.",
    },
)
