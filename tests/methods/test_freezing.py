"""Which parameters a method trains: the head, with the top layers or the biases, and nothing else."""

import copy
import warnings
from functools import partial

import any_model
import pytest
import torch
from torch import nn
from transformers import (
    CONFIG_MAPPING,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    DebertaConfig,
    DebertaForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
)

from course_utils.methods.bitfit import bitfit
from course_utils.methods.bottleneck import BottleneckStudent
from course_utils.methods.experts import add_experts
from course_utils.methods.freezing import (
    encoder_layers,
    find_parameters,
    head_only,
    scalar_mix,
    top_layers,
    trained_share,
    which_moved,
)

METHODS = [head_only, bitfit, partial(bitfit, only=["query", "intermediate.dense"]), partial(top_layers, k=1)]


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
    assert set(which_moved(before, model.state_dict())) == expected


@pytest.mark.parametrize("method", METHODS)
def test_whatever_was_frozen_before_comes_out_the_same(method, model):
    twin = copy.deepcopy(model).requires_grad_(False)
    assert trainable(method(model)) == trainable(method(twin))


@pytest.mark.parametrize("method", [head_only, bitfit])
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


# --- parts that are new, and weights that are shared ---


def warned(call) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(warning.message) for warning in caught]


def test_a_random_pooler_that_stays_frozen_is_named(model):
    (message,) = warned(lambda: head_only(copy.deepcopy(untrained(model))))
    assert "BertForSequenceClassification has bert.pooler, which head=['classifier'] leaves frozen" in message
    assert not warned(lambda: head_only(untrained(model), ["pooler", "classifier"]))
    nn.init.normal_(model.bert.pooler.dense.bias)  # it has been trained
    assert not warned(lambda: head_only(model))


def untrained(model: nn.Module) -> nn.Module:
    nn.init.zeros_(model.bert.pooler.dense.bias)
    return model


