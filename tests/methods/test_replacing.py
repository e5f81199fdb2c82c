"""What must hold wherever a layer is wrapped: its neighbours, its hooks, a second method, a folder on a disk."""

import copy
import json
import os

import any_model
import peft
import pytest
import torch
import torch.nn.functional as F
from any_model import head_of, tiny
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils import parametrizations
from transformers import BertConfig
from wrapping import OUTPUT_DENSE, TARGETS, applied, gradients, logits, moved

from course_utils.methods import (
    adapters,
    bitfit,
    finding,
    freezing,
    ia3,
    lora,
    peft_format,
    quantization,
    replacing,
)
from course_utils.methods.bottleneck import BottleneckStudent

HEAD = ["pooler", "classifier"]
ADD = {
    "LoRA": lambda model: lora.inject_lora(model, ["query", "output.dense"], 2, 4, head=HEAD),
    "(IA)³": lambda model: ia3.inject_ia3(model, head=HEAD),
    "adapters": lambda model: adapters.inject_adapters(model, 4, head=HEAD),
}
OWN = {"LoRA": ".lora_", "(IA)³": ".ia3_l", "adapters": ".adapter."}
PAIRS = [(one, two) for one in ADD for two in ADD if one != two]


# --- a second method on top ---


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_two_methods_both_count_and_both_train(one, two):
    model = moved(ADD[one](tiny("BERT")))
    before = logits(model)
    model = ADD[two](model)
    assert (logits(model) - before).abs().max() < (1e-2 if two == "adapters" else 1e-6)
    found = gradients(moved(model))
    for method in (one, two):
        own = [gradient for name, gradient in found.items() if OWN[method] in name]
        assert own and all(gradient is not None and gradient.any() for gradient in own), method
    assert (logits(model) - before).abs().max() > 0.01


@pytest.mark.parametrize(("one", "two"), [("LoRA", "(IA)³"), ("(IA)³", "LoRA")])
def test_two_methods_merge_into_one_plain_model(one, two):
    model = moved(ADD[two](moved(ADD[one](tiny("BERT")))))
    unmerged, outer = logits(model), replacing.wrapped(model)["bert.encoder.layer.0.output.dense"]
    assert type(outer.linear) in (lora.LoRALinear, ia3.IA3Linear)  # one around the other
    torch.testing.assert_close(F.linear(torch.eye(64), outer.weight, outer.bias), outer(torch.eye(64)))
    with pytest.raises(ValueError, match="not merged. Merge both at once"):
        outer.merge()
    torch.testing.assert_close(logits(replacing.merge(model)), unmerged, atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match="is merged around the layer"):
        replacing.unmerge(model, type(outer.linear))
    torch.testing.assert_close(logits(replacing.unmerge(model)), unmerged, atol=1e-4, rtol=1e-4)
    plain = replacing.merge_and_unload(model)
    assert set(plain.state_dict()) == set(tiny("BERT").state_dict())
    torch.testing.assert_close(logits(plain), unmerged, atol=1e-4, rtol=1e-4)


def test_lora_merges_out_from_under_adapters_which_stay():
    model = moved(ADD["adapters"](moved(ADD["LoRA"](tiny("BERT")))))
    before = logits(model)
    with pytest.raises(ValueError, match="adapter is not linear"):
        replacing.merge_and_unload(model)
    torch.testing.assert_close(logits(lora.merge_lora(model)), before, atol=1e-4, rtol=1e-4)
    assert adapters.adapted_outputs(model) and not replacing.wrapped(model)


def test_a_method_that_was_chosen_before_is_not_frozen_in_silence():
    model = freezing.head_only(tiny("BERT"), HEAD)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(parameter.requires_grad or name.endswith("query.bias"))
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    for method, add in ADD.items():
        with pytest.raises(
            ValueError, match="Only some of this model's own tensors train, such as .*query.bias"
        ):
            add(model)
        assert {name for name, p in model.named_parameters() if p.requires_grad} == trained, method


@pytest.mark.parametrize("method", ADD)
def test_bitfit_does_not_freeze_a_method_in_silence(method):
    model = ADD[method](tiny("BERT"))
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    with pytest.raises(ValueError, match="another method's layers already, such as bert.encoder.layer.0"):
        bitfit.bitfit(model, HEAD)
    assert {name for name, p in model.named_parameters() if p.requires_grad} == trained


