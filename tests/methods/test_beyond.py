"""What must hold for the last notebook's methods, its capstone, and its gathering of rows."""

import copy
import json
import math
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel

from course_utils import capstone, measure
from course_utils.methods import choosing, early_exit, experts, linear_attention, quantization
from course_utils.methods.bottleneck import BottleneckStudent
from course_utils.results import comparison, rows
from course_utils.training import gold_loss


@pytest.fixture
def model() -> BertForSequenceClassification:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=40, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=16, num_labels=3, hidden_dropout_prob=0.0,
    )  # fmt: skip
    return BertForSequenceClassification(config).eval()


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    mask = torch.ones(5, 7, dtype=torch.long)
    mask[0, 4:] = mask[3, 2:] = 0
    ids = torch.randint(40, (5, 7), generator=generator)
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([0, 1, 2, 0, 1])}


@torch.no_grad()
def logits(model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return model.eval()(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits


# --- choosing ---


def test_a_limit_nobody_measured_is_not_kept():
    methods = {"a": {"accuracy": 0.9, "seconds": math.nan}, "b": {"accuracy": 0.5, "seconds": 2.0}}
    assert choosing.choose(methods, {}) == "a"
    assert choosing.choose(methods, {"seconds": 2.0}) == "b"
    assert choosing.choose(methods, {"seconds": 1.0}) is None


def test_an_accuracy_nobody_measured_is_never_the_best():
    methods = {"a": {"accuracy": math.nan, "seconds": 1.0}, "b": {"accuracy": 0.5, "seconds": 2.0}}
    assert choosing.choose(methods, {}) == "b"
    assert choosing.choose(methods, {"seconds": 1.0}) is None


def test_a_limit_on_a_number_that_a_method_lacks_is_refused():
    with pytest.raises(ValueError, match="b has no number called minutes, only accuracy"):
        choosing.choose({"b": {"accuracy": 0.5}}, {"minutes": 1.0})


# --- mixture of experts ---


@pytest.mark.parametrize(("count", "top_k"), [(2, 1), (4, 1), (4, 2)])
def test_copies_of_one_expert_change_nothing(model, batch, count, top_k):
    mixed = experts.add_experts(copy.deepcopy(model), count, top_k)
    assert torch.allclose(logits(mixed, batch), logits(model, batch), atol=1e-6)
    assert len(mixed.bert.encoder.layer[0].intermediate.experts) == count


def test_a_full_expert_serves_the_first_and_the_skip_connection_carries_the_rest(model, batch):
    logits_of_two = torch.tensor([[5.0, 0.0], [4.0, 0.0], [0.0, 1.0], [6.0, 0.0]])
    assert experts.route(logits_of_two, 1, capacity=2).tolist() == [[1, 0], [1, 0], [0, 1], [0, 0]]
    torch.manual_seed(0)
    dense = logits(model, batch)
    room, none = (logits(experts.add_experts(copy.deepcopy(model), 4, 1, factor), batch) for factor in (4, 0))
    torch.testing.assert_close(room, dense, atol=1e-5, rtol=0)  # room for all, whoever chooses whom
    assert none.isfinite().all() and (none - dense).abs().max() > 2e-5


def test_experts_that_differ_change_something(model, batch):
    mixed = experts.add_experts(copy.deepcopy(model), 4, 2)
    with torch.no_grad():
        for part in mixed.modules():
            if isinstance(part, experts.MixtureOfExperts):
                for number, expert in enumerate(part.experts):
                    expert[1].weight.mul_(10 * number)
    assert not torch.allclose(logits(mixed, batch), logits(model, batch), atol=1e-4)


def test_one_expert_a_token_costs_what_one_costs():
    expert = nn.Sequential(nn.Linear(8, 32), nn.Linear(32, 8))
    mixture, tokens = experts.MixtureOfExperts(expert, 8, 4, 1), torch.randn(50, 8)
    counted = {}
    for name, part in (("one", expert), ("mixture", mixture)):
        with FlopCounterMode(display=False) as counter:
            part(tokens)
        counted[name] = counter.get_total_flops()
    router = 2 * 50 * 8 * 4
    assert counted["mixture"] == counted["one"] + router


def test_experts_work_under_autocast() -> None:
    """As on the real track, where the machine multiplies bfloat16 itself."""
    torch.manual_seed(0)
    mixture, tokens = experts.MixtureOfExperts(nn.Linear(8, 8), 8, 4, 2), torch.randn(50, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = mixture(tokens)
    assert rough.dtype == torch.float32 and torch.allclose(rough, mixture(tokens), atol=0.05)


def test_every_expert_and_the_router_learn():
    torch.manual_seed(0)
    mixture = experts.MixtureOfExperts(nn.Linear(8, 8), 8, 3, 2)
    mixture(torch.randn(60, 8)).pow(2).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in mixture.experts.parameters())
    assert mixture.router.weight.grad is not None


def test_the_balance_is_one_where_the_load_is_even_and_falls_when_it_is_trained():
    even = torch.eye(4).repeat(5, 1) * 3
    assert experts.load_balancing_loss(even).item() == pytest.approx(1)
    torch.manual_seed(0)
    scores = (torch.randn(40, 4) + torch.tensor([3.0, 0, 0, 0])).requires_grad_()
    before = experts.load_balancing_loss(scores)
    before.backward()
    assert scores.grad is not None and before > 2
    assert experts.load_balancing_loss(scores.detach() - 50 * scores.grad) < before


# --- linear attention ---


def test_both_orders_and_the_recurrence_agree():
    q, k, v = torch.randn(3, 2, 3, 11, 5, dtype=torch.float64).unbind(0)
    assert torch.allclose(
        linear_attention.linear_attention(q, k, v), linear_attention.attention_with_all_pairs(q, k, v)
    )
    causal = linear_attention.causal_linear_attention(q, k, v)
    for place in range(11):
        until = slice(0, place + 1)
        alone = linear_attention.linear_attention(
            q[..., place : place + 1, :], k[..., until, :], v[..., until, :]
        )
        assert torch.allclose(causal[..., place, :], alone[..., 0, :])


def test_a_later_word_does_not_change_an_earlier_one():
    q, k, v = torch.randn(3, 6, 4).unbind(0)
    other = v.clone()
    other[4:] += 1
    one, two = (linear_attention.causal_linear_attention(q, k, value) for value in (v, other))
    assert torch.equal(one[:4], two[:4]) and not torch.equal(one[4:], two[4:])


# --- quantization ---


def test_the_eight_bit_layer_is_near_the_layer_and_takes_a_quarter():
    torch.manual_seed(0)
    linear, x = nn.Linear(64, 48), torch.randn(3, 5, 64)
    small = quantization.Int8Linear(linear)
    exact = linear(x)
    assert (small(x) - exact).norm() < 0.02 * exact.norm()
    assert small.codes.element_size() == 1 and small.codes.shape == linear.weight.shape
    assert not list(small.parameters())


def test_its_sums_are_those_of_whole_numbers():
    x, weight, bias = torch.randn(4, 300), torch.randn(7, 300), torch.randn(7)
    codes, scales = quantization.quantize_rows(weight)
    x_codes, x_scales = quantization.quantize_rows(x)
    sums = x_codes.long() @ codes.long().T
    assert sums.abs().max() > 2**15  # 16 bits would not do
    expected = sums.double() * x_scales.double() * scales[:, 0].double() + bias
    assert torch.allclose(
        quantization.int8_linear(x, codes, scales, bias).double(), expected, rtol=1e-5, atol=1e-5
    )


def test_all_linear_layers_of_a_model_are_replaced(model, batch):
    small = quantization.quantize_linears(copy.deepcopy(model))
    assert not [part for part in small.modules() if isinstance(part, nn.Linear)]
    assert (logits(small, batch) - logits(model, batch)).abs().max() < 0.05


def test_outliers_are_kept_and_the_rest_gets_a_scale_that_fits_it() -> None:
    torch.manual_seed(0)
    linear, x = nn.Linear(32, 16), torch.randn(5, 32)
    x[:, 7] = 1000.0
    columns = torch.tensor([7])
    exact = linear(x)
    plain = quantization.Int8Linear(linear)
    kept = quantization.OutlierInt8Linear(linear, columns)
    lost, less = ((exact - layer(x)).abs().mean() for layer in (plain, kept))
    assert less < lost / 10
    assert not kept.codes[:, 7].any() and kept.kept.dtype == torch.float16
    assert torch.allclose(kept.weight, linear.weight, atol=plain.scales.max().item())
    assert torch.equal(kept.weight[:, 7], linear.weight[:, 7].half().float())
    x[:, 7] = 0
    rest = copy.deepcopy(linear)
    rest.weight.data[:, 7] = 0
    assert torch.equal(kept(x), quantization.Int8Linear(rest)(x)), (
        "no outlier: the same as without its column"
    )


def test_the_largest_inputs_are_those_of_each_feature_and_layer(model, batch):
    given = {name: batch[name] for name in ("input_ids", "attention_mask")}
    found = quantization.largest_inputs(model, [given], head=("classifier",))
    assert set(found) == {
        path for path, part in model.named_modules() if isinstance(part, nn.Linear) and path != "classifier"
    }
    seen: list[torch.Tensor] = []
    path = "bert.encoder.layer.0.output.dense"
    hook = model.get_submodule(path).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(**given)
    hook.remove()
    assert torch.equal(found[path], seen[0].abs().amax(dim=(0, 1)))
    assert not any(part._forward_pre_hooks for part in model.modules())


def test_layers_with_outliers_keep_them_and_the_head_stays(model, batch):
    path = "bert.encoder.layer.0.output.dense"
    small = quantization.quantize_linears(
        copy.deepcopy(model), {path: torch.tensor([0, 3])}, head=("classifier",)
    )
    assert isinstance(small.get_submodule(path), quantization.OutlierInt8Linear)
    assert isinstance(small.classifier, nn.Linear)
    others = [part for part in small.modules() if type(part) is quantization.Int8Linear]
    assert len(others) == sum(isinstance(part, nn.Linear) for part in model.modules()) - 2
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match="outliers names nowhere"):
        quantization.quantize_linears(model, {"nowhere": torch.tensor([0])})
    path = next(name for name, part in model.named_modules() if isinstance(part, nn.Linear))
    with pytest.raises(ValueError, match=f"columns 0 to 10000 of {path}"):
        quantization.quantize_linears(model, {path: torch.tensor([0, 10_000])})
    assert isinstance(model.get_submodule(path), nn.Linear)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_nf4_is_the_papers():
    """The sixteen numbers of Dettmers et al. (2023), appendix E."""
    printed = [
        -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
        -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
        0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
        0.7229568362236023, 1.0,
    ]  # fmt: skip
    assert torch.allclose(quantization.nf4_levels(), torch.tensor(printed), atol=1e-5)


def test_rounding_goes_to_the_nearest_level():
    levels = torch.tensor([-1.0, 0.0, 0.5, 1.0])
    x = torch.tensor([[2.0, 0.4, 1.1, -0.9], [0.0, 0.0, 0.0, 0.0]])
    expected = torch.tensor([[2.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    assert torch.equal(quantization.to_nearest_levels(x, levels, 4), expected)


def test_the_head_is_not_rounded(model):
    before = copy.deepcopy(model.state_dict())
    count = quantization.round_base(model, quantization.nf4_levels(), 16, ("classifier",))
    changed = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    assert changed and all(name.endswith("weight") and "classifier" not in name for name in changed)
    assert count == sum(before[name].numel() for name in changed)


def test_rounding_reaches_gpt2s_layers_as_it_would_linear_ones():
    torch.manual_seed(0)
    sizes = {"vocab_size": 40, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 16}
    model = GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=1, eos_token_id=2))
    levels, before = quantization.nf4_levels(), copy.deepcopy(model.state_dict())
    count = quantization.round_base(model, levels, 16, ())
    changed = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    assert changed == [
        f"transformer.h.0.{end}.weight" for end in CONV1D
    ]  # not the embeddings, nor the tied head
    assert count == sum(before[name].numel() for name in changed)
    name = changed[0]
    expected = quantization.to_nearest_levels(before[name].T.contiguous(), levels, 16).T
    assert torch.equal(model.state_dict()[name], expected)


CONV1D = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")


def refuses_to_round(model: nn.Module, block_size: int, head: tuple[str, ...], message: str) -> None:
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=message):
        quantization.round_base(model, quantization.nf4_levels(), block_size, head)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_base_is_rounded_whole_or_not_at_all(model):
    refuses_to_round(model, 24, ("classifier",), "query has 256 weights, which do not fill blocks of 24")
    student = BottleneckStudent(model.config, 4)  # PyTorch's own attention keeps three matrices in one
    refuses_to_round(student, 4, ("classifier",), "BottleneckStudent has the matrix .*in_proj_weight")
    alone = nn.ModuleDict({"words": nn.Embedding(4, 4), "classifier": nn.Linear(4, 4)})
    refuses_to_round(alone, 4, ("classifier",), "ModuleDict has no linear layers in float outside its head")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rounding_keeps_the_dtype(model, dtype):
    quantization.round_base(model.to(dtype), quantization.nf4_levels(), 16, ("classifier",))
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    x = torch.randn(4, 16, dtype=dtype)
    assert quantization.to_nearest_levels(x, quantization.nf4_levels(), 16).dtype == dtype


# --- early exiting ---


def test_one_sentence_leaves_where_the_batch_says(model, batch):
    torch.manual_seed(3)
    exiting = early_exit.InternalClassifiers(model)
    for head in exiting.heads:
        head[2].weight.data *= 20
    rows = {"input_ids": batch["input_ids"], "attention_mask": torch.ones_like(batch["input_ids"])}
    every = exiting(**rows).logits
    for threshold in (0.0, 0.6, 0.9, 5.0):
        layers, classes = early_exit.exit_layers(every, threshold)
        found = [exiting.answer(row[None], threshold) for row in rows["input_ids"]]
        assert found == list(zip(classes.tolist(), layers.tolist(), strict=True))
    assert {layers for _, layers in found} == {1}


def test_sentences_leave_a_padded_batch_where_one_batch_of_all_layers_says(model, batch):
    torch.manual_seed(3)
    exiting = early_exit.InternalClassifiers(model)
    for head in exiting.heads:
        head[2].weight.data *= 20
    rows = batch["input_ids"], batch["attention_mask"]
    for threshold in (0.0, 0.6, 0.9, 5.0):
        layers, classes = early_exit.exit_layers(exiting(*rows).logits, threshold)
        found = exiting.answer_batch(*rows, threshold)
        assert torch.equal(found[0], layers) and torch.equal(found[1], classes)


def test_only_the_new_classifiers_train_and_the_last_is_the_models_own(model, batch):
    exiting = early_exit.InternalClassifiers(model)
    outputs = exiting.train()(batch["input_ids"], batch["attention_mask"])
    assert torch.equal(outputs.logits[-1], logits(model, batch))
    assert all(name.startswith("heads") for name, p in exiting.named_parameters() if p.requires_grad)
    assert len(exiting.heads) == 2


# --- the capstone ---


def held_out(batch):
    return {"sentiment": [batch], "second task": [batch]}


CLASSES = {"sentiment": 3, "second task": 3}
EASY = capstone.Budget(10**6, 60.0, {"sentiment": 0.0, "second task": 0.0})


def judged(make, batch, budget=EASY):
    return capstone.score(make, held_out(batch), CLASSES, budget)


def test_a_submission_within_the_budget_passes(model, batch):
    verdict = judged(lambda: {"sentiment": model, "second task": copy.deepcopy(model)}, batch)
    assert verdict.passed and not verdict.faults
    assert verdict.measured["parameters"] == sum(p.numel() for p in model.parameters())
    assert verdict.table(EASY).loc["parameters"].tolist() == [verdict.measured["parameters"], 10**6]


def test_what_differs_counts_twice(model):
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.classifier.weight.add_(1)
    total = sum(p.numel() for p in model.parameters())
    assert capstone.stored_parameters([model, other]) == total + other.classifier.weight.numel()
    with torch.no_grad():
        other.classifier.weight.copy_(model.classifier.weight.flip(0))  # the same sum, other values
    assert capstone.stored_parameters([model, other]) == total + other.classifier.weight.numel()


def test_each_broken_limit_is_named(model, batch):
    def slow():
        return {"sentiment": model, "second task": model}

    assert "numbers to store" in judged(slow, batch, capstone.Budget(10, 60.0, {})).faults[0]
    assert "seconds" in judged(slow, batch, capstone.Budget(10**6, 0.0, {})).faults[0]
    fault = judged(slow, batch, capstone.Budget(10**6, 60.0, {"second task": 1.1})).faults[0]
    assert fault.startswith("second task") and "held-out sentences" in fault
    assert len(judged(slow, batch, capstone.Budget(10, 0.0, {"sentiment": 1.1})).faults) == 3


def raises():
    raise RuntimeError("no such file")


BROKEN = [
    (raises, "it raised RuntimeError: no such file"),
    (exit, "it raised SystemExit"),
    (lambda: None, "it returned NoneType"),
    (lambda: {"sentiment": nn.Linear(2, 2)}, "no model for 'second task'"),
    (lambda: {"sentiment": 3, "second task": 4}, "is no model"),
    (lambda: dict.fromkeys(CLASSES, nn.Linear(2, 2)), "raised TypeError"),
]


@pytest.mark.parametrize(("make", "fault"), BROKEN)
def test_a_broken_submission_gets_a_sentence(make, fault, batch):
    verdict = judged(make, batch)
    assert not verdict.passed and fault in verdict.faults[0]
    assert verdict.table(EASY)["measured"].isna().all()


def test_a_model_of_another_task_is_refused(model, batch):
    two = SimpleNamespace(logits=torch.zeros(5, 2))
    other = copy.deepcopy(model)
    other.forward = lambda input_ids, attention_mask: two
    assert "2 outputs; the task has 3" in judged(lambda: dict.fromkeys(CLASSES, other), batch).faults[0]


def wrapped(forward, **kept) -> nn.Module:
    """A model with one parameter that answers by whatever else `forward` finds."""
    made = nn.Module()
    made.one = nn.Parameter(torch.zeros(1))
    for name, value in kept.items():
        setattr(made, name, value)
    made.forward = lambda input_ids, attention_mask: forward(made, input_ids, attention_mask)
    return made


HIDING = {
    "a closure": lambda model: wrapped(lambda _, ids, mask: model(ids, mask)),
    "a list": lambda model: wrapped(lambda made, ids, mask: made.kept[0](ids, mask), kept=[model]),
    "buffers": lambda model: as_buffers(model),
}


def as_buffers(model: nn.Module) -> nn.Module:
    model = copy.deepcopy(model)
    for part in model.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            delattr(part, name)
            part.register_buffer(name, parameter.data, persistent=name == "weight")
    model.register_parameter("one", nn.Parameter(torch.zeros(1)))
    return model


@pytest.mark.parametrize("place", HIDING)
def test_numbers_that_are_no_parameters_are_counted(place, model, batch):
    least = sum(p.numel() for p in model.bert.encoder.parameters())
    tight = capstone.Budget(least, 60.0, {})
    verdict = judged(lambda: dict.fromkeys(CLASSES, HIDING[place](model)), batch, tight)
    assert not verdict.passed and verdict.measured["parameters"] > least
    assert place == "buffers" or "another model" in verdict.faults[0]


def test_tensors_kept_aside_are_counted(batch):
    table = torch.randn(40, 3)
    made = wrapped(lambda _, ids, mask: SimpleNamespace(logits=table[ids].mean(1)))
    verdict = judged(lambda: dict.fromkeys(CLASSES, made), batch, capstone.Budget(100, 60.0, {}))
    assert verdict.measured["parameters"] == 121
    assert "(120 of them are in no parameter" in verdict.faults[0]


def test_another_view_of_a_models_own_numbers_counts_once(batch):
    made = wrapped(lambda made, ids, mask: SimpleNamespace(logits=made.turned[0].T[ids].mean(1)))
    made.table = nn.Parameter(torch.randn(40, 3))
    made.turned = [made.table.detach().T]
    found = judged(lambda: dict.fromkeys(CLASSES, made), batch).measured["parameters"]
    assert found == 121


def test_a_base_shared_by_reference_counts_once(model, batch):
    second = wrapped(lambda _, ids, mask: model(ids, mask))
    found = judged(lambda: {"sentiment": model, "second task": second}, batch).measured["parameters"]
    assert found == sum(p.numel() for p in model.parameters()) + 1


def test_codes_of_one_byte_count_too(model, batch):
    small = quantization.quantize_linears(copy.deepcopy(model))
    found = judged(lambda: dict.fromkeys(CLASSES, small), batch).measured["parameters"]
    assert found > sum(p.numel() for p in model.parameters())  # the codes, and their scales


def test_a_model_that_says_one_thing_or_nothing_is_told_so(model, batch):
    budget = capstone.Budget(10**6, 60.0, {"sentiment": 1.0})
    constant = wrapped(lambda made, ids, mask: SimpleNamespace(logits=torch.eye(3)[:1].repeat(len(ids), 1)))
    assert "the same label" in judged(lambda: dict.fromkeys(CLASSES, constant), batch, budget).faults[0]
    nan = wrapped(lambda made, ids, mask: SimpleNamespace(logits=torch.full((len(ids), 3), math.nan)))
    assert "no numbers" in judged(lambda: dict.fromkeys(CLASSES, nan), batch, budget).faults[0]


@pytest.mark.parametrize("same_loader", [True, False])
def test_whoever_reads_the_held_out_sentences_is_told_so(same_loader, model):
    generator = torch.Generator().manual_seed(0)
    rows = [(torch.randint(3, 40, (4,), generator=generator), torch.tensor(n % 3), n) for n in range(20)]

    def loader(part: list) -> DataLoader:
        return DataLoader(part, batch_size=10, collate_fn=collate)  # type: ignore[arg-type]

    def collate(part: list) -> dict[str, torch.Tensor]:
        ids, labels, _ = zip(*part, strict=True)
        ids = torch.stack(ids)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.stack(labels)}

    test = loader(rows[:10])

    def make(read: DataLoader) -> dict[str, nn.Module]:
        assert len(list(read)) == 1
        return dict.fromkeys(CLASSES, model)

    def verdict(read: DataLoader) -> capstone.Verdict:
        return capstone.score(
            lambda: make(read), {"sentiment": test, "second task": loader(rows[10:])}, CLASSES, EASY
        )

    before = DataLoader.__iter__
    found = verdict(test if same_loader else loader(rows[:10]))
    assert not found.passed and [fault.split(":")[0] for fault in found.faults] == ["sentiment"]
    fresh = [(ids.flip(0) + 1, label, n) for ids, label, n in rows[:10]]
    assert verdict(loader(fresh)).passed and DataLoader.__iter__ is before


