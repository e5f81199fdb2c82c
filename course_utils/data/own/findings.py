"""Look at data before training on them: what is empty, doubled, leaked, misspelt, rare or too long."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from unicodedata import category, normalize

import pandas as pd
from datasets import ClassLabel, Dataset, DatasetDict
from transformers import PreTrainedTokenizerBase

from course_utils.data.columns import values_of
from course_utils.data.copies import letters
from course_utils.data.files import DataError

RARE = 10
"""A class of fewer rows can hardly be learned, and its accuracy not be measured."""
MANY = 50
"""More classes than this: the column may be a score or a text."""
DAMAGED = re.compile("\ufffd|[ÃÂ][\x80-\xbf]|â€")
"""What is left of a letter that was decoded wrongly: the replacement character, or UTF-8 read as Windows-1252."""

Finding = tuple[str, int, str, str]  # finding, rows, example, what to do


def text_keys(rows: Dataset) -> list[str]:
    """What makes a row's text the same as another's: its letters, whatever their case, digits, and pictures such as
    emojis (of a pair, both texts').

    Texts that differ only in case, blanks and punctuation have one key; a text without any of these is its own key, and
    an empty one has the key "".
    """
    if "text_pair" in rows.column_names:
        both = zip(_plain_texts(rows), rows["text_pair"][:], strict=True)
        return ["\n".join(map(_key, pair)) if all(map(_key, pair)) else "" for pair in both]
    return [_key(text) for text in _plain_texts(rows)]


def _plain_texts(rows: Dataset) -> list[str]:
    """Each row's text, or its words with blanks between them."""
    if "tokens" in rows.column_names:
        return [" ".join(word or "" for word in tokens) for tokens in rows["tokens"][:]]
    texts = [text or "" for text in values_of(rows, "text")]
    if wrong := [row for row, text in enumerate(texts) if not isinstance(text, str)]:
        raise DataError(f"Row {wrong[0]} of column 'text' is {texts[wrong[0]]!r}, and a text belongs there.")
    return texts


def _key(text: str | None) -> str:
    text = text or ""
    key = letters(text) if text.isascii() else "".join(filter(_counts, normalize("NFC", text).casefold()))
    return key or text.strip()


def _counts(character: str) -> bool:
    """Whether it is a letter, a mark of one (the vowels of Hindi and Thai are marks), a digit, or a picture."""
    kind = category(character)
    return kind[0] in "LMN" or (kind == "So" and character != "\ufffd")


def look(
    data: Dataset | DatasetDict, tokenizer: PreTrainedTokenizerBase | None = None, limit: int | None = None
) -> pd.DataFrame:
    """What `read_table` or `split` returned, looked through: one line a finding.

    Columns: split ("" for a single dataset), finding, rows (how many), example, next (what to do; "" for plain
    facts). Faults come first, then the balance of the labels and the lengths. With a `tokenizer` lengths are in tokens,
    special ones included, against `limit` (default: the tokenizer's `model_max_length`); without, in words.
    """
    splits = data if isinstance(data, DatasetDict) else {"": data}
    lines = [("", *finding) for finding in _shared(splits)]
    facts: list[tuple[str, str, int, str, str]] = []
    for name, rows in splits.items():
        faults = [*_texts(rows), *_labels(rows)]
        lengths = _lengths(rows, tokenizer, limit)
        lines += [(name, *finding) for finding in faults + [x for x in lengths if x[3]]]
        facts += [(name, *finding) for finding in [*_balance(rows), *(x for x in lengths if not x[3])]]
    return pd.DataFrame(lines + facts, columns=["split", "finding", "rows", "example", "next"])


def _id(rows: Dataset, place: int) -> str:
    return f"id {rows['id'][place]}" if "id" in rows.column_names else f"row {place}"


def _shared(splits: dict[str, Dataset]) -> Iterable[Finding]:
    """Texts that two splits hold, and labels that are numbered differently in them."""
    numbered = {str(rows.features["label"]) for rows in splits.values() if "label" in rows.column_names}
    if len(numbered) > 1:
        count = sum(map(len, splits.values()))
        yield "labels are numbered differently", count, "", "read_table(classes=...) for one order"
    keys = {name: text_keys(rows) for name, rows in splits.items()}
    names = list(keys)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            both = set(keys[first]) & set(keys[second]) - {""}
            found = [row for row, key in enumerate(keys[second]) if key in both]
            if found:
                remedy = "split anew with split(): the score would count what was learned by heart"
                yield f"text in {first} and in {second}", len(found), _id(splits[second], found[0]), remedy


def _texts(rows: Dataset) -> Iterable[Finding]:
    keys = text_keys(rows)
    empty = [i for i, key in enumerate(keys) if not key]
    if empty:
        yield "text is empty", len(empty), _id(rows, empty[0]), "drop these rows: clean()"
    places = defaultdict(list)
    for i, key in enumerate(keys):
        if key:
            places[key].append(i)
    doubled = [group for group in places.values() if len(group) > 1]
    if doubled:
        example = f"{_id(rows, doubled[0][0])} and {_id(rows, doubled[0][1])}"
        yield "text occurs more than once", sum(map(len, doubled)), example, "keep one of each: clean()"
    if targets := targets_of(rows):
        kind = next((name for name in ("label", "answer") if name in rows.column_names), "tag")
        apart = [group for group in doubled if len({plain(targets[i]) for i in group} - {""}) > 1]
        if apart:
            example = " and ".join(_id(rows, i) for i in apart[0][:2])
            yield (
                f"same text, different {kind}s",
                sum(map(len, apart)),
                example,
                f"decide which {kind}{'s are' if kind == 'tag' else ' is'} right",
            )
        if missing := [i for i, target in enumerate(targets) if not target.strip()]:
            yield (
                f"{kind} is missing",
                len(missing),
                _id(rows, missing[0]),
                "fill it in, or drop the row: clean()",
            )
    if damaged := [i for i, text in enumerate(_plain_texts(rows)) if DAMAGED.search(text)]:
        yield "letters were lost in decoding", len(damaged), _id(rows, damaged[0]), "save the source as UTF-8"


def targets_of(rows: Dataset) -> list[str]:
    """The label, the answer or the tags of each row as text, "" where it is missing; [] where there is no such
    column."""
    if "ner_tags" in rows.column_names:
        return [str(tags) for tags in rows["ner_tags"][:]]
    if "answer" in rows.column_names:
        return [answer or "" for answer in rows["answer"][:]]
    return label_texts(rows) if "label" in rows.column_names else []


def label_texts(rows: Dataset) -> list[str]:
    """Each row's label as text, "" where it is missing."""
    feature = rows.features["label"]
    named = isinstance(feature, ClassLabel)
    return [
        "" if value is None or (named and value < 0) else feature.int2str(value) if named else str(value)
        for value in rows["label"][:]
    ]


def plain(name: str) -> str:
    """The name without its case and blanks, a whole number without the ".0" that a spreadsheet put there."""
    return re.sub(r"^([+-]?\d+)[.,]0$", r"\1", " ".join(name.split()).casefold())


def spellings(names: Iterable[str]) -> dict[str, str]:
    """Label names that differ only in case, blanks and a final ".0" from a more common one -> that one. Names as they
    occur."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for name in names:
        groups[plain(name)][name] += 1
    commonest = {key: found.most_common(1)[0][0].strip() for key, found in groups.items()}
    return {name: commonest[key] for key, found in groups.items() for name in found if name != commonest[key]}


def _labels(rows: Dataset) -> Iterable[Finding]:
    if "label" not in rows.column_names:
        return
    names = label_texts(rows)
    counts = Counter(name for name in names if name)
    for name, other in spellings(name for name in names if name).items():
        yield (
            f"label {name!r} beside {other!r}",
            counts[name],
            _id(rows, names.index(name)),
            "one class: clean()",
        )
    if counts["-1"] and all(name.isdecimal() for name in counts if name != "-1"):
        yield (
            "label -1",
            counts["-1"],
            _id(rows, names.index("-1")),
            "published sets write it for a label that is withheld: then drop these rows",
        )
    if len(counts) > MANY:
        example = ", ".join(list(counts)[:3])
        yield (
            f"{len(counts)} different labels",
            len(names),
            example,
            "is it a score or a text? Then it is no label",
        )
    elif len(counts) == 1:
        yield "only one label", len(names), next(iter(counts)), "there is nothing to tell apart"


def _balance(rows: Dataset) -> Iterable[Finding]:
    if "label" in rows.column_names:
        names = [name for name in label_texts(rows) if name]
        alike = spellings(names)
        for name, count in Counter(alike.get(name, name) for name in names).most_common(MANY):
            hint = f"under {RARE} rows: hardly learned, nor measured" if count < RARE else ""
            yield f"label {name!r}", count, f"{count / len(names):.0%}", hint


def _lengths(rows: Dataset, tokenizer: PreTrainedTokenizerBase | None, limit: int | None) -> list[Finding]:
    """The median and the longest, and how many are cut off at the limit."""
    if not len(rows):
        return []
    counts, unit = _count(rows, tokenizer)
    order = sorted(range(len(counts)), key=counts.__getitem__)
    median, longest = counts[order[len(order) // 2]], counts[order[-1]]
    found = [(f"length in {unit}", len(counts), f"median {median}, longest {longest}", "")]
    if tokenizer is None:
        return found
    if limit is None and tokenizer.model_max_length < 1_000_000:  # transformers' sign for "not known" is 1e30
        limit = tokenizer.model_max_length
    if limit is not None and (over := sum(count > limit for count in counts)):
        cut = f"they are cut off at {limit} tokens: shorten or split them, or take a model that reads more"
        found.append((f"longer than {limit} tokens", over, f"{_id(rows, order[-1])}: {longest}", cut))
    return found


def _count(rows: Dataset, tokenizer: PreTrainedTokenizerBase | None) -> tuple[list[int], str]:
    tagged, paired = "tokens" in rows.column_names, "text_pair" in rows.column_names
    first = rows["tokens"][:] if tagged else _plain_texts(rows)
    second = rows["text_pair"][:] if paired else None
    if tokenizer is None:
        pairs = zip(_plain_texts(rows), second or [""] * len(rows), strict=True)
        return [len(f"{one} {other}".split()) for one, other in pairs], "words"
    # `verbose`: the warning that a text is too long for the model is a finding of `look`.
    encoded = tokenizer(first, second, is_split_into_words=tagged, truncation=False, verbose=False)
    return [len(ids) for ids in encoded["input_ids"]], "tokens"
