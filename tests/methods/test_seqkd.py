"""What must hold for sequence-level distillation, its beam search, its batches, and the models that ship for it."""

import hashlib
import itertools
import json
import math
import re

import any_model
import pytest
import torch
from datasets import Dataset
from transformers import GenerationConfig, MarianConfig, MarianMTModel

from course_utils import data, training
from course_utils.data import conversations, pairs
from course_utils.data.files import DataError
from course_utils.methods import kd, seqkd
from course_utils.models import chat, load_language_model, load_tokenizer, translators
from course_utils.paths import DATA
from course_utils.training.metrics import bleu

START, END = 0, 1


@pytest.fixture(scope="module")
def translator() -> MarianMTModel:
    """Random weights, drawn wide enough that its next tokens are far from equally likely."""
    torch.manual_seed(0)
    config = MarianConfig(
        vocab_size=13, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=32,
        pad_token_id=START, eos_token_id=END, decoder_start_token_id=START, forced_eos_token_id=None, init_std=0.7,
    )  # fmt: skip
    return MarianMTModel(config).eval()


@pytest.fixture
def logits() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    student, teacher = torch.randn(2, 3, 4, 6, generator=generator, dtype=torch.float64) * 3
    labels = torch.tensor([[2, 3, 1, -100], [4, 5, 2, 1], [1, -100, -100, -100]])
    return student.requires_grad_(), teacher, labels


# --- what the decoder reads, and the word-level loss ---


def test_shift_right_is_what_transformers_does(translator):
    labels = torch.tensor([[5, 6, 7, 1], [8, 1, -100, -100]])
    theirs = translator.prepare_decoder_input_ids_from_labels(labels)
    assert torch.equal(seqkd.shift_right(labels, START, START), theirs)


def test_word_kd_is_the_kd_loss_of_the_real_tokens(logits):
    student, teacher, labels = logits
    real = labels != -100
    expected = kd.kd_loss(student[real], teacher[real], temperature=1.0)
    torch.testing.assert_close(seqkd.word_kd_loss(student, teacher, labels), expected)


def test_word_kd_of_a_model_with_itself_is_zero(logits):
    _, teacher, labels = logits
    assert seqkd.word_kd_loss(teacher, teacher, labels).abs() < 1e-12


def test_padding_changes_nothing(logits):
    student, teacher, labels = logits
    loss = seqkd.word_kd_loss(student, teacher, labels)
    gradient = torch.autograd.grad(loss, student)[0]
    assert gradient[labels == -100].abs().max() == 0
    other = torch.where((labels == -100)[..., None], teacher + 100, teacher)
    longer = [torch.cat([part, part[:, :2]], dim=1) for part in (student, other)]
    padded = torch.cat([labels, torch.full((3, 2), -100)], dim=1)
    torch.testing.assert_close(seqkd.word_kd_loss(*longer, padded), loss)


def test_no_gradient_reaches_the_teacher(logits):
    student, teacher, labels = logits
    teacher.requires_grad_()
    loss = seqkd.word_kd_loss(student, teacher, labels)
    assert torch.autograd.grad(loss, teacher, allow_unused=True)[0] is None


# --- beam search ---

# A language of two words in which the better beginning leads to the worse sentence (token 2 and then 4 or 5).
TABLE = {
    (0,): {2: 0.6, 3: 0.4},
    (0, 2): {4: 0.35, 5: 0.35, 1: 0.3},
    (0, 3): {4: 0.9, 5: 0.1},
}


def table_model(tokens: torch.Tensor) -> torch.Tensor:
    rows = []
    for sentence in tokens.tolist():
        row = torch.full((6,), -1e9)
        for token, p in TABLE.get(tuple(sentence), {1: 1.0}).items():
            row[token] = math.log(p)
        rows.append(row)
    return torch.stack(rows)


