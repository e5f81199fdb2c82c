"""Answers to the exercises of notebook 10 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/prompts`, since none of its mistakes fits: replacements in the
reference, or a function, and a piece of the advice. RIGHT: other ways to be right.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def from_tokens_by_one_hot(embeddings, token_ids, num_virtual_tokens):
    ids = token_ids[torch.arange(num_virtual_tokens) % token_ids.numel()]
    return F.one_hot(ids, embeddings.size(0)).to(embeddings.dtype) @ embeddings


def from_tokens_by_numpy(embeddings, token_ids, num_virtual_tokens):
    return torch.from_numpy(
        np.resize(embeddings[token_ids].numpy(), (num_virtual_tokens, embeddings.shape[1]))
    )


def from_tokens_by_loop(embeddings, token_ids, num_virtual_tokens):
    return torch.stack([embeddings[token_ids[i % len(token_ids)]] for i in range(num_virtual_tokens)])


def from_tokens_by_repeat(embeddings, token_ids, num_virtual_tokens):
    rounds = math.ceil(num_virtual_tokens / len(token_ids))
    return F.embedding(token_ids.repeat(rounds)[:num_virtual_tokens], embeddings).clone().detach()


def from_tokens_as_parameter(embeddings, token_ids, num_virtual_tokens):
    ids = token_ids.tolist() * num_virtual_tokens
    return nn.Parameter(embeddings[ids[:num_virtual_tokens]].clone())


def from_tokens_by_while(embeddings, token_ids, num_virtual_tokens):
    rows = embeddings.index_select(0, token_ids)
    while len(rows) < num_virtual_tokens:
        rows = torch.cat([rows, embeddings[token_ids]])
    return rows[:num_virtual_tokens]


def prepend_behind(prompt, token_embeddings):
    return torch.cat([token_embeddings, prompt.expand(len(token_embeddings), -1, -1)], 1)


def prepend_replaces(prompt, token_embeddings):
    out = prompt.expand(len(token_embeddings), -1, -1)
    return torch.cat([out, token_embeddings[:, prompt.shape[-2] :]], 1)


def prepend_prompt_only(prompt, token_embeddings):
    return prompt.expand(token_embeddings.shape[0], -1, -1).clone()


def prepend_first_prompt(prompt, token_embeddings):
    prompt = prompt[0] if prompt.dim() == 3 else prompt
    return torch.cat([prompt.repeat(len(token_embeddings), 1, 1), token_embeddings], 1)


def prepend_reversed(prompt, token_embeddings):
    rows = token_embeddings
    prompt = prompt.expand(len(rows), -1, -1)
    for place in range(prompt.shape[1]):
        rows = torch.cat([prompt[:, place : place + 1], rows], dim=1)
    return rows


def prepend_detached(prompt, token_embeddings):
    with torch.no_grad():
        rows = prompt.expand(len(token_embeddings), -1, -1)
    return torch.cat([rows, token_embeddings], 1)


def prepend_without_gradient(prompt, token_embeddings):
    rows = prompt.detach().expand(len(token_embeddings), -1, -1)
    return torch.cat([rows, token_embeddings.detach()], 1)


def prepend_mean(prompt, token_embeddings):
    rows = prompt.expand(len(token_embeddings), -1, -1)
    rows = rows.mean(1, keepdim=True).repeat(1, rows.shape[1], 1)
    return torch.cat([rows, token_embeddings], 1)


def prepend_unsqueezes(prompt, token_embeddings):
    rows = prompt.unsqueeze(0).expand(len(token_embeddings), -1, -1)
    return torch.cat([rows, token_embeddings], dim=1)


def prepend_not_expanded(prompt, token_embeddings):
    return torch.cat((prompt, token_embeddings), dim=1)


def prepend_along_batch(prompt, token_embeddings):
    rows = prompt.expand(len(token_embeddings), -1, -1)
    return torch.cat([rows, token_embeddings])


def prepend_along_hidden(prompt, token_embeddings):
    rows = prompt.expand(len(token_embeddings), -1, -1).mean(1, keepdim=True)
    return torch.cat([rows.expand_as(token_embeddings), token_embeddings], dim=2)


def prepend_tokens_detached(prompt, token_embeddings):
    return torch.cat([prompt.expand(len(token_embeddings), -1, -1), token_embeddings.detach()], dim=1)


def prepend_into_zeros(prompt, token_embeddings):
    number = prompt.shape[-2]
    out = token_embeddings.new_zeros(
        len(token_embeddings), number + token_embeddings.shape[1], prompt.shape[-1]
    )
    out[:, :number] = prompt
    out[:, number:] = token_embeddings
    return out


def prepend_by_dim(prompt, token_embeddings):
    if prompt.dim() == 2:
        prompt = prompt.unsqueeze(0).repeat(token_embeddings.size(0), 1, 1)
    return torch.cat((prompt, token_embeddings), dim=-2)


def prepend_by_rows(prompt, token_embeddings):
    own = prompt if prompt.ndim == 3 else [prompt] * len(token_embeddings)
    return torch.stack([torch.cat([p, row]) for p, row in zip(own, token_embeddings, strict=True)])


def positions_less_the_mask(attention_mask):
    return attention_mask.cumsum(-1) - attention_mask


def positions_by_triangle(attention_mask):
    length = attention_mask.shape[1]
    return attention_mask @ torch.ones(length, length, dtype=torch.long).triu(1)


def positions_one_at_padding(attention_mask):
    return (attention_mask.long().cumsum(-1) - 1).masked_fill(attention_mask == 0, 1)


def positions_times_mask(attention_mask):
    return attention_mask.cumsum(1).sub(1) * attention_mask


def positions_by_loop(attention_mask):
    places = torch.zeros_like(attention_mask)
    for place in range(1, attention_mask.shape[1]):
        places[:, place] = attention_mask[:, :place].sum(1)
    return places


def nearest_by_similarity(prompt, embeddings):
    return F.cosine_similarity(prompt.unsqueeze(1), embeddings.unsqueeze(0), dim=2).argmax(dim=1)


def nearest_normal_embeddings(prompt, embeddings):
    """The length of the virtual token changes nothing: it is the same for all tokens."""
    return (prompt @ (embeddings / embeddings.norm(dim=-1, keepdim=True)).T).argmax(-1)


def nearest_by_distance_of_directions(prompt, embeddings):
    return torch.cdist(F.normalize(prompt, dim=-1), F.normalize(embeddings, dim=-1)).argmin(-1)


def nearest_by_loop(prompt, embeddings):
    best = [F.cosine_similarity(vector[None], embeddings).argmax().item() for vector in prompt]
    return torch.tensor(best)


def pairs_of(prefix, batch_size, layers, heads):
    parts = prefix.reshape(prefix.shape[0], layers, 2, heads, -1).permute(1, 2, 3, 0, 4)
    return parts.unsqueeze(2).repeat(1, 1, batch_size, 1, 1, 1)


def pairs_by_loop(prefix, batch_size, layers, heads):
    hidden = prefix.shape[1] // (2 * layers)
    pairs = []
    for layer in range(layers):
        start = 2 * layer * hidden
        both = prefix[:, start : start + hidden], prefix[:, start + hidden : start + 2 * hidden]
        cut = [part.view(len(prefix), heads, -1).transpose(0, 1) for part in both]
        pairs.append(tuple(part.unsqueeze(0).expand(batch_size, -1, -1, -1) for part in cut))
    return pairs


def pairs_as_in_peft(prefix, batch_size, layers, heads):
    rows = prefix.unsqueeze(0).repeat(batch_size, 1, 1)
    parts = rows.view(batch_size, len(prefix), layers * 2, heads, -1)
    return parts.permute([2, 0, 3, 1, 4]).split(2)


def pairs_in_one_tensor(prefix, batch_size, layers, heads):
    return pairs_of(prefix, batch_size, layers, heads)


def pairs_zipped(prefix, batch_size, layers, heads):
    return zip(*pairs_of(prefix, batch_size, layers, heads).unbind(1), strict=True)


def pairs_by_einsum(prefix, batch_size, layers, heads):
    parts = prefix.unflatten(1, (layers, 2, heads, -1))
    return [list(pair) for pair in torch.einsum("nlkhd,b->lkbhnd", parts, torch.ones(batch_size))]


def pairs_as_tensors(prefix, batch_size, layers, heads):
    return tuple(pairs_of(prefix, batch_size, layers, heads))


WRONG = {
    "prompts.prompt_from_tokens": [
        (
            {"embeddings[token_ids[places]]": "token_ids[places]"},
            "one row of embeddings for each virtual token",
        ),
        ({"detach()": "tolist()"}, "return a tensor of embeddings"),
        ({" % len(token_ids)": ""}, "take it modulo"),
        ({"embeddings[token_ids[places]]": "embeddings(token_ids[places])"}, "not a module"),
        ({"detach()": "long()"}, "in their dtype"),
        ({"(num_virtual_tokens": "(1, num_virtual_tokens + 1"}, "not the rows of the tokens"),
        ({"[places]": "[:num_virtual_tokens]", "detach()": "detach().T"}, "Two things."),
    ],
    "prompts.prepend_prompt": [
        (prepend_behind, "stands behind the tokens"),
        (prepend_replaces, "takes the place of the first tokens"),
        (prepend_prompt_only, "that is the prompt alone"),
        (prepend_first_prompt, "each row gets the first row's prompt"),
        (prepend_reversed, "in reverse order"),
        (prepend_detached, "no gradient reaches the prompt"),
        (prepend_without_gradient, "no gradient can flow back"),
        (prepend_mean, "virtual tokens are averaged"),
        (prepend_unsqueezes, "needs no new dim"),
        (prepend_not_expanded, "must first be given to each row"),
        (prepend_along_batch, "shapes that do not go together"),
        (prepend_along_hidden, "only dim 1 grows"),
        (prepend_tokens_detached, "no gradient reaches the token embeddings"),
    ],
    "prompts.positions": [
        ({"min=0)": "min=0).tolist()"}, "a tensor of whole numbers"),
        ({"min=0)": "min=0).int()"}, "as cumsum gives them"),
        ({"min=0)": "min=0)[0]"}, "a position for each token"),
        ({" - 1": " + 1"}, "how many ones stand before"),
        ({"return": "attention_mask -= 1\n    return"}, "changes its inputs in place"),
        ({"dim=-1": "dim=0", "min=0)": "min=0).float()"}, "Two things."),
    ],
    "prompts.nearest_tokens": [
        ({".argmax(dim=-1)": ""}, "one id for each virtual token"),
        ({".T": ""}, "shapes that do not go together"),
        ({"argmax(dim=-1)": "argmax(dim=-1).tolist()"}, "return a tensor of ids"),
        ({"argmax(dim=-1)": "argmax(dim=-1).int()"}, "as argmax gives them"),
        ({".argmax(dim=-1)": ".abs().argmax(dim=-1, keepdim=True)"}, "Two things."),
    ],
    "prompts.keys_and_values": [
        ({"[(key, value) for key, value in rows]": "dict(enumerate(rows))"}, "return a list with a pair"),
        ({"batch_size": "2 * batch_size"}, "a list with a pair for each layer; each"),
        ({"-1).permute": "7).permute"}, "do not fit the shape"),
        ({"parts.unsqueeze": "parts.flip(4).unsqueeze"}, "spread them over the batch"),
        ({"(key, value)": "(value, key)", "batch_size": "1"}, "Two things."),
    ],
}

RIGHT = {
    "prompts.prompt_from_tokens": [
        from_tokens_by_loop,
        from_tokens_by_repeat,
        from_tokens_as_parameter,
        from_tokens_by_while,
        from_tokens_by_one_hot,
        from_tokens_by_numpy,
    ],
    "prompts.prepend_prompt": [prepend_by_dim, prepend_by_rows, prepend_into_zeros],
    "prompts.positions": [
        positions_one_at_padding,
        positions_times_mask,
        positions_by_loop,
        positions_less_the_mask,
        positions_by_triangle,
    ],
    "prompts.nearest_tokens": [
        nearest_by_similarity,
        nearest_normal_embeddings,
        nearest_by_distance_of_directions,
        nearest_by_loop,
    ],
    "prompts.keys_and_values": [
        pairs_by_loop,
        pairs_as_in_peft,
        pairs_as_tensors,
        pairs_in_one_tensor,
        pairs_zipped,
        pairs_by_einsum,
    ],
}
