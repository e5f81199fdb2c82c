"""Answers to the exercises of notebook 04 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/seqkd`, since none of its mistakes fits: replacements in the
reference, and a piece of the advice. RIGHT: other ways to be right.
"""

import torch
import torch.nn.functional as F


def shift_by_pad(labels, start_token_id, pad_token_id):
    moved = F.pad(labels[:, :-1], (1, 0), value=start_token_id)
    return torch.where(moved == -100, pad_token_id, moved)


def shift_row_by_row(labels, start_token_id, pad_token_id):
    rows = [[start_token_id, *row[:-1]] for row in labels.tolist()]
    return torch.tensor([[pad_token_id if token == -100 else token for token in row] for row in rows])


def _terms(student_logits, teacher_logits):
    log_p, log_q = teacher_logits.detach().log_softmax(-1), student_logits.log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def word_by_hand(student_logits, teacher_logits, labels):
    real = (labels != -100).float()
    return (_terms(student_logits, teacher_logits) * real).sum() / real.sum()


def word_by_selection(student_logits, teacher_logits, labels):
    return _terms(student_logits, teacher_logits)[labels >= 0].mean()


def _best(totals, count):
    best, places = totals.flatten().topk(count)
    width = totals.shape[1]
    return best, torch.div(places, width, rounding_mode="floor"), places.remainder(width)


def beam_in_a_list(scores, log_probs, num_candidates):
    return list(beam_by_topk(scores, log_probs, num_candidates))


def beam_by_sorting(scores, log_probs, num_candidates):
    totals = (scores.unsqueeze(-1) + log_probs).reshape(-1)
    order = totals.argsort(descending=True)[:num_candidates]
    return totals[order], order // log_probs.shape[-1], order % log_probs.shape[-1]


def beam_by_topk(scores, log_probs, num_candidates):
    return _best(log_probs + scores[:, None], num_candidates)


def closest_by_loop(candidates, references, similarity):
    found, best = None, -1.0
    for text in candidates:
        for other in references:
            if similarity(text, other) > best:
                found, best = text, similarity(text, other)
    return found


def closest_by_sorting(candidates, references, similarity):
    return sorted(candidates, key=lambda text: -max(similarity(text, other) for other in references))[0]


def copies_by_loop(texts, similarity, threshold):
    kept = []
    for text in texts:
        if not any(similarity(text, other) >= threshold for other in kept):
            kept.append(text)
    return kept


def copies_by_deleting(texts, similarity, threshold):
    left, kept = list(texts), []
    while left:
        first = left.pop(0)
        kept.append(first)
        left = [text for text in left if similarity(first, text) < threshold]
    return kept


def shift_by_rolling(labels, start_token_id, pad_token_id):
    moved = labels.roll(1, dims=-1)
    moved[:, 0] = start_token_id
    moved[moved < 0] = pad_token_id
    return moved


def word_by_entropies(student_logits, teacher_logits, labels):
    real = (labels != -100).flatten()
    p = teacher_logits.detach().flatten(0, 1)[real].softmax(dim=-1)
    cross_entropy = F.cross_entropy(student_logits.flatten(0, 1)[real], p)
    return cross_entropy - torch.special.entr(p).sum(dim=-1).mean()


def closest_by_table(candidates, references, similarity):
    table = torch.tensor([[similarity(text, other) for other in references] for text in candidates])
    best = table.amax(dim=1)
    return candidates[(best == best.max()).nonzero()[0].item()]


def copies_by_recursion(texts, similarity, threshold):
    if not texts:
        return []
    kept = copies_by_recursion(texts[:-1], similarity, threshold)
    return kept + [text for text in texts[-1:] if all(similarity(text, other) < threshold for other in kept)]


SOME = (
    "max((text for text in candidates if any(similarity(text, other) for other in references)), default=None"
)

WRONG = {
    "seqkd.shift_right": [
        ({"return": "labels[:, 0] = start_token_id\n    return"}, "in place"),
        ({"pad_token_id)": "pad_token_id).tolist()"}, "return a tensor of token ids"),
        ({"pad_token_id)": "pad_token_id).float()"}, "token ids are whole numbers"),
        (
            {"return inputs": "return inputs[:, 1:]", "(inputs": "(inputs[:, 1:]"},
            "the result has the shape of labels",
        ),
    ],
    "seqkd.word_kd_loss": [
        (
            {"F.log_softmax(student_logits[real], dim=-1)": "student_logits[real].softmax(-1).log()"},
            "log of a softmax",
        ),
        ({'"sum"': '"none"'}, "return one number"),
        ({"!= -100": "== labels", ".detach()": ""}, "Two things"),
    ],
    "seqkd.beam_step": [
        ({"scores[:, None]": "scores"}, "scores needs a second dim"),
        ({", places // log_probs.shape[1], places % log_probs.shape[1]": ""}, "return three tensors"),
        ({"num_candidates": "1"}, "num_candidates entries"),
        ({"//": "/"}, "// and %, not /"),
    ],
    "seqkd.closest": [
        ({"max(candidates": SOME}, "nothing is returned where"),
        ({"return max": "return sorted"}, "return one of the candidates, a text"),
        ({"in references": "in references[-1:]"}, "for each candidate, take the largest"),
    ],
    "seqkd.without_near_copies": [
        ({"= []": "= [texts[0]]", "in texts": "in texts[1:]"}, "no text at all"),
        ({"return kept": "return tuple(kept)"}, "return a list of texts"),
        ({"return kept": "return kept[:1]"}, "another number of texts is left"),
        ({"return kept": "return kept[::-1]"}, "not in their order"),
    ],
}

RIGHT = {
    "seqkd.shift_right": [shift_by_pad, shift_row_by_row, shift_by_rolling],
    "seqkd.word_kd_loss": [word_by_hand, word_by_selection, word_by_entropies],
    "seqkd.beam_step": [beam_by_sorting, beam_by_topk, beam_in_a_list],
    "seqkd.closest": [closest_by_loop, closest_by_sorting, closest_by_table],
    "seqkd.without_near_copies": [copies_by_loop, copies_by_deleting, copies_by_recursion],
}
