"""Prompts that are learned: prompt tuning, a prompt for each task of a mixed batch, and prefix tuning.

Sources: Lester, Al-Rfou and Constant (2021), "The Power of Scale for Parameter-Efficient Prompt Tuning", section 2
(prompt tuning) and section 2.1 (how the prompt starts); Li and Liang (2021), "Prefix-Tuning: Optimizing Continuous
Prompts for Generation", section 4 (a prefix for every layer).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel


def prompt_from_tokens(embeddings: Tensor, token_ids: Tensor, num_virtual_tokens: int) -> Tensor:
    """The first values of a prompt: the embeddings of these tokens, copied (Lester et al. 2021, section 2.1).

    embeddings: (vocabulary, hidden); token_ids: (count,), at least one. Returns (num_virtual_tokens, hidden), a tensor
    of its own. Where the tokens are too few they are taken again from the first on; where too many, the rest is left.
    """
    places = torch.arange(num_virtual_tokens) % len(token_ids)
    return embeddings[token_ids[places]].detach()


def prepend_prompt(prompt: Tensor, token_embeddings: Tensor) -> Tensor:
    """The prompt in front of the embedded tokens of each row (Lester et al. 2021, section 2).

    prompt: (num_virtual_tokens, hidden), the same for all rows, or (batch, num_virtual_tokens, hidden), one a row;
    token_embeddings: (batch, length, hidden). Returns (batch, num_virtual_tokens + length, hidden).
    """
    rows = prompt.expand(len(token_embeddings), -1, -1)
    return torch.cat([rows, token_embeddings], dim=1)


def positions(attention_mask: Tensor) -> Tensor:
    """The position of each token that is not padding: how many such tokens stand before it in its row.

    attention_mask: (batch, length), 1 at tokens and 0 at padding, which may stand anywhere. Returns (batch, length),
    int64. Padding gets some position too, never below 0; nothing depends on it.
    """
    return (attention_mask.cumsum(dim=-1) - 1).clamp(min=0)


def nearest_tokens(prompt: Tensor, embeddings: Tensor) -> Tensor:
    """For each virtual token, the id of the token whose embedding points most nearly the same way.

    prompt: (num_virtual_tokens, hidden); embeddings: (vocabulary, hidden). Nearest by the cosine of the angle between
    the two, whatever their lengths (Lester et al. 2021, section 7). Returns (num_virtual_tokens,), int64.
    """
    cosines = F.normalize(prompt, dim=-1) @ F.normalize(embeddings, dim=-1).T
    return cosines.argmax(dim=-1)


def keys_and_values(prefix: Tensor, batch_size: int, layers: int, heads: int) -> list[tuple[Tensor, Tensor]]:
    """A prefix cut into the keys and values of every layer (Li and Liang 2021, section 4).

    prefix: (num_virtual_tokens, layers * 2 * hidden). A row holds, layer after layer, a key and then a value; each of
    these, head after head, hidden / heads numbers. Returns for each layer the pair (key, value), both of shape
    (batch_size, heads, num_virtual_tokens, hidden / heads) and the same for all rows of the batch.
    """
    parts = prefix.view(len(prefix), layers, 2, heads, -1).permute(1, 2, 3, 0, 4)
    rows = parts.unsqueeze(2).expand(-1, -1, batch_size, -1, -1, -1)
    return [(key, value) for key, value in rows]


class PromptTuned(nn.Module):
    """A frozen language model with virtual tokens in front, the only parameters that train.

    `prompts` (tasks, num_virtual_tokens, hidden): one prompt for each task that the model serves.
    """

    def __init__(self, model: PreTrainedModel, prompts: Tensor) -> None:
        super().__init__()
        self.model = model.requires_grad_(False)
        self.prompts = nn.Parameter(prompts.clone())

    def forward(self, input_ids: Tensor, attention_mask: Tensor, task_ids: Tensor | None = None) -> Any:
        """input_ids, attention_mask: (batch, length); task_ids: (batch,), the prompt of each row, or None for the
        first. Returns the model's outputs; their logits are those of the tokens, the prompt's are cut off."""
        prompt = self.prompts[0] if task_ids is None else self.prompts[task_ids]
        inputs = prepend_prompt(prompt, self.model.get_input_embeddings()(input_ids))
        mask = F.pad(attention_mask, (self.prompts.shape[1], 0), value=1)
        outputs = self.model(inputs_embeds=inputs, attention_mask=mask, position_ids=positions(mask))
        outputs.logits = outputs.logits[:, self.prompts.shape[1] :]
        return outputs


class PrefixTuned(nn.Module):
    """A frozen language model that finds keys and values of tokens that never were, in every layer.

    `prefix` (num_virtual_tokens, layers * 2 * hidden), as `keys_and_values` takes it, is all that trains.
    """

    def __init__(self, model: PreTrainedModel, prefix: Tensor) -> None:
        super().__init__()
        self.model = model.requires_grad_(False)
        self.prefix = nn.Parameter(prefix.clone())

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Any:
        """input_ids, attention_mask: (batch, length). Returns the model's outputs, logits of the tokens alone."""
        config, cache = self.model.config, DynamicCache()
        pairs = keys_and_values(
            self.prefix, len(input_ids), config.num_hidden_layers, config.num_attention_heads
        )
        for layer, (key, value) in enumerate(pairs):
            cache.update(key, value, layer)
        mask = F.pad(attention_mask, (len(self.prefix), 0), value=1)
        places = positions(mask)[:, len(self.prefix) :]
        return self.model(input_ids, attention_mask=mask, position_ids=places, past_key_values=cache)