# --- gathering ---


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(rows, "BUILD", tmp_path / "build")
    monkeypatch.setattr(rows, "DATA", tmp_path / "data")
    monkeypatch.setenv("COURSE_TRACK", "bundled")
    return tmp_path


def ship(folder: Path, notebook: str, method: str, seed: int = 0, value: float = 0.5, **changes) -> None:
    row = {
        "time": "2026", "notebook": notebook, "track": "bundled", "exhibit": "E28", "method": method,
        "model": "encoder", "data": "sentiment", "seed": seed, "trainable_parameters": 10, "metric": "accuracy",
        "value": value, "seconds": 1.0, "peak_bytes": 5, "extra": {}, "versions": {}, "machine": {},
    }  # fmt: skip
    row |= changes
    rows.append(folder / "data" / "results" / row["track"] / f"{notebook}.jsonl", json.loads(json.dumps(row)))


def test_only_comparable_rows_share_a_table(folders):
    ship(folders, "11_lora", "LoRA", value=0.9)
    ship(folders, "11_lora", "other task", data="second task")
    ship(folders, "11_lora", "other metric", metric="macro_f1")
    ship(folders, "11_lora", "LoRA", value=0.1, extra={"rank": 8})
    ship(folders, "11_lora", "slow (a mistake)")
    ship(folders, "11_lora", "other track", track="real")
    ship(folders, "04_sequence_distillation", "translator")
    ship(folders, "12_choosing", "int8", exhibit="E31")
    ship(folders, "02_logit_distillation", "gold labels", value=0.6, data="500 sentences")
    found = comparison.by_method("sentiment_multilingual")
    assert list(found.index) == ["LoRA", "gold labels"]
    assert found.loc["LoRA", "accuracy"] == pytest.approx(90) and found.loc["LoRA", "seeds"] == 1


