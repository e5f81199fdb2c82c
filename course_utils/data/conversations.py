"""Conversations with a language model: as text, and as batches.

A conversation is written `<user>...<assistant>...<end>`; one that goes on has more turns before the end mark.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerBase

from course_utils.data.batches import LengthBatches, padded
from course_utils.data.columns import NO_LABEL, pad_id
from course_utils.data.files import DataError

USER, ASSISTANT, END = "<user>", "<assistant>", "<end>"


def as_text(user: Sequence[str], answers: Sequence[str]) -> str:
    """The conversation as one text. With an answer fewer than the user's turns it is a prompt: it stops where the
    assistant is to speak."""
    text = ""
    for turn, says in enumerate(user):
        text += f"{USER} {says} {ASSISTANT}"
        text += f" {answers[turn]} " if turn < len(answers) else ""
    return text + (END if len(answers) == len(user) else "")


def mark_ids(tokenizer: PreTrainedTokenizerBase) -> tuple[int, int]:
    """The ids of the marks of the user's and the assistant's turns. Raises DataError for a tokenizer without them."""
    user, assistant = (tokenizer.convert_tokens_to_ids(mark) for mark in (USER, ASSISTANT))
    if {user, assistant} & {None, tokenizer.unk_token_id}:
        raise DataError(
            f"This tokenizer has no tokens {USER} and {ASSISTANT}, so no answer would be found. Load the tokenizer of "
            "the role 'chat_base', or ask another chat model through its template: answers.as_chat."
        )
    return user, assistant


def make_loader(
    texts: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    batch_size: int,
    *,
    labels_of: Callable[[Tensor], Tensor],
    seed: int = 0,
) -> DataLoader:
    """Shuffled batches for next-word training: input_ids, attention_mask and labels, all (batch, length).

    labels_of: from the tokens of a text, (length,), to its labels, (length - 1,): the next token of each but the last,
    or -100 where none is to be learned. Padding has the label -100. Raises ValueError for a tokenizer without a pad
    token, and a text of fewer than two tokens.
    """
    pad = pad_id(tokenizer)
    rows = [torch.tensor(ids) for ids in tokenizer(list(texts))["input_ids"]]
    if short := [row for row, ids in enumerate(rows) if len(ids) < 2]:
        raise DataError(
            f"Text {short[0]} has fewer than two tokens: there is no next token to learn. Drop it."
        )
    pairs = [(ids[:-1], labels_of(ids)) for ids in rows]

    def collate(batch: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        inputs, labels = zip(*batch, strict=True)
        input_ids, mask = padded(inputs, pad)
        return {"input_ids": input_ids, "attention_mask": mask, "labels": padded(labels, NO_LABEL)[0]}

    sampler = LengthBatches([len(ids) for ids, _ in pairs], batch_size, shuffle=True, seed=seed)
    return DataLoader(pairs, batch_sampler=sampler, collate_fn=collate, num_workers=0)  # type: ignore[arg-type]
