"""Methods that wrap no layer, on every kind of model: each works in every dtype, or refuses before anything changes."""

import copy

import any_model
import peft
import pytest
import torch
from any_model import DECODERS, DTYPES, ENCODERS, LAYERS, METHODS, MODELS, REFUSED
from torch import nn
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, AutoModelForSequenceClassification

from course_utils.methods import bitfit, early_exit, experts, freezing, intermediate_kd, prompts, quantization

every_model = pytest.mark.parametrize("name", MODELS)
WORKS = [(method, name) for method in METHODS for name in MODELS if name not in REFUSED.get(method, ())]
REFUSES = [(method, name) for method, names in REFUSED.items() for name in names]


def applied(method: str, name: str, dtype: torch.dtype = torch.float32) -> nn.Module:
    language, apply = METHODS[method]
    return apply(any_model.tiny(name, language, dtype))


def trained(model: nn.Module) -> list[str]:
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("method", "name"), WORKS)
def test_it_works_in_the_dtype_of_the_model(method, name, dtype):
    model = applied(method, name, dtype)
    added = {n: p for n, p in model.named_parameters() if n.startswith(("prompts", "prefix", "heads."))}
    assert {p.dtype for n, p in model.named_parameters() if n not in added} == {dtype}
    assert {p.dtype for p in added.values()} <= {
        torch.float32
    }  # which trains where half precision is too coarse
    logits = model(**any_model.batch()).logits
    assert logits.dtype == (torch.float32 if method == "early exit" else dtype) and logits.isfinite().all()
    logits.float().square().mean().backward()
    without = [name for name in trained(model) if model.get_parameter(name).grad is None]
    assert trained(model) and not without


@pytest.mark.parametrize("method", ["prompt tuning", "prefix tuning"])
def test_a_model_in_float16_can_be_trained(method):
    """In float16 AdamW's eps is 0, and the square of a small gradient is too: its step would be 0 / 0."""
    model = applied(method, "GPT-2", torch.float16)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.01)
    for _ in range(2):
        (model(**any_model.batch()).logits.float().square().mean() * 1e-4).backward()
        optimizer.step()
    assert all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(("method", "name"), REFUSES)
def test_it_refuses_with_the_kind_of_model_and_changes_nothing(method, name):
    language, apply = METHODS[method]
    model = any_model.tiny(name, language).train()
    before, names, modes = (
        copy.deepcopy(model.state_dict()),
        trained(model),
        [m.training for m in model.modules()],
    )
    with pytest.raises(ValueError, match=type(model).__name__):
        apply(model)
    assert not freezing.which_moved(before, model.state_dict())
    assert trained(model) == names and [m.training for m in model.modules()] == modes


# --- the layers next to the head, and the biases ---

TOP = {
    "BERT": "bert.encoder.layer.1.", "RoBERTa": "roberta.encoder.layer.1.", "MPNet": "mpnet.encoder.layer.1.",
    "DeBERTa-v2": "deberta.encoder.layer.1.", "ModernBERT": "model.layers.1.", "GPT-2": "transformer.h.1.",
    "GPT-NeoX": "gpt_neox.layers.1.", "OPT": "model.decoder.layers.1.", "BLOOM": "transformer.h.1.",
    "Llama": "model.layers.1.", "Qwen2": "model.layers.1.", "Qwen3": "model.layers.1.",
    "T5": "transformer.decoder.block.1.",
}  # fmt: skip


@every_model
def test_the_layer_next_to_the_head_trains_whole(name):
    model = applied("top layers", name)
    head = any_model.head_of(model)
    outside = [n for n in trained(model) if not set(n.split(".")) & set(head)]
    assert outside and outside == [n for n, _ in model.named_parameters() if n.startswith(TOP[name])]


@pytest.mark.parametrize("name", [name for name in MODELS if name not in REFUSED["BitFit"]])
def test_bitfit_trains_every_bias(name):
    model = applied("BitFit", name)
    biases = {n for n, _ in model.named_parameters() if "bias" in n.split(".")[-1]}
    head = set(any_model.head_of(model))
    assert biases and biases <= set(trained(model))
    assert all(set(n.split(".")) & head for n in set(trained(model)) - biases)