def test_runs_of_two_notebooks_are_never_mixed(folders):
    for seed in (0, 1):
        ship(folders, "11_lora", "BitFit", seed=seed, value=0.8)
    ship(folders, "05_memory", "BitFit", seed=2, value=0.2)
    found = comparison.by_method("sentiment")
    assert found.loc["BitFit", ["notebook", "seeds"]].tolist() == ["11", 2]
    assert found.loc["BitFit", "accuracy"] == pytest.approx(80)


def test_a_readers_own_run_stands_beside_the_shipped_ones(folders):
    """One run of the reader's would put a method on one seed, beside methods on five."""
    for seed, value in enumerate((0.9, 0.8)):
        ship(folders, "11_lora", "LoRA", seed=seed, value=value)
    shipped = json.loads((folders / "data/results/bundled/11_lora.jsonl").read_text().splitlines()[0])
    own = folders / "build/results/bundled/11_lora.jsonl"
    rows.append(own, shipped | {"value": 0.7})
    rows.append(own, shipped | {"value": 0.6, "method": "mine alone"})
    found = comparison.by_method("sentiment")
    lora = found.loc["LoRA"]
    assert (lora["accuracy"], lora["seeds"], lora["source"]) == (pytest.approx(85), 2, "shipped")
    assert lora["yours"] == pytest.approx(70)
    assert "mine alone" not in found.index
    assert comparison.by_method("sentiment", own=False).index.tolist() == ["LoRA"]


