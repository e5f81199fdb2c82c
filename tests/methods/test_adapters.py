"""What must hold for adapters: next to nothing changes at first, little is trained, and a task is a small file."""

import copy

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from small_bert import HEAD, config, logits, refuses, weights
from torch import nn
from transformers import BertForSequenceClassification, BertForTokenClassification

from course_utils.methods import adapters

WIDTH, LAYERS = 16, 2
TENSORS = [f"{way}.{part}" for way in ("down", "up") for part in ("weight", "bias")]
ENDS = {"houlsby": ("attention.output", "output"), "pfeiffer": ("output",)}
BOTH = pytest.mark.parametrize("kind", ["houlsby", "pfeiffer"])


def names(kind: str) -> set[str]:
    return {
        f"bert.encoder.layer.{layer}.{end}.adapter.{tensor}"
        for layer in range(LAYERS)
        for end in ENDS[kind]
        for tensor in TENSORS
    }


@pytest.fixture
def base() -> nn.Module:
    torch.manual_seed(0)
    return scattered(BertForSequenceClassification(config()).eval(), seed=0, spread=0.1)


def inject(base: nn.Module, bottleneck_size: int = 4, kind: str = "houlsby", **options) -> nn.Module:
    return adapters.inject_adapters(copy.deepcopy(base), bottleneck_size, kind, **options)