def test_a_new_part_beside_the_base_model_is_named():
    sizes = {"vocab_size": 30, "dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 16}
    model = DistilBertForSequenceClassification(DistilBertConfig(**sizes))
    for method in (head_only, bitfit, partial(top_layers, k=1)):
        (message,) = warned(partial(method, model))
        assert "DistilBertForSequenceClassification has pre_classifier, which" in message
        assert not warned(partial(method, model, head=["pre_classifier", "classifier"]))


def test_a_head_that_is_tied_to_the_embeddings_is_refused_and_nothing_changes():
    config = GPT2Config(vocab_size=30, n_embd=8, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2)
    model = GPT2LMHeadModel(config)
    before = trainable(model)
    for method in (head_only, partial(top_layers, k=1)):
        with pytest.raises(ValueError, match="lm_head shares its weights with transformer.wte.weight"):
            method(model, head=["lm_head"])
    assert trainable(model) == before
    assert not warned(lambda: top_layers(model, 1, head=()))  # a pretrained head is not new
    assert {name.split(".")[2] for name in trainable(model)} == {"1"}


# --- the top layers ---


@pytest.mark.parametrize("k", [0, 1, 2])
def test_top_layers_trains_whole_layers_from_the_head_down(model, k):
    assert top_layers(model, k) is model
    trained = {name for name in trainable(model) if not name.startswith("classifier.")}
    layers = {int(name.split(".")[3]) for name in trained}
    assert layers == set(range(2 - k, 2))
    names = {name for name, _ in model.named_parameters()}
    assert trained == {
        name for name in names if name.startswith(tuple(f"bert.encoder.layer.{i}." for i in layers))
    }


@pytest.mark.parametrize("k", [-1, 3])
def test_more_layers_than_there_are_is_an_error_and_changes_nothing(model, k):
    before = trainable(model)
    with pytest.raises(ValueError, match="2 layers, so k must be from 0 to 2"):
        top_layers(model, k)
    assert trainable(model) == before


def test_layers_are_those_of_the_encoder(model):
    assert encoder_layers(model) is model.bert.encoder.layer
    before = nn.ModuleList([nn.Linear(2, 2)])  # a list ahead of the encoder's: the longest one counts
    assert encoder_layers(nn.ModuleDict({"before": before, "model": model})) is model.bert.encoder.layer
    with pytest.raises(ValueError, match=r"no layers in an nn\.ModuleList"):
        encoder_layers(nn.Linear(2, 2))


TINY = {"vocab_size": 30, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
UNKNOWN_TOP = [  # a model type, its sizes, and why its top layer is not known
    ("albert", {"embedding_size": 8, "hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2,
                "intermediate_size": 16}, "AlbertForSequenceClassification has 3 layers but keeps 1"),
    ("xlm", {"n_words": 30, "emb_dim": 8, "n_layers": 3, "n_heads": 2},
     "XLMForSequenceClassification spreads each of its 3 layers over several lists"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "sizes", "why"), UNKNOWN_TOP, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_model_whose_top_layer_is_not_known_is_refused(kind, sizes, why):
    model = AutoModelForSequenceClassification.from_config(CONFIG_MAPPING[kind](**TINY, **sizes))
    before = trainable(model)
    with pytest.raises(ValueError, match=why):
        top_layers(model, 1, [name for name, _ in model.named_children()][-1:])
    assert trainable(model) == before


def test_the_decoders_layers_are_next_to_the_head_and_experts_are_no_layers():
    sizes = {"d_model": 8, "encoder_layers": 3, "decoder_layers": 2, "encoder_attention_heads": 2,
             "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}  # fmt: skip
    bart = AutoModelForSequenceClassification.from_config(CONFIG_MAPPING["bart"](**TINY, **sizes))
    assert encoder_layers(bart) is bart.model.decoder.layers
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
             "intermediate_size": 16, "num_local_experts": 4}  # fmt: skip
    mixtral = AutoModelForSequenceClassification.from_config(CONFIG_MAPPING["mixtral"](**TINY, **sizes))
    assert encoder_layers(mixtral) is mixtral.model.layers


def test_a_layer_with_many_experts_trains_whole(model):
    top_layers(add_experts(model, 5, 1), 1)
    names = {name for name, _ in model.named_parameters() if name.startswith("bert.encoder.layer.1.")}
    assert len(encoder_layers(model)) == 2 and names < trainable(model)
    assert not {name for name in trainable(model) if ".layer.0." in name}


# --- chosen parameters ---


def test_parameters_are_chosen_by_their_own_name_and_by_the_parts_they_lie_in(model):
    everything = [name for name, _ in model.named_parameters()]
    assert find_parameters(model) == everything and find_parameters(model, parts=[]) == []
    layer, norm = find_parameters(model, parts=["layer.1"]), find_parameters(model, parts=["LayerNorm"])
    assert layer == [name for name in everything if ".layer.1." in name]
    assert find_parameters(model, "weight", ["layer.1"], outside=["LayerNorm"]) == [
        name for name in layer if name.endswith(".weight") and name not in norm
    ]
    assert find_parameters(model, parts=["ayer", "weight", "output.LayerNorm.weight"]) == []


# --- some of the biases ---


def test_biases_of_any_name_train():
    """PyTorch's own attention has in_proj_bias; DeBERTa has q_bias and v_bias."""
    config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=2, num_attention_heads=2)
    student = bitfit(BottleneckStudent(config, 4))
    biases = {name for name, _ in student.named_parameters() if "bias" in name}
    assert "layers.0.body.self_attn.in_proj_bias" in biases
    assert trainable(student) == biases | {"classifier.weight"}
    assert find_parameters(student, "in_proj_bias", ["self_attn"]) == [
        f"layers.{layer}.body.self_attn.in_proj_bias" for layer in range(2)
    ]
    sizes = {"vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    deberta = DebertaForSequenceClassification(DebertaConfig(**sizes, intermediate_size=16))
    found = find_parameters(deberta, "bias", outside=["pooler", "classifier"])
    assert {"q_bias", "v_bias"} <= {name.split(".")[-1] for name in found}


@pytest.mark.parametrize(
    ("only", "each"),
    [(["query"], 1), (["query", "intermediate.dense"], 2), (["LayerNorm"], 2), (["dense"], 3)],
)
def test_some_biases_are_those_of_the_parts_that_are_named(model, only, each):
    found = find_parameters(model, "bias", only, outside=["classifier"])
    in_layers = [name for name in found if ".encoder." in name]
    assert len(in_layers) == 2 * each
    assert all(name.removesuffix(".bias").endswith(tuple(only)) for name in found)
    assert trainable(bitfit(model, only=only)) == {*found, "classifier.weight", "classifier.bias"}


def test_a_part_without_a_bias_is_named_and_nothing_changes(model):
    before = trainable(model)
    with pytest.raises(ValueError, match="called word_embeddings or uery has a bias"):
        bitfit(model, only=["query", "word_embeddings", "uery"])
    assert trainable(model) == before


def test_the_output_does_not_depend_on_the_keys_bias(model):
    """Softmax does not see what is added to every score of a query alike."""
    tokens = torch.randint(30, (4, 6))
    model.eval()
    with torch.no_grad():
        for weight in model.parameters():
            nn.init.normal_(weight)  # as large as after training, so that attention tells tokens apart
        before = model(tokens).logits
        for name in find_parameters(model, "bias", ["key"]):
            model.get_parameter(name).add_(1.0)
        torch.testing.assert_close(model(tokens).logits, before, rtol=1e-4, atol=1e-4)
        for name in find_parameters(model, "bias", ["query"]):
            model.get_parameter(name).add_(1.0)
        assert not torch.allclose(model(tokens).logits, before, atol=1e-3)


# --- counting and mixing ---


def test_the_share_leaves_out_the_head_and_counts_a_tied_weight_once(model):
    total = sum(p.numel() for p in model.parameters())
    assert trained_share(head_only(model)) == 0
    biases = sum(
        model.get_parameter(name).numel() for name in find_parameters(model, "bias", outside=["classifier"])
    )
    assert trained_share(bitfit(model)) == pytest.approx(100 * biases / total)
    one, other = encoder_layers(model)
    other.intermediate.dense.weight = one.intermediate.dense.weight
    shared = one.intermediate.dense.weight.numel()
    top_layers(model, 1)
    layer = sum(p.numel() for p in other.parameters())
    assert trained_share(model) == pytest.approx(100 * layer / (total - shared))


def test_scalar_mix_is_a_mean_with_equal_weights_and_a_choice_with_one_large():
    states = torch.randn(3, 2, 4, 5)
    torch.testing.assert_close(scalar_mix(states, torch.full((3,), 7.0), torch.tensor(1.0)), states.mean(0))
    chosen = scalar_mix(states, torch.tensor([0.0, 99.0, 0.0]), torch.tensor(2.0))
    torch.testing.assert_close(chosen, 2 * states[1])


def test_a_head_outside_a_list_and_a_snapshot_without_copies_are_refused():
    model = any_model.tiny("BERT")
    with pytest.raises(ValueError, match=r"write \['classifier'\]"):
        head_only(model, "classifier")
    with pytest.raises(ValueError, match=r"write \['query'\]"):
        bitfit(model, ["pooler", "classifier"], only="query")
    before = dict(model.named_parameters())
    with pytest.raises(ValueError, match="keep copies"):
        which_moved(before, model.state_dict())
