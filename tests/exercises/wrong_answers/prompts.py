"""Answers to the exercises of notebook 10 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/prompts`, since none of its mistakes fits: replacements in the
reference, or a function, and a piece of the advice. RIGHT: other ways to be right.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers.modeling_outputs import CausalLMOutput

from course_utils.methods import prompts


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


class TunedStub(nn.Module):
    def __init__(self, model, prompts):
        super().__init__()
        self.model = model.requires_grad_(False)
        self.prompts = nn.Parameter(prompts.clone())


class TunedByConcatenation(TunedStub):
    def forward(self, input_ids, attention_mask, task_ids=None):
        if task_ids is None:
            task_ids = torch.zeros(len(input_ids), dtype=torch.long)
        embedded = self.model.get_input_embeddings()(input_ids)
        front = self.prompts[task_ids].type_as(embedded)
        mask = torch.cat([attention_mask.new_ones(front.shape[:2]), attention_mask], 1)
        places = mask.cumsum(-1) - mask + prompts.first_position(self.model)
        outputs = self.model(
            inputs_embeds=torch.cat([front, embedded], -2), attention_mask=mask, position_ids=places
        )
        return CausalLMOutput(logits=outputs.logits[:, front.shape[1] :])


class TunedByRow(TunedStub):
    def forward(self, input_ids, attention_mask, task_ids=None):
        number, table = self.prompts.shape[1], self.model.get_input_embeddings()
        tasks = [0] * len(input_ids) if task_ids is None else task_ids.tolist()
        rows = [
            torch.cat([self.prompts[task].to(table.weight.dtype), table(ids)])
            for task, ids in zip(tasks, input_ids, strict=True)
        ]
        mask = F.pad(attention_mask, (number, 0), value=1)
        start = prompts.first_position(self.model)
        text = number + (attention_mask.cumsum(1) - 1).clamp(min=0)
        places = torch.cat([torch.arange(number).expand(len(rows), -1), text], dim=1) + start
        outputs = self.model(
            attention_mask=mask, position_ids=places, inputs_embeds=torch.stack(rows), use_cache=False
        )
        outputs.logits = outputs.logits[:, -input_ids.shape[1] :]
        return outputs


class TunedByZeros(TunedStub):
    def forward(self, input_ids, attention_mask, task_ids=None):
        number, tokens = self.prompts.size(1), self.model.get_input_embeddings()(input_ids)
        both = tokens.new_zeros(len(tokens), number + tokens.size(1), tokens.size(2))
        both[:, :number] = self.prompts[0 if task_ids is None else task_ids]
        both[:, number:] = tokens
        mask = torch.ones(both.shape[:2], dtype=torch.long)
        mask[:, number:] = attention_mask
        places = prompts.positions(mask) + prompts.first_position(self.model)
        outputs = self.model(inputs_embeds=both, attention_mask=mask, position_ids=places)
        outputs["logits"] = outputs["logits"][:, number:]
        return outputs


class TunedByTheModelsOwn(TunedStub):
    """Asks the model for its dtype, its device and its width, as each model of transformers tells them."""

    def forward(self, input_ids, attention_mask, task_ids=None):
        batch, number = len(input_ids), self.prompts.shape[1]
        tasks = torch.zeros(batch, dtype=torch.long) if task_ids is None else task_ids
        rows = self.prompts[tasks].view(batch, number, self.model.config.hidden_size).to(self.model.dtype)
        embeds = torch.cat([rows, self.model.get_input_embeddings()(input_ids)], dim=1)
        ones = torch.ones(batch, number, dtype=attention_mask.dtype, device=self.model.device)
        mask = torch.cat([ones, attention_mask], dim=1)
        places = prompts.positions(mask) + prompts.first_position(self.model)
        outputs = self.model(inputs_embeds=embeds, attention_mask=mask, position_ids=places)
        outputs.logits = outputs.logits[:, number:]
        return outputs


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
    "prompts.prompt_from_tokens": {
        "one row of embeddings for each virtual token": {
            "embeddings[token_ids[places]]": "token_ids[places]"
        },
        "return a tensor of embeddings": {"detach()": "tolist()"},
        "take it modulo": {" % len(token_ids)": ""},
        "not a module": {"embeddings[token_ids[places]]": "embeddings(token_ids[places])"},
        "in their dtype": {"detach()": "long()"},
        "not the rows of the tokens": {"(num_virtual_tokens": "(1, num_virtual_tokens + 1"},
        "Two things.": {"[places]": "[:num_virtual_tokens]", "detach()": "detach().T"},
    },
    "prompts.positions": {
        "a tensor of whole numbers": {"min=0)": "min=0).tolist()"},
        "as cumsum gives them": {"min=0)": "min=0).int()"},
        "a position for each token": {"min=0)": "min=0)[0]"},
        "how many ones stand before": {" - 1": " + 1"},
        "changes its inputs in place": {"return": "attention_mask -= 1\n    return"},
        "Two things.": {"dim=-1": "dim=0", "min=0)": "min=0).float()"},
    },
    "prompts.PromptTuned": {
        "inputs_embeds, not input_ids": {
            "inputs_embeds=torch.cat([rows, tokens], dim=1)": "input_ids=input_ids"
        },
        "and then the mask of the text": {"value=1": "value=2"},
        "a position is the number of tokens before": {"positions(mask) +": "positions(mask) + 1 +"},
        "with their logits shortened": {"return outputs": "return outputs.logits"},
        "a gradient must reach": {"[rows, tokens]": "[2 * rows - rows.detach(), tokens]"},
        "keep __init__ as it stands": {"model.requires_grad_(False)": "model"},
        "join along dim 1": {"dim=1": "dim=0"},
        "Two things.": {"value=1": "value=0", "outputs.logits[:, number:]": "outputs.logits"},
    },
    "prompts.nearest_tokens": {
        "one id for each virtual token": {".argmax(dim=-1)": ""},
        "shapes that do not go together": {".T": ""},
        "return a tensor of ids": {"argmax(dim=-1)": "argmax(dim=-1).tolist()"},
        "as argmax gives them": {"argmax(dim=-1)": "argmax(dim=-1).int()"},
        "Two things.": {".argmax(dim=-1)": ".abs().argmax(dim=-1, keepdim=True)"},
    },
    "prompts.keys_and_values": {
        "return a list with a pair": {"[(key, value) for key, value in rows]": "dict(enumerate(rows))"},
        "a list with a pair for each layer; each": {"batch_size": "2 * batch_size"},
        "do not fit the shape": {"-1).permute": "7).permute"},
        "spread them over the batch": {"parts.unsqueeze": "parts.flip(4).unsqueeze"},
        "Two things.": {"(key, value)": "(value, key)", "batch_size": "1"},
    },
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
    "prompts.positions": [
        positions_one_at_padding,
        positions_times_mask,
        positions_by_loop,
        positions_less_the_mask,
        positions_by_triangle,
    ],
    "prompts.PromptTuned": [TunedByConcatenation, TunedByRow, TunedByZeros, TunedByTheModelsOwn],
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
