"""Answers to the exercises of notebook 01 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/scale`, since none of its mistakes fits: replacements in the
reference, or a function, and a piece of the advice. RIGHT: other ways to be right.
"""

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence


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


def batch_by_pad_sequence(prompts, answers, pad_token_id):
    rows = [torch.tensor(p + a) for p, a in zip(prompts, answers, strict=True)]
    ids = pad_sequence(rows, batch_first=True, padding_value=pad_token_id)
    real = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    parts = [torch.tensor([False] * len(p) + [True] * len(a)) for p, a in zip(prompts, answers, strict=True)]
    return ids, real, pad_sequence(parts, batch_first=True)


def batch_by_positions(prompts, answers, pad_token_id):
    begins = torch.tensor([len(prompt) for prompt in prompts])[:, None]
    ends = begins + torch.tensor([len(answer) for answer in answers])[:, None]
    positions = torch.arange(int(ends.max()))
    real = positions < ends
    ids = torch.full(real.shape, pad_token_id)
    ids[real] = torch.tensor(
        [token for pair in zip(prompts, answers, strict=True) for token in sum(pair, [])]
    )
    return [ids, real.long(), (positions >= begins) & real]


def batch_by_lists(prompts, answers, pad_token_id):
    rows = [[*p, *a] for p, a in zip(prompts, answers, strict=True)]
    gaps = [max(map(len, rows)) - len(row) for row in rows]
    ids = [row + gap * [pad_token_id] for row, gap in zip(rows, gaps, strict=True)]
    real = [[1] * len(row) + [0] * gap for row, gap in zip(rows, gaps, strict=True)]
    marks = [len(p) * [0] + len(a) * [1] + g * [0] for p, a, g in zip(prompts, answers, gaps, strict=True)]
    return torch.tensor(ids), torch.tensor(real), torch.tensor(marks).bool()


def likelihood_by_cross_entropy(model, prompts, answers, pad_token_id):
    ids, real, marks = batch_by_positions(prompts, answers, pad_token_id)
    labels = ids.masked_fill(~marks, -100)[:, 1:]
    logits = model(input_ids=ids, attention_mask=real).logits[:, :-1].to(torch.float32)
    return -F.cross_entropy(logits.transpose(1, 2), labels, reduction="none").sum(-1)


def likelihood_one_by_one(model, prompts, answers, pad_token_id):
    sums = []
    for prompt, answer in zip(prompts, answers, strict=True):
        log_p = model(torch.tensor([prompt + answer])).logits[0].float().log_softmax(-1)
        sums.append(sum(log_p[len(prompt) + i - 1, token] for i, token in enumerate(answer)))
    return torch.stack(sums)


def likelihood_by_logsumexp(model, prompts, answers, pad_token_id):
    ids, real, marks = batch_by_lists(prompts, answers, pad_token_id)
    rows, columns = marks.nonzero(as_tuple=True)
    before = model(ids, real)["logits"][rows, columns - 1].float()
    log_p = before[torch.arange(len(rows)), ids[rows, columns]] - before.logsumexp(-1)
    return torch.zeros(len(ids)).index_add(0, rows, log_p)


WRONG = {
    "scale.serving_bytes": {
        "count numbers first": {"2 *": "3 *"},
        "Two things.": {"2 * ": "", " * batch_size": ""},
        "return a plain number": {"return ": "return str(", "bytes_per_number": "bytes_per_number)"},
    },
    "scale.build_prompt": {
        "description may be None": {'[f"{description}:"] if description else []': '[description + ":"]'},
        "sign by sign": {"{description}": "{description.capitalize()}"},
        "changes its inputs in place": {"return": "examples.clear()\n    return"},
        "return a text (a str)": {'"\\n".join(': "list("},
        "Two things.": {"{description}:": "{description}", "given, answer": "answer, given"},
    },
    "scale.exact_match": {
        "that do not go together": {"mask[:, 1:]": "mask"},
        "whether all tokens": {"| ~": "& ", "all": "sum"},
        "no .tolist()": {"all(dim=-1)": "all(dim=-1).tolist()"},
        "of shape (batch,): .all(dim=-1)": {"(right | ~": "right[", "[:, 1:]).all(dim=-1)": "[:, 1:]]"},
        "Two things.": {"ids[:, 1:]": "ids[:, :-1]", "all(dim=-1)": "all(dim=-1).float()"},
    },
    "scale.answer_batch": {
        "changed in place": {"prompt + answer": "prompt.__iadd__(answer)"},
        "return three tensors": {"return input_ids, attention_mask, answer_mask": "return input_ids"},
        "longest prompt with its answer": {"max(len": "1 + max(len"},
        "rows of unequal length": {"torch.full((len(rows), longest), pad_token_id)": "torch.tensor(rows)"},
        "Two things.": {", pad_token_id)": ", 0)", "dtype=torch.bool": "dtype=torch.long"},
    },
    "scale.answer_log_likelihood": {
        "that do not go together": {"answer_mask[:, 1:]": "answer_mask"},
        "one number a row is wanted, of shape": {".sum(dim=-1)": ".sum(dim=-1, keepdim=True)"},
        "are lists of token ids": {"answer_batch(prompts": "torch.cat(prompts)\n    answer_batch(prompts"},
        "changed in place": {"log_p =": "prompts[0].append(1)\n    log_p ="},
        "Two things.": {"return ": "return -", ".logits.float()": ".logits"},
    },
}

RIGHT = {
    "scale.serving_bytes": [bytes_in_steps, bytes_by_shape, bytes_whole],
    "scale.build_prompt": [prompt_by_sum, prompt_by_empty_answer, prompt_by_recursion],
    "scale.exact_match": [match_by_count, match_by_rows, match_by_indices],
    "scale.answer_batch": [batch_by_pad_sequence, batch_by_positions, batch_by_lists],
    "scale.answer_log_likelihood": [
        likelihood_by_cross_entropy,
        likelihood_one_by_one,
        likelihood_by_logsumexp,
    ],
}
