"""Answers to the exercises of notebook 04 as readers may give them: wrong ones with their hint, and right ones."""

import torch
import torch.nn.functional as F

# --- shift_right ---


def shift_with_holes(labels, start_token_id, pad_token_id):
    first = torch.full((labels.shape[0], 1), start_token_id)
    return torch.cat([first, labels[:, :-1]], dim=1)


def shift_to_the_left(labels, start_token_id, pad_token_id):
    last = torch.full((labels.shape[0], 1), start_token_id)
    moved = torch.cat([labels[:, 1:], last], dim=1)
    return torch.where(moved == -100, pad_token_id, moved)


def shift_rolled(labels, start_token_id, pad_token_id):
    moved = torch.roll(labels, 1, dims=1)
    return torch.where(moved == -100, pad_token_id, moved)


def shift_too_long(labels, start_token_id, pad_token_id):
    moved = F.pad(labels, (1, 0), value=start_token_id)
    return torch.where(moved == -100, pad_token_id, moved)


def shift_from_pad(labels, start_token_id, pad_token_id):
    moved = F.pad(labels[:, :-1], (1, 0), value=pad_token_id)
    return torch.where(moved == -100, pad_token_id, moved)


def shift_nothing(labels, start_token_id, pad_token_id):
    return torch.where(labels == -100, pad_token_id, labels)


def shift_in_place(labels, start_token_id, pad_token_id):
    labels[:, 1:] = labels[:, :-1].clone()
    labels[:, 0] = start_token_id
    labels[labels == -100] = pad_token_id
    return labels


def shift_masked_before(labels, start_token_id, pad_token_id):
    return F.pad(labels, (1, 0), value=start_token_id)[:, :-1].masked_fill(labels == -100, pad_token_id)


def shift_start_in_padding(labels, start_token_id, pad_token_id):
    inputs = F.pad(labels, (1, 0), value=start_token_id)[:, :-1]
    return inputs.masked_fill(inputs == -100, start_token_id)


def shift_the_batch(labels, start_token_id, pad_token_id):
    inputs = torch.cat([torch.full_like(labels[:1], start_token_id), labels[:-1]])
    return inputs.masked_fill(inputs == -100, pad_token_id)


def shift_by_two(labels, start_token_id, pad_token_id):
    inputs = F.pad(labels, (2, 0), value=start_token_id)[:, :-2]
    return inputs.masked_fill(inputs == -100, pad_token_id)


def shift_exchanged(labels, start_token_id, pad_token_id):
    return shift_by_pad(labels, pad_token_id, start_token_id)


def shift_clamped(labels, start_token_id, pad_token_id):
    return F.pad(labels[:, :-1], (1, 0), value=start_token_id).clamp(min=0)


def shift_as_list(labels, start_token_id, pad_token_id):
    return shift_by_pad(labels, start_token_id, pad_token_id).tolist()


def shift_by_pad(labels, start_token_id, pad_token_id):
    moved = F.pad(labels[:, :-1], (1, 0), value=start_token_id)
    return torch.where(moved == -100, pad_token_id, moved)


def shift_row_by_row(labels, start_token_id, pad_token_id):
    rows = [[start_token_id, *row[:-1]] for row in labels.tolist()]
    return torch.tensor([[pad_token_id if token == -100 else token for token in row] for row in rows])


# --- word_kd_loss ---


def _terms(student_logits, teacher_logits):
    log_p, log_q = teacher_logits.detach().log_softmax(-1), student_logits.log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def word_with_padding(student_logits, teacher_logits, labels):
    return _terms(student_logits, teacher_logits).mean()


def word_divided_by_places(student_logits, teacher_logits, labels):
    return (_terms(student_logits, teacher_logits) * (labels != -100)).mean()


def word_by_sentence(student_logits, teacher_logits, labels):
    return (_terms(student_logits, teacher_logits) * (labels != -100)).sum() / labels.shape[0]


