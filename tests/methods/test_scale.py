"""What must hold for notebook 01: costs that a count bears out, scores that generation bears out, clean rows."""

import hashlib
import random
import sys

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from course_utils import models
from course_utils.data import word_puzzles
from course_utils.methods import scale
from course_utils.models import ladder
from course_utils.paths import DATA

sys.path.insert(0, str(DATA / "recipes"))

WORDS = word_puzzles.Words(
    pairs=[("cat", "kucing"), ("house", "rumah"), ("river", "sungai")], held_out=["moon", "api"]
)


@pytest.fixture
def model() -> GPTNeoXForCausalLM:
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=12, hidden_size=32, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=64, initializer_range=0.3, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    return GPTNeoXForCausalLM(config).eval()


# --- what it costs ---


def test_six_n_d_is_what_torch_counts_in_matrix_products(model):
    """The matrices of the layers and of the head: looking up embeddings costs nothing, attention's scores little."""
    matrices = sum(
        p.numel() for name, p in model.named_parameters() if p.ndim == 2 and "embed_in" not in name
    )
    ids = torch.randint(12, (4, 6))
    with FlopCounterMode(display=False) as counter:
        model(ids, labels=ids).loss.backward()
    assert counter.get_total_flops() == pytest.approx(scale.training_flops(matrices, ids.numel()), rel=0.1)
    assert scale.training_flops(3.0, 4.0) == 72.0


@torch.no_grad()
@pytest.mark.parametrize(("batch_size", "context"), [(1, 5), (3, 9)])
def test_serving_bytes_are_those_of_the_weights_and_of_the_cache(model, batch_size, context):
    cache = model(torch.randint(12, (batch_size, context)), use_cache=True).past_key_values
    kept = sum(4 * (layer.keys.numel() + layer.values.numel()) for layer in cache.layers)
    parameters = models.count(model)
    assert scale.serving_bytes(parameters, 2, 32, context, batch_size, 4) == 4 * parameters + kept


# --- prompts ---


def test_zero_one_and_few_shot_prompts():
    pairs = [("cat", "tac"), ("dog", "god")]
    assert scale.build_prompt("reverse it", [], "sun") == "reverse it:\nsun => "
    assert scale.build_prompt("reverse it", pairs[:1], "sun") == "reverse it:\ncat => tac\nsun => "
    assert scale.build_prompt(None, pairs, "sun") == "cat => tac\ndog => god\nsun => "
    assert scale.build_prompt("", [], "sun") == "sun => "


# --- scores ---


def test_an_answer_that_is_not_there_is_named():
    logits, ids, mask = torch.zeros(2, 4, 5), torch.zeros(2, 4, dtype=torch.long), torch.zeros(2, 4).bool()
    mask[0, 2] = mask[1, 0] = True  # in row 1, the first token: nothing stands before it
    with pytest.raises(ValueError, match="Row 1 has no token of an answer"):
        scale.exact_match(logits, ids, mask)
    with pytest.raises(ValueError, match=r"\(2, 4, 5\), input_ids \(2, 3\) and answer_mask \(2, 4\)"):
        scale.exact_match(logits, ids[:, :3], mask)
    for prompts, answers, problem in (
        ([[1], [1]], [[2]], "2 prompts and 1 answers"),
        ([[1], []], [[2], [2]], "Pair 1 has an empty prompt"),
        ([[1], [1]], [[], [2]], "Pair 0 has no answer"),
    ):
        with pytest.raises(ValueError, match=problem):
            scale.answer_batch(prompts, answers, 0)


def pairs(seed: int) -> tuple[list[list[int]], list[list[int]]]:
    """Prompts and answers of one to five tokens."""
    rng = random.Random(seed)
    prompts, answers = (
        [[rng.randint(3, 11) for _ in range(rng.randint(1, 5))] for _ in range(4)] for _ in range(2)
    )
    return prompts, answers


def test_log_likelihoods_are_summed_in_float32(model):
    found = scale.answer_log_likelihood(model.to(torch.bfloat16), *pairs(0), 0)
    assert found.dtype == torch.float32


@torch.no_grad()
def test_exact_match_says_what_greedy_generation_writes(model):
    """Half of the answers are what the model writes, the others differ from it in one token."""
    ids = torch.randint(3, 12, (8, 6), generator=torch.Generator().manual_seed(1))
    written = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=4, min_new_tokens=4, do_sample=False
    )
    rows = written.clone()
    for row in range(0, 8, 2):
        place = 6 + row // 2
        rows[row, place] = (rows[row, place] - 2) % 9 + 3
    mask = torch.zeros_like(rows, dtype=torch.bool)
    mask[:, 6:] = True
    # Generation was kept from writing the end, token 2: so it is here.
    logits = model(rows).logits
    logits[..., 2] = -torch.inf
    match = scale.exact_match(logits, rows, mask)
    assert match.tolist() == [False, True] * 4
    assert match.tolist() == (rows == written).all(dim=-1).tolist()


