"""The real section of notebook 10, played by a small Llama with random weights."""

import itertools
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import peft
import pytest
import torch
import torch.nn.functional as F
from small_prompts import fake_write, loaded, stand_in

from course_utils import assets, models, results, session
from course_utils.commands import tables
from course_utils.paths import ROOT
from course_utils.runs import templates

CELLS = [
    cell.source
    for cell in nbformat.read(ROOT / "notebooks/10_prompts.ipynb", as_version=4).cells
    if cell.cell_type == "code" and cell.id.startswith("prompts-lm-")
]


def test_the_section_judges_four_statements_and_records(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def cmp(name: str, ours: torch.Tensor, other: torch.Tensor, tolerance: float) -> None:
        torch.testing.assert_close(ours, other, rtol=0, atol=tolerance)

    stand_in(monkeypatch, tmp_path)
    tables.main("prompts", store=False)
    fake_write(monkeypatch)
    tables.main("templates", store=False)
    monkeypatch.setattr(templates, "problems", lambda: loaded("arithmetic")["test"])
    found = {
        "models": models, "results": results, "session": session, "torch": torch, "pd": pd, "F": F, "cmp": cmp,
        "product": itertools.product, "display": print, "seed": 0,
        "PromptTuningConfig": peft.PromptTuningConfig,
        "PrefixTuningConfig": peft.PrefixTuningConfig,
        "get_peft_model": peft.get_peft_model,
    }  # fmt: skip
    for cell in CELLS:
        exec(compile(cell, "notebook", "exec"), found)
    told = capsys.readouterr().out
    assert all(f"{statement}  " in told for statement in ("S39", "S40", "S42", "S44"))
    recorded = results.load("10_prompts", "real").set_index("method")
    assert len(recorded) == 16 * 5 + 2
    live = recorded.loc["prefix tuning, live", "value"]
    assert live == pytest.approx(found["by_seed"]["prefix tuning"][0] / 100)


def test_on_the_bundled_track_one_line_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(assets, "fetch", lambda role: pytest.fail(f"{role} was fetched"))
    found: dict[str, Any] = {"torch": torch}
    for cell in CELLS:
        exec(compile(cell, "notebook", "exec"), found)
    (line,) = capsys.readouterr().out.splitlines()
    assert "set COURSE_TRACK=real, and restart" in line and "GPU" not in line and found["real"] is False
