"""Sequence-level distillation: a small translator learns from the whole sentences of a large one.

Sources: Kim and Rush (2016), "Sequence-Level Knowledge Distillation", sections 3.1 (word level), 3.2 (sequence
level) and 3.3 (interpolation); Sutskever, Vinyals and Le (2014) for beam search; for instructions that a teacher
writes, Wang et al. (2023), "Self-Instruct", section 2.2, and Lin (2004) for ROUGE-L.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.methods.validation import Given, checked, two_distributions


def _two_next_tokens(given: Given) -> None:
    labels = given["labels"]
    logits = given["student_logits"]
    if labels.shape != logits.shape[:-1]:
        raise ValueError(
            f"labels has the shape {tuple(labels.shape)} and student_logits has the shape {tuple(logits.shape)}: "
            "there must be one label for each position, (batch, length) against (batch, length, vocabulary)."
        )
    two_distributions(given)


def shift_right(labels: Tensor, start_token_id: int, pad_token_id: int) -> Tensor:
    """What the decoder reads while it learns to say `labels`: the same, one place to the right.

    labels: (batch, length), token ids, -100 for padding. Returns the same shape and dtype: the start token
    first, the last label left out, and `pad_token_id` wherever padding would stand.
    """
    inputs = torch.full_like(labels, start_token_id)
    inputs[:, 1:] = labels[:, :-1]
    return inputs.masked_fill(inputs == -100, pad_token_id)


@checked(_two_next_tokens)
def word_kd_loss(student_logits: Tensor, teacher_logits: Tensor, labels: Tensor) -> Tensor:
    """KL divergence from the teacher's next-token distribution to the student's, averaged over the tokens.

    student_logits, teacher_logits: (batch, length, vocabulary), both after the same target prefix; labels:
    (batch, length), -100 for padding, which does not count. Returns a scalar: the sum over the vocabulary,
    averaged over all tokens of the batch that are no padding (Kim and Rush 2016, section 3.1; their loss is
    the cross-entropy, which has the same gradient). The gradient reaches the student only. Where no token counts
    the loss is 0. Sums are taken in float32, and a token that the teacher rules out with -inf adds 0. Raises
    ValueError where the shapes do not fit.
    """
    real = labels != -100
    log_q = F.log_softmax(student_logits[real], dim=-1)
    log_p = F.log_softmax(teacher_logits[real].detach(), dim=-1)
    return F.kl_div(log_q, log_p, reduction="sum", log_target=True) / real.sum().clamp(min=1)


def beam_step(
    tokens: Tensor, scores: Tensor, log_probs: Tensor, num_beams: int, end_token_id: int
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """One step of a beam search: the sentences of the beam go on by one token, and the best are kept.

    tokens: (beams, length), the sentences so far; scores: (beams,), their log-probabilities; log_probs: (beams,
    vocabulary), of the next token. Returns two pairs of sentences and their log-probabilities, best first: the new
    beam, up to `num_beams` sentences that go on; and those that end with `end_token_id` among the `num_beams` best.
    """
    totals = (scores[:, None] + log_probs).flatten()
    best, places = totals.topk(min(2 * num_beams, len(totals)))
    beams = places // log_probs.shape[1]
    added = places % log_probs.shape[1]
    longer = torch.cat([tokens[beams], added[:, None]], dim=1)
    ended = added == end_token_id
    goes_on = (~ended).nonzero().flatten()[:num_beams]
    finished = ended[:num_beams].nonzero().flatten()
    return (longer[goes_on], best[goes_on]), (longer[finished], best[finished])


def beam_search(
    next_log_probs: Callable[[Tensor], Tensor],
    start_token_id: int,
    end_token_id: int,
    num_beams: int,
    max_new_tokens: int,
    length_penalty: float = 1.0,
) -> list[tuple[float, list[int]]]:
    """The `num_beams` best sentences that a beam of that width finds, as (score, tokens), best first.

    next_log_probs: from sentences so far, (beams, length) with the start token first, to the log-probabilities
    of the next token, (beams, vocabulary). A score is a sentence's log-probability divided by its length to
    the power of `length_penalty`; the end token counts, the start token does not. The search ends when no
    sentence of the beam scores above the worst of `num_beams` finished ones, as in transformers' `generate`.
    """
    tokens = torch.tensor([[start_token_id]])
    scores = torch.zeros(1)
    finished: list[tuple[float, list[int]]] = []
    for length in range(1, max_new_tokens + 1):
        beam, ended = beam_step(tokens, scores, next_log_probs(tokens), num_beams, end_token_id)
        tokens, scores = beam
        for sentences, totals in [ended] if length < max_new_tokens else [ended, beam]:
            for sentence, total in zip(sentences.tolist(), totals.tolist(), strict=True):
                finished.append((total / length**length_penalty, sentence[1:]))
        finished = sorted(finished, reverse=True)[:num_beams]
        hope = scores.max().item() / length**length_penalty if len(scores) else -float("inf")
        if len(finished) == num_beams and hope <= finished[-1][0]:
            break
    return finished


def answer_labels(ids: Tensor, user_token_id: int, assistant_token_id: int) -> Tensor:
    """The labels by which a model learns to say what the assistant says in a conversation, and nothing else.

    ids: (length,), the conversation's tokens; each turn begins with the mark of who speaks. Returns (length - 1,):
    label t is the token after ids[t] where the assistant says it, the mark of the conversation's end included, and
    -100 elsewhere. No mark of a speaker is learned.
    """
    labels = ids[1:].clone()
    speaks = False
    for place, token in enumerate(ids[:-1].tolist()):
        if token == assistant_token_id:
            speaks = True
        if labels[place] == user_token_id:
            speaks = False
        if not speaks:
            labels[place] = -100
    return labels


def closest(
    candidates: Sequence[str], references: Sequence[str], similarity: Callable[[str, str], float]
) -> str:
    """Sequence interpolation: of what the teacher would say, what is most like one of the references.

    candidates: the teacher's beam, best first; similarity: of two texts, high where they are alike. A
    candidate is as good as its similarity to the reference that is nearest to it. Of two that are equally
    good, the one that the teacher prefers (Kim and Rush 2016, section 3.3, with the beam as the neighbourhood).
    """
    return max(candidates, key=lambda text: max(similarity(text, reference) for reference in references))


def rouge_l(text: str, other: str) -> float:
    """ROUGE-L of two texts, from 0 to 1: the F-measure of their longest common subsequence of words."""
    ours = text.lower().split()
    theirs = other.lower().split()
    before = [0] * (len(theirs) + 1)
    for word in ours:
        row = [0]
        for j, their_word in enumerate(theirs):
            row.append(before[j] + 1 if word == their_word else max(before[j + 1], row[j]))
        before = row
    return 2 * before[-1] / max(len(ours) + len(theirs), 1)


def without_near_copies(
    texts: Sequence[str], similarity: Callable[[str, str], float], threshold: float
) -> list[str]:
    """The texts, in their order, that are less than `threshold` similar to each text kept before them.

    similarity: of two texts, from 0 to 1. A text that was dropped drops no other (Wang et al. 2023, section
    2.2, who use ROUGE-L and 0.7).
    """
    kept: list[str] = []
    for text in texts:
        if all(similarity(text, other) < threshold for other in kept):
            kept.append(text)
    return kept
