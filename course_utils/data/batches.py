"""Batches of sentences of like length, padded to the longest of them."""

import random
from collections.abc import Iterator, Sequence

import torch
from datasets import Dataset
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Sampler
from transformers import PreTrainedTokenizerBase

from course_utils.data.columns import NO_LABEL, pad_id
from course_utils.data.files import DataError

CHUNK = 64  # batches that are sorted by length together; small enough that their mix changes every epoch


class LengthBatches(Sampler[list[int]]):
    """Batches of indices whose sentences are of like length, so that little of a batch is padding.

    Each epoch shuffles the rows, sorts chunks of `CHUNK` batches by length, cuts them, and shuffles the
    batches; the short last batch is kept. The epoch advances with every iteration, and `set_epoch` sets it:
    the batches of an epoch follow from (seed, epoch) alone, so a resumed run sees what the first run saw.
    `accelerate` finds `set_epoch` and calls it. Without shuffling there is one order, by length; match
    results by `id`, not by place. Raises ValueError for a batch size below 1.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, shuffle: bool, seed: int) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, and a batch has one row or more.")
        self.lengths = list(lengths)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The epoch that the next iteration gives."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        rows = list(range(len(self.lengths)))
        if not self.shuffle:
            rows.sort(key=self.lengths.__getitem__)
            return iter(self._cut(rows))
        generator = random.Random(f"{self.seed}/{epoch}")
        generator.shuffle(rows)
        batches: list[list[int]] = []
        size = CHUNK * self.batch_size
        for start in range(0, len(rows), size):
            chunk = sorted(rows[start : start + size], key=self.lengths.__getitem__)
            # The short batch stands at a random place: it is not always the longest sentences.
            place = generator.randrange(0, len(chunk), self.batch_size)
            rest = len(chunk) % self.batch_size
            batches += self._cut(chunk[:place]) + self._cut(chunk[place : place + rest])
            batches += self._cut(chunk[place + rest :])
        generator.shuffle(batches)
        return iter(batches)

    def _cut(self, rows: list[int]) -> list[list[int]]:
        return [rows[i : i + self.batch_size] for i in range(0, len(rows), self.batch_size)]


def padded(rows: Sequence[Tensor], value: int, side: str = "right") -> tuple[Tensor, Tensor]:
    """Rows of unlike length as one tensor, (batch, longest), filled up with `value` on `side`; and the mask of what
    is not padding, (batch, longest), 1 and 0."""
    lengths = torch.tensor([len(row) for row in rows])
    mask = (torch.arange(int(lengths.max())) < lengths[:, None]).long()
    return pad_sequence(list(rows), True, value, side), mask.flip(1) if side == "left" else mask


def make_loader(
    dataset: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    batch_size: int,
    *,
    shuffle: bool,
    seed: int = 0,
) -> DataLoader:
    """Batches of a tokenised dataset: dicts of tensors.

    input_ids and attention_mask have shape (batch, longest), labels and id have shape (batch,); labels of
    `tokenize_tags` have shape (batch, longest). Where the dataset has token_type_ids (pairs of texts), so has the
    batch. Sentences of like length share a batch, padded to its longest (`LengthBatches`). The rows are turned into
    tensors once, here: the training loop does not wait for them. Raises ValueError for a dataset that is empty or not
    tokenised, and a tokenizer without a pad token.
    """
    if missing := {"id", "labels", "input_ids"} - set(dataset.column_names):
        raise DataError(f"The dataset has no column {min(missing)!r}: tokenize it first, with data.tokenize.")
    if len(dataset) == 0:
        raise DataError("The dataset holds no rows, so there is no batch to make of it.")
    segmented = "token_type_ids" in dataset.column_names
    pad, side = pad_id(tokenizer), tokenizer.padding_side
    inputs = [torch.tensor(ids, dtype=torch.long) for ids in dataset["input_ids"]]
    targets = [torch.tensor(label) for label in dataset["labels"]]
    segments = [torch.tensor(row) for row in dataset["token_type_ids"]] if segmented else inputs
    examples = list(zip(inputs, targets, dataset["id"], segments, strict=True))

    def collate(batch: list[tuple[Tensor, Tensor, int, Tensor]]) -> dict[str, Tensor]:
        ids, labels, numbers, segments = zip(*batch, strict=True)
        input_ids, mask = padded(ids, pad, side)
        targets = padded(labels, NO_LABEL, side)[0] if labels[0].ndim else torch.stack(labels)
        tensors = {
            "input_ids": input_ids,
            "attention_mask": mask,
            "labels": targets,
            "id": torch.tensor(numbers),
        }
        return tensors | ({"token_type_ids": padded(segments, 0, side)[0]} if segmented else {})

    sampler = LengthBatches([len(ids) for ids in inputs], batch_size, shuffle, seed)
    return DataLoader(examples, batch_sampler=sampler, collate_fn=collate, num_workers=0)  # type: ignore[arg-type]


def padding_waste(loader: DataLoader) -> float:
    """The share of an epoch's tokens that are padding, from 0 to 1. The loader's epoch stays as it was."""
    sampler = loader.batch_sampler
    epoch = sampler.epoch if isinstance(sampler, LengthBatches) else 0
    real = total = 0
    for batch in loader:
        real += int(batch["attention_mask"].sum())
        total += batch["attention_mask"].numel()
    if isinstance(sampler, LengthBatches):
        sampler.set_epoch(epoch)
    return 1 - real / total
