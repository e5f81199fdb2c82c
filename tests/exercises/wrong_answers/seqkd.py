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


def beam_by_sorting(tokens, scores, log_probs, num_beams, end_token_id):
    totals = (scores.unsqueeze(-1) + log_probs).reshape(-1)
    order = totals.argsort(descending=True)[: 2 * num_beams]
    going, done = ([], []), ([], [])
    for rank, place in enumerate(order.tolist()):
        beam, token = divmod(place, log_probs.shape[-1])
        part = going if token != end_token_id else done if rank < num_beams else ([], [])
        part[0].append(tokens[beam].tolist() + [token])
        part[1].append(totals[place])
    empty, length = totals[:0], tokens.shape[1] + 1
    return [
        [
            torch.tensor(rows[:num_beams]).long().reshape(-1, length),
            torch.stack(sums[:num_beams]) if sums else empty,
        ]
        for rows, sums in (going, done)
    ]


def beam_by_masks(tokens, scores, log_probs, num_beams, end_token_id):
    best, places = (log_probs + scores[:, None]).view(-1).sort(descending=True)
    best, places = best[: 2 * num_beams], places[: 2 * num_beams]
    beams, added = torch.unravel_index(places, log_probs.shape)
    longer = torch.hstack([tokens[beams], added.unsqueeze(1)])
    alive = added != end_token_id
    among_the_best = torch.arange(len(best)) < num_beams
    beam = longer[alive][:num_beams], best[alive][:num_beams]
    return beam, (longer[~alive & among_the_best], best[~alive & among_the_best])


def beam_by_two_searches(tokens, scores, log_probs, num_beams, end_token_id):
    """Those that go on are the best of all that do not end."""
    totals, words = scores[:, None] + log_probs, log_probs.shape[1]
    others = totals.clone()
    others[:, end_token_id] = -torch.inf

    def winners(table):
        best, places = table.flatten().topk(min(num_beams, table.numel()))
        sentences = torch.cat([tokens[places // words], (places % words)[:, None]], dim=1)
        return sentences, best

    (sentences, best), (every, sums) = winners(others), winners(totals)
    ended = every[:, -1] == end_token_id
    return (sentences[best > -torch.inf], best[best > -torch.inf]), (every[ended], sums[ended])


def beam_with_plain_empties(tokens, scores, log_probs, num_beams, end_token_id):
    beam, (ended, sums) = beam_by_masks(tokens, scores, log_probs, num_beams, end_token_id)
    return beam, (ended, sums) if len(ended) else (torch.empty(0, tokens.shape[1] + 1), torch.empty(0))


def labels_by_turns(ids, user_token_id, assistant_token_id):
    labels = torch.full_like(ids[1:], -100)
    tokens = ids.tolist()
    for start in [i for i, token in enumerate(tokens) if token == assistant_token_id]:
        end = tokens.index(user_token_id, start) if user_token_id in tokens[start:] else len(tokens)
        labels[start : end - 1] = ids[start + 1 : end]
    return labels


def labels_by_counting(ids, user_token_id, assistant_token_id):
    marks = (ids == assistant_token_id).long() - (ids == user_token_id).long()
    places = torch.where(marks != 0, torch.arange(len(ids)), -1).cummax(0).values
    speaks = (places >= 0) & (marks[places.clamp(min=0)] > 0)
    return torch.where(speaks[:-1] & (ids[1:] != user_token_id), ids[1:], -100)


def labels_in_a_list(ids, user_token_id, assistant_token_id):
    labels, speaker = [], None
    for token in ids.tolist():
        learned = speaker == assistant_token_id and token != user_token_id
        labels.append(token if learned else -100)
        speaker = token if token in (user_token_id, assistant_token_id) else speaker
    return torch.tensor(labels[1:])


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


def copies_by_recursion(texts, similarity, threshold):
    if not texts:
        return []
    kept = copies_by_recursion(texts[:-1], similarity, threshold)
    return kept + [text for text in texts[-1:] if all(similarity(text, other) < threshold for other in kept)]


WRONG = {
    "seqkd.shift_right": {
        "in place": {"return": "labels[:, 0] = start_token_id\n    return"},
        "return a tensor of token ids": {"pad_token_id)": "pad_token_id).tolist()"},
        "as many start tokens": {
            "inputs[:, 1:] = labels[:, :-1]": "inputs = torch.cat([inputs[:1, :1], labels[:, :-1]], 1)"
        },
        "token ids are whole numbers": {"pad_token_id)": "pad_token_id).float()"},
        "the result has the shape of labels": {
            "return inputs": "return inputs[:, 1:]",
            "(inputs": "(inputs[:, 1:]",
        },
    },
    "seqkd.word_kd_loss": {
        "log of a softmax": {
            "F.log_softmax(student_logits[real], dim=-1)": "student_logits[real].softmax(-1).log()"
        },
        "return one number": {'"sum"': '"none"'},
        "Two things": {"!= -100": "== labels", ".detach()": ""},
    },
    "seqkd.beam_step": {
        "scores needs a second dim": {"scores[:, None]": "scores"},
        "return two pairs": {", (longer[finished], best[finished])": ""},
        "the sentences are (how many": {"longer[goes_on]": "longer[goes_on, -1]"},
        "// and %, not /": {
            "//": "/",
            "tokens[beams]": "tokens[beams.long()]",
            "longer[goes_on]": "longer[goes_on].float()",
        },
        "Two things.": {"2 * num_beams": "num_beams", "added == end_token_id": "added == 0"},
    },
    "seqkd.without_near_copies": {
        "no text at all": {"= []": "= [texts[0]]", "in texts": "in texts[1:]"},
        "return a list of texts": {"return kept": "return tuple(kept)"},
        "another number of texts is left": {"return kept": "return kept[:1]"},
        "not in their order": {"return kept": "return kept[::-1]"},
    },
    "seqkd.answer_labels": {
        "in place": {"ids[1:].clone()": "ids[1:]"},
        "a tensor of labels": {"return labels": "return labels.tolist()"},
        "one label less": {"ids[1:].clone()": "ids.clone()"},
        "labels are whole numbers": {"return labels": "return labels.float()"},
        "Two things.": {"-100": "0", "token == assistant": "labels[place] == assistant"},
    },
}

RIGHT = {
    "seqkd.shift_right": [shift_by_pad, shift_row_by_row, shift_by_rolling],
    "seqkd.word_kd_loss": [word_by_hand, word_by_selection, word_by_entropies],
    "seqkd.beam_step": [beam_by_sorting, beam_by_masks, beam_by_two_searches, beam_with_plain_empties],
    "seqkd.without_near_copies": [copies_by_loop, copies_by_deleting, copies_by_recursion],
    "seqkd.answer_labels": [labels_by_turns, labels_by_counting, labels_in_a_list],
}