def test_log_likelihood_is_minus_the_loss_of_transformers_whatever_stands_in_the_padding(model):
    prompts, answers = pairs(1)
    ours = scale.answer_log_likelihood(model, prompts, answers, pad_token_id=0)
    for prompt, answer, found in zip(prompts, answers, ours, strict=True):
        ids = torch.tensor([prompt + answer])
        labels = torch.tensor([[-100] * len(prompt) + answer])
        torch.testing.assert_close(found, -len(answer) * model(ids, labels=labels).loss)
    torch.testing.assert_close(ours, scale.answer_log_likelihood(model, prompts, answers, pad_token_id=7))
    ours.sum().backward()
    assert model.get_output_embeddings().weight.grad.abs().sum() > 0


def test_padding_on_the_right_changes_no_match(model):
    ids, _, mask = scale.answer_batch([[3, 4, 5]] * 2, [[6, 7, 8], [9, 3, 4]], 0)
    longer = torch.nn.functional.pad(ids, (0, 3)), torch.nn.functional.pad(mask, (0, 3))
    match = scale.exact_match(model(ids).logits, ids, mask)
    assert torch.equal(match, scale.exact_match(model(longer[0]).logits, *longer))


# --- the tasks, and the rows of training ---


@pytest.mark.parametrize(
    ("task", "given", "answer"),
    [
        ("reverse", "moon", "noom"), ("cycle", "moon", "oonm"), ("double", "api", "aappii"),
        ("vowels", "moon", "mn"), ("shift", "zap", "abq"), ("head", "moon", "mo"), ("tail", "moon", "on"),
        ("sort", "moon", "mnoo"),
    ],
)  # fmt: skip
def test_what_the_tasks_do(task, given, answer):
    assert word_puzzles.ATOMS[task](given) == answer


def test_compositions_do_the_first_part_first():
    rng = random.Random(0)
    given, answer = word_puzzles.solve("cycle + double", WORDS, rng, test=True)
    assert answer == word_puzzles.ATOMS["double"](word_puzzles.ATOMS["cycle"](given))
    assert word_puzzles.DESCRIPTIONS["vowels + shift"]["english"] == ("drop vowels then shift",)
    assert len(word_puzzles.COMPOSED) == 20 and len(set(word_puzzles.ENGLISH_ONLY)) == 7


def test_questions_are_the_same_whatever_the_prompt_and_never_give_the_answer_away():
    asked = [word_puzzles.questions(word_puzzles.TASKS, 70, shots, language, _shipped(), seed=3)
             for shots, language in ((0, None), (1, "english"), (8, "indonesian"))]  # fmt: skip
    for zero, one, eight in zip(*asked, strict=True):
        assert (
            (zero.query, zero.answer, zero.task)
            == (one.query, one.answer, one.task)
            == (eight.query, eight.answer, eight.task)
        )
        assert len(eight.examples) == 8 and zero.query not in [given for given, _ in eight.examples]
        assert zero.description is None and one.description in word_puzzles.DESCRIPTIONS[one.task]["english"]
    other = word_puzzles.questions(word_puzzles.TASKS, 70, 0, None, _shipped(), seed=4)
    assert [q.query for q in other] != [q.query for q in asked[0]]


def _shipped() -> word_puzzles.Words:
    return ladder.words()


def test_no_held_out_word_and_no_forbidden_description_in_training():
    known, tokenizer = _shipped(), models.load_tokenizer("lm_ladder")
    rng, vocabulary = random.Random(5), tokenizer.get_vocab()
    forbidden = {word_puzzles.DESCRIPTIONS[task]["indonesian"][0] for task in word_puzzles.ENGLISH_ONLY}
    asked, described = set(), set()
    for _ in range(1500):
        ids, labels = ladder.training_row(known, vocabulary, rng)
        assert len(ids) == len(labels) == ladder.ROW
        lines = tokenizer.decode(ids).removeprefix("<s>").split("\n")
        described |= {line.rstrip(":") for line in lines if line.endswith(":")}
        asked |= {line.split(" => ")[0] for line in lines if " => " in line}
    assert len({word for pair in known.pairs for word in pair} & asked) > 300
    assert not set(known.held_out) & asked
    assert not described & forbidden
    assert {word_puzzles.DESCRIPTIONS[task]["english"][0] for task in word_puzzles.ENGLISH_ONLY} <= described


