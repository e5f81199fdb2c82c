"""The real section of notebook 11, played by a small Llama with random weights."""

from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pandas as pd
import pytest
import small_llama
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from course_utils import assets, data, models, results, session, training
from course_utils.assets import large_models
from course_utils.paths import ROOT
from course_utils.results import rows

CELLS = [
    cell.source
    for cell in nbformat.read(ROOT / "notebooks/11_lora.ipynb", as_version=4).cells
    if cell.cell_type == "code" and cell.id.startswith("lora-lm-")
]
LABELS = ["negative", "neutral", "positive"]


def cmp(name: str, ours: torch.Tensor, other: torch.Tensor, tolerance: float) -> None:
    torch.testing.assert_close(ours, other, rtol=0, atol=tolerance)


def names() -> dict[str, Any]:
    """What the notebook has by the time it comes to the section."""
    return {
        "assets": assets, "data": data, "models": models, "results": results, "training": training, "torch": torch,
        "pd": pd, "deepcopy": deepcopy, "cmp": cmp, "display": print, "device": torch.device("cpu"), "seeds": [0],
    }  # fmt: skip


def run(found: dict[str, Any]) -> dict[str, Any]:
    for cell in CELLS:
        exec(compile(cell, "notebook", "exec"), found)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model and a tokenizer of few parameters. Every label is one token."""
    small_llama.write(tmp_path / "model", LABELS)
    return tmp_path / "model"


def reviews() -> DatasetDict:
    """The mood is the last word of the sentence."""
    features = Features({"id": Value("int64"), "text": Value("string"), "label": ClassLabel(names=LABELS)})
    rows = [
        {"id": i, "text": f"{'so ' * (i % 4)}{('bad', 'okay', 'good')[i % 3]}", "label": i % 3}
        for i in range(240)
    ]
    return DatasetDict({split: Dataset.from_list(rows, features=features) for split in ("train", "test")})


@pytest.fixture
def real(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The section finds that model on the real track, and stores under tmp_path."""
    entry = SimpleNamespace(peft_learning_rates={"lora": 3e-2})
    monkeypatch.setattr(large_models, "ready", lambda roles, lacks: True)
    monkeypatch.setattr(assets, "entry", lambda role: entry)
    monkeypatch.setattr(assets, "fetch", lambda role: folder)
    monkeypatch.setattr(data, "load", lambda role, language: reviews())
    monkeypatch.setattr(models, "load_tokenizer", lambda role: AutoTokenizer.from_pretrained(folder))
    monkeypatch.setattr(
        models, "load_language_model", lambda role: AutoModelForCausalLM.from_pretrained(folder).eval()
    )
    monkeypatch.setattr("course_utils.paths.BUILD", tmp_path)
    monkeypatch.setattr(rows, "BUILD", tmp_path)
    monkeypatch.setattr(session, "notebook", "11_lora")
    return tmp_path


def test_the_section_trains_stores_loads_elsewhere_merges_and_records(
    real: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = run(names())
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
    monkeypatch.setattr(assets, "fetch", lambda role: pytest.fail(f"{role} was fetched"))
    assert run(names())["real"] is False
    (line,) = capsys.readouterr().out.splitlines()
    assert "set COURSE_TRACK=real, and restart" in line and "98.4 MB" in line and "GPU" not in line
