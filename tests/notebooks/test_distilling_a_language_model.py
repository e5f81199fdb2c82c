"""The real section of notebook 04 on a chat model, played by a small Llama with random weights."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_chat
import small_language_model as small
import torch
import torch.nn.functional as F

from course_utils import assets, data, models, results
from course_utils.commands import tables
from course_utils.methods import gkd
from course_utils.models import chat
from course_utils.runs import chat as chat_table

CELLS = small.cells("04_sequence_distillation", "chat-lm-")


def run() -> dict[str, Any]:
    """The section's cells, with what the notebook has by the time it comes to it."""
    found: dict[str, Any] = {
        "chat": chat, "data": data, "models": models, "results": results, "torch": torch, "F": F, "pd": pd,
        "cmp": small.cmp, "display": print, "device": torch.device("cpu"), "seed": 0,
        "generalised_jsd": gkd.generalised_jsd,
    }  # fmt: skip
    found["cmp"] = lambda name, ours, other: small.cmp(name, ours, other, 1e-6)
    for cell in CELLS:
        exec(compile(cell, "notebook", "exec"), found)
    return found


def test_the_section_teaches_live_reads_the_table_and_judges(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_chat.stand_in(monkeypatch, tmp_path)
    tables.main("chat", store=True)
    found = run()
    assert found["found"]["after 20 steps"] > found["before"]
    assert list(found["judged_chat"].index.sort_values()) == sorted(
        [chat_table.BEFORE, chat_table.TEACHER, chat_table.OTHER, *chat_table.RATES]
    )
    out = capsys.readouterr().out
    assert "S24  " in out and "2 runs" in out and "of the teacher's own training" in out


def test_on_the_bundled_track_one_line_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(assets, "fetch", lambda role: pytest.fail(f"{role} was fetched"))
    assert run()["real"] is False
    line = capsys.readouterr().out.splitlines()[0]
    assert "set COURSE_TRACK=real, and restart" in line and "98.7 MB" in line and "GPU" not in line
