"""Answers to the exercises of notebook 01 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/scale`, since none of its mistakes fits: replacements in the
reference, or a function, and a piece of the advice. RIGHT: other ways to be right.
"""

import numpy as np
import torch
import torch.nn.functional as F


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


def bytes_in_steps(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    of_a_token = layers * (hidden_size + hidden_size) * bytes_per_number
    return parameters * bytes_per_number + sum(of_a_token * context for _ in range(batch_size))


def bytes_whole(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    return round((parameters + 2 * layers * hidden_size * context * batch_size) * bytes_per_number)


def bytes_by_shape(parameters, layers, hidden_size, context, batch_size, bytes_per_number):
    cache = torch.empty(2, layers, batch_size, context, hidden_size, device="meta")
    return bytes_per_number * (parameters + cache.numel())


def prompt_by_sum(description, examples, query):
    text = "" if description is None else description + ":\n"
    for x, y in examples:
        text += x + " => " + y + "\n"
    return text + query + " => "


def prompt_by_empty_answer(description, examples, query):
    lines = [] if not description else [f"{description}:"]
    return "\n".join(lines + [" => ".join(pair) for pair in [*examples, (query, "")]])


def prompt_by_recursion(description, examples, query):
    if description:
        return f"{description}:\n" + prompt_by_recursion("", examples, query)
    if examples:
        (given, answer), *rest = examples
        return f"{given} => {answer}\n" + prompt_by_recursion(None, rest, query)
    return f"{query} => "


def match_by_count(logits, input_ids, answer_mask):
    wrong = logits[:, :-1].argmax(-1) != input_ids[:, 1:]
    return wrong.masked_fill(~answer_mask[:, 1:], False).sum(-1) == 0


def match_by_rows(logits, input_ids, answer_mask):
    written = F.pad(logits.argmax(-1)[:, :-1], (1, 0))
    rows = zip(written, input_ids, answer_mask, strict=True)
    return torch.tensor([bool(torch.equal(w[m], i[m])) for w, i, m in rows])


def match_by_indices(logits, input_ids, answer_mask):
    """An answer does not match where a token of it is wrong, which may be noted for each."""
    match = torch.full((len(logits),), True)
    rows, columns = answer_mask.nonzero(as_tuple=True)
    likeliest = logits[rows, columns - 1].topk(1).indices.squeeze(1)
    match[rows[likeliest != input_ids[rows, columns]]] = False
    return match


def likelihood_by_cross_entropy(logits, input_ids, answer_mask):
    labels = input_ids[:, 1:].masked_fill(~answer_mask[:, 1:], -100)
    loss = F.cross_entropy(logits[:, :-1].transpose(1, 2), labels, ignore_index=-100, reduction="none")
    return -loss.sum(-1) / answer_mask[:, 1:].sum(-1)


def likelihood_by_rows(logits, input_ids, answer_mask):
    log_p = logits[:, :-1].log_softmax(-1).gather(-1, input_ids[:, 1:, None])[..., 0]
    return torch.stack([row[mask].mean() for row, mask in zip(log_p, answer_mask[:, 1:], strict=True)])


def likelihood_by_logsumexp(logits, input_ids, answer_mask):
    rows, columns = answer_mask.nonzero(as_tuple=True)
    before = logits[rows, columns - 1]
    log_p = before[torch.arange(len(rows)), input_ids[rows, columns]] - before.logsumexp(-1)
    return logits.new_zeros(len(logits)).index_add(0, rows, log_p) / rows.bincount()


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
        ({"2 *": "3 *"}, "count numbers first"),
        ({"2 * ": "", " * batch_size": ""}, "Two things."),
        ({"return ": "return str(", "bytes_per_number": "bytes_per_number)"}, "return a plain number"),
    ],
    "scale.build_prompt": [
        ({'[f"{description}:"] if description else []': '[description + ":"]'}, "description may be None"),
        ({"{description}": "{description.capitalize()}"}, "sign by sign"),
        ({"return": "examples.clear()\n    return"}, "changes its inputs in place"),
        ({'"\\n".join(': "list("}, "return a text (a str)"),
        ({"{description}:": "{description}", "given, answer": "answer, given"}, "Two things."),
    ],
    "scale.exact_match": [
        ({"mask[:, 1:]": "mask"}, "that do not go together"),
        ({"| ~": "& ", "all": "sum"}, "whether all tokens"),
        ({"all(dim=-1)": "all(dim=-1).tolist()"}, "no .tolist()"),
        ({"(right | ~": "right[", "[:, 1:]).all(dim=-1)": "[:, 1:]]"}, "of shape (batch,): .all(dim=-1)"),
        ({"ids[:, 1:]": "ids[:, :-1]", "all(dim=-1)": "all(dim=-1).float()"}, "Two things."),
    ],
    "scale.answer_log_likelihood": [
        ({"logits[": "logits.detach()["}, "so nobody could train with it"),
        ({"log_softmax(dim=-1)": "softmax(dim=-1).log()"}, "its gradient is not"),
        ({"mask[:, 1:]": "mask"}, "that do not go together"),
        ({"return ": "return -", " / counted.sum(dim=-1)": ""}, "Two things."),
    ],
}

RIGHT = {
    "scale.training_flops": [flops_in_steps, flops_by_tensor, flops_whole, flops_of_numpy, flops_as_tensor],
    "scale.serving_bytes": [bytes_in_steps, bytes_by_shape, bytes_whole],
    "scale.build_prompt": [prompt_by_sum, prompt_by_empty_answer, prompt_by_recursion],
    "scale.exact_match": [match_by_count, match_by_rows, match_by_indices],
    "scale.answer_log_likelihood": [likelihood_by_cross_entropy, likelihood_by_rows, likelihood_by_logsumexp],
}
