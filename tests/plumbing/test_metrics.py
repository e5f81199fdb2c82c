"""Each metric against a value worked out by hand, with the network cut."""

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from course_utils import training
from course_utils.training.metrics import METRICS, load_metric


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a metric touched the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_accuracy() -> None:
    assert load_metric("accuracy").compute(predictions=[0, 1, 2, 2], references=[0, 1, 2, 0]) == {
        "accuracy": 0.75
    }


def test_macro_f1_counts_a_rare_class_as_much_as_a_common_one() -> None:
    # class 0: precision 3/4, recall 1 -> F1 6/7; class 1: never predicted -> 0
    score = load_metric("macro_f1").compute(predictions=[0, 0, 0, 0], references=[0, 0, 0, 1])
    assert score["macro_f1"] == pytest.approx((6 / 7) / 2)


def test_f1_is_that_of_class_1() -> None:
    # precision 2/3, recall 1
    assert load_metric("f1").compute(predictions=[1, 1, 1, 0], references=[1, 1, 0, 0])[
        "f1"
    ] == pytest.approx(0.8)


def test_matthews_correlation() -> None:
    # 2 right and 0 wrong of class 1, 1 right and 1 wrong of class 0: (2*1 - 1*0) / sqrt(3*2*2*1)
    score = load_metric("matthews").compute(predictions=[1, 1, 1, 0], references=[1, 1, 0, 0])
    assert score["matthews"] == pytest.approx(2 / 12**0.5)
    assert load_metric("matthews").compute(predictions=[1, 1], references=[1, 0])["matthews"] == 0.0


def test_spearman_compares_ranks_and_is_0_for_a_constant() -> None:
    # ranks 1, 3, 2, 4 against 1, 2, 3, 4: 1 - 6 * 2 / (4 * 15)
    score = load_metric("spearman").compute(
        predictions=[0.1, 9.0, 0.2, 90.0], references=[0.0, 1.5, 2.0, 5.0]
    )
    assert score["spearman"] == pytest.approx(0.8)
    assert load_metric("spearman").compute(predictions=[1.0, 1.0], references=[0.0, 1.0])["spearman"] == 0.0


class Echo(nn.Module):
    """Its one score is its input."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Parameter(torch.ones(1))

    def forward(self, input_ids: torch.Tensor) -> Any:
        return SimpleNamespace(logits=self.one * input_ids)


def test_a_row_without_a_score_does_not_count() -> None:
    batch = {"input_ids": torch.arange(4.0)[:, None], "labels": torch.tensor([0.0, 1.0, 2.0, -100.0])}
    assert training.evaluate(Echo(), [batch], "spearman") == pytest.approx(1)  # type: ignore[arg-type]


def test_seqeval_wants_whole_entities() -> None:
    references = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-ORG"]]
    predictions = [["B-PER", "O", "O", "B-LOC"], ["O", "B-ORG"]]
    score = load_metric("seqeval").compute(predictions=predictions, references=references)
    assert score == pytest.approx({"seqeval": 2 / 3, "precision": 2 / 3, "recall": 2 / 3})


def test_sacrebleu_takes_any_number_of_references_and_signs_its_score() -> None:
    references = [["the cat sat on the mat", "a cat sat on the mat"], ["it rains all day long"]]
    predictions = ["a cat sat on the mat", "it rains all day long"]
    score = load_metric("sacrebleu").compute(predictions=predictions, references=references)
    assert score["sacrebleu"] == pytest.approx(100.0)
    assert "tok:13a" in score["signature"]
    worse = load_metric("sacrebleu").compute(
        predictions=["a dog ran", "it rains all day"], references=references
    )
    assert worse["sacrebleu"] < 60


def test_a_metric_gives_the_same_score_twice() -> None:
    metric = load_metric("accuracy")
    scores = [metric.compute(predictions=[0, 1], references=[0, 0])["accuracy"] for _ in range(2)]
    assert scores == [0.5, 0.5]


def test_a_metric_leaves_no_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("course_utils.training.metrics.BUILD", tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in METRICS:
        empty = ["x"] if name == "sacrebleu" else [["O"]] if name == "seqeval" else [0]
        references = [["x"]] if name == "sacrebleu" else empty
        load_metric(name).compute(predictions=empty, references=references)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_unknown_metric_names_those_that_exist() -> None:
    with pytest.raises(ValueError, match="accuracy, macro_f1, f1, matthews, spearman, seqeval, sacrebleu"):
        load_metric("rouge")
