"""Answers to the exercises of notebook 01 as a reader might write them.

WRONG: for each exercise, the answers and a piece of the hint that each must get. RIGHT: other ways to be
right.
"""

import numpy as np
import torch
import torch.nn.functional as F

# --- training_flops ---


def flops_forward(parameters, tokens):
    return 2.0 * parameters * tokens


def flops_backward(parameters, tokens):
    return parameters * 4 * tokens


def flops_half(parameters, tokens):
    return parameters * tokens + 2 * parameters * tokens


def flops_no_tokens(parameters, tokens):
    return 6 * parameters


def flops_no_parameters(parameters, tokens):
    return tokens * 6


def flops_twice(parameters, tokens):
    return 12 * parameters * tokens


def flops_divided(parameters, tokens):
    return 6 * parameters * tokens / 1e12


def flops_product(parameters, tokens):
    return parameters * tokens


def flops_sum(parameters, tokens):
    return 6 * (parameters + tokens)


def flops_text(parameters, tokens):
    return f"{6 * parameters * tokens:.0f}"


def flops_in_steps(parameters, tokens):
    forward = 2 * parameters
    return (forward + 2 * forward) * tokens


def flops_whole(parameters, tokens):
    return int(6 * parameters * tokens)


def flops_of_numpy(parameters, tokens):
    return np.prod(np.array([6, parameters, tokens]))


def flops_as_tensor(parameters, tokens):
    return torch.tensor(6.0, dtype=torch.float64) * parameters * tokens


def flops_by_tensor(parameters, tokens):
    return torch.tensor([6.0, parameters, tokens], dtype=torch.float64).prod().item()


# --- serving_bytes ---


