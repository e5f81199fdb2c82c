"""Answers to the exercises of notebook 09 as a reader might write them.

WRONG: for each exercise, the answers and a piece of the hint that each must get. RIGHT: other ways to be
right.
"""

import functools
import re

import numpy as np
import torch

# --- mask_tokens ---


def mask_all(input_ids, asked, draw, random_ids, mask_id):
    return torch.where(asked, mask_id, input_ids), torch.where(asked, input_ids, -100)


def mask_no_random(input_ids, asked, draw, random_ids, mask_id):
    return torch.where(asked & (draw < 0.8), mask_id, input_ids), torch.where(asked, input_ids, -100)


def mask_begun_anew(input_ids, asked, draw, random_ids, mask_id):
    shown = torch.where(asked & (draw < 0.8), mask_id, input_ids)
    shown = torch.where(asked & (draw >= 0.9), random_ids, input_ids)
    return shown, torch.where(asked, input_ids, -100)


def mask_rest_random(input_ids, asked, draw, random_ids, mask_id):
    hidden = torch.where(draw < 0.8, mask_id, random_ids)
    return torch.where(asked, hidden, input_ids), torch.where(asked, input_ids, -100)


def _shown(input_ids, asked, draw, random_ids, mask_id):
    shown = torch.where(asked & (draw < 0.8), mask_id, input_ids)
    return torch.where(asked & (draw >= 0.9), random_ids, shown)


def mask_everywhere(input_ids, asked, draw, random_ids, mask_id):
    shown = torch.where(draw < 0.8, mask_id, torch.where(draw < 0.9, input_ids, random_ids))
    return shown, torch.where(asked, input_ids, -100)


def mask_every_label(input_ids, asked, draw, random_ids, mask_id):
    return _shown(input_ids, asked, draw, random_ids, mask_id), input_ids


def mask_labels_of_shown(input_ids, asked, draw, random_ids, mask_id):
    shown = _shown(input_ids, asked, draw, random_ids, mask_id)
    return shown, torch.where(asked, shown, -100)


def mask_zero_labels(input_ids, asked, draw, random_ids, mask_id):
    return _shown(input_ids, asked, draw, random_ids, mask_id), input_ids * asked


def mask_turned_labels(input_ids, asked, draw, random_ids, mask_id):
    return _shown(input_ids, asked, draw, random_ids, mask_id), torch.where(asked, -100, input_ids)


def mask_labels_of_what_changed(input_ids, asked, draw, random_ids, mask_id):
    shown = _shown(input_ids, asked, draw, random_ids, mask_id)
    return shown, torch.where(shown != input_ids, input_ids, -100)


def mask_exchanged(input_ids, asked, draw, random_ids, mask_id):
    return torch.where(asked, input_ids, -100), _shown(input_ids, asked, draw, random_ids, mask_id)


def mask_in_place(input_ids, asked, draw, random_ids, mask_id):
    labels = torch.where(asked, input_ids, -100)
    input_ids[asked & (draw < 0.8)] = mask_id
    other = asked & (draw >= 0.9)
    input_ids[other] = random_ids[other]
    return input_ids, labels


def mask_edge_of_the_mask(input_ids, asked, draw, random_ids, mask_id):
    shown = torch.where(asked & (draw >= 0.9), random_ids, input_ids)
    return torch.where(asked & (draw <= 0.8), mask_id, shown), torch.where(asked, input_ids, -100)


def mask_list(input_ids, asked, draw, random_ids, mask_id):
    return [_shown(input_ids, asked, draw, random_ids, mask_id), torch.where(asked, input_ids, -100)]


def mask_up_to_nine(input_ids, asked, draw, random_ids, mask_id):
    shown = torch.where(asked & (draw < 0.9), mask_id, torch.where(asked, random_ids, input_ids))
    return shown, torch.where(asked, input_ids, -100)


def mask_shares_in_wrong_order(input_ids, asked, draw, random_ids, mask_id):
    shown = torch.where(asked & (draw >= 0.8) & (draw < 0.9), random_ids, input_ids)
    return torch.where(asked & (draw < 0.8), mask_id, shown), torch.where(asked, input_ids, -100)


