"""Conversations with a language model: as text, and as batches.

A conversation is written `<user>...<assistant>...<end>`; one that goes on has more turns before the end mark.
"""

from collections.abc import Sequence

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
    `answers_only` so has whatever the user says: the model learns to answer, not to ask. Raises ValueError for a
    tokenizer without the marks or without a pad token, and a text of fewer than two tokens.
    """
    pad = pad_id(tokenizer)
    assistant, user = (tokenizer.convert_tokens_to_ids(mark) for mark in (ASSISTANT, USER))
    if answers_only and {assistant, user} & {None, tokenizer.unk_token_id}:
        raise DataError(
            f"This tokenizer has no tokens {USER} and {ASSISTANT}, so no answer would be found to learn."
        )
    rows = [torch.tensor(ids) for ids in tokenizer(list(texts))["input_ids"]]
    if short := [row for row, ids in enumerate(rows) if len(ids) < 2]:
        raise DataError(
            f"Text {short[0]} has fewer than two tokens: there is no next token to learn. Drop it."
        )

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
        input_ids, mask = padded(inputs, pad)
        return {"input_ids": input_ids, "attention_mask": mask, "labels": padded(labels, NO_LABEL)[0]}

    sampler = LengthBatches([len(ids) for ids, _ in pairs], batch_size, shuffle=True, seed=seed)
    return DataLoader(pairs, batch_sampler=sampler, collate_fn=collate, num_workers=0)  # type: ignore[arg-type]
