"""Notebook 04's table of translators: which runs it makes, from what each learns, and what is not made twice."""

import json
from pathlib import Path

import pytest
import small_pairs
import torch

from course_utils import training
from course_utils.commands import tables
from course_utils.runs import translators


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    small_pairs.stand_in(monkeypatch, tmp_path)
    return tmp_path


def test_the_table_tries_rates_and_measures_each_seed_greedily_and_with_a_beam(real: Path) -> None:
    for asked in (lambda: translators.chosen("student: seq-KD"), translators.unchanged):
        with pytest.raises(ValueError, match="tables translators"):
            asked()
    assert tables.main("translators", store=True) == 0
    shipped = real / "shipped/results/real/04_translators.jsonl"
    made = [json.loads(line) for line in shipped.read_text(encoding="utf-8").splitlines()]
    methods = list(translators.RATES)
    assert [row["method"] for row in made[:14]] == [method for method in methods for _ in range(2)]
    *of_seeds, unchanged = made[14:]
    assert [(row["seed"], row["method"]) for row in of_seeds[::2]] == [
        (s, m) for s in (0, 1) for m in methods
    ]
    assert [row["data"] for row in of_seeds] == 14 * [translators.BEAM, translators.DATA]
    assert (unchanged["method"], unchanged["data"]) == (translators.UNCHANGED, translators.DATA)
    assert translators.unchanged() == unchanged["value"] and unchanged["trainable_parameters"] == 0
    assert {row["extra"]["signature"].split("|")[0] for row in made} == {"nrefs:1"}
    assert translators.Table.missing() == []
    assert translators.scores("teacher: baseline") == [row["value"] for row in of_seeds[1::14]]
    assert translators.scores("teacher: baseline", beams=5) == [row["value"] for row in of_seeds[::14]]


def test_a_run_that_was_broken_off_is_not_trained_again(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = translators.Table()
    first, history = table.trained("teacher: baseline", 0, 1e-2)
    monkeypatch.setattr(training, "fit", None)
    again, same = translators.Table().trained("teacher: baseline", 0, 1e-2)
    assert same == history
    assert all(torch.equal(value, first.state_dict()[name]) for name, value in again.state_dict().items())


def test_each_method_learns_from_what_its_name_says(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translators, "chosen", lambda method: 1e-2)
    table = translators.Table()
    gold = table.sentences["train"]
    assert len(gold) == 90  # one was too long
    beams = table._make_beams(0)
    assert len(beams) == 90 and all(len(beam) == translators.BEAMS for beam in beams)
    taught, _ = table._lesson("student: seq-KD", 0)
    assert taught["targets"][:] == [beam[:1] for beam in beams]
    near, _ = table._lesson("teacher: baseline + seq-inter", 0)
    assert [text in beam for (text,), beam in zip(near["targets"], beams, strict=True)] == 90 * [True]
    for method in ("teacher: baseline", "student: baseline", "teacher: baseline + gold"):
        assert table._lesson(method, 0) == (gold, training.gold_loss)
    rows, loss = table._lesson("student: word-KD", 0)
    assert rows is gold and loss.func is translators.by_word


def test_what_goes_on_with_the_teacher_starts_from_it(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translators, "chosen", lambda method: 1e-2)
    table = translators.Table()
    teacher = table._teacher(0).state_dict()
    (more, _), (fresh, _) = (
        table.trained(method, 0, 1e-9) for method in ("teacher: baseline + gold", "student: baseline")
    )
    assert all((value - teacher[name]).abs().max() < 1e-6 for name, value in more.state_dict().items())
    assert fresh.config.d_model == 8 and more.config.d_model == 16
    assert translators.new_translator("teacher", table.tokenizer, 0).config.dropout == 0.0


def test_the_interpolated_sentence_is_the_nearest_to_gold() -> None:
    rows = small_pairs.sentence_pairs()["train"].select(range(2))
    (first,), (second,) = rows["targets"][:]
    assert translators.nearest([["wedang larang", first], [second, first]], rows) == [first, second]
