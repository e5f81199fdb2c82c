"""Pairs of sentences for encoder-decoder models, in batches.

A row of such a dataset has columns id, source and targets, a list of one or more correct translations.
"""

from collections.abc import Sequence

import torch
from datasets import Dataset
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerBase

from course_utils.data.batches import LengthBatches, padded
from course_utils.data.columns import NO_LABEL, check_tokens, ids_of, pad_id, texts_of, values_of
from course_utils.data.files import DataError

MAX_TOKENS = 80


class Pairs(torch.utils.data.Dataset):
    """Source and target as token ids. A source with several targets shows one of them, drawn anew each time.

    The draw comes from torch's global random numbers, so it follows from the seed of `training.fit`.
    """

    def __init__(self, dataset: Dataset, tokenizer: PreTrainedTokenizerBase) -> None:
        self.ids = ids_of(dataset)
        self.sources = _encode(tokenizer, texts_of(dataset, "source"))
        check_tokens(self.sources, "source")
        every = values_of(dataset, "targets")
        for row, targets in enumerate(every):
            if (
                not targets
                or not isinstance(targets, list)
                or not all(isinstance(text, str) for text in targets)
            ):
                raise DataError(
                    f"Row {row} of column 'targets' is {targets!r}: a list of one translation or more."
                )
        counts = [len(targets) for targets in every]
        flat = iter(_encode(tokenizer, [text for targets in every for text in targets], "text_target"))
        self.targets = [[next(flat) for _ in range(count)] for count in counts]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int]:
        targets = self.targets[index]
        choice = int(torch.randint(len(targets), ())) if len(targets) > 1 else 0
        return self.sources[index], targets[choice], self.ids[index]


def _encode(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], side: str = "text") -> list[Tensor]:
    """The tokens of texts. side: "text_target" for translations, which some tokenizers cut and mark in another way."""
    encoded = tokenizer(**{side: list(texts)}, truncation=True, max_length=MAX_TOKENS)
    return [torch.tensor(ids) for ids in encoded["input_ids"]]


def make_loader(
    dataset: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    batch_size: int,
    *,
    start_token_id: int,
    shuffle: bool,
    seed: int = 0,
) -> DataLoader:
    """Batches of pairs: dicts of tensors, sources of like length together.

    input_ids and attention_mask have shape (batch, longest source); labels, with -100 for padding, and
    decoder_input_ids, the same one place to the right after `start_token_id`, (batch, longest target); id
    (batch,).
    """
    pairs, pad = Pairs(dataset, tokenizer), pad_id(tokenizer)

    def collate(batch: list[tuple[Tensor, Tensor, int]]) -> dict[str, Tensor]:
        sources, targets, ids = zip(*batch, strict=True)
        input_ids, mask = padded(sources, pad)
        labels, _ = padded(targets, NO_LABEL)
        before = torch.cat([torch.full((len(batch), 1), start_token_id), labels[:, :-1]], dim=1)
        return {
            "input_ids": input_ids,
            "attention_mask": mask,
            "labels": labels,
            "decoder_input_ids": before.masked_fill(before == NO_LABEL, pad),
            "id": torch.tensor(ids),
        }

    sampler = LengthBatches([len(source) for source in pairs.sources], batch_size, shuffle, seed)
    return DataLoader(pairs, batch_sampler=sampler, collate_fn=collate, num_workers=0)