def word_summed(student_logits, teacher_logits, labels):
    return (_terms(student_logits, teacher_logits) * (labels != -100)).sum()


def word_mean_over_all(student_logits, teacher_logits, labels):
    real = labels != -100
    log_q = F.log_softmax(student_logits[real], dim=-1)
    return F.kl_div(log_q, F.softmax(teacher_logits[real].detach(), dim=-1), reduction="mean")


def word_swapped(student_logits, teacher_logits, labels):
    real = labels != -100
    log_p = F.log_softmax(teacher_logits[real].detach(), dim=-1)
    return F.kl_div(
        log_p, F.log_softmax(student_logits[real], dim=-1), reduction="batchmean", log_target=True
    )


def word_cross_entropy(student_logits, teacher_logits, labels):
    real = labels != -100
    return F.cross_entropy(student_logits[real], teacher_logits[real].detach().softmax(-1))


def word_gold(student_logits, teacher_logits, labels):
    return F.cross_entropy(student_logits.flatten(0, 1), labels.flatten())


def word_teacher_learns(student_logits, teacher_logits, labels):
    real = labels != -100
    log_p = F.log_softmax(teacher_logits[real], dim=-1)
    return F.kl_div(
        F.log_softmax(student_logits[real], dim=-1), log_p, reduction="batchmean", log_target=True
    )


def word_log_of_softmax(student_logits, teacher_logits, labels):
    real = labels != -100
    log_q = student_logits[real].softmax(-1).log()
    return F.kl_div(log_q, teacher_logits[real].detach().softmax(-1), reduction="batchmean")


def word_bare_logits(student_logits, teacher_logits, labels):
    real = labels != -100
    return F.kl_div(student_logits[real], teacher_logits[real].detach(), reduction="batchmean")


def word_mean_of_means(student_logits, teacher_logits, labels):
    rows = zip(student_logits, teacher_logits, labels, strict=True)
    return torch.stack([word_by_selection(s[None], t[None], row[None]) for s, t, row in rows]).mean()


def word_uphill(student_logits, teacher_logits, labels):
    return -word_by_selection(student_logits, teacher_logits, labels)


def word_target_in_logs_promised(student_logits, teacher_logits, labels):
    real = labels != -100
    p = teacher_logits.detach()[real].softmax(-1)
    return F.kl_div(student_logits[real].log_softmax(-1), p, reduction="batchmean", log_target=True)


def word_of_probabilities(student_logits, teacher_logits, labels):
    real = labels != -100
    p = teacher_logits.detach()[real].softmax(-1)
    return F.kl_div(student_logits[real].softmax(-1), p, reduction="batchmean")


def word_without_token_zero(student_logits, teacher_logits, labels):
    return _terms(student_logits, teacher_logits)[labels > 0].mean()


def word_of_the_likeliest(student_logits, teacher_logits, labels):
    real = labels != -100
    return F.cross_entropy(student_logits[real], teacher_logits[real].argmax(-1))


def word_one_for_each(student_logits, teacher_logits, labels):
    return _terms(student_logits, teacher_logits.detach())[labels != -100]


def word_by_hand(student_logits, teacher_logits, labels):
    real = (labels != -100).float()
    return (_terms(student_logits, teacher_logits) * real).sum() / real.sum()


def word_by_selection(student_logits, teacher_logits, labels):
    return _terms(student_logits, teacher_logits)[labels >= 0].mean()


# --- beam_step ---


def _best(totals, count):
    best, places = totals.flatten().topk(count)
    width = totals.shape[1]
    return best, torch.div(places, width, rounding_mode="floor"), places.remainder(width)


def beam_without_history(scores, log_probs, num_candidates):
    return _best(log_probs, num_candidates)


def beam_multiplied(scores, log_probs, num_candidates):
    return _best(scores.unsqueeze(1) * log_probs, num_candidates)


