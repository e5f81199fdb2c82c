"""`python -m course_utils tables glue`: broken off, killed, taken up again; how a rate is chosen; what is stored."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import small_glue
import torch
from small_glue import written
from transformers import BertConfig, BertForSequenceClassification

from course_utils import models, training
from course_utils.commands import glue_table
from course_utils.results import rows
from course_utils.runs import glue

RUNS_OF_A_METHOD = 2 + 2
"""Two rates are tried, and two seeds run for the table."""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    small_glue.stand_in(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture
def few(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two methods only."""
    monkeypatch.setattr(glue, "METHODS", {name: glue.METHODS[name] for name in ("BitFit", "LoRA")})
    return folder


def run_of(row: dict[str, Any]) -> tuple[Any, ...]:
    rate = row["extra"]["learning_rate"] if "validation" in row["data"] else None
    return row["data"], row["method"], row["seed"], rate


def break_off(monkeypatch: pytest.MonkeyPatch, after: int) -> list[int]:
    """Interrupt the training after so many; the list grows by the steps of each. The probe's do not count."""
    fit, steps = training.fit, []

    def counted(*given: Any, **how: Any) -> training.History:
        if how["steps"] != glue.PROBE_STEPS:
            if len(steps) == after:
                raise KeyboardInterrupt
            steps.append(how["steps"])
        return fit(*given, **how)

    monkeypatch.setattr(training, "fit", counted)
    return steps


