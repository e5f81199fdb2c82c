"""Exercise on one step of a beam search."""

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import Arguments, Exercise, Mistake, observe_values, slips
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


def _loose_beam(
    scores: Tensor,
    log_probs: Tensor,
    num_candidates: int,
    *,
    no_scores: bool = False,
    multiplied: bool = False,
    along_tokens: bool = False,
    smallest: bool = False,
    exchanged: bool = False,
    flat: bool = False,
    by_beams: bool = False,
    probabilities: bool = False,
) -> tuple[Tensor, ...]:
    vocabulary = log_probs.shape[1]
    totals = log_probs if no_scores else scores[:, None] + log_probs
    if multiplied:
        totals = scores[:, None] * log_probs
    if along_tokens:
        totals = scores.repeat(vocabulary)[: log_probs.numel()].reshape(log_probs.shape) + log_probs
    if probabilities:
        totals = totals.exp()
    best, places = totals.flatten().topk(num_candidates, largest=not smallest)
    if flat:
        return best, places, places % vocabulary
    width = len(scores) if by_beams else vocabulary
    beams, tokens = places // width, places % width
    return (best, tokens, beams) if exchanged else (best, beams, tokens)


def _each_beam_alone(scores: Tensor, log_probs: Tensor, num_candidates: int) -> tuple[Tensor, ...]:
    tokens = log_probs.argmax(dim=1)
    best = scores + log_probs.max(dim=1).values
    order = best.argsort(descending=True)
    return best[order], order, tokens[order]


BEAM_STEP = Exercise(
    reference=seqkd.beam_step,
    observe=observe_values,  # a search: nothing is trained through it
    cases=_beam_cases,
    mistakes=slips(
        _loose_beam,
        {
            "no_scores": "the scores of the sentences so far are left out: a bad beginning would count as "
            "much as a good one. Add them.",
            "multiplied": "log-probabilities are added, not multiplied: the log of a product is the sum of "
            "the logs.",
            "along_tokens": "each sentence's score must be added to its own row: scores[:, None] + "
            "log_probs.",
            "smallest": "these are the worst ones. Log-probabilities below 0: the best is the largest.",
            "exchanged": "beams and tokens are exchanged: return the scores, then the beams, then the "
            "tokens.",
            "flat": "the place in the flattened table is not yet the beam: divide it by the size of the "
            "vocabulary (//).",
            "by_beams": "a row of the table is as long as the vocabulary: divide by log_probs.shape[1], "
            "not by the number of beams.",
            "probabilities": "return log-probabilities, not probabilities: a product of many soon rounds "
            "to 0.",
        },
        Mistake(
            _each_beam_alone,
            "that is the best token of each beam, on its own. All continuations of all beams compete in "
            "one list: "
            "one good beam may take every place.",
        ),
        Mistake(
            lambda scores, log_probs, n: tuple(part.flip(0) for part in _loose_beam(scores, log_probs, n)),
            "the worst of the candidates stands first. The best comes first.",
        ),
    ),
)
