"""The real section of notebook 05, played by a small Llama with random weights."""

import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_language_model as small
import torch
import torch.nn.functional as F
from real_sections import cells, run, text, told_on_the_bundled_track

from course_utils import assets, data, measure, models, results, session
from course_utils.methods import lora

CELLS = cells("05_memory", "m-lm-")
BATCH = "largest batch on a T4"


def names() -> dict[str, Any]:
    """What the notebook has by the time it comes to the section."""
    ways = {
        "full": lambda model: model,
        "LoRA": lambda model: lora.inject_lora(model, ["q_proj", "v_proj"], rank=8, lora_alpha=16, head=()),
    }
    return {
        "assets": assets,
        "data": data,
        "measure": measure,
        "models": models,
        "results": results,
        "session": session,
        "torch": torch,
        "pd": pd,
        "F": F,
        "time": time,
        "display": print,
        "device": torch.device("cpu"),
        "METHODS": ways,
    }


def test_the_section_foretells_the_memory_of_three_ways_to_train(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small.stand_in(monkeypatch, tmp_path, "05_memory", id="org/small")
    found = run(CELLS, names())
    most, trained = found["lm_most"], found["lm_trained"]
    assert trained["(IA)³"] == 2 * (32 + 32 + 64)
    assert most.loc["LoRA", "gradients"] == 4 * trained["LoRA"]
    assert found["lm_gap"] < 2, "the step that was foretold is the one that was made"
    assert found["growth"]["full fine-tuning"] == 1 and found["growth"]["LoRA"] >= 1
    recorded = results.load("05").query("source == 'yours' and metric == 'activations (MB)'")
    recorded = recorded.set_index("method")["value"]
    assert recorded["language model: (IA)³"] == pytest.approx(most.loc["(IA)³", "activations"] / 1e6)
    assert "S27" in capsys.readouterr().out


def test_a_fake_step_holds_what_a_real_one_does_and_leaves_the_model_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    small.stand_in(monkeypatch, tmp_path, "05_memory", id="org/small")
    model = models.load_language_model("language_model")
    step = measure.fake_training_step(model, lambda twin: twin, 2, 8)
    weights = 4 * models.count(model)
    assert step.most["gradients"] == weights == step.at("start")["parameters"]
    assert step.most["activations"] > 0
    short = measure.fake_training_step(model, lambda twin: twin, 2, 8, answer_length=1)
    assert short.most["activations"] < step.most["activations"], "logits of one token, and not of eight"
    assert next(model.parameters()).grad is None and model.config._attn_implementation == "sdpa"


def test_on_the_bundled_track_one_line_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = told_on_the_bundled_track(CELLS, names(), monkeypatch, capsys)
    assert "98.4 MB" in line


def test_the_text_says_what_the_shipped_rows_say() -> None:
    rows = results.load("05", "real", own=False).query("seed == 0").set_index(["method", "metric"])["value"]
    full, lora_, ia3 = (
        {
            metric: rows[f"language model: {way}", metric]
            for metric in ("activations (MB)", "peak (MB)", BATCH)
        }
        for way in ("full fine-tuning", "LoRA", "(IA)³")
    )
    kept = [way["activations (MB)"] / full["activations (MB)"] for way in (lora_, ia3)]
    peaks = [way["peak (MB)"] / 1000 for way in (full, lora_, ia3)]
    told = text("05_memory", "m-lm-")
    assert f"The figures are {kept[0]:.0%} and {kept[1]:.0%}".replace("%", "", 1).replace("%", " %") in told
    assert "peak is {:.1f} GB for full fine-tuning, {:.1f} GB for LoRA and {:.1f} GB".format(*peaks) in told
    assert f"({lora_[BATCH]:.0f} texts against {full[BATCH]:.0f})" in told and f"({ia3[BATCH]:.0f})" in told
