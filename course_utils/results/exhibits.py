"""The list of the slides' exhibits: what each claims, the paper's figure, what was measured, and whether it
held."""

import json
import tomllib
from typing import Any

from course_utils.assets import TRACKS
from course_utils.paths import BUILD, DATA

RESULTS = DATA / "results"


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((RESULTS / name).read_text(encoding="utf-8"))


def _claims(track: str, with_own: bool) -> list[dict[str, Any]]:
    """Claims of a track, as {exhibit, text, measured: {seed: value}, held, of}: the reader's own, if asked for,
    before the shipped ones."""
    own: dict[tuple[str, str], dict[str, Any]] = {}
    path = BUILD / "results" / "claims.jsonl"
    for line in path.read_text(encoding="utf-8").split("\n") if with_own and path.exists() else []:
        if not line:
            continue
        row = json.loads(line)
        if row["track"] == track:
            found = own.setdefault((row["exhibit"], row["text"]), {**row, "measured": {}, "by_seed": {}})
            found["measured"][str(row["seed"])] = row["measured"]
            found["by_seed"][str(row["seed"])] = row["holds"]
    for found in own.values():
        found["held"], found["of"] = sum(found["by_seed"].values()), len(found["by_seed"])
    path = RESULTS / track / "claims.json"
    shipped = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [*own.values(), *(row for row in shipped if (row["exhibit"], row["text"]) not in own)]


def _measured(claim: dict[str, Any]) -> str:
    """One claim's measurement over its seeds: the mean of numbers, else the first one's words; then how often
    it held."""
    values = list(claim["measured"].values())
    try:
        mean = sum(map(float, values)) / len(values)
        shown = f"{mean:.1e}" if 0 < abs(mean) < 5e-4 else f"{mean:.3f}"
    except (ValueError, ZeroDivisionError):  # words, or nothing
        shown = str(values[0] if values else "not reached")
    outcome = "held" if claim["held"] == claim["of"] else "NOT HELD"
    return f"{shown} ({outcome}, {claim['held']} of {claim['of']} seeds)"


def exhibits(own: bool = True) -> list[dict[str, Any]]:
    """One dictionary an exhibit: id, notebook, title, paper (short, or None), claims: {text: {track:
    measured}}. Without `own`, of the shipped claims only."""
    figures = _toml("paper.toml")
    by_track = {track: _claims(track, own) for track in TRACKS}
    listed = []
    for name, exhibit in _toml("exhibits.toml").items():
        claims: dict[str, dict[str, str]] = {}
        for track in TRACKS:
            for claim in (claim for claim in by_track[track] if claim["exhibit"] == name):
                claims.setdefault(claim["text"], {})[track] = _measured(claim)
        paper = figures[name]["short"] if name in figures else None
        listed.append({"id": name, **exhibit, "paper": paper, "claims": claims})
    return listed


def exhibits_table() -> str:
    """All exhibits as text for a screen. One that no claim was recorded for says "not yet"."""
    listed = exhibits()
    lines = []
    for exhibit in listed:
        state = "" if exhibit["claims"] else ": not yet"
        lines.append(f"{exhibit['id']}  {exhibit['notebook']}  {exhibit['title']}{state}")
        if exhibit["paper"]:
            lines.append(f"         paper: {exhibit['paper']}")
        for text, measured in exhibit["claims"].items():
            lines.append(f"         claim: {text}")
            lines.extend(f"           {track}: {measured.get(track, 'not measured')}" for track in TRACKS)
    done = sum(bool(exhibit["claims"]) for exhibit in listed)
    return "\n".join([*lines, "", f"{done} of {len(listed)} exhibits have claims with measurements."])
