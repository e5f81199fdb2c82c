"""Exercises on single tokens: what the decoder reads, and the word-level loss."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.tasks import Arguments, Exercise, Mistake, slips
from course_utils.methods import seqkd

TEACHER_GRADIENT = "the gradient also reaches the teacher, who is not to learn: teacher_logits.detach()."
SWAPPED = (
    "student and teacher are swapped. F.kl_div takes the student's log-probabilities first, then the teacher as "
    "the target."
)
PADDING = -100


def _shift_cases(_: Generator) -> list[Arguments]:
    rows = (
        ([[7, 8, 9, 1]], 0, 0),
        ([[7, 8, 1], [9, 1, PADDING]], 2, 0),
        ([[5, 1, PADDING, PADDING], [6, 7, 8, 1], [4, 5, 1, PADDING]], 3, 2),
        ([[1], [1]], 4, 0),
    )
    return [
        {"labels": torch.tensor(labels), "start_token_id": start, "pad_token_id": pad}
        for labels, start, pad in rows
    ]


def _loose_shift(
    labels: Tensor,
    start_token_id: int,
    pad_token_id: int,
    *,
    unmasked: bool = False,
    left: bool = False,
    rolled: bool = False,
    longer: bool = False,
    pad_first: bool = False,
    not_shifted: bool = False,
    masked_before: bool = False,
    start_for_padding: bool = False,
    other_dim: bool = False,
    two_places: bool = False,
    ids_exchanged: bool = False,
    zero_for_padding: bool = False,
) -> Tensor:
    if ids_exchanged:
        start_token_id, pad_token_id = pad_token_id, start_token_id
    first = labels.new_full((len(labels), 1), pad_token_id if pad_first else start_token_id)
    shifted = torch.cat([first, labels if longer else labels[:, :-1]], dim=1)
    if left:
        shifted = torch.cat([labels[:, 1:], first], dim=1)
    if rolled:
        shifted = labels.roll(1, dims=1)
    if not_shifted:
        shifted = labels.clone()
    if two_places:
        shifted = torch.cat([first, first, labels], dim=1)[:, : labels.shape[1]]
    if other_dim:
        shifted = torch.cat([torch.full_like(labels[:1], start_token_id), labels[:-1]])
    padding = (labels if masked_before else shifted) == PADDING
    filling = 0 if zero_for_padding else start_token_id if start_for_padding else pad_token_id
    return shifted if unmasked else shifted.masked_fill(padding, filling)


SHIFT_RIGHT = Exercise(
    reference=seqkd.shift_right,
    cases=_shift_cases,
    mistakes=slips(
        _loose_shift,
        {
            "unmasked": "-100 is still in it. It is no token, and the embedding fails on it: put "
            "pad_token_id there.",
            "left": "that is shifted to the left: the decoder would read ahead. At place t it may know "
            "labels before t only.",
            "rolled": "the last label has come round to the front. The first place belongs to the start "
            "token.",
            "longer": "the result is one place longer than the labels. Leave the last label out: nothing "
            "is said after it.",
            "pad_first": "the first place holds pad_token_id. It belongs to start_token_id.",
            "not_shifted": "nothing is shifted: at every place the decoder would read the very token that "
            "it is to say.",
            "masked_before": "padding is looked for at its old places. It has moved too: fill it after the shift.",
            "start_for_padding": "padding became the start token. It becomes pad_token_id.",
            "other_dim": "that shifts the sentences of the batch. The places of a sentence are the last dim.",
            "two_places": "that is two places to the right. One is asked for.",
            "ids_exchanged": "start_token_id and pad_token_id are exchanged.",
            "zero_for_padding": "padding became 0. It becomes pad_token_id, which need not be 0.",
        },
    ),
    advice={
        "type": "return a tensor of token ids.",
        "shape": "the result has the shape of labels: one token in front, and the last label left out.",
        "dtype": "the result has the dtype of labels: token ids are whole numbers.",
    },
)

_LABELS = (
    [[1, 2, 0], [3, 0, PADDING]],
    [[2, 1, 0]],
    [[1, 0, PADDING, PADDING], [2, 3, 1, 0], [0, PADDING, PADDING, PADDING]],
    [[3, 0], [2, 0]],
)


def _word_kd_cases(generator: Generator) -> list[Arguments]:
    cases: list[Arguments] = []
    for number, rows in enumerate(_LABELS):
        labels = torch.tensor(rows)
        dtype, scale = (torch.float32, 2.0) if number != 3 else (torch.float32, 200.0)
        logits = [
            torch.randn(*labels.shape, 4, generator=generator, dtype=torch.float64).mul(scale).to(dtype)
            for _ in range(2)
        ]
        cases.append({"student_logits": logits[0], "teacher_logits": logits[1], "labels": labels})
    return cases


def _loose_word_kd(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    all_places: bool = False,
    all_in_mean: bool = False,
    by_sentence: bool = False,
    total: bool = False,
    over_vocabulary: bool = False,
    swapped: bool = False,
    entropy: bool = False,
    gold: bool = False,
    over_places: bool = False,
    teacher_learns: bool = False,
    each_sentence: bool = False,
    uphill: bool = False,
    zero_is_padding: bool = False,
    likeliest: bool = False,
) -> Tensor:
    dim = 1 if over_places else -1
    log_q = F.log_softmax(student_logits, dim=dim)
    log_p = F.log_softmax(teacher_logits if teacher_learns else teacher_logits.detach(), dim=dim)
    if swapped:
        log_q, log_p = log_p, log_q
    terms = log_p.exp() * (-log_q if entropy else log_p - log_q)
    if gold:
        terms = -log_q * F.one_hot(labels.clamp(min=0), log_q.shape[-1])
    if likeliest:
        terms = -log_q * F.one_hot(log_p.argmax(dim=-1), log_q.shape[-1])
    real = torch.ones_like(labels, dtype=torch.bool) if all_places else labels != PADDING
    if zero_is_padding:
        real = labels > 0
    places = terms.sum(dim=-1) * real * (-1 if uphill else 1)
    summed = places.sum()
    if each_sentence:
        return (places.sum(dim=1) / real.sum(dim=1)).mean()
    if total:
        return summed
    if by_sentence:
        return summed / len(labels)
    count = real.numel() if all_in_mean else int(real.sum())
    return summed / (count * (log_q.shape[-1] if over_vocabulary else 1))


WORD_KD_LOSS = Exercise(
    reference=seqkd.word_kd_loss,
    cases=_word_kd_cases,
    mistakes=slips(
        _loose_word_kd,
        {
            "all_places": "padding counts: at a place whose label is -100 nothing is said. Keep the places "
            "with labels != -100.",
            "all_in_mean": "padding is left out of the sum, but not of the number by which you divide. "
            "Divide by the number of real tokens.",
            "by_sentence": "that is averaged over the sentences: a batch of long ones would count more. "
            "Divide by the number of real tokens ('batchmean' divides by the first dim).",
            "total": "that is the sum over the tokens. Divide by how many real tokens there are.",
            "over_vocabulary": "that is also divided by the size of the vocabulary. 'batchmean' on "
            "(tokens, vocabulary) does not do that.",
            "swapped": SWAPPED,
            "entropy": "that is the soft cross-entropy. It lies above the KL divergence by the teacher's "
            "entropy, and "
            "so is not 0 where the two agree.",
            "gold": "that is the cross-entropy with the gold tokens. The target is the teacher's whole "
            "distribution.",
            "over_places": "the softmax runs over the places of the sentence. The vocabulary is the last "
            "dim: dim=-1.",
            "teacher_learns": TEACHER_GRADIENT,
            "each_sentence": "that is the mean of the sentences' means: words of short sentences count more. Divide "
            "the sum over all by the number of all real tokens.",
            "uphill": "the sign is turned round: a KL divergence is never below 0.",
            "zero_is_padding": "places with label 0 are left out, but 0 is a token. Padding is -100 alone.",
            "likeliest": "that is the cross-entropy with the teacher's likeliest tokens. The target is its whole "
            "distribution.",
        },
        Mistake(
            lambda s, t, labels: F.kl_div(
                F.log_softmax(t.detach()[labels != PADDING], -1),
                F.softmax(s[labels != PADDING], -1),
                reduction="batchmean",
            ),
            SWAPPED,
        ),
        Mistake(
            lambda s, t, labels: F.kl_div(
                F.log_softmax(s[labels != PADDING], -1),
                F.softmax(t.detach()[labels != PADDING], -1),
                reduction="batchmean",
                log_target=True,
            ),
            "log_target=True says that the teacher's logs are given, but these are its probabilities: "
            "F.log_softmax, or no log_target.",
        ),
        Mistake(
            lambda s, t, labels: F.kl_div(
                F.softmax(s[labels != PADDING], -1),
                F.softmax(t.detach()[labels != PADDING], -1),
                reduction="batchmean",
            ),
            "these are the student's probabilities. F.kl_div wants their logs there: F.log_softmax.",
        ),
        Mistake(
            lambda s, t, labels: F.kl_div(
                s[labels != PADDING], t.detach()[labels != PADDING], reduction="batchmean"
            ),
            "these are still logits. F.kl_div wants log_softmax of the student's, and of the teacher's with "
            "log_target=True.",
        ),
    ),
    advice={
        "gradient of teacher_logits": TEACHER_GRADIENT,
        "shape": "return one number, a scalar: the sum over the vocabulary, averaged over the real tokens.",
        "nan": "NaN or infinity: with large logits a probability rounds to 0, and its log is -inf. Take "
        "F.log_softmax, not the log of a softmax.",
    },
)
