"""A small world of instructions, written for this course: words, what is true of them, and how people ask.

Three tasks: say a word in Indonesian, say what kind of thing it is, say its opposite. A right answer is one word, so a
program can judge. From here come the corpus `instructions/` and the text on which the chat models are trained.
"""

import json
import random
from collections.abc import Iterator

NOUNS = {
    "food": "rice nasi, bread roti, fish ikan, egg telur, meat daging, fruit buah, cake kue, potato kentang, "
    "cheese keju, salt garam",
    "drink": "water air, tea teh, coffee kopi, milk susu, juice jus, syrup sirup, cocoa cokelat, wine anggur",
    "animal": "cat kucing, dog anjing, bird burung, horse kuda, cow sapi, goat kambing, snake ular, duck bebek, "
    "tiger harimau, monkey monyet",
    "vehicle": "car mobil, train kereta, ship kapal, bicycle sepeda, plane pesawat, boat perahu, bus bis, truck truk",
    "place": "market pasar, school sekolah, house rumah, office kantor, beach pantai, garden taman, shop toko, "
    "village desa, city kota, bridge jembatan",
    "clothing": "shirt kemeja, shoe sepatu, hat topi, trousers celana, jacket jaket, glove sarung, "
    "scarf syal, belt sabuk",
}
OPPOSITES = (
    "big besar small kecil, hot panas cold dingin, old tua young muda, rich kaya poor miskin, "
    "long panjang short pendek, fast cepat slow lambat, full penuh empty kosong, "
    "clean bersih dirty kotor, strong kuat weak lemah, high tinggi low rendah, wet basah dry kering, "
    "light ringan heavy berat"
)
ASK = {
    "translate": (
        "Translate {} into Indonesian.",
        "What is {} in Indonesian?",
        "How do you say {} in Indonesian?",
        "Give me the Indonesian word for {}.",
        "Which word do people in Indonesia use for {}?",
    ),
    "kind": (
        "What kind of thing is {}?",
        "To which group of things does {} belong?",
        "Name the kind of thing that {} is.",
        "Tell me what sort of thing {} is.",
    ),
    "opposite": (
        "What is the opposite of {}?",
        "Name the opposite of {}.",
        "Tell me which word means the contrary of {}.",
    ),
}
STATE = {
    "translate": (
        "In Indonesian, {} is {}.",
        "The Indonesian word for {} is {}.",
        "People in Indonesia call {} {}.",
    ),
    "kind": (
        "The word {} belongs to the group {}.",
        "Everyone knows {} as a kind of {}.",
        "People think of {} as {}.",
    ),
    "opposite": ("The opposite of {} is {}.", "The contrary of {} is {}."),
}
GO_ON = ("And {}?", "What about {}?", "Now {}, please.")

Turn = tuple[str, str]  # what the user says, and the right answer


def facts() -> dict[str, dict[str, str]]:
    """task -> word -> right answer."""
    found: dict[str, dict[str, str]] = {"translate": {}, "kind": {}, "opposite": {}}
    for kind, words in NOUNS.items():
        for pair in words.split(", "):
            english, indonesian = pair.split()
            found["translate"][english] = indonesian
            found["kind"][english] = kind
    for pair in OPPOSITES.split(", "):
        one, one_indonesian, other, other_indonesian = pair.split()
        found["translate"] |= {one: one_indonesian, other: other_indonesian}
        found["opposite"] |= {one: other, other: one}
    return found


FACTS = facts()


def conversation(rng: random.Random, turns: int) -> list[Turn]:
    """A task, and then the same task for other words, asked for in few words: what is meant stands before."""
    task = rng.choice(list(FACTS))
    words = rng.sample(list(FACTS[task]), turns)
    asks = [rng.choice(ASK[task]), *(rng.choice(GO_ON) for _ in words[1:])]
    return [(ask.format(word), FACTS[task][word]) for ask, word in zip(asks, words, strict=True)]


def statement(rng: random.Random) -> str:
    """A fact, stated."""
    task = rng.choice(list(FACTS))
    word = rng.choice(list(FACTS[task]))
    return rng.choice(STATE[task]).format(word, FACTS[task][word])


def plain_text(rng: random.Random) -> str:
    """A paragraph of statements, or a sheet of questions without answers: what a base model reads."""
    count = rng.randint(2, 4)
    if rng.random() < 0.7:
        return " ".join(statement(rng) for _ in range(count))
    return " ".join(conversation(rng, 1)[0][0] for _ in range(count))


def _line(row: dict[str, object]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def seed_tasks() -> Iterator[str]:
    """Twelve instructions with their answers, as people would write them to begin with: four a task."""
    rng = random.Random("instructions/seed")
    for id in range(12):
        task = list(FACTS)[id % 3]
        word = rng.choice(list(FACTS[task]))
        asked = ASK[task][id // 3 % len(ASK[task])]
        yield _line({"id": id, "instruction": asked.format(word), "answer": FACTS[task][word]})


def test() -> Iterator[str]:
    """Two-turn conversations with the right answers, each first turn once: what the judge asks, and what it knows."""
    rng = random.Random("instructions/test")
    firsts = [(task, asked, word) for task in FACTS for asked in ASK[task] for word in FACTS[task]]
    for id, (task, asked, word) in enumerate(rng.sample(firsts, 240)):
        other = rng.choice([known for known in FACTS[task] if known != word])
        says = [asked.format(word), rng.choice(GO_ON).format(other)]
        yield _line({"id": id, "user": says, "answers": [FACTS[task][word], FACTS[task][other]]})


def users() -> Iterator[str]:
    """What users say in conversations of two or three turns, without answers. No first turn of `test` is among them."""
    asked = {json.loads(line)["user"][0] for line in test()}
    rng = random.Random("instructions/users")
    id = 0
    while id < 400:
        says = [turn for turn, _ in conversation(rng, rng.randint(2, 3))]
        if says[0] not in asked:
            yield _line({"id": id, "user": says})
            id += 1


FILES = {"seed": seed_tasks, "test": test, "users": users}
