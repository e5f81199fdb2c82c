"""What must hold for MAD-X: the inverse is one, the stack is a stack, and each stage trains its own adapter only."""

import copy

import any_model
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForTokenClassification,
    RobertaConfig,
    RobertaForMaskedLM,
)

from course_utils.methods import madx
from course_utils.methods.adapters import Adapter, inject_adapters

WIDTH, LAYERS, BOTTLENECK = 16, 2, 4


def config(kind: type = BertConfig) -> BertConfig:
    return kind(
        vocab_size=40, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=16, num_labels=5, pad_token_id=0,
    )  # fmt: skip


@pytest.fixture
def words() -> nn.Module:
    torch.manual_seed(0)
    return scattered(BertForMaskedLM(config()).eval(), seed=0, spread=0.1)


@pytest.fixture
def tagger(words: nn.Module) -> nn.Module:
    """With the body of `words`, as if both were loaded from one checkpoint."""
    torch.manual_seed(1)
    model = BertForTokenClassification(config()).eval()
    model.bert.load_state_dict(words.bert.state_dict())
    return model


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    mask = torch.ones(5, 7, dtype=torch.long)
    mask[0, 4:] = mask[3, 2:] = 0
    return {"input_ids": torch.randint(1, 40, (5, 7), generator=generator), "attention_mask": mask}


