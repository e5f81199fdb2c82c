"""A small grammar of several languages: read patterns, draw a plan, say the plan in one language.

A *plan* says what a sentence means: which pattern, which words fill its slots. It is drawn once and can then be said in
English, Indonesian or Javanese (news also in Sundanese), each with its own synonyms. That is what makes the parallel
text parallel.
"""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

LANGUAGES = ("english", "indonesian", "javanese")
NEWS_LANGUAGES = (
    *LANGUAGES,
    "sundanese",
)  # the last has no reviews, and no model of the course was pretrained on it
SLOT = re.compile(r"\{([^}]+)\}")


@dataclass(frozen=True)
class Row:
    """One line of a grammar or lexicon: the synonyms in each language, in the order of `NEWS_LANGUAGES`.

    What belongs to reviews only ends with `LANGUAGES`.
    """

    forms: tuple[tuple[str, ...], ...]
    weight: int = 1
    test_only: bool = False
    plural: bool = False


@dataclass
class Plan:
    """A row and the plans that fill its slots, by slot name, in order of appearance."""

    row: Row
    slots: dict[str, list["Plan"]] = field(default_factory=dict)

    def say(self, language: str, rng: random.Random) -> str:
        """The plan in words. Synonyms are drawn from `rng`, so two calls may give two paraphrases."""
        seen: dict[str, int] = {}

        def fill(match: re.Match[str]) -> str:
            name = match[1]
            if name == "be":  # only English agrees in number
                return "were" if self.slots["n"][0].row.plural else "was"
            number = seen[name] = seen.get(name, -1) + 1
            plans = self.slots[name]
            return plans[min(number, len(plans) - 1)].say(language, rng)

        return SLOT.sub(fill, rng.choice(self.row.forms[NEWS_LANGUAGES.index(language)]))


def read(path: Path, columns: int = len(LANGUAGES)) -> dict[str, list[Row]]:
    """Sections of a grammar file: `"@ polar"` opens one, `"* 3"` sets a weight, any other line is a row.

    A lexicon line that starts with a kind (`noun | ...`) goes to the section `"<section> <kind>"`.
    """
    sections: dict[str, list[Row]] = {}
    section, weight = "", 1
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("@ "):
            section, weight = line[2:].strip(), 1
        elif line.startswith("* "):
            weight = int(line[2:])
        else:
            parts = [part.strip() for part in line.split("|")]
            kind, texts = parts[:-columns], parts[-columns:]
            if len(kind) > 1 or len(texts) < columns:
                raise ValueError(f"{path.name}, line {number}: expected {columns} columns, or one more")
            name = " ".join([section, *kind]).rstrip("!")
            forms = tuple(tuple(f.strip() for f in text.split(" / ")) for text in texts)
            plural = texts[0].startswith("*")
            if plural:
                forms = (tuple(f.lstrip("*") for f in forms[0]), *forms[1:])
            sections.setdefault(name, []).append(
                Row(forms, weight, bool(kind and kind[0].endswith("!")), plural)
            )
    return sections


def add_language(rules: dict[str, list[Row]], path: Path) -> dict[str, list[Row]]:
    """The rules with one more language: `path` has lines "English, word for word | the new language".

    Raises ValueError for a line whose English is not in its section, and where a section is left incomplete.
    """
    sections = {name: {row.forms[0][0]: row for row in rows} for name, rows in read(path, columns=2).items()}
    added = dict(rules)
    for name, lines in sections.items():
        if apart := {row.forms[0][0] for row in rules[name]} ^ set(lines):
            raise ValueError(f"{path.name}, {name}: these lines have no partner: {sorted(apart)}")
        added[name] = [
            replace(row, forms=(*row.forms, lines[row.forms[0][0]].forms[1])) for row in rules[name]
        ]
    return added


def alike(text: str, test_only: bool = False) -> Row:
    """A row that is the same in every language."""
    return Row(((text,),) * len(NEWS_LANGUAGES), test_only=test_only)


def atom(text: str) -> Plan:
    """A plan for a word that is the same in every language: a name or a number."""
    return Plan(alike(text))


def draw(rows: Iterable[Row], rng: random.Random, rare: float = 0.0) -> Row:
    """A row at random, by weight. With probability `rare` a test-only row, where there is one; otherwise never."""
    rows = list(rows)
    unseen = [row for row in rows if row.test_only]
    if unseen and rng.random() < rare:
        return rng.choice(unseen)
    seen = [row for row in rows if not row.test_only]
    return rng.choices(seen, [row.weight for row in seen])[0]


def tidy(text: str, rng: random.Random, typo: float, lower: float) -> str:
    """Capitals at sentence starts, and now and then a typo or a text without capitals, as people write."""
    text = re.sub(r"(^|[.!?:] )(\w)", lambda m: m[1] + (m[2] if m[1] == ": " else m[2].upper()), text)
    if rng.random() < typo:
        text = misspell(text, rng)
    return text.lower() if rng.random() < lower else text


def misspell(text: str, rng: random.Random) -> str:
    """One slip of the finger in a word of five letters or more: two swapped, one lost, or one doubled."""
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
    if not long:
        return text
    i = rng.choice(long)
    word, at = words[i], rng.randrange(1, len(words[i]) - 2)
    slip = rng.choice("sld")
    words[i] = {
        "s": word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        "l": word[:at] + word[at + 1 :],
        "d": word[:at] + word[at] + word[at:],
    }[slip]
    return " ".join(words)
