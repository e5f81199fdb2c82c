"""The tables of notebook 10 on a language model: broken off and taken up again, and what is read from their rows."""

from pathlib import Path

import pytest
import torch
from small_prompts import fake_write, loaded, stand_in, tokenizer, written

from course_utils import models, results
from course_utils.commands import tables
from course_utils.models import label_words
from course_utils.runs import learned_prompts, templates


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    stand_in(monkeypatch, tmp_path)
    return tmp_path


def test_the_table_of_templates_goes_on_where_it_was_broken_off(
    real: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = list(results.paper("E22").index)
    fake_write(monkeypatch, fail_at=names[3])
    with pytest.raises(KeyboardInterrupt):
        tables.main("templates", store=False)
    assert len(written(real, templates.NAME)) == 3 * 5 and templates.Table.missing() == names[3:]
    fake_write(monkeypatch)
    assert tables.main("templates", store=False) == 0
    assert "14 runs have no row yet" in capsys.readouterr().out
    made = written(real, templates.NAME)
    assert [row["method"] for row in made[::5]] == names and {row["seed"] for row in made} == set(range(5))
    assert tables.main("templates", store=False) == 0 and len(written(real, templates.NAME)) == 17 * 5

    assert tables.main("templates", store=True) == 0
    shipped = real / "shipped/results/real/10_templates.jsonl"
    assert shipped.read_text().count("\n") == 17 * 5

    found = results.load(templates.NAME, "real")
    table = templates.by_template(found)
    right = sum(answer in "01234" for answer in templates.problems()["answer"]) / 10
    assert table.loc["Let's think step by step.", "ours (%)"] == pytest.approx(100 * right)
    assert table.loc["Abrakadabra!", "ours (%)"] == 0 and table.loc["(zero-shot)", "the paper (%)"] == 17.7
    think = sum("think" in name for name in names[:9]) / 9
    assert sum(templates.lead(found, "irrelevant")) / 5 == pytest.approx(100 * right * think)


def test_each_seed_has_problems_of_its_own(real: Path) -> None:
    questions = templates.problems()["question"]
    assert len(set(questions)) == 10 and questions == templates.problems()["question"]


def test_a_rate_that_was_not_tried_is_named(real: Path) -> None:
    with pytest.raises(ValueError, match="prompt tuning has no validation score for the rate 0.01"):
        learned_prompts.chosen("prompt tuning")


@pytest.mark.parametrize("method", learned_prompts.TOKENS)
def test_a_prompt_or_prefix_learns_and_the_model_stays(
    real: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(learned_prompts, "STEPS", 12)
    lm = models.load_language_model("language_model")
    before = {name: value.clone() for name, value in lm.state_dict().items()}
    tuned = learned_prompts.start(method, lm, tokenizer())
    reviews = loaded("reviews")["train"]
    (batch,) = label_words.make_loader(reviews, tokenizer(), learned_prompts.WORDING, len(reviews))
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    untrained = label_words.answer_loss(tuned(**inputs), batch).item()
    learned_prompts.train(tuned, tokenizer(), reviews, 0.3, seed=0)
    assert label_words.answer_loss(tuned(**inputs), batch).item() < 0.9 * untrained
    assert all(torch.equal(value, before[name]) for name, value in lm.state_dict().items())


def test_the_table_of_learned_prompts_tries_each_rate_and_then_runs_each_seed(real: Path) -> None:
    assert tables.main("prompts", store=False) == 0
    made = written(real, learned_prompts.NAME)
    assert [(row["method"], row["seed"]) for row in made[4:]] == [
        (method, seed) for seed in (0, 1) for method in learned_prompts.TOKENS
    ]
    width = 2 * 2 * 2 * 8
    assert {row["trainable_parameters"] for row in made} == {20 * 32, width}
    assert learned_prompts.Table.missing() == []
    tried = {row["extra"]["learning_rate"]: row["value"] for row in made[:2]}
    assert learned_prompts.chosen("prompt tuning") == max(tried, key=tried.__getitem__)