def test_a_run_with_its_row_is_not_made_again(
    few: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as interrupted:
        break_off(interrupted, after=4)
        with pytest.raises(KeyboardInterrupt):
            glue_table.main(["CoLA"], store=False)
    before = written(few)
    steps = break_off(monkeypatch, after=99)
    assert glue_table.main(["CoLA"], store=False) == 0
    made = written(few)
    assert made[: len(before)] == before and len(made) == 2 * RUNS_OF_A_METHOD
    assert max(Counter(map(run_of, made)).values()) == 1
    assert f"{len(made) - len(before)} runs have no row yet" in capsys.readouterr().out
    assert glue_table.main(["CoLA"], store=False) == 0
    assert "nothing to do" in capsys.readouterr().out and written(few) == made
    # Interrupted between a method's tries and its run for the table, that run is trained once more.
    assert 2 * RUNS_OF_A_METHOD - 2 <= 4 + len(steps) <= 2 * RUNS_OF_A_METHOD


def test_a_shipped_run_is_not_made_again(few: Path, capsys: pytest.CaptureFixture[str]) -> None:
    glue_table.fill(["CoLA"])
    (few / "results").rename(few / "elsewhere")
    (few / "shipped").mkdir()
    (few / "elsewhere").rename(few / "shipped/results")
    assert glue_table.main(["CoLA"], store=False) == 0
    assert "nothing to do" in capsys.readouterr().out and not (few / "results").exists()
    assert len(glue.Table(["CoLA", "RTE"], glue.budget()).missing()) == 2 * RUNS_OF_A_METHOD


def test_runs_with_other_numbers_of_examples_are_others(few: Path) -> None:
    glue_table.fill(["CoLA"])
    assert glue.Table(["CoLA"], glue.Budget(32, (0.3, 1), (0, 1))).missing() == []
    assert len(glue.Table(["CoLA"], glue.Budget(None, (0.3, 1), (0, 1))).missing()) == 2 * RUNS_OF_A_METHOD


def test_killed_it_leaves_whole_rows_and_goes_on(folder: Path) -> None:
    path = folder / f"results/real/{glue.NAME}.jsonl"
    helpers = Path(small_glue.__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(helpers), str(helpers.parents[1])])}
    process = subprocess.Popen(
        [sys.executable, small_glue.__file__, folder], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if path.exists() and path.read_bytes().count(b"\n") >= 3:
                break
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait(timeout=30)
    left = written(folder)
    assert 3 <= len(left) < len(glue.METHODS) * RUNS_OF_A_METHOD
    missing = glue.Table(["CoLA"], glue.budget()).missing()
    assert len(missing) == len(glue.METHODS) * RUNS_OF_A_METHOD - len(left)
    assert not {(run.data, run.method, run.seed, run.rate) for run in missing} & set(map(run_of, left))


def test_no_test_row_is_read_while_a_rate_is_chosen(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loader, read = glue.Task.loader, []

    def noted(task: glue.Task, split: str, seed: int = 0) -> Any:
        read.append(split)
        return loader(task, split, seed)

    monkeypatch.setattr(glue.Task, "loader", noted)
    table = glue.Table(["CoLA", "STS-B"], glue.budget())
    for run in table.missing():
        read.clear()
        table.make(run)
        assert read.count("test") == (run.rate is None), f"{run} read {read}"
        assert ("validation" in read) == (run.rate is not None)


def test_every_method_gets_as_many_tries_and_steps(folder: Path) -> None:
    glue_table.fill(["CoLA"])
    made = written(folder)
    assert Counter(row["method"] for row in made) == dict.fromkeys(glue.METHODS, RUNS_OF_A_METHOD)
    assert {(row["extra"]["steps"], row["extra"]["examples"]) for row in made} == {(glue.EPOCHS * 2, 32)}
    for method in glue.METHODS:
        tries = [row for row in made if row["method"] == method and row["data"] == "CoLA, validation"]
        runs = [row for row in made if row["method"] == method and row["data"] == "CoLA"]
        assert [row["seed"] for row in tries] == [0, 0] and [row["seed"] for row in runs] == [0, 1]
        assert [row["extra"]["learning_rate"] for row in tries] == glue.rates(method, (0.3, 1))
        best = max(tries, key=lambda row: row["value"])["extra"]["learning_rate"]
        assert {row["extra"]["learning_rate"] for row in runs} == {best}


def expected(metric: str, logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The metrics again, by their definitions."""
    if metric == "spearman":
        return pd.Series(logits[:, 0].numpy()).corr(pd.Series(labels.numpy()), method="spearman")
    guesses = logits.argmax(-1)
    if metric == "accuracy":
        return (guesses == labels).float().mean().item()
    counts = torch.bincount(2 * labels + guesses, minlength=4).double().tolist()
    right_no, wrong_yes, wrong_no, right_yes = counts
    if metric == "f1":
        return 2 * right_yes / (2 * right_yes + wrong_yes + wrong_no)
    if guesses.unique().numel() == 1:
        return 0.0
    return float(np.corrcoef(labels.numpy(), guesses.numpy())[0, 1])


@pytest.mark.parametrize(
    "task, metric",
    [
        ("CoLA", "matthews"),
        ("SST-2", "accuracy"),
        ("STS-B", "spearman"),
        ("MRPC", "f1"),
        ("RTE", "accuracy"),
    ],
)
def test_each_task_has_its_metric(few: Path, monkeypatch: pytest.MonkeyPatch, task: str, metric: str) -> None:
    evaluate, seen = training.evaluate, []

    def noted(model: Any, loader: Any, name: str) -> float:
        batches = [{**batch} for batch in loader]
        with torch.no_grad(), training.autocast(torch.device("cpu")):
            given = [{key: batch[key] for key in ("input_ids", "attention_mask")} for batch in batches]
            logits = torch.cat([model.cpu().eval()(**batch).logits.float() for batch in given])
        seen.append(expected(metric, logits, torch.cat([batch["labels"] for batch in batches])))
        return evaluate(model, loader, name)

    monkeypatch.setattr(training, "evaluate", noted)
    table = glue.Table([task], glue.budget())
    made = [table.make(run) for run in table.missing() if run.method == "LoRA"]
    assert {row["metric"] for row in made} == {metric}
    assert [row["value"] for row in made] == pytest.approx(seen, abs=1e-6)
    assert any(0 < abs(value) < 1 for value in seen), "of a constant answer any metric makes the same"


def test_a_run_whose_rates_were_not_tried_is_refused(few: Path) -> None:
    table = glue.Table(["CoLA"], glue.budget())
    with pytest.raises(
        ValueError, match="'LoRA' on CoLA has no learning rate yet: none was tried with 32 examples"
    ):
        table.make(glue.Run("CoLA", "LoRA", 0))


def test_stored_rows_are_those_that_shipped_and_the_new_ones(
    few: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    glue_table.fill(["CoLA"])
    made = written(few)
    shipped = few / f"shipped/results/real/{glue.NAME}.jsonl"
    shipped.parent.mkdir(parents=True)
    older = {**made[0], "time": "2020-01-01T00:00:00+00:00", "value": 0.5}
    shipped.write_text("".join(map(rows.line, [older, *made[1:5]])), encoding="utf-8")
    (few / f"results/real/{glue.NAME}.jsonl").write_text(
        "".join(map(rows.line, [made[0], *made[5:]])), encoding="utf-8"
    )
    assert glue_table.main(["CoLA"], store=True) == 0
    assert str(shipped) in capsys.readouterr().out
    stored = [json.loads(line) for line in shipped.read_text(encoding="utf-8").splitlines()]
    assert sorted(stored, key=run_of_as_text) == sorted(made, key=run_of_as_text)


def run_of_as_text(row: dict[str, Any]) -> str:
    return str(run_of(row))


def test_a_task_that_is_none_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert glue_table.main(["QNLI"], store=False) == 1
    assert "no task 'QNLI' in this table. It has CoLA" in capsys.readouterr().out


def test_the_widest_adapters_add_as_many_parameters_as_the_top_layer_has() -> None:
    shape = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
    added = {}
    for method in ("head only", "top layer", "adapters of 192"):
        with torch.device("meta"):
            model = BertForSequenceClassification(BertConfig(**shape, vocab_size=8))
            prepared = glue.METHODS[method][0](model, head=glue.HEAD)
        added[method] = models.count(prepared, trainable=True)
    top, adapters = (added[method] - added["head only"] for method in ("top layer", "adapters of 192"))
    assert adapters == pytest.approx(top, rel=0.005)
