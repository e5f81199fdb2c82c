"""What must hold for LoRA: nothing changes at first, little is trained, merging is exact, and peft agrees."""

import copy
import math

import any_model
import peft
import pytest
import torch
from safetensors.torch import save_file
from small_bert import HEAD, config, logits, moved, refuses, weights
from torch import nn
from transformers import BertForSequenceClassification

from course_utils.methods import finding, lora, replacing

TARGETS = ["query", "value"]
MATRICES = {
    f"bert.encoder.layer.{layer}.attention.self.{target}.lora_{side}"
    for layer in range(2)
    for target in TARGETS
    for side in "AB"
}
SETTINGS = {
    f"{name.removesuffix('.lora_A')}.{setting}"
    for name in MATRICES
    if name.endswith("A")
    for setting in ("lora_alpha", "rank_stabilized")
}


@pytest.fixture
def base() -> nn.Module:
    torch.manual_seed(0)
    return BertForSequenceClassification(config()).eval()


def inject(base: nn.Module, rank: int = 4, lora_alpha: float = 8, **options) -> nn.Module:
    return lora.inject_lora(copy.deepcopy(base), TARGETS, rank, lora_alpha, **options)


@torch.no_grad()
def trained(model: nn.Module, seed: int = 2) -> nn.Module:
    """As after a long training: random values, far from the first ones, in all that is trainable."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    return model


# --- before and during training ---


def test_at_first_it_changes_nothing_to_the_last_bit(base, batch):
    assert torch.equal(logits(inject(base), batch), logits(base, batch))


def test_a_is_random_and_b_is_zero():
    lora_A, lora_B = lora.lora_init(in_features=6, out_features=5, rank=3)
    assert lora_A.shape == (3, 6) and lora_B.shape == (5, 3)
    assert lora_A.std() > 0 and not lora_B.any()
    assert not torch.equal(lora_A, lora.lora_init(6, 5, 3)[0])


@pytest.mark.parametrize("optimizer_type", [torch.optim.SGD, torch.optim.AdamW])
def test_three_steps_move_a_b_and_the_head_and_nothing_else(base, batch, optimizer_type):
    model = inject(base).train()
    assert {name for name, p in model.named_parameters() if p.requires_grad} == MATRICES | HEAD
    before = weights(model)
    optimizer = optimizer_type(model.parameters(), lr=0.05, weight_decay=0.01)
    for _ in range(3):
        model(**batch, labels=torch.tensor([0, 1, 2, 1, 0])).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    changed = moved(model, before)
    assert changed == MATRICES | HEAD


def test_with_b_zero_the_first_gradient_reaches_b_only(base, batch):
    model = inject(base)
    model(**batch, labels=torch.tensor([0, 1, 2, 1, 0])).loss.backward()
    for name in MATRICES:
        assert bool(model.get_parameter(name).grad.any()) is name.endswith("lora_B"), name


def test_the_scaling_and_the_rank_stabilized_one(base):
    assert lora.LoRALinear(nn.Linear(16, 16), rank=4, lora_alpha=8).scaling == 2
    assert lora.LoRALinear(nn.Linear(16, 16), rank=16, lora_alpha=8, rank_stabilized=True).scaling == 2
    model = inject(base, rank=9, lora_alpha=6, rank_stabilized=True)
    assert model.bert.encoder.layer[0].attention.self.query.scaling == pytest.approx(6 / math.sqrt(9))


def test_the_nearest_matrix_of_a_rank():
    """What is left over is what the other singular values hold, and of a matrix of that rank nothing is left."""
    update = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    for rank in range(6):
        lora_A, lora_B = lora.low_rank(update, rank)
        assert lora_A.shape == (rank, 5) and lora_B.shape == (6, rank)
        left = torch.linalg.svdvals(update)[rank:].norm()
        torch.testing.assert_close((update - lora_B @ lora_A).norm(), left, atol=1e-5, rtol=0)


def test_the_count_is_that_of_the_model(base):
    counted = lora.count_lora_parameters(in_features=16, out_features=16, rank=4, layers=4)
    state = lora.lora_state(inject(base))
    assert counted == sum(value.numel() for name, value in state.items() if name in MATRICES)
    assert lora.count_lora_parameters(3, 5, 2, 1) == sum(x.numel() for x in lora.lora_init(3, 5, 2))


# --- merging ---


@pytest.mark.parametrize("rank_stabilized", [False, True])
def test_merged_equals_unmerged(base, batch, rank_stabilized):
    model = trained(inject(base, rank_stabilized=rank_stabilized))
    unmerged = logits(model, batch)
    assert replacing.merge(model) is model
    assert (unmerged - logits(base, batch)).abs().max() > 0.1  # the update does something
    torch.testing.assert_close(logits(model, batch), unmerged, atol=1e-5, rtol=0)


def test_unmerging_gives_the_weights_back_and_twice_does_no_harm(base):
    model = trained(inject(base))
    before = weights(model)
    replacing.merge(model)
    once = weights(model)
    changed = {name for name, value in once.items() if not torch.equal(value, before[name])}
    assert changed == {name.rpartition(".")[0] + ".linear.weight" for name in MATRICES}
    for name, value in weights(replacing.merge(model)).items():
        assert torch.equal(value, once[name]), name
    for _ in range(2):
        for name, value in weights(replacing.unmerge(model)).items():
            torch.testing.assert_close(value, before[name], atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_merging_keeps_the_dtype_of_the_weight_and_leaves_it_alone(dtype):
    layer = lora.LoRALinear(nn.Linear(2, 3), rank=1, lora_alpha=0.5)
    nn.init.ones_(layer.lora_A)
    nn.init.ones_(layer.lora_B)
    weight = torch.ones(3, 2, dtype=dtype)
    merged, _ = layer.plain(weight, None)
    assert merged.dtype == dtype
    assert torch.equal(merged, torch.full((3, 2), 1.5, dtype=dtype))
    assert torch.equal(weight, torch.ones(3, 2, dtype=dtype))


def test_a_layer_without_bias(batch):
    layer = lora.LoRALinear(nn.Linear(6, 4, bias=False), rank=2, lora_alpha=2)
    nn.init.normal_(layer.lora_B)
    x = torch.randn(3, 5, 6)
    expected = x @ (layer.linear.weight + layer.lora_B @ layer.lora_A).T
    assert layer.bias is None
    torch.testing.assert_close(layer(x), expected)
    layer.merge()
    torch.testing.assert_close(layer(x), expected)


# --- storing and switching ---


def test_two_tasks_on_one_base_give_each_its_own_logits_again(base, batch):
    model = trained(inject(base), seed=3)
    first, first_logits = lora.lora_state(model), logits(model, batch)
    trained(model, seed=4)
    second, second_logits = lora.lora_state(model), logits(model, batch)
    assert (first_logits - second_logits).abs().max() > 0.1
    for state, expected in ((first, first_logits), (second, second_logits), (first, first_logits)):
        lora.load_lora(model, state)
        assert torch.equal(logits(model, batch), expected)


def test_the_state_is_what_was_trained_copied_and_small(base, tmp_path):
    model = trained(inject(base))
    state = lora.lora_state(model)
    assert set(state) == MATRICES | HEAD | SETTINGS
    kept = state["classifier.bias"].clone()
    trained(model, seed=9)
    assert torch.equal(state["classifier.bias"], kept)
    save_file(state, tmp_path / "lora.safetensors")
    save_file(base.state_dict(), tmp_path / "base.safetensors")
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("lora", "base")]
    numbers = [sum(value.numel() for value in part.values()) for part in (state, base.state_dict())]
    assert numbers[0] == 4 * 4 * (16 + 16) + 3 * 16 + 3 + len(SETTINGS)
    # Four bytes a number; the rest is the header, a few hundred bytes a tensor at most.
    for size, number in zip(sizes, numbers, strict=True):
        assert 4 * (number - len(SETTINGS)) < size < 4 * number + 300 * len(base.state_dict())
    assert sizes[0] < sizes[1] / 4


def test_loading_is_refused_while_merged(base):
    model = trained(inject(base))
    state = lora.lora_state(model)
    replacing.merge(model)
    with pytest.raises(ValueError, match="Unmerge it before"):
        lora.load_lora(model, state)
    lora.load_lora(replacing.unmerge(model), state)


@pytest.mark.parametrize("other", [{"lora_alpha": 4}, {"rank_stabilized": True}])
def test_loading_under_other_settings_is_refused_and_changes_nothing(base, batch, other):
    """alpha is in no tensor's shape: loaded under another one, the same tensors compute something else."""
    stored = trained(inject(base, lora_alpha=16))
    state, expected = lora.lora_state(stored), logits(stored, batch)
    name = "lora_alpha" if "lora_alpha" in other else "rank_stabilized"
    model = trained(inject(base, **{"lora_alpha": 16} | other), seed=4)
    refuses(lora.load_lora, model, state, rf"{name} is .* here and was .* stored")
    assert torch.equal(logits(lora.load_lora(inject(base, lora_alpha=16), state), batch), expected)
    bare = {name: value for name, value in state.items() if name not in SETTINGS}
    refuses(lora.load_lora, model, bare, "was not stored when")


