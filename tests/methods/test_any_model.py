"""Methods that wrap layers, on every kind of model: each works in every dtype, or refuses before anything changes."""

import any_model
import peft
import pytest
import torch
from any_model import DTYPES, head_of, tiny
from torch import nn
from transformers import CONFIG_MAPPING, AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D
from wrapping import ADD_PARAMETERS, REFUSED, TARGETS, WORKS, applied, gradients, logits, moved

from course_utils.methods import adapters, ia3, lora, madx, quantization, replacing

every_model = pytest.mark.parametrize("name", TARGETS)
both = pytest.mark.parametrize("method", ["LoRA", "(IA)³"])
SAVE = {"LoRA": lora.save_lora, "(IA)³": ia3.save_ia3}
LOAD = {"LoRA": lora.load_lora, "(IA)³": ia3.load_ia3}
MERGE = {"LoRA": lora.merge_lora, "(IA)³": ia3.merge_ia3}


def frozen(name: str, dtype: torch.dtype = torch.float32, **more: object) -> nn.Module:
    return tiny(name, dtype=dtype, **more).requires_grad_(False)


# --- the matrix ---


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("method", "name"), WORKS)
def test_it_works_in_the_dtype_of_the_model(method, name, dtype):
    model = applied(method, name, dtype)
    after = logits(model)
    assert after.dtype == dtype and after.isfinite().all()
    if method in ("LoRA", "(IA)³"):
        assert torch.equal(after, logits(frozen(name, dtype)))
    if method not in ADD_PARAMETERS:
        return
    added = replacing.added_parameters(model)
    assert added and {p.dtype for n, p in model.named_parameters() if n in added} == {torch.float32}
    assert {n for n, p in model.named_parameters() if p.requires_grad} - added == {
        n for n, _ in model.named_parameters() if set(n.split(".")) & set(head_of(model)) and n not in added
    }
    found = gradients(moved(model))
    assert all(gradient is not None and gradient.isfinite().all() for gradient in found.values())
    assert all(found[name].any() for name in added if "lora_B" in name or "ia3_l" in name)


@pytest.mark.parametrize(
    ("method", "name"), [(method, name) for method, names in REFUSED.items() for name in names]
)
def test_it_refuses_with_the_kind_of_model_and_changes_nothing(method, name):
    model = tiny(name)
    before, keys = logits(model), set(model.state_dict())
    with pytest.raises(ValueError, match=type(model).__name__):
        madx.add_stacks(model, head_of(model))
    assert set(model.state_dict()) == keys and all(p.requires_grad for p in model.parameters())
    assert torch.equal(logits(model), before)


@every_model
def test_every_layer_has_its_adapters(name):
    places = adapters.adapted_outputs(applied("Houlsby adapters", name))
    assert len(places) == (4 * any_model.LAYERS + any_model.LAYERS if name == "T5" else 2 * any_model.LAYERS)
    fewer = adapters.adapted_outputs(applied("Pfeiffer adapters", name))
    assert len(fewer) == (2 if name == "T5" else 1) * any_model.LAYERS and fewer.keys() < places.keys()


@every_model
def test_no_linear_layer_is_left_in_float(name):
    small = applied("int8", name)
    assert not [part for part in small.modules() if isinstance(part, nn.Linear | Conv1D)]
    before, after = logits(frozen(name)), logits(small)
    assert 0 < (after - before).norm() < 0.1 * before.norm()


# --- beside peft ---


@both
@every_model
def test_peft_reads_what_we_write_and_computes_trains_and_merges_the_same(method, name, tmp_path):
    ours = moved(applied(method, name))
    SAVE[method](ours, tmp_path / "ours")
    theirs = peft.PeftModel.from_pretrained(tiny(name), tmp_path / "ours", is_trainable=True).eval()
    assert (logits(ours) - logits(frozen(name))).abs().max() > 0.1
    torch.testing.assert_close(logits(theirs), logits(ours), atol=1e-5, rtol=1e-5)
    expected = {short(name): gradient for name, gradient in gradients(theirs).items()}
    found = gradients(ours)
    assert found.keys() == expected.keys()
    for key, gradient in found.items():
        torch.testing.assert_close(gradient, expected[key].view_as(gradient), atol=1e-5, rtol=1e-4, msg=key)
    theirs.merge_adapter()
    torch.testing.assert_close(logits(MERGE[method](ours)), logits(theirs), atol=1e-5, rtol=1e-5)


