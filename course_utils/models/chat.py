"""What a chat model replies: to conversations of the course's own form, and to prompts of any chat template."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from course_utils.data.answers import Request, Tokens
from course_utils.data.batches import padded
from course_utils.data.conversations import END, mark_ids
from course_utils.models.language_models import PLAIN
from course_utils.training.forward import eval_mode

BASE_TRAINING_TOKENS = 2_500 * 32 * 23
"""What the bundled base (role `chat_base`) read in its own training: steps, documents a step, tokens a document. Steps
and batch are those of its card; a document has 23 tokens on average, counted from the recipe."""


@torch.no_grad()
def complete(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    max_new_tokens: int = 12,
    **how: Any,
) -> list[str]:
    """What the model writes after each prompt, up to its next mark or `max_new_tokens` words.

    `how` goes to `generate`: `do_sample=True, temperature=...` draws; without it the model is greedy. Raises DataError
    for a tokenizer without the course's marks.
    """
    stops = [*mark_ids(tokenizer), tokenizer.convert_tokens_to_ids(END)]
    settings: dict[str, Any] = {
        "do_sample": False,
        "eos_token_id": stops,
        "pad_token_id": tokenizer.pad_token_id,
        **how,
    }
    found: list[str] = []
    for first in range(0, len(prompts), 256):
        some = list(prompts[first : first + 256])
        batch = tokenizer(some, padding=True, padding_side="left", return_tensors="pt").to(model.device)
        batch.pop("token_type_ids", None)
        with eval_mode(model):
            tokens = model.generate(**batch, max_new_tokens=max_new_tokens, **settings)
        written = tokens[:, batch["input_ids"].shape[1] :]
        found += [text.strip() for text in tokenizer.batch_decode(written, skip_special_tokens=True)]
    return found


@torch.no_grad()
def continued(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Tokens],
    max_new_tokens: int,
    sample: bool = False,
    batch_size: int = 32,
) -> list[Request]:
    """Each prompt with what the model writes after it: up to and with its end token, or `max_new_tokens`.

    Greedy; with `sample` drawn from the model's own distribution, at temperature 1. Prompts of like length share a
    batch, with padding on the left.
    """
    order = sorted(range(len(prompts)), key=lambda row: -len(prompts[row]))
    end, found = tokenizer.eos_token_id, {}
    # Named, since a model's own settings may ask for a limit on the candidates.
    how = (
        {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": None}
        if sample
        else dict.fromkeys(("temperature", "top_k", "top_p", "min_p"))
    )
    with eval_mode(model):
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            ids, mask = padded([torch.tensor(prompts[row]) for row in batch], end, "left")
            tokens = model.generate(
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                max_new_tokens=max_new_tokens,
                do_sample=sample,
                pad_token_id=end,
                eos_token_id=end,
                **PLAIN,
                **how,
            )
            for row, new in zip(batch, tokens[:, ids.shape[1] :].tolist(), strict=True):
                length = new.index(end) + 1 if end in new else len(new)
                found[row] = Request(prompts[row] + new[:length], len(prompts[row]))
    return [found[row] for row in range(len(prompts))]