@pytest.mark.parametrize("method", ADD)
def test_int8_stands_alone(method):
    with pytest.raises(ValueError, match="are int8"):
        ADD[method](quantization.quantize_linears(tiny("BERT")))
    model = ADD[method](tiny("BERT"))
    before = logits(model)
    with pytest.raises(ValueError, match="Merge it first"):
        quantization.quantize_linears(model)
    assert torch.equal(logits(model), before)
    with pytest.raises(ValueError, match="are int8"):
        quantization.round_base(
            quantization.quantize_linears(tiny("BERT")), quantization.nf4_levels(), 32, []
        )


def test_rounding_goes_under_a_method_and_leaves_its_own_tensors():
    model = moved(ADD["adapters"](moved(ADD["LoRA"](tiny("BERT")))))
    before = {name: p.clone() for name, p in model.named_parameters()}
    quantization.round_base(model, quantization.nf4_levels(), 32, HEAD)
    changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert "bert.encoder.layer.0.attention.self.query.linear.weight" in changed
    assert not changed & replacing.added_parameters(model)


def test_blocks_that_do_not_fill_are_refused_before_anything_is_rounded():
    model = tiny("BERT", hidden_size=36, intermediate_size=72)
    before = logits(model)
    with pytest.raises(ValueError, match="query has 1296 weights, which do not fill blocks of 64"):
        quantization.round_base(model, quantization.nf4_levels(), 64, HEAD)
    assert torch.equal(logits(model), before)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rounding_keeps_the_dtype(dtype):
    x = torch.randn(4, 64, dtype=dtype)
    assert quantization.to_nearest_levels(x, quantization.nf4_levels(), 64).dtype == dtype


# --- layers that are not plain, and parts that read weights ---


