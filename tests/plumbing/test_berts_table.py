"""The table of small BERTs, made with the bundled models in two steps a training: every system has its rows."""

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch

from course_utils import assets, training
from course_utils.assets import large_models
from course_utils.commands import tables
from course_utils.methods import intermediate_kd
from course_utils.paths import ROOT
from course_utils.results import rows
from course_utils.results.statements import distillation
from course_utils.runs import berts_table, small_berts
from course_utils.runs.small_berts import CONTROLS, STUDENTS, TEACHER, TEXTS


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """One seed of few texts and steps, with its rows below tmp_path."""
    entry = assets.entry

    def quick(role: str) -> Any:
        found = entry(role)
        return dataclasses.replace(found, recipe={**found.recipe, "steps": 2})

    monkeypatch.setattr(assets, "entry", quick)
    monkeypatch.setattr(large_models, "ready", lambda roles, lacks: True)
    monkeypatch.setattr(small_berts, "TEXTS", {name: (*roles, 32) for name, (*roles, _) in TEXTS.items()})
    monkeypatch.setattr(berts_table, "SEEDS", range(1))
    for module in (rows, tables):
        monkeypatch.setattr(module, "BUILD", tmp_path)
        monkeypatch.setattr(module, "DATA", tmp_path / "shipped")
    return tmp_path


def test_every_system_has_its_rows_and_what_is_made_is_not_made_again(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real_fit, taken = training.fit, []

    def fit(*args: Any, **how: Any) -> training.History:
        if len(taken) == 5:
            raise KeyboardInterrupt
        taken.append(how["steps"])
        return real_fit(*args, **how)

    monkeypatch.setattr(training, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        tables.main("intermediate", store=False)
    # Teacher, three students, the general stage: what it is for has no row yet. The second task has no offset either.
    assert len(berts_table.Table.missing()) == 2 * (1 + len(STUDENTS) + len(CONTROLS)) + 1 - 4 + 1
    monkeypatch.setattr(training, "fit", real_fit)
    assert tables.main("intermediate", store=True) == 0
    assert berts_table.Table.missing() == []
    shipped = made / f"shipped/results/{assets.track()}/{berts_table.NAME}.jsonl"
    found = [json.loads(line) for line in shipped.read_text(encoding="utf-8").splitlines()]
    offsets = [row for row in found if row["metric"] == "share"]
    assert len(offsets) == 2 * 4 and all(0 <= row["value"] <= 1 for row in offsets)
    of_a_task = Counter((row["data"], row["metric"]) for row in found if row not in offsets)
    assert of_a_task == {
        ("sentiment", "accuracy"): 13, ("second task", "accuracy"): 13, ("32 sentences", "speed-up"): 7,
    }  # fmt: skip
    assert "speed-up of TinyBERT" in capsys.readouterr().out


def test_the_notebook_trains_the_systems_of_the_table() -> None:
    path = ROOT / "notebooks/03_intermediate_distillation.ipynb"
    code = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code")
    assert [name for name in (TEACHER, *STUDENTS) if f'"{name}"' not in code] == []
    assert all(f'("{roles[0]}", "{roles[1]}", "{roles[2]}")' in code for roles in TEXTS.values())
    assert 'MOST_UNLABELLED = {"sentiment": 8000, "second task": 8000 if bundled else 1500}' in code
    assert [most for *_, most in TEXTS.values()] == [8000, 1500]


def test_the_statement_on_tinybert_finds_the_student_with_as_many_steps() -> None:
    exhibit, method = distillation.AS_MANY_STEPS["real"]
    assert (STUDENTS[method].exhibit, STUDENTS[method].times) == (exhibit, 2)


def test_rows_of_other_steps_are_of_another_table(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(berts_table.Table.missing())
    berts_table.Table().make(berts_table.Run(0, "sentiment", TEACHER))
    assert len(berts_table.Table.missing()) == before - 1
    monkeypatch.setattr(berts_table, "_steps", lambda: 3)
    assert len(berts_table.Table.missing()) == before


def test_centred_scores_differ_only_where_the_softmax_does() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 3, 5, 5, generator=generator)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    moved = scores + 20 * torch.randn(2, 3, 5, 1, generator=generator)  # another number for each query
    raw, centred = (
        intermediate_kd.attention_loss(*pair, mask)
        for pair in ((moved, scores), (small_berts._centred(moved, mask), small_berts._centred(scores, mask)))
    )
    assert raw > 100 and centred < 1e-9
    assert small_berts._centred(scores, mask)[1, :, :3, :3].sum(-1).abs().max() < 1e-5
