"""Methods by tasks: the table, what a verdict compares, and the section of docs/results.md."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from course_utils import results
from course_utils.commands import readme
from course_utils.results import rows
from course_utils.runs import glue

METHODS, TASKS = ("full", "small"), ("A", "B")


def run(method: str, task: str, seed: int, value: float, **more: Any) -> dict[str, Any]:
    row = {
        "method": method,
        "data": task,
        "seed": seed,
        "value": value,
        "examples": 32,
        "time": f"2026-{seed}",
    }
    return row | {"trainable_parameters": 1234 if method == "full" else 56} | more


def complete(seeds: int = 3) -> list[dict[str, Any]]:
    """`small` is ahead by two points on A and behind by one on B."""
    return [
        run(method, task, seed, 0.5 + seed / 100 + ahead / 100)
        for seed in range(seeds)
        for method, task, ahead in (("full", "A", 0), ("full", "B", 0), ("small", "A", 2), ("small", "B", -1))
    ]


def test_a_cell_is_the_mean_over_the_seeds_that_are_there() -> None:
    found = [
        run("full", "A", 0, 0.5),
        run("full", "A", 1, 0.6),
        run("full", "B", 0, 0.1),
        run("small", "B", 0, -0.2),
    ]
    table = results.by_task(pd.DataFrame(found), METHODS, TASKS)
    assert list(table.columns) == ["A", "B", "average", "trained"]
    assert list(table.loc["full"]) == ["55.0 ± 7.1 (2)", "10.0 (1)", "32.5", "1,234"]
    assert list(table.loc["small"]) == ["", "-20.0 (1)", "", "56"]


def test_without_rows_every_cell_is_empty() -> None:
    table = results.by_task(pd.DataFrame(), METHODS, TASKS)
    assert list(table.index) == list(METHODS) and set(table.to_numpy().flat) == {""}


def test_what_belongs_to_other_tables_is_left_out() -> None:
    others = [run("full", "A, validation", 0, 0.9), run("another", "A", 0, 0.9)]
    alone = results.by_task(pd.DataFrame(complete()), METHODS, TASKS)
    assert results.by_task(pd.DataFrame(complete() + others), METHODS, TASKS).equals(alone)


def test_runs_with_other_numbers_of_examples_are_not_mixed_in() -> None:
    larger = [run("full", "A", seed, 0.9, examples=9000) for seed in range(2)]
    alone = results.by_task(pd.DataFrame(complete()), METHODS, TASKS)
    assert results.by_task(pd.DataFrame(larger + complete()), METHODS, TASKS).equals(alone)


def test_the_newest_run_of_a_seed_counts() -> None:
    again = run("full", "A", 0, 0.8, time="2027", learning_rate=0.3)
    table = results.by_task(pd.DataFrame([again, run("full", "A", 0, 0.5)]), METHODS, TASKS)
    assert table.loc["full", "A"] == "80.0 (1)"


def test_averages_are_seed_by_seed(capsys: pytest.CaptureFixture[str]) -> None:
    averages = results.averages(pd.DataFrame(complete(4)), ["small", "full"], TASKS)
    assert averages is not None and capsys.readouterr().out == ""
    assert list(averages.columns) == ["small", "full"]
    assert list(averages["full"]) == pytest.approx([50, 51, 52, 53])
    assert list(averages["small"] - averages["full"]) == pytest.approx([0.5] * 4)


@pytest.mark.parametrize(
    "found, line",
    [
        ([], "not yet: 0 of 12 runs"),
        (complete(2), "not yet: 8 of 12 runs"),
        (complete()[:-1], "not yet: 11 of 12 runs"),
        ([*complete(), run("full", "A", 3, 0.5)], "not yet: 13 of 16 runs"),
    ],
)
def test_where_a_run_is_missing_there_is_nothing_to_judge(
    found: list[dict[str, Any]], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert results.averages(pd.DataFrame(found), METHODS, TASKS) is None
    assert capsys.readouterr().out == f"{line}\n"


def test_the_results_page_has_the_table_and_the_tries(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(rows, "DATA", tmp_path)
    assert readme.glue_table() == ""
    path = tmp_path / f"results/real/{glue.NAME}.jsonl"
    facts = {
        "notebook": glue.NAME,
        "track": "real",
        "exhibit": "GLUE",
        "model": "encoder",
        "metric": "matthews",
    }
    for rate, value, data in (
        (0.003, 0.21, "CoLA, validation"),
        (0.001, 0.1, "CoLA, validation"),
        (0.003, 0.2, "CoLA"),
    ):
        extra = {"learning_rate": rate, "examples": 1500, "steps": 282}
        row = {**facts, **run("LoRA", data, 0, value), "extra": extra}
        del row["examples"]
        rows.append(path, row)
    page = readme.glue_table()
    (line,) = (line for line in page.splitlines() if line.startswith("| LoRA"))
    assert [cell.strip() for cell in line.split("|")[2:4]] == ["20.0 (1)", ""]
    assert "0.001: 10.0, 0.003: 21.0" in page and "Training examples: 1,500." in page