@pytest.mark.parametrize("change", ["rank", "rank 1", "fewer targets", "more targets", "classes"])
def test_loading_what_does_not_fit_is_refused_and_changes_nothing(base, change):
    other = copy.deepcopy(base)
    if change == "classes":
        other.classifier = nn.Linear(16, 1)  # of one class: copying would spread it over all three
    targets = {"fewer targets": ["query"], "more targets": [*TARGETS, "key"]}.get(change, TARGETS)
    rank = {"rank": 8, "rank 1": 1}.get(change, 4)
    state = lora.lora_state(trained(lora.inject_lora(other, targets, rank, 8), seed=5))
    model = trained(inject(base))
    refuses(lora.load_lora, model, state, r"do not fit this model.*(lora_[AB]|classifier)")


# --- what is refused ---


@pytest.mark.parametrize(
    ("targets", "unknown"),
    [
        (["q_proj"], "q_proj"),
        (["query", "vlaue"], "vlaue"),
        (["classifier"], "classifier"),
        ("query", "query"),
        (r".*\.(q|k)", r"\.\*\\\.\(q\|k\)"),
    ],
)
def test_unknown_targets_are_named_with_the_list(base, targets, unknown):
    before = {name: p.requires_grad for name, p in base.named_parameters()}
    with pytest.raises(ValueError, match=f"called {unknown}.* called dense, key, query, value"):
        lora.inject_lora(base, targets, 4, 8)
    assert {name: p.requires_grad for name, p in base.named_parameters()} == before


