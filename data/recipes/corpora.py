"""The corpora: which texts are drawn for which set, and how they are written to disk.

Every (set, language, split) has its own seed, so one file can be made again without the others. The test splits are
drawn first; a text that is in a test split is drawn nowhere else.
"""

import csv
import io
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import instructions
import paraphrases
from grammar import LANGUAGES, NEWS_LANGUAGES, Plan, tidy
from texts import LABELS, MARK, TOPICS, Writer, normal, plain

SPLITS = ("test", "valid", "train")  # in this order: a test text is taken before any other split can draw it
SIZES = {
    "sentiment": {"test": 1000, "valid": 100, "train": 500},
    "topic": {"test": 500, "valid": 100, "train": 400},
    "ner": {"test": 500, "valid": 100, "train": 500},
    "ner_bare": {"test": 250, "valid": 50, "train": 300},
    "translation": {"test": 300, "valid": 200, "train": 5000},
}
UNLABELLED = {
    "english": (16000, 3000),
    "indonesian": (8000, 2000),
    "javanese": (6000, 1500),
    "sundanese": (0, 1400),
}  # reviews, news
RARE = {
    "test": 0.04,
    "valid": 0.0,
    "train": 0.0,
}  # how often a test text takes a word or name seen nowhere else
PARAPHRASES = 4
FIRST_UNLABELLED_ID = 100_000  # so that the ids of labelled and unlabelled texts never clash
TYPE = {"P": "PER", "L": "LOC", "O": "ORG"}


class Ledger:
    """The texts drawn so far. A text that a test split has taken is refused to every other split and set."""

    def __init__(self) -> None:
        self.test: set[str] = set()

    def admits(self, text: str, split: str, taken: set[str]) -> bool:
        key = normal(text)
        if key in taken or (split != "test" and key in self.test):
            return False
        taken.add(key)
        if split == "test":
            self.test.add(key)
        return True


def review(writer: Writer, label: str, language: str, more: int, verdict: float) -> str:
    """A review of one sentence and `more` others, with typing errors."""
    return tidy(
        writer.review(label, more, verdict).say(language, writer.rng), writer.rng, typo=0.05, lower=0.2
    )


def news(writer: Writer, topic: str, language: str) -> str:
    """A news item with its entities between marks."""
    return tidy(writer.news(topic, tail=0.5).say(language, writer.rng), writer.rng, typo=0.03, lower=0.0)


def labelled(name: str, language: str, split: str, ledger: Ledger) -> Iterator[tuple[str, str]]:
    """(text, label) pairs of one split of `sentiment` or `topic`, labels drawn evenly."""
    writer = Writer(random.Random(f"{name}/{language}/{split}"), RARE[split])
    taken: set[str] = set()
    while len(taken) < SIZES[name][split]:
        label = writer.rng.choice(LABELS if name == "sentiment" else TOPICS)
        if name == "sentiment":
            text = review(writer, label, language, more=0, verdict=0.1)
        else:
            text = plain(news(writer, label, language))
        if ledger.admits(text, split, taken):
            yield text, label


def labelled_reviews(seed: str, count: int, taken: set[str]) -> Iterator[tuple[str, str]]:
    """`count` short English reviews with their labels, no two alike and none in `taken`, which grows."""
    writer = Writer(random.Random(seed))
    for _ in range(count):
        key, label = "", ""
        while not key or key in taken:
            label = writer.rng.choice(LABELS)
            text = review(writer, label, "english", more=0, verdict=0.1)
            key = normal(text)
        taken.add(key)
        yield text, label


def tagged(name: str, language: str, split: str, ledger: Ledger) -> Iterator[list[tuple[str, str]]]:
    """Tokens with IOB2 tags, one list a news item. The names of `ner_bare` do not tell what they name."""
    rng = random.Random(f"{name}/{language}/{split}")
    writer = Writer(rng, RARE[split] * 6, bare=name == "ner_bare")
    taken: set[str] = set()
    while len(taken) < SIZES[name][split]:
        text = news(writer, writer.rng.choice(TOPICS), language)
        if ledger.admits(plain(text), split, taken):
            yield tag(text)


def tag(text: str) -> list[tuple[str, str]]:
    """Tokens and IOB2 tags of a text whose entities stand between marks."""
    pairs, at = [], 0
    for match in [*MARK.finditer(text), None]:
        pairs += [(token, "O") for token in tokens(text[at : match.start() if match else None])]
        if match:
            pairs += [
                (token, ("I-" if i else "B-") + TYPE[match[1]]) for i, token in enumerate(tokens(match[2]))
            ]
            at = match.end()
    return pairs


def tokens(text: str) -> list[str]:
    """Words and punctuation marks, each a token."""
    return re.findall(r"\w+(?:[-.,]\w+)*|[^\w\s]", text)