@both
@every_model
def test_we_read_what_peft_writes(method, name, tmp_path):
    outputs, inputs = TARGETS[name]
    base = tiny(name)
    heads = {"modules_to_save": head_of(base)}
    if method == "LoRA":
        config = peft.LoraConfig(r=3, lora_alpha=7, use_rslora=True, target_modules=outputs, **heads)
    else:
        paths = list(ia3.find_scaled(base, outputs, inputs, head_of(base)))
        scaled = [
            path
            for path, on_input in ia3.find_scaled(base, outputs, inputs, head_of(base)).items()
            if on_input
        ]
        config = peft.IA3Config(target_modules=paths, feedforward_modules=scaled, **heads)
    theirs = moved(peft.get_peft_model(base, config))
    theirs.save_pretrained(tmp_path)
    expected = logits(theirs)
    assert (expected - logits(frozen(name))).abs().max() > 0.1
    ours = LOAD[method](tiny(name), tmp_path)  # a plain model: it gets its layers, too
    torch.testing.assert_close(logits(ours), expected, atol=1e-5, rtol=1e-5)
    again = LOAD[method](moved(ours, 1.0), tmp_path)  # one that has them
    torch.testing.assert_close(logits(again), expected, atol=1e-5, rtol=1e-5)


def short(name: str) -> str:
    """peft's name of a tensor -> ours."""
    name = name.removeprefix("base_model.model.").replace("modules_to_save.default.", "")
    return name.replace(".default.weight", "").removesuffix(".default")


# --- merged, a plain model is left ---


@both
@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, torch.float32) for name in TARGETS]
    + [(name, dtype) for name in ("BERT", "GPT-2", "T5") for dtype in DTYPES[1:]],
)
def test_merged_a_plain_model_is_left_that_from_pretrained_loads(method, name, dtype, tmp_path):
    model = moved(applied(method, name, dtype))
    unmerged, keys = logits(model), set(tiny(name).state_dict())
    close = {"atol": 1e-4, "rtol": 1e-4} if dtype == torch.float32 else {"atol": 0.15, "rtol": 0.1}
    torch.testing.assert_close(logits(replacing.merge(model)), unmerged, **close)
    if dtype == torch.float32:
        torch.testing.assert_close(logits(replacing.unmerge(model)), unmerged, **close)
    plain = MERGE[method](model)
    assert set(plain.state_dict()) == keys and not replacing.wrapped(plain)
    merged = logits(plain)
    torch.testing.assert_close(merged, unmerged, **close)
    plain.save_pretrained(tmp_path)
    loaded, report = type(plain).from_pretrained(tmp_path, dtype=dtype, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    close = {"atol": 0, "rtol": 0} if dtype == torch.float32 else close  # it keeps some buffers in float32
    torch.testing.assert_close(logits(loaded), merged, **close)


# --- under checkpointing ---


@pytest.mark.parametrize("method", ADD_PARAMETERS[:4])
@pytest.mark.parametrize("name", ["BERT", "GPT-2", "Llama", "T5"])
def test_recomputed_layers_have_the_same_gradients(method, name):
    model = moved(applied(method, name)).train()
    torch.manual_seed(0)  # of dropout
    expected = gradients(model)
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    torch.manual_seed(0)
    for key, gradient in gradients(model).items():
        torch.testing.assert_close(gradient, expected[key], msg=key)


# --- experts ---

EXPERTS = {
    "num_local_experts": 4, "num_key_value_heads": 2, "hidden_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 4, "intermediate_size": 48, "vocab_size": 100,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["mixtral", "glm4_moe"])
@pytest.mark.parametrize("method", ["int8", "Pfeiffer adapters"])
def test_experts_that_share_one_tensor_are_not_left_out_in_silence(method, kind):
    """GLM-4 and DeepSeek have one shared expert of linear layers beside them: it is not the whole sublayer."""
    sizes = EXPERTS | ({"n_routed_experts": 4, "moe_intermediate_size": 16} if kind == "glm4_moe" else {})
    model = AutoModelForCausalLM.from_config(CONFIG_MAPPING[kind](**sizes))
    with pytest.raises(ValueError, match="4 matrices in one tensor, gate_up_proj"):
        quantization.quantize_linears(model) if method == "int8" else adapters.inject_adapters(
            model, 4, "pfeiffer", ()
        )
    assert not replacing.wrapped(model) and all(p.requires_grad for p in model.parameters())
    assert not any(isinstance(part, quantization.Int8Linear) for part in model.modules())


def test_no_adapter_stands_on_a_gate():
    """AFMoE lists the gate of its attention last, and its gate is as wide as the model."""
    sizes = EXPERTS | {"num_dense_layers": 2, "head_dim": 8}
    model = AutoModelForCausalLM.from_config(CONFIG_MAPPING["afmoe"](**sizes))
    with pytest.raises(ValueError, match="self_attn.gate_proj is a gate"):
        adapters.inject_adapters(model, 4, head=())