def test_a_beam_finds_what_greedy_misses():
    greedy = seqkd.beam_search(table_model, START, END, num_beams=1, max_new_tokens=5, length_penalty=0.0)
    beam = seqkd.beam_search(table_model, START, END, num_beams=2, max_new_tokens=5, length_penalty=0.0)
    assert greedy[0][1][0] == 2 and beam[0][1] == [3, 4, END]
    assert beam[0][0] == pytest.approx(math.log(0.4 * 0.9)) and beam[0][0] > greedy[0][0]


def test_a_wide_beam_is_an_exhaustive_search():
    words = torch.randn(3, 4, generator=torch.Generator().manual_seed(3)).log_softmax(
        -1
    )  # by place, by token

    def next_log_probs(tokens):
        return words[tokens.shape[1] - 1].expand(len(tokens), -1)

    def score(sentence):
        return sum(words[place, token].item() for place, token in enumerate(sentence)) / len(sentence)

    sentences = [
        [*body, END] for length in range(3) for body in itertools.product((0, 2, 3), repeat=length)
    ] + [list(body) for body in itertools.product((0, 2, 3), repeat=3)]
    best = max(sentences, key=score)
    found = seqkd.beam_search(next_log_probs, START, END, num_beams=27, max_new_tokens=3)
    assert found[0][1] == best and found[0][0] == pytest.approx(score(best))


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("num_beams", [1, 2, 4, 5])
def test_beam_search_is_generate(translator, num_beams, length_penalty):
    generator = torch.Generator().manual_seed(num_beams)
    settings = GenerationConfig(
        num_beams=num_beams, num_return_sequences=num_beams, max_new_tokens=9, length_penalty=length_penalty,
        do_sample=False, decoder_start_token_id=START, eos_token_id=END, pad_token_id=START,
        return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    for _ in range(6):
        source = torch.randint(2, 13, (1, 5), generator=generator)
        theirs = translator.generate(input_ids=source, generation_config=settings)
        ours = seqkd.beam_search(next_token(translator, source), START, END, num_beams, 9, length_penalty)
        sentences = [
            row[: row.index(END) + 1] if END in row else row for row in theirs.sequences[:, 1:].tolist()
        ]
        assert [tokens for _, tokens in ours] == sentences
        if num_beams > 1:
            scores = [score for score, _ in ours]
            assert scores == pytest.approx(theirs.sequences_scores.tolist(), abs=1e-4)


def next_token(model, source):
    @torch.no_grad()
    def next_log_probs(tokens):
        given = source.expand(len(tokens), -1)
        return model(input_ids=given, decoder_input_ids=tokens).logits[:, -1].log_softmax(-1)

    return next_log_probs


# --- whole sentences ---


def test_closest_takes_the_candidate_nearest_to_any_reference():
    candidates = ["kopi itu enak", "kopinya enak", "kopinya lezat"]
    assert seqkd.closest(candidates, ["tehnya enak", "kopinya lezat"], seqkd.rouge_l) == "kopinya lezat"
    assert (
        seqkd.closest(candidates, ["hotel"], seqkd.rouge_l) == candidates[0]
    )  # all alike: the teacher's first


def test_rouge_l_is_the_share_of_the_longest_common_subsequence():
    assert seqkd.rouge_l("a b c d", "a x c d") == pytest.approx(3 / 4)
    assert seqkd.rouge_l("a b c", "c b a") == pytest.approx(1 / 3)
    assert seqkd.rouge_l("A b", "a B") == 1 and seqkd.rouge_l("a", "") == 0 == seqkd.rouge_l("", "")


def test_near_copies_are_dropped_and_drop_nothing_themselves():
    texts = ["a b c d", "a b c e", "a b f e", "x y", "x y"]
    assert seqkd.without_near_copies(texts, seqkd.rouge_l, 0.7) == ["a b c d", "a b f e", "x y"]
    assert seqkd.without_near_copies(texts, seqkd.rouge_l, 1.1) == texts


# --- batches ---

PAIRS = Dataset.from_dict(
    {
        "id": [3, 5],
        "source": ["The coffee was nice.", "Fish."],
        "targets": [["Kopinya enak.", "Kopi itu asyik sekali."], ["Ikan."]],
    }
)


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer("translation_teacher")


def test_a_batch_of_pairs(tokenizer):
    loader = pairs.make_loader(PAIRS, tokenizer, 2, start_token_id=START, shuffle=False)
    batch = next(iter(loader))
    assert batch["id"].tolist() == [5, 3]
    assert torch.equal(
        batch["decoder_input_ids"], seqkd.shift_right(batch["labels"], START, tokenizer.pad_token_id)
    )
    assert batch["attention_mask"].sum(1).tolist() == [
        len(tokenizer(text).input_ids) for text in ("Fish.", PAIRS[0]["source"])
    ]
    said = tokenizer.decode(batch["labels"][0][batch["labels"][0] != -100], skip_special_tokens=True)
    assert said.strip() == "Ikan."


def test_the_paraphrase_is_drawn_anew_and_follows_from_the_seed(tokenizer):
    loader = pairs.make_loader(PAIRS, tokenizer, 2, start_token_id=START, shuffle=False)

    def lengths(seed):
        torch.manual_seed(seed)
        return [next(iter(loader))["labels"].shape[1] for _ in range(12)]

    assert len(set(lengths(0))) == 2
    assert lengths(1) == lengths(1)


def test_fit_trains_an_encoder_decoder(tokenizer):
    loader = pairs.make_loader(PAIRS, tokenizer, 2, start_token_id=START, shuffle=True)
    model = translators.new_model("translation_student", seed=1)
    before = torch.get_rng_state()
    again = translators.new_model("translation_student", seed=1)
    assert torch.equal(before, torch.get_rng_state())
    assert all(map(torch.equal, model.parameters(), again.parameters()))
    batch = next(iter(loader))
    with torch.no_grad():
        own = again.eval()(**{name: batch[name] for name in ("input_ids", "attention_mask", "labels")}).loss
        ours = training.gold_loss(
            again(**{k: v for k, v in batch.items() if k not in ("labels", "id")}), batch
        )
    torch.testing.assert_close(own, ours)
    losses = training.fit(model, loader, steps=25, learning_rate=5e-3, progress=False).losses
    assert losses[-1] < losses[0] / 3
    assert translators.translate(model, tokenizer, ["Fish."]) == ["Ikan."]


def test_bleu_takes_the_nearest_of_several_references():
    said = ["Kopinya enak sekali, tapi mahal.", "Ikannya segar dan murah."]
    references = [["Kopi itu asyik.", said[0]], [said[1]]]
    assert bleu(said, references) == pytest.approx(100)
    assert bleu(said, [references[0][:1], references[1]]) < 70


def test_only_answers_are_learned():
    tokenizer = load_tokenizer("chat_base")
    text = conversations.as_text(["What is hot in Indonesian?", "And cold?"], ["panas", "dingin"])
    marks = conversations.mark_ids(tokenizer)
    loader = conversations.make_loader(
        [text], tokenizer, 1, labels_of=lambda ids: seqkd.answer_labels(ids, *marks)
    )
    batch = next(iter(loader))
    learned = batch["labels"][batch["labels"] != -100]
    assert tokenizer.convert_ids_to_tokens(learned) == ["panas", "dingin", "<end>"]
    assert len(learned) < batch["labels"].numel() and batch["input_ids"].shape == batch["labels"].shape


def test_a_reply_does_not_depend_on_the_others_in_its_batch():
    model, tokenizer = load_language_model("chat_base"), load_tokenizer("chat_base")
    prompts = [
        "The Indonesian word for",
        "People think of",
        "In Indonesian, fish is",
        "The opposite of hot is",
    ]
    together = chat.complete(model, tokenizer, prompts)
    assert together == [chat.complete(model, tokenizer, [prompt])[0] for prompt in prompts]
    assert together[2].startswith("ikan") and together[3].startswith(
        "cold"
    )  # it knows; nobody has asked it yet


def test_replies_do_not_depend_on_the_tokenizers_side_nor_on_the_models_mode():
    model, tokenizer = load_language_model("chat_base"), load_tokenizer("chat_base")
    prompts = ["People think of", "The opposite of hot is"]
    found = chat.complete(model, tokenizer, prompts)
    tokenizer.padding_side = "right"
    assert chat.complete(model.train(), tokenizer, prompts) == found and model.training
    with pytest.raises(DataError, match="no tokens <user> and <assistant>"):
        chat.complete(model, load_tokenizer("encoder"), prompts)


def test_translating_leaves_the_mode_and_wants_an_encoder():
    model, tokenizer = translators.new_model("translation_student"), load_tokenizer("translation_student")
    translators.translate(model.train(), tokenizer, ["Fish."])
    assert model.training
    with pytest.raises(ValueError, match="no encoder"):
        translators.translate(any_model.tiny("GPT-2", language=True), tokenizer, ["Fish."])


# --- what ships ---


def test_no_test_source_is_trained_on():
    pairs = data.load("paraphrases")
    sources = {
        split: {re.sub(r"\W+", " ", text.lower()) for text in rows["source"]} for split, rows in pairs.items()
    }
    assert not sources["test"] & sources["train"] and not sources["validation"] & sources["train"]
    assert min(map(len, pairs["test"]["targets"])) >= 1 and max(map(len, pairs["test"]["targets"])) == 6


def test_what_users_say_and_what_the_judge_asks_are_apart():
    told = data.load("instructions")
    asked = {turns[0] for turns in told["test"]["user"]}
    assert len(asked) == len(told["test"]) and not asked & {turns[0] for turns in told["users"]["user"]}
    words = load_tokenizer("chat_base")
    for turns, answers in zip(told["test"]["user"], told["test"]["answers"], strict=True):
        text = conversations.as_text(turns, answers)
        assert words.decode(words(text).input_ids).replace("> ", ">").replace(" <", "<") == text.replace(
            "> ", ">"
        ).replace(" <", "<")


def test_detokenised_text_is_the_text(tokenizer):
    for row in data.load("paraphrases")["test"].select(range(50)):
        for text in (row["source"], *row["targets"]):
            assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True).strip() == text


