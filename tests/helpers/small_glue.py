"""Tasks of GLUE's kinds with a few rows each, and a small encoder for them: what `tables glue` asks of the real track.

`python small_glue.py FOLDER` makes the table of one task, with its rows below FOLDER, until somebody stops it.
"""

import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import small_bert
import small_world
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from transformers import BertForSequenceClassification, PreTrainedModel

from course_utils import assets, data, models
from course_utils.assets import large_models
from course_utils.commands import glue_table, tables
from course_utils.results import rows
from course_utils.runs import glue

SIZES = {"train": 48, "validation": 24, "test": 40}


def loaded(role: str) -> DatasetDict:
    """Sentences of one to four words, alone or in pairs. A score is their number, a label whether it is large."""
    scored, paired = role == "glue_stsb", role in ("glue_stsb", "glue_mrpc", "glue_rte")
    label = Value("float32") if scored else ClassLabel(names=["few", "many"])
    features = Features({"text": Value("string"), "label": label})
    if paired:
        features["text_pair"] = Value("string")
    splits, draw = {}, random.Random(0)
    for split, size in SIZES.items():
        lengths = [draw.randint(1, 4) for _ in range(size)]
        found: dict[str, list[Any]] = {
            "text": [" ".join(draw.choices(small_world.WORDS, k=length)) for length in lengths],
            "label": [float(length) if scored else int(length > 2) for length in lengths],
        }
        if paired:
            found["text_pair"] = draw.choices(small_world.WORDS, k=size)
        splits[split] = Dataset.from_dict(found, features=features)
    return DatasetDict(splits)


def encoder(role: str, labels: Sequence[str], seed: int = 0) -> PreTrainedModel:
    """A BERT of two layers with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return BertForSequenceClassification(small_bert.config(num_labels=len(labels), initializer_range=0.5))


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the table find these tasks and this encoder, take little time, and write its rows below `folder`."""
    monkeypatch.setattr(large_models, "ready", lambda roles, lacks: True)
    monkeypatch.setattr(assets, "track", lambda: "real")
    monkeypatch.setattr(data, "load", loaded)
    monkeypatch.setattr(models, "load_tokenizer", lambda role: small_world.tokenizer())
    monkeypatch.setattr(models, "load_classifier", encoder)
    monkeypatch.setattr(glue, "budget", lambda: glue.Budget(32, (0.3, 1), (0, 1)))
    for module in (rows, tables, glue):
        monkeypatch.setattr(module, "BUILD", folder)
        monkeypatch.setattr(module, "DATA", folder / "shipped")


def written(folder: Path) -> list[dict[str, Any]]:
    """The rows below `folder`; every line must be a whole one."""
    text = (folder / f"results/real/{glue.NAME}.jsonl").read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


if __name__ == "__main__":
    stand_in(pytest.MonkeyPatch(), Path(sys.argv[1]))
    glue_table.fill(["CoLA"])
