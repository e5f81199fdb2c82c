"""The real section of notebook 04 on Indonesian and Javanese, played by tiny translators."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_pairs
from real_sections import cells, run, told_on_the_bundled_track

from course_utils import models, results
from course_utils.commands import tables
from course_utils.runs import translators
from course_utils.training import metrics

CELLS = cells("04_sequence_distillation", "pairs-")


def names() -> dict[str, Any]:
    """What the notebook has by the time it comes to the section."""
    return {
        "models": models,
        "results": results,
        "metrics": metrics,
        "pd": pd,
        "display": lambda frame: print(frame.to_string()),
        "seed": 0,
    }


def test_the_section_trains_a_student_live_and_judges_four_statements(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_pairs.stand_in(monkeypatch, tmp_path)
    tables.main("translators", store=True)
    found = run(CELLS, names())
    assert found["score"]["sacrebleu"] == pytest.approx(translators.scores("student: baseline")[0])
    assert list(found["shown"].columns) == ["BLEU K=1", "BLEU K=5", "seeds"]
    out = capsys.readouterr().out
    assert all(f"{statement}  " in out for statement in ("S20", "S21", "S22", "S23")) and "2 runs" in out
    assert "signature: nrefs:1" in out and "15.4" in out


def test_on_the_bundled_track_one_line_says_what_it_needs_and_the_shipped_runs_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = names()
    line, *shown = told_on_the_bundled_track(CELLS, found, monkeypatch, capsys)
    assert "GPU" not in line
    assert list(found["shown"].index) == list(translators.RATES) and found["shown"].notna().all(axis=None)
    assert any(line.startswith("The runs were made on:") for line in shown)
