"""Few examples for (IA)³ and for full fine-tuning of a language model: the draw, and the table of runs."""

import json
from pathlib import Path

import pytest
import small_language_model as small

from course_utils import data, models
from course_utils.commands import ship, tables
from course_utils.runs import few_shot


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    small.stand_in(monkeypatch, tmp_path, "07_ia3", id="org/small")
    small.few_shot_table(monkeypatch)
    return tmp_path


def test_the_table_tries_each_rate_and_runs_each_seed_with_the_best(real: Path) -> None:
    with pytest.raises(ValueError, match="tables few-shot"):
        few_shot.chosen("(IA)³")
    assert tables.main("few-shot", store=True) == 0
    shipped = real / "shipped/results/real/07_few_shot.jsonl"
    made = [json.loads(line) for line in shipped.read_text(encoding="utf-8").splitlines()]
    rates = [row["extra"]["learning_rate"] for row in made]
    assert rates == [1e-9, 1e-2, 1e-9, 1e-1, 1e-2, 1e-1, 1e-2, 1e-1]
    assert [row["data"] for row in made] == 4 * [few_shot.VALIDATION] + 4 * [few_shot.DATA]
    trained = {row["method"]: row["trainable_parameters"] for row in made}
    assert trained["(IA)³"] == small.FACTORS < trained["full fine-tuning"]
    assert few_shot.Table.missing() == []
    assert few_shot.scores("(IA)³") == [100 * row["value"] for row in made[5::2]]


def test_rows_of_other_settings_are_of_another_table(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.main("few-shot", store=False)
    before = len(few_shot.Table.missing())
    monkeypatch.setattr(few_shot, "STEPS", few_shot.STEPS + 1)
    assert before == 0 and len(few_shot.Table.missing()) == 8
    with pytest.raises(ValueError, match="no validation score for the rate 1e-09"):
        few_shot.scores("(IA)³")


def test_a_seed_that_was_not_run_is_missing_and_no_score_is_given(
    real: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.main("few-shot", store=False)
    monkeypatch.setattr(few_shot, "SEEDS", range(3))
    assert few_shot.Table.missing() == [(method, 2, None) for method in few_shot.RATES]
    with pytest.raises(ValueError, match="no run with seed 2"):
        few_shot.scores("(IA)³")


def test_shipping_a_notebook_leaves_its_table_alone(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.main("few-shot", store=True)
    table = real / "shipped/results/real/07_few_shot.jsonl"
    before = table.read_text(encoding="utf-8")
    built = next(path for path in real.rglob("07_few_shot.jsonl") if path != table)
    built.write_text(before.splitlines(keepends=True)[0], encoding="utf-8")
    monkeypatch.setattr(ship, "BUILD", built.parents[2])
    monkeypatch.setattr(ship, "DATA", real / "shipped")
    assert ship.ship("07") == [] and table.read_text(encoding="utf-8") == before


def test_the_tables_factors_are_the_papers(real: Path) -> None:
    model = few_shot.add_ia3(models.load_language_model("language_model"))
    assert (
        sum(p.numel() for p in small.factors(model).values())
        == models.count(model, trainable=True)
        == small.FACTORS
    )


def test_reviews_of_each_class_are_drawn_by_the_seed() -> None:
    reviews = small.reviews()["train"]
    drawn = data.few_of_each(reviews, 5, seed=1)
    assert [list(drawn["label"]).count(label) for label in range(3)] == [5, 5, 5]
    assert set(drawn["id"]) <= set(reviews["id"]) and len(set(drawn["id"])) == 15
    assert drawn["id"][:] == data.few_of_each(reviews, 5, seed=1)["id"][:]
    assert set(drawn["id"]) != set(data.few_of_each(reviews, 5, seed=2)["id"])
    with pytest.raises(data.DataError, match="80 rows of the class 'negative', and 81"):
        data.few_of_each(reviews, 81, seed=0)
