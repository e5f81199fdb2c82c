"""Exercises on single tokens: what the decoder reads, and the word-level loss."""

import torch
from torch import Generator

from course_utils.checks.advice import LARGE_LOGITS
from course_utils.checks.edits import edits
from course_utils.checks.tasks import Arguments, Exercise
from course_utils.methods import seqkd

TEACHER_GRADIENT = "the gradient also reaches the teacher, who is not to learn: teacher_logits.detach()."
SWAPPED = (
    "student and teacher are swapped. F.kl_div takes the student's log-probabilities first, then the teacher as the "
    "target."
)
KL = 'F.kl_div(log_q, log_p, reduction="sum", log_target=True)'
PADDING = -100
COPY = "inputs[:, 1:] = labels[:, :-1]"
TO_THE_LEFT = (
    "that is shifted to the left: the decoder would read ahead. At position t it may know only earlier ones."
)
FLAT = (
    "the last label of one sentence has come into the next: roll without dims moves the whole batch as one line. Each "
    "sentence is shifted for itself, and begins with the start token."
)


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


SHIFT_RIGHT = Exercise(
    reference=seqkd.shift_right,
    cases=_shift_cases,
    mistakes=edits(
        seqkd.shift_right,
        {".masked_fill(inputs == -100, pad_token_id)": ""},
        "-100 is still in it. It is no token, and the embedding fails on it: put pad_token_id there.",
        {"[:, 1:]": "[:, :-1]", "[:, :-1]": "[:, 1:]"},
        TO_THE_LEFT,
        {"[:, 1:]": "[:, :-1]", "[:, :-1]": "[:, 1:]", "start_token_id": "pad_token_id"},
        TO_THE_LEFT,
        {COPY: "inputs = labels.roll(1, dims=1)"},
        "the last label has come round to the front. The first position belongs to the start token.",
        {COPY: "inputs = labels.roll(1)"},
        FLAT,
        {COPY: "inputs = labels.roll(1)\n    inputs[0, 0] = start_token_id"},
        FLAT,
        {COPY: "inputs = torch.cat([inputs[:, :1], labels], dim=1)"},
        "the result is one position longer than the labels. Leave the last label out: nothing is said after it.",
        {"start_token_id": "pad_token_id"},
        "the first position holds pad_token_id. It belongs to start_token_id.",
        {"full_like(labels, start_token_id)": "zeros_like(labels)"},
        "the first position holds 0. It belongs to start_token_id, which need not be 0.",
        {COPY: "inputs = labels"},
        "nothing is shifted: at every position the decoder would read the very token that it is to say.",
        {"labels[:, :-1]": "labels[:, 1:]"},
        "the start token has replaced the first label, and the others stayed where they were. Every label moves "
        "one position to the right, and the last one drops out.",
        {"labels[:, :-1]": "labels[:, :1]"},
        "the first label is repeated at every position: the copy reads what it has just written. Read from "
        "labels, and write into a new tensor.",
        {"(inputs ==": "(labels =="},
        "padding is looked for at its old positions. It has moved too: fill it after the shift.",
        {", pad_token_id": ", start_token_id"},
        "padding became the start token. It becomes pad_token_id.",
        {"[:, 1:]": "[1:]", "[:, :-1]": "[:-1]"},
        "that shifts the sentences of the batch. The positions of a sentence are the last dim.",
        {COPY: "inputs[0, 1:] = labels[0, :-1]"},
        "only the first sentence of the batch is shifted. Index all rows: inputs[:, ...].",
        {"1:]": "2:]", ":-1]": ":-2]"},
        "that is two positions to the right. One is asked for.",
        {"start_token_id": "pad_token_id", "pad_token_id": "start_token_id"},
        "start_token_id and pad_token_id are exchanged.",
        {", pad_token_id": ", 0"},
        "padding became 0. It becomes pad_token_id, which need not be 0.",
    ),
    advice={
        "type": "return a tensor of token ids.",
        "shape": "the result has the shape of labels: one token in front, and the last label left out.",
        "dtype": "the result has the dtype of labels: token ids are whole numbers.",
        "RuntimeError": "if it speaks of sizes that must match: labels has a row for each sentence, so there are "
        "as many start tokens: torch.full((len(labels), 1), start_token_id).",
    },
)

