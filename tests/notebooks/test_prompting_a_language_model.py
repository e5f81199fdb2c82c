"""The section of notebook 01 on a real language model, played by a small Llama with random weights."""

from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_llama
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from real_sections import cells, run, told_on_the_bundled_track
from transformers import AutoModelForCausalLM, AutoTokenizer

from course_utils import data, models, plots, results, session, training
from course_utils.assets import large_models
from course_utils.data import few_shot
from course_utils.models import language_models
from course_utils.plots import style
from course_utils.results import rows

CELLS = cells("01_scale", "scale-lm-")
(RECORD,) = (cell.split("\n\n\n")[0] for cell in cells("01_scale", "") if "def record(" in cell)
LABELS = {
    "glue_sst2": ["negative", "positive"],
    "sentiment_multilingual": ["negative", "neutral", "positive"],
}
SMALLER = {"queries=50": "queries=6", "queries=12": "queries=3", "(0, 1, 100)": "(0, 1, 4)"}


def names() -> dict[str, Any]:
    """What the notebook has by the time it comes to the section."""
    found = {
        "data": data, "models": models, "plots": plots, "results": results, "session": session, "torch": torch,
        "training": training, "pd": pd, "product": product, "language_models": language_models, "display": print,
        "seed": 0,
    }  # fmt: skip
    return run([RECORD], found)


def smaller() -> list[str]:
    """The cells, asking fewer questions."""
    text = "\0".join(CELLS)
    for old, new in SMALLER.items():
        assert text.count(old) == 1, f"the section no longer says {old}"
        text = text.replace(old, new)
    return text.split("\0")


def loaded(role: str, language: str | None = None) -> DatasetDict:
    """Sentences whose mood is their last word, and words that are written backwards."""
    if role == "word_scramble":
        pairs = [(f"word{i}", f"{i}drow") for i in range(60)]
        rows = [{"prompt": f"\n{given} =", "completion": f" {word}"} for word, given in pairs]
        return DatasetDict(
            {task: Dataset.from_list(rows) for task in ("reversed_words", "random_insertion_in_word")}
        )
    names = LABELS[role]
    features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
    rows = [{"text": f" so {i} is\n{names[i % len(names)]} ", "label": i % len(names)} for i in range(60)]
    return DatasetDict({split: Dataset.from_list(rows, features=features) for split in ("train", "test")})


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The section finds the small model and these data on the real track, and records under tmp_path."""
    folder = tmp_path / "model"
    small_llama.write(folder, [*LABELS["sentiment_multilingual"], "=>"])
    monkeypatch.setattr(large_models, "ready", lambda roles, lacks: True)
    monkeypatch.setattr(data, "load", loaded)
    monkeypatch.setattr(models, "load_tokenizer", lambda role: AutoTokenizer.from_pretrained(folder))
    monkeypatch.setattr(
        models, "load_language_model", lambda role: AutoModelForCausalLM.from_pretrained(folder).eval()
    )
    monkeypatch.setattr(rows, "BUILD", tmp_path)
    monkeypatch.setattr(session, "notebook", "01_scale")
    monkeypatch.setattr(style, "show", lambda figure, alt: plots.plt.close(figure))
    return tmp_path


def test_the_section_asks_records_and_judges(real: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(smaller(), names())
    table = found["prompted"]
    assert len(table) == 2 * 5 * 2 * 5 and table.isna().any(axis=1).sum() == 2 * 2 * 5, "no example, no label"
    recorded = results.load("01").query("source == 'yours'")
    kept = recorded[recorded["method"] == "few-shot prompt, with description"].query("data == 'NusaX'")
    wanted = table[(table["data"] == "NusaX") & (table["prompt"] == "with description")]
    assert kept["value"].tolist() == pytest.approx((wanted["accuracy"] / 100).tolist())
    assert set(kept["seed"]) == set(range(5)) and set(kept["shots"]) == {0, 1, 2, 4, 8}
    assert set(recorded["exhibit"]) == {"E02", "E03"} and set(recorded["model"]) == {"language model"}
    printed = capsys.readouterr().out
    assert "Translate English to French:\nsea otter => loutre de mer\ncheese =>\n>>>" in printed
    assert '"I like ice cream".\n>>>' in printed
    assert "S02, mean of both" in printed and "S03, mean of both" in printed
    assert sum(found["passes"]) < 0.5 * sum(found["whole_prompts"]), "the prefix cache saves most tokens"
    assert "forward passes; sha256 of the weights: still" in printed


def test_the_shares_are_those_of_prompts_asked_one_by_one(real: Path) -> None:
    found = run(smaller(), names())
    labels, description, drawn = found["tasks"]["SST-2"]
    texts = few_shot.prompts(drawn[2].examples[:4], [given for given, _ in drawn[2].asked], description)
    words = [f" {label}" for label in labels]
    alone = [
        language_models.choose(found["lm"], found["lm_tokenizer"], [text], words, reuse_prefix=False).item()
        for text in texts
    ]
    row = found["prompted"].query(
        "data == 'SST-2' and prompt == 'with description' and examples == 4 and draw == 2"
    )
    hits = [labels[place] == answer for place, (_, answer) in zip(alone, drawn[2].asked, strict=True)]
    last = [labels[place] == drawn[2].examples[3][1] for place in alone]
    assert row["accuracy"].item() == pytest.approx(100 * sum(hits) / 6)
    assert row["answers like the last"].item() == pytest.approx(100 * sum(last) / 6)


def test_a_weight_that_changed_on_the_way_is_noticed(real: Path) -> None:
    *before, last = smaller()
    found = run(before[:2], names())
    with torch.no_grad():
        next(found["lm"].parameters())[0, 0] += 1e-3
    with pytest.raises(AssertionError, match="a weight has changed"):
        run([last], found)


def test_on_the_bundled_track_one_line_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = told_on_the_bundled_track(CELLS, names(), monkeypatch, capsys)[
        0
    ]  # tables of the shipped rows follow
    assert "SmolLM2" in line and "GPU" not in line
