"""Data sets as `datasets.DatasetDict`, tokenisation in memory, and batches of sentences of like length."""

import random
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import torch
from datasets import Dataset, DatasetDict, Features, List, Value, concatenate_datasets
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Sampler
from transformers import PreTrainedTokenizerBase

from course_utils import assets
from course_utils.readers import READERS

NO_LABEL = -100  # what cross-entropy ignores
CHUNK = 64  # batches that are sorted by length together; small enough that their mix changes every epoch


def load(role: str, language: str | None = None) -> DatasetDict:
    """The data of a role on this session's track, in `language` (default: the catalogue's choice).

    sentiment, topic: splits train, validation, test; columns id (int), text, label (ClassLabel).
    unlabelled: one split, train; columns id (from 100,000 on, so that it never equals a labelled id), text.
    ner: columns id, tokens, ner_tags (IOB2 with PER, LOC, ORG). translation: columns id, source, targets.
    Raises `AssetError` when the data cannot be had, or not in that language.
    """
    entry = assets.entry(role)
    language = language or entry.language or ""
    if language not in entry.languages:
        raise assets.AssetError(
            f"{role!r} on the {entry.track} track ({entry.id}) has no language {language!r}.\n"
            f"Next: use one of its languages: {', '.join(entry.languages) or 'none, it is a model'}."
        )
    folder = assets.fetch(role)
    paths = {split: folder / name.format(language=language) for split, name in entry.splits.items()}
    without = load(entry.without, language) if entry.without else {}
    texts = [text for split in without.values() for text in split["text"]]
    return READERS[entry.reader](entry, paths, language, texts)


def tokenize(dataset: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int = 128) -> Dataset:
    """Add the columns input_ids and attention_mask, cut to `max_length` tokens and not padded.

    `label` becomes `labels`; a dataset without labels gets -100 in every row, which cross-entropy ignores.
    `id` and `text` stay, so that labelled and unlabelled datasets can be concatenated afterwards. All in
    memory: nothing is cached on disk.
    """
    texts = list(dataset["text"])
    encoded = tokenizer(texts, truncation=True, max_length=max_length)
    labelled = "label" in dataset.column_names
    columns = {
        "id": list(dataset["id"]),
        "text": texts,
        "labels": list(dataset["label"]) if labelled else [NO_LABEL] * len(texts),
        "input_ids": encoded["input_ids"],
        "attention_mask": encoded["attention_mask"],
    }
    features = Features(
        {
            "id": Value("int64"),
            "text": Value("string"),
            "labels": Value("int64"),
            "input_ids": List(Value("int32")),
            "attention_mask": List(Value("int8")),
        }
    )
    return Dataset.from_dict(columns, features=features)


def tokenize_tags(dataset: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int = 128) -> Dataset:
    """`tokenize` for words with a tag each: columns id, input_ids, attention_mask and labels, not padded.

    A word's tag is the label of its first token (Devlin et al., 2019, section 5.3). Its other tokens, [CLS]
    and [SEP] get -100, which cross-entropy and the metrics ignore: so each word counts once, however many
    tokens it has. Words beyond `max_length` tokens are cut off. Takes the columns tokens and ner_tags.
    """
    encoded = tokenizer(
        list(dataset["tokens"]), is_split_into_words=True, truncation=True, max_length=max_length
    )
    labels = []
    for row, tags in enumerate(dataset["ner_tags"]):
        words = encoded.word_ids(row)
        first = [word is not None and word != before for before, word in zip([None, *words], words)]  # noqa: B905
        labels.append([tags[word] if new else NO_LABEL for new, word in zip(first, words, strict=True)])
    columns = {"id": list(dataset["id"]), "labels": labels}
    return Dataset.from_dict(columns | {name: encoded[name] for name in ("input_ids", "attention_mask")})


def load_task(
    labelled: str, unlabelled: str, tokenizer: PreTrainedTokenizerBase, most: int | None = None
) -> SimpleNamespace:
    """A classification task with more text than labels, tokenised, from the roles of its two data sets.

    Returns `labels` (their names), `labelled` (its train split), `pool` (that, and behind it at most `most`
    unlabelled texts) and `eval_loader` (its test split, for measuring only). Put beside them what belongs to
    the task: its teacher, say.
    """
    splits, more = load(labelled), load(unlabelled)["train"]
    few, test = (tokenize(splits[split], tokenizer) for split in ("train", "test"))
    more = tokenize(more.select(range(min(most or len(more), len(more)))), tokenizer)
    return SimpleNamespace(
        labels=splits["train"].features["label"].names,
        labelled=few,
        pool=concatenate_datasets([few, more]),
        eval_loader=make_loader(test, tokenizer, batch_size=128, shuffle=False),
    )


class LengthBatches(Sampler[list[int]]):
    """Batches of indices whose sentences are of like length, so that little of a batch is padding.

    Each epoch shuffles the rows, sorts chunks of `CHUNK` batches by length, cuts them, and shuffles the
    batches; the short last batch is kept. The epoch advances with every iteration, and `set_epoch` sets it:
    the batches of an epoch follow from (seed, epoch) alone, so a resumed run sees what the first run saw.
    `accelerate` finds `set_epoch` and calls it. Without shuffling there is one order, by length; match
    results by `id`, not by place.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, shuffle: bool, seed: int) -> None:
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
    `tokenize_tags` have shape (batch, longest). Sentences of like length share a batch, padded to its longest
    (`LengthBatches`). The rows are turned into tensors once, here: the training loop does not wait for them.
    """
    rows = dataset.select_columns(["id", "labels", "input_ids"])
    inputs = [torch.tensor(ids) for ids in rows["input_ids"]]
    targets = [torch.tensor(label) for label in rows["labels"]]
    examples = list(zip(inputs, targets, rows["id"], strict=True))
    pad, side = tokenizer.pad_token_id, tokenizer.padding_side

    def collate(batch: list[tuple[torch.Tensor, torch.Tensor, int]]) -> dict[str, torch.Tensor]:
        ids, labels, numbers = zip(*batch, strict=True)
        lengths = torch.tensor([len(row) for row in ids])
        mask = (torch.arange(int(lengths.max())) < lengths[:, None]).long()
        return {
            "input_ids": pad_sequence(list(ids), True, pad, side),
            "attention_mask": mask.flip(1) if side == "left" else mask,
            "labels": pad_sequence(list(labels), True, NO_LABEL, side)
            if labels[0].ndim
            else torch.stack(labels),
            "id": torch.tensor(numbers),
        }

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
