"""Conversations with a language model: as text, as batches, and what a model replies.

A conversation is written `<user>...<assistant>...<end>`; one that goes on has more turns before the end mark.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from course_utils import assets
from course_utils.data import NO_LABEL, LengthBatches

USER, ASSISTANT, END = "<user>", "<assistant>", "<end>"


def load_lm(role: str) -> PreTrainedModel:
    """The role's causal language model in float32 and eval mode. Raises `AssetError`."""
    model = AutoModelForCausalLM.from_pretrained(
        assets.fetch(role), dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    return model.eval()


def as_text(user: Sequence[str], answers: Sequence[str]) -> str:
    """The conversation as one text. With an answer fewer than the user's turns it is a prompt: it stops where the
    assistant is to speak."""
    text = ""
    for turn, says in enumerate(user):
        text += f"{USER} {says} {ASSISTANT}"
        text += f" {answers[turn]} " if turn < len(answers) else ""
    return text + (END if len(answers) == len(user) else "")


def make_loader(
    texts: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    batch_size: int,
    *,
    answers_only: bool,
    seed: int = 0,
) -> DataLoader:
    """Shuffled batches for next-word training: input_ids, attention_mask and labels, all (batch, length).

    A label is the next token: labels[:, t] belongs behind input_ids[:, t]. Padding has the label -100. With
    `answers_only` so has whatever the user says: the model learns to answer, not to ask.
    """
    assistant, user = (tokenizer.convert_tokens_to_ids(mark) for mark in (ASSISTANT, USER))
    rows = [torch.tensor(ids) for ids in tokenizer(list(texts))["input_ids"]]

    def labels_of(ids: Tensor) -> Tensor:
        labels, speaks = ids[1:].clone(), not answers_only
        for place, token in enumerate(ids[:-1].tolist()):
            speaks = speaks or token == assistant
            if answers_only and labels[place] == user:
                speaks = False
            if not speaks:
                labels[place] = NO_LABEL
        return labels

    pairs = [(ids[:-1], labels_of(ids)) for ids in rows]

    def collate(batch: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        inputs, labels = zip(*batch, strict=True)
        lengths = torch.tensor([len(ids) for ids in inputs])
        input_ids = pad_sequence(list(inputs), True, tokenizer.pad_token_id)
        mask = (torch.arange(input_ids.shape[1]) < lengths[:, None]).long()
        return {
            "input_ids": input_ids,
            "attention_mask": mask,
            "labels": pad_sequence(list(labels), True, NO_LABEL),
        }

    sampler = LengthBatches([len(ids) for ids, _ in pairs], batch_size, shuffle=True, seed=seed)
    return DataLoader(pairs, batch_sampler=sampler, collate_fn=collate, num_workers=0)  # type: ignore[arg-type]


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