def test_what_only_the_reader_ran_has_a_line_beside_single_runs(folders):
    ship(folders, "11_lora", "LoRA", value=0.9)
    shipped = json.loads((folders / "data/results/bundled/11_lora.jsonl").read_text().splitlines()[0])
    rows.append(
        folders / "build/results/bundled/11_lora.jsonl", shipped | {"value": 0.6, "method": "mine alone"}
    )
    alone = comparison.by_method("sentiment").loc["mine alone"]
    assert (alone["accuracy"], alone["seeds"], alone["source"]) == (pytest.approx(60), 1, "yours")


def test_all_methods_have_the_same_seeds(folders):
    """Second draws, which few methods have, count for none."""
    for seed, value in ((0, 0.9), (1, 0.8), (100, 0.1)):
        ship(folders, "11_lora", "LoRA", seed=seed, value=value)
    found = comparison.by_method("sentiment").loc["LoRA"]
    assert (found["accuracy"], found["seeds"]) == (pytest.approx(85), 2)


def test_without_rows_there_is_an_empty_table_and_nothing_is_made_up(folders):
    assert comparison.by_method("sentiment").empty
    left = comparison.elsewhere("sentiment")
    assert left.loc["E28", "measured on"] == comparison.NOT_YET
    assert not set(left["notebook"]) & {"00", "01", "12"}