def test_a_second_injection_is_refused_and_changes_nothing(base):
    model = inject(base)
    with pytest.raises(ValueError, match="LoRALinear layers already"):
        lora.inject_lora(model, ["key"], 4, 8)
    assert set(lora.lora_state(model)) == MATRICES | HEAD | SETTINGS


def test_a_missing_head_is_refused_and_changes_nothing(base):
    before = set(base.state_dict())
    with pytest.raises(ValueError, match="no part called score"):
        lora.inject_lora(base, TARGETS, 4, 8, head=["score"])
    assert set(base.state_dict()) == before and all(p.requires_grad for p in base.parameters())


# --- peft ---


def peft_twin(base: nn.Module, rank: int, lora_alpha: float, rank_stabilized: bool) -> peft.PeftModel:
    config = peft.LoraConfig(
        task_type="SEQ_CLS",
        r=rank,
        lora_alpha=lora_alpha,
        target_modules=TARGETS,
        lora_dropout=0.0,
        use_rslora=rank_stabilized,
    )
    return peft.get_peft_model(copy.deepcopy(base), config)


def stored_by_peft(model: peft.PeftModel) -> dict[str, torch.Tensor]:
    """What peft stores, under our names."""
    stored = peft.get_peft_model_state_dict(model)
    return {
        name.removeprefix("base_model.model.").removesuffix(".weight")
        if "lora_" in name
        else name.removeprefix("base_model.model."): value
        for name, value in stored.items()
    }