def test_rows_for_tuning_are_described_in_one_language_and_of_the_words_given():
    tokenizer, pool = models.load_tokenizer("lm_ladder"), word_puzzles.long_words(_shipped(), 50, seed=1)
    assert all(8 <= len(word) <= 10 for word in pool.held_out) and pool.pairs == _shipped().pairs
    assert pool != word_puzzles.long_words(_shipped(), 50, seed=2)
    make, usual = (
        ladder.prompted_row(["reverse", "shift"], "indonesian"),
        {"balik kata ini:", "geser hurufnya:"},
    )
    seen = set()
    for seed in range(20):
        ids, _ = make(pool, tokenizer.get_vocab(), random.Random(seed))
        first, *lines = tokenizer.decode(ids).removeprefix("<s>").split("\n")
        seen.add(first)
        assert {line.split(" => ")[0] for line in lines if " => " in line} <= set(pool.held_out)
    assert seen == usual
    bare, _ = ladder.prompted_row(["reverse"], None)(pool, tokenizer.get_vocab(), random.Random(0))
    examples = [line.split(" => ") for line in tokenizer.decode(bare).removeprefix("<s>").split("\n")[:-1]]
    assert all(word[::-1] == answer for word, answer in examples) and len(examples) > 1


def test_labels_are_the_next_tokens_of_answers_only():
    tokenizer = models.load_tokenizer("lm_ladder")
    ids, labels = ladder.training_row(_shipped(), tokenizer.get_vocab(), random.Random(1))
    for place, label in enumerate(labels[:-1]):
        assert label in (-100, ids[place + 1])
    told = "".join(tokenizer.decode([label]) for label in labels if label != -100)
    lines = tokenizer.decode(ids).removeprefix("<s>").split("\n")
    answers = [line.split(" => ")[1] for line in lines if " => " in line]
    assert told == "".join(f"{answer}\n" for answer in answers)


def test_answer_batches_mark_the_answer_and_its_end():
    tokenizer = models.load_tokenizer("lm_ladder")
    prompts, answers = ["abc => ", "reverse the word:\nab => "], ["cba", "ba"]
    ((batch, mask),) = ladder.answer_batches(prompts, answers, tokenizer)
    for row, answer in enumerate(answers):
        marked = batch["input_ids"][row][mask[row]]
        assert tokenizer.decode(marked) == answer + "\n"
    assert batch["attention_mask"].sum(dim=1).tolist() == [1 + 4 + 4, 1 + 18 + 3 + 3]
    ids = [
        tokenizer(prompts)["input_ids"],
        tokenizer(["cba\n", "ba\n"], add_special_tokens=False)["input_ids"],
    ]
    by_hand = scale.answer_batch(*ids, tokenizer.pad_token_id)
    for one, other in zip((batch["input_ids"], batch["attention_mask"], mask), by_hand, strict=True):
        assert torch.equal(one, other)


# --- what ships ---


def test_the_ladder_spans_a_hundred_and_the_larger_the_better():
    sizes = ladder.facts()["sizes"]
    counts = [fact["parameters"] for fact in sizes.values()]
    assert len(counts) >= 5 and counts == sorted(counts) and counts[-1] >= 100 * counts[0]
    for (name, model), count in zip(ladder.load().items(), counts, strict=True):
        assert models.count(model) == count, name
    losses = [fact["loss"] for fact in sizes.values()]
    assert losses == sorted(losses, reverse=True)


def test_the_card_names_the_weights():
    folder = DATA / "models" / "lm_ladder"
    card = (folder / "README.md").read_text(encoding="utf-8")
    for name in ladder.facts()["sizes"]:
        assert hashlib.sha256((folder / name / "model.safetensors").read_bytes()).hexdigest() in card


def test_the_shipped_words_and_tokenizer_are_those_of_the_recipe(tmp_path):
    import ladder as recipe  # the recipe beside data/recipes/build.py

    assert recipe.read_words() == _shipped()
    assert recipe.make_tokenizer().get_vocab() == models.load_tokenizer("lm_ladder").get_vocab()


def test_token_ids_in_tensors_are_not_added_up():
    with pytest.raises(ValueError, match="Pair 0 holds a Tensor"):
        scale.answer_batch([torch.tensor([5, 6])], [torch.tensor([7])], 0)
