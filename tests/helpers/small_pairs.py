"""Pairs that a tiny translator learns in seconds, in the place of the published ones, and a table of few steps."""

from pathlib import Path

import pytest
import real_sections
from datasets import Dataset, DatasetDict

from course_utils import data
from course_utils.runs import translators

WORDS = {"kopi": "wedang", "enak": "eco", "mahal": "larang", "dan": "lan", "tidak": "ora"}
TINY = {"layers": 1, "heads": 2, "dropout": 0.0}


def sentence_pairs() -> DatasetDict:
    """Translated word by word. The last training row is too long for the table."""
    sources = [f"{a} {b} {c}" for a in WORDS for b in WORDS for c in WORDS]
    splits = {
        "train": [*sources[:90], 9 * "kopi enak "],
        "validation": sources[90:105],
        "test": sources[105:],
    }
    return DatasetDict(
        {
            split: Dataset.from_dict(
                {
                    "id": range(len(texts)),
                    "source": texts,
                    "targets": [[" ".join(WORDS[word] for word in text.split())] for text in texts],
                }
            )
            for split, texts in splits.items()
        }
    )


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The table on these pairs, with tiny models, writing below `folder`."""
    real_sections.on_the_real_track(monkeypatch, folder)
    monkeypatch.setattr(data, "load", lambda role: sentence_pairs())
    monkeypatch.setattr(translators, "VOCABULARY", 280)
    monkeypatch.setattr(translators, "MAX_NEW_TOKENS", 16)
    monkeypatch.setattr(translators, "TEACHER", {"d_model": 16, "ffn": 32, **TINY})
    monkeypatch.setattr(translators, "STUDENT", {"d_model": 8, "ffn": 16, **TINY})
    monkeypatch.setattr(translators, "STEPS", {"teacher: baseline": 30, "student": 4, "teacher: more": 3})
    monkeypatch.setattr(translators, "RATES", dict.fromkeys(translators.RATES, (1e-9, 1e-2)))
    monkeypatch.setattr(translators, "SEEDS", range(2))