def test_on_the_real_track_other_reviews_are_other_data(folders, monkeypatch):
    monkeypatch.setenv("COURSE_TRACK", "real")
    ship(folders, "11_lora", "LoRA", track="real")
    ship(folders, "02_logit_distillation", "gold labels", track="real", data="1000 sentences")
    assert list(comparison.by_method("sentiment_multilingual").index) == ["LoRA"]
    assert list(comparison.by_method("sentiment").index) == ["gold labels"]


def test_costs_are_measured_on_the_models_given(model, batch):
    frozen = copy.deepcopy(model).requires_grad_(False)
    frozen.classifier.requires_grad_(True)
    built = {"full": copy.deepcopy(model), "head": frozen}
    found = measure.costs_of(built, batch, model, ("classifier",), gold_loss)
    assert found["modular"].tolist() == ["no", "yes"]
    assert found.loc["full", "training peak (MB)"] > found.loc["head", "training peak (MB)"] > 0
    assert (found["one sentence (ms)"] > 0).all()


def test_a_dash_stands_for_what_was_not_measured():
    lines = pd.DataFrame({"model": ["m"], "accuracy": [91.234], "one sentence (ms)": [math.nan]})
    assert comparison.for_reading(lines).iloc[0].tolist() == [91.2, "–"]
