"""MAD-X between languages: the table of runs, and the recipe of the language adapters, with a small encoder."""

import json
import sys
from pathlib import Path

import pytest
import small_language_model as small
import small_multilingual
import small_world
import torch
from safetensors.torch import load_file

from course_utils import data, models
from course_utils.commands import tables
from course_utils.paths import DATA
from course_utils.runs import transfer

sys.path.insert(0, str(DATA / "recipes"))  # the recipes are scripts beside each other, not a package

import multilingual  # noqa: E402
import plain_texts  # noqa: E402


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    small_multilingual.stand_in(monkeypatch, tmp_path)
    return tmp_path


# The table


def test_the_table_measures_each_method_in_each_language(real: Path) -> None:
    with pytest.raises(ValueError, match="tables madx"):
        transfer.scores("MAD-X")
    assert tables.main("madx", store=True) == 0
    made = (real / "shipped/results/real/09_transfer.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in made]
    assert len(rows) == 3 * (2 + 2 * 5) and transfer.Table.missing() == []
    assert [row["method"] for row in rows[-12:]] == 12 * ["MAD-X"], "it comes last"
    scores = transfer.scores("MAD-X")
    assert list(scores.columns) == list(transfer.LANGUAGES) and list(scores.index) == [0, 1]
    assert scores.loc[1, "english"] == pytest.approx(100 * rows[-1]["value"])
    trained = {row["method"]: row["trainable_parameters"] for row in rows}
    assert trained["MAD-X"] == trained["task adapter alone"] < trained["full fine-tuning"]


def test_a_run_that_was_cut_off_is_missing(real: Path) -> None:
    tables.main("madx", store=False)
    (path,) = real.rglob("09_transfer.jsonl")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), encoding="utf-8")
    assert transfer.Table.missing() == [("MAD-X", 1, None)]


def test_adapters_are_needed_by_madx_alone(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "load_languages", lambda: pytest.fail("the adapters were loaded"))
    table = transfer.Table()
    assert "task adapter alone" in table.make(transfer.tries.Run("task adapter alone", 0, 1e-2))


def test_the_mean_leaves_padding_out(real: Path) -> None:
    model = transfer.prepare("full fine-tuning", small.LABELS, 0).eval()
    ids = torch.tensor([[2, 6, 7, 3]])
    short = model(ids, torch.ones_like(ids)).logits
    padded = torch.cat([ids, torch.zeros(1, 3, dtype=torch.long)], dim=1)
    longer = model(padded, (padded != 0).long()).logits
    torch.testing.assert_close(short, longer)
    assert transfer.prepare("full fine-tuning", small.LABELS, 1).model.base_model.pooler is None


def test_only_the_task_adapter_and_the_head_train(real: Path) -> None:
    languages = transfer.load_languages()
    before = {name: tensor.clone() for name, tensor in languages["english"].state_dict().items()}
    model = transfer.prepare("MAD-X", small.LABELS, 0, languages["english"])
    transfer.train(model, small.reviews(), models.load_tokenizer("any"), 1e-2, 0, progress=False)
    assert all(torch.equal(value, before[name]) for name, value in languages["english"].state_dict().items())
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert all(".task." in name or ".classifier." in name for name in trained) and len(trained) == 10


# The texts


def test_texts_share_no_run_of_words_with_each_other_nor_with_the_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = [f"w{i}" for i in range(40)]
    one, part, other = " ".join(words[:20]), " ".join(words[5:16]), " ".join(words[20:31])
    test = " ".join(words[25:40])
    assert plain_texts.apart([part, one, other, "too short"], []) == [one, other]
    assert plain_texts.apart([part, one, other], [test.upper()]) == [one, other]
    assert plain_texts.apart([part, one, other], [" ".join(words[20:40])]) == [one]


@small_world.needs_mirror
def test_no_test_sentence_is_in_the_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_TRACK", "real")
    monkeypatch.setenv("COURSE_MIRROR", str(small_world.MIRROR))
    texts = "\n".join(plain_texts.texts_of("sundanese")).lower()
    test = data.load("sentiment_multilingual", "sundanese")["test"]["text"]
    assert not [text for text in test if len(text.split()) > 5 and text.lower() in texts]


# The recipe


def two_words(language: str) -> list[str]:
    """A language of two words of its own, so that an adapter has something to learn that the common head has not."""
    number = transfer.LANGUAGES.index(language)
    pair = small_world.WORDS[2 * number : 2 * number + 2]
    return [" ".join(pair[(i + j * j) % 2] for j in range(9 + i % 9)) for i in range(40)]


@pytest.fixture
def texts(real: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(plain_texts, "texts_of", two_words)
    monkeypatch.setattr(multilingual, "STEPS", {"head": 40, "adapter": 40})
    monkeypatch.setattr(multilingual, "RATES", {"head": 3e-2, "adapter": 3e-2})
    monkeypatch.setattr(multilingual, "BOTTLENECK", 4)
    return real / "work"


def test_the_recipe_stores_a_head_and_adapters_that_lower_the_loss(texts: Path) -> None:
    facts = multilingual.train(texts)
    stored = sorted(path.stem for path in texts.glob("*.safetensors"))
    assert stored == sorted(["head", *transfer.LANGUAGES])
    assert facts["texts"].startswith("english 36, ")
    (path,) = texts.parent.rglob("09_language_adapters.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    loss = {(row["method"], row["data"].split(", ")[1]): row["value"] for row in rows}
    assert len(loss) == 6 * 5
    assert all(loss[g, g] < loss["none", g] for g in transfer.LANGUAGES)
    lines = (texts / "loss.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["part"] for line in lines[:3]] == ["head", "head", "english"]


def test_what_was_made_stays_and_other_settings_make_it_anew(
    texts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    multilingual.train(texts)
    before = {path.stem: load_file(path) for path in texts.glob("*.safetensors")}
    (texts / "javanese.safetensors").unlink()
    capsys.readouterr()
    multilingual.train(texts)
    assert capsys.readouterr().out.count("is there") == 5
    again = load_file(texts / "javanese.safetensors")
    assert all(torch.equal(again[name], tensor) for name, tensor in before["javanese"].items())
    monkeypatch.setattr(multilingual, "SEED", 1)
    multilingual.train(texts)
    assert "is there" not in capsys.readouterr().out


def test_words_are_asked_at_their_places_alone(texts: Path) -> None:
    tokenizer = models.load_tokenizer("any")
    loader = multilingual.masked_loader([small_world.sentence(12, i) for i in range(9)], tokenizer)
    batch = next(iter(loader))
    assert batch["labels"].shape == (int(batch["asked"].sum()),)
    words = multilingual.load_words().eval()
    logits = multilingual.AskedWords(words)(
        batch["input_ids"], batch["attention_mask"], batch["asked"]
    ).logits
    whole = words(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    torch.testing.assert_close(logits, whole[batch["asked"]])
    special = torch.tensor(tokenizer.all_special_ids)
    assert not torch.isin(batch["labels"], special).any()


def test_the_head_alone_trains_at_first_and_the_embeddings_score(texts: Path) -> None:
    words = multilingual.start_head(["the soup was cold"], models.load_tokenizer("any"))
    trained = {name for name, p in words.named_parameters() if p.requires_grad}
    assert trained and all(name.startswith("cls.") for name in trained)
    assert words.get_output_embeddings().weight is words.get_input_embeddings().weight