def bytes_weights(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return parameters * bytes_per_number


def bytes_cache(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return 2.0 * layers * hidden_size * context * batch_size * bytes_per_number


def bytes_keys(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return (parameters + layers * hidden_size * context * batch_size) * bytes_per_number


def bytes_one_layer(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return (parameters + 2 * hidden_size * context * batch_size) * bytes_per_number


def bytes_one_text(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return (parameters + 2 * layers * hidden_size * context) * bytes_per_number


def bytes_one_token(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return (parameters + 2 * layers * hidden_size * batch_size) * bytes_per_number


def bytes_scores(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return (parameters + 2 * layers * hidden_size * context**2 * batch_size) * bytes_per_number


def bytes_wide_square(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return (parameters + 2 * layers * hidden_size**2 * context * batch_size) * bytes_per_number


def bytes_three(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return (parameters + 3 * layers * hidden_size * context * batch_size) * bytes_per_number


def bytes_copies(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return batch_size * (parameters + 2 * layers * hidden_size * context) * bytes_per_number


def bytes_numbers(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return parameters + 2 * layers * hidden_size * context * batch_size


def bytes_precedence(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return parameters + 2 * layers * hidden_size * context * batch_size * bytes_per_number


def bytes_cache_forgotten(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return parameters * bytes_per_number + 2 * layers * hidden_size * context * batch_size


def bytes_keys_and_one_text(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return (parameters + layers * hidden_size * context) * bytes_per_number


def bytes_in_steps(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    of_a_token = layers * (hidden_size + hidden_size) * bytes_per_number
    return parameters * bytes_per_number + sum(of_a_token * context for _ in range(batch_size))


def bytes_whole(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return round((parameters + 2 * layers * hidden_size * context * batch_size) * bytes_per_number)


def bytes_by_shape(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    cache = torch.empty(2, layers, batch_size, context, hidden_size, device="meta")
    return bytes_per_number * (parameters + cache.numel())


# --- build_prompt ---


def prompt_no_blank(description, examples, query):
    head = [f"{description}:"] if description else []
    return "\n".join([*head, *(f"{x} => {y}" for x, y in examples), f"{query} =>"])


def prompt_none(description, examples, query):
    lines = [f"{description}:"]
    for x, y in examples:
        lines.append(f"{x} => {y}")
    lines.append(f"{query} => ")
    return "\n".join(lines)


def prompt_no_colon(description, examples, query):
    text = f"{description}\n" if description else ""
    return text + "".join(f"{x} => {y}\n" for x, y in examples) + f"{query} => "


def prompt_no_description(description, examples, query):
    return "".join(f"{x} => {y}\n" for x, y in examples) + f"{query} => "


def prompt_description_last(description, examples, query):
    text = "".join(f"{x} => {y}\n" for x, y in examples)
    return text + (f"{description}:\n" if description else "") + f"{query} => "


def prompt_zero_shot(description, examples, query):
    return (f"{description}:\n" if description else "") + f"{query} => "


def prompt_one_shot(description, examples, query):
    text = f"{description}:\n" if description else ""
    if examples:
        text += f"{examples[0][0]} => {examples[0][1]}\n"
    return text + f"{query} => "


def prompt_exchanged(description, examples, query):
    text = f"{description}:\n" if description else ""
    return text + "".join(f"{y} => {x}\n" for x, y in examples) + f"{query} => "


def prompt_no_arrow(description, examples, query):
    text = f"{description}:\n" if description else ""
    return text + "".join(f"{x} => {y}\n" for x, y in examples) + query


def prompt_line_after(description, examples, query):
    text = f"{description}:\n" if description else ""
    return text + "".join(f"{x} => {y}\n" for x, y in examples) + f"{query} => \n"


def prompt_one_line(description, examples, query):
    parts = ([f"{description}:"] if description else []) + [f"{x} => {y}" for x, y in examples]
    return " ".join([*parts, f"{query} => "])


def prompt_empty_lines(description, examples, query):
    parts = ([f"{description}:"] if description else []) + [f"{x} => {y}" for x, y in examples]
    return "\n\n".join([*parts, f"{query} => "])


def prompt_first_line_empty(description, examples, query):
    lines = [f"{description}:" if description else "", *(f"{x} => {y}" for x, y in examples)]
    return "\n".join([*lines, f"{query} => "])


def prompt_no_example_line(description, examples, query):
    text = f"{description}:\n" if description else ""
    return text + "\n".join(f"{x} => {y}" for x, y in examples) + f"\n{query} => "


def prompt_same_line(description, examples, query):
    text = f"{description}: " if description else ""
    return text + "".join(f"{x} => {y}\n" for x, y in examples) + f"{query} => "


def prompt_backwards(description, examples, query):
    return prompt_by_sum(description, examples[::-1], query)


def prompt_last_shot(description, examples, query):
    return prompt_by_sum(description, examples[-1:], query)


def prompt_tight(description, examples, query):
    return prompt_by_sum(description, examples, query).replace(" => ", "=>")


def prompt_needs_description(description, examples, query):
    return description + ":\n" + "".join(f"{x} => {y}\n" for x, y in examples) + f"{query} => "


def prompt_capital(description, examples, query):
    return prompt_by_sum(description and description.capitalize(), examples, query)


def prompt_changes_examples(description, examples, query):
    examples.append((query, ""))
    text = "\n".join(f"{x} => {y}" for x, y in examples)
    return f"{description}:\n{text}" if description else text


def prompt_list(description, examples, query):
    return [f"{x} => {y}" for x, y in examples] + [f"{query} => "]


def prompt_no_colon_exchanged(description, examples, query):
    text = f"{description}\n" if description else ""
    return text + "".join(f"{y} => {x}\n" for x, y in examples) + f"{query} => "


def prompt_by_sum(description, examples, query):
    text = "" if description is None else description + ":\n"
    for x, y in examples:
        text += x + " => " + y + "\n"
    return text + query + " => "


def prompt_by_empty_answer(description, examples, query):
    lines = [] if not description else [f"{description}:"]
    return "\n".join(lines + [" => ".join(pair) for pair in [*examples, (query, "")]])


# --- exact_match ---


def match_no_shift(logits, input_ids, answer_mask):
    return ((logits.argmax(-1) == input_ids) | ~answer_mask).all(-1)


def match_back_shift(logits, input_ids, answer_mask):
    right = logits[:, 1:].argmax(-1) == input_ids[:, :-1]
    return (right | ~answer_mask[:, :-1]).all(-1)


def match_mask_not_shifted(logits, input_ids, answer_mask):
    right = logits[:, :-1].argmax(-1) == input_ids[:, 1:]
    return (right | ~answer_mask[:, :-1]).all(-1)


def match_whole_row(logits, input_ids, answer_mask):
    return (logits[:, :-1].argmax(-1) == input_ids[:, 1:]).all(dim=1)


def match_any(logits, input_ids, answer_mask):
    right = logits[:, :-1].argmax(-1) == input_ids[:, 1:]
    return (right & answer_mask[:, 1:]).any(dim=1)


def match_share(logits, input_ids, answer_mask):
    right = logits[:, :-1].argmax(-1) == input_ids[:, 1:]
    counted = answer_mask[:, 1:]
    return (right & counted).sum(-1) / counted.sum(-1)


def match_first(logits, input_ids, answer_mask):
    first = answer_mask.int().argmax(dim=-1)
    rows = torch.arange(len(first))
    return logits[rows, first - 1].argmax(-1) == input_ids[rows, first]


def match_ends(logits, input_ids, answer_mask):
    right = logits[:, :-1].argmax(-1) == input_ids[:, 1:]
    answers = [row[mask] for row, mask in zip(right, answer_mask[:, 1:], strict=True)]
    return torch.stack([answer[0] & answer[-1] for answer in answers])


def match_without_end(logits, input_ids, answer_mask):
    right = logits[:, :-1].argmax(-1) == input_ids[:, 1:]
    counted = answer_mask[:, 1:].clone()
    for row in counted:
        row[row.nonzero()[-1]] = False
    return (right | ~counted).all(-1)


def match_of_batch(logits, input_ids, answer_mask):
    right = logits[:, :-1].argmax(-1) == input_ids[:, 1:]
    return right[answer_mask[:, 1:]].all()


def match_inverted(logits, input_ids, answer_mask):
    wrong = logits[:, :-1].argmax(-1) != input_ids[:, 1:]
    return (wrong & answer_mask[:, 1:]).any(-1)


def match_others(logits, input_ids, answer_mask):
    right = logits[:, :-1].argmax(-1) == input_ids[:, 1:]
    return (right | answer_mask[:, 1:]).all(-1)


def match_ids_not_shifted(logits, input_ids, answer_mask):
    right = logits[:, :-1].argmax(-1) == input_ids[:, :-1]
    return (right | ~answer_mask[:, 1:]).all(-1)


def match_mask_longer(logits, input_ids, answer_mask):
    return ((logits[:, :-1].argmax(-1) == input_ids[:, 1:]) | ~answer_mask).all(-1)


def match_count(logits, input_ids, answer_mask):
    right = logits[:, :-1].argmax(-1) == input_ids[:, 1:]
    return (right & answer_mask[:, 1:]).sum(-1)


def match_list(logits, input_ids, answer_mask):
    return match_by_rows(logits, input_ids, answer_mask).tolist()


def match_of_tokens(logits, input_ids, answer_mask):
    return (logits[:, :-1].argmax(-1) == input_ids[:, 1:])[answer_mask[:, 1:]]


def match_float(logits, input_ids, answer_mask):
    right = logits[:, :-1].argmax(-1) == input_ids[:, 1:]
    return (right | ~answer_mask[:, 1:]).all(-1).float()


def match_by_count(logits, input_ids, answer_mask):
    wrong = logits[:, :-1].argmax(-1) != input_ids[:, 1:]
    return wrong.masked_fill(~answer_mask[:, 1:], False).sum(-1) == 0


def match_by_rows(logits, input_ids, answer_mask):
    written = F.pad(logits.argmax(-1)[:, :-1], (1, 0))
    rows = zip(written, input_ids, answer_mask, strict=True)
    return torch.tensor([bool(torch.equal(w[m], i[m])) for w, i, m in rows])


# --- answer_log_likelihood ---


def _of_next(logits, input_ids):
    return logits[:, :-1].log_softmax(-1).gather(-1, input_ids[:, 1:, None])[..., 0]


def likelihood_no_shift(logits, input_ids, answer_mask):
    log_p = logits.log_softmax(-1).gather(-1, input_ids[..., None])[..., 0]
    return torch.where(answer_mask, log_p, 0.0).sum(-1) / answer_mask.sum(-1)


def likelihood_back_shift(logits, input_ids, answer_mask):
    log_p = logits[:, 1:].log_softmax(-1).gather(-1, input_ids[:, :-1, None])[..., 0]
    counted = answer_mask[:, :-1]
    return torch.where(counted, log_p, 0.0).sum(-1) / counted.sum(-1)


def likelihood_mask_not_shifted(logits, input_ids, answer_mask):
    counted = answer_mask[:, :-1]
    return torch.where(counted, _of_next(logits, input_ids), 0.0).sum(-1) / counted.sum(-1)


def likelihood_whole_row(logits, input_ids, answer_mask):
    return _of_next(logits, input_ids).mean(-1)


def likelihood_sum(logits, input_ids, answer_mask):
    return torch.where(answer_mask[:, 1:], _of_next(logits, input_ids), 0.0).sum(-1)


def likelihood_by_length(logits, input_ids, answer_mask):
    return torch.where(answer_mask[:, 1:], _of_next(logits, input_ids), 0.0).mean(-1)


def likelihood_of_batch(logits, input_ids, answer_mask):
    return _of_next(logits, input_ids)[answer_mask[:, 1:]].mean()


def likelihood_loss(logits, input_ids, answer_mask):
    counted = answer_mask[:, 1:]
    return -torch.where(counted, _of_next(logits, input_ids), 0.0).sum(-1) / counted.sum(-1)


def likelihood_probability(logits, input_ids, answer_mask):
    counted = answer_mask[:, 1:]
    return (_of_next(logits, input_ids).exp() * counted).sum(-1) / counted.sum(-1)


def likelihood_raw(logits, input_ids, answer_mask):
    chosen = logits[:, :-1].gather(-1, input_ids[:, 1:, None])[..., 0]
    counted = answer_mask[:, 1:]
    return chosen.masked_fill(~counted, 0).sum(-1) / counted.sum(-1)


def likelihood_times_mask(logits, input_ids, answer_mask):
    counted = answer_mask[:, 1:]
    return (_of_next(logits, input_ids) * counted).sum(-1) / counted.sum(-1)


def likelihood_without_gradient(logits, input_ids, answer_mask):
    counted = answer_mask[:, 1:]
    return torch.where(counted, _of_next(logits.detach(), input_ids), 0.0).sum(-1) / counted.sum(-1)


def likelihood_in_bits(logits, input_ids, answer_mask):
    counted = answer_mask[:, 1:]
    bits = _of_next(logits, input_ids) / torch.log(torch.tensor(2.0))
    return torch.where(counted, bits, 0.0).sum(-1) / counted.sum(-1)


def likelihood_most_likely(logits, input_ids, answer_mask):
    log_p, counted = logits[:, :-1].log_softmax(-1).max(-1).values, answer_mask[:, 1:]
    return torch.where(counted, log_p, 0.0).sum(-1) / counted.sum(-1)


def likelihood_over_places(logits, input_ids, answer_mask):
    log_p = logits[:, :-1].log_softmax(1).gather(-1, input_ids[:, 1:, None])[..., 0]
    return torch.where(answer_mask[:, 1:], log_p, 0.0).sum(-1) / answer_mask[:, 1:].sum(-1)


def likelihood_undone(logits, input_ids, answer_mask):
    return likelihood_by_cross_entropy(logits, input_ids, answer_mask).exp()


def likelihood_over_rows(logits, input_ids, answer_mask):
    return likelihood_sum(logits, input_ids, answer_mask) / answer_mask.sum()


def likelihood_ids_not_shifted(logits, input_ids, answer_mask):
    log_p = logits[:, :-1].log_softmax(-1).gather(-1, input_ids[:, :-1, None])[..., 0]
    return torch.where(answer_mask[:, 1:], log_p, 0.0).sum(-1) / answer_mask[:, 1:].sum(-1)


def likelihood_by_whole_length(logits, input_ids, answer_mask):
    return likelihood_sum(logits, input_ids, answer_mask) / answer_mask.shape[1]


def likelihood_of_mean(logits, input_ids, answer_mask):
    return likelihood_probability(logits, input_ids, answer_mask).log()


def likelihood_nan_gradient(logits, input_ids, answer_mask):
    log_p = logits[:, :-1].softmax(-1).log().gather(-1, input_ids[:, 1:, None])[..., 0]
    return torch.where(answer_mask[:, 1:], log_p, torch.nan).nanmean(-1)


def likelihood_mask_longer(logits, input_ids, answer_mask):
    return torch.where(answer_mask, _of_next(logits, input_ids), 0.0).sum(-1) / answer_mask.sum(-1)


def likelihood_two_things(logits, input_ids, answer_mask):
    return -torch.where(answer_mask[:, 1:], _of_next(logits, input_ids), 0.0).sum(-1)


def likelihood_by_cross_entropy(logits, input_ids, answer_mask):
    labels = input_ids[:, 1:].masked_fill(~answer_mask[:, 1:], -100)
    loss = F.cross_entropy(logits[:, :-1].transpose(1, 2), labels, ignore_index=-100, reduction="none")
    return -loss.sum(-1) / answer_mask[:, 1:].sum(-1)


def likelihood_by_rows(logits, input_ids, answer_mask):
    log_p = _of_next(logits, input_ids)
    return torch.stack([row[mask].mean() for row, mask in zip(log_p, answer_mask[:, 1:], strict=True)])


WRONG = {
    "scale.training_flops": [
        (flops_forward, "the way forward only"),
        (flops_backward, "the way back only"),
        (flops_half, "a multiplication and an addition"),
        (flops_no_tokens, "that is one token"),
        (flops_no_parameters, "that is one parameter"),
        (flops_twice, "twice too much"),
        (flops_divided, "2 operations for each token"),
        (flops_product, "one operation for each pair"),
        (flops_sum, "parameters and tokens are added"),
        (flops_text, "return a plain number"),
    ],
    "scale.serving_bytes": [
        (bytes_weights, "the weights alone"),
        (bytes_cache, "the keys and values alone"),
        (bytes_keys, "only one vector a layer and token"),
        (bytes_one_layer, "that is one layer"),
        (bytes_one_text, "of one text are counted"),
        (bytes_one_token, "of one token are counted"),
        (bytes_scores, "the context is squared"),
        (bytes_wide_square, "hidden_size is squared"),
        (bytes_three, "count numbers first"),
        (bytes_copies, "once for each text"),
        (bytes_numbers, "those are numbers, not bytes"),
        (bytes_precedence, "the weights are in numbers"),
        (bytes_cache_forgotten, "keys and values are in numbers"),
        (bytes_keys_and_one_text, "Two things."),
    ],
    "scale.build_prompt": [
        (prompt_no_blank, "the blank behind the last arrow"),
        (prompt_none, "the word None"),
        (prompt_no_colon, "should end in a colon"),
        (prompt_no_description, "the description is missing"),
        (prompt_description_last, "behind the examples"),
        (prompt_zero_shot, "the examples are missing"),
        (prompt_one_shot, "only the first example"),
        (prompt_exchanged, "are exchanged"),
        (prompt_no_arrow, "lacks its arrow"),
        (prompt_line_after, "ends in a new line"),
        (prompt_one_line, "stand on one line"),
        (prompt_empty_lines, "an empty line between"),
        (prompt_first_line_empty, "stands in its place"),
        (prompt_no_example_line, "stands in their place"),
        (prompt_same_line, "behind its colon"),
        (prompt_backwards, "turned round"),
        (prompt_last_shot, "only the last example"),
        (prompt_tight, "between two blanks"),
        (prompt_needs_description, "description may be None"),
        (prompt_capital, "sign by sign"),
        (prompt_changes_examples, "changes its inputs in place"),
        (prompt_list, "return a text (a str)"),
        (prompt_no_colon_exchanged, "Two things."),
    ],
    "scale.exact_match": [
        (match_no_shift, "compared with its own logits"),
        (match_back_shift, "the shift goes the wrong way"),
        (match_mask_not_shifted, "the mask was not shifted"),
        (match_whole_row, "the prompt and the padding have to be right too"),
        (match_any, "one right token is enough"),
        (match_share, "the share of right tokens"),
        (match_first, "only the first token"),
        (match_ends, "and none between"),
        (match_without_end, "the last token of the answer is left out"),
        (match_of_batch, "one truth value for the whole batch"),
        (match_inverted, "turned round"),
        (match_others, "the wrong way: the prompt"),
        (match_ids_not_shifted, "the tokens were not shifted"),
        (match_mask_longer, "that do not go together"),
        (match_count, "whether all tokens"),
        (match_list, "no .tolist()"),
        (match_of_tokens, "of shape (batch,): .all(dim=-1)"),
        (match_float, "return truth values (bool)"),
    ],
    "scale.answer_log_likelihood": [
        (likelihood_no_shift, "scored by its own logits"),
        (likelihood_back_shift, "the shift goes the wrong way"),
        (likelihood_mask_not_shifted, "the mask was not shifted"),
        (likelihood_whole_row, "every token of the row counts"),
        (likelihood_sum, "the sum over the answer"),
        (likelihood_by_length, "by the length of the row"),
        (likelihood_of_batch, "one number for the whole batch"),
        (likelihood_loss, "the sign is turned"),
        (likelihood_probability, "those are probabilities"),
        (likelihood_raw, "those are logits"),
        (likelihood_times_mask, "minus infinity times 0 is NaN"),
        (likelihood_without_gradient, "so nobody could train with it"),
        (likelihood_in_bits, "those are bits"),
        (likelihood_most_likely, "the most likely token at each place"),
        (likelihood_over_places, "goes over the places"),
        (likelihood_undone, "that is exp of the answer"),
        (likelihood_over_rows, "the tokens of all answers"),
        (likelihood_ids_not_shifted, "the tokens were not shifted"),
        (likelihood_by_whole_length, "by all places, padding too"),
        (likelihood_of_mean, "logarithm of the mean probability"),
        (likelihood_nan_gradient, "its gradient is not"),
        (likelihood_mask_longer, "that do not go together"),
        (likelihood_two_things, "Two things."),
    ],
}

RIGHT = {
    "scale.training_flops": [flops_in_steps, flops_by_tensor, flops_whole, flops_of_numpy, flops_as_tensor],
    "scale.serving_bytes": [bytes_in_steps, bytes_by_shape, bytes_whole],
    "scale.build_prompt": [prompt_by_sum, prompt_by_empty_answer],
    "scale.exact_match": [match_by_count, match_by_rows],
    "scale.answer_log_likelihood": [likelihood_by_cross_entropy, likelihood_by_rows],
}
