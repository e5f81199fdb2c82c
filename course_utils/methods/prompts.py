"""Prompts that are learned: prompt tuning, a prompt for each task of a mixed batch, and prefix tuning.

Sources: Lester, Al-Rfou and Constant (2021), "The Power of Scale for Parameter-Efficient Prompt Tuning", section 2
(prompt tuning) and section 2.1 (how the prompt starts); Li and Liang (2021), "Prefix-Tuning: Optimizing Continuous
Prompts for Generation", section 4 (a prefix for every layer).
"""

import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from course_utils.methods.validation import Given, checked, in_float32, kind_of


def prompt_from_tokens(embeddings: Tensor, token_ids: Tensor, num_virtual_tokens: int) -> Tensor:
    """The first values of a prompt: the embeddings of these tokens, copied (Lester et al. 2021, section 2.1).

    embeddings: (vocabulary, hidden); token_ids: (count,), at least one. Returns (num_virtual_tokens, hidden), a tensor
    of its own. Where the tokens are too few they are taken again from the first on; where too many, the rest is left.
    """
    places = torch.arange(num_virtual_tokens) % len(token_ids)
    return embeddings[token_ids[places]].detach()


def positions(attention_mask: Tensor) -> Tensor:
    """The position of each token that is not padding: how many such tokens stand before it in its row.

    attention_mask: (batch, length), 1 at tokens and 0 at padding, which may stand anywhere. Returns (batch, length),
    int64. Padding gets some position too, never below 0; nothing depends on it.
    """
    return (attention_mask.cumsum(dim=-1) - 1).clamp(min=0)


