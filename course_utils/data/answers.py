"""Prompts and the answers after them: as a chat, as tokens, and as batches whose loss reads the answers alone."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerBase

from course_utils.data.batches import LengthBatches, padded
from course_utils.data.columns import NO_LABEL

Tokens = list[int]


class Request(NamedTuple):
    """A prompt and the answer after it as tokens; `start` is the index of the answer's first token."""

    tokens: Tokens
    start: int


def as_chat(
    tokenizer: PreTrainedTokenizerBase, questions: Sequence[str], system: str | None = None
) -> list[str]:
    """Each question as a prompt in the form that the model was tuned on, up to where its answer begins.

    The form is the tokenizer's chat template. system: what the model is told first; None leaves that to the template.
    Raises ValueError where the tokenizer has no template.
    """
    if not tokenizer.chat_template:
        raise ValueError(
            "This tokenizer has no chat template, so its model was not tuned to chat. Ask with a text that the "
            "answer continues, such as 'Question: ... Answer:'."
        )
    first = [] if system is None else [{"role": "system", "content": system}]
    turns = [[*first, {"role": "user", "content": question}] for question in questions]
    return [
        str(tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)) for turn in turns
    ]


def encode(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], answers: Sequence[str]
) -> list[Request]:
    """Each prompt with its answer as the tokens of one text, special tokens in front where the tokenizer puts them.

    Raises ValueError where the border between the two is no border between tokens. Then a token holds the end of the
    prompt and the beginning of the answer, and the answer alone has no probability.
    """
    befores = tokens_of(tokenizer, prompts)
    wholes = tokens_of(tokenizer, [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)])
    for prompt, answer, before, whole in zip(prompts, answers, befores, wholes, strict=True):
        if not before:
            raise ValueError(
                f"There is no token in front of {answer!r}, and a model only scores what follows something. Begin "
                "the prompt with a text, or with the tokenizer's bos_token."
            )
        if whole[: len(before)] != before or len(whole) == len(before):
            raise ValueError(
                f"After {prompt[-20:]!r}, the answer {answer!r} has no tokens of its own: it is empty, or the "
                "tokenizer joins its beginning with the end of the prompt. Let no prompt end in a blank, and let "
                "every answer begin with one."
            )
    return [Request(whole, len(before)) for before, whole in zip(befores, wholes, strict=True)]


def tokens_of(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[Tokens]:
    """The tokens of each text. A chat template writes the first special token itself: no second one is added. Nor is
    the end token, which some tokenizers add: a text that is to end has it written in it."""
    end = tokenizer.eos_token_id
    ends = end not in (None, tokenizer.bos_token_id) and tokenizer("")["input_ids"][-1:] == [end]
    found: dict[str, Tokens] = {}
    for text in texts:
        if text not in found:
            marked = bool(tokenizer.bos_token) and text.startswith(tokenizer.bos_token)
            ids = tokenizer(text, add_special_tokens=not marked, verbose=False)["input_ids"]
            found[text] = ids[:-1] if ends and not marked else ids
    return [found[text] for text in texts]


def batch_of(requests: Sequence[Request]) -> dict[str, torch.Tensor]:
    """Prompts with their answers as one batch: input_ids, attention_mask and labels, all (batch, length).

    A label is the next token where that belongs to the answer, and -100 elsewhere. Padding stands on the right.
    """
    inputs, mask = padded([torch.tensor(tokens[:-1]) for tokens, _ in requests], 0)
    labels, _ = padded(
        [torch.tensor([NO_LABEL] * (start - 1) + tokens[start:]) for tokens, start in requests], NO_LABEL
    )
    return {"input_ids": inputs, "attention_mask": mask, "labels": labels}


def make_loader(
    prompts: Sequence[str],
    answers: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    batch_size: int,
    *,
    seed: int = 0,
) -> DataLoader:
    """Shuffled batches for training on the answers alone: the model learns to answer, not to ask.

    input_ids, attention_mask: (batch, length). logits_to_keep: (kept,), the positions at which the answer of some row
    is predicted. labels: (batch, kept), the next token, or -100 where a row's answer is elsewhere. Only these positions
    become logits: with a vocabulary of tens of thousands, the others take much of the memory and a third of the time.
    An answer that is to end where it ends has the end token in its text. Raises ValueError as `encode`.
    """
    requests = encode(tokenizer, prompts, answers)

    def collate(requests: list[Request]) -> dict[str, torch.Tensor]:
        batch = batch_of(requests)
        kept = (batch["labels"] != NO_LABEL).any(dim=0).nonzero().squeeze(-1)
        return batch | {"labels": batch["labels"][:, kept], "logits_to_keep": kept}

    lengths = [len(request.tokens) for request in requests]
    sampler = LengthBatches(lengths, batch_size, shuffle=True, seed=seed)
    return DataLoader(requests, batch_sampler=sampler, collate_fn=collate, num_workers=0)  # type: ignore[arg-type]