def beam_worst(scores, log_probs, num_candidates):
    totals = (scores[:, None] + log_probs).flatten()
    best, places = totals.topk(num_candidates, largest=False)
    return best, places // log_probs.shape[1], places % log_probs.shape[1]


def beam_exchanged(scores, log_probs, num_candidates):
    best, beams, tokens = _best(scores[:, None] + log_probs, num_candidates)
    return best, tokens, beams


def beam_flat(scores, log_probs, num_candidates):
    best, places = (scores[:, None] + log_probs).flatten().topk(num_candidates)
    return best, places, places % log_probs.shape[1]


def beam_by_beams(scores, log_probs, num_candidates):
    best, places = (scores[:, None] + log_probs).flatten().topk(num_candidates)
    return best, places // len(scores), places % len(scores)


def beam_one_each(scores, log_probs, num_candidates):
    best, tokens = log_probs.max(dim=-1)
    best, beams = (best + scores).sort(descending=True)
    return best, beams, tokens[beams]


def beam_a_share_each(scores, log_probs, num_candidates):
    best, tokens = (log_probs + scores[:, None]).topk(num_candidates // len(scores), dim=-1)
    beams = torch.arange(len(scores))[:, None].expand_as(tokens)
    return best.flatten(), beams.flatten(), tokens.flatten()


def beam_a_share_each_sorted(scores, log_probs, num_candidates):
    best, beams, tokens = beam_a_share_each(scores, log_probs, num_candidates)
    best, order = best.sort(descending=True)
    return best, beams[order], tokens[order]


def beam_upside_down(scores, log_probs, num_candidates):
    return tuple(part.flip(0) for part in _best(scores[:, None] + log_probs, num_candidates))


def beam_broadcast(scores, log_probs, num_candidates):
    return _best(scores + log_probs, num_candidates)


def beam_by_columns(scores, log_probs, num_candidates):
    best, places = (scores[:, None] + log_probs).T.flatten().topk(num_candidates)
    return best, places // log_probs.shape[1], places % log_probs.shape[1]


def beam_of_tokens_alone(scores, log_probs, num_candidates):
    _, beams, tokens = beam_by_sorting(scores, log_probs, num_candidates)
    return log_probs[beams, tokens], beams, tokens


def beam_of_old_scores(scores, log_probs, num_candidates):
    _, beams, tokens = beam_by_sorting(scores, log_probs, num_candidates)
    return scores[beams], beams, tokens


def beam_scores_alone(scores, log_probs, num_candidates):
    return beam_by_sorting(scores, log_probs, num_candidates)[0]


def beam_cut_short(scores, log_probs, num_candidates):
    return tuple(part[:1] for part in beam_by_sorting(scores, log_probs, num_candidates))


def beam_by_true_division(scores, log_probs, num_candidates):
    best, places = (scores[:, None] + log_probs).flatten().topk(num_candidates)
    return best, places / log_probs.shape[1], places % log_probs.shape[1]


def beam_in_a_list(scores, log_probs, num_candidates):
    return list(beam_by_topk(scores, log_probs, num_candidates))


def beam_by_sorting(scores, log_probs, num_candidates):
    totals = (scores.unsqueeze(-1) + log_probs).reshape(-1)
    order = totals.argsort(descending=True)[:num_candidates]
    return totals[order], order // log_probs.shape[-1], order % log_probs.shape[-1]


def beam_by_topk(scores, log_probs, num_candidates):
    return _best(log_probs + scores[:, None], num_candidates)


# --- closest ---


def closest_farthest(candidates, references, similarity):
    return min(candidates, key=lambda text: max(similarity(text, other) for other in references))


def closest_to_the_first(candidates, references, similarity):
    return max(candidates, key=lambda text: similarity(text, references[0]))


def closest_on_average(candidates, references, similarity):
    return max(
        candidates, key=lambda text: sum(similarity(text, other) for other in references) / len(references)
    )


def closest_to_all(candidates, references, similarity):
    return max(candidates, key=lambda text: min(similarity(text, other) for other in references))


def closest_place(candidates, references, similarity):
    worth = [max(similarity(text, other) for other in references) for text in candidates]
    return worth.index(max(worth))


def closest_score(candidates, references, similarity):
    return max(similarity(text, other) for text in candidates for other in references)


def closest_reference(candidates, references, similarity):
    return max(references, key=lambda other: max(similarity(text, other) for text in candidates))


def closest_first(candidates, references, similarity):
    return candidates[0]


def closest_last(candidates, references, similarity):
    found, best = None, -1.0
    for text in candidates:
        worth = max(similarity(text, other) for other in references)
        if worth >= best:
            found, best = text, worth
    return found


def closest_turned_round(candidates, references, similarity):
    return max(candidates, key=lambda text: max(similarity(other, text) for other in references))


def closest_at_its_place(candidates, references, similarity):
    return max(zip(candidates, references, strict=False), key=lambda pair: similarity(*pair))[0]


def closest_to_all_joined(candidates, references, similarity):
    return max(candidates, key=lambda text: similarity(text, " ".join(references)))


def closest_longest(candidates, references, similarity):
    return max(candidates, key=len)


def closest_above_zero(candidates, references, similarity):
    best, found = 0, None
    for text in candidates:
        for reference in references:
            if similarity(text, reference) > best:
                best, found = similarity(text, reference), text
    return found


def closest_by_loop(candidates, references, similarity):
    found, best = None, -1.0
    for text in candidates:
        for other in references:
            if similarity(text, other) > best:
                found, best = text, similarity(text, other)
    return found


def closest_by_sorting(candidates, references, similarity):
    return sorted(candidates, key=lambda text: -max(similarity(text, other) for other in references))[0]


# --- without_near_copies ---


def copies_exact(texts, similarity, threshold):
    return list(dict.fromkeys(texts))


def copies_of_the_neighbour(texts, similarity, threshold):
    kept = []
    for text in texts:
        if not kept or similarity(text, kept[-1]) < threshold:
            kept.append(text)
    return kept


def copies_against_all(texts, similarity, threshold):
    return [
        text
        for i, text in enumerate(texts)
        if all(similarity(text, other) < threshold for other in texts[:i])
    ]


def copies_at_most(texts, similarity, threshold):
    kept = []
    for text in texts:
        if max((similarity(text, other) for other in kept), default=0) <= threshold:
            kept.append(text)
    return kept


def copies_any(texts, similarity, threshold):
    kept = []
    for text in texts:
        if not kept or min(similarity(text, other) for other in kept) < threshold:
            kept.append(text)
    return kept


def copies_as_set(texts, similarity, threshold):
    return set(copies_by_loop(texts, similarity, threshold))


def copies_of_themselves(texts, similarity, threshold):
    return [text for text in texts if all(similarity(text, other) < threshold for other in texts)]


def copies_needing_one(texts, similarity, threshold):
    kept = [texts[0]]
    for text in texts[1:]:
        if all(similarity(text, other) < threshold for other in kept):
            kept.append(text)
    return kept


def copies_as_tuple(texts, similarity, threshold):
    return tuple(copies_by_loop(texts, similarity, threshold))


def copies_places(texts, similarity, threshold):
    kept = copies_by_loop(texts, similarity, threshold)
    return [texts.index(text) for text in kept] + [0] * (len(texts) - len(kept))


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


WRONG = {
    "seqkd.shift_right": [
        (shift_with_holes, "-100 is still in it"),
        (shift_to_the_left, "shifted to the left"),
        (shift_rolled, "come round to the front"),
        (shift_too_long, "one place longer"),
        (shift_from_pad, "belongs to start_token_id"),
        (shift_nothing, "nothing is shifted"),
        (shift_in_place, "in place"),
        (shift_masked_before, "at its old places"),
        (shift_start_in_padding, "padding became the start token"),
        (shift_the_batch, "the sentences of the batch"),
        (shift_by_two, "two places to the right"),
        (shift_exchanged, "are exchanged"),
        (shift_clamped, "padding became 0"),
        (shift_as_list, "return a tensor of token ids"),
    ],
    "seqkd.word_kd_loss": [
        (word_with_padding, "padding counts"),
        (word_divided_by_places, "padding is left out of the sum, but not"),
        (word_by_sentence, "averaged over the sentences"),
        (word_summed, "sum over the tokens"),
        (word_mean_over_all, "size of the vocabulary"),
        (word_swapped, "student and teacher are swapped"),
        (word_cross_entropy, "soft cross-entropy"),
        (word_gold, "with the gold tokens"),
        (word_teacher_learns, "teacher_logits.detach()"),
        (word_log_of_softmax, "log of a softmax"),
        (word_bare_logits, "these are still logits"),
        (word_mean_of_means, "mean of the sentences' means"),
        (word_uphill, "the sign is turned round"),
        (word_target_in_logs_promised, "log_target=True says"),
        (word_of_probabilities, "the student's probabilities"),
        (word_without_token_zero, "0 is a token"),
        (word_of_the_likeliest, "likeliest tokens"),
        (word_one_for_each, "return one number"),
    ],
    "seqkd.beam_step": [
        (beam_without_history, "are left out"),
        (beam_multiplied, "added, not multiplied"),
        (beam_worst, "the worst ones"),
        (beam_exchanged, "beams and tokens are exchanged"),
        (beam_flat, "not yet the beam"),
        (beam_by_beams, "as long as the vocabulary"),
        (beam_one_each, "best token of each beam"),
        (beam_a_share_each, "behind those of another"),
        (beam_a_share_each_sorted, "its own share"),
        (beam_upside_down, "worst of the candidates stands first"),
        (beam_broadcast, "scores needs a second dim"),
        (beam_by_columns, "flattened by columns"),
        (beam_of_tokens_alone, "of the added tokens alone"),
        (beam_of_old_scores, "the scores are the old ones"),
        (beam_scores_alone, "return three tensors"),
        (beam_cut_short, "num_candidates entries"),
        (beam_by_true_division, "// and %, not /"),
    ],
    "seqkd.closest": [
        (closest_farthest, "least like the references"),
        (closest_to_the_first, "only the first reference"),
        (closest_on_average, "are added"),
        (closest_to_all, "max, not min"),
        (closest_place, "not its place"),
        (closest_score, "not its similarity"),
        (closest_reference, "that is a reference"),
        (closest_first, "always the teacher's first"),
        (closest_last, "take the first: the teacher prefers it"),
        (closest_turned_round, "the candidate comes first"),
        (closest_at_its_place, "that at its own place"),
        (closest_to_all_joined, "joined to one text"),
        (closest_longest, "the longest candidate"),
        (closest_above_zero, "nothing is returned where"),
    ],
    "seqkd.without_near_copies": [
        (copies_exact, "only exact copies"),
        (copies_of_the_neighbour, "last kept one only"),
        (copies_against_all, "a dropped text drops others"),
        (copies_of_themselves, "nothing is kept"),
        (copies_at_most, "equal to the threshold"),
        (copies_any, "all, not any"),
        (copies_as_set, "a set has no order"),
        (copies_needing_one, "no text at all"),
        (copies_as_tuple, "return a list of texts"),
        (copies_places, "another number of texts is left"),
    ],
}

RIGHT = {
    "seqkd.shift_right": [shift_by_pad, shift_row_by_row],
    "seqkd.word_kd_loss": [word_by_hand, word_by_selection],
    "seqkd.beam_step": [beam_by_sorting, beam_by_topk, beam_in_a_list],
    "seqkd.closest": [closest_by_loop, closest_by_sorting],
    "seqkd.without_near_copies": [copies_by_loop, copies_by_deleting],
}
