"""Tasks on words, for the ladder of language models: what the models were trained on, and what they are asked.

A task turns a word into another. A prompt may describe the task in English or in Indonesian, and may show solved
examples; without either, nobody can know which task is meant.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ARROW, END = " => ", "\n"
SYMBOLS = "!./"
VOWELS = "aeiou"
CONSONANTS = "bcdfghjklmnpqrstvwxyz"


def _shift(word: str) -> str:
    return "".join(chr((ord(letter) - ord("a") + 1) % 26 + ord("a")) for letter in word)


ATOMS: dict[str, Callable[[str], str]] = {
    "copy": lambda word: word,
    "reverse": lambda word: word[::-1],
    "cycle": lambda word: word[1:] + word[0],
    "double": lambda word: "".join(2 * letter for letter in word),
    "vowels": lambda word: "".join(letter for letter in word if letter not in VOWELS),
    "shift": _shift,
    "head": lambda word: word[:2],
    "tail": lambda word: word[-2:],
    "sort": lambda word: "".join(sorted(word)),
}
"""What a task does to a word of at least three letters."""

REAL = 0.25
"""In training, the share of the words that are real. The others are made up, so that no model gets by with memory."""
PARTS = ("reverse", "cycle", "double", "vowels", "shift")
"""The tasks that are also done one after the other."""

DESCRIPTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "copy": {
        "english": ("copy the word", "write it again"),
        "indonesian": ("salin kata ini", "tulis lagi"),
    },
    "reverse": {
        "english": ("reverse the word", "write it backwards", "read from the end"),
        "indonesian": ("balik kata ini", "tulis dari belakang", "baca dari akhir"),
    },
    "cycle": {
        "english": ("cycle the word", "first letter last"),
        "indonesian": ("putar kata ini", "awal jadi akhir"),
    },
    "double": {
        "english": ("double the letters", "every letter twice"),
        "indonesian": ("gandakan hurufnya", "tiap huruf dua kali"),
    },
    "vowels": {
        "english": ("drop the vowels", "keep only consonants", "no a, e, i, o, u"),
        "indonesian": ("buang vokalnya", "hanya konsonan", "tanpa a, e, i, o, u"),
    },
    "shift": {
        "english": ("shift the letters", "take the next letters"),
        "indonesian": ("geser hurufnya", "huruf berikutnya"),
    },
    "head": {
        "english": ("first two letters", "how it begins"),
        "indonesian": ("dua huruf awal", "bagaimana mulainya"),
    },
    "tail": {
        "english": ("last two letters", "how it ends"),
        "indonesian": ("dua huruf akhir", "bagaimana ujungnya"),
    },
    "sort": {
        "english": ("sort the letters", "in order of abc"),
        "indonesian": ("urutkan hurufnya", "menurut abc"),
    },
    "symbols": {
        "english": ("remove the symbols", "only the letters", "clean the word"),
        "indonesian": ("hapus simbolnya", "hurufnya saja", "bersihkan kata ini"),
    },
    "unscramble": {
        "english": ("unscramble the word", "which word is it"),
        "indonesian": ("susun kata ini", "kata apa ini"),
    },
    "to indonesian": {
        "english": ("translate to indonesian", "in indonesian"),
        "indonesian": ("terjemahkan ke indonesia", "bahasa indonesia"),
    },
    "to english": {
        "english": ("translate to english", "in english"),
        "indonesian": ("terjemahkan ke inggris", "bahasa inggris"),
    },
}
"""How a task may be described; the first is the usual way."""

_SHORT = {
    "english": dict(zip(PARTS, ("reverse", "cycle", "double", "drop vowels", "shift"), strict=True)),
    "indonesian": dict(zip(PARTS, ("balik", "putar", "gandakan", "buang vokal", "geser"), strict=True)),
}
_THEN = {"english": "then", "indonesian": "lalu"}
COMPOSED = tuple(f"{one} + {other}" for one in PARTS for other in PARTS if one != other)
ENGLISH_ONLY = tuple(name for index, name in enumerate(COMPOSED) if index % 3 == 0)
"""Compositions whose Indonesian description no model of the ladder has ever seen."""
TASKS = (*DESCRIPTIONS, *COMPOSED)
KNOWLEDGE = ("unscramble", "to indonesian", "to english")
"""Tasks whose answers must be known: they ask for words of the training list, in a new scramble."""
for _name in COMPOSED:
    _pair = _name.split(" + ")
    DESCRIPTIONS[_name] = {
        language: (f" {_THEN[language]} ".join(short[part] for part in _pair),)
        for language, short in _SHORT.items()
    }


@dataclass(frozen=True)
class Words:
    """Pairs of words, English and Indonesian. `held_out`: words, of both languages, that no training row asks for."""

    pairs: Sequence[tuple[str, str]]
    held_out: Sequence[str]


def made_up(rng: random.Random, shortest: int = 3, longest: int = 7) -> str:
    """A word of so many letters that could be one: consonants and vowels take turns, mostly."""
    letters = rng.choice(CONSONANTS) if rng.random() < 0.7 else rng.choice(VOWELS)
    for _ in range(rng.randint(shortest - 1, longest - 1)):
        vowel = (letters[-1] not in VOWELS) == (rng.random() < 0.85)
        letters += rng.choice(VOWELS if vowel else CONSONANTS)
    return letters if any(letter in CONSONANTS for letter in letters) else made_up(rng, shortest, longest)


def long_words(words: Words, count: int, seed: int) -> Words:
    """The same pairs, and in place of the words held out, made-up ones of eight to ten letters: longer than any that
    the ladder's training made up."""
    rng = random.Random(f"long/{seed}")
    return Words(words.pairs, [made_up(rng, 8, 10) for _ in range(count)])