def mask_minus_one(input_ids, asked, draw, random_ids, mask_id):
    return _shown(input_ids, asked, draw, random_ids, mask_id), torch.where(asked, input_ids, -1)


def mask_random_labels(input_ids, asked, draw, random_ids, mask_id):
    return _shown(input_ids, asked, draw, random_ids, mask_id), torch.where(asked, random_ids, -100)


def mask_labels_of_masks(input_ids, asked, draw, random_ids, mask_id):
    shown = _shown(input_ids, asked, draw, random_ids, mask_id)
    return shown, torch.where(shown == mask_id, input_ids, -100)


def mask_draws_itself(input_ids, asked, draw, random_ids, mask_id):
    shown = torch.where(asked & (torch.rand(input_ids.shape) < 0.8), mask_id, input_ids)
    return shown, torch.where(asked, input_ids, -100)


def mask_asks_with_and(input_ids, asked, draw, random_ids, mask_id):
    return torch.where(asked and draw < 0.8, mask_id, input_ids), torch.where(asked, input_ids, -100)


def mask_decimals(input_ids, asked, draw, random_ids, mask_id):
    return _shown(input_ids, asked, draw, random_ids, mask_id).float(), torch.where(asked, input_ids, -100)


def mask_shown_alone(input_ids, asked, draw, random_ids, mask_id):
    return _shown(input_ids, asked, draw, random_ids, mask_id)


def mask_picked(input_ids, asked, draw, random_ids, mask_id):
    return _shown(input_ids, asked, draw, random_ids, mask_id), input_ids[asked]


def mask_by_index(input_ids, asked, draw, random_ids, mask_id):
    shown, labels = input_ids.clone(), torch.full_like(input_ids, -100)
    labels[asked] = input_ids[asked]
    shown[asked & (draw < 0.8)] = mask_id
    other = asked & (draw >= 0.9)
    shown[other] = random_ids[other]
    return shown, labels


def mask_by_fill(input_ids, asked, draw, random_ids, mask_id):
    shown = input_ids.masked_fill(asked & draw.lt(0.8), mask_id)
    shown = shown.where(~(asked & draw.ge(0.9)), random_ids)
    return shown, input_ids.masked_fill(asked.logical_not(), -100)


def mask_by_arithmetic(input_ids, asked, draw, random_ids, mask_id):
    asked = asked.long()
    masked, other = asked * (draw < 0.8).long(), asked * (draw >= 0.9).long()
    shown = masked * mask_id + other * random_ids + (1 - masked - other) * input_ids
    return shown, asked * input_ids - 100 * (1 - asked)


def mask_by_numpy(input_ids, asked, draw, random_ids, mask_id):
    shown = np.where(
        asked, np.where(draw < 0.8, mask_id, np.where(draw >= 0.9, random_ids, input_ids)), input_ids
    )
    return torch.from_numpy(shown), torch.from_numpy(np.where(asked, input_ids, -100))


# --- couple ---


def couple_old_left(hidden, first, second):
    left, right = hidden.chunk(2, dim=-1)
    return torch.cat([left + first(right), right + second(left)], dim=-1)


def couple_exchanged(hidden, first, second):
    left, right = hidden.chunk(2, dim=-1)
    left = left + second(right)
    return torch.cat([left, right + first(left)], dim=-1)


def couple_only_left(hidden, first, second):
    left, right = hidden.chunk(2, dim=-1)
    return torch.cat([left + first(right), right], dim=-1)


def couple_not_added(hidden, first, second):
    left, right = hidden.chunk(2, dim=-1)
    left = first(right)
    return torch.cat([left, second(left)], dim=-1)


def couple_own_half(hidden, first, second):
    left, right = hidden.chunk(2, dim=-1)
    return torch.cat([left + first(left), right + second(right)], dim=-1)


def couple_turned(hidden, first, second):
    left, right = hidden.chunk(2, dim=-1)
    left = left + first(right)
    return torch.cat([right + second(left), left], dim=-1)


def couple_right_first(hidden, first, second):
    left, right = hidden.chunk(2, dim=-1)
    right = right + second(left)
    left = left + first(right)
    return torch.cat([left, right], dim=-1)