class Doubled(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


@pytest.mark.parametrize("method", ["LoRA", "(IA)³"])
def test_a_subclass_is_called_and_a_hook_runs(method):
    model = tiny("BERT")
    key = model.bert.encoder.layer[0].attention.self.query
    key.__class__, seen = Doubled, []
    key.register_forward_hook(lambda *_: seen.append(1))
    before = logits(model)
    targets = {"LoRA": lambda: lora.inject_lora(model, ["query"], 2, 4, head=HEAD)}
    targets["(IA)³"] = lambda: ia3.inject_ia3(model, ["query"], [], HEAD)
    assert torch.equal(logits(targets[method]()), before) and len(seen) == 2
    replacing.unmerge(model)
    assert (logits(moved(model)) - before).abs().max() > 0.01


@pytest.mark.parametrize("target", ["out_proj", "linear1", "linear2", "down"])
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("grad", [True, False])
def test_torchs_own_attention_reads_the_weight_with_the_update_in_it(target, train, grad):
    """It never calls out_proj, and in eval mode without gradients no linear layer at all."""
    torch.manual_seed(0)
    model = BottleneckStudent(
        BertConfig(vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_labels=3),
        16,
    ).eval()
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
        if isinstance(part, nn.MultiheadAttention):
            part.dropout = 0.0
    with torch.no_grad():
        before = model(**any_model.batch()).logits
    lora.inject_lora(model, [target], 2, 4, head=["classifier"])
    for name, parameter in model.named_parameters():
        if name.endswith("lora_B"):
            nn.init.normal_(parameter, std=0.5)
    with torch.no_grad():
        merged = replacing.merge(copy.deepcopy(model))(**any_model.batch()).logits
    with torch.set_grad_enabled(grad):
        found = model.train(train)(**any_model.batch()).logits
    assert (found - before).abs().max() > 0.01
    torch.testing.assert_close(found, merged, atol=1e-4, rtol=1e-4)
    if grad:
        found.sum().backward()
        assert all(p.grad.any() for name, p in model.named_parameters() if name.endswith("lora_B"))


def test_adapters_are_refused_where_torchs_own_attention_would_not_call_them():
    model = BottleneckStudent(
        BertConfig(vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4), 16
    )
    with pytest.raises(ValueError, match="reads its weight and does not call it"):
        adapters.inject_adapters(model, 4)
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("method", ["LoRA", "(IA)³"])
def test_what_a_wrapped_layer_shows_is_the_plain_layer_that_computes_the_same(method):
    for name in ("GPT-2", "T5"):  # a Conv1D keeps its weight the other way round
        layer = next(iter(replacing.wrapped(moved(applied(method, name))).values()))
        x = torch.randn(3, layer.in_features)
        weight = layer.weight.T if name == "GPT-2" else layer.weight
        assert weight.shape == (layer.out_features, layer.in_features)
        assert layer.weight.shape == layer.linear.weight.shape
        torch.testing.assert_close(F.linear(x, weight, layer.bias), layer(x))


def test_tied_weights_are_refused_by_name():
    model = tiny("GPT-2", language=True)
    with pytest.raises(ValueError, match="lm_head shares its weight with transformer.wte"):
        lora.inject_lora(model, r".*", 2, 4, head=[])
    assert all(p.requires_grad for p in model.parameters())
    lora.inject_lora(model, ["c_attn"], 2, 4, head=[])
    assert model.lm_head.weight is model.transformer.wte.weight
    untied = tiny("GPT-2", language=True, tie_word_embeddings=False)
    assert "lm_head" in replacing.wrapped(lora.inject_lora(untied, r".*", 2, 4, head=[]))


def test_a_layer_that_stands_in_two_places_is_replaced_in_both():
    shared = nn.Linear(4, 4)
    model = nn.ModuleDict({"one": shared, "two": shared, "classifier": nn.Linear(4, 2)})
    lora.inject_lora(model, ["one"], 2, 4)
    assert model["one"] is model["two"] and isinstance(model["two"], lora.LoRALinear)


def test_what_cannot_be_written_is_not_merged():
    model = nn.ModuleDict(
        {"query": parametrizations.weight_norm(nn.Linear(4, 4)), "classifier": nn.Linear(4, 2)}
    )
    lora.inject_lora(model, ["query"], 2, 4)
    with pytest.raises(ValueError, match="is quantized, computed from others or elsewhere"):
        replacing.merge(model)


def test_new_parts_stand_on_the_device_and_in_the_mode_of_the_layer():
    model = tiny("Llama").to("meta")
    for part in replacing.added_parameters(lora.inject_lora(model, ["q_proj"], 2, 4, head=["score"])):
        assert model.get_parameter(part).is_meta
    assert all(part.training for part in lora.inject_lora(tiny("BERT").train(), ["query"], 2, 4).modules())


# --- targets ---


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("targets", ["names", "expression"])
def test_targets_fit_what_they_fit_in_peft(name, targets):
    given = TARGETS[name][0] if targets == "names" else OUTPUT_DENSE
    if targets == "expression" and TARGETS[name][1] != OUTPUT_DENSE:
        given = r".*(\.0|mlp).*(Wo|c_proj|4h_to_h|fc2|down_proj|wo)"
    model = tiny(name)
    config = peft.LoraConfig(r=2, target_modules=given, modules_to_save=head_of(model))
    theirs = peft.get_peft_model(tiny(name), config).targeted_module_names
    assert set(finding.find_layers(model, given, head_of(model))) == set(theirs)


def test_a_broken_or_empty_target_is_told():
    with pytest.raises(
        ValueError, match="called frobnicate. Outside the head, its linear layers are called c_attn"
    ):
        lora.inject_lora(tiny("GPT-2"), ["c_attn", "frobnicate"], 2, 4, head=["score"])
    with pytest.raises(ValueError, match="not a regular expression"):
        lora.inject_lora(tiny("GPT-2"), "(c_attn", 2, 4, head=["score"])
    with pytest.raises(ValueError, match="no targets"):
        lora.inject_lora(tiny("GPT-2"), [], 2, 4, head=["score"])


# --- a folder on a disk ---


def written(tmp_path, method: str = "LoRA"):
    model = moved(ADD[method](tiny("BERT")))
    (lora.save_lora if method == "LoRA" else ia3.save_ia3)(model, tmp_path / "adapter")
    return model, tmp_path / "adapter"


def test_a_folder_is_complete_or_not_there(tmp_path, monkeypatch):
    model, folder = written(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {"adapter_config.json", "adapter_model.safetensors"}

    def full(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr(peft_format.json, "dumps", full)
    with pytest.raises(OSError, match="No space"):
        lora.save_lora(moved(model), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert os.listdir(tmp_path) == ["adapter"]
    monkeypatch.undo()
    lora.save_lora(moved(model), folder)  # the same folder again: replaced
    assert (folder / "adapter_model.safetensors").read_bytes() != before["adapter_model.safetensors"]
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds other files"):
        lora.save_lora(model, folder)
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("setting", "value"),
    [("use_dora", True), ("rank_pattern", {"query": 4}), ("bias", "all"), ("peft_type", "LOHA")],
)
def test_what_this_course_does_not_have_is_refused_by_name(tmp_path, setting, value):
    _, folder = written(tmp_path)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {setting: value}))
    model = tiny("BERT")
    with pytest.raises(ValueError, match="LOHA" if setting == "peft_type" else setting):
        lora.load_lora(model, folder)
    assert not replacing.wrapped(model) and all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("start", ["pissa", "olora"])
def test_an_adapter_of_peft_that_changed_the_base_is_refused(tmp_path, start):
    """peft takes the start of LoRA out of the base weights, here and again when it loads."""
    config = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["query"], init_lora_weights=start)
    adapted = peft.get_peft_model(tiny("BERT").eval(), config)
    with torch.no_grad():
        next(p for p in adapted.parameters() if p.requires_grad).add_(0.1)
    adapted.save_pretrained(tmp_path)
    model = tiny("BERT").eval()
    with pytest.raises(ValueError, match=f"begun with init_lora_weights = '{start}'"):
        lora.load_lora(model, tmp_path)
    assert not replacing.wrapped(model) and all(p.requires_grad for p in model.parameters())
    loaded = peft.PeftModel.from_pretrained(model, tmp_path)
    torch.testing.assert_close(logits(loaded), logits(adapted))


