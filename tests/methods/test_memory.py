"""The ledger of memory against counts that know nothing of it: sizes, formulas, autograd's own graph, the allocator."""

import copy
import itertools
import time
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from transformers import AutoModelForCausalLM, BertConfig, BertForSequenceClassification

from course_utils import measure, results
from course_utils.measure import fake_models
from course_utils.measure.allocator import allocator_growth
from course_utils.methods import lora
from course_utils.methods import memory as methods
from course_utils.methods.bitfit import bitfit
from course_utils.methods.freezing import head_only
from course_utils.paths import DATA

CPU = torch.device("cpu")
NO_GPU = "no CUDA GPU here, so the ledger's peak was not compared with torch.cuda.max_memory_allocated"
HEAD = ("pooler", "classifier")
SMALL = fake_models.Shape(3, 32, 4, 96, 120, 64, gated=True)


def bert(layers: int = 3, attention: str = "sdpa", hidden: int = 32) -> nn.Module:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=90, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=4,
        intermediate_size=4 * hidden, max_position_embeddings=64, num_labels=3, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, attn_implementation=attention,
    )  # fmt: skip
    return BertForSequenceClassification(config).train()


def texts(batch: int = 8, length: int = 24, device: torch.device = CPU) -> dict[str, Tensor]:
    ids = torch.randint(5, 90, (batch, length), generator=torch.Generator().manual_seed(1))
    batch_of = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.arange(batch) % 3}
    return {name: value.to(device) for name, value in batch_of.items()}


def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    return model(**batch).loss


def in_bfloat16(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return model(**batch).loss


def adamw(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)


def checkpointed(model: nn.Module) -> nn.Module:
    (getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable)()
    return model


def top_layer(model: nn.Module) -> nn.Module:
    head_only(model, HEAD).bert.encoder.layer[-1].requires_grad_(True)
    return model


def with_lora(model: nn.Module) -> nn.Module:
    return lora.inject_lora(model, ["query", "value"], 2, 4, head=HEAD)


METHODS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "full": lambda model: model,
    "head": lambda model: head_only(model, HEAD),
    "top layer": top_layer,
    "BitFit": lambda model: bitfit(model, HEAD),
    "LoRA": with_lora,
    "checkpointing": checkpointed,
}