@torch.no_grad()
def scattered(model: nn.Module, seed: int = 2, spread: float = 0.5) -> nn.Module:
    """As after a long training: values far from the first ones in all that is trainable."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.add_(torch.randn(parameter.shape, generator=generator) * spread)
    return model


# --- before training ---


@BOTH
def test_at_first_it_changes_next_to_nothing(base, batch, kind):
    before = logits(base, batch)
    spread = before.std()
    apart = [(logits(inject(base, 4, kind, init_std=s), batch) - before).abs().max() for s in (0.01, 0.001)]
    assert 0 < apart[0] < 0.02 * spread
    assert apart[1] < apart[0] / 10  # both matrices shrink: the product does with the square
    assert (logits(inject(base, 4, kind, init_std=1.0), batch) - before).abs().max() > 0.1 * spread


@BOTH
def test_with_the_way_up_at_zero_nothing_changes_to_the_last_bit(base, batch, kind):
    model = inject(base, 4, kind)
    for place in adapters.adapted_outputs(model).values():
        nn.init.zeros_(place.adapter.up.weight)
    assert torch.equal(logits(model, batch), logits(base, batch))


def test_the_first_weights_are_small_cut_off_and_drawn_anew():
    down_weight, up_weight = adapters.adapter_init(200, 50)
    assert down_weight.shape == (50, 200) and up_weight.shape == (200, 50)
    for weight in (down_weight, up_weight):
        assert 0.008 < weight.std() < 0.0095  # less than 0.01, since the tails are cut off
        assert weight.abs().max() <= 0.02 and abs(weight.mean()) < 1e-3
    assert not torch.equal(down_weight, adapters.adapter_init(200, 50)[0])


@BOTH
@pytest.mark.parametrize("train_norms", [False, True])
def test_three_steps_move_the_adapters_and_the_head_and_nothing_else(base, batch, kind, train_norms):
    model = inject(base, 4, kind, train_norms=train_norms).train()
    norms = {
        f"bert.encoder.layer.{layer}.{end}.LayerNorm.{part}"
        for layer in range(LAYERS)
        for end in ENDS[kind]
        for part in ("weight", "bias")
    }
    expected = names(kind) | HEAD | (norms if train_norms else set())
    assert {name for name, p in model.named_parameters() if p.requires_grad} == expected
    before = weights(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=0.01)
    for _ in range(3):
        model(**batch, labels=torch.tensor([0, 1, 2, 1, 0])).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert {
        name for name, value in weights(model).items() if not torch.equal(value, before[name])
    } == expected


@BOTH
def test_the_count_is_that_of_the_model(base, kind):
    state = adapters.adapter_state(inject(base, 4, kind))
    counted = adapters.count_adapter_parameters(WIDTH, 4, adapters=LAYERS * len(ENDS[kind]))
    assert counted == sum(value.numel() for name, value in state.items() if name not in HEAD)
    assert counted == LAYERS * len(ENDS[kind]) * (WIDTH * 4 + 4 + 4 * WIDTH + WIDTH)


def test_new_parts_are_in_the_mode_of_the_model_and_float32_beside_half_precision(base, batch):
    assert not any(part.training for part in inject(base).modules())
    assert all(part.training for part in inject(base.train()).modules())
    model = inject(base.to(torch.bfloat16))
    dtypes = {name: p.dtype for name, p in model.named_parameters() if name in names("houlsby")}
    assert set(dtypes.values()) == {torch.float32}  # as in peft
    assert logits(model, batch).dtype == torch.bfloat16


# --- where it sits ---


def test_an_adapter_is_the_formula_of_the_papers():
    adapter = scattered(adapters.Adapter(6, 3))
    hidden, residual = torch.randn(2, 5, 6), torch.randn(2, 5, 6)
    down = (hidden @ adapter.down.weight.T + adapter.down.bias).clamp(min=0)
    bottleneck = down @ adapter.up.weight.T + adapter.up.bias
    torch.testing.assert_close(adapter(hidden), hidden + bottleneck)
    torch.testing.assert_close(adapter(hidden, residual), residual + bottleneck)


def test_the_place_within_the_layer():
    sublayer, skip = torch.randn(2, 6), torch.randn(2, 6)
    adapter, norm = scattered(adapters.Adapter(6, 3)), scattered(nn.LayerNorm(6))
    torch.testing.assert_close(
        adapters.houlsby_output(sublayer, skip, adapter, norm), norm(skip + adapter(sublayer))
    )
    total = skip + sublayer
    bottleneck = adapter(norm(total)) - norm(total)
    torch.testing.assert_close(
        adapters.pfeiffer_output(sublayer, skip, adapter, norm), norm(total + bottleneck)
    )


@BOTH
def test_a_layer_of_the_model_computes_just_that(base, kind):
    """The whole first layer again, with BERT's own parts and the adapter's formula."""
    model = scattered(inject(base, 4, kind))
    layer = model.bert.encoder.layer[0]
    x = torch.randn(1, 5, WIDTH)
    own = layer.attention.self
    heads = [part(x).view(1, 5, 2, WIDTH // 2).transpose(1, 2) for part in (own.query, own.key, own.value)]
    context = F.scaled_dot_product_attention(*heads).transpose(1, 2).reshape(1, 5, WIDTH)
    after, end = layer.attention.output, layer.output
    h = after.dense(context)
    h = after.LayerNorm(x + (after.adapter(h) if kind == "houlsby" else h))
    out = end.dense(F.gelu(layer.intermediate.dense(h)))
    if kind == "houlsby":
        expected = end.LayerNorm(h + end.adapter(out))
    else:
        expected = end.LayerNorm(end.adapter(end.LayerNorm(h + out), h + out))
    found = layer(x)
    torch.testing.assert_close(found[0] if isinstance(found, tuple) else found, expected)


def test_the_keys_of_the_base_stay_and_its_weights_fit(base, batch):
    model = inject(base)
    assert set(base.state_dict()) == set(model.state_dict()) - names("houlsby")
    assert model.load_state_dict(base.state_dict(), strict=False).unexpected_keys == []


def test_a_stack_of_two_takes_the_place_of_one(base, batch):
    """As MAD-X needs it: a task's adapter on a language's, both with the residual of the layer."""

    class Stack(nn.Module):
        def __init__(self, language: nn.Module, task: nn.Module) -> None:
            super().__init__()
            self.language, self.task = language.requires_grad_(False), task

        def forward(self, hidden: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
            return self.task(self.language(hidden, residual), residual)

    model = scattered(inject(base, 4, "pfeiffer"))
    alone = logits(model, batch)
    for place in adapters.adapted_outputs(model).values():
        place.adapter = Stack(place.adapter, adapters.Adapter(WIDTH, 3))
    assert not torch.equal(logits(model, batch), alone)
    state = adapters.adapter_state(model)
    assert {name for name in state if "adapter" in name} == {
        name.replace("adapter", "adapter.task") for name in names("pfeiffer")
    }
    expected = logits(scattered(model), batch)
    kept = adapters.adapter_state(model)
    scattered(model, seed=5)
    adapters.load_adapter(model, kept)
    assert torch.equal(logits(model, batch), expected)


# --- storing and swapping ---


def test_two_tasks_on_one_base_give_each_its_own_logits_again(base, batch, tmp_path):
    model = scattered(inject(base), seed=3)
    first_logits = logits(model, batch)
    save_file(adapters.adapter_state(model), tmp_path / "first.safetensors")
    second = adapters.adapter_state(scattered(model, seed=4))
    second_logits = logits(model, batch)
    assert (first_logits - second_logits).abs().max() > 0.1
    first = load_file(tmp_path / "first.safetensors")
    for state, expected in ((first, first_logits), (second, second_logits), (first, first_logits)):
        adapters.load_adapter(model, state)
        assert torch.equal(logits(model, batch), expected)


def test_models_of_two_kinds_share_one_encoder(base, batch):
    """A classifier and a tagger: the heads differ, the encoder in memory is one."""
    classifier = scattered(inject(base), seed=3)
    tagger = BertForTokenClassification(config(num_labels=5)).eval()
    tagger.bert.load_state_dict(base.bert.state_dict(), strict=False)
    tagger = scattered(adapters.inject_adapters(tagger, 4), seed=4)
    expected = {"a": logits(classifier, batch), "b": logits(tagger, batch)}
    states = {"a": adapters.adapter_state(classifier), "b": adapters.adapter_state(tagger)}
    tagger.bert = classifier.bert
    for task, model in (("b", tagger), ("a", classifier), ("b", tagger)):
        adapters.load_adapter(model, states[task])
        assert torch.equal(logits(model, batch), expected[task])


def test_the_state_is_what_was_trained_copied_and_small(base):
    model = scattered(inject(base))
    state = adapters.adapter_state(model)
    assert set(state) == names("houlsby") | HEAD
    kept = state["classifier.bias"].clone()
    scattered(model, seed=9)
    assert torch.equal(state["classifier.bias"], kept)


@pytest.mark.parametrize("change", ["bottleneck", "bottleneck 1", "kind", "more places", "norms", "classes"])
@pytest.mark.parametrize("frozen", [False, True])
def test_loading_what_does_not_fit_is_refused_and_changes_nothing(base, change, frozen):
    other = copy.deepcopy(base)
    if change == "classes":
        other.classifier = nn.Linear(WIDTH, 1)  # of one class: copying would spread it over all three
    size = {"bottleneck": 8, "bottleneck 1": 1}.get(change, 4)
    kinds = {"kind": ("pfeiffer", "houlsby"), "more places": ("houlsby", "pfeiffer")}
    theirs, ours = kinds.get(change, ("houlsby", "houlsby"))
    state = adapters.adapter_state(inject(other, size, theirs))
    model = scattered(inject(base, 4, ours, train_norms=change == "norms" and not frozen))
    if frozen:
        model.requires_grad_(False)
        if change == "norms":
            state.pop("bert.encoder.layer.1.output.adapter.up.bias")
    refuses(adapters.load_adapter, model, state, r"do not fit this model.*(adapter|classifier|LayerNorm)")


# --- what is refused ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bottleneck_size": 0}, "must be 1 or more, and it is 0"),
        ({"kind": "compacter"}, "no adapter of the kind 'compacter'. Take one of: houlsby, pfeiffer"),
        ({"head": ["score"]}, "no part called score"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(base, arguments, message):
    before = set(base.state_dict())
    with pytest.raises(ValueError, match=message):
        adapters.inject_adapters(base, **{"bottleneck_size": 4} | arguments)
    assert set(base.state_dict()) == before and all(p.requires_grad for p in base.parameters())


def test_a_second_injection_is_refused_and_changes_nothing(base):
    model = inject(base)
    with pytest.raises(ValueError, match="has adapters already"):
        adapters.inject_adapters(model, 4, "pfeiffer")
    assert set(adapters.adapter_state(model)) == names("houlsby") | HEAD


def test_a_model_without_such_sublayers_is_refused():
    model = nn.ModuleDict({"body": nn.TransformerEncoderLayer(8, 2, 16), "classifier": nn.Linear(8, 2)})
    with pytest.raises(ValueError, match="have no place to go"):
        adapters.inject_adapters(model, 4)
    assert all(p.requires_grad for p in model.parameters())
