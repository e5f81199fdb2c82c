"""What a chat model replies to a conversation."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from course_utils.data.conversations import ASSISTANT, END, USER


@torch.no_grad()
def complete(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    max_new_tokens: int = 12,
    **how: Any,
) -> list[str]:
    """What the model writes behind each prompt, up to its next mark or `max_new_tokens` words.

    `how` goes to `generate`: `do_sample=True, temperature=...` draws; without it the model is greedy.
    """
    stops = [tokenizer.convert_tokens_to_ids(mark) for mark in (USER, ASSISTANT, END)]
    settings: dict[str, Any] = {
        "do_sample": False,
        "eos_token_id": stops,
        "pad_token_id": tokenizer.pad_token_id,
        **how,
    }
    found: list[str] = []
    for first in range(0, len(prompts), 256):
        batch = tokenizer(list(prompts[first : first + 256]), padding=True, return_tensors="pt").to(
            model.device
        )
        batch.pop("token_type_ids", None)
        tokens = model.generate(**batch, max_new_tokens=max_new_tokens, **settings)
        written = tokens[:, batch["input_ids"].shape[1] :]
        found += [text.strip() for text in tokenizer.batch_decode(written, skip_special_tokens=True)]
    return found
