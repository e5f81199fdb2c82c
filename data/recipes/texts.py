"""Reviews and news: plans drawn from the grammars, with the label or the entities that they carry."""

import random
import re
from pathlib import Path

from grammar import SLOT, Plan, Row, add_language, alike, atom, draw, read

HERE = Path(__file__).parent
LABELS = ("negative", "neutral", "positive")
TOPICS = ("economy", "health", "politics", "sports", "technology")
OPPOSITE = {"positive": "negative", "negative": "positive"}
NEGATED = 0.2  # of the opinions, those that deny the opposite
COMMON = 0.3  # of the adjectives, those that fit everything: "good", "awful"
DOMAINS = ("food", "hotel", "app", "transport")
HOURS = [f"{hour}.{minute}" for hour in range(6, 22) for minute in ("00", "15", "30", "45")]


def read_names() -> dict[str, list[Row]]:
    """The names of names.txt, by kind."""
    names: dict[str, list[Row]] = {}
    for line in (HERE / "names.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            kind, _, values = line.partition(" | ")
            rows = [alike(value, test_only=kind.endswith("!")) for value in values.split(", ")]
            names.setdefault(kind.rstrip("!"), []).extend(rows)
    return names


class Writer:
    """Draws plans.

    rare: the chance that a word or name is from the test-only lists, 0 outside the test split. explicit: the share of
    plain opinions that also say how the writer feels ("luckily", "sadly"). bare: every name is from one list,
    whether it is that of a person, a place or an organisation.
    """

    def __init__(
        self, rng: random.Random, rare: float = 0.0, explicit: float = 0.1, bare: bool = False
    ) -> None:
        self.rng, self.rare, self.explicit, self.bare = rng, rare, explicit, bare
        files = ("reviews.lex", "reviews.grammar", "news.grammar")
        rules = {section: rows for name in files for section, rows in read(HERE / name).items()}
        self.rules = add_language(rules, HERE / "news.sundanese")
        self.names = read_names()

    def pick(self, section: str) -> Row:
        return draw(self.rules[section], self.rng, self.rare)

    def word(self, name: str) -> Plan:
        """A filler that says nothing about label or topic: a name, a day, a number."""
        if name in self.names:
            return Plan(draw(self.names[name], self.rng, self.rare))
        numbers = {"hour": HOURS, "num": range(12, 480), "small": range(2, 10)}
        if name in numbers:
            return atom(str(self.rng.choice(numbers[name])))
        return Plan(self.pick(f"word {name}"))

    def clause(self, domain: str, aspect: str, polarity: str, alone: bool) -> Plan:
        """One opinion on one aspect. `NEGATED` of them say it by negating the opposite.

        One that stands `alone` may take forms that do not fit after "that" or "although".
        """
        other = OPPOSITE[polarity]
        negated = self.rng.random() < NEGATED
        rows = self.rules["negate"] if negated else self.rules["affirm"]
        if alone and not negated:
            rows = rows + self.rules[f"alone {polarity}"]
            if self.rng.random() < self.explicit:
                rows = self.rules[f"explicit {polarity}"]
        return self.judge(draw(rows, self.rng), f"{domain} {aspect}", polarity, other)

    def judge(self, row: Row, aspect: str, polarity: str, other: str) -> Plan:
        """Fill the slots of an opinion: the noun, and words of the wanted and of the opposite polarity."""
        short = {"positive": "pos", "negative": "neg"}
        common = [aspect, "anything"]  # words for this aspect, or words for all things
        where = self.rng.choices(common, [1 - COMMON, COMMON], k=2)
        sections = {
            "n": f"{aspect} noun",
            "same": f"{where[0]} {short[polarity]}",
            "opp": f"{where[1]} {short[other]}",
            "vsame": f"{aspect} {short[polarity]}v",
        }
        return Plan(row, {slot: [Plan(self.pick(name))] for slot, name in sections.items()})

    def review(self, label: str, more: int, verdict: float) -> Plan:
        """A review with this label: an opinion, up to `more` plain ones that agree with it, now and then a bare
        fact, and with probability `verdict` a word of praise, blame or doubt as title or last word."""
        rng, domain = self.rng, self.rng.choice(DOMAINS)
        plain = self.rules["average" if label == "neutral" else "plain"]
        rules = (
            self.rules["neutral"]
            if label == "neutral"
            else self.rules["polar"] + self.rules[f"polar {label}"]
        )
        parts = [self.sentence(draw(rules + plain, rng), domain, label)]
        for _ in range(rng.randint(0, more)):
            parts.append(self.sentence(draw(plain, rng), domain, label))
        rng.shuffle(parts)
        if label != "neutral" and rng.random() < 0.3:
            fact = self.sentence(self.pick(f"fact {domain}"), domain, label)
            parts.insert(rng.choice((0, len(parts))), fact)
        if rng.random() < verdict:
            word = self.sentence(self.pick(f"verdict {label}"), domain, label)
            parts.insert(rng.choice((0, len(parts))), word)
        pattern = " ".join(["{part}"] * len(parts))
        return Plan(alike(pattern), {"part": parts})

    def sentence(self, row: Row, domain: str, label: str) -> Plan:
        rng = self.rng
        aspects = [
            name.split()[1] for name in self.rules if name.startswith(domain) and name.endswith(" noun")
        ]
        rng.shuffle(aspects)
        either = rng.choice(("positive", "negative"))
        same = either if label == "neutral" else label
        other = OPPOSITE[same]
        polarity = {"+": same, "-": other, "p": "positive", "n": "negative", "?": either}
        plan = self.judge(row, f"{domain} {aspects[-1]}", same, other)
        for slot in slots_of(row):
            if slot[0] in "cs" and slot[1:] in polarity:
                filler = self.clause(domain, aspects.pop(), polarity[slot[1:]], alone=slot[0] == "s")
            elif slot == "fact":
                filler = self.sentence(self.pick(f"fact {domain}"), domain, label)
            elif slot in plan.slots or slot == "be":
                continue
            else:
                filler = self.word(slot)
            plan.slots.setdefault(slot, []).append(filler)
        return plan

    def news(self, topic: str, tail: float, aside: float = 0.6) -> Plan:
        """A news item, with probability `tail` a sentence that fits every topic, and with probability `aside` a
        word on something else that happened. The topic is that of the main item, never of the aside."""
        parts = [self.item(topic)]
        if self.rng.random() < tail:
            parts.append(self.item("tail"))
        if self.rng.random() < aside:
            other = self.rng.choice([name for name in TOPICS if name != topic])
            aside_plan = Plan(self.pick("aside"), {"item": [self.item(other)]})
            parts.insert(self.rng.choice((0, len(parts))), aside_plan)
        return Plan(alike(" ".join(["{part}"] * len(parts))), {"part": parts})

    def item(self, section: str) -> Plan:
        row = self.pick(section)
        return Plan(row, self.news_slots(row))

    def news_slots(self, row: Row) -> dict[str, list[Plan]]:
        slots: dict[str, list[Plan]] = {}
        for slot in slots_of(row):
            slots.setdefault(slot, []).append(self.entity(slot) if slot in ENTITIES else self.word(slot))
        return slots

    def entity(self, slot: str) -> Plan:
        """A name between marks that tell its type; `entities.py` turns the marks into tags."""
        if self.bare:
            inner = self.word("bare")
        elif slot == "loc":
            inner = self.word("place")
        elif slot == "per":
            full = self.rng.random() < 0.7
            row = alike("{first} {last}" if full else "{last}")
            inner = Plan(row, {"first": [self.word("first")], "last": [self.word("last")]})
        else:
            form = self.rng.choice(("firm", "bank", "club", "uni")) if slot == "org" else slot
            row = self.pick(f"word {form}form")
            inner = Plan(row, {name: [self.word(name)] for name in slots_of(row)})
        opening, closing = ENTITIES[slot]
        return Plan(alike(f"{opening}{{name}}{closing}"), {"name": [inner]})


def slots_of(row: Row) -> list[str]:
    """The slots of a row's first English form, in order, with repeats."""
    return SLOT.findall(row.forms[0][0])


# Marks that occur in no text: they travel through the grammar with the words and are taken out at the end.
MARKS = {"PER": ("⟦P:", "⟧"), "LOC": ("⟦L:", "⟧"), "ORG": ("⟦O:", "⟧")}
ORGANISATIONS = ("org", "bank", "club", "uni", "firm")
ENTITIES = {"per": MARKS["PER"], "loc": MARKS["LOC"]} | dict.fromkeys(ORGANISATIONS, MARKS["ORG"])
MARK = re.compile(r"⟦(.):(.*?)⟧")
"""An entity of a text between its marks: the first letter of its kind, and its words."""


def normal(text: str) -> str:
    """What counts as the same text: the words, whatever the capitals and the punctuation."""
    return " ".join(re.findall(r"\w+", text.lower()))


def plain(text: str) -> str:
    """The text without the marks round its entities."""
    return MARK.sub(r"\2", text)
