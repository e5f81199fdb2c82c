"""Labels that no model can be right about: named, never counted as wrong answers."""

from types import SimpleNamespace
from typing import Any

import peft
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, BertForTokenClassification

from course_utils import models, training
from course_utils.training.metrics import load_metric


def model(kind: Any = BertForSequenceClassification, num_labels: int = 3) -> torch.nn.Module:
    torch.manual_seed(0)
    return kind(
        BertConfig(
            vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
            num_labels=num_labels,
        )
    ).eval()  # fmt: skip


def loader(labels: list[Any], **more: Any) -> torch.utils.data.DataLoader:
    rows = [{"input_ids": torch.tensor([5, 6, 7]), "labels": torch.tensor(label), **more} for label in labels]
    return torch.utils.data.DataLoader(rows, 4)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, 1, -1], 3, "A label is -1, and the model's 3 classes are numbered from 0 to 2"),
        ([1, 2, 3], 3, "A label is 3, and the model's 3 classes"),
        ([0.0, 1.0], 3, "labels are torch.float32 numbers"),
        ([1, 1], 1, "The model has one output"),
    ],
)
def test_labels_that_are_no_classes_are_named_in_training_and_scoring(
    labels: list[Any], classes: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        training.evaluate(model(num_labels=classes), loader(labels))
    with pytest.raises(ValueError, match=message):
        logits = torch.zeros(len(labels), classes)
        training.gold_loss(SimpleNamespace(logits=logits), {"labels": torch.tensor(labels)})


def test_rows_without_labels_do_not_count() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    loss = training.gold_loss(SimpleNamespace(logits=logits), {"labels": torch.tensor([0, -100])})
    assert loss == pytest.approx(torch.nn.functional.cross_entropy(logits[:1], torch.tensor([0])).item())


def test_a_column_of_texts_does_not_stop_a_batch() -> None:
    assert 0 <= training.evaluate(model(), loader([0, 1, 2], text="the soup")) <= 1


def test_what_is_no_loader_and_a_batch_that_the_model_cannot_read_are_named() -> None:
    batch = next(iter(loader([0, 1])))
    with pytest.raises(ValueError, match="train_loader is a list, and a torch DataLoader belongs there"):
        training.fit(model(), [batch], steps=1, learning_rate=1e-3, progress=False)  # type: ignore[arg-type]
    ready = torch.utils.data.DataLoader([batch], batch_size=None)  # type: ignore[arg-type]
    assert len(training.fit(model(), ready, steps=2, learning_rate=1e-3, progress=False).losses) == 2
    renamed = [{"ids": batch["input_ids"], "labels": batch["labels"]}]
    with pytest.raises(
        ValueError, match="columns ids, labels, and none of them is one that the model takes: att"
    ):
        training.evaluate(model(), renamed)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["plain", "peft"])
def test_a_model_of_pairs_is_told_which_text_a_token_is_from(kind: str) -> None:
    names = training.input_names(
        model()
        if kind == "plain"
        else peft.get_peft_model(model(), peft.LoraConfig(target_modules=["query"]))
    )
    assert {"input_ids", "attention_mask", "token_type_ids"} <= names and "labels" not in names


def test_names_that_are_no_tags_have_no_score() -> None:
    tagger = model(BertForTokenClassification)
    with pytest.raises(ValueError, match="'LABEL_0' is no tag"):
        training.evaluate(tagger, loader([[0, 1, -100]] * 2), "seqeval")
    tagger.config.id2label = {0: "O", 1: "B-PER", 2: "I-PER"}
    assert 0 <= training.evaluate(tagger, loader([[0, 1, -100]] * 2), "seqeval") <= 1


@pytest.mark.parametrize("prefixes", ["BIIOB", "BIEOS", "BILOU"])
def test_entities_are_the_same_in_every_scheme(prefixes: str) -> None:
    kinds = ("PER", "PER", "PER", "", "LOC")
    tags = [f"{prefix}-{kind}" if kind else "O" for prefix, kind in zip(prefixes, kinds, strict=True)]
    reference = ["B-PER", "I-PER", "I-PER", "O", "B-LOC"]
    half = ["B-PER", "I-PER", "O", "O", "B-LOC"]
    metric = load_metric("seqeval")
    assert metric.compute(predictions=[tags], references=[reference])["seqeval"] == 1.0
    assert metric.compute(predictions=[half], references=[tags])["seqeval"] == 0.5


@pytest.mark.parametrize("labels", ["positive", [], ["good", "bad", "good"]])
def test_names_of_classes_that_are_none_are_refused(labels: Any) -> None:
    with pytest.raises(ValueError, match="A list of the classes' names"):
        models.load_classifier("encoder", labels)


def test_scores_in_a_column_of_their_own_are_compared_row_by_row() -> None:
    outputs = SimpleNamespace(logits=torch.tensor([[1.0], [2.0]]))
    for labels in (torch.tensor([1.0, 4.0]), torch.tensor([[1.0], [4.0]])):
        assert training.score_loss(outputs, {"labels": labels}) == 2


def test_f1_is_for_two_classes() -> None:
    with pytest.raises(ValueError, match="macro_f1"):
        load_metric("f1").compute(predictions=[0, 1, 2], references=[0, 1, 2])
