"""What must hold for learned prompts: words are a special case, padding is harmless, and peft agrees."""

import copy

import peft
import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM

from course_utils import models
from course_utils.methods import prompts
from course_utils.methods.scale import build_prompt
from course_utils.models import ladder

TOKENS, HIDDEN, LAYERS, HEADS = 4, 16, 3, 2


@pytest.fixture(params=["rotary", "learned"])
def base(request: pytest.FixtureRequest) -> nn.Module:
    """A small language model; of positions that turn keys and queries, or of positions looked up in a table."""
    torch.manual_seed(0)
    if request.param == "rotary":
        config = GPTNeoXConfig(
            vocab_size=30, hidden_size=HIDDEN, intermediate_size=32, num_hidden_layers=LAYERS,
            num_attention_heads=HEADS, max_position_embeddings=64, rotary_pct=1.0, initializer_range=0.3,
        )  # fmt: skip
        return GPTNeoXForCausalLM(config).eval()
    config = GPT2Config(
        vocab_size=30, n_embd=HIDDEN, n_layer=LAYERS, n_head=HEADS, n_positions=64, initializer_range=0.3,
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


def random(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def padded(lengths: list[int], side: str) -> dict[str, torch.Tensor]:
    """Rows of these lengths, with padding on one side."""
    longest = max(lengths)
    ids = torch.randint(3, 30, (len(lengths), longest), generator=torch.Generator().manual_seed(2))
    places = torch.arange(longest)
    counts = torch.tensor(lengths)[:, None]
    mask = places < counts if side == "right" else places >= longest - counts
    return {"input_ids": ids * mask, "attention_mask": mask.long()}


def wrapped(base: nn.Module, kind: str) -> nn.Module:
    model = copy.deepcopy(base)
    if kind == "prompt":
        return prompts.PromptTuned(model, random(2, TOKENS, HIDDEN)).eval()
    return prompts.PrefixTuned(model, random(TOKENS, LAYERS * 2 * HIDDEN)).eval()


kinds = pytest.mark.parametrize("kind", ["prompt", "prefix"])


# --- before and during training ---


@torch.no_grad()
def test_virtual_tokens_that_are_embeddings_do_what_their_tokens_do(base):
    words, text = torch.tensor([5, 9, 7, 9]), torch.tensor([[4, 8, 6]])
    table = base.get_input_embeddings().weight
    model = prompts.PromptTuned(copy.deepcopy(base), prompts.prompt_from_tokens(table, words, 4)[None])
    ours = model.eval()(text, torch.ones_like(text)).logits
    asked = base(torch.cat([words[None], text], dim=1)).logits[:, 4:]
    torch.testing.assert_close(ours, asked, atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_prefix_of_a_models_own_keys_and_values_does_what_their_tokens_do(base):
    """The keys and values of real tokens, taken from the cache and laid out as a prefix."""
    words, text = torch.tensor([[5, 9, 7, 9]]), torch.tensor([[4, 8, 6]])
    cache = base(words, use_cache=True).past_key_values
    columns = [
        part[0].transpose(0, 1).flatten(1) for layer in cache.layers for part in (layer.keys, layer.values)
    ]
    model = prompts.PrefixTuned(copy.deepcopy(base), torch.cat(columns, dim=1)).eval()
    asked = base(torch.cat([words, text], dim=1)).logits[:, 4:]
    torch.testing.assert_close(model(text, torch.ones_like(text)).logits, asked, atol=1e-5, rtol=0)


@torch.no_grad()
@kinds
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_row_gets_in_a_padded_batch_what_it_gets_alone(base, kind, side):
    model, lengths = wrapped(base, kind), [6, 2, 4]
    batch = padded(lengths, side)
    together = model(**batch).logits
    assert together.shape == (3, 6, 30)
    for row, length in enumerate(lengths):
        kept = batch["attention_mask"][row].bool()
        ids = batch["input_ids"][row, kept][None]
        alone = model(ids, torch.ones(1, length, dtype=torch.long)).logits[0]
        torch.testing.assert_close(together[row, kept], alone, atol=1e-5, rtol=0)


@kinds
def test_three_steps_move_the_vectors_and_nothing_else(base, kind):
    model = wrapped(base, kind).train()
    name = {"prompt": "prompts", "prefix": "prefix"}[kind]
    assert [n for n, p in model.named_parameters() if p.requires_grad] == [name]
    before = copy.deepcopy(model.state_dict())
    optimizer, batch = torch.optim.AdamW(model.parameters(), lr=0.1), padded([5, 3], "right")
    for _ in range(3):
        logits = model(**batch).logits
        nn.functional.cross_entropy(logits.flatten(0, 1), batch["input_ids"].flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()
    moved = {n for n, value in model.state_dict().items() if not torch.equal(value, before[n])}
    assert moved == {name}


def test_the_first_values_are_copied_and_the_model_keeps_its_own(base):
    given = random(1, TOKENS, HIDDEN)
    model = prompts.PromptTuned(copy.deepcopy(base), given)
    with torch.no_grad():
        model.prompts.zero_()
    assert given.any()
    table = base.get_input_embeddings().weight
    drawn = prompts.prompt_from_tokens(table, torch.tensor([3, 4]), 3)
    assert not drawn.requires_grad and torch.equal(drawn, table[[3, 4, 3]])
    drawn.zero_()
    assert table[3].any()


# --- one prompt a task ---


@torch.no_grad()
def test_a_mixed_batch_gives_each_row_its_own_tasks_logits(base):
    model, batch = wrapped(base, "prompt"), padded([5, 3, 4, 5], "left")
    task_ids = torch.tensor([1, 0, 1, 0])
    mixed = model(**batch, task_ids=task_ids).logits
    for row, task in enumerate(task_ids):
        kept = batch["attention_mask"][row].bool()
        one = {name: value[row : row + 1] for name, value in batch.items()}
        alone = model(**one, task_ids=task[None]).logits
        torch.testing.assert_close(mixed[row, kept], alone[0, kept], atol=1e-5, rtol=0)
        other = model(**one, task_ids=1 - task[None]).logits
        assert (other[0, kept] - alone[0, kept]).abs().max() > 0.01
    assert torch.equal(
        model(**batch).logits, model(**batch, task_ids=torch.zeros(4, dtype=torch.long)).logits
    )


def test_a_rows_gradient_reaches_its_own_prompt_only(base):
    model, batch = wrapped(base, "prompt"), padded([5, 3], "right")
    model(**batch, task_ids=torch.tensor([1, 1])).logits.square().mean().backward()
    assert not model.prompts.grad[0].any() and model.prompts.grad[1].any()


# --- peft ---


@torch.no_grad()
@kinds
def test_peft_computes_the_same_and_trains_as_many(base, kind):
    config = {"prompt": peft.PromptTuningConfig, "prefix": peft.PrefixTuningConfig}[kind]
    theirs = peft.get_peft_model(
        copy.deepcopy(base), config(task_type="CAUSAL_LM", num_virtual_tokens=TOKENS)
    ).eval()
    ours = wrapped(base, kind)
    vectors = ours.prompts[0] if kind == "prompt" else ours.prefix
    assert theirs.get_nb_trainable_parameters()[0] == vectors.numel()
    theirs.prompt_encoder["default"].embedding.weight.copy_(vectors)
    batch = padded([6, 3, 5], "right")
    kept = batch["attention_mask"].bool()
    expected = theirs(**batch).logits[:, -6:][kept]
    assert (expected - base(**batch).logits[kept]).abs().max() > 0.01
    torch.testing.assert_close(ours(**batch).logits[kept], expected, atol=1e-5, rtol=0)


def test_the_nearest_token_is_the_one_in_the_same_direction_however_long_it_is():
    table = torch.tensor([[0.1, 0.0], [0.0, 9.0], [-5.0, 0.0]])
    assert prompts.nearest_tokens(torch.tensor([[8.0, 1.0], [-1.0, 2.0], [-3.0, 1.0]]), table).tolist() == [
        0,
        1,
        2,
    ]


def test_the_layout_of_a_prefix_by_hand():
    prefix = torch.arange(2 * 8).view(
        2, 8
    )  # two tokens; two layers of a key and a value, of two heads of one number
    pairs = prompts.keys_and_values(prefix, batch_size=3, layers=2, heads=2)
    assert [tuple(part.shape) for pair in pairs for part in pair] == [(3, 2, 2, 1)] * 4
    assert pairs[0][0][1, :, :, 0].tolist() == [[0, 8], [1, 9]]
    assert pairs[1][1][2, :, :, 0].tolist() == [[6, 14], [7, 15]]


# --- rows to tune on ---


def test_labels_are_the_next_tokens_of_the_answer_alone():
    tokenizer = models.load_tokenizer("lm_ladder")
    questions = [build_prompt(None, [], "cat"), build_prompt("reverse the word", [], "window")]
    loader = ladder.answer_loader(questions, ["tac", "wodniw"], tokenizer, batch_size=2, task_ids=[4, 7])
    (batch,) = loader
    assert batch["task_ids"].tolist() == [4, 7]
    for ids, labels, answer in zip(batch["input_ids"], batch["labels"], ["tac", "wodniw"], strict=True):
        counted = labels != -100
        assert tokenizer.decode(labels[counted]) == f"{answer}\n"
        assert torch.equal(ids[1:][counted[:-1]], labels[counted])
    assert "task_ids" not in next(iter(ladder.answer_loader(questions, ["a", "b"], tokenizer, 1)))


@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_rows_end_or_begin_together(side):
    batch = ladder.padded(["cat => ", "window => "], models.load_tokenizer("lm_ladder"), side)
    assert set(batch) == {"input_ids", "attention_mask"}
    gaps = (batch["attention_mask"] == 0).nonzero().tolist()
    assert gaps == [[0, place] for place in ((0, 1, 2) if side == "left" else (5, 6, 7))]
