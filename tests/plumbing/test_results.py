"""Result rows, the papers' figures and the list of exhibits, in a build folder of the test's own."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from course_utils import assets, results, session
from course_utils.commands import ship as shipping
from course_utils.commands.ship import ship
from course_utils.paths import DATA
from course_utils.results import (
    beside_paper,
    exhibits,
    load,
    paper,
    papers,
    record,
    rows,
    table,
)
from course_utils.training.history import History


@pytest.fixture(autouse=True)
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Empty folders for the reader's and the shipped rows; the papers' figures stay the real ones."""
    real = DATA / "results"
    shipped = tmp_path / "data" / "results"
    shipped.mkdir(parents=True)
    for name in ("paper.toml", "exhibits.toml"):
        (shipped / name).write_bytes((real / name).read_bytes())
    for module in (rows, shipping):
        monkeypatch.setattr(module, "BUILD", tmp_path / "build")
    for module in (rows, papers, shipping):
        monkeypatch.setattr(module, "DATA", tmp_path / "data")
    monkeypatch.setattr(exhibits, "RESULTS", shipped)
    monkeypatch.setattr(assets, "track", lambda: "bundled")
    monkeypatch.setattr(session, "notebook", "02_logit_distillation")
    monkeypatch.delenv("COURSE_SEED", raising=False)
    return tmp_path


def add(method: str = "gold", seed: int = 0, value: float = 0.8, **more: Any) -> dict[str, Any]:
    fixed: dict[str, Any] = {"model": "student", "data": "sentiment", "trainable_parameters": 1234567}
    fixed |= {"metric": "accuracy", "seconds": 2.0, "notebook": "02_logit_distillation", "exhibit": "E06"}
    return record(**(fixed | {"method": method, "seed": seed, "value": value} | more))


def test_a_row_holds_what_is_needed_to_judge_it(folders: Path) -> None:
    row = add(temperature=2, peak_bytes=10)
    (line,) = (folders / "build/results/bundled/02_logit_distillation.jsonl").read_text().splitlines()
    assert json.loads(line) == row
    assert row["extra"] == {"temperature": 2} and row["track"] == "bundled" and row["peak_bytes"] == 10
    assert set(row["versions"]) == {"python", "torch", "transformers", "peft", "datasets"}
    assert row["machine"]["cores"] >= 1 and row["machine"]["cpu"]


def test_numpy_numbers_become_plain_ones() -> None:
    add(value=np.float32(0.5), trainable_parameters=np.int64(7))  # type: ignore[arg-type]
    assert load()["value"].tolist() == [0.5] and load()["trainable_parameters"].tolist() == [7]


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\f"])
def test_a_name_may_hold_a_character_that_ends_lines_elsewhere(separator: str) -> None:
    add(method=f"KD{separator}two")
    add(method="gold")
    assert set(load()["method"]) == {f"KD{separator}two", "gold"}


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="nan, not a number"):
        add(value=float("nan"))
    assert load().empty


def test_a_training_run_is_recorded_with_what_it_cost() -> None:
    history = History(metrics=[(5, 0.5), (10, 0.75)], seconds=3.0, trainable_parameters=7, peak_bytes=11)
    row = results.record_fit("E28", "LoRA", history, model="encoder", data="topic", seed=2, rank=4)
    assert (row["notebook"], row["value"], row["extra"]) == ("02_logit_distillation", 0.75, {"rank": 4})
    assert (row["seconds"], row["trainable_parameters"], row["peak_bytes"]) == (3.0, 7, 11)
    with pytest.raises(ValueError, match="never evaluated"):
        results.record_fit("E28", "LoRA", History(), model="encoder", data="topic", seed=2)


def test_load_keeps_the_newest_row_of_each_measurement() -> None:
    add(value=0.1)
    add(value=0.2, temperature=2)
    add(value=0.3)
    add(value=0.4, seed=1)
    frame = load("02")
    assert sorted(frame["value"]) == [0.2, 0.3, 0.4]
    assert frame["temperature"].dropna().tolist() == [2]
    assert load("03").empty and load(track="real").empty


def test_the_readers_own_rows_come_first_and_replace_the_shipped_ones(folders: Path) -> None:
    for seed in range(3):
        add("gold", seed, 0.7)
        add("KD", seed, 0.9)
    (shipped,) = ship("02")
    assert shipped == folders / "data/results/bundled/02_logit_distillation.jsonl"
    own = folders / "build/results/bundled/02_logit_distillation.jsonl"
    own.unlink()
    assert set(load()["source"]) == {"shipped"} and len(load()) == 6
    add("gold", 0, 0.75)
    frame = load()
    assert frame[["method", "source", "value"]].values.tolist()[0] == ["gold", "yours", 0.75]
    assert frame.groupby("method").size().to_dict() == {"gold": 1, "KD": 3}
    shipped_alone = load(own=False)
    assert set(shipped_alone["source"]) == {"shipped"} and 0.75 not in set(shipped_alone["value"])
    assert len(shipped_alone) == 6


def test_ship_keeps_the_newest_run_and_takes_the_rows_of_make_statements(folders: Path) -> None:
    add("gold", 0, 0.1)
    old = add("gold", 0, 0.2)
    later = {**old, "seed": 4, "value": 0.3, "time": "2999-01-01T00:00:00+00:00"}
    of_seed = folders / "build/statements/seed_4/results/bundled"
    of_seed.mkdir(parents=True)
    (of_seed / "02_logit_distillation.jsonl").write_text(json.dumps(later) + "\n")
    (path,) = ship("02")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["seed"], row["value"]) for row in rows] == [(0, 0.2), (4, 0.3)]
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert ship("03") == []


