"""The methods of notebook 13 on each kind of rows that it names: labels of a text or a pair, and tags of words."""

import io
import json
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pandas as pd
import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from small_world import needs_bundle
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from course_utils import data, models, training
from course_utils.data import own
from course_utils.methods.ia3 import inject_ia3, save_ia3
from course_utils.methods.lora import inject_lora, save_lora
from course_utils.methods.replacing import merge_and_unload
from course_utils.paths import ROOT

NOTEBOOK = nbformat.read(ROOT / "notebooks/13_your_own.ipynb", as_version=4)
CELLS = [cell.source for cell in NOTEBOOK.cells if cell.cell_type == "code"]
(METHODS,) = (cell.source for cell in NOTEBOOK.cells if cell.source.startswith("def with_peft"))
RATES = {"LoRA": 5e-3, "(IA)³": 5e-2, "full fine-tuning": 1e-3, "LoRA, by peft": 5e-3}
FRAME = pd.DataFrame(
    {
        "text": ["the soup was good", "the soup was bad", "a good room", "a bad room"] * 6,
        "question": ["how was it?"] * 24,
        "label": ["yes", "no", "yes", "no"] * 6,
        "tags": ["O O O B-PER", "O O O B-LOC", "O B-PER O", "O B-LOC O"] * 6,
    }
)
KINDS: dict[str, dict[str, str]] = {
    "labels": {"text": "text", "label": "label"},
    "pairs": {"text": "question", "text_pair": "text", "label": "label"},
    "tags": {"text": "text", "tags": "tags"},
}


def methods(head: list[str]) -> dict[str, Any]:
    """METHODS, as the notebook's cell makes it."""
    found = {
        "LoraConfig": LoraConfig,
        "get_peft_model": get_peft_model,
        "inject_lora": inject_lora,
        "inject_ia3": inject_ia3,
        "TARGETS": ["query", "value"],
        "head": head,
    }
    exec(METHODS, found)
    return found["METHODS"]  # type: ignore[return-value]


def opened(kind: str) -> tuple[Dataset, nn.Module, Any, list[str]]:
    rows = own.read_table(FRAME, **KINDS[kind])  # type: ignore[arg-type]
    tags = kind == "tags"
    names = rows.features["ner_tags"].feature.names if tags else rows.features["label"].names
    model, tokenizer, head = models.load_own("encoder", "tags" if tags else "labels", names)
    tokenized = (data.tokenize_tags if tags else data.tokenize)(rows, tokenizer)
    return tokenized, model, data.make_loader(tokenized, tokenizer, 8, shuffle=True), head


@needs_bundle
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", RATES)
def test_each_method_trains_stores_and_merges_on_each_kind(name: str, kind: str, tmp_path: Path) -> None:
    rows, model, loader, head = opened(kind)
    assert list(methods(head)) == list(RATES)
    training.set_seed(0)
    adapted = methods(head)[name](model)
    history = training.fit(adapted, loader, steps=30, learning_rate=RATES[name], progress=False)
    assert sum(history.losses[-5:]) < sum(history.losses[:5])
    assert training.evaluate(adapted, loader) > 0.9
    batch = {key: value for key, value in next(iter(loader)).items() if key not in ("id", "labels")}
    with torch.no_grad():
        before = adapted.eval()(**batch).logits
    if save := {"LoRA": save_lora, "(IA)³": save_ia3}.get(name):
        save(adapted, tmp_path / "adapter")
        auto = AutoModelForTokenClassification if kind == "tags" else AutoModelForSequenceClassification
        base = auto.from_pretrained(
            model.config.name_or_path, num_labels=before.shape[-1], dtype=torch.float32
        )
        again = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
        with torch.no_grad():
            torch.testing.assert_close(again(**batch).logits, before, rtol=1e-4, atol=1e-5)
        merge_and_unload(adapted)
        with torch.no_grad():
            torch.testing.assert_close(adapted(**batch).logits, before, rtol=1e-4, atol=1e-5)


def cell(beginning: str) -> str:
    (source,) = (source for source in CELLS if source.startswith(beginning))
    return source


@needs_bundle
def test_texts_longer_than_the_model_reads_are_cut_in_every_cell_that_asks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, tokenizer, head = models.load_own("encoder", "labels", ["bad", "good"])
    adapted = inject_lora(model, ["query", "value"], rank=8, lora_alpha=16, head=head)
    save_lora(adapted, tmp_path / "adapter")

    def in_this_process(program: Path, *given: Any) -> Any:
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(given)))
        exec(program.read_text(), {})
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    found = {"tokenizer": tokenizer, "adapted": adapted, "limit": models.longest_text(model, tokenizer)}
    found |= {"torch": torch, "device": "cpu", "OUT": tmp_path, "METHOD": "LoRA", "SAVE": {"LoRA": save_lora}}
    found |= {
        "labels": ["bad", "good"],
        "model": model,
        "splits": {"test": {"text": ["the soup " * 999, "good"]}},
    }
    found |= {
        "deepcopy": deepcopy,
        "merge_and_compare": lambda merged, batch: [merge_and_unload(merged), 0.0][1],
    }
    exec(cell("PROGRAM = ").split("def in_a_new")[0], found)
    found["in_a_new_process"] = in_this_process
    for beginning in ("truncation = ", "merged = deepcopy", "SERVE = "):
        exec(cell(beginning), found)
    assert found["reloaded"] < 1e-4 and found["agree"] == 2


def test_the_student_learns_from_no_text_that_is_held_out() -> None:
    def rows(*texts: str) -> Dataset:
        return own.read_table(pd.DataFrame({"text": texts}))

    found: dict[str, Any] = {
        "data": SimpleNamespace(
            load=lambda role: {"train": rows("A bad room!", "", "good soup", "late bus", "cold tea")},
            tokenize=lambda texts, *how: texts,
            make_loader=lambda *how, **more: None,
        ),
        "splits": {"train": rows("late bus"), "validation": rows("Good soup."), "test": rows("a bad room")},
        "assets": SimpleNamespace(track=lambda: "bundled"),
        "kd": SimpleNamespace(cache_logits=lambda *given: None),
        "concatenate_datasets": list,
    }
    found |= {"own": own, "train": [], "tokenizer": None, "limit": 9, "merged": None}
    exec(cell("UNLABELLED = "), found)
    assert found["more"]["text"][:] == ["late bus", "cold tea"]
