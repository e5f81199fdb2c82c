"""Asking a language model, against the plainest way there is: one text at a time, no padding, no cache."""

import copy
import functools
from typing import Any

import any_model
import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors, trainers
from tokenizers.models import BPE
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    OPTConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from course_utils import training
from course_utils.data import answers
from course_utils.methods import prompts as learned_prompts
from course_utils.models import language_models
from course_utils.training.forward import forward, input_names

EXAMPLES = "".join(
    f"Review: {text}. Sentiment: {label}\n"
    for text, label in (("good food", "positive"), ("a bad room", "negative"), ("the bed", "neutral"))
)
QUERIES = ("fine", "really very good indeed", "no", "I would not go there", "so so")
PROMPTS = [f"{EXAMPLES}Review: {query}. Sentiment:" for query in QUERIES]
CHOICES = [" positive", " negative", " neutral", " pos"]  # one of them begins another
END = "<|end|>"
SHAPE: dict[str, Any] = {
    "vocab_size": 360, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "initializer_range": 0.5, "bos_token_id": 1, "eos_token_id": 0,
}  # fmt: skip
SHORT: dict[str, Any] = {
    "n_layer": 2,
    "n_head": 4,
    "initializer_range": 0.5,
    "bos_token_id": 1,
    "eos_token_id": 0,
}
CONFIGS = {
    "Llama, grouped heads": LlamaConfig(**SHAPE, num_key_value_heads=2),
    "GPT-2": GPT2Config(vocab_size=360, n_embd=32, **SHORT),
    "GPT-NeoX": GPTNeoXConfig(**SHAPE),
    "BLOOM": BloomConfig(vocab_size=360, hidden_size=32, **SHORT),
    "OPT": OPTConfig(
        vocab_size=360, hidden_size=32, word_embed_proj_dim=32, ffn_dim=64, num_hidden_layers=2,
        num_attention_heads=4, init_std=0.5, bos_token_id=1, eos_token_id=0, pad_token_id=2,
    ),
    "Mistral, a window shorter than the prompts": MistralConfig(**SHAPE, num_key_value_heads=2, sliding_window=16),
}  # fmt: skip
UNCACHED = {
    "Mamba": MambaConfig(vocab_size=360, hidden_size=32, num_hidden_layers=2, eos_token_id=0, bos_token_id=1)
}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE, as GPT-2's. No padding token: none is needed."""
    made = Tokenizer(BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340, special_tokens=[END, "<|begin|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    made.train_from_iterator([PROMPTS[0] + choice + "\n\n" for choice in CHOICES] * 4, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token=END, bos_token="<|begin|>")


def model_of(config: Any) -> PreTrainedModel:
    torch.manual_seed(1)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def llama() -> PreTrainedModel:
    return model_of(CONFIGS["Llama, grouped heads"])


def grid(prompts: list[str] = PROMPTS, choices: list[str] = CHOICES) -> tuple[list[str], list[str]]:
    return [prompt for prompt in prompts for _ in choices], choices * len(prompts)


@torch.no_grad()
def plain_score(model: nn.Module, tokenizer: Any, prompt: str, answer: str) -> float:
    ids, before = tokenizer(prompt + answer)["input_ids"], len(tokenizer(prompt)["input_ids"])
    inputs = torch.tensor([ids])
    log_p = model(input_ids=inputs, attention_mask=torch.ones_like(inputs)).logits[0].log_softmax(-1)
    return sum(log_p[place - 1, ids[place]].item() for place in range(before, len(ids)))


def plain_scores(model: nn.Module, tokenizer: Any, prompts: list[str], answers: list[str]) -> torch.Tensor:
    return torch.tensor([plain_score(model, tokenizer, *pair) for pair in zip(prompts, answers, strict=True)])


@torch.no_grad()
def plain_text(model: nn.Module, tokenizer: Any, prompt: str, count: int, stop: str | None = None) -> str:
    ids, new = tokenizer(prompt)["input_ids"], []
    for _ in range(count):
        token = model(torch.tensor([ids + new])).logits[0, -1].argmax().item()
        if token == tokenizer.eos_token_id:
            break
        new.append(token)
        if stop and stop in tokenizer.decode(new):
            break
    text = tokenizer.decode(new, skip_special_tokens=True)
    return (text.split(stop)[0] if stop else text).strip()


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


def passes(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The shape (rows, tokens) of what the model is given in each forward pass from now on."""
    seen, forward = [], model.forward

    @functools.wraps(forward)
    def counting(input_ids: torch.Tensor, **how: Any) -> Any:
        seen.append(tuple(input_ids.shape))
        return forward(input_ids=input_ids, **how)

    monkeypatch.setattr(model, "forward", counting)
    return seen


# Scores


@pytest.mark.parametrize("kind", CONFIGS | UNCACHED)
def test_scores_are_those_of_each_text_alone(kind: str, tokenizer: Any) -> None:
    model = model_of((CONFIGS | UNCACHED)[kind])
    wanted = plain_scores(model, tokenizer, *grid())
    for reuse_prefix in (True, False):
        how = {"batch_size": 3, "reuse_prefix": reuse_prefix}
        close(language_models.score(model, tokenizer, *grid(), **how), wanted)
    scores = language_models.score_choices(model, tokenizer, PROMPTS, CHOICES, batch_size=3)
    close(scores, wanted.view(len(PROMPTS), len(CHOICES)))
    chosen = language_models.choose(model, tokenizer, PROMPTS, CHOICES, batch_size=2)
    assert chosen.tolist() == wanted.view(len(PROMPTS), -1).argmax(-1).tolist()


def test_every_prompt_may_have_its_own_answer(llama: PreTrainedModel, tokenizer: Any) -> None:
    own = [" good, and long enough for many tokens\n", " x", " negative", " ?", " I see"]
    found = language_models.score(llama, tokenizer, PROMPTS, own, batch_size=2)
    close(found, plain_scores(llama, tokenizer, PROMPTS, own))


def test_prompts_that_share_nothing_and_one_that_begins_another(
    llama: PreTrainedModel, tokenizer: Any
) -> None:
    prompts = ["yes", "no", "no, yes", "no, yes, no"]
    close(
        language_models.score(llama, tokenizer, *grid(prompts)),
        plain_scores(llama, tokenizer, *grid(prompts)),
    )
    only = language_models.score(llama, tokenizer, PROMPTS[:1], CHOICES[:1])
    close(only, plain_scores(llama, tokenizer, PROMPTS[:1], CHOICES[:1]))
    assert language_models.score(llama, tokenizer, [], []).shape == (0,)


@pytest.mark.parametrize("cached", [True, False])
def test_what_all_share_is_computed_once(
    cached: bool, llama: PreTrainedModel, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = passes(llama, monkeypatch)
    language_models.score(llama, tokenizer, PROMPTS, [" x"] * len(PROMPTS), batch_size=5, reuse_prefix=cached)
    shared = len(tokenizer(f"{EXAMPLES}Review:")["input_ids"])
    longest = max(len(tokenizer(f"{prompt} x")["input_ids"]) - 1 for prompt in PROMPTS)
    assert seen == ([(1, shared), (5, longest - shared)] if cached else [(5, longest)])


def test_answers_of_one_token_take_one_row_together(
    llama: PreTrainedModel, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = passes(llama, monkeypatch)
    language_models.score(llama, tokenizer, *grid(["yes", "no"], ["!", "?", ";"]))
    assert sum(rows for rows, _ in seen) == 2


def test_a_learned_prompt_in_front_is_not_put_there_twice(llama: PreTrainedModel, tokenizer: Any) -> None:
    prompt = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(0))
    tuned = learned_prompts.PromptTuned(llama, prompt)
    found = language_models.score(tuned, tokenizer, *grid())
    close(found, plain_scores(tuned, tokenizer, *grid()))
    assert (found - language_models.score(llama, tokenizer, *grid())).abs().max() > 0.1


def test_models_of_peft_are_asked_as_they_are(tokenizer: Any) -> None:
    """Its prompt tuning puts virtual tokens in front of whatever it is given, and LoRA does not."""
    for config in (
        PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5),
        LoraConfig(task_type="CAUSAL_LM", r=2, init_lora_weights=False),
    ):
        model = get_peft_model(model_of(CONFIGS["Llama, grouped heads"]), config).eval()
        requests = grid()
        found = language_models.score(model, tokenizer, *requests)
        for place in (0, 5, 19):
            alone = [part[place : place + 1] for part in requests]
            whole = language_models.score(model, tokenizer, *alone, reuse_prefix=False)
            close(found[place : place + 1], whole)


def test_dropout_is_off_and_the_mode_comes_back(tokenizer: Any) -> None:
    model = model_of(GPT2Config(vocab_size=360, n_embd=32, **SHORT, resid_pdrop=0.5)).train()
    one, other = (language_models.score(model, tokenizer, *grid()) for _ in range(2))
    assert torch.equal(one, other) and model.training and model.transformer.drop.training
    assert not one.requires_grad


# The border between prompt and answer


def test_a_prompt_and_its_answer_are_read_as_one_text(tokenizer: Any) -> None:
    (request,) = answers.encode(tokenizer, ["Sentiment:"], [" positive"])
    assert request.tokens == tokenizer("Sentiment: positive")["input_ids"]
    assert tokenizer.decode(request.tokens[request.start :]) == " positive"


@pytest.mark.parametrize(
    ("prompt", "answer"), [("Sentiment: ", "positive"), ("Sentiment: pos", "itive"), ("Sentiment:", "")]
)
def test_an_answer_without_tokens_of_its_own_is_refused(
    prompt: str, answer: str, llama: PreTrainedModel, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = passes(llama, monkeypatch)
    with pytest.raises(ValueError, match="no tokens of its own"):
        language_models.score(llama, tokenizer, ["yes", prompt], [" no", answer])
    assert not seen


def test_an_answer_behind_nothing_is_refused(llama: PreTrainedModel, tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="no token in front of ' positive'"):
        language_models.score(llama, tokenizer, [""], [" positive"])
    with pytest.raises(ValueError, match="nothing to continue"):
        language_models.write(llama, tokenizer, ["yes", ""], max_new_tokens=3)


def test_a_text_longer_than_the_model_reads_is_refused(tokenizer: Any) -> None:
    model = model_of(LlamaConfig(**SHAPE, max_position_embeddings=40))
    for ask in (
        lambda: language_models.score(model, tokenizer, PROMPTS, [" no"] * len(PROMPTS)),
        lambda: language_models.write(model, tokenizer, ["yes"], max_new_tokens=40),
    ):
        with pytest.raises(ValueError, match="positions for 40"):
            ask()
    assert language_models.write(model, tokenizer, ["yes"], max_new_tokens=4)


def test_the_first_special_token_is_there_once(tokenizer: Any) -> None:
    """Where the tokenizer puts one in front, as Llama's does, and where a chat template has written it already."""
    made = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    made.post_processor = processors.TemplateProcessing(
        single="<|begin|> $A", special_tokens=[("<|begin|>", 1)]
    )
    marking = PreTrainedTokenizerFast(tokenizer_object=made, eos_token=END, bos_token="<|begin|>")
    plain, written = answers.encode(marking, ["yes", "<|begin|>yes"], [" no", " no"])
    assert plain == written and plain.tokens.count(1) == 1


# Training on the answers


def test_the_loss_of_a_batch_is_that_of_its_answers_alone(llama: PreTrainedModel, tokenizer: Any) -> None:
    own = [f" {word}{END}" for word in ("positive", "no", "negative", "I see", "x")]
    loader = answers.make_loader(PROMPTS, own, tokenizer, batch_size=3, seed=1)
    total, tokens = 0.0, 0
    for batch in loader:
        counted = batch["labels"] != -100
        assert counted.any(dim=0).all() and batch["logits_to_keep"].shape == batch["labels"].shape[1:]
        outputs = forward(llama, input_names(llama), batch)
        total += training.gold_loss(outputs, batch).item() * counted.sum().item()
        tokens += counted.sum().item()
    scores = plain_scores(llama, tokenizer, PROMPTS, own)
    assert total == pytest.approx(-scores.sum().item(), rel=1e-5)
    assert tokens == sum(len(tokenizer(answer)["input_ids"]) for answer in own)


def test_a_wrapper_of_peft_trains_on_the_answers_too(tokenizer: Any) -> None:
    config = LoraConfig(task_type="CAUSAL_LM", r=2)
    model = get_peft_model(model_of(CONFIGS["Llama, grouped heads"]), config)
    loader = answers.make_loader(PROMPTS, [f" no{END}"] * len(PROMPTS), tokenizer, batch_size=5)
    losses = training.fit(model, loader, steps=6, learning_rate=3e-2, progress=False).losses
    assert losses[-1] < losses[0]


# Writing


@pytest.mark.parametrize("kind", CONFIGS | UNCACHED)
def test_what_is_written_is_what_one_token_after_the_other_gives(kind: str, tokenizer: Any) -> None:
    model = model_of((CONFIGS | UNCACHED)[kind])
    for stop in (None, "e"):
        wanted = [plain_text(model, tokenizer, prompt, 8, stop) for prompt in PROMPTS]
        for reuse_prefix in (True, False):
            how: dict[str, Any] = {"stop": stop, "batch_size": 2, "reuse_prefix": reuse_prefix}
            assert language_models.write(model, tokenizer, PROMPTS, max_new_tokens=8, **how) == wanted


def test_settings_that_draw_or_forbid_do_not_count(llama: PreTrainedModel, tokenizer: Any) -> None:
    greedy = language_models.write(llama, tokenizer, PROMPTS, max_new_tokens=12)
    model = model_of(CONFIGS["Llama, grouped heads"])
    model.generation_config.update(do_sample=True, temperature=5.0, top_k=50, repetition_penalty=9.0)
    assert language_models.write(model, tokenizer, PROMPTS, max_new_tokens=12) == greedy


def test_nothing_is_written_behind_the_end(tokenizer: Any) -> None:
    model = model_of(CONFIGS["GPT-2"])
    with torch.no_grad():  # the end is likeliest everywhere
        model.lm_head.weight = nn.Parameter(model.lm_head.weight.clone())
        model.transformer.ln_f.weight.zero_()
        model.transformer.ln_f.bias.copy_(model.lm_head.weight[0])
        model.lm_head.weight[0] *= 9
    assert language_models.write(model, tokenizer, PROMPTS, max_new_tokens=5) == [""] * len(PROMPTS)


# Chat


def test_a_chat_template_asks_and_leaves_the_answer_open(tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="no chat template"):
        answers.as_chat(tokenizer, ["Hello?"])
    chatting = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, eos_token=END)
    chatting.chat_template = (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    assert answers.as_chat(chatting, ["Hello?"]) == ["<user>Hello?<assistant>"]
    assert answers.as_chat(chatting, ["Hello?"], system="Be brief.") == [
        "<system>Be brief.<user>Hello?<assistant>"
    ]


# How well it predicts


@pytest.mark.parametrize("batch_size", [1, 16])
def test_perplexity_is_over_all_tokens_but_the_first(
    tokenizer: PreTrainedTokenizerFast, batch_size: int
) -> None:
    model = model_of(CONFIGS["Llama, grouped heads"])
    texts = [PROMPTS[0], "good food", "fine"]
    losses = []
    for text in texts:
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        with torch.no_grad():
            logits = model(ids).logits[0, :-1]
        losses += torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none").tolist()
    expected = torch.tensor(losses).mean().exp().item()
    found = language_models.perplexity(model, tokenizer, texts, batch_size=batch_size)
    assert found == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ValueError, match="two tokens or more"):
        language_models.perplexity(model, tokenizer, ["a"])


@pytest.mark.parametrize("name", ["BERT", "T5"])
def test_a_model_that_does_not_predict_the_next_token_is_refused(name: str, tokenizer: Any) -> None:
    """BERT would see the answer that it is to predict, and give it a number all the same."""
    other = any_model.tiny(name, language=True, vocab_size=400)
    for ask in (
        lambda: language_models.score(other, tokenizer, ["so"], [" good"]),
        lambda: language_models.perplexity(other, tokenizer, ["so good"]),
        lambda: language_models.write(other, tokenizer, ["so"], max_new_tokens=2),
    ):
        with pytest.raises(ValueError, match="does not predict the next token"):
            ask()


def test_bans_of_the_models_own_settings_are_off(llama: PreTrainedModel, tokenizer: Any) -> None:
    plain = language_models.write(llama, tokenizer, ["so"], max_new_tokens=8)
    ids = tokenizer(plain[0])["input_ids"]
    strict = copy.deepcopy(llama)
    strict.generation_config.no_repeat_ngram_size = 1
    strict.generation_config.bad_words_ids = [[ids[0]]]
    strict.generation_config.repetition_penalty = 5.0
    assert language_models.write(strict, tokenizer, ["so"], max_new_tokens=8) == plain
    assert strict.generation_config.no_repeat_ngram_size == 1


def test_an_end_token_that_the_tokenizer_adds_does_not_stand_before_what_follows(
    llama: PreTrainedModel, tokenizer: Any
) -> None:
    ending = copy.deepcopy(tokenizer)
    ending.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, tokenizer.eos_token_id)]
    )
    assert ending("so")["input_ids"] == [*tokenizer("so")["input_ids"], tokenizer.eos_token_id]
    texts = ["so good", f"so good{END}", "<|begin|>so", ""]
    assert answers.tokens_of(ending, texts) == answers.tokens_of(tokenizer, texts)
    ask = {"max_new_tokens": 5}
    assert language_models.write(llama, ending, ["so"], **ask) == language_models.write(
        llama, tokenizer, ["so"], **ask
    )