@torch.no_grad()
def logits(model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return model.eval()(**batch).logits


@torch.no_grad()
def scattered(part: nn.Module, seed: int = 2, spread: float = 0.3) -> nn.Module:
    """As after a long training: values far from the first ones."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in part.parameters():
        parameter.add_(torch.randn(parameter.shape, generator=generator) * spread)
    return part


def language(seed: int) -> madx.LanguageAdapter:
    return scattered(madx.LanguageAdapter(WIDTH, LAYERS, BOTTLENECK), seed)


def task(seed: int) -> list[Adapter]:
    return [scattered(Adapter(WIDTH, BOTTLENECK), seed + layer) for layer in range(LAYERS)]


def trained_names(model: nn.Module, loss: torch.Tensor, rate: float = 0.1) -> set[str]:
    """What one step of gradient descent changes."""
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter -= rate * parameter.grad
    return {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}


# --- the invertible adapter ---


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_inverse_undoes_the_coupling_both_ways(dtype):
    adapter = scattered(madx.InvertibleAdapter(WIDTH)).to(dtype)
    x = torch.randn(3, 5, WIDTH, dtype=dtype, generator=torch.Generator().manual_seed(0))
    assert (adapter(x) - x).abs().max() > 0.1
    tolerance = {"atol": 1e-5 if dtype == torch.float32 else 1e-13, "rtol": 0}
    torch.testing.assert_close(adapter.inverse(adapter(x)), x, **tolerance)
    torch.testing.assert_close(adapter(adapter.inverse(x)), x, **tolerance)


def test_the_two_functions_are_bottlenecks_of_half_the_width():
    """U(ReLU(D(x))) from half the width to half, by way of a quarter of the width (section 4.3)."""
    adapter = scattered(madx.InvertibleAdapter(WIDTH))
    half = torch.randn(3, WIDTH // 2, generator=torch.Generator().manual_seed(0))
    for part in (adapter.first, adapter.second):
        down, up = part[0], part[2]
        assert down.weight.shape == (WIDTH // 4, WIDTH // 2) and up.weight.shape == (WIDTH // 2, WIDTH // 4)
        expected = (half @ down.weight.T + down.bias).clamp(min=0) @ up.weight.T + up.bias
        torch.testing.assert_close(part(half), expected)


def test_the_coupling_keeps_volumes():
    """Its Jacobian is two triangles with ones on the diagonal: nothing is squeezed away, whatever is learned."""
    adapter = scattered(madx.InvertibleAdapter(6)).double()
    x = torch.randn(6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    jacobian = torch.autograd.functional.jacobian(adapter, x)
    assert torch.linalg.det(jacobian).abs().item() == pytest.approx(1, abs=1e-9)


def test_a_new_language_adapter_changes_next_to_nothing(words, batch):
    before = logits(words, batch)
    model = madx.put_language(madx.add_stacks(words), madx.LanguageAdapter(WIDTH, LAYERS, BOTTLENECK))
    assert 0 < (logits(model, batch) - before).abs().max() < 0.02


# --- places ---


@pytest.mark.parametrize("which", ["words", "tagger"])
def test_empty_places_change_nothing(which, batch, request):
    model = request.getfixturevalue(which)
    before = logits(model, batch)
    head = ["classifier"] if which == "tagger" else []
    assert torch.equal(logits(madx.add_stacks(model, head), batch), before)
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trainable == ({"classifier.weight", "classifier.bias"} if head else set())


def test_put_in_and_taken_out_again(words, batch):
    before = logits(words, batch)
    model = madx.put_language(madx.add_stacks(words), language(3))
    assert (logits(model, batch) - before).abs().max() > 0.1
    assert torch.equal(logits(madx.put_language(model, None), batch), before)


def test_the_inverse_stands_before_the_scores(words, batch):
    """With the invertible adapter alone and an encoder of no layers, the words are scored as without it."""
    words.bert.encoder.layer = nn.ModuleList()
    words.cls.predictions.transform = nn.Identity()
    before = logits(words, batch)
    words.bert.embeddings.register_forward_hook(lambda _, inputs, hidden: invertible(hidden))
    words.set_output_embeddings(madx.InvertedScores(words.get_output_embeddings()))
    invertible = words.get_output_embeddings().invertible = scattered(madx.InvertibleAdapter(WIDTH))
    torch.testing.assert_close(logits(words, batch), before, atol=1e-4, rtol=0)
    words.get_output_embeddings().invertible = None
    assert (logits(words, batch) - before).abs().max() > 0.01


def test_a_language_that_is_put_in_brings_its_inverse_to_the_scores(words, batch):
    """What the old head scores is the inverse of what it got; without a language, what it got."""
    model, one = madx.add_stacks(words), language(3)
    scores, heard = model.get_output_embeddings(), {}
    scores.register_forward_hook(lambda _, given, scored: heard.update(given=given[0], scored=scored))
    logits(madx.put_language(model, one), batch)
    before = one.invertible.inverse(heard["given"])
    assert (before - heard["given"]).abs().max() > 0.1
    torch.testing.assert_close(heard["scored"], F.linear(before, scores.weight, scores.bias))
    logits(madx.put_language(model, None), batch)
    assert torch.equal(heard["scored"], F.linear(heard["given"], scores.weight, scores.bias))


def test_a_language_serves_two_models(words, tagger, batch):
    """Trained under the head for words, used under the head for tags: it is the same adapter."""
    there, here = madx.add_stacks(words), madx.add_stacks(tagger, ["classifier"])
    one = language(3)
    for model in (there, here):
        madx.put_language(model, one)
    states = [model.bert(**batch).last_hidden_state for model in (there.eval(), here.eval())]
    assert torch.equal(*states)


def test_one_adapter_alone_is_that_of_pfeiffer(tagger, batch):
    plain = inject_adapters(copy.deepcopy(tagger), BOTTLENECK, "pfeiffer")
    layers = task(5)
    for layer, adapter in zip(plain.bert.encoder.layer, layers, strict=True):
        layer.output.adapter = adapter
    stacked = madx.put_task(madx.add_stacks(tagger, ["classifier"]), layers)
    assert torch.equal(logits(stacked, batch), logits(plain, batch))


def test_the_stack_against_plain_arithmetic():
    below, above = task(1)[0], task(7)[0]
    hidden, residual = torch.randn(2, 3, 4, WIDTH, generator=torch.Generator().manual_seed(0))

    def bottleneck(adapter: Adapter, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x @ adapter.down.weight.T + adapter.down.bias) @ adapter.up.weight.T + adapter.up.bias

    middle = residual + bottleneck(below, hidden)
    stack = madx.Stack()
    stack.language, stack.task = below, above
    torch.testing.assert_close(stack(hidden, residual), middle + bottleneck(above, middle))
    stack.language, stack.task = above, below
    assert (stack(hidden, residual) - middle - bottleneck(above, middle)).abs().max() > 0.1


def test_roberta_has_the_same_places(batch):
    torch.manual_seed(0)
    model = RobertaForMaskedLM(config(RobertaConfig)).eval()
    before = logits(model, batch)
    madx.add_stacks(model)
    assert torch.equal(logits(model, batch), before)
    madx.put_language(model, language(3))
    assert (logits(model, batch) - before).abs().max() > 0.1


def test_the_keys_and_the_embeddings_of_the_model_stay_and_the_vocabulary_can_grow(words, batch, tmp_path):
    keys, plain = set(words.state_dict()), logits(words, batch)
    model = madx.add_stacks(words)
    assert set(model.state_dict()) == keys and isinstance(model.get_input_embeddings(), nn.Embedding)
    model.save_pretrained(tmp_path)
    loaded, report = type(words).from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"] and torch.equal(logits(loaded, batch), plain)
    with_language = logits(madx.put_language(model, language(3)), batch)
    model.resize_token_embeddings(plain.shape[-1] + 3, mean_resizing=False)
    grown = logits(model, batch)
    assert grown.shape[-1] == plain.shape[-1] + 3  # the inverse is still there: the old words score the same
    torch.testing.assert_close(grown[..., :-3], with_language)


# --- what trains ---


def test_the_stage_of_the_language_trains_its_adapter_alone(words, batch):
    model = madx.train_only(madx.put_language(madx.add_stacks(words), language(3)), "language")
    moved = trained_names(
        model, F.cross_entropy(model(**batch).logits.flatten(0, 1), batch["input_ids"].flatten())
    )
    layers = {
        f"bert.encoder.layer.{i}.output.adapter.language.{way}.{part}"
        for i in range(LAYERS)
        for way in ("down", "up")
        for part in ("weight", "bias")
    }
    invertible = {
        f"bert.embeddings.invertible.{side}.{linear}.{part}"
        for side in ("first", "second")
        for linear in (0, 2)
        for part in ("weight", "bias")
    }
    assert moved == layers | invertible


def test_the_stage_of_the_task_leaves_the_language_as_it_is(tagger, batch):
    one = language(3)
    before = copy.deepcopy(one.state_dict())
    model = madx.put_task(madx.put_language(madx.add_stacks(tagger, ["classifier"]), one), task(5))
    madx.train_only(model, "task")
    moved = trained_names(model, model(**batch).logits.square().mean())
    assert len(moved) == 4 * LAYERS + 2
    assert all(".adapter.task." in name or name.startswith("classifier.") for name in moved)
    assert all(torch.equal(value, before[name]) for name, value in one.state_dict().items())


def test_a_swap_exchanges_the_language_and_nothing_else(tagger, batch):
    model = madx.put_task(madx.add_stacks(tagger, ["classifier"]), task(5))
    source, target = language(3), language(4)
    with_source = logits(madx.put_language(model, source), batch)
    with_target = logits(madx.put_language(model, target), batch)
    assert (with_source - with_target).abs().max() > 0.01
    assert torch.equal(logits(madx.put_language(model, source), batch), with_source)


def test_in_the_transfer_nothing_trains(tagger):
    model = madx.put_task(madx.put_language(madx.add_stacks(tagger, ["classifier"]), language(3)), task(5))
    assert madx.train_only(madx.train_only(model, "task"), "transfer") is model
    assert not any(p.requires_grad for p in model.parameters())


def test_a_stack_of_another_class_takes_the_same_adapters(tagger):
    class Doubled(madx.Stack):
        def forward(self, hidden: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(hidden, residual)

    model = madx.put_language(madx.add_stacks(tagger, ["classifier"], Doubled), language(3))
    assert [type(stack) for stack in madx.stacks(model)] == [Doubled] * LAYERS
    assert all(stack.language is not None for stack in madx.stacks(model))


# --- masked words ---


def test_masked_words_in_the_right_shares():
    generator = torch.Generator().manual_seed(0)
    ids, others = (
        torch.randint(5, 50, (2, 200, 100), generator=generator) + torch.tensor([0, 100])[:, None, None]
    )
    asked = torch.rand(ids.shape, generator=generator) < 0.2
    shown, labels = madx.mask_tokens(
        ids, asked, torch.rand(ids.shape, generator=generator), others, mask_id=4
    )
    shares = [(shown[asked] == 4), (shown[asked] >= 100), (shown[asked] == ids[asked])]
    assert [share.float().mean().item() for share in shares] == pytest.approx([0.8, 0.1, 0.1], abs=0.02)
    assert torch.equal(shown[~asked], ids[~asked]) and (labels[~asked] == -100).all()
    assert torch.equal(labels[asked], ids[asked])


# --- what is refused ---


def test_places_twice_and_a_missing_head_are_refused(tagger):
    with pytest.raises(ValueError, match="no part called score"):
        madx.add_stacks(tagger, ["score"])
    assert all(p.requires_grad for p in tagger.parameters())
    madx.add_stacks(tagger, ["classifier"])
    with pytest.raises(ValueError, match="adapters already"):
        madx.add_stacks(tagger, ["classifier"])


def test_an_adapter_of_another_model_is_refused_and_changes_nothing(tagger, batch):
    model = madx.put_language(madx.add_stacks(tagger, ["classifier"]), language(3))
    before = logits(model, batch)
    with pytest.raises(ValueError, match="3 layers and the model 2"):
        madx.put_language(model, madx.LanguageAdapter(WIDTH, 3, BOTTLENECK))
    with pytest.raises(ValueError, match="1 layers and the model 2"):
        madx.put_task(model, task(5)[:1])
    assert torch.equal(logits(model, batch), before)


def test_a_model_without_places_is_refused(words):
    with pytest.raises(ValueError, match="Call add_stacks"):
        madx.put_language(words, language(3))


def test_a_stage_that_cannot_be_trained_is_refused(tagger):
    model = madx.put_language(madx.add_stacks(tagger, ["classifier"]), language(3))
    before = {name: p.requires_grad for name, p in model.named_parameters()}
    for stage, head, match in (
        ("both", ["classifier"], "no stage 'both'"),
        ("task", ["classifier"], "No task adapter"),
    ):
        with pytest.raises(ValueError, match=match):
            madx.train_only(model, stage, head)
    madx.put_task(model, task(5))
    with pytest.raises(ValueError, match="no part called score"):
        madx.train_only(model, "task", ["score"])
    after = {name: p.requires_grad for name, p in model.named_parameters()}
    assert after.items() >= before.items()


def test_an_adapter_of_another_width_is_refused():
    model = madx.add_stacks(any_model.tiny("BERT"), ["pooler", "classifier"])
    with pytest.raises(ValueError, match="16 wide and the model's layers 32"):
        madx.put_task(model, [Adapter(16, 4) for _ in range(any_model.LAYERS)])
    with pytest.raises(ValueError, match="16 wide"):
        madx.put_language(model, madx.LanguageAdapter(16, any_model.LAYERS, 4))
