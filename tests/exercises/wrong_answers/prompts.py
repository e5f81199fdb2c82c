"""Answers to the exercises of notebook 10 as a reader might write them.

WRONG: for each exercise, the answers and a piece of the hint that each must get. RIGHT: other ways to be
right.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# --- prompt_from_tokens ---


def from_tokens_short(embeddings, token_ids, num_virtual_tokens):
    return embeddings[token_ids[:num_virtual_tokens]]


def from_tokens_long(embeddings, token_ids, num_virtual_tokens):
    rounds = -(-num_virtual_tokens // len(token_ids))
    return embeddings[token_ids.repeat(rounds)]


def from_tokens_each(embeddings, token_ids, num_virtual_tokens):
    rounds = math.ceil(num_virtual_tokens / len(token_ids))
    return embeddings[token_ids].repeat_interleave(rounds, dim=0)[:num_virtual_tokens]


def from_tokens_last_again(embeddings, token_ids, num_virtual_tokens):
    places = torch.arange(num_virtual_tokens).clamp(max=len(token_ids) - 1)
    return embeddings[token_ids[places]]


def from_tokens_zeros(embeddings, token_ids, num_virtual_tokens):
    prompt = torch.zeros(num_virtual_tokens, embeddings.shape[1])
    rows = embeddings[token_ids][:num_virtual_tokens]
    prompt[: len(rows)] = rows
    return prompt


def from_tokens_from_end(embeddings, token_ids, num_virtual_tokens):
    rounds = math.ceil(num_virtual_tokens / len(token_ids))
    return embeddings[token_ids.repeat(rounds)[-num_virtual_tokens:]]


def from_tokens_first_rows(embeddings, token_ids, num_virtual_tokens):
    return embeddings[:num_virtual_tokens].clone()


def from_tokens_mean(embeddings, token_ids, num_virtual_tokens):
    rounds = math.ceil(num_virtual_tokens / len(token_ids))
    rows = embeddings[token_ids.repeat(rounds)[:num_virtual_tokens]]
    return rows.mean(0, keepdim=True).expand(num_virtual_tokens, -1)


def from_tokens_turned(embeddings, token_ids, num_virtual_tokens):
    return embeddings[token_ids[torch.arange(num_virtual_tokens) % len(token_ids)]].T


def from_tokens_ids(embeddings, token_ids, num_virtual_tokens):
    return token_ids[torch.arange(num_virtual_tokens) % len(token_ids)]


def from_tokens_list(embeddings, token_ids, num_virtual_tokens):
    return [embeddings[token_ids[i % len(token_ids)]] for i in range(num_virtual_tokens)]


def from_tokens_beyond(embeddings, token_ids, num_virtual_tokens):
    return torch.stack([embeddings[token_ids[i]] for i in range(num_virtual_tokens)])


def from_tokens_rounds_down(embeddings, token_ids, num_virtual_tokens):
    return embeddings[token_ids.repeat(num_virtual_tokens // len(token_ids))[:num_virtual_tokens]]


def from_tokens_called(embeddings, token_ids, num_virtual_tokens):
    return embeddings(token_ids)


def from_tokens_at_random(embeddings, token_ids, num_virtual_tokens):
    return embeddings[token_ids[torch.randint(len(token_ids), (num_virtual_tokens,))]]


def from_tokens_one_round_more(embeddings, token_ids, num_virtual_tokens):
    return embeddings[token_ids].repeat(num_virtual_tokens // len(token_ids) + 1, 1)


def from_tokens_of_places(embeddings, token_ids, num_virtual_tokens):
    return embeddings[torch.arange(num_virtual_tokens) % len(token_ids)]


def from_tokens_padded(embeddings, token_ids, num_virtual_tokens):
    ids = torch.zeros(num_virtual_tokens, dtype=torch.long)
    ids[: len(token_ids)] = token_ids[:num_virtual_tokens]
    return embeddings[ids]


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


# --- prepend_prompt ---


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


# --- positions ---


def positions_arange(attention_mask):
    return torch.arange(attention_mask.shape[1]).expand(attention_mask.shape)


def positions_from_one(attention_mask):
    return attention_mask.cumsum(-1)


def positions_from_right(attention_mask):
    return (attention_mask.flip(1).cumsum(1).flip(1) - 1).clamp(min=0)


def positions_left_only(attention_mask):
    padding = (attention_mask == 0).sum(1, keepdim=True)
    return (torch.arange(attention_mask.shape[1]) - padding).clamp(min=0)


def positions_down(attention_mask):
    return (attention_mask.cumsum(0) - 1).clamp(min=0)


def positions_no_clamp(attention_mask):
    return attention_mask.cumsum(dim=1) - 1


def positions_floats(attention_mask):
    return (attention_mask.float().cumsum(-1) - 1).clamp(min=0)


def positions_mask(attention_mask):
    return attention_mask


def positions_minus_one_at_padding(attention_mask):
    return (attention_mask.cumsum(-1) - 1).masked_fill(attention_mask == 0, -1)


def positions_behind_the_first(attention_mask):
    first = attention_mask.argmax(1, keepdim=True)
    return (torch.arange(attention_mask.shape[1]) - first).clamp(0)


def positions_lifted_to_one(attention_mask):
    return (attention_mask.cumsum(-1) - 1).clamp(min=1)


def positions_of_padding(attention_mask):
    return (attention_mask == 0).cumsum(-1)


def positions_less_the_mask(attention_mask):
    return attention_mask.cumsum(-1) - attention_mask


def positions_by_triangle(attention_mask):
    length = attention_mask.shape[1]
    return attention_mask @ torch.ones(length, length, dtype=torch.long).triu(1)


def positions_list(attention_mask):
    return [(row.cumsum(0) - 1).tolist() for row in attention_mask]


def positions_in_place(attention_mask):
    attention_mask -= 1
    return attention_mask


def positions_one_at_padding(attention_mask):
    return (attention_mask.long().cumsum(-1) - 1).masked_fill(attention_mask == 0, 1)


def positions_times_mask(attention_mask):
    return attention_mask.cumsum(1).sub(1) * attention_mask


def positions_by_loop(attention_mask):
    places = torch.zeros_like(attention_mask)
    for place in range(1, attention_mask.shape[1]):
        places[:, place] = attention_mask[:, :place].sum(1)
    return places


# --- nearest_tokens ---


def nearest_product(prompt, embeddings):
    return (prompt @ embeddings.T).argmax(-1)


def nearest_half_normal(prompt, embeddings):
    return (F.normalize(prompt, dim=-1) @ embeddings.T).argmax(-1)


def nearest_distance(prompt, embeddings):
    return torch.cdist(prompt, embeddings).argmin(-1)


def nearest_farthest(prompt, embeddings):
    return F.cosine_similarity(prompt[:, None], embeddings[None], dim=-1).argmin(-1)


def nearest_other_way(prompt, embeddings):
    return F.cosine_similarity(prompt[:, None], embeddings[None], dim=-1).argmax(0)


def nearest_across(prompt, embeddings):
    return (F.normalize(prompt, dim=0) @ F.normalize(embeddings, dim=0).T).argmax(-1)


def nearest_value(prompt, embeddings):
    return F.cosine_similarity(prompt[:, None], embeddings[None], dim=-1).max(-1).values


def nearest_absolute(prompt, embeddings):
    return F.cosine_similarity(prompt[:, None], embeddings[None], dim=-1).abs().argmax(-1)


def nearest_column(prompt, embeddings):
    return F.cosine_similarity(prompt[:, None], embeddings[None], dim=-1).topk(1).indices


def nearest_scores(prompt, embeddings):
    return F.normalize(prompt, dim=-1) @ F.normalize(embeddings, dim=-1).T


def nearest_not_turned(prompt, embeddings):
    return (F.normalize(prompt, dim=-1) @ F.normalize(embeddings, dim=-1)).argmax(-1)


def nearest_list(prompt, embeddings):
    return (F.normalize(prompt, dim=-1) @ F.normalize(embeddings, dim=-1).T).argmax(-1).tolist()


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


# --- keys_and_values ---


def pairs_of(prefix, batch_size, layers, heads):
    parts = prefix.reshape(prefix.shape[0], layers, 2, heads, -1).permute(1, 2, 3, 0, 4)
    return parts.unsqueeze(2).repeat(1, 1, batch_size, 1, 1, 1)


def pairs_exchanged(prefix, batch_size, layers, heads):
    return [(part[1], part[0]) for part in pairs_of(prefix, batch_size, layers, heads)]


def pairs_keys_first(prefix, batch_size, layers, heads):
    parts = prefix.view(len(prefix), 2, layers, heads, -1).permute(1, 2, 3, 0, 4)
    keys, values = parts.unsqueeze(2).expand(-1, -1, batch_size, -1, -1, -1)
    return list(zip(keys, values, strict=True))


def pairs_heads_last(prefix, batch_size, layers, heads):
    parts = prefix.view(len(prefix), layers, 2, -1, heads).permute(1, 2, 4, 0, 3)
    return [tuple(part.unsqueeze(1).repeat(1, batch_size, 1, 1, 1)) for part in parts]


def pairs_view_alone(prefix, batch_size, layers, heads):
    parts = prefix.view(layers, 2, 1, heads, len(prefix), -1).expand(-1, -1, batch_size, -1, -1, -1)
    return [(key, value) for key, value in parts]


def pairs_tokens_first(prefix, batch_size, layers, heads):
    rows = prefix.unsqueeze(0).expand(batch_size, -1, -1).unflatten(-1, (layers, 2, heads, -1))
    return [(rows[:, :, layer, 0], rows[:, :, layer, 1]) for layer in range(layers)]


def pairs_one_row(prefix, batch_size, layers, heads):
    return [tuple(part[:, :1]) for part in pairs_of(prefix, batch_size, layers, heads)]


def pairs_detached(prefix, batch_size, layers, heads):
    return [tuple(part) for part in pairs_of(prefix.detach(), batch_size, layers, heads)]


def pairs_backwards(prefix, batch_size, layers, heads):
    return [tuple(part) for part in pairs_of(prefix, batch_size, layers, heads)][::-1]


def pairs_first_layer(prefix, batch_size, layers, heads):
    key, value = pairs_of(prefix, batch_size, layers, heads)[0]
    return [(key, value)] * layers


def pairs_without_batch(prefix, batch_size, layers, heads):
    return [tuple(part[:, 0]) for part in pairs_of(prefix, batch_size, layers, heads)]


def pairs_as_two_lists(prefix, batch_size, layers, heads):
    parts = pairs_of(prefix, batch_size, layers, heads)
    return {"keys": parts[:, 0], "values": parts[:, 1]}


def pairs_wrong_view(prefix, batch_size, layers, heads):
    parts = prefix.view(batch_size + 1, layers + 1, 2, heads + 1, len(prefix), -1)
    return [(part[0], part[1]) for part in parts]


def pairs_mixed_up(prefix, batch_size, layers, heads):
    rows = prefix.repeat(batch_size, 1, 1).view(batch_size, heads, len(prefix), 2 * layers, -1)
    return rows.permute(3, 0, 1, 2, 4).split(2)


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
        (from_tokens_short, "rows are missing"),
        (from_tokens_long, "more rows than virtual tokens"),
        (from_tokens_each, "a a b b"),
        (from_tokens_last_again, "the last token fills"),
        (from_tokens_zeros, "zeros fill"),
        (from_tokens_from_end, "the last tokens are kept"),
        (from_tokens_first_rows, "token_ids is not used"),
        (from_tokens_mean, "the mean of the tokens"),
        (from_tokens_turned, "lies on its side"),
        (from_tokens_ids, "one row of embeddings for each virtual token"),
        (from_tokens_list, "return a tensor of embeddings"),
        (from_tokens_beyond, "take it modulo"),
        (from_tokens_rounds_down, "// rounds down"),
        (from_tokens_called, "not a module"),
        (from_tokens_at_random, "not the rows of the tokens"),
        (from_tokens_one_round_more, "a round too many"),
        (from_tokens_of_places, "rows of the places"),
        (from_tokens_padded, "the token with the id 0"),
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
        (positions_arange, "padding counts as a token"),
        (positions_from_one, "the first token is at 1"),
        (positions_from_right, "counts from the right"),
        (positions_left_only, "where all padding stands on the left"),
        (positions_down, "runs over the batch"),
        (positions_no_clamp, "padding before the first token gets the position -1"),
        (positions_floats, "leave the running sum in int64"),
        (positions_mask, "that is the mask"),
        (positions_list, "a tensor of whole numbers"),
        (positions_in_place, "changes its inputs in place"),
        (positions_minus_one_at_padding, "padding gets the position -1"),
        (positions_behind_the_first, "only the padding before the first token"),
        (positions_lifted_to_one, "lifted to 1"),
        (positions_of_padding, "counts the padding"),
    ],
    "prompts.nearest_tokens": [
        (nearest_product, "that is the largest product"),
        (nearest_distance, "that is the smallest distance"),
        (nearest_farthest, "points the other way: take"),
        (nearest_other_way, "gives each token its nearest"),
        (nearest_across, "the vectors are normalised over the wrong dim"),
        (nearest_value, "that is the cosine itself"),
        (nearest_absolute, "Leave the sign"),
        (nearest_column, "without a second dim"),
        (nearest_scores, "one id for each virtual token"),
        (nearest_not_turned, "shapes that do not go together"),
        (nearest_list, "return a tensor of ids"),
    ],
    "prompts.keys_and_values": [
        (pairs_exchanged, "keys and values are exchanged"),
        (pairs_keys_first, "takes the keys of all layers first"),
        (pairs_heads_last, "picked from all over"),
        (pairs_view_alone, "a view alone cuts rows apart"),
        (pairs_tokens_first, "the tokens stand before the heads"),
        (pairs_one_row, "there is one row only"),
        (pairs_detached, "no gradient reaches the prefix"),
        (pairs_backwards, "in reverse order"),
        (pairs_first_layer, "gets the keys and values of the first"),
        (pairs_without_batch, "the batch is missing"),
        (pairs_as_two_lists, "return a list with a pair"),
        (pairs_wrong_view, "do not fit the shape"),
        (pairs_mixed_up, "spread them over the batch"),
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
