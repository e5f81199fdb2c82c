"""The real section of notebook 10, played by a small Llama with random weights."""

import itertools
from pathlib import Path

import pandas as pd
import peft
import pytest
import small_language_model as small
import torch
import torch.nn.functional as F
from real_sections import cells, run, told_on_the_bundled_track
from small_prompts import fake_write, loaded, stand_in

from course_utils import models, results, session
from course_utils.commands import tables
from course_utils.runs import templates

CELLS = cells("10_prompts", "prompts-lm-")


def test_the_section_judges_four_statements_and_records(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    stand_in(monkeypatch, tmp_path)
    tables.main("prompts", store=False)
    fake_write(monkeypatch)
    tables.main("templates", store=False)
    monkeypatch.setattr(templates, "problems", lambda: loaded("arithmetic")["test"])
    names = {
        "models": models, "results": results, "session": session, "torch": torch, "pd": pd, "F": F, "cmp": small.cmp,
        "product": itertools.product, "display": print, "seed": 0,
        "PromptTuningConfig": peft.PromptTuningConfig,
        "PrefixTuningConfig": peft.PrefixTuningConfig,
        "get_peft_model": peft.get_peft_model,
    }  # fmt: skip
    found = run(CELLS, names)
    told = capsys.readouterr().out
    assert all(f"{statement}  " in told for statement in ("S39", "S40", "S42", "S44"))
    recorded = results.load("10_prompts", "real").set_index("method")
    assert len(recorded) == 16 * 5 + 2
    live = recorded.loc["prefix tuning, live", "value"]
    assert live == pytest.approx(found["by_seed"]["prefix tuning"][0] / 100)


def test_on_the_bundled_track_one_line_says_what_it_needs_and_the_shipped_runs_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"torch": torch, "results": results, "pd": pd, "product": itertools.product, "display": print}
    line, *shown = told_on_the_bundled_track(CELLS, names, monkeypatch, capsys)
    assert "GPU" not in line
    judged = {
        statement for statement in ("S39", "S42", "S44") if any(text.startswith(statement) for text in shown)
    }
    assert judged == {"S39", "S42", "S44"}
    assert any(text.startswith("The runs were made on:") for text in shown)