# --- prompts ---


@torch.no_grad()
@pytest.mark.parametrize("name", DECODERS)
def test_a_prefix_that_is_taken_from_tokens_does_what_the_tokens_do(name):
    base, given, words = any_model.tiny(name, language=True), any_model.batch(), torch.tensor([9, 8, 7])
    mask = nn.functional.pad(given["attention_mask"], (3, 0), value=1)
    asked = base(torch.cat([words.expand(2, -1), given["input_ids"]], 1), attention_mask=mask).logits[:, 3:]
    prefix = prompts.prefix_from_tokens(base, words)
    assert prefix.shape == (3, any_model.prefix_width(base))
    ours = prompts.PrefixTuned(base, prefix).eval()(**given).logits
    real = given["attention_mask"].bool()
    torch.testing.assert_close(ours[real], asked[real], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(ours[real], base(**given).logits[real], atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("name", [*ENCODERS, *DECODERS])
def test_virtual_tokens_that_are_embeddings_do_what_their_tokens_do(name):
    """Positions too: RoBERTa and MPNet count theirs from padding_idx + 1."""
    base, given, words = any_model.tiny(name, language=True), any_model.batch(), torch.tensor([9, 8, 7])
    prompt = prompts.prompt_from_tokens(base.get_input_embeddings().weight, words, 3)
    mask = nn.functional.pad(given["attention_mask"], (3, 0), value=1)
    ids = torch.cat(
        [words.expand(2, -1), given["input_ids"].masked_fill(mask[:, 3:] == 0, base.config.pad_token_id)], 1
    )
    asked = base(input_ids=ids, attention_mask=mask).logits[:, 3:]
    ours = prompts.PromptTuned(base, prompt[None]).eval()(**given).logits
    real = given["attention_mask"].bool()
    torch.testing.assert_close(ours[real], asked[real], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("method", ["prompt tuning", "prefix tuning"])
def test_peft_has_the_same_logits_and_gradients(method, name):
    ours, given = applied(method, name).eval(), any_model.batch()
    vectors = ours.prompts if method == "prompt tuning" else ours.prefix
    kind = {"prompt tuning": peft.PromptTuningConfig, "prefix tuning": peft.PrefixTuningConfig}[method]
    settings = {"task_type": "CAUSAL_LM", "num_virtual_tokens": 3}
    if (
        name == "Qwen3" and method == "prefix tuning"
    ):  # peft divides the width by the heads; head_dim is its own
        settings |= {"token_dim": 32, "num_attention_heads": 2}
    theirs = peft.get_peft_model(any_model.tiny(name, language=True), kind(**settings)).eval()
    table = theirs.prompt_encoder["default"].embedding.weight
    assert table.numel() == vectors.numel()
    with torch.no_grad():
        table.copy_(vectors.view_as(table))
    real = given["attention_mask"].bool()
    found, expected = ours(**given).logits[real], theirs(**given).logits[:, -7:][real]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    found.square().mean().backward()
    expected.square().mean().backward()
    torch.testing.assert_close(vectors.grad.view_as(table), table.grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", DECODERS)
def test_a_prefix_is_never_lost_under_gradient_checkpointing(name):
    model = applied("prefix tuning", name)
    model.model.gradient_checkpointing_enable()
    model.eval()(**any_model.batch())  # recomputes nothing, so it drops nothing
    with pytest.raises(ValueError, match=f"{type(model.model).__name__}.*drops the keys and values"):
        model.train()(**any_model.batch())


@pytest.mark.parametrize("name", [name for name in (*ENCODERS, *DECODERS) if name != "MPNet"])  # it has none
def test_a_prompt_learns_the_same_under_gradient_checkpointing(name):
    gradients = []
    for checkpointing in (False, True):
        model = applied("prompt tuning", name)
        if checkpointing:
            model.model.gradient_checkpointing_enable()
        for part in model.train().modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
            for rate in ("dropout", "attention_dropout", "dropout_prob"):
                if isinstance(getattr(part, rate, None), float):
                    setattr(part, rate, 0.0)
        model(**any_model.batch()).logits.square().mean().backward()
        gradients.append(model.prompts.grad)
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-5)


def test_a_prefix_of_another_width_names_the_key_value_heads():
    model = any_model.tiny("Llama", language=True)
    with pytest.raises(
        ValueError, match=r"\(3, 128\).*2 key-value heads \* 8 numbers.*\(num_virtual_tokens, 64\)"
    ):
        prompts.PrefixTuned(model, torch.zeros(3, 2 * 2 * 32))
    assert all(p.requires_grad for p in model.parameters())


def test_prompts_are_for_language_models_and_of_their_width():
    with pytest.raises(ValueError, match="BertForSequenceClassification gives no logits for each token"):
        prompts.PromptTuned(any_model.tiny("BERT"), torch.zeros(1, 3, 32))
    with pytest.raises(ValueError, match=r"\(1, 3, 31\).*\(tasks, num_virtual_tokens, 32\)"):
        prompts.PromptTuned(any_model.tiny("GPT-2", language=True), torch.zeros(1, 3, 31))


# --- early exit, experts, and a student of fewer layers ---


@pytest.mark.parametrize("name", ENCODERS)
def test_one_sentence_leaves_where_the_batch_says(name):
    exiting = early_exit.InternalClassifiers(any_model.tiny(name)).eval()
    rows = any_model.batch()["input_ids"]
    with torch.no_grad():
        every = exiting(rows, torch.ones_like(rows)).logits
    for threshold in (0.0, every.softmax(-1).log().mul(-every.softmax(-1)).sum(-1)[0].mean().item(), 5.0):
        layers, classes = early_exit.exit_layers(every, threshold)
        found = [exiting.answer(row[None], threshold) for row in rows]
        assert found == list(zip(classes.tolist(), layers.tolist(), strict=True))


def test_early_exit_refuses_what_is_no_classifier():
    with pytest.raises(ValueError, match=r"BertForMaskedLM gives logits of the shape \(1, 2, 100\)"):
        early_exit.InternalClassifiers(any_model.tiny("BERT", language=True))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["BERT", "RoBERTa", "DeBERTa-v2", "MPNet"])
def test_experts_that_are_copies_change_nothing_in_any_dtype(name, dtype):
    dense, mixed = any_model.tiny(name, dtype=dtype), any_model.tiny(name, dtype=dtype)
    experts.add_experts(mixed, 4, 2)
    assert {parameter.dtype for parameter in mixed.parameters()} == {dtype}
    tolerance = {torch.float32: 1e-5, torch.float16: 0.02, torch.bfloat16: 0.1}[dtype]
    with torch.no_grad():
        found, expected = (model(**any_model.batch()).logits for model in (mixed, dense))
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("name", ["ModernBERT", *DECODERS, "T5"])
def test_experts_refuse_a_feed_forward_part_that_is_built_otherwise(name):
    model = any_model.tiny(name)
    with pytest.raises(ValueError, match=type(model).__name__):
        experts.add_experts(model, 4, 2)


@torch.no_grad()
@pytest.mark.parametrize("name", [*ENCODERS, *DECODERS])
def test_a_student_of_all_layers_is_its_teacher_and_one_of_fewer_runs(name):
    teacher, given = any_model.tiny(name), any_model.batch()
    logits = teacher(**given).logits
    assert torch.equal(intermediate_kd.keep_layers(teacher, [1, 2])(**given).logits, logits)
    student = intermediate_kd.keep_layers(teacher, [2])
    states = student(**given, output_hidden_states=True).hidden_states
    assert len(states) == 2 and student.config.num_hidden_layers == 1
    thrice = intermediate_kd.keep_layers(teacher, [1, 1, 2])
    first, second, _ = freezing.encoder_layers(thrice)
    assert first is not second and len(freezing.encoder_layers(teacher)) == 2


@torch.no_grad()
@pytest.mark.parametrize("name", [*ENCODERS, *DECODERS])
def test_a_cached_teacher_says_what_it_says_live(name):
    teacher, given = any_model.tiny(name), {**any_model.batch(), "id": torch.tensor([4, 1])}
    for column in ("input_ids", "attention_mask"):
        given[column][1] = given[column][1].roll(2)  # padded on the left
    live = teacher(given["input_ids"], attention_mask=given["attention_mask"], output_hidden_states=True)
    logits, states = intermediate_kd.look_up(intermediate_kd.cache_teacher(teacher, [given]), given)
    torch.testing.assert_close(logits, live.logits)
    real = given["attention_mask"].bool()
    for found, expected in zip(states, live.hidden_states, strict=True):
        torch.testing.assert_close(found[real], expected[real], rtol=2e-3, atol=2e-3)  # half precision


def test_a_prefix_stands_before_the_first_token_where_positions_begin_after_the_paddings():
    """RoBERTa's count from padding_idx + 1, as a decoder too."""
    torch.manual_seed(0)
    config = copy.deepcopy(any_model.tiny("RoBERTa").config)
    config.is_decoder = True
    model = AutoModelForCausalLM.from_config(config).eval()
    tokens, text = torch.tensor([5, 6, 7]), torch.tensor([[8, 9, 10, 11]])
    prefixed = prompts.PrefixTuned(model, prompts.prefix_from_tokens(model, tokens))
    whole = model(torch.cat([tokens[None], text], dim=1)).logits[:, 3:]
    found = prefixed(text, torch.ones_like(text)).logits
    torch.testing.assert_close(found, whole, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_batch_leaves_early_as_single_sentences_do_or_is_refused(name):
    exiting, rows = early_exit.InternalClassifiers(any_model.tiny(name)), any_model.batch()
    if name not in ("BERT", "RoBERTa"):
        with pytest.raises(ValueError, match="not of BERT's build"):
            exiting.answer_batch(**rows, threshold=0.0)
        return
    layers, classes = exiting.answer_batch(**rows, threshold=0.0)
    assert layers.tolist() == [any_model.LAYERS] * 2
    assert torch.equal(classes, exiting.model(**rows).logits.argmax(dim=-1))


def test_answer_takes_one_sentence():
    exiting = early_exit.InternalClassifiers(any_model.tiny("BERT"))
    with pytest.raises(ValueError, match=r"\(2, 7\), and one sentence is asked for"):
        exiting.answer(any_model.batch()["input_ids"], 0.5)


@pytest.mark.parametrize("task", [-1, 2])
def test_a_task_without_a_prompt_is_refused(task):
    """-1 would take the last prompt."""
    tuned = prompts.PromptTuned(any_model.tiny("GPT-2", True), any_model.vectors(2, 3, any_model.WIDTH))
    with pytest.raises(ValueError, match="prompts for the tasks 0 to 1"):
        tuned(**any_model.batch(), task_ids=torch.tensor([0, task]))


def test_no_gradient_passes_an_int8_layer():
    base, given = quantization.quantize_linears(any_model.tiny("Llama", language=True)), any_model.batch()
    with torch.no_grad():
        prefix = prompts.prefix_from_tokens(base, torch.tensor([3, 4]))
    assert base(**given).logits.requires_grad  # a forward pass outside of no_grad is no training
    for tuned in (
        prompts.PromptTuned(base, torch.randn(1, 2, any_model.WIDTH)),
        prompts.PrefixTuned(base, prefix),
    ):
        with pytest.raises(RuntimeError, match="quantize last"):
            tuned(**given).logits.square().mean().backward()


@pytest.mark.parametrize("method", ["biases", "top layers"])
def test_what_lies_below_an_int8_layer_does_not_train(method):
    base, given = any_model.tiny("BERT"), any_model.batch()
    head = any_model.head_of(base)
    model = quantization.quantize_linears(base, head=head)
    tuned = bitfit.bitfit(model, head) if method == "biases" else freezing.top_layers(model, 1, head)
    with pytest.raises(RuntimeError, match="quantize last"):
        tuned(**given).logits.square().mean().backward()
    freezing.head_only(model, head)(**given).logits.square().mean().backward()  # the head alone trains


def classifier(kind: str, layers: int = LAYERS, **sizes: object) -> nn.Module:
    config = CONFIG_MAPPING[kind](
        **any_model.USUAL | {"num_hidden_layers": layers}, vocab_size=any_model.VOCABULARY, **sizes
    )
    torch.manual_seed(0)
    return AutoModelForSequenceClassification.from_config(config).eval()


def test_experts_that_read_from_left_to_right_do_not_leave_early():
    """Their sums round otherwise for another text, also at a token that has not read it."""
    model = classifier("mixtral", 4, initializer_range=0.3, num_key_value_heads=2, num_local_experts=4)
    with pytest.raises(ValueError, match="reads from left to right"):
        early_exit.InternalClassifiers(model)


@torch.no_grad()
@pytest.mark.parametrize("name", ["gemma", "gemma2", "gemma3_text", "xglm"])
def test_a_prompt_of_rows_is_told_how_gemma_scales_them(name):
    sizes = {"num_key_value_heads": 2, "head_dim": 8} if name != "xglm" else {}
    sizes |= {"d_model": 32, "ffn_dim": 64, "num_layers": 2, "attention_heads": 4} if name == "xglm" else {}
    config = CONFIG_MAPPING[name](**any_model.USUAL, vocab_size=any_model.VOCABULARY, **sizes)
    base, words, ids = (
        AutoModelForCausalLM.from_config(config).eval(),
        torch.tensor([9, 8]),
        torch.tensor([[5, 6]]),
    )
    asked = base(torch.cat([words[None], ids], dim=1)).logits[:, 2:]
    rows = prompts.prompt_from_tokens(base.get_input_embeddings().weight, words, 2)
    with pytest.warns(UserWarning, match=r"by 5\.657 before it reads it"):
        tuned = prompts.PromptTuned(base, rows[None] * 32**0.5)
    torch.testing.assert_close(tuned(ids, torch.ones_like(ids)).logits, asked, atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["smollm3", "modernbert"])
def test_a_student_that_would_be_another_once_it_is_loaded_says_so(kind, tmp_path):
    sizes = {"num_key_value_heads": 2} if kind == "smollm3" else {"cls_token_id": 2, "sep_token_id": 3}
    model, given = (
        classifier(kind, layers=4, pad_token_id=0, initializer_range=0.3, **sizes),
        any_model.batch(),
    )
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.normal_(1, 0.3)
    with pytest.warns(UserWarning) as told:
        student = intermediate_kd.keep_layers(model, [2, 4])
    if kind == "smollm3":
        assert "set in its config: no_rope_layers = [1, 0]." in str(told[0].message)
        student.config.no_rope_layers = [1, 0]
    else:
        assert "Layer 2 of ModernBertForSequenceClassification has other" in str(told[0].message)
        student = intermediate_kd.keep_layers(model, [1, 3])
    student.save_pretrained(tmp_path)
    loaded = type(model).from_pretrained(tmp_path).eval()
    torch.testing.assert_close(loaded(**given).logits, student(**given).logits)


@torch.no_grad()
@pytest.mark.parametrize("method", ["prompt tuning", "prefix tuning"])
def test_padding_on_the_left_never_takes_the_prompt_out_of_a_sliding_window(method):
    """What a row says may not depend on how much padding the longest row of its batch gives it."""
    config = CONFIG_MAPPING["mistral"](
        **any_model.USUAL, num_key_value_heads=2, vocab_size=any_model.VOCABULARY, sliding_window=6
    )
    base, words = AutoModelForCausalLM.from_config(config).eval(), torch.tensor([9, 8])
    if method == "prompt tuning":
        tuned = prompts.PromptTuned(base, base.get_input_embeddings().weight[words][None])
    else:
        tuned = prompts.PrefixTuned(base, prompts.prefix_from_tokens(base, words))
    ids, mask = torch.tensor([[5, 6, 7, 8]]), torch.ones(1, 4, dtype=torch.long)
    right = tuned(nn.functional.pad(ids, (0, 3)), nn.functional.pad(mask, (0, 3))).logits[:, :4]
    torch.testing.assert_close(right, tuned(ids, mask).logits, atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="sees 6 tokens back, padding included"):
        tuned(nn.functional.pad(ids, (3, 0)), nn.functional.pad(mask, (3, 0)))
    tuned(ids, mask.index_fill(1, torch.tensor([0]), 0))  # all of it lies in the window
