"""Data sets as `datasets.DatasetDict`, and their tokenisation in memory."""

from types import SimpleNamespace
from typing import Any

from datasets import Dataset, DatasetDict, Features, List, Value, concatenate_datasets
from transformers import PreTrainedTokenizerBase

from course_utils import assets
from course_utils.data.batches import make_loader
from course_utils.data.benchmarks import BENCHMARKS
from course_utils.data.columns import (
    NO_LABEL,
    check_tokens,
    ids_of,
    label_names,
    labels_of,
    outside,
    tags_of,
    texts_of,
)
from course_utils.data.files import DataError
from course_utils.data.readers import READERS


def load(role: str, language: str | None = None) -> DatasetDict:
    """The data of a role on this session's track, in `language` (default: the catalogue's choice).

    sentiment, topic: splits train, validation, test; columns id (int), text, label (ClassLabel).
    unlabelled: one split, train; columns id (from 100,000 on, so that it never equals a labelled id), text.
    ner: columns id, tokens, ner_tags (IOB2 with PER, LOC, ORG). translation: columns id, source, targets.
    glue_...: as sentiment, with text_pair where a task has two texts; the label of glue_stsb is a float. The columns of
    the papers' other data stand with their readers in `benchmarks.py`.
    Raises `AssetError` when the data cannot be had, or not in that language. In a run of a sweep the rows of validation
    stand for those of test, which are not read.
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
    if assets.sweep_factor() is not None and "test" in paths:
        if "validation" not in paths:
            raise assets.AssetError(f"{role!r} has no validation rows, so a sweep cannot choose on it.")
        paths["test"] = paths["validation"]
    without = load(entry.without, language) if entry.without else {}
    texts = [text for split in without.values() for text in split["text"]]
    return (READERS | BENCHMARKS)[entry.reader](entry, paths, language, texts)


def few_of_each(dataset: Dataset, count: int, seed: int) -> Dataset:
    """`count` rows of each class of the column label, drawn by the seed, class after class.

    Rows without a label are left out. Raises DataError where a class has fewer rows, or the classes have no names.
    """
    names = label_names(dataset)
    shuffled = dataset.shuffle(seed=seed)
    rows: dict[int, list[int]] = {label: [] for label in range(len(names))}
    for row, label in enumerate(shuffled["label"]):
        if label in rows and len(rows[label]) < count:
            rows[label].append(row)
    for label, found in rows.items():
        if len(found) < count:
            raise DataError(
                f"There are {len(found)} rows of the class {names[label]!r}, and {count} were asked for."
            )
    return shuffled.select([row for found in rows.values() for row in found])


def tokenize(dataset: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int = 128) -> Dataset:
    """Add the columns input_ids and attention_mask, cut to `max_length` tokens and not padded.

    `label` becomes `labels`: classes, or scores where its type is float32. A dataset without labels gets -100 in every
    row, which cross-entropy ignores, and one without `id` is numbered. `id` and `text` stay, so that labelled and
    unlabelled datasets can be concatenated afterwards. Where there is a column `text_pair`, the two texts are joined as
    the tokenizer joins pairs, the longer one cut first, and token_type_ids come along where it tells them apart. All in
    memory: nothing is cached on disk.

    Raises DataError that names column and row for what is no text, no class or no whole id, and a text without tokens.
    """
    labels, kind = labels_of(dataset)
    columns: dict[str, Any] = {"id": ids_of(dataset), "text": texts_of(dataset), "labels": labels}
    features: dict[str, Any] = {"id": Value("int64"), "text": Value("string"), "labels": Value(kind)}
    features |= {"input_ids": List(Value("int32")), "attention_mask": List(Value("int8"))}
    pair = None
    if "text_pair" in dataset.column_names:
        pair = columns["text_pair"] = texts_of(dataset, "text_pair")
        features["text_pair"] = Value("string")
    encoded = tokenizer(columns["text"], pair, truncation=True, max_length=max_length)
    check_tokens(encoded["input_ids"], "text")
    if any(len(ids) > max_length for ids in encoded["input_ids"]):  # it does not cut below its special tokens
        raise DataError(
            f"max_length is {max_length}: too few tokens for a text and the special tokens around it."
        )
    if pair is not None and "token_type_ids" in encoded:
        features["token_type_ids"] = List(Value("int8"))
    columns |= {name: encoded[name] for name in features if name not in columns}
    return Dataset.from_dict({name: columns[name] for name in features}, features=Features(features))


def tokenize_tags(dataset: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int = 128) -> Dataset:
    """`tokenize` for words with a tag each: columns id, input_ids, attention_mask and labels, not padded.

    A word's tag is the label of its first token (Devlin et al., 2019, section 5.3). Its other tokens, [CLS]
    and [SEP] get -100, which cross-entropy and the metrics ignore: so each word counts once, however many
    tokens it has. Words beyond `max_length` tokens are cut off, and so is a word without a token (a variation selector,
    say) whose tag is O. Takes the columns tokens and ner_tags.

    Raises DataError that names the row: for words and tags of unlike number, a tag that is no number, and a word of a
    name that has no token, whose tag would be lost.
    """
    tokens, tags = tags_of(dataset)
    encoded = tokenizer(tokens, is_split_into_words=True, truncation=True, max_length=max_length)
    check_tokens(encoded["input_ids"], "tokens")
    none, labels = outside(dataset), []
    for row, row_tags in enumerate(tags):
        words = encoded.word_ids(row)
        first = [word is not None and word != before for before, word in zip([None, *words], words)]  # noqa: B905
        labels.append([row_tags[word] if new else NO_LABEL for new, word in zip(first, words, strict=True)])
        cut = len(words) >= max_length
        reached = max((word for word in words if word is not None), default=-1) if cut else len(row_tags)
        lost = [i for i in set(range(reached)) - set(words) if row_tags[i] not in (none, NO_LABEL)]
        if lost:
            raise DataError(
                f"Row {row}: the word {tokens[row][min(lost)]!r} has a tag and, for this tokenizer, no token. Drop the "
                "word, and give its tag to the word that the name now begins with."
            )
    columns = {"id": ids_of(dataset), "labels": labels}
    return Dataset.from_dict(columns | {name: encoded[name] for name in ("input_ids", "attention_mask")})


def load_task(
    labelled: str, unlabelled: str, tokenizer: PreTrainedTokenizerBase, most: int | None = None
) -> SimpleNamespace:
    """A classification task with more text than labels, tokenized, from the roles of its two data sets.

    Returns `labels` (their names), `labelled` (its train split), `pool` (that, and after it at most `most`
    unlabelled texts) and `eval_loader` (its test split, for measuring only). Put beside them what belongs to
    the task: its teacher, say.
    """
    splits, more = load(labelled), load(unlabelled)["train"]
    few, test = (tokenize(splits[split], tokenizer) for split in ("train", "test"))
    count = len(more) if most is None else min(most, len(more))
    pool = [few, tokenize(more.select(range(count)), tokenizer)] if count else [few]
    return SimpleNamespace(
        labels=splits["train"].features["label"].names,
        labelled=few,
        pool=concatenate_datasets(pool),
        eval_loader=make_loader(test, tokenizer, batch_size=128, shuffle=False),
    )
