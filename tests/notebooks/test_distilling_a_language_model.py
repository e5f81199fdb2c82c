"""The real section of notebook 04 on a chat model, played by a small Llama with random weights."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_chat
import small_language_model as small
import torch
import torch.nn.functional as F
from real_sections import cells, run, told_on_the_bundled_track

from course_utils import data, models, results
from course_utils.commands import tables
from course_utils.methods import gkd
from course_utils.models import chat
from course_utils.runs import chat as chat_table

CELLS = cells("04_sequence_distillation", "chat-lm-")


def names() -> dict[str, Any]:
    """What the notebook has by the time it comes to the section."""
    return {
        "chat": chat, "data": data, "models": models, "results": results, "torch": torch, "F": F, "pd": pd,
        "cmp": lambda name, ours, other: small.cmp(name, ours, other, 1e-6), "display": print,
        "device": torch.device("cpu"), "seed": 0, "generalised_jsd": gkd.generalised_jsd,
    }  # fmt: skip


def test_the_section_teaches_live_reads_the_table_and_judges(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_chat.stand_in(monkeypatch, tmp_path)
    tables.main("chat", store=True)
    found = run(CELLS, names())
    assert found["found"]["after 20 steps"] > found["before"]
    assert list(found["judged_chat"].index.sort_values()) == sorted(
        [chat_table.BEFORE, chat_table.TEACHER, chat_table.OTHER, *chat_table.RATES]
    )
    out = capsys.readouterr().out
    assert "S24  " in out and "2 runs" in out and "of the teacher's own training" in out


def test_on_the_bundled_track_one_line_says_what_it_needs_and_the_shipped_runs_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = names()
    line, *shown = told_on_the_bundled_track(CELLS, found, monkeypatch, capsys)
    assert "98.7 MB" in line and "GPU" not in line
    assert found["judged_chat"].index.isin(chat_table.RATES).sum() == len(chat_table.RATES)
    assert any(line.startswith("The runs were made on:") for line in shown)
