"""Which texts are copies of others, whatever their spelling."""

import re
from collections.abc import Iterable

RUN = 8  # words in a row that betray a copied sentence

Row = tuple[int, str, str]  # id, text, label


def letters(text: str) -> str:
    """Lower-case letters and digits alone: texts that differ in case, spaces and punctuation become equal."""
    return re.sub(r"[\W_]+", "", text.lower())


def runs(text: str) -> set[tuple[str, ...]]:
    """Every run of `RUN` words. "-nya" is left out: SMSA writes it as a word of its own, NusaX does not."""
    words = re.findall(r"[^\W_]+", re.sub(r"nya\b", " ", text.lower()))
    return {tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1)}


def without_copies(rows: Iterable[Row], others: Iterable[str]) -> list[Row]:
    """The rows that copy neither an earlier row nor a text of `others`.

    A copy has the same `letters`, or shares a run of words with a text of `others`: NusaX's authors
    corrected and shortened the sentences that they took from SMSA. Equality alone finds about half of them.
    """
    seen: set[str] = set()
    foreign: set[tuple[str, ...]] = set()
    for text in others:
        seen.add(letters(text))
        foreign |= runs(text)
    kept = []
    for row in rows:
        key = letters(row[1])
        if key not in seen and foreign.isdisjoint(runs(row[1])):
            kept.append(row)
        seen.add(key)
    return kept
