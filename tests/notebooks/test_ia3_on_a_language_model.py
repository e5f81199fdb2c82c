"""The real section of notebook 07, played by a small Llama with random weights."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_language_model as small
import torch
from real_sections import cells, run, text, told_on_the_bundled_track

from course_utils import assets, data, models, results, training
from course_utils.commands import tables
from course_utils.runs import few_shot

CELLS = cells("07_ia3", "ia3-lm-")


def names() -> dict[str, Any]:
    """What the notebook has by the time it comes to the section."""
    return {
        "assets": assets,
        "data": data,
        "models": models,
        "results": results,
        "training": training,
        "torch": torch,
        "pd": pd,
        "cmp": small.cmp,
        "display": print,
        "device": torch.device("cpu"),
        "seed": 0,
        "factors": small.factors,
    }


def test_the_section_compares_with_peft_trains_live_and_judges(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small.stand_in(monkeypatch, tmp_path, "07_ia3", id="org/small")
    small.few_shot_table(monkeypatch)
    tables.main("few-shot", store=True)
    found = run(CELLS, names())
    accuracy = found["few_accuracy"]
    assert set(accuracy) == {"no training", "full fine-tuning", "(IA)³"}
    assert accuracy["full fine-tuning"] > accuracy["no training"] + 0.2
    assert accuracy["full fine-tuning"] == pytest.approx(found["by_seed"].loc[0, "full fine-tuning"] / 100)
    assert [few_shot.chosen(method) for method in few_shot.RATES] == [1e-2, 1e-1]
    live = results.load("07_ia3").query("source == 'yours'").set_index("method")["value"]
    assert live.size == 2 and live["language model: (IA)³"] == pytest.approx(accuracy["(IA)³"])
    out = capsys.readouterr().out
    assert "S32  " in out and "2 runs" in out and f"{small.FACTORS} parameters train" in out


def test_on_the_bundled_track_one_line_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = told_on_the_bundled_track(CELLS, names(), monkeypatch, capsys)
    assert "98.4 MB" in line and "GPU" not in line


def test_the_text_says_what_the_shipped_rows_say() -> None:
    tried = [round(100 * share) for share in few_shot.tried("(IA)³").values()]
    full = few_shot.scores("full fine-tuning")
    ahead = [round(ours - theirs) for ours, theirs in zip(full, few_shot.scores("(IA)³"), strict=True)]
    told = text("07_ia3", "ia3-lm-")
    assert "({}, {} and {} of 100)".format(*tried) in told
    assert "by {}, {} and {} points".format(*ahead) in told
    assert f"with {full[0]:.1f} % of the test reviews right" in told