_LABELS = (
    [[1, 0, 2], [3, 0, PADDING]],  # 0 in the middle: leaving it out is no shift
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


WORD_KD_LOSS = Exercise(
    reference=seqkd.word_kd_loss,
    cases=_word_kd_cases,
    mistakes=edits(
        seqkd.word_kd_loss,
        {"!= -100": "== labels"},
        "padding counts: at a place whose label is -100 nothing is said. Keep the places with labels != -100.",
        {"real.sum().clamp(min=1)": "real.numel()"},
        "padding is left out of the sum, but not of the number by which you divide. Divide by the number of real "
        "tokens.",
        {"real.sum().clamp(min=1)": "len(labels)"},
        "that is averaged over the sentences: a batch of long ones would count more. Divide by the number of "
        "real tokens ('batchmean' divides by the first dim).",
        {" / real.sum().clamp(min=1)": ""},
        "that is the sum over the tokens. Divide by how many real tokens there are.",
        {"clamp(min=1)": "clamp(min=1) / log_q.shape[-1]"},
        "that is also divided by the size of the vocabulary. 'batchmean' on (tokens, vocabulary) does not do that.",
        {"(log_q, log_p": "(log_p, log_q"},
        SWAPPED,
        {KL: "-(log_p.exp() * log_q).sum()"},
        "that is the soft cross-entropy. It lies above the KL divergence by the teacher's entropy, and so is not "
        "0 where the two agree.",
        {KL: 'F.cross_entropy(student_logits[real], labels[real], reduction="sum")'},
        "that is the cross-entropy with the gold tokens. The target is the teacher's whole distribution.",
        {"logits[real]": "logits", "dim=-1)": "dim=1)[real]"},
        "the softmax runs over the places of the sentence. The vocabulary is the last dim: dim=-1.",
        {".detach()": ""},
        TEACHER_GRADIENT,
        {
            "return ": "weights = real / real.sum(1, keepdim=True) / len(labels)\n    return ",
            '"sum"': '"none"',
            " / real.sum().clamp(min=1)": ".sum(-1) @ weights[real]",
        },
        "that is the mean of the sentences' means: words of short sentences count more. Divide the sum over all "
        "by the number of all real tokens.",
        {"labels != -100": "F.pad(labels[:, 1:] != -100, (0, 1))"},
        "the labels are shifted by one against the logits. That is right for a decoder alone. Here the logits at "
        "a place belong to that place's label already.",
        {"return ": "return -"},
        "the sign is turned round: a KL divergence is never below 0.",
        {"!= -100": "> 0"},
        "places with label 0 are left out, but 0 is a token. Padding is -100 alone.",
        {KL: 'F.cross_entropy(student_logits[real], log_p.argmax(dim=-1), reduction="sum")'},
        "that is the cross-entropy with the teacher's likeliest tokens. The target is its whole distribution.",
        {"(log_q, log_p": "(log_p, log_q.exp()", ", log_target=True": ""},
        SWAPPED,
        {"log_p = F.log_softmax": "log_p = F.softmax"},
        "log_target=True says that the teacher's logs are given, but these are its probabilities: F.log_softmax, "
        "or no log_target.",
        {"log_q = F.log_softmax": "log_q = F.softmax"},
        "these are the student's probabilities. F.kl_div wants their logs there: F.log_softmax.",
        {"F.log_softmax(": "(", ", dim=-1)": ")", ", log_target=True": ""},
        "these are still logits. F.kl_div wants log_softmax of the student's, and of the teacher's with "
        "log_target=True.",
    ),
    advice={
        "gradient of teacher_logits": TEACHER_GRADIENT,
        "shape": "return one number, a scalar: the sum over the vocabulary, averaged over the real tokens.",
        "nan": "NaN or infinity: with large logits a probability rounds to 0, and its log is -inf. Take "
        "F.log_softmax, not the log of a softmax.",
        "value": LARGE_LOGITS,
    },
)
