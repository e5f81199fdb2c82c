"""Data sets as `datasets.DatasetDict`, and their tokenisation in memory."""

from types import SimpleNamespace

from datasets import Dataset, DatasetDict, Features, List, Value, concatenate_datasets
from transformers import PreTrainedTokenizerBase

from course_utils import assets
from course_utils.data.batches import NO_LABEL, make_loader
from course_utils.data.readers import READERS


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
