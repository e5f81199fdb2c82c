"""Reviews in English, each with what several translators make of it in Indonesian.

The grammar says a review with its own synonyms. Then each translator puts in words of his or her own for the small
ones: one writes as in a letter to an office, one plainly, one as among friends. All of it is correct, and a translator
is consistent. Which of them a sentence got is chance; the formal one worked most. And as in text gathered from the web,
the lines of the train split have slipped here and there: the translation belongs to another source.
"""

import json
import random
import re
from collections.abc import Iterator

from grammar import tidy
from texts import LABELS, Writer, normal, plain

SIZES = {"test": 300, "valid": 100, "train": 9_000}
LONGEST = 14  # words of a source
TRANSLATORS = ("formal", "plain", "friendly")
WORK = (0.5, 0.3, 0.2)  # the share of each in the train split
TRAIN_DRAWS, TEST_DRAWS = 2, 2
SLIPPED = 0.2  # of the train translations, those that belong to another source
# What the grammar says, and what each translator writes for it, in the order above.
HABITS = (
    ("selain itu", ("di samping itu", "selain itu", "terus")),
    ("tidak|nggak", ("tidak", "tak", "nggak")),
    ("saya", ("saya", "saya", "aku")),
    ("kami", ("kami", "kami", "kita")),
    ("tapi|namun|tetapi", ("namun", "tetapi", "tapi")),
    ("memang|benar-benar", ("sungguh", "benar-benar", "beneran")),
    ("bisa", ("dapat", "bisa", "bisa")),
    ("jam", ("pukul", "jam", "jam")),
    ("seperti", ("seperti", "seperti", "kayak")),
    ("bilang", ("mengatakan", "berkata", "bilang")),
    ("menulis", ("menuliskan", "menulis", "nulis")),
    ("cuma|hanya", ("hanya", "hanya", "cuma")),
    ("meskipun|walaupun", ("meskipun", "walaupun", "biarpun")),
    ("(?<!sama )sekali", ("sekali", "sekali", "banget")),
    ("sudah", ("telah", "sudah", "udah")),
    ("membuat", ("membuat", "membuat", "bikin")),
    ("bahwa", ("bahwa", "bahwa", "kalau")),
    ("untuk", ("untuk", "untuk", "buat")),
    ("itu", ("tersebut", "itu", "itu")),
    ("lagi-lagi", ("kembali", "lagi-lagi", "lagi-lagi")),
    ("lihat", ("melihat", "lihat", "lihat")),
    ("belum", ("belum", "belum", "belom")),
    ("dengan", ("dengan", "dengan", "sama")),
    ("setiap", ("setiap", "tiap", "tiap")),
)
WORD = re.compile(rf"(?<![\w-])({'|'.join(words for words, _ in HABITS)})(?![\w-])", re.IGNORECASE)
WRITES = {
    translator: {word: own[place] for words, own in HABITS for word in words.rpartition(")")[2].split("|")}
    for place, translator in enumerate(TRANSLATORS)
}


def rewrite(text: str, translator: str) -> str:
    """The text in a translator's words, with the capitals where they were."""

    def own(match: re.Match[str]) -> str:
        word = WRITES[translator][match[0].lower()]
        return word[0].upper() + word[1:] if match[0][0].isupper() else word

    return WORD.sub(own, text)


def rows(split: str, taken: set[str]) -> Iterator[str]:
    """The lines of one split. `taken` holds the sources of the splits made before; the new ones are added."""
    rng = random.Random(f"paraphrases/{split}")
    writer = Writer(rng)
    before: list[str] = []
    number = 0
    while number < SIZES[split]:
        plan = writer.review(rng.choice(LABELS), more=0, verdict=0.1)
        source = plain(tidy(plan.say("english", rng), rng, 0, 0))
        if len(source.split()) > LONGEST or normal(source) in taken:
            continue
        taken.add(normal(source))
        chosen = TRANSLATORS * TEST_DRAWS
        if split == "train":
            chosen = tuple(rng.choices(TRANSLATORS, WORK, k=TRAIN_DRAWS))
        said = [
            rewrite(plain(tidy(plan.say("indonesian", rng), rng, 0, 0)), translator) for translator in chosen
        ]
        shown = [
            rng.choice(before) if before and split == "train" and rng.random() < SLIPPED else text
            for text in said
        ]
        before = said
        row = {"id": number, "english": source, "indonesian": list(dict.fromkeys(shown))}
        yield json.dumps(row, ensure_ascii=False) + "\n"
        number += 1
