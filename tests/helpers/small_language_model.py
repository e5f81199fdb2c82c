"""The small Llama in the place of the published model, and reviews that it can learn, for notebooks' real sections."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import real_sections
import small_llama
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from course_utils import assets, data, models
from course_utils.runs import few_shot

LABELS = ["negative", "neutral", "positive"]
SPLITS = ("train", "validation", "test")


FACTORS = 2 * (32 + 32 + 64)
"""How many (IA)³ trains: in 2 layers the keys and values of two heads, and the inner features."""


def reviews() -> DatasetDict:
    """The mood is the last word of the sentence."""
    features = Features({"id": Value("int64"), "text": Value("string"), "label": ClassLabel(names=LABELS)})
    found = [
        {"id": i, "text": f"{'so ' * (i % 4)}{('bad', 'okay', 'good')[i % 3]}", "label": i % 3}
        for i in range(240)
    ]
    return DatasetDict({split: Dataset.from_list(found, features=features) for split in SPLITS})


def cmp(name: str, ours: torch.Tensor, other: torch.Tensor, tolerance: float) -> None:
    """What notebooks call so: stops where two tensors differ by more."""
    torch.testing.assert_close(ours, other, rtol=0, atol=tolerance)


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, notebook: str, **entry: Any) -> None:
    """Let a section find the small model on the real track, and write below `folder`. entry: of the catalogue."""
    model = folder / "model"
    small_llama.write(model, LABELS)
    real_sections.on_the_real_track(monkeypatch, folder, notebook)
    monkeypatch.setattr(assets, "entry", lambda role: SimpleNamespace(**entry))
    monkeypatch.setattr(assets, "fetch", lambda role: model)
    monkeypatch.setattr(data, "load", lambda role, language: reviews())
    monkeypatch.setattr(models, "load_tokenizer", lambda role: AutoTokenizer.from_pretrained(model))
    monkeypatch.setattr(
        models, "load_language_model", lambda role: AutoModelForCausalLM.from_pretrained(model).eval()
    )


def few_shot_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates that suit the small model, few steps and two seeds."""
    monkeypatch.setattr(few_shot, "STEPS", 24)
    monkeypatch.setattr(few_shot, "SEEDS", range(2))
    monkeypatch.setattr(few_shot, "RATES", {"full fine-tuning": (1e-9, 1e-2), "(IA)³": (1e-9, 1e-1)})


def factors(model: nn.Module) -> dict[str, nn.Parameter]:
    """What notebook 07 calls so: the vectors of (IA)³ by name."""
    return {name: p for name, p in model.named_parameters() if name.endswith("ia3_l")}