def for_choosing(words: Words) -> Words:
    """The same pairs, and in place of the words held out as many made-up ones, as long as those of training."""
    rng, made = random.Random("for choosing"), set[str]()
    while len(made) < len(words.held_out):
        made |= {made_up(rng)} - set(words.held_out)
    return Words(words.pairs, sorted(made))


def _training_word(pair: tuple[str, str], words: Words, rng: random.Random) -> str:
    if rng.random() < REAL:
        return rng.choice(pair)
    word = made_up(rng)
    while word in words.held_out:
        word = made_up(rng)
    return word


def solve(task: str, words: Words, rng: random.Random, test: bool = False) -> tuple[str, str]:
    """One example of a task: what is given, and the answer. With `test`, of a word that training never showed."""
    pair = rng.choice(words.pairs)
    if task == "to indonesian":
        return pair
    if task == "to english":
        return pair[1], pair[0]
    if task == "unscramble":
        letters = list(pair[0])
        rng.shuffle(letters)
        return "".join(letters), pair[0]
    word = rng.choice(words.held_out) if test else _training_word(pair, words, rng)
    if task == "symbols":
        return "".join(letter + rng.choice(SYMBOLS) for letter in word[:-1]) + word[-1], word
    answer = word
    for part in task.split(" + "):
        answer = ATOMS[part](answer)
    return word, answer


@dataclass(frozen=True)
class Question:
    """What a model is asked: a description or none, solved examples, what is given, and the answer."""

    task: str
    description: str | None
    examples: list[tuple[str, str]]
    query: str
    answer: str


def questions(
    tasks: Sequence[str], count: int, shots: int, language: str | None, words: Words, seed: int
) -> list[Question]:
    """`count` questions, the tasks in turn, each with `shots` examples and its usual description in `language`.

    Examples and query ask for words that training never showed, except in tasks of knowledge. The query is not among
    the examples. The same seed gives the same queries, whatever the number of examples and the description.
    Raises ValueError for more shots than there are different examples.
    """
    asked = []
    different = {task: len(set(words.pairs if task in KNOWLEDGE else words.held_out)) for task in tasks}
    if scarce := [task for task in tasks if shots >= different[task]]:
        raise ValueError(
            f"{shots} examples beside the query: {scarce[0]!r} has only {different[scarce[0]]} words."
        )
    for index in range(count):
        task, rng = tasks[index % len(tasks)], random.Random(f"{seed}/{index}")
        query, answer = solve(task, words, rng, test=True)
        pairs: list[tuple[str, str]] = []
        while len(pairs) < shots:
            pair = solve(task, words, rng, test=True)
            if pair[0] != query and pair not in pairs:
                pairs.append(pair)
        description = DESCRIPTIONS[task][language][0] if language else None
        asked.append(Question(task, description, pairs, query, answer))
    return asked