def first_position(model: nn.Module) -> int:
    """The position of the first token: 0, but padding_idx + 1 in RoBERTa and its relatives, whose table of positions
    has a row for padding."""
    tables = (part for name, part in model.named_modules() if name.endswith("position_embeddings"))
    padding_idx = next((getattr(table, "padding_idx", None) for table in tables), None)
    return 0 if padding_idx is None else padding_idx + 1


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
    (batch_size, heads, num_virtual_tokens, hidden / heads) and the same for all rows of the batch. Under grouped-query
    attention, heads are the key-value heads, and hidden is their number times the numbers a head.
    """
    parts = prefix.view(len(prefix), layers, 2, heads, -1).permute(1, 2, 3, 0, 4)
    rows = parts.unsqueeze(2).expand(-1, -1, batch_size, -1, -1, -1)
    return [(key, value) for key, value in rows]


@torch.no_grad()
def prefix_from_tokens(model: PreTrainedModel, token_ids: Tensor) -> Tensor:
    """The first values of a prefix: keys and values that the model itself has for these tokens, when they stand at its
    beginning (Li and Liang 2021, section 7.4). With it the model goes on as if it had read them.

    token_ids: (num_virtual_tokens,); the model in eval mode. Returns (num_virtual_tokens, layers * 2 * hidden), as
    `keys_and_values` takes it.
    """
    cache = model(input_ids=token_ids[None].to(model.device), use_cache=True).past_key_values
    parts = torch.stack([torch.stack([layer.keys[0], layer.values[0]]) for layer in cache.layers])
    return parts.permute(3, 0, 1, 2, 4).flatten(1)


def _a_language_model(model: PreTrainedModel) -> None:
    """The model gives logits for each token of one text."""
    if getattr(model.config, "is_encoder_decoder", False):
        raise ValueError(
            f"{kind_of(model)} reads with an encoder and writes with a decoder. Virtual tokens are put before one text "
            "here: take a model with one stack of layers, such as GPT-2 or BERT, or peft."
        )
    if model.get_output_embeddings() is None:
        raise ValueError(
            f"{kind_of(model)} gives no logits for each token. Virtual tokens steer a language model here: load the "
            "model with AutoModelForCausalLM or AutoModelForMaskedLM, or take peft for a classifier."
        )


def _prompts_fit(given: Given) -> None:
    model, prompts = given["model"], given["prompts"]
    _a_language_model(model)
    table = model.get_input_embeddings().weight
    if prompts.dim() != 3 or prompts.shape[-1] != table.shape[-1]:
        raise ValueError(
            f"prompts has the shape {tuple(prompts.shape)}, and must be (tasks, num_virtual_tokens, "
            f"{table.shape[-1]}), since the embeddings of {kind_of(model)} have the shape {tuple(table.shape)}."
        )
    if (scale := getattr(model.get_input_embeddings(), "embed_scale", 1)) != 1:
        warnings.warn(
            f"{kind_of(model)} multiplies each row of its table of embeddings by {float(scale):.4g} before it reads "
            "it, and reads a prompt as it is. A prompt that is made of rows of the table (prompt_from_tokens) must be "
            "multiplied by that number too, or it is as much too small.",
            stacklevel=4,
        )
    given["prompts"] = in_float32(prompts).to(table.device)


def _each_task_has_a_prompt(given: Given) -> None:
    tasks, tuned = given["task_ids"], given["self"]
    if tasks is not None and ((tasks < 0) | (tasks >= len(tuned.prompts))).any():
        raise ValueError(
            f"task_ids holds {tasks.tolist()}, and there are prompts for the tasks 0 to {len(tuned.prompts) - 1}."
        )


def _window_reaches_the_prompt(given: Given) -> None:
    """Padding on the left stands between the prompt and the text, where a sliding window counts it."""
    tuned, mask = given["self"], given["attention_mask"]
    number = tuned.prompts.shape[1] if isinstance(tuned, PromptTuned) else len(tuned.prefix)
    config = tuned.model.config
    slides = "sliding_attention" in (getattr(config, "layer_types", None) or ["sliding_attention"])
    window = getattr(config, "sliding_window", None) if slides else None
    if window and number + mask.shape[1] > window and (mask[:, 0] == 0).any():
        raise ValueError(
            f"{kind_of(tuned.model)} sees {window} tokens back, padding included, and here padding stands between the "
            f"{number} virtual tokens and a text: the more of it, the less of them would be seen. Pad on the right, or "
            f"give texts of up to {window - number} tokens."
        )


class PromptTuned(nn.Module):
    """A frozen language model with virtual tokens in front, the only parameters that train.

    `prompts` (tasks, num_virtual_tokens, hidden): one prompt for each task that the model serves; on the device of the
    model's embeddings, and in float32, in which an optimizer's steps are exact enough. Raises ValueError, and changes
    nothing, where the shape does not fit, for an encoder-decoder, and for a model without logits for each token.
    """

    @checked(_prompts_fit)
    def __init__(self, model: PreTrainedModel, prompts: Tensor) -> None:
        super().__init__()
        self.model = model.requires_grad_(False)
        self.prompts = nn.Parameter(prompts.clone())

    @checked(_each_task_has_a_prompt, _window_reaches_the_prompt)
    def forward(self, input_ids: Tensor, attention_mask: Tensor, task_ids: Tensor | None = None) -> Any:
        """input_ids, attention_mask: (batch, length); task_ids: (batch,), the prompt of each row, or None for the
        first. Returns the model's outputs; their logits are those of the tokens, the prompt's are cut off. Raises
        ValueError for a task without a prompt."""
        number = self.prompts.shape[1]
        prompt = self.prompts[0] if task_ids is None else self.prompts[task_ids]
        tokens = self.model.get_input_embeddings()(input_ids)
        rows = prompt.to(tokens.dtype).expand(len(tokens), -1, -1)
        mask = F.pad(attention_mask, (number, 0), value=1)
        outputs = self.model(
            inputs_embeds=torch.cat([rows, tokens], dim=1),
            attention_mask=mask,
            position_ids=positions(mask) + first_position(self.model),
        )
        outputs.logits = outputs.logits[:, number:]
        return outputs


@torch.no_grad()
def _cached_shapes(model: PreTrainedModel) -> list[tuple[int, int]]:
    """What the model keeps of each token in each layer: (key-value heads, numbers a head). Empty where it keeps no keys
    and values, and where it pays no attention to those that it is given."""
    token = torch.full((1, 1), model.config.vocab_size - 1, device=model.device)
    asked = {"input_ids": token, "attention_mask": torch.ones_like(token), "use_cache": True}
    alone = model(**asked)
    layers = getattr(alone.get("past_key_values"), "layers", ())
    kept = [keys for layer in layers if isinstance(keys := getattr(layer, "keys", None), Tensor)]
    if not kept or len(kept) < len(layers) or any(keys.dim() != 4 for keys in kept):
        return []
    cache = DynamicCache()
    for layer, keys in enumerate(kept):
        cache.update(torch.ones_like(keys), torch.ones_like(keys), layer)
    after = model(**asked | {"attention_mask": token.new_ones(1, 2), "past_key_values": cache})
    if torch.equal(after.logits, alone.logits):
        return []
    return [(keys.shape[1], keys.shape[3]) for keys in kept]


def _prefix_fits(given: Given) -> None:
    model, prefix, was_training = given["model"], given["prefix"], given["model"].training
    _a_language_model(model)
    try:
        shapes = _cached_shapes(model.eval())
    finally:
        model.train(was_training)
    if not shapes:
        raise ValueError(
            f"{kind_of(model)} keeps no keys and values of earlier tokens, so a prefix would do nothing. Take a "
            "language model that reads from left to right, such as GPT-2 or Llama, or prompt tuning."
        )
    (heads, size), layers, config = shapes[0], len(shapes), model.config
    named = getattr(config, "num_key_value_heads", config.num_attention_heads)
    if len(set(shapes)) > 1 or (layers, heads) != (config.num_hidden_layers, named):
        raise ValueError(
            f"The layers of {kind_of(model)} keep keys and values of different shapes, {sorted(set(shapes))} (heads, "
            "numbers a head), and a prefix needs them alike. Take prompt tuning, or another model."
        )
    if prefix.dim() != 2 or prefix.shape[1] != layers * 2 * heads * size:
        raise ValueError(
            f"prefix has the shape {tuple(prefix.shape)}, but {kind_of(model)} keeps {layers} layers * 2 (key, value) "
            f"* {heads} key-value heads * {size} numbers of each token: it must be (num_virtual_tokens, "
            f"{layers * 2 * heads * size})."
        )
    given["prefix"] = in_float32(prefix).to(model.device)


def _prefix_is_not_dropped(given: Given) -> None:
    model = given["self"].model
    if model.training and any(getattr(part, "gradient_checkpointing", False) for part in model.modules()):
        raise ValueError(
            f"{kind_of(model)} trains with gradient checkpointing, under which transformers drops the keys and values "
            "that a prefix consists of. Call model.gradient_checkpointing_disable(), or take prompt tuning."
        )


class PrefixTuned(nn.Module):
    """A frozen language model that attends to keys and values that no token produced, in every layer.

    `prefix` (num_virtual_tokens, layers * 2 * key-value heads * numbers a head), as `keys_and_values` takes it, is all
    that trains; on the model's device, and in float32. Raises ValueError, and changes nothing, where the shape does not
    fit, and for a model in which a prefix would do nothing.
    """

    @checked(_prefix_fits)
    def __init__(self, model: PreTrainedModel, prefix: Tensor) -> None:
        super().__init__()
        self.model = model.requires_grad_(False)
        self.prefix = nn.Parameter(prefix.clone())

    @checked(_prefix_is_not_dropped, _window_reaches_the_prompt)
    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Any:
        """input_ids, attention_mask: (batch, length). Returns the model's outputs, logits of the tokens alone. Raises
        ValueError under gradient checkpointing, which drops the prefix."""
        config = self.model.config
        cache = DynamicCache()
        heads = getattr(config, "num_key_value_heads", config.num_attention_heads)
        prefix = self.prefix.to(self.model.dtype)
        pairs = keys_and_values(prefix, len(input_ids), config.num_hidden_layers, heads)
        for layer, (key, value) in enumerate(pairs):
            cache.update(key, value, layer)
        mask = F.pad(attention_mask, (len(self.prefix), 0), value=1)
        places = positions(mask)[:, len(self.prefix) :] + first_position(self.model)
        return self.model(input_ids, attention_mask=mask, position_ids=places, past_key_values=cache)
