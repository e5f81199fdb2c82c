"""The real section of notebook 11, played by a small Llama with random weights."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_language_model as small
import torch
from real_sections import cells, run, told_on_the_bundled_track
from transformers import LlamaForCausalLM

from course_utils import assets, data, models, results, training

CELLS = cells("11_lora", "lora-lm-")


def names() -> dict[str, Any]:
    """What the notebook has by the time it comes to the section."""
    return {
        "assets": assets, "data": data, "models": models, "results": results, "training": training, "torch": torch,
        "pd": pd, "deepcopy": deepcopy, "cmp": small.cmp, "display": print, "device": torch.device("cpu"), "seeds": [0],
    }  # fmt: skip


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The section finds a model of few parameters on the real track, and stores under tmp_path."""
    small.stand_in(monkeypatch, tmp_path, "11_lora", peft_learning_rates={"lora": 3e-2})
    return tmp_path


def test_the_section_trains_stores_loads_elsewhere_merges_and_records(
    real: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = run(CELLS, names())
    assert {p.name for p in (real / "adapters/reviews").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    assert isinstance(found["lm"], LlamaForCausalLM) and not any(
        "lora" in n for n, _ in found["lm"].named_modules()
    )
    scores = found["lm_scores"]
    assert scores["LoRA"] > scores["zero-shot, chat"] + 20 and scores["LoRA on a base of 4 bits"] > 60
    recorded = results.load("11").query("source == 'yours'").set_index("method")
    assert set(recorded.index) == {f"language model: {name}" for name in scores}
    for name, score in scores.items():
        assert recorded.loc[f"language model: {name}", "value"] == pytest.approx(score / 100)
    assert recorded.loc["language model: LoRA", "trainable_parameters"] == 2 * 8 * ((64 + 64) + (64 + 32))
    assert "of the reviews right" in capfd.readouterr().out
    kept = [label for label in found["labels"] if label != data.NO_LABEL]
    assert found["lm_tokenizer"].decode(kept) == "negative<|end|>" and found["labels"][-len(kept) :] == kept


def test_on_the_bundled_track_one_line_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = told_on_the_bundled_track(CELLS, names(), monkeypatch, capsys)
    assert "98.4 MB" in line and "GPU" not in line