def nbytes(tensors: Iterator[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    return nbytes(v for state in optimizer.state.values() for v in state.values() if isinstance(v, Tensor))


def saved_in_graph(value: Tensor, model: nn.Module, batch: dict[str, Tensor]) -> int:
    """Bytes that autograd's graph says it saved, asked of every node: parameters, buffers and batch left out."""
    known = [*model.parameters(), *model.buffers(), *batch.values()]
    storages: dict[int, int] = {}
    nodes, seen = [value.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        nodes.extend(following for following, _ in node.next_functions)
        for name in dir(node):
            saved = getattr(node, name) if name.startswith("_saved_") else None
            for tensor in saved if isinstance(saved, list | tuple) else [saved]:
                if isinstance(tensor, Tensor) and tensor.numel():
                    storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
    return sum(
        size for at, size in storages.items() if at not in {t.untyped_storage().data_ptr() for t in known}
    )


# --- exact to the byte ---


@pytest.mark.parametrize("method", METHODS)
def test_parameters_gradients_and_state_are_exact(method):
    model = METHODS[method](bert())
    optimizer = adamw(model)
    ledger = measure.second_step(model, texts(), loss, optimizer)
    trained = [p for p in model.parameters() if p.requires_grad]
    for phase in ("start", "forward", "backward", "step", "zero_grad"):
        assert ledger.at(phase)["parameters"] == nbytes(model.parameters()), phase
        assert ledger.at(phase)["optimizer state"] == state_bytes(optimizer), phase
    assert state_bytes(optimizer) == 8 * sum(p.numel() for p in trained) + 4 * len(trained)
    assert ledger.at("backward")["gradients"] == ledger.at("step")["gradients"] == nbytes(iter(trained))
    assert ledger.at("forward")["gradients"] == ledger.at("zero_grad")["gradients"] == 0
    assert ledger.at("backward")["activations"] == 0
    assert ledger.at("start")["inputs"] == nbytes(iter(texts().values())) + nbytes(model.buffers())


def test_the_first_step_makes_the_state_and_it_is_two_averages_not_three():
    model = bert()
    optimizer = adamw(model)
    ledger = measure.second_step(model, texts(), loss, optimizer, steps_before=0)
    assert ledger.at("backward")["optimizer state"] == 0
    assert ledger.at("step")["optimizer state"] == state_bytes(optimizer)
    assert state_bytes(optimizer) == 2 * nbytes(model.parameters()) + 4 * len(list(model.parameters()))


def test_shared_and_viewed_memory_counts_once():
    model = nn.ModuleDict({"one": nn.Linear(8, 8, bias=False), "two": nn.Linear(8, 8, bias=False)})
    model["two"].weight = model["one"].weight
    with measure.Ledger(model) as ledger:
        x = torch.zeros(10, 8)
        views = [x[3:], x.T, x.view(80), x.detach()]
    assert ledger.at("start")["parameters"] == 8 * 8 * 4
    assert ledger.peak["temporaries"] == 10 * 8 * 4 and len(views) == 4


def test_a_sparse_gradient_is_booked_as_its_rows_and_their_numbers():
    table = nn.Embedding(1000, 8, sparse=True)
    rows = torch.tensor([[1, 2, 3]])
    optimizer = torch.optim.SGD(table.parameters(), 0.1)
    ledger = measure.second_step(table, rows, lambda model, batch: model(batch).square().mean(), optimizer)
    assert ledger.most["gradients"] == 3 * 8 + 3 * 8 * 4  # three indices, and three rows of eight floats


def test_what_goes_is_seen_to_go_at_once():
    with measure.Ledger(nn.Identity()) as ledger:
        ledger.mark("a")
        x = torch.zeros(100)
        ledger.mark("b")
        y = torch.zeros(50) + 1  # the zeros are gone when the sum is there
        del x
        ledger.mark("c")
        del y
    assert ledger.timeline["total"].tolist() == [0, 400, 600, 800, 600, 200, 0]
    assert ledger.timeline["phase"].tolist() == ["start", "a", "b", "b", "b", "b", "c"]
    assert ledger.peak["temporaries"] == 800 and ledger.at("b").sum() == 200


# --- activations ---


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("method", [name for name in METHODS if name != "checkpointing"])
def test_activations_are_what_the_graph_saved(method, attention):
    model, batch = METHODS[method](bert(attention=attention)), texts()
    ledger = measure.second_step(model, batch, loss, adamw(model))
    counted = saved_in_graph(loss(model, batch), model, batch)
    assert ledger.at("forward")["activations"] == pytest.approx(counted, rel=0.02)


def test_activations_of_a_small_network_by_hand():
    model = nn.Sequential(nn.Linear(6, 20), nn.GELU(), nn.Linear(20, 10), nn.Tanh(), nn.Linear(10, 1))
    x = torch.randn(7, 6)
    ledger = measure.second_step(
        model, x, lambda m, b: m(b).sum(), torch.optim.SGD(model.parameters(), lr=0.1)
    )
    # GELU's input and output; Tanh's output. Each is kept once, though the next layer keeps it too; x is an input.
    assert ledger.at("forward")["activations"] == 7 * (20 + 20 + 10) * 4
    assert ledger.at("forward")["inputs"] == 7 * 6 * 4


@pytest.mark.parametrize(
    ("attention", "batch", "length"), [("sdpa", 8, 24), ("sdpa", 3, 50), ("eager", 8, 24), ("eager", 3, 50)]
)
def test_a_block_saves_what_the_formula_says(attention, batch, length):
    """A model of four blocks against one of three: the rest is the same in both."""
    both = []
    for layers in (3, 4):
        model = bert(layers, attention)
        ledger = measure.second_step(model, texts(batch, length), loss, adamw(model))
        both.append(ledger.at("forward")["activations"])
    assert both[1] - both[0] == methods.block_activations(batch, length, 32, 4, 4, fused=attention == "sdpa")


@pytest.mark.parametrize("weight_needs_gradient", [False, True])
@pytest.mark.parametrize("input_needs_gradient", [False, True])
def test_a_linear_layer_saves_the_other_factor_of_each_gradient(input_needs_gradient, weight_needs_gradient):
    layer, x = nn.Linear(5, 4), torch.randn(3, 5, requires_grad=input_needs_gradient)
    layer.weight.requires_grad_(weight_needs_gradient)
    input_bytes, weight_bytes = 60 * weight_needs_gradient, 80 * input_needs_gradient
    assert methods.saved_bytes(lambda: layer(x)) == input_bytes + weight_bytes
    assert methods.saved_bytes(lambda: layer(x), layer.parameters()) == input_bytes


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("method", [name for name in METHODS if name != "checkpointing"])
def test_saved_bytes_are_the_ledgers_activations(method, attention):
    model, batch = METHODS[method](bert(attention=attention)), texts()
    ledger = measure.second_step(model, batch, loss, adamw(model))
    present = [*model.parameters(), *model.buffers(), *batch.values()]
    saved = methods.saved_bytes(lambda: loss(model, batch), present)
    assert saved == ledger.at("forward")["activations"]


def test_freezing_what_is_below_drops_activations_and_lora_keeps_most():
    kept = {}
    for name in ("full", "top layer", "LoRA", "BitFit"):
        model = METHODS[name](bert(layers=4, hidden=64))
        ledger = measure.second_step(model, texts(), loss, adamw(model))
        kept[name] = ledger.at("forward")["activations"] / kept.get("full", 1)
    assert kept["top layer"] < 0.4
    assert 0.5 < kept["LoRA"] < 0.9 and 0.5 < kept["BitFit"] < 0.9


def test_a_block_that_runs_again_is_booked_as_activations():
    """At most one block is there in whole, beside what the others keep."""
    batch = texts()
    of_blocks = [
        measure.second_step(model, batch, loss, adamw(model)).at("forward")["activations"]
        for model in (bert(layers=3, hidden=64), bert(layers=4, hidden=64))
    ]
    block = of_blocks[1] - of_blocks[0]
    model = checkpointed(bert(layers=4, hidden=64))
    ledger = measure.second_step(model, batch, loss, adamw(model))
    kept = ledger.at("forward")["activations"]
    assert kept < block < ledger.most["activations"] < kept + 1.05 * block
    assert ledger.at("backward")["activations"] == 0


@pytest.mark.parametrize("method", ["top layer", "checkpointing"])
def test_the_shipped_shares_of_activations_are_what_the_ledger_books(method):
    """The slides say that the share under checkpointing counts the block that runs again."""
    config = BertConfig.from_pretrained(DATA / "models" / "encoder", num_labels=3)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    models = [METHODS[name](BertForSequenceClassification(config).train()) for name in ("full", method)]
    full, part = (measure.second_step(model, texts(16, 64), loss, adamw(model)).most for model in models)
    rows = results.load("05", track="bundled", own=False)
    shipped = rows[(rows["method"] == method) & (rows["metric"] == "activations (share of full)")]["value"]
    assert len(shipped) == 5
    assert shipped.to_list() == pytest.approx(5 * [part["activations"] / full["activations"]], rel=0.01)


# --- the largest batch ---


@pytest.mark.parametrize("free", [0, 999, 1000, 1001, 1500, 2048, 5000, 123_456])
@pytest.mark.parametrize(
    "peak", [lambda n: 900 + 100 * n, lambda n: n**2 + 999, lambda n: -(-(900 + 7 * n) // 512) * 512]
)
def test_the_largest_batch_is_the_last_that_fits_and_few_are_tried(peak, free):
    tried: list[int] = []
    rows = methods.largest_batch(lambda n: (tried.append(n), peak(n))[1], free)
    assert rows == next(n for n in itertools.count() if peak(n + 1) > free)
    assert min(tried) == 1 and len(tried) <= 2 * (rows + 1).bit_length() + 1


# --- the whole ---


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("batch", "how"),
    # The peak lies in the optimizer's step with 2 texts, and in the backward pass with 32. In bfloat16 a CPU's matrix
    # products take some memory of their own for each thread, which no hook sees: it is small beside 32 texts only.
    [(2, loss), (32, loss), (32, in_bfloat16)],
)
@pytest.mark.parametrize("method", METHODS)
def test_the_parts_add_up_to_the_peak_of_the_allocator(method, batch, how, one_thread):
    model = METHODS[method](bert(hidden=64))
    optimizer, given = adamw(model), texts(batch)
    ledger = measure.second_step(model, given, how, optimizer)

    def step() -> None:
        how(model, given).backward()
        optimizer.step()
        optimizer.zero_grad()

    measured = allocator_growth(step, CPU)
    booked = ledger.peak.sum() - ledger.at("start").sum()
    assert booked > 0 and booked == pytest.approx(measured, rel=0.02)


def test_the_allocators_record_is_right_itself():
    def run() -> None:
        x = torch.zeros(1000)
        del x
        torch.zeros(3000).relu_()

    assert allocator_growth(run, CPU) == 12_000


@pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_GPU)
@pytest.mark.parametrize("method", METHODS)
def test_the_peak_on_a_gpu_is_that_of_its_allocator(method):
    device = torch.device("cuda")
    model = METHODS[method](bert(layers=6, hidden=512)).to(device)
    optimizer, batch = adamw(model), texts(64, 64, device)
    ledger = measure.second_step(model, batch, loss, optimizer)

    def step() -> None:
        loss(model, batch).backward()
        optimizer.step()
        optimizer.zero_grad()

    measured = allocator_growth(step, device)
    assert ledger.peak.sum() - ledger.at("start").sum() == pytest.approx(measured, rel=0.02)


def test_autocast_adds_copies_of_the_weights_and_saves_activations():
    model = bert()
    plain = measure.second_step(model, texts(), loss, adamw(model)).at("forward")
    half = measure.second_step(model, texts(), in_bfloat16, adamw(model)).at("forward")
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    biases = [m.bias for m in model.modules() if isinstance(m, nn.Linear)]
    assert plain["weight copies"] == 0
    # The bottom layer's copy is kept too: its input comes from the embeddings, which are trained.
    assert 0 <= half["weight copies"] - nbytes(iter(weights)) / 2 <= nbytes(iter(biases)) / 2
    assert half["activations"] < plain["activations"] and half["parameters"] == plain["parameters"]


def test_the_timeline_is_consistent_and_names_the_modules():
    model = bert()
    frame = measure.second_step(model, texts(), loss, adamw(model)).timeline
    assert (frame[list(measure.CATEGORIES)] >= 0).all(axis=None)
    assert (frame[list(measure.CATEGORIES)].sum(axis=1) == frame["total"]).all()
    assert list(dict.fromkeys(frame["phase"]))[:4] == ["start", "forward", "backward", "step"]
    blocks = [f"bert.encoder.layer.{i}" for i in range(3)]
    for phase, expected in (("forward", blocks), ("backward", blocks[::-1])):
        paths = frame.loc[frame["phase"] == phase, "module"]
        met = [path[: len(blocks[0])] for path in paths if path.startswith("bert.encoder.layer.")]
        assert list(dict.fromkeys(met)) == expected


def test_no_moment_of_backward_belongs_to_a_module_that_does_nothing():
    model = bert()  # its dropout has the rate 0, and hands on what it is given
    frame = measure.second_step(model, texts(), loss, adamw(model)).timeline
    paths = set(frame.loc[frame["phase"] == "backward", "module"])
    assert "bert.encoder.layer.2.output.dense" in paths
    assert not [path for path in paths if path.endswith("dropout")]


# --- it changes nothing, and leaves nothing behind ---


@pytest.mark.parametrize("method", METHODS)
def test_a_step_under_the_ledger_is_the_same_step(method):
    model = METHODS[method](bert())
    twin = copy.deepcopy(model)
    measure.second_step(model, texts(), loss, adamw(model), steps_before=0)
    optimizer = adamw(twin)
    loss(twin, texts()).backward()
    optimizer.step()
    for (name, ours), theirs in zip(model.named_parameters(), twin.parameters(), strict=True):
        assert torch.equal(ours, theirs), name


def test_no_hook_is_left_even_after_an_error():
    model, optimizer = bert(), None
    optimizer = adamw(model)
    before = {path: (len(m._forward_hooks), len(m._forward_pre_hooks)) for path, m in model.named_modules()}
    with pytest.raises(ZeroDivisionError), measure.Ledger(model, optimizer) as ledger:
        loss(model, texts())
        raise ZeroDivisionError
    length = len(ledger.timeline)
    loss(model, texts()).backward()
    optimizer.step()
    after = {path: (len(m._forward_hooks), len(m._forward_pre_hooks)) for path, m in model.named_modules()}
    assert after == before and len(ledger.timeline) == length
    assert not any(p._post_accumulate_grad_hooks for p in model.parameters())
    assert not optimizer._optimizer_step_post_hooks


def test_an_unknown_phase_is_named_with_the_list():
    ledger = measure.second_step(bert(), texts(), loss, torch.optim.SGD(bert().parameters(), lr=0.1))
    with pytest.raises(ValueError, match="'forwards'.* start, forward, backward, step, zero_grad"):
        ledger.at("forwards")


# --- fake tensors ---


@pytest.mark.parametrize("gated", [True, False])
def test_a_fake_step_books_what_a_real_one_does(gated):
    shape = fake_models.Shape(3, 32, 4, 96, 120, 64, gated=gated)
    config = shape.config()
    config._attn_implementation = (
        "sdpa"  # with real tensors transformers sees by itself that no mask is needed
    )
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).train()
    tokens = torch.zeros(2, 20, dtype=torch.long)
    real = measure.second_step(model, tokens, lambda m, b: m(input_ids=b, labels=b).loss, adamw(model))
    fake, trained = fake_models.fake_step(shape, 2, 20, torch.optim.AdamW)
    assert trained == sum(p.numel() for p in model.parameters())
    assert fake.peak.equals(real.peak)
    for phase in ("start", "forward", "backward", "step", "zero_grad"):
        assert fake.at(phase).equals(real.at(phase)), phase


def test_seven_billion_parameters_step_on_a_laptop():
    begin = time.perf_counter()
    ledger, trained = fake_models.fake_step(fake_models.SHAPES["LLaMA, 7B"], 1, 512, torch.optim.AdamW)
    peak = ledger.peak
    assert time.perf_counter() - begin < 20
    assert trained == 6_738_415_616  # as published
    assert peak["parameters"] == peak["gradients"] == 4 * trained
    assert (
        peak["optimizer state"] == 8 * trained + 4 * 291
    )  # two averages, and a step for each of 291 tensors


@pytest.mark.parametrize(
    ("name", "published"), [("GPT-2, 124M", 124.4e6), ("GPT-2, 1.5B", 1.558e9), ("LLaMA, 13B", 13.02e9),
                            ("LLaMA, 65B", 65.3e9), ("GPT-3, 175B", 174.6e9)]
)  # fmt: skip
def test_the_decoders_have_the_published_sizes(name, published):
    with FakeTensorMode():
        model = AutoModelForCausalLM.from_config(fake_models.SHAPES[name].config(), dtype=torch.float32)
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(published, rel=2e-3)


@pytest.mark.parametrize(
    "prepare",
    [checkpointed, lambda m: lora.inject_lora(m, ["q_proj", "v_proj"], 2, 4, head=())],
    ids=["checkpointing", "LoRA"],
)
def test_a_fake_step_takes_the_methods(prepare):
    full, everything = fake_models.fake_step(SMALL, 2, 20, torch.optim.AdamW)
    part, trained = fake_models.fake_step(SMALL, 2, 20, torch.optim.AdamW, prepare=prepare)
    assert trained <= everything
    assert part.at("forward")["activations"] < full.at("forward")["activations"]


def test_fake_steps_in_half_precision_and_in_mixed_precision():
    single, mixed, half = (
        fake_models.fake_step(SMALL, 2, 20, torch.optim.AdamW, dtype=dtype, autocast=autocast)[0].at(
            "forward"
        )
        for dtype, autocast in ((torch.float32, False), (torch.float32, True), (torch.bfloat16, False))
    )
    assert mixed["parameters"] == single["parameters"] == 2 * half["parameters"]
    assert mixed["weight copies"] > 0 == half["weight copies"]
    assert half["activations"] < mixed["activations"] < single["activations"]


def test_a_fake_step_takes_our_own_optimizer():
    plain, trained = fake_models.fake_step(SMALL, 2, 20, torch.optim.AdamW)
    eight, _ = fake_models.fake_step(SMALL, 2, 20, methods.AdamW8bit)
    assert 2 * trained < eight.peak["optimizer state"] < 0.3 * plain.peak["optimizer state"]


def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match="at most 64 tokens, and 65"):
        fake_models.fake_step(SMALL, 1, 65, torch.optim.AdamW)


# --- optimizers ---


def test_adamw_step_is_torchs():
    generator = torch.Generator().manual_seed(0)
    theirs = torch.randn(40, generator=generator).requires_grad_()
    ours, m, v = theirs.detach().clone(), torch.zeros(40), torch.zeros(40)
    how = {"lr": 0.01, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.1}
    optimizer = torch.optim.AdamW([theirs], **how)
    for step in range(1, 20):
        theirs.grad = torch.randn(40, generator=generator)
        optimizer.step()
        ours, m, v = methods.adamw_step(ours, theirs.grad, m, v, step, **how)
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(m, optimizer.state[theirs]["exp_avg"], rtol=0, atol=1e-6)
    torch.testing.assert_close(v, optimizer.state[theirs]["exp_avg_sq"], rtol=0, atol=1e-6)


def test_adams_state_has_the_dtype_of_the_parameter():
    model = bert().bfloat16()
    ledger = measure.second_step(model, texts(), loss, adamw(model))
    assert ledger.at("start")["optimizer state"] == 2 * nbytes(model.parameters()) + 4 * len(
        list(model.parameters())
    )


@pytest.mark.parametrize("shape", [(256,), (3, 100), (7,), (1, 1, 513)])
def test_quantized_numbers_come_back_within_half_a_code(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    codes, scales = methods.quantize_blockwise(x, 64)
    assert codes.dtype == torch.int8 and codes.shape == x.shape
    back = methods.dequantize_blockwise(codes, scales, 64)
    half = scales.repeat_interleave(64)[: x.numel()].view(shape) / 2
    assert ((back - x).abs() <= half * 1.001).all()


def test_eight_bit_states_never_take_more_than_at_rest():
    model = bert()
    optimizer = methods.AdamW8bit(model.parameters(), lr=1e-3)
    ledger = measure.second_step(model, texts(), loss, optimizer)
    assert ledger.most["optimizer state"] == ledger.at("start")["optimizer state"] == state_bytes(optimizer)


def test_eight_bit_adamw_calls_its_closure_as_torchs_optimizers_do():
    weight = nn.Parameter(torch.ones(3))
    optimizer = methods.AdamW8bit([weight], lr=0.1)

    def closure():
        optimizer.zero_grad()
        value = weight.square().sum()
        value.backward()
        return value

    assert optimizer.step(closure).item() == 3 and (weight < 1).all()
    assert optimizer.step() is None


@pytest.mark.parametrize("seed", range(3))
def test_eight_bit_adamw_trains_as_adamw_does_in_a_quarter_of_the_state(seed):
    torch.manual_seed(seed)
    x = torch.randn(256, 16)
    y = torch.tanh(x @ torch.randn(16, 4))
    start = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 4))
    final, first, state = {}, 0.0, {}
    for kind in (torch.optim.AdamW, methods.AdamW8bit):
        model = copy.deepcopy(start)
        optimizer = kind(model.parameters(), lr=1e-2)
        first = F.mse_loss(model(x), y).item()
        for _ in range(100):
            value = F.mse_loss(model(x), y)
            value.backward()
            optimizer.step()
            optimizer.zero_grad()
        final[kind], state[kind] = value.item(), state_bytes(optimizer)
    assert final[methods.AdamW8bit] < 0.3 * first
    assert final[methods.AdamW8bit] < 1.5 * final[torch.optim.AdamW] + 1e-3
    assert state[methods.AdamW8bit] < 0.27 * state[torch.optim.AdamW]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_eight_bit_adamw_steps_in_half_precision_as_in_float32(dtype):
    """In float16, eps and the squares of these gradients are 0, and 0 / 0 would be NaN."""
    generator = torch.Generator().manual_seed(0)
    half = nn.Parameter(torch.randn(300, generator=generator).to(dtype))
    whole = nn.Parameter(half.detach().float())
    optimizers = [methods.AdamW8bit([p], lr=0.1) for p in (half, whole)]
    for _ in range(3):
        gradient = (torch.randn(300, generator=generator) * 1e-4).to(dtype)
        for p, optimizer in zip((half, whole), optimizers, strict=True):
            p.grad = gradient.to(p.dtype)
            optimizer.step()
    torch.testing.assert_close(half.float(), whole, rtol=0.05, atol=0.05)


def test_a_checkpoint_of_eight_bit_adamw_keeps_its_codes_and_goes_on_as_if_never_saved():
    """torch's own `load_state_dict` makes bfloat16 of the codes, and of the scales."""
    generator = torch.Generator().manual_seed(0)
    weight = nn.Parameter(torch.randn(300, generator=generator).to(torch.bfloat16))
    optimizer = methods.AdamW8bit([weight], lr=0.1)
    weight.grad = torch.randn(300, generator=generator).to(torch.bfloat16)
    optimizer.step()
    twin = nn.Parameter(weight.detach().clone())
    twin.grad = weight.grad.clone()
    resumed = methods.AdamW8bit([twin], lr=0.1)
    resumed.load_state_dict(optimizer.state_dict())
    assert {name: value.dtype for name, value in resumed.state[twin].items() if name != "step"} == {
        "exp_avg": torch.int8, "exp_avg_scales": torch.float32, "root": torch.int8, "root_scales": torch.float32,
    }  # fmt: skip
    optimizer.step()
    resumed.step()
    assert torch.equal(twin, weight)
    for name, value in optimizer.state[weight].items():
        assert (
            value == resumed.state[twin][name]
            if name == "step"
            else torch.equal(value, resumed.state[twin][name])
        )
