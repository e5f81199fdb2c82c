"""The section of notebook 09 on reviews in five languages, played by a small encoder with random weights."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import small_multilingual
from real_sections import cells, run, told_on_the_bundled_track

from course_utils import assets, data, models, results
from course_utils.assets import large_models
from course_utils.commands import tables
from course_utils.runs import transfer

CELLS = cells("09_madx", "madx-real-")


def names(maps: list[pd.DataFrame]) -> dict[str, Any]:
    """What the notebook has by the time it comes to the section; `maps` gets what the heat map shows."""
    return {
        "assets": assets,
        "data": data,
        "large_models": large_models,
        "models": models,
        "results": results,
        "pd": pd,
        "display": print,
        "plots": SimpleNamespace(show_gains=lambda gains, title, alt, label: maps.append(gains)),
        "SEED": 0,
    }


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The small encoder, and shipped losses on held-out text: each adapter is the best of its own language but one."""
    small_multilingual.stand_in(monkeypatch, tmp_path)
    for adapter in ("none", *transfer.LANGUAGES):
        for language in transfer.LANGUAGES:
            loss = 3.0 if adapter == language != "javanese" else 4.0 if adapter == "none" else 5.0
            results.record(
                "09_language_adapters", "E21", adapter, model=transfer.ENCODER, data=f"held-out text, {language}",
                seed=0, trainable_parameters=1, metric="loss", value=loss, seconds=0.0,
                steps=9 if adapter == "none" else 7,
            )  # fmt: skip
    tables.keep("09_language_adapters")
    return tmp_path


def test_the_section_trains_live_swaps_compares_and_judges(
    real: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(transfer, "STEPS", 60)
    monkeypatch.setattr(transfer, "RATES", dict.fromkeys(transfer.RATES, (1e-9, 3e-2)))
    tables.main("madx", store=True)
    maps: list[pd.DataFrame] = []
    found = run(CELLS, names(maps))
    live, scores = found["live"], transfer.scores("MAD-X")
    assert list(live.columns) == list(transfer.LANGUAGES) and len(live) == 3
    for language in transfer.LANGUAGES:
        assert live.loc["its own adapter", language] == pytest.approx(scores.loc[0, language])
    assert live.loc["its own adapter", "english"] == live.loc["the English one left in", "english"]
    assert live.loc["its own adapter", "english"] > 60 and transfer.chosen("MAD-X") == 3e-2
    assert len(live.drop_duplicates()) == 3, (
        "each language's own, English and none are three different models"
    )
    recorded = results.load("09_madx").query("source == 'yours'").set_index("data")["value"]
    assert recorded.size == 5
    assert recorded["NusaX, Javanese"] == pytest.approx(live.loc["its own adapter", "javanese"] / 100)
    (gains,) = maps
    difference = scores.mean() - transfer.scores("full fine-tuning").mean()
    pd.testing.assert_series_equal(
        gains.rename(columns=str.lower).loc["minus full fine-tuning"], difference, check_names=False
    )
    parts = found["parts"]
    assert len(parts) == 8 and not any("english" in name for name in parts)
    gained = (scores - transfer.scores("task adapter alone"))["sundanese"]
    assert parts["sundanese, MAD-X minus task adapter alone (points)"].mean == pytest.approx(gained.mean())
    out = capsys.readouterr().out
    assert "S38  " in out and "2 runs" in out and "7 steps each. The lowest loss" in out
    assert "own row for 4 of 5" in out and "-1.00 (javanese)" in out and "1.00 (sundanese)" in out


def test_where_runs_are_missing_a_line_says_how_many_are_there(
    real: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(CELLS, names([]))["by_seed"] is None
    out = capsys.readouterr().out
    assert "own row for 4 of 5" in out and "S38" not in out
    assert out.splitlines()[-1].startswith("not yet: 0 of 12 runs. python -m course_utils tables madx")


def test_on_the_bundled_track_one_line_says_what_it_needs_and_the_shipped_runs_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    maps: list[pd.DataFrame] = []
    line, *shown = told_on_the_bundled_track(CELLS, names(maps), monkeypatch, capsys)
    assert "89.5 MB" in line and "GPU" not in line
    assert any(text.startswith("S38  ") for text in shown) and len(maps) == 1
    assert any(text.startswith("The runs were made on:") for text in shown)
