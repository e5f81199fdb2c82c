"""What must hold for (IA)³: nothing changes at first, little is trained, folding is exact, and peft agrees."""

import copy
import itertools
import random

import peft
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from small_bert import HEAD, config, logits, moved, refuses, weights
from torch import nn
from transformers import BertForSequenceClassification

from course_utils.methods import ia3, replacing

ON_OUTPUT = {f"bert.encoder.layer.{i}.attention.self.{name}" for i in range(2) for name in ("key", "value")}
ON_INPUT = {f"bert.encoder.layer.{i}.output.dense" for i in range(2)}
VECTORS = {f"{path}.ia3_l" for path in ON_OUTPUT | ON_INPUT}
SETTINGS = {f"{path}.on_input" for path in ON_OUTPUT | ON_INPUT}


@pytest.fixture
def base() -> nn.Module:
    torch.manual_seed(0)
    model = BertForSequenceClassification(config()).eval()
    for name, parameter in model.named_parameters():
        if (
            name.endswith("dense.bias") or "self" in name
        ):  # as new they are zero or small, and would hide much
            nn.init.normal_(parameter, std=0.3)
    return model


def inject(base: nn.Module, **options) -> nn.Module:
    return ia3.inject_ia3(copy.deepcopy(base), **options)


@torch.no_grad()
def trained(model: nn.Module, seed: int = 2) -> nn.Module:
    """As after a long training: factors far from one, none near zero, some below it; and another head."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            drawn = torch.rand(parameter.shape, generator=generator)
            parameter.copy_((0.5 + 2 * drawn) * (1 - 2 * (drawn > 0.9)) if "ia3_l" in name else drawn - 0.5)
    return model


# --- before and during training ---


def test_at_first_it_changes_nothing_to_the_last_bit(base, batch):
    assert torch.equal(logits(inject(base), batch), logits(base, batch))


def test_the_default_targets_are_those_of_the_paper(base):
    found = ia3.find_scaled(base, ["key", "value"], r".*\.\d+\.output\.dense", ["classifier"])
    assert {path for path, on_input in found.items() if on_input} == ON_INPUT
    assert {path for path, on_input in found.items() if not on_input} == ON_OUTPUT
    state = ia3.ia3_state(inject(base))
    assert set(state) == VECTORS | HEAD | SETTINGS
    layers, hidden, inner = 2, 16, 32
    assert layers * (2 * hidden + inner) == sum(state[name].numel() for name in VECTORS)
    assert all(bool((state[name] == 1).all()) for name in VECTORS)


@pytest.mark.parametrize("optimizer_type", [torch.optim.SGD, torch.optim.AdamW])
def test_a_step_moves_every_vector_and_the_head_and_nothing_else(base, batch, optimizer_type):
    model = inject(base).train()
    before = weights(model)
    optimizer = optimizer_type(model.parameters(), lr=0.05, weight_decay=0.01)
    model(**batch, labels=torch.tensor([0, 1, 2, 1, 0])).loss.backward()
    optimizer.step()
    changed = moved(model, before)
    assert changed == VECTORS | HEAD


def test_the_model_computes_what_the_paper_writes(base):
    """softmax(q (l_k * k)^T) (l_v * v), and (l_ff * gamma(W1 x)) W2, for one layer, written out."""
    layer = trained(inject(base)).bert.encoder.layer[0]
    plain = base.bert.encoder.layer[0]
    x = torch.randn(1, 6, 16, generator=torch.Generator().manual_seed(3))
    attention, heads = plain.attention.self, (6, 2, 8)
    query = attention.query(x)[0].view(heads)
    key = (attention.key(x) * layer.attention.self.key.ia3_l)[0].view(heads)
    value = (attention.value(x) * layer.attention.self.value.ia3_l)[0].view(heads)
    share = torch.einsum("qhd,khd->hqk", query, key).div(8**0.5).softmax(-1)
    mixed = torch.einsum("hqk,khd->qhd", share, value).reshape(1, 6, 16)
    middle = plain.attention.output(mixed, x)
    inner = F.gelu(plain.intermediate.dense(middle)) * layer.output.dense.ia3_l
    expected = plain.output.LayerNorm(plain.output.dense(inner) + middle)
    found = layer(x)
    found = found[0] if isinstance(found, tuple) else found
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


# --- the algebra ---


def random_layer(inputs: int, outputs: int, on_input: bool, seed: int = 0) -> ia3.IA3Linear:
    torch.manual_seed(seed)
    layer = ia3.IA3Linear(nn.Linear(inputs, outputs), on_input)
    nn.init.uniform_(layer.ia3_l, 0.5, 2)
    return layer


def test_a_scale_behind_the_activation_is_one_before_the_next_layer_but_not_one_before_the_activation():
    first, second = random_layer(6, 4, on_input=False, seed=1), random_layer(4, 3, on_input=True, seed=2)
    scale = second.ia3_l.data.copy_(first.ia3_l.data)
    x = torch.randn(5, 6)
    after = second.linear(scale * F.gelu(first.linear(x)))
    torch.testing.assert_close(after, second(F.gelu(first.linear(x))))
    before = second.linear(F.gelu(first(x)))
    assert (before - after).abs().max() > 0.05
    torch.testing.assert_close(F.relu(first(x)), scale * F.relu(first.linear(x)))  # a ReLU lets it through


# --- folding ---


def test_folded_equals_unfolded(base, batch):
    model = trained(inject(base))
    unfolded = logits(model, batch)
    assert replacing.merge(model) is model
    assert (unfolded - logits(base, batch)).abs().max() > 0.1  # the factors do something
    torch.testing.assert_close(logits(model, batch), unfolded, atol=1e-5, rtol=0)


def test_unfolding_gives_the_weights_back_and_twice_does_no_harm(base):
    model = trained(inject(base))
    before = weights(model)
    once = weights(replacing.merge(model))
    changed = {name for name, value in once.items() if not torch.equal(value, before[name])}
    expected = {f"{path}.linear.weight" for path in ON_OUTPUT | ON_INPUT}
    assert changed == expected | {f"{path}.linear.bias" for path in ON_OUTPUT}
    for name, value in weights(replacing.merge(model)).items():
        assert torch.equal(value, once[name]), name
    for _ in range(2):
        for name, value in weights(replacing.unmerge(model)).items():
            torch.testing.assert_close(value, before[name], atol=1e-6, rtol=0)


def test_a_zero_factor_folds_but_does_not_unfold(base, batch):
    model = trained(inject(base))
    with torch.no_grad():
        model.bert.encoder.layer[1].output.dense.ia3_l[3] = 0
    unfolded = logits(model, batch)
    replacing.unmerge(model)  # nothing is folded in yet
    replacing.merge(model)
    torch.testing.assert_close(logits(model, batch), unfolded, atol=1e-5, rtol=0)
    before = weights(model)
    with pytest.raises(ValueError, match="nobody can divide by zero"):
        replacing.unmerge(model)
    for name, value in weights(model).items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("on_input", [True, False])
def test_folding_keeps_the_dtypes_and_leaves_its_inputs_alone(dtype, on_input):
    weight, bias = torch.ones(3, 3, dtype=dtype), torch.ones(3, dtype=dtype)
    layer = ia3.IA3Linear(nn.Linear(3, 3, dtype=dtype), on_input)
    nn.init.constant_(layer.ia3_l, 0.5)
    new_weight, new_bias = layer.plain(weight, bias)
    assert new_weight.dtype == new_bias.dtype == dtype
    assert torch.equal(new_weight, torch.full((3, 3), 0.5, dtype=dtype))
    assert torch.equal(new_bias, torch.full((3,), 1.0 if on_input else 0.5, dtype=dtype))
    assert torch.equal(weight, torch.ones(3, 3, dtype=dtype)) and torch.equal(bias, torch.ones_like(bias))


@pytest.mark.parametrize("on_input", [True, False])
def test_a_layer_without_bias(on_input):
    layer = ia3.IA3Linear(nn.Linear(6, 4, bias=False), on_input)
    nn.init.uniform_(layer.ia3_l, 0.5, 2)
    x = torch.randn(3, 5, 6)
    expected = layer.linear(x * layer.ia3_l) if on_input else layer.linear(x) * layer.ia3_l
    torch.testing.assert_close(layer(x), expected)
    layer.merge()
    torch.testing.assert_close(layer(x), expected)


# --- storing and switching ---


def test_two_tasks_on_one_base_give_each_its_own_logits_again(base, batch, tmp_path):
    model = trained(inject(base), seed=3)
    first, first_logits = ia3.ia3_state(model), logits(model, batch)
    save_file(first, tmp_path / "ia3.safetensors")
    trained(model, seed=4)
    second, second_logits = ia3.ia3_state(model), logits(model, batch)
    assert (first_logits - second_logits).abs().max() > 0.1
    ia3.load_ia3(model, load_file(tmp_path / "ia3.safetensors"))
    assert torch.equal(logits(model, batch), first_logits)
    ia3.load_ia3(model, second)
    assert torch.equal(logits(model, batch), second_logits)


def test_loading_is_refused_while_folded(base):
    model = trained(inject(base))
    state = ia3.ia3_state(model)
    replacing.merge(model)
    with pytest.raises(ValueError, match="Unmerge it before"):
        ia3.load_ia3(model, state)
    ia3.load_ia3(replacing.unmerge(model), state)


def test_a_factor_of_the_input_is_not_loaded_as_one_of_the_output(base):
    """The attention's output layer is square, so the shapes would fit."""
    square = ["attention.output.dense"]
    state = ia3.ia3_state(trained(inject(base, on_output=square, on_input=[])))
    model = trained(inject(base, on_output=[], on_input=square), seed=4)
    refuses(ia3.load_ia3, model, state, "on_input is True here and was False")