def couple_every_second(hidden, first, second):
    left, right = hidden[..., ::2], hidden[..., 1::2]
    left = left + first(right)
    return torch.cat([left, right + second(left)], dim=-1)


def couple_stacked(hidden, first, second):
    left, right = hidden.chunk(2, dim=-1)
    left = left + first(right)
    return torch.stack([left, right + second(left)], dim=-1)


def couple_first_dim(hidden, first, second):
    left, right = hidden.chunk(2)
    left = left + first(right)
    return torch.cat([left, right + second(left)])


def couple_in_place(hidden, first, second):
    left, right = hidden.chunk(2, dim=-1)
    left += first(right)
    right += second(left)
    return torch.cat([left, right], dim=-1)


def couple_detached(hidden, first, second):
    left, right = hidden.chunk(2, dim=-1)
    left = left + first(right).detach()
    return torch.cat([left, right + second(left)], dim=-1)


def couple_left_is_right(hidden, first, second):
    e2, e1 = hidden.chunk(2, dim=-1)
    o1 = first(e2) + e1
    return torch.cat([o1, second(o1) + e2], dim=-1)


def couple_multiplied(hidden, first, second):
    e1, e2 = hidden.chunk(2, dim=-1)
    o1 = first(e2) * e1
    return torch.cat([o1, second(o1) * e2], dim=-1)


def couple_second_of_first(hidden, first, second):
    e1, e2 = hidden.chunk(2, dim=-1)
    return torch.cat([first(e2) + e1, second(first(e2)) + e2], dim=-1)


def couple_onto_left(hidden, first, second):
    e1, e2 = hidden.chunk(2, dim=-1)
    o1 = first(e2) + e1
    return torch.cat([o1, second(o1) + o1], dim=-1)


def couple_pair(hidden, first, second):
    e1, e2 = hidden.chunk(2, dim=-1)
    o1 = first(e2) + e1
    return o1, second(o1) + e2


def couple_half_a_place(hidden, first, second):
    half = hidden.shape[-1] / 2
    o1 = hidden[..., :half] + first(hidden[..., half:])
    return torch.cat([o1, hidden[..., half:] + second(o1)], dim=-1)


def couple_unpacked(hidden, first, second):
    left, right = hidden
    left = left + first(right)
    return torch.cat([left, right + second(left)], dim=-1)


def couple_into_empty(hidden, first, second):
    out, half = torch.empty_like(hidden), hidden.shape[-1] // 2
    o1 = hidden[..., :half] + first(hidden[..., half:])
    out[..., :half], out[..., half:] = o1, hidden[..., half:] + second(o1)
    return out


def couple_by_unflatten(hidden, first, second):
    e1, e2 = hidden.unflatten(-1, (2, -1)).unbind(-2)
    o1 = first(e2) + e1
    return torch.stack([o1, second(o1) + e2], dim=-2).flatten(-2)


def couple_by_slices(hidden, first, second):
    half = hidden.shape[-1] // 2
    one = hidden[..., :half] + first(hidden[..., half:])
    return torch.cat((one, second(one) + hidden[..., half:]), -1)


