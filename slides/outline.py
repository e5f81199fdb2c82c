"""The slides of a filled deck, one by one, and what every one of them must have."""

import re
from dataclasses import dataclass

COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
MINUTES = re.compile(r"(\d+(?:\.5)?) min\.\s")
CLASS = re.compile(r"^\s*_class:\s*([\w -]+?)\s*$")


@dataclass(frozen=True)
class Slide:
    """One slide: its text without comments, its kind ("question", "answer", "hands-on", "title" or ""), the minutes
    that it takes, and what the speaker says."""

    text: str
    kind: str
    minutes: float
    notes: str

    @property
    def title(self) -> str:
        """Its first heading, without marks."""
        found = re.search(r"^#+ (.+)$", self.text, re.MULTILINE)
        return found[1] if found else ""


def slides(deck: str) -> list[Slide]:
    """The slides of a deck's Markdown. Raises ValueError for a deck without front matter."""
    head, *parts = re.split(r"^---$", deck, flags=re.MULTILINE)
    if head.strip() or len(parts) < 2:
        raise ValueError("A deck begins with its front matter between two lines of three dashes.")
    return [_slide(part) for part in parts[1:]]


def _slide(part: str) -> Slide:
    comments = COMMENT.findall(part)
    kinds = [found[1] for comment in comments if (found := CLASS.match(comment))]
    notes = " ".join(comment.strip() for comment in comments if not re.match(r"\s*_?\w+:", comment))
    time = MINUTES.match(notes)
    return Slide(
        text=COMMENT.sub("", part).strip(),
        kind=kinds[0] if kinds else "",
        minutes=float(time[1]) if time else 0,
        notes=MINUTES.sub("", notes, count=1).strip(),
    )


def faults(deck: list[Slide]) -> list[str]:
    """What the slides of a deck lack, in words: a heading, notes with a time, the answer to a question."""
    found = []
    for number, slide in enumerate(deck, start=1):
        where = f"slide {number} ({slide.title or 'no heading'})"
        if not slide.title:
            found.append(f"{where}: it has no heading")
        if not slide.minutes or len(slide.notes.split()) < 8:
            found.append(f"{where}: its notes must begin with a time ('2 min. ') and say something")
        if slide.kind == "question":
            after = [later.kind for later in deck[number:] if later.kind != "hands-on"]
            if after[:1] != ["answer"]:
                found.append(f"{where}: the slide after a question must be its answer")
        if slide.kind == "hands-on" and 'class="card"' not in slide.text:
            found.append(f"{where}: it names no notebook (hands_on)")
    return found