@pytest.mark.parametrize("rank_stabilized", [False, True])
@pytest.mark.parametrize(("rank", "lora_alpha"), [(4, 8), (3, 16)])
def test_peft_computes_trains_and_stores_the_same(base, batch, rank, lora_alpha, rank_stabilized):
    ours = trained(inject(base, rank, lora_alpha, rank_stabilized=rank_stabilized))
    theirs = peft_twin(base, rank, lora_alpha, rank_stabilized)
    state = {name: value for name, value in lora.lora_state(ours).items() if name not in SETTINGS}
    named = {
        "base_model.model." + (f"{name}.weight" if "lora_" in name else name): value
        for name, value in state.items()
    }
    peft.set_peft_model_state_dict(theirs, named)

    assert sum(value.numel() for value in state.values()) == theirs.get_nb_trainable_parameters()[0]
    stored = stored_by_peft(theirs)
    assert stored.keys() == state.keys()  # the head too; the pooler is frozen in both, and not stored
    for name, value in stored.items():
        assert torch.equal(value, state[name]), name

    expected = logits(theirs, batch)
    assert (expected - logits(base, batch)).abs().max() > 0.1
    torch.testing.assert_close(logits(ours, batch), expected, atol=1e-6, rtol=0)
    assert lora.merge_lora(ours) is ours and not replacing.wrapped(ours)
    torch.testing.assert_close(
        logits(ours, batch), logits(theirs.merge_and_unload(), batch), atol=1e-5, rtol=0
    )


def test_peft_starts_with_b_zero_and_a_of_the_same_spread():
    torch.manual_seed(0)
    base = nn.ModuleDict({"query": nn.Linear(256, 64)})
    config = peft.LoraConfig(r=32, target_modules=["query"])
    theirs = peft.inject_adapter_in_model(config, base)["query"]
    lora_A, lora_B = lora.lora_init(256, 64, 32)
    assert not theirs.lora_B["default"].weight.any() and theirs.lora_B["default"].weight.shape == lora_B.shape
    spread = theirs.lora_A["default"].weight.std().item()
    assert lora_A.std().item() == pytest.approx(spread, rel=0.05)


def test_a_target_may_be_the_end_of_a_path(base):
    """Three layers of a BERT block are called "dense"; only one of them is the attention's output."""
    with pytest.raises(ValueError, match="is called tput.dense"):
        finding.find_layers(base, ["tput.dense"], ["classifier"])
    model = lora.inject_lora(base, ["attention.output.dense"], 2, 4, head=["pooler", "classifier"])
    adapted = {path for path, part in model.named_modules() if isinstance(part, lora.LoRALinear)}
    assert adapted == {f"bert.encoder.layer.{i}.attention.output.dense" for i in range(2)}
    assert model.bert.pooler.dense.weight.requires_grad


def test_a_string_is_a_regular_expression_for_whole_paths_as_in_peft(base):
    pattern = r".*layer\.1\.attention\.self\.(query|key)"
    theirs = peft.get_peft_model(
        copy.deepcopy(base), peft.LoraConfig(r=2, target_modules=pattern, task_type="SEQ_CLS")
    )
    ours = replacing.wrapped(lora.inject_lora(base, pattern, 2, 4))
    assert set(ours) == {
        name.removeprefix("base_model.model.")
        for name, part in theirs.named_modules()
        if isinstance(part, peft.tuners.lora.Linear)
    }
    assert len(ours) == 2


def test_a_rank_without_room_is_refused_and_changes_nothing(base):
    with pytest.raises(ValueError, match="rank must be 1 or more, and it is 0"):
        lora.inject_lora(base, TARGETS, 0, 8)
    assert all(p.requires_grad for p in base.parameters())


def test_an_update_in_half_precision_is_decomposed_in_float32():
    update = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    a, b = lora.low_rank(update.bfloat16(), 4)
    torch.testing.assert_close(b @ a, update.bfloat16().float())


def test_a_rank_is_a_whole_number():
    with pytest.raises(ValueError, match="rank must be a whole number"):
        lora.inject_lora(any_model.tiny("BERT"), ["query"], 2.5, 4, head=["pooler", "classifier"])
