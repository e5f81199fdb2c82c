"""Exercise on one step of a beam search."""

from functools import partial

import torch
from torch import Generator, Tensor

from course_utils.checks.edits import edits
from course_utils.checks.tasks import RESULT, Arguments, Exercise, Function, Observations, observe_values
from course_utils.methods import seqkd


def _beam_cases(generator: Generator) -> list[Arguments]:
    cases: list[Arguments] = []
    for beams, vocabulary, candidates in ((1, 4, 2), (2, 3, 4), (3, 7, 6), (5, 6, 10)):
        logits = torch.randn(beams, vocabulary, generator=generator, dtype=torch.float64)
        scores = -3 * torch.rand(beams, generator=generator, dtype=torch.float64)
        cases.append(
            {
                "scores": scores.float(),
                "log_probs": logits.log_softmax(dim=-1).float(),
                "num_candidates": candidates,
            }
        )
    return cases


def _observe(function: Function, arguments: Arguments) -> Observations:
    """A search: nothing is trained through it. A list of the three tensors is as good as a tuple."""
    seen = observe_values(function, arguments)
    if isinstance(seen[RESULT], list):
        seen[RESULT] = tuple(seen[RESULT])
    return seen


def _each_beam_alone(scores: Tensor, log_probs: Tensor, num_candidates: int) -> tuple[Tensor, ...]:
    tokens = log_probs.argmax(dim=1)
    best = scores + log_probs.max(dim=1).values
    order = best.argsort(descending=True)
    return best[order], order, tokens[order]


def _a_share_each(
    scores: Tensor, log_probs: Tensor, num_candidates: int, in_order: bool
) -> tuple[Tensor, ...]:
    share = num_candidates // len(scores)
    best, tokens = (part.flatten() for part in (scores[:, None] + log_probs).topk(share, dim=1))
    beams = torch.arange(len(scores)).repeat_interleave(share)
    order = best.argsort(descending=True) if in_order else slice(None)
    return best[order], beams[order], tokens[order]


BEAM_STEP = Exercise(
    reference=seqkd.beam_step,
    observe=_observe,
    cases=_beam_cases,
    mistakes=edits(
        seqkd.beam_step,
        (
            {"scores[:, None] + ": ""},
            "the scores of the sentences so far are left out: a bad beginning would count as much as a good one. Add "
            "them.",
        ),
        (
            {"None] +": "None] *"},
            "log-probabilities are added, not multiplied: the log of a product is the sum of the logs.",
        ),
        (
            {"scores[:, None]": "scores.repeat(log_probs.shape[1]).view_as(log_probs)"},
            "each sentence's score must be added to its own row: scores[:, None] + log_probs.",
        ),
        (
            {"num_candidates": "num_candidates, largest=False"},
            "these are the worst ones. Log-probabilities below 0: the best is the largest.",
        ),
        (
            {"//": "%", "%": "//"},
            "beams and tokens are exchanged: return the scores, then the beams, then the tokens.",
        ),
        (
            {" // log_probs.shape[1]": ""},
            "the place in the flattened table is not yet the beam: divide it by the size of the vocabulary (//).",
        ),
        (
            {"log_probs.shape[1]": "len(scores)"},
            "a row of the table is as long as the vocabulary: divide by log_probs.shape[1], not by the number of "
            "beams.",
        ),
        (
            {").flatten": ").exp().flatten"},
            "return log-probabilities, not probabilities: a product of many soon rounds to 0.",
        ),
        (
            {").flatten": ").T.flatten"},
            "the table is flattened by columns. Its rows are the beams: flatten it as it is.",
        ),
        (
            {"return best": "return log_probs.flatten()[places]"},
            "the scores are those of the added tokens alone. Return the sums: old score plus token.",
        ),
        (
            {"return best": "return scores[places // log_probs.shape[1]]"},
            "the scores are the old ones. Return those of the longer sentences.",
        ),
        (
            _each_beam_alone,
            "that is the best token of each beam, on its own. All continuations of all beams compete in one list: "
            "one good beam may take every place.",
        ),
        (
            partial(_a_share_each, in_order=True),
            "every beam has its own share of the winners. All compete in one list: flatten before topk.",
        ),
        (
            partial(_a_share_each, in_order=False),
            "the winners of one beam stand behind those of another. All compete in one list: flatten before topk.",
        ),
        (
            {"return": "best, places = best.flip(0), places.flip(0)\n    return"},
            "the worst of the candidates stands first. The best comes first.",
        ),
    ),
    advice={
        "type": "return three tensors, each (num_candidates,): the scores, the beams, the tokens.",
        "RuntimeError": "scores is (beams,), log_probs (beams, words). scores needs a second dim: scores[:, None].",
        "shape": "each of the three tensors has num_candidates entries: one for each winner.",
        "dtype": "beams and tokens are whole numbers: // and %, not /. The scores keep their dtype.",
    },
)
