"""Which parameters a method trains: the head, or the head and the biases, and nothing else."""

import copy

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification

from course_utils.methods.bitfit import bitfit
from course_utils.methods.freezing import head_only

METHODS = [head_only, bitfit]


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=16, num_labels=3,
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    for name, parameter in model.named_parameters():
        if name.endswith(".bias"):
            # Not zero: the key's bias has no gradient, and only weight decay can move it.
            nn.init.normal_(parameter)
    return model


def trainable(model: nn.Module) -> set[str]:
    return {name for name, p in model.named_parameters() if p.requires_grad}


def test_head_only_trains_the_head(model):
    assert head_only(model) is model
    assert trainable(model) == {"classifier.weight", "classifier.bias"}


def test_bitfit_trains_every_bias_and_the_head(model):
    biases = {name for name, _ in model.named_parameters() if "bias" in name}
    assert bitfit(model) is model
    assert trainable(model) == biases | {"classifier.weight"}
    # Each layer has eight: query, key, value, three of the name dense, and two LayerNorm ...
    assert sum(name.startswith("bert.encoder.layer.0.") for name in biases) == 8
    # ... and the embeddings, the pooler and the head have one each.
    assert len(biases) == 2 * 8 + 3


@pytest.mark.parametrize("method", METHODS)
def test_training_moves_what_is_trainable_and_nothing_else(method, model):
    before = copy.deepcopy(model.state_dict())
    method(model).train()
    expected = trainable(model)
    # Every parameter is handed to the optimizer, with weight decay: what is frozen must still stay.
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        model(input_ids=torch.randint(30, (4, 6)), labels=torch.tensor([0, 1, 2, 1])).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == expected


@pytest.mark.parametrize("method", METHODS)
def test_whatever_was_frozen_before_comes_out_the_same(method, model):
    twin = copy.deepcopy(model).requires_grad_(False)
    assert trainable(method(model)) == trainable(method(twin))


@pytest.mark.parametrize("method", METHODS)
def test_another_name_of_the_head(method):
    model = nn.ModuleDict({"body": nn.Linear(4, 4), "top": nn.Linear(4, 2), "off": nn.Dropout()})
    assert {"top.weight", "top.bias"} <= trainable(method(model, head=["top"]))
    assert "body.weight" not in trainable(model)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("head", ["score", "dropout", "", "bert.pooler"])
def test_a_missing_head_is_named_and_nothing_changes(method, head, model):
    before = trainable(model)
    with pytest.raises(ValueError, match="no part called .* bert, classifier"):
        method(model, head=[head])
    assert trainable(model) == before


def test_bitfit_says_that_there_are_no_biases_and_changes_nothing():
    model = nn.ModuleDict({"body": nn.Linear(4, 4, bias=False), "classifier": nn.Linear(4, 2)})
    before = trainable(model)
    with pytest.raises(ValueError, match="no biases outside its head"):
        bitfit(model)
    assert trainable(model) == before


@pytest.mark.parametrize("method", METHODS)
def test_new_parts_deep_inside_train_as_well(method, model):
    """An encoder pretrained without a pooler gets a random one, inside its body."""
    assert "bert.pooler.dense.weight" not in trainable(method(model))
    trained = trainable(method(model, head=["pooler", "classifier"]))
    assert {"bert.pooler.dense.weight", "classifier.weight"} <= trained
