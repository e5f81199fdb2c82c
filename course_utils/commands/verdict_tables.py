"""The tables of statements and verdicts in docs/results.md and README.md."""

from pathlib import Path

from course_utils.assets import TRACKS
from course_utils.commands import report
from course_utils.results.exhibits import exhibits
from course_utils.results.statements import statements, summary, verdict_of


def count() -> str:
    """How many statements have each verdict, in a sentence for each track."""
    sentences = [f"The slides make {len(statements())} statements that we test.", *map(summary, TRACKS)]
    return "\n".join(sentences) + "\n"


def exhibits_table(notebooks: list[Path]) -> str:
    """A table of the slides' exhibits: where each is, what the paper reports, its statements with their verdicts."""
    rows = []
    paths = {path.name[:2]: path for path in notebooks}
    listed = statements().values()
    for exhibit in exhibits():
        own = [facts for facts in listed if facts.exhibit == exhibit["id"]]
        told = [
            "; ".join(
                f"{facts.id} {verdict_of(facts, track).split('. ')[0]}"
                for facts in own
                if track in facts.tracks
            )
            for track in TRACKS
        ]
        where = f"[{exhibit['notebook']}](../notebooks/{paths[exhibit['notebook']].name})"
        rows.append(
            [
                f"{exhibit['id']} {exhibit['title']}",
                where,
                exhibit["paper"] or "–",
                *(cell or "–" for cell in told),
            ]
        )
    return report.table(["exhibit", "notebook", "the papers", *TRACKS], rows) + "\n"


def statements_table() -> str:
    """A table of all statements: what the slides say, its test, the verdict on each track with the part that decides.
    Below it, why those that are not reproduced are not, as far as we can tell."""
    rows, reasons = [], []
    for facts in statements().values():
        verdicts = [verdict_of(facts, track) for track in TRACKS]
        rows.append([facts.id, facts.exhibit, facts.says, facts.test, *verdicts])
        reasons += [f"- **{facts.id}**, {track} track. {why}" for track, why in facts.why.items()]
    header = ["statement", "exhibit", "the slides say", "reproduced if", *TRACKS]
    return (
        f"{report.table(header, rows)}\n\n### What was not reproduced, and why\n\n"
        + "\n".join(reasons)
        + "\n"
    )
