"""Statements laid out for reading: on the screen, and in the last cell of a notebook."""

import functools
import re
import textwrap
from collections import Counter

import pandas as pd

from course_utils import assets, session
from course_utils.results import exhibits
from course_utils.results.rows import load, measured_here
from course_utils.results.statements.asking import LEAST_SEEDS, NOT_MEASURED, Part
from course_utils.results.statements.listed import Outcome, Statement, statement, statements, told
from course_utils.results.verdicts import WORDS, interval

IDENTITY = "identity"
RECAP = "12"
"""The notebook of what the slides say in their recap, which is no exhibit."""


@functools.cache
def shipped(track: str) -> dict[str, Outcome]:
    """What became of each statement of a track in the rows that ship, by id, in the order of the course."""
    rows = load(track=track, own=False)
    return {
        name: statement(name, rows)
        for name, facts in statements().items()
        if track in facts.tracks and facts.judged
    }


def counts(track: str) -> Counter[str]:
    """How many statements of a track have each verdict in the rows that ship; identities have their own line."""
    found = Counter(outcome.word for outcome in shipped(track).values())
    found[IDENTITY] = sum(track in facts.tracks and not facts.judged for facts in statements().values())
    return found


def summary(track: str) -> str:
    """One sentence with a track's counts, and how many statements it is asked for."""
    found = counts(track)
    asked = sum(found.values())
    words = ", ".join(f"{found[word]} {word}" for word in (*WORDS[1:], NOT_MEASURED))
    one = f", {found[IDENTITY]} an identity that a notebook asserts" if found[IDENTITY] else ""
    return f"On the {track} track {found[WORDS[0]]} of {asked} are {WORDS[0]}, {words}{one}."


def verdict_of(facts: Statement, track: str) -> str:
    """A statement's verdict on a track, with the part that decides."""
    if track not in facts.tracks:
        return "–"
    if not facts.judged:
        return f"{IDENTITY}: {facts.identity}"
    outcome = shipped(track)[facts.id]
    return f"{outcome.word}. {outcome.deciding[0].upper()}{outcome.deciding[1:]}"


def exhibits_table() -> str:
    """All exhibits as text for a screen: the paper's figure, and each statement with its verdict on each track."""
    by_exhibit: dict[str, list[Statement]] = {}
    for facts in statements().values():
        by_exhibit.setdefault(facts.exhibit, []).append(facts)
    lines = []
    listed = [*exhibits.exhibits(), {"id": "recap", "notebook": RECAP, "title": "the recap", "paper": None}]
    for exhibit in listed:
        lines.append(f"{exhibit['id']}  {exhibit['notebook']}  {exhibit['title']}")
        if exhibit["paper"]:
            lines.append(f"     paper: {exhibit['paper']}")
        for facts in by_exhibit.get(exhibit["id"], []):
            lines.append(f"     {facts.id}  {facts.says}")
            lines.extend(f"          {track}: {verdict_of(facts, track)}" for track in facts.tracks)
    return "\n".join([*lines, "", *map(summary, assets.TRACKS)])


def show_statements() -> None:
    """Print this notebook's statements: each part's figure in this run and in the runs that ship, then the verdict.

    The verdict is that of the shipped runs, because one run has no interval.
    """
    notebook, track = session.notebook or "", assets.track()
    of_exhibit = {exhibit["id"]: exhibit["notebook"] for exhibit in exhibits.exhibits()} | {"recap": RECAP}
    rows = load(track=track)
    mine = (
        rows[(rows["seed"] % 100 == session.seed())] if len(rows) else rows
    )  # draws have the run's seed, and hundreds
    if not measured_here(notebook, track):
        mine = rows[:0]
    for facts in statements().values():
        if of_exhibit[facts.exhibit] == notebook[:2] and track in facts.tracks:
            _show(facts, track, mine)


def _show(facts: Statement, track: str, mine: pd.DataFrame) -> None:
    if not facts.judged:
        print(f"{facts.id}  {IDENTITY}: {facts.says}\n     asserted above: {facts.identity}")
        return
    outcome, here = shipped(track)[facts.id], statement(facts.id, mine)
    print(f"{facts.id}  {outcome.word}: {facts.says}")
    for name, part in outcome.parts.items():
        print(f"     {name}{f', needs {part.bound}' if part.judged else ', beside it'}")
        same = Part(part.again(mine)) if part.again else here.parts.get(name)
        print(f"       this run {_figure(same)}; shipped runs {_figure(part)}")
    if facts.identity:
        print(f"     asserted above: {facts.identity}")
    if track in facts.why:
        print(
            textwrap.fill(
                f"why not: {facts.why[track]}", 100, initial_indent=" " * 5, subsequent_indent=" " * 7
            )
        )


def _figure(part: Part | None) -> str:
    if part is None or part.values.empty:
        return "–"
    values = part.values.tolist()
    shown = told(*interval(values), len(values)).removesuffix(", 1 seed")
    # Two equal seeds would have an interval of no width, which looks like certainty.
    return shown if len(values) >= LEAST_SEEDS else re.sub(r" \[.*\]", "", shown)
