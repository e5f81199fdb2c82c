"""The list of the slides' exhibits: where each is, and the paper's figure in short."""

import tomllib
from typing import Any

from course_utils.paths import DATA

RESULTS = DATA / "results"


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((RESULTS / name).read_text(encoding="utf-8"))


def exhibits() -> list[dict[str, Any]]:
    """One dictionary an exhibit, in the order of the course: id, notebook, title, paper (in short, or None)."""
    figures = _toml("paper.toml")
    return [
        {"id": name, **facts, "paper": figures[name]["short"] if name in figures else None}
        for name, facts in _toml("exhibits.toml").items()
    ]
