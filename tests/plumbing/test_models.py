"""Models and tokenizers of a role: the right weights, the right shapes, quiet, and seeded."""

import logging
from pathlib import Path

import pytest
import small_world
import torch
from small_world import needs_bundle
from transformers import AutoModel
from transformers.utils import logging as transformers_logging

from course_utils import assets, models
from course_utils.paths import DATA

LABELS = ["negative", "neutral", "positive"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    small_world.write(tmp_path)
    small_world.enter(monkeypatch, tmp_path)
    return tmp_path


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_the_student_has_its_teachers_tokenizer() -> None:
    assert models.load_tokenizer("student").get_vocab() == models.load_tokenizer("teacher").get_vocab()


def test_a_classifier_has_the_pretrained_weights_and_a_new_head(small: Path) -> None:
    model = models.load_classifier("teacher", LABELS)
    published = AutoModel.from_pretrained(small / "models/encoder", add_pooling_layer=False)
    assert same(model.base_model.encoder, published.encoder)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model.config.id2label == {0: "negative", 1: "neutral", 2: "positive"}
    assert model.config.label2id == {"negative": 0, "neutral": 1, "positive": 2}
    assert model(torch.tensor([[2, 5, 3]])).logits.shape == (1, 3)


def test_half_precision_weights_are_loaded_as_float32(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small / "models/encoder"
    AutoModel.from_pretrained(folder).to(torch.float16).save_pretrained(folder)
    monkeypatch.setattr(assets, "fetch", lambda role: folder)
    assert {p.dtype for p in models.load_classifier("teacher", LABELS).parameters()} == {torch.float32}


def test_the_head_follows_from_the_seed_and_moves_no_other_random_number() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = models.load_classifier("teacher", LABELS, seed=1)
    assert torch.equal(torch.rand(3), expected)
    assert same(first, models.load_classifier("teacher", LABELS, seed=1))
    assert not same(first.classifier, models.load_classifier("teacher", LABELS, seed=2).classifier)


def test_a_tagger_answers_for_each_token_and_differs_from_a_classifier_in_its_head_alone(small: Path) -> None:
    tagger = models.load_tagger("teacher", LABELS, seed=1)
    inputs = torch.tensor([[2, 5, 6, 3], [2, 7, 8, 3]])
    assert tagger(input_ids=inputs).logits.shape == (2, 4, len(LABELS))
    assert tagger.config.id2label == dict(enumerate(LABELS))
    classifier = models.load_classifier("teacher", LABELS, seed=1)
    pretrained = tagger.bert.state_dict()
    assert all(torch.equal(pretrained[name], classifier.bert.state_dict()[name]) for name in pretrained)
    assert same(tagger, models.load_tagger("teacher", LABELS, seed=1))


def test_loading_is_quiet_but_does_not_silence_others(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    transformers_logging.set_verbosity_warning()
    transformers_logging.enable_propagation()
    try:
        with caplog.at_level(logging.WARNING):
            models.load_classifier("teacher", LABELS)
            assert "".join(capsys.readouterr()) == "" and not caplog.records
            logging.getLogger("transformers.modeling_utils").warning("something else")
            assert {record.message for record in caplog.records} == {"something else"}
    finally:
        transformers_logging.disable_propagation()


def test_a_new_classifier_is_random_with_the_tokenizers_vocabulary() -> None:
    tokenizer = models.load_tokenizer("student")
    model = models.new_classifier("student", LABELS, tokenizer, seed=3)
    assert model.get_input_embeddings().num_embeddings == len(tokenizer) < 30522
    assert model.config.pad_token_id == tokenizer.pad_token_id
    assert model.config.num_labels == 3
    assert same(model, models.new_classifier("student", LABELS, tokenizer, seed=3))
    assert not same(model, models.new_classifier("student", LABELS, tokenizer, seed=4))
    assert models.new_classifier("student", LABELS, tokenizer, hidden_size=12).config.hidden_size == 12


def test_parameters_are_counted() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    model[0].weight.requires_grad_(False)
    assert models.count(model) == 12 + 4 + 8 + 2
    assert models.count(model, trainable=True) == 4 + 8 + 2


def test_the_device_exists() -> None:
    assert torch.zeros(1, device=models.device()).item() == 0


def test_the_real_student_fits_its_teachers_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = DATA / "models" / "student-real"
    monkeypatch.setattr(assets, "fetch", lambda role: folder)
    model = models.new_classifier("student", LABELS, small_world.tokenizer(), seed=0)
    assert (model.config.num_hidden_layers, model.config.hidden_size) == (2, 64)


@needs_bundle
def test_the_bundled_models_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    tokenizer = models.load_tokenizer("teacher")
    teacher = models.load_classifier("teacher", LABELS)
    student = models.new_classifier("student", LABELS, tokenizer, seed=0)
    batch = tokenizer(["The soup was cold, but the room is clean."], return_tensors="pt")
    for model in (teacher, student):
        assert model(batch["input_ids"]).logits.shape == (1, 3)
    assert models.count(student) < models.count(teacher)
