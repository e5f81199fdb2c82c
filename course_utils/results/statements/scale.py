"""Tests of notebook 01's statements: examples, descriptions and size."""

import pandas as pd

from course_utils.results.statements.asking import Part, Parts, among, by_seed, minus, scores, track_of

SIZES = ("15k", "60k", "150k", "600k", "1800k")
"""The rungs of the bundled ladder, the smallest first."""
LEARNT = 50
"""At this accuracy (%) in English a rung counts as having learnt the task."""


def _by_shots(rows: pd.DataFrame, described: bool, size: str | None = None) -> dict[int, pd.Series]:
    """The accuracy by number of examples, each by seed: the mean over rungs (unless one is named) and tasks."""
    kind = "few-shot prompt" if track_of(rows) == "real" else "prompt"
    found = among(rows, exhibit="E02", method=f"{kind}, {'with' if described else 'no'} description")
    found = found if size is None else among(found, size=size)
    return {} if found.empty else {int(n): by_seed(part) for n, part in found.groupby("shots")}


def description(rows: pd.DataFrame) -> Parts:
    """S02."""
    none, told = _by_shots(rows, False), _by_shots(rows, True)
    empty = pd.Series(dtype=float)
    gain = {shots: minus(told.get(shots, empty), none[shots]) for shots in none}
    most = gain.get(max(none, default=0), empty)
    parts = {
        f"description minus none, examples: {shots} (points)": gain.get(shots, empty) for shots in (0, 1)
    }
    for shots in (0, 1):
        parts[f"that gain at {shots}, minus that at the most (points)"] = minus(gain.get(shots, empty), most)
    return {name: Part(values, above=0) for name, values in parts.items()}


def examples(rows: pd.DataFrame) -> Parts:
    """S03."""
    none, empty = _by_shots(rows, False), pd.Series(dtype=float)
    zero, one, most = (none.get(shots, empty) for shots in (0, 1, max(none, default=0)))
    return {
        "most examples minus 1 (points)": Part(minus(most, one), above=0),
        "1 example minus 0 (points)": Part(minus(one, zero), above=0),
    }


def size(rows: pd.DataFrame) -> Parts:
    """S04."""
    found, empty = among(rows, exhibit="E02"), pd.Series(dtype=float)
    mean = {name: by_seed(among(found, size=name)) for name in SIZES}
    parts = {
        f"{larger} minus {smaller}, mean of all prompts (points)": Part(
            minus(mean[larger], mean[smaller]), above=0
        )
        for smaller, larger in zip(SIZES, SIZES[1:], strict=False)
    }
    none = {name: _by_shots(rows, False, name) for name in SIZES}
    most = {name: shots[max(shots)] for name, shots in none.items() if shots}
    gain = {name: minus(scored, none[name].get(0, empty)) for name, scored in most.items()}
    room = [name for name, scored in most.items() if scored.mean() < 95]
    last = gain[room[-1]] if room else empty
    others = [gain[name] for name in gain if room and name != room[-1]]
    rival = max(others, key=lambda score: float(score.mean())) if others else empty
    told = f"gain from examples at {room[-1] if room else 'the largest'}, minus the most elsewhere (points)"
    return {**parts, told: Part(minus(last, rival), above=0)}


def across_languages(rows: pd.DataFrame) -> Parts:
    """S06."""
    english = {name: scores(rows, "E04", "English, tuned", size=name) for name in SIZES}
    learnt = [name for name in SIZES if len(english[name]) and english[name].mean() >= LEARNT] or SIZES[-2:]
    controls = {"the same before": "Indonesian, before"}
    controls["tuned without descriptions"] = "Indonesian, tuned without descriptions"
    parts = {}
    for name, control in controls.items():
        gain = {
            rung: minus(
                scores(rows, "E04", "Indonesian, tuned in English", size=rung),
                scores(rows, "E04", control, size=rung),
            )
            for rung in learnt
        }
        for smaller, larger in zip(learnt, learnt[1:], strict=False):
            told = f"gain in Indonesian over {name}, {larger} minus {smaller} (points)"
            parts[told] = Part(minus(gain[larger], gain[smaller]), above=0)
    return parts


def emergence(rows: pd.DataFrame) -> Parts:
    """S07."""
    match = {name: scores(rows, "E05", "exact match", size=name) for name in SIZES}
    nats = {name: scores(rows, "E05", "log-likelihood a token", size=name) for name in SIZES}
    parts = {f"exact match of {name} (%)": Part(match[name], below=5) for name in SIZES[:2]}
    parts[f"exact match of {SIZES[-1]} (%)"] = Part(match[SIZES[-1]], above=50)
    for smaller, larger in zip(SIZES, SIZES[1:], strict=False):
        parts[f"log-likelihood per token, {larger} minus {smaller} (nats)"] = Part(
            minus(nats[larger], nats[smaller]), above=0
        )
    return parts


TESTS = {"S02": description, "S03": examples, "S04": size, "S06": across_languages, "S07": emergence}