def parallel(split: str, ledger: Ledger) -> Iterator[dict[str, object]]:
    """An English source and up to four Indonesian texts that say the same: synonyms and word order differ."""
    rng = random.Random(f"translation/{split}")
    writer = Writer(rng, RARE[split])
    taken: set[str] = set()
    taken_targets: set[str] = set()
    number = 0
    while number < SIZES["translation"][split]:
        kind = rng.random() < 0.7
        plan: Plan = (
            writer.review(rng.choice(LABELS), more=1, verdict=0.2)
            if kind
            else writer.news(rng.choice(TOPICS), 0.5)
        )
        source = plain(tidy(plan.say("english", rng), rng, 0, 0))
        said = {plain(tidy(plan.say("indonesian", rng), rng, 0, 0)): None for _ in range(PARAPHRASES)}
        if split != "test" and any(normal(text) in ledger.test for text in said):
            continue
        if ledger.admits(source, split, taken):
            for text in said:
                ledger.admits(text, split, taken_targets)
            yield {"id": number, "english": source, "indonesian": list(said)}
            number += 1


def unlabelled(kind: str, language: str, ledger: Ledger) -> Iterator[str]:
    """Texts without labels: news, short reviews like the labelled ones, or long reviews.

    Long ones say more, more often say how the writer feels, and most carry a plain verdict as title or last word, as
    reviews on the web do: that is what an encoder can learn polarity from without a label.
    """
    explicit = 0.6 if kind == "reviews" else 0.1
    writer = Writer(random.Random(f"unlabelled/{kind}/{language}"), explicit=explicit)
    taken: set[str] = set()
    while len(taken) < UNLABELLED[language][kind == "news"]:
        label = writer.rng.choice(TOPICS if kind == "news" else LABELS)
        if kind == "news":
            text = plain(news(writer, label, language))
        else:
            more, verdict = (2, 0.9) if kind == "reviews" else (0, 0.1)
            text = review(writer, label, language, more=more, verdict=verdict)
        if ledger.admits(text, "train", taken):
            yield text


def as_csv(columns: list[str], rows: Iterator[tuple[object, ...]]) -> str:
    """A CSV file as text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return buffer.getvalue()


def unlabelled_csv(kind: str, language: str, ledger: Ledger) -> str:
    """The unlabelled texts of one kind and language as a CSV file."""
    return as_csv(["id", "text"], enumerate(unlabelled(kind, language, ledger), FIRST_UNLABELLED_ID))


def conll(sentences: Iterator[list[tuple[str, str]]]) -> str:
    """Tagged sentences as a CoNLL file: a token and its tag a line, a blank line after each sentence."""
    return "".join(
        "".join(f"{token}\t{label}\n" for token, label in sentence) + "\n" for sentence in sentences
    )


Made = Iterator[tuple[str, Callable[[Ledger], str]]]


def _labelled_files(split: str) -> Made:
    for name in ("sentiment", "topic"):
        for language in LANGUAGES:
            yield (
                f"{name}/{language}/{split}.csv",
                lambda ledger, n=name, g=language: as_csv(
                    ["id", "text", "label"],
                    ((i, *pair) for i, pair in enumerate(labelled(n, g, split, ledger), FIRST_ID[split])),
                ),
            )


def _tagged_files(name: str, languages: Iterable[str], split: str) -> Made:
    for language in languages:
        yield (
            f"{name}/{language}/{split}.txt",
            lambda ledger, g=language: conll(tagged(name, g, split, ledger)),
        )


def _unlabelled_files() -> Made:
    for kind, folder in (
        ("short", "unlabelled"),
        ("reviews", "unlabelled_long"),
        ("news", "unlabelled_news"),
    ):
        for language in LANGUAGES:
            yield f"{folder}/{language}.csv", lambda ledger, k=kind, g=language: unlabelled_csv(k, g, ledger)


def as_jsonl(rows: Iterable[dict[str, object]]) -> str:
    """Rows as a file of JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def files() -> Made:
    """Every corpus file: its path below `data/corpora` and the function that writes its text. Tests come first."""
    for split in SPLITS:
        yield from _labelled_files(split)
        yield from _tagged_files("ner", LANGUAGES, split)
        yield f"translation/{split}.jsonl", lambda ledger, s=split: as_jsonl(parallel(s, ledger))
    yield from _unlabelled_files()

    # Behind all others, so that not one byte of those depends on these.
    for split in SPLITS:
        yield from _tagged_files("ner_bare", NEWS_LANGUAGES, split)
    yield "unlabelled_news/sundanese.csv", lambda ledger: unlabelled_csv("news", "sundanese", ledger)

    sources: set[str] = set()  # of the paraphrases: no source is in two splits
    for split in SPLITS:
        yield f"paraphrases/{split}.jsonl", lambda _, s=split: "".join(paraphrases.rows(s, sources))
    for split, make in instructions.FILES.items():
        yield f"instructions/{split}.jsonl", lambda _, make=make: "".join(make())


# Ids are unique over the splits of a set.
FIRST_ID = {"train": 0, "valid": 10_000, "test": 20_000}


def write(folder: Path) -> list[str]:
    """All corpora into `folder`. Returns their relative paths. The same bytes every time."""
    ledger, written = Ledger(), []
    for name, make in files():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make(ledger), encoding="utf-8", newline="\n")
        written.append(name)
    return written