def couple_by_split(hidden, first, second):
    e1, e2 = torch.split(hidden, hidden.size(-1) // 2, dim=-1)
    o1 = first(e2) + e1
    o2 = second(o1) + e2
    return torch.hstack([o1, o2]) if o1.dim() < 3 else torch.concat([o1, o2], dim=2)


# --- uncouple ---


def uncouple_same_order(coupled, first, second):
    left, right = coupled.chunk(2, dim=-1)
    left = left - first(right)
    right = right - second(left)
    return torch.cat([left, right], dim=-1)


def uncouple_old_right(coupled, first, second):
    left, right = coupled.chunk(2, dim=-1)
    return torch.cat([left - first(right), right - second(left)], dim=-1)


def uncouple_added(coupled, first, second):
    left, right = coupled.chunk(2, dim=-1)
    right = right + second(left)
    return torch.cat([left + first(right), right], dim=-1)


def uncouple_again(coupled, first, second):
    left, right = coupled.chunk(2, dim=-1)
    left = left + first(right)
    return torch.cat([left, right + second(left)], dim=-1)


def uncouple_exchanged(coupled, first, second):
    left, right = coupled.chunk(2, dim=-1)
    right = right - first(left)
    return torch.cat([left - second(right), right], dim=-1)


def uncouple_only_right(coupled, first, second):
    left, right = coupled.chunk(2, dim=-1)
    return torch.cat([left, right - second(left)], dim=-1)


def uncouple_turned(coupled, first, second):
    left, right = coupled.chunk(2, dim=-1)
    right = right - second(left)
    return torch.cat([right, left - first(right)], dim=-1)


def uncouple_wrong_sign(coupled, first, second):
    left, right = coupled.chunk(2, dim=-1)
    right = second(left) - right
    return torch.cat([first(right) - left, right], dim=-1)


def uncouple_pair(coupled, first, second):
    left, right = coupled.chunk(2, dim=-1)
    right = right - second(left)
    return left - first(right), right


def uncouple_in_place(coupled, first, second):
    left, right = coupled.chunk(2, dim=-1)
    right -= second(left)
    left -= first(right)
    return coupled


def uncouple_old_in_result(coupled, first, second):
    o1, o2 = coupled.chunk(2, dim=-1)
    return torch.cat([o1 - first(o2 - second(o1)), o2], dim=-1)


def uncouple_second_twice(coupled, first, second):
    o1, o2 = coupled.chunk(2, dim=-1)
    e2 = o2 - second(o1)
    return torch.cat([o1 - second(e2), e2], dim=-1)


def uncouple_own_half(coupled, first, second):
    o1, o2 = coupled.chunk(2, dim=-1)
    return torch.cat([o1 - first(o1), o2 - second(o2)], dim=-1)


def uncouple_divided(coupled, first, second):
    o1, o2 = coupled.chunk(2, dim=-1)
    e2 = o2 / second(o1)
    return torch.cat([o1 / first(e2), e2], dim=-1)


def uncouple_by_slices(coupled, first, second):
    half = coupled.shape[-1] // 2
    o1, o2 = coupled[..., :half], coupled[..., half:]
    e2 = o2 - second(o1)
    return torch.cat([o1 - first(e2), e2], dim=-1)


def uncouple_by_minus(coupled, first, second):
    o1, o2 = torch.tensor_split(coupled, 2, dim=-1)
    e2 = -second(o1) + o2
    e1 = -first(e2) + o1
    return torch.cat([e1, e2], dim=-1)


# --- stack_adapters ---


def stack_side_by_side(hidden, residual, language, task):
    out = residual
    if language is not None:
        out = language(hidden, out)
    if task is not None:
        out = task(hidden, out)
    return out


def stack_mean(hidden, residual, language, task):
    given = [adapter(hidden, residual) for adapter in (language, task) if adapter is not None]
    return sum(given) / len(given) if given else residual


def stack_task_below(hidden, residual, language, task):
    for adapter in (task, language):
        if adapter is not None:
            hidden = residual = adapter(hidden, residual)
    return residual


def stack_old_residual(hidden, residual, language, task):
    out = residual if language is None else language(hidden, residual)
    return out if task is None else task(hidden if language is None else out, residual)


def stack_language_alone(hidden, residual, language, task):
    return residual if language is None else language(hidden, residual)


def stack_task_alone(hidden, residual, language, task):
    return residual if task is None else task(hidden, residual)


def stack_never_none(hidden, residual, language, task):
    out = language(hidden, residual)
    return task(out, out)


def stack_hidden_twice(hidden, residual, language, task):
    out = residual if language is None else language(hidden, hidden)
    return out if task is None else task(hidden if language is None else out, out)


def stack_none_is_hidden(hidden, residual, language, task):
    if language is None and task is None:
        return hidden
    if language is not None:
        hidden = residual = language(hidden, residual)
    return residual if task is None else task(hidden, residual)


def stack_detached(hidden, residual, language, task):
    if language is not None:
        residual = language(hidden, residual)
        hidden = residual.detach()
    return residual if task is None else task(hidden, residual)


def stack_language_lost(hidden, residual, language, task):
    if language is not None:
        hidden = language(hidden, residual)
    return residual if task is None else task(hidden, residual)


def stack_old_residual_never_none(hidden, residual, language, task):
    return task(language(hidden, residual), residual)


def stack_hidden_alone(hidden, residual, language, task):
    if language is not None:
        hidden = language(hidden, residual)
    return hidden if task is None else task(hidden, hidden)


def stack_residual_alone(hidden, residual, language, task):
    out = residual if language is None else language(hidden, residual)
    return out if task is None else task(out, out)


def stack_sum(hidden, residual, language, task):
    if language is None or task is None:
        one = language or task
        return residual if one is None else one(hidden, residual)
    return language(hidden, residual) + task(hidden, residual)


def stack_onto_hidden(hidden, residual, language, task):
    if language is None:
        return residual if task is None else task(hidden, residual)
    out = language(hidden, residual)
    return out if task is None else task(out, hidden)


def stack_residual_twice(hidden, residual, language, task):
    if language is not None:
        hidden = residual = language(hidden, residual) + residual
    return residual if task is None else task(hidden, residual) + residual


def stack_turned(hidden, residual, language, task):
    if language is not None:
        hidden = residual = language(residual, hidden)
    return residual if task is None else task(hidden, residual)


def stack_nothing_is_none(hidden, residual, language, task):
    if language is not None:
        hidden = residual = language(hidden, residual)
    if task is not None:
        return task(hidden, residual)


def stack_one_argument(hidden, residual, language, task):
    out = residual if language is None else language(hidden)
    return out if task is None else task(out)


def stack_unset(hidden, residual, language, task):
    if language is not None:
        out = language(hidden, residual)
    if task is not None:
        out = task(out, out)
    return out


def stack_by_reduce(hidden, residual, language, task):
    given = [adapter for adapter in (language, task) if adapter is not None]
    return functools.reduce(lambda both, adapter: (adapter(*both),) * 2, given, (hidden, residual))[1]


def stack_by_loop(hidden, residual, language, task):
    for adapter in filter(None, (language, task)):
        hidden = residual = adapter(hidden, residual)
    return residual


def stack_by_cases(hidden, residual, language, task):
    if language is None and task is None:
        return residual
    if language is None:
        return task(hidden, residual)
    below = language(hidden, residual)
    if task is None:
        return below
    return task(below, below)


# --- trains ---


def trains_by_step_alone(name, step, head=("classifier",)):
    return step in name.split(".")


def trains_by_step_anywhere(name, step, head=("classifier",)):
    return step in name


def trains_no_invertible(name, step, head=("classifier",)):
    parts = name.split(".")
    return "language" in parts if step == "language" else "task" in parts or any(h in parts for h in head)


def trains_no_head(name, step, head=("classifier",)):
    parts = set(name.split("."))
    return bool(parts & ({"language", "invertible"} if step == "language" else {"task"}))


def trains_language_too(name, step, head=("classifier",)):
    parts = set(name.split("."))
    wanted = {"language", "invertible"}
    return bool(parts & (wanted if step == "language" else wanted | {"task", *head}))


def trains_head_always(name, step, head=("classifier",)):
    parts = set(name.split("."))
    return bool(parts & {*({"language", "invertible"} if step == "language" else {"task"}), *head})


def trains_all_adapters(name, step, head=("classifier",)):
    wanted = ("adapter", "invertible") if step == "language" else ("adapter", *head)
    return any(part in wanted for part in name.split("."))


def trains_everything_first(name, step, head=("classifier",)):
    return step == "language" or any(part in ("task", *head) for part in name.split("."))


def trains_turned(name, step, head=("classifier",)):
    wanted = ("language", "invertible") if step == "task" else ("task", *head)
    return any(part in wanted for part in name.split("."))


def trains_one_head(name, step, head=("classifier",)):
    wanted = ("language", "invertible") if step == "language" else ("task", "classifier")
    return any(part in wanted for part in name.split("."))


def trains_anywhere(name, step, head=("classifier",)):
    wanted = ("language", "invertible") if step == "language" else ("task", *head)
    return any(word in name for word in wanted)


def trains_frozen(name, step, head=("classifier",)):
    wanted = ("language", "invertible") if step == "language" else ("task", *head)
    return not any(part in wanted for part in name.split("."))


def trains_as_count(name, step, head=("classifier",)):
    wanted = ("language", "invertible") if step == "language" else ("task", *head)
    return sum(part in wanted for part in name.split("."))


def trains_whole_head(name, step, head=("classifier",)):
    parts = name.split(".")
    if step == "language":
        return "language" in parts or "invertible" in parts
    return "task" in parts or all(word in parts for word in head)


def trains_step_ignored(name, step, head=("classifier",)):
    return any(part in ("language", "invertible", "task", *head) for part in name.split("."))


def trains_always(name, step, head=("classifier",)):
    return True


def trains_every_part(name, step, head=("classifier",)):
    wanted = ("language", "invertible") if step == "language" else ("task", *head)
    return all(part in wanted for part in name.split("."))


def trains_head_first(name, step, head=("classifier",)):
    parts = name.split(".")
    if step == "language":
        return "language" in parts or "invertible" in parts
    return "task" in parts or parts[0] in head


def trains_list_and_tuple(name, step, head=("classifier",)):
    wanted = ["language", "invertible"] if step == "language" else ["task"] + head
    return any(part in wanted for part in name.split("."))


def trains_by_expression(name, step, head=("classifier",)):
    words = ("language", "invertible") if step == "language" else ("task", *head)
    return re.search(rf"(^|\.)({'|'.join(words)})(\.|$)", name) is not None


def trains_by_numpy(name, step, head=("classifier",)):
    return np.isin(
        name.split("."), ["language", "invertible"] if step == "language" else ["task", *head]
    ).any()


def trains_by_sets(name, step, head=("classifier",)):
    wanted = {"language": {"language", "invertible"}, "task": {"task", *head}}[step]
    return not wanted.isdisjoint(name.split("."))


def trains_by_dots(name, step, head=("classifier",)):
    wanted = ["language", "invertible"] if step == "language" else ["task"] + list(head)
    return any(f".{word}." in f".{name}." for word in wanted)


WRONG = {
    "madx.mask_tokens": [
        (mask_all, "every place that is asked shows the mask"),
        (mask_no_random, "random_ids is not used"),
        (mask_begun_anew, "begins with input_ids again"),
        (mask_rest_random, "every draw of 0.8 or more"),
        (mask_everywhere, "places that are not asked are changed too"),
        (mask_every_label, "every place has a label"),
        (mask_labels_of_shown, "taken from what is shown"),
        (mask_zero_labels, "is 0, which is a token"),
        (mask_turned_labels, "the labels are turned round"),
        (mask_labels_of_what_changed, "shows its own token has no label"),
        (mask_exchanged, "the two results are exchanged"),
        (mask_in_place, "changes its inputs in place"),
        (mask_edge_of_the_mask, "exactly 0.8"),
        (mask_up_to_nine, "from 0.8 up to 0.9 shows the mask"),
        (mask_shares_in_wrong_order, "the other way round"),
        (mask_minus_one, "that is not asked is -1"),
        (mask_random_labels, "taken from random_ids"),
        (mask_labels_of_masks, "only a place that shows the mask"),
        (mask_draws_itself, "Draw nothing yourself"),
        (mask_asks_with_and, "each comparison in brackets"),
        (mask_decimals, "both results hold token ids"),
        (mask_shown_alone, "return two tensors"),
        (mask_picked, "keeps the shape"),
    ],
    "madx.couple": [
        (couple_old_left, "reads the left half as it was"),
        (couple_exchanged, "first and second are exchanged"),
        (couple_only_left, "the right half is as it was"),
        (couple_not_added, "the halves themselves are missing"),
        (couple_own_half, "reads the half that it is added to"),
        (couple_turned, "the halves have changed sides"),
        (couple_right_first, "the right half goes first"),
        (couple_every_second, "every second number"),
        (couple_stacked, "torch.stack makes a new dim"),
        (couple_first_dim, "halves the first dim"),
        (couple_in_place, "works in place, on what was given"),
        (couple_detached, "the gradient is not"),
        (couple_left_is_right, "exchanged from the start"),
        (couple_multiplied, "that multiplies"),
        (couple_second_of_first, "reads first(e2) alone"),
        (couple_onto_left, "is added to o1"),
        (couple_pair, "return one tensor"),
        (couple_half_a_place, "width // 2"),
        (couple_unpacked, "needs two things"),
    ],
    "madx.uncouple": [
        (uncouple_same_order, "the left half is undone first"),
        (uncouple_old_right, "first reads o2"),
        (uncouple_added, "adds once more"),
        (uncouple_again, "the way there once more"),
        (uncouple_exchanged, "first and second are exchanged"),
        (uncouple_only_right, "the left half is not undone"),
        (uncouple_turned, "the halves have changed sides"),
        (uncouple_wrong_sign, "the function minus the half"),
        (uncouple_pair, "return one tensor"),
        (uncouple_old_in_result, "o2 stands beside it"),
        (uncouple_second_twice, "second undoes both"),
        (uncouple_own_half, "the half that it is taken from"),
        (uncouple_divided, "that divides"),
        (uncouple_in_place, "works in place, on what was given"),
    ],
    "madx.stack_adapters": [
        (stack_side_by_side, "stand side by side"),
        (stack_mean, "the mean of two adapters"),
        (stack_task_below, "the task adapter is below"),
        (stack_old_residual, "adds to the old residual"),
        (stack_language_alone, "the task adapter is not used"),
        (stack_task_alone, "the language adapter is not used"),
        (stack_never_none, "either adapter may be None"),
        (stack_hidden_twice, "the language adapter adds to `hidden`"),
        (stack_none_is_hidden, "with no adapter at all"),
        (stack_detached, "the gradient is not"),
        (stack_language_lost, "that output is the result"),
        (stack_old_residual_never_none, "Second: either adapter may be None"),
        (stack_hidden_alone, "serves as residual too"),
        (stack_residual_alone, "the task adapter reads `hidden`"),
        (stack_sum, "`residual` twice"),
        (stack_onto_hidden, "the task adapter adds to `hidden`"),
        (stack_residual_twice, "the residual is added once more"),
        (stack_turned, "in the wrong order"),
        (stack_nothing_is_none, "needs its own `return`"),
        (stack_one_argument, "is called with two things"),
        (stack_unset, "that variable was never set"),
    ],
    "madx.trains": [
        (trains_by_step_alone, "is found, but what goes with each is missing"),
        (trains_by_step_anywhere, "the step is looked for anywhere in the name"),
        (trains_no_invertible, "the invertible adapter is part of the language adapter"),
        (trains_no_head, "the head is new"),
        (trains_language_too, "the language adapter trains in the step of the task"),
        (trains_all_adapters, "everything in a part called adapter"),
        (trains_everything_first, "in the step of the language everything trains"),
        (trains_head_always, "the head trains in the step of the language"),
        (trains_turned, "the two steps are exchanged"),
        (trains_one_head, "the argument `head` is not used"),
        (trains_anywhere, "the word is looked for anywhere in the name"),
        (trains_frozen, "turned round"),
        (trains_as_count, "return True or False"),
        (trains_whole_head, "any, not all"),
        (trains_step_ignored, "`step` is not used"),
        (trains_always, "True for every name"),
        (trains_every_part, "any of them, not all"),
        (trains_head_first, "at the beginning of the name alone"),
        (trains_list_and_tuple, "is a tuple of names. Put it"),
    ],
}

RIGHT = {
    "madx.mask_tokens": [mask_by_index, mask_by_fill, mask_list, mask_by_arithmetic, mask_by_numpy],
    "madx.couple": [couple_by_slices, couple_by_split, couple_into_empty, couple_by_unflatten],
    "madx.uncouple": [uncouple_by_slices, uncouple_by_minus],
    "madx.stack_adapters": [stack_by_loop, stack_by_cases, stack_by_reduce],
    "madx.trains": [trains_by_sets, trains_by_dots, trains_by_expression, trains_by_numpy],
}
