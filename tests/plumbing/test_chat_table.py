"""A chat model distilled: what the student learns from, and the table of runs on a small model."""

import json
from pathlib import Path
from typing import Any

import pytest
import small_chat
import torch

from course_utils import models, training
from course_utils.commands import tables
from course_utils.data.answers import Request
from course_utils.models import chat as chat_models
from course_utils.runs import chat, chat_teaching


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    small_chat.stand_in(monkeypatch, tmp_path)
    return tmp_path


def rows_of(folder: Path) -> list[dict[str, Any]]:
    text = (folder / f"results/real/{chat.NAME}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_the_table_is_made_once(real: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = chat.Table.missing()
    assert len(runs) == 6 + 6 and [run.rate for run in runs[:2]] == [3e-4, 1e-3]
    assert tables.main("chat", store=True) == 0
    assert chat.Table.missing() == []
    table = chat.by_category("ROUGE-L")
    assert list(table.index) == ["kind 0", "kind 1"]
    assert set(table.columns) == {chat.TEACHER, chat.OTHER, chat.BEFORE, *chat.METHODS}
    assert (table[chat.TEACHER] == 1).all()
    made = rows_of(real)
    assert {row["extra"]["steps"] for row in made if row["data"] == chat.VALIDATION} == {2}
    operations = {row["method"]: row["value"] for row in made if row["metric"] == "operations"}
    assert operations["sequence-level"] < operations["word-level"]
    assert (real / "shipped/results/real/04_chat.jsonl").exists()
    capsys.readouterr()
    assert tables.main("chat", store=False) == 0
    assert "0 runs have no row yet" in capsys.readouterr().out


def test_answers_that_were_written_are_not_written_again(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, teacher = models.load_tokenizer("language_model"), models.load_language_model("language_model")
    prompts = [f"{small_chat.WORDS[i % 4]} {i}" for i in range(70)]
    first = chat.answers(teacher, tokenizer, prompts[:64])
    asked: list[int] = []
    write = chat_models.continued

    def counting(model: Any, tokenizer: Any, prompts: Any, *others: Any) -> list[Request]:
        asked.append(len(prompts))
        return write(model, tokenizer, prompts, *others)

    monkeypatch.setattr(chat_models, "continued", counting)
    found = chat.answers(teacher, tokenizer, prompts)
    assert asked == [6] and found[:64] == first
    assert all(0 < len(tokens) - start <= 6 for tokens, start in found)


def test_greedy_answers_are_generates_whatever_shares_the_batch(real: Path) -> None:
    tokenizer, model = models.load_tokenizer("language_model"), models.load_language_model("language_model")
    prompts = [tokenizer(text)["input_ids"] for text in ("good", "good bad okay bad good", "bad okay")]
    for prompt, found in zip(
        prompts, chat_models.continued(model, tokenizer, prompts, 5, batch_size=2), strict=True
    ):
        alone = model.generate(torch.tensor([prompt]), max_new_tokens=5, do_sample=False)[0].tolist()
        assert found == Request(alone, len(prompt))


def test_sampled_answers_end_with_their_end_token(real: Path) -> None:
    tokenizer, model = models.load_tokenizer("language_model"), models.load_language_model("language_model")
    training.set_seed(0)
    found = chat_models.continued(model, tokenizer, [[5, 6]] * 200, 30, sample=True)
    answers = [tokens[start:] for tokens, start in found]
    assert len({tuple(answer) for answer in answers}) > 100
    assert all(tokenizer.eos_token_id not in answer[:-1] for answer in answers)
    assert any(answer[-1] == tokenizer.eos_token_id for answer in answers)


def test_log_likelihoods_are_those_of_the_models_own_loss(real: Path) -> None:
    model = models.load_language_model("language_model")
    texts = [Request([5, 6, 7, 8, 9], 2), Request([9, 8, 7], 1), Request([1, 2, 3, 4, 5, 6], 5)]
    found = chat_teaching.log_likelihoods(model, texts, batch_size=2)
    for (tokens, start), value in zip(texts, found.tolist(), strict=True):
        ids = torch.tensor([tokens])
        labels = torch.tensor([[-100] * start + tokens[start:]])
        assert value == pytest.approx(-model(ids, labels=labels).loss.item(), rel=1e-5)


@pytest.mark.parametrize("method", chat_teaching.METHODS)
def test_each_way_of_teaching_brings_the_student_closer_to_the_teachers_answers(
    real: Path, method: str
) -> None:
    tokenizer, teacher = models.load_tokenizer("language_model"), models.load_language_model("language_model")
    prompts = [tokenizer(word)["input_ids"] for word in ("good", "bad", "okay", "good bad")]
    texts = chat_models.continued(teacher, tokenizer, prompts, 6)
    student = chat_teaching.student_of(teacher)
    weights = {name: value.clone() for name, value in teacher.state_dict().items()}

    before = chat_teaching.log_likelihoods(student, texts).mean()
    taught = chat_teaching.teach(method, student, teacher, tokenizer, texts, rate=3e-3, steps=30)
    assert chat_teaching.log_likelihoods(student, texts).mean() > before + 0.5
    assert (taught.own > 0) == (method == "on-policy") and taught.theirs > 0
    assert all(torch.equal(value, weights[name]) for name, value in teacher.state_dict().items())


def test_repeated_runs_of_words_are_counted() -> None:
    assert chat.repeated("a b") == chat.repeated("a b c d") == 0
    assert chat.repeated("so so so so so") == pytest.approx(2 / 3)