@pytest.mark.parametrize(
    "options", [{"on_input": []}, {"on_output": ["key"]}, {"on_output": ["query", "key", "value"]}, "classes"]
)
def test_loading_what_does_not_fit_is_refused_and_changes_nothing(base, options):
    other = copy.deepcopy(base)
    if options == "classes":
        other.classifier, options = nn.Linear(16, 1), {}
    state = ia3.ia3_state(trained(ia3.inject_ia3(other, **options), seed=5))
    model = trained(inject(base))
    refuses(ia3.load_ia3, model, state, r"do not fit this model.*(ia3_l|classifier)")


# --- what is refused ---


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"on_output": ["k_proj"]}, "called k_proj\\. Outside the head"),
        ({"on_output": ["ey"]}, "called ey\\. Outside the head"),
        ({"on_input": ["classifier"]}, "called classifier\\. Outside the head"),
        ({"on_input": ["value"]}, "value would be scaled twice"),
        ({"on_output": [], "on_input": []}, "both empty"),
        ({"head": ["score"]}, "no part called score"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_changes(base, options, problem):
    before = {name: p.requires_grad for name, p in base.named_parameters()}
    with pytest.raises(ValueError, match=problem):
        ia3.inject_ia3(base, **options)
    assert {name: p.requires_grad for name, p in base.named_parameters()} == before


def test_a_second_injection_is_refused_and_changes_nothing(base):
    model = inject(base)
    with pytest.raises(ValueError, match="IA3Linear layers already"):
        ia3.inject_ia3(model, ["query"])
    assert set(ia3.ia3_state(model)) == VECTORS | HEAD | SETTINGS


def test_a_head_inside_the_body_stays_trainable_and_unscaled(base):
    model = inject(base, on_input=["dense"], head=["pooler", "classifier"])
    assert model.bert.pooler.dense.weight.requires_grad
    assert not any("pooler" in name for name in ia3.ia3_state(model) if "ia3_l" in name)


# --- peft ---


def peft_twin(base: nn.Module, **config) -> peft.PeftModel:
    return peft.get_peft_model(copy.deepcopy(base), peft.IA3Config(task_type="SEQ_CLS", **config))


def test_peft_computes_trains_and_folds_the_same(base, batch):
    ours = trained(inject(base))
    theirs = peft_twin(base, target_modules=[*ON_OUTPUT, *ON_INPUT], feedforward_modules=[*ON_INPUT])
    state = {name: value for name, value in ia3.ia3_state(ours).items() if name not in SETTINGS}
    assert sum(value.numel() for value in state.values()) == theirs.get_nb_trainable_parameters()[0]
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if parameter.requires_grad:
                short = name.removeprefix("base_model.model.").replace(".modules_to_save.default", "")
                value = state[short.removesuffix(".default")]
                parameter.copy_(value.reshape(parameter.shape))
    expected = logits(theirs, batch)
    assert (expected - logits(base, batch)).abs().max() > 0.1
    torch.testing.assert_close(logits(ours, batch), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(
        logits(ia3.merge_ia3(ours), batch), logits(theirs.merge_and_unload(), batch), atol=1e-5, rtol=0
    )


def test_pefts_own_targets_scale_the_attentions_output_as_well(base):
    theirs = peft_twin(base)
    scaled = {name.rpartition(".ia3_l")[0] for name, _ in theirs.named_parameters() if "ia3_l" in name}
    scaled = {path.removeprefix("base_model.model.") for path in scaled}
    extra = {f"bert.encoder.layer.{i}.attention.output.dense" for i in range(2)}
    assert scaled == ON_OUTPUT | ON_INPUT | extra


# --- turning the factors ---


def test_the_dial_turns_the_factors_of_a_copy_and_nothing_else(base, batch):
    model = trained(inject(base))
    before = weights(model)
    assert torch.equal(logits(ia3.turned(model, 1), batch), logits(model, batch))
    for dial in (0, -0.5, 3):
        turned = dict(ia3.turned(model, dial).named_parameters())
        for name, value in before.items():
            expected = 1 + dial * (value - 1) if name in VECTORS else value
            torch.testing.assert_close(turned[name].detach(), expected)
    assert all(torch.equal(value, before[name]) for name, value in weights(model).items())


# --- the Pareto front ---


def test_the_front_is_what_nothing_beats():
    drawn = random.Random(0)
    for _ in range(200):
        points = {(drawn.randint(1, 6), float(drawn.randint(1, 6))) for _ in range(drawn.randint(1, 8))}
        sizes, scores = (list(side) for side in zip(*points, strict=True))
        front = ia3.pareto_front(sizes, scores)
        chosen = [(sizes[i], scores[i]) for i in front]
        assert chosen == sorted(chosen)
        for point, (size, score) in itertools.product(points, points):
            if (size, score) != point and size <= point[0] and score >= point[1]:
                assert point not in chosen
        for point in points - set(chosen):
            assert any(size <= point[0] and score >= point[1] for size, score in chosen)


def test_of_two_equal_points_the_first_is_on_the_front():
    assert ia3.pareto_front([3, 1, 1], [9.0, 5.0, 5.0]) == [1, 0]


@pytest.mark.parametrize(
    ("sizes", "scores"), [([1, 2], [1]), ([1, 2], [float("nan"), 1]), ([float("nan")], [1])]
)
def test_a_front_of_what_cannot_be_compared_is_refused(sizes, scores):
    with pytest.raises(ValueError, match="sizes|NaN"):
        ia3.pareto_front(sizes, scores)