def test_teacher_and_student_share_a_vocabulary():
    teacher = translators.load_model("translation_teacher")
    student = translators.new_model("translation_student")
    assert (
        teacher.config.vocab_size == student.config.vocab_size == len(load_tokenizer("translation_student"))
    )
    sizes = [model.num_parameters() for model in (student, teacher)]
    assert 0.25 < sizes[0] / sizes[1] < 0.4


def test_the_beams_that_ship_are_the_teachers(tokenizer):
    train = data.load("paraphrases")["train"]
    beams = translators.load_beams("translation_teacher")
    assert list(beams) == list(train["id"]) and {len(found) for found in beams.values()} == {1, 5}
    teacher = translators.load_model("translation_teacher")
    some = train.select(range(0, 40, 4))
    live = translators.translate(teacher, tokenizer, some["source"], num_beams=5, all_beams=True)
    same = sum(found[0] == beams[id][0] for id, found in zip(some["id"], live, strict=True))
    assert same >= len(live) - 1  # on another machine a tie may break the other way


@pytest.mark.parametrize("name", ["translation-teacher", "chat-teacher", "chat-base"])
def test_each_card_names_its_weights(name):
    folder = DATA / "models" / name
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert digest in (folder / "README.md").read_text(encoding="utf-8")
    curve = [
        json.loads(line)["loss"] for line in (folder / "loss.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert curve[-1] < curve[0] / 2