def test_a_broken_line_is_named(folders: Path) -> None:
    add()
    path = folders / "build/results/bundled/02_logit_distillation.jsonl"
    row = path.read_text()
    for broken in ('{"half": ', "5", '{"method": "gold", "value": 0.8}'):
        path.write_text(f"{row}{broken}\n")
        with pytest.raises(ValueError, match="Line 2 of .*02_logit_distillation.jsonl"):
            load()


def test_a_row_that_the_disk_cuts_off_is_told_and_taken_back(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add()
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, text: write(file, text[:20]))
    with pytest.raises(OSError, match="is full, so this result was not recorded"):
        add(seed=1)
    monkeypatch.undo()
    assert (folders / "build/results/bundled/02_logit_distillation.jsonl").read_text().count("\n") == 1


def test_a_row_gets_a_line_of_its_own_where_an_editor_took_the_last_line_ending(folders: Path) -> None:
    add()
    path = folders / "build/results/bundled/02_logit_distillation.jsonl"
    path.write_text(path.read_text().rstrip("\n"))
    add(seed=1)
    assert load()["seed"].tolist() == [0, 1]


def test_a_figure_is_a_row_without_a_training() -> None:
    row = results.record_figure(
        "E29", "8 experts", "parameters (times)", 3.5, model="encoder", data="sentiment"
    )
    assert (row["notebook"], row["seed"], row["metric"], row["value"]) == (
        "02_logit_distillation",
        0,
        "parameters (times)",
        3.5,
    )
    assert (row["trainable_parameters"], row["seconds"], row["extra"]) == (0, 0.0, {})


def test_table_shows_mean_and_spread_over_seeds() -> None:
    for seed, value in enumerate([0.80, 0.82, 0.84]):
        add("gold", seed, value)
    add("teacher", 0, 0.9, trainable_parameters=99)
    add("gold", 0, 3.5, metric="latency_ms")
    frame = table(load())
    assert frame.index.tolist() == ["gold", "teacher"]
    assert frame.loc["gold", "accuracy (%)"] == "82.0 ± 2.0"
    assert frame.loc["teacher", "accuracy (%)"] == "90.0"
    assert frame.loc["gold", "latency_ms"] == "3.5" and frame.loc["teacher", "latency_ms"] == "–"
    assert frame["seeds"].tolist() == ["3", "1"]
    assert frame["trainable parameters"].tolist() == ["1,234,567", "99"]
    by_two = table(load(), ["method", "model"])
    assert by_two.index.tolist() == ["gold · student", "teacher · student"]
    add("gold", 0, 0.7, data="topic")
    with pytest.raises(ValueError, match="They differ in data"):
        table(load())
    with pytest.raises(ValueError, match="no result rows"):
        table(load("09"))


def test_a_method_without_a_setting_of_the_index_keeps_its_line() -> None:
    add("full fine-tuning")
    add("LoRA", rank=8)
    assert table(load(), ["method", "rank"]).index.tolist() == ["full fine-tuning · –", "LoRA · 8.0"]


def test_papers_figures_agree_with_themselves() -> None:
    bitfit = paper("E17")
    assert bitfit.loc["BERT-base, BitFit", "average"] == 82.4
    scores = ["qnli", "sst2", "mnli_m", "mnli_mm", "cola", "mrpc", "stsb", "rte", "qqp"]
    # A digit typed wrong would show: each printed average is the mean of its row, up to the paper's rounding.
    assert (bitfit[scores].mean(axis=1) - bitfit["average"]).abs().max() < 0.25
    lora = paper("E28")
    scores = ["mnli", "sst2", "mrpc", "cola", "qnli", "qqp", "rte", "stsb"]
    assert (lora[scores].mean(axis=1) - lora["average"]).abs().max() < 0.06
    assert len(paper("E22")) == 17 and paper("E22")["accuracy"].max() == 78.7
    with pytest.raises(ValueError, match="no figures for E07"):
        paper("E07")


def test_beside_paper_puts_the_figure_in_its_row() -> None:
    add("student, gold")
    add("student, KD")
    frame = beside_paper(table(load()), "E10", "mnli_m", {"student, gold": "BERT-tiny"})
    assert frame["paper: mnli_m"].tolist() == [75.4, "–"]
    assert "TinyBERT" in frame.attrs["source"]
    with pytest.raises(ValueError, match="Not found: BERT-huge.*BERT-tiny.*mnli_m"):
        beside_paper(frame, "E10", "mnli_m", {"student, gold": "BERT-huge"})
    with pytest.raises(ValueError, match="Not found: sst2"):
        beside_paper(frame, "E10", "sst2", {})


def test_the_list_has_every_exhibit() -> None:
    listed = exhibits.exhibits()
    assert [exhibit["id"] for exhibit in listed] == [f"E{i:02d}" for i in range(1, 33)]
    assert listed[10]["paper"] == paper("E11").attrs["short"] and listed[6]["paper"] is None


def test_papers_figures_are_of_exhibits_that_exist() -> None:
    known = {exhibit["id"] for exhibit in exhibits.exhibits()}
    assert set(papers._papers()) <= known
    for name in papers._papers():
        assert all(paper(name).attrs[key] for key in ("source", "measure", "short"))
