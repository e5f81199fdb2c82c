"""A notebook's section on a published model: its cells, run with the names that the notebook has by then."""

from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_utils import assets, session
from course_utils.assets import large_models
from course_utils.commands import tables
from course_utils.paths import ROOT
from course_utils.results import rows


def cells(notebook: str, prefix: str) -> list[str]:
    """The code cells of a notebook whose ids begin so."""
    path = ROOT / "notebooks" / f"{notebook}.ipynb"
    found = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in found if cell.cell_type == "code" and cell.id.startswith(prefix)]


def text(notebook: str, prefix: str) -> str:
    """What the text cells of a notebook say whose ids begin so."""
    path = ROOT / "notebooks" / f"{notebook}.ipynb"
    found = nbformat.read(path, as_version=4).cells
    return "\n".join(
        cell.source for cell in found if cell.cell_type == "markdown" and cell.id.startswith(prefix)
    )


def run(section: list[str], names: dict[str, Any]) -> dict[str, Any]:
    """Run the cells, which find these names and add their own to them."""
    for cell in section:
        exec(compile(cell, "notebook", "exec"), names)
    return names


def told_on_the_bundled_track(
    section: list[str],
    names: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> list[str]:
    """What the section prints there: first what it needs and how to get it, in one string, then a line each. It fetches
    nothing."""
    monkeypatch.setattr(assets, "fetch", lambda role: pytest.fail(f"{role} was fetched"))
    assert run(section, names)["real"] is False
    lines = capsys.readouterr().out.splitlines()
    assert "set COURSE_TRACK=real, and restart" in lines[0] and lines[1].startswith("It takes ")
    return [" ".join(lines[:2]), *lines[2:]]


def on_the_real_track(monkeypatch: pytest.MonkeyPatch, folder: Path, notebook: str | None = None) -> None:
    """Nothing is too large, no row ships, and all is written below `folder`. notebook: the one that runs."""
    monkeypatch.setattr(large_models, "ready", lambda roles, lacks: True)
    monkeypatch.setattr(assets, "track", lambda: "real")
    # Else float32 or bfloat16 would be chosen for the real track, and for all tests after this one.
    monkeypatch.setattr(import_module("course_utils.training.forward"), "precision", lambda: "no")
    monkeypatch.setattr("course_utils.paths.BUILD", folder)
    for module in (rows, tables):
        monkeypatch.setattr(module, "BUILD", folder)
        monkeypatch.setattr(module, "DATA", folder / "shipped")
    monkeypatch.setattr(session, "notebook", notebook)
