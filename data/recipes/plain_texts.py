"""Published plain text in five languages, to learn from and held out: what the recipe `multilingual` reads."""

import hashlib
import re

from course_utils import data
from course_utils.runs.transfer import REVIEWS

ENGLISH, INDONESIAN = "glue_sst2", ("unlabelled_second_task", "translation_javanese")
PARAGRAPHS = {g: f"paragraphs_{g}" for g in ("javanese", "sundanese", "minangkabau")}
ROLES = (REVIEWS, ENGLISH, *INDONESIAN, *PARAGRAPHS.values())
RUN_OF_WORDS, HELD_OUT = 10, 0.1


def texts_of(language: str) -> list[str]:
    """The language's plain text in a fixed order.

    No two texts have ten words in a row in common, nor has one of them with a test or validation sentence of NusaX.
    Shorter texts are left out.
    """
    reviews = data.load(REVIEWS, language)
    found = list(reviews["train"]["text"])
    if language == "english":
        found += data.load(ENGLISH)["train"]["text"]
    elif language == "indonesian":
        found += data.load(INDONESIAN[0])["train"]["text"]
        found += data.load(INDONESIAN[1])["train"]["source"]
    else:
        found += data.load(PARAGRAPHS[language])["train"]["text"]
    held = [text for split in ("validation", "test") for text in reviews[split]["text"]]
    return sorted(apart(found, held), key=lambda text: hashlib.sha256(text.encode()).hexdigest())


def runs(text: str) -> set[tuple[str, ...]]:
    """All runs of `RUN_OF_WORDS` words of a text, in lower case; none where it is shorter."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + RUN_OF_WORDS]) for i in range(len(words) - RUN_OF_WORDS + 1)}


def apart(texts: list[str], held: list[str]) -> list[str]:
    """Those texts, the longest first, that share no run of words with a longer one, nor with one of `held`."""
    seen = {run for text in held for run in runs(text)}
    kept = []
    for text in sorted(texts, key=len, reverse=True):
        found = runs(text)
        if found and found.isdisjoint(seen):
            kept.append(text)
        seen |= found
    return kept


def split(texts: list[str]) -> tuple[list[str], list[str]]:
    """The texts to learn from, and the held-out ones."""
    held_out = max(1, int(HELD_OUT * len(texts)))
    return texts[held_out:], texts[:held_out]
