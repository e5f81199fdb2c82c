"""Instructions and questions for the small Llama, in the place of Self-Instruct's and Vicuna's."""

from pathlib import Path

import pytest
import small_language_model as small
from datasets import Dataset, DatasetDict

from course_utils import data
from course_utils.runs import chat, chat_teaching

WORDS = ("red", "blue", "green", "gold")


def loaded(role: str, language: str | None = None) -> DatasetDict:
    """Instructions and questions that name colours."""
    if role == "chat_questions":
        rows = [
            {"id": i, "category": f"kind {i % 2}", "question": f"Say {WORDS[i % 4]} {i}."} for i in range(6)
        ]
        return DatasetDict({"test": Dataset.from_list(rows)})
    rows = [
        {"id": i, "instruction": f"Name {WORDS[i % 4]}.", "input": str(i) if i % 3 else "", "output": "-"}
        for i in range(30)
    ]
    return DatasetDict({"train": Dataset.from_list(rows[:12]), "test": Dataset.from_list(rows[12:])})


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the table and the section find the small model, few steps, and a student of one layer."""
    small.stand_in(monkeypatch, folder, "04_sequence_distillation", id="org/small")
    monkeypatch.setattr(data, "load", loaded)
    monkeypatch.setattr(chat_teaching, "LAYERS", 1)
    for name, value in {"STEPS": 4, "TRIED_STEPS": 2, "HELD_OUT": 5, "ANSWER_TOKENS": 6}.items():
        monkeypatch.setattr(chat, name, value)