def test_a_folder_that_does_not_fit_changes_nothing(tmp_path):
    _, folder = written(tmp_path)
    model = tiny("BERT", hidden_size=16)
    before = logits(model)
    with pytest.raises(ValueError, match="do not fit this model"):
        lora.load_lora(model, folder)
    assert not replacing.wrapped(model) and torch.equal(logits(model), before)
    tensors = load_file(folder / "adapter_model.safetensors")
    tensors.pop(next(name for name in tensors if "lora_A" in name))
    save_file(tensors, folder / "adapter_model.safetensors")
    model = tiny("BERT")
    with pytest.raises(ValueError, match="do not fit this model"):
        lora.load_lora(model, folder)
    assert not replacing.wrapped(model) and all(p.requires_grad for p in model.parameters())


def test_a_folder_with_another_alpha_is_refused(tmp_path):
    _, folder = written(tmp_path)
    model = lora.inject_lora(tiny("BERT"), ["query", "output.dense"], 2, 16, head=HEAD)
    with pytest.raises(ValueError, match="lora_alpha is 16 here and was 4"):
        lora.load_lora(model, folder)


def test_what_peft_has_no_place_for_is_not_written(tmp_path):
    model, folder = ADD["LoRA"](tiny("BERT")), tmp_path / "adapter"
    for change, message in (
        (lambda: replacing.merge(model), "not merged"),
        (
            lambda: (
                replacing.unmerge(model).get_parameter("bert.embeddings.LayerNorm.bias").requires_grad_(True)
            ),
            "LayerNorm.bias trains too",
        ),
        (lambda: ADD["(IA)³"](model.requires_grad_(False)), "trains|two methods|Only LoRALinear"),
    ):
        change()
        with pytest.raises(ValueError, match=message):
            lora.save_lora(model, folder)
        assert not folder.exists()
    with pytest.raises(ValueError, match="0 of them"):
        lora.save_lora(tiny("BERT"), folder)


@pytest.mark.parametrize("merged", [replacing.merge, replacing.merge_and_unload, lora.merge_lora])
def test_a_model_without_a_method_on_it_is_not_merged_in_silence(merged):
    with pytest.raises(ValueError, match="nothing to merge"):
        merged(any_model.tiny("BERT"))
