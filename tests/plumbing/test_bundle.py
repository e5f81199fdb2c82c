"""What ships in data/: made by the recipes to the byte, free of leaks, small, and hard enough to teach on."""

import csv
import hashlib
import json
import re
import sys
from pathlib import Path

import pytest

from course_utils.paths import DATA, ROOT
from course_utils.runs import transfer

RECIPES = DATA / "recipes"
CORPORA = DATA / "corpora"
LANGUAGES = ("english", "indonesian", "javanese")
sys.path.insert(0, str(RECIPES))  # the recipes are scripts beside each other, not a package

import corpora  # noqa: E402
import encoder  # noqa: E402
import own  # noqa: E402
import report  # noqa: E402
import texts  # noqa: E402


def words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def column(path: Path, name: str = "text") -> list[str]:
    with path.open(encoding="utf-8", newline="") as handle:
        return [row[name] for row in csv.DictReader(handle)]


def sentences(path: Path) -> list[str]:
    """The sentences of a CoNLL file, tokens joined by blanks."""
    blocks = path.read_text(encoding="utf-8").strip().split("\n\n")
    return [" ".join(line.split("\t")[0] for line in block.splitlines()) for block in blocks]


def pairs(split: str, language: str) -> list[str]:
    lines = (CORPORA / "translation" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    if language == "english":
        return [row["english"] for row in rows]
    return [text for row in rows for text in row.get(language, [])]


def texts_of(language: str, split: str) -> list[str]:
    """Every text of a language in one split, over all labelled sets."""
    found = [
        text for name in ("sentiment", "topic") for text in column(CORPORA / name / language / f"{split}.csv")
    ]
    return found + sentences(CORPORA / "ner" / language / f"{split}.txt") + pairs(split, language)


def unlabelled(language: str) -> list[str]:
    return [
        text
        for folder in ("unlabelled", "unlabelled_long", "unlabelled_news")
        for text in column(CORPORA / folder / f"{language}.csv")
    ]


def test_the_recipe_makes_every_byte_of_the_corpora(tmp_path: Path) -> None:
    names = corpora.write(tmp_path)
    shipped = [p for p in CORPORA.rglob("*") if p.is_file() and p.suffix != ".md"]
    assert sorted(names) == sorted(p.relative_to(CORPORA).as_posix() for p in shipped)
    differing = [name for name in names if (tmp_path / name).read_bytes() != (CORPORA / name).read_bytes()]
    assert not differing


def test_the_recipe_makes_every_byte_of_the_readers_own_file(tmp_path: Path) -> None:
    own.write(tmp_path, CORPORA)
    assert (tmp_path / "reviews.csv").read_bytes() == (DATA / "own" / "reviews.csv").read_bytes()


def test_the_readers_own_file_holds_no_test_text() -> None:
    test = {words(text) for text in texts_of("english", "test")} - {""}
    with (DATA / "own" / "reviews.csv").open(encoding="utf-8-sig", newline="") as handle:
        found = [words(row["review"]) for row in csv.DictReader(handle)]
    assert len(found) == 600 and not test & set(found)


def test_hashes_cover_every_file_and_hold() -> None:
    listed = dict(
        reversed(line.split("  ", 1))
        for line in (DATA / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    )
    files = [p for folder in ("corpora", "models", "own") for p in (DATA / folder).rglob("*") if p.is_file()]
    made = {
        p.relative_to(DATA).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in files
        if p.suffix != ".md"
    }
    assert made == listed


def test_sizes_and_formats() -> None:
    assert sum(p.stat().st_size for p in CORPORA.rglob("*") if p.is_file()) < 15e6
    models = [p for p in (DATA / "models").rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in models) < 40e6
    assert {p.suffix for p in models} <= {".safetensors", ".json", ".jsonl", ".txt", ".md"}, (
        "safetensors, never pickle"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_test_text_in_a_train_or_unlabelled_split(language: str) -> None:
    test = {words(text) for text in texts_of(language, "test")}
    train = {words(text) for text in texts_of(language, "train") + unlabelled(language)}
    assert len(test) > 1000 and not test & train


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_the_test_split_occur_nowhere_else(language: str) -> None:
    names = [row.forms[0][0] for rows in texts.read_names().values() for row in rows if row.test_only]
    test = "\n".join(texts_of(language, "test")).lower()
    train = "\n".join(texts_of(language, "train") + unlabelled(language)).lower()
    seen = [name for name in names if re.search(rf"\b{name.lower()}\b", test)]
    assert len(seen) > 10
    assert not [name for name in names if re.search(rf"\b{name.lower()}\b", train)]


@pytest.mark.parametrize("language", [*LANGUAGES, "sundanese"])
def test_bare_names_do_not_tell_their_type_and_leak_nowhere(language: str) -> None:
    """Each name of the train split has all three types there, and no test sentence is in any text to learn from."""
    splits = {s: CORPORA / "ner_bare" / language / f"{s}.txt" for s in ("train", "valid", "test")}
    found: dict[str, set[str]] = {}
    for line in splits["train"].read_text(encoding="utf-8").splitlines():
        token, _, tag = line.partition("\t")
        if tag.startswith("B-"):
            found.setdefault(token, set()).add(tag)
    assert len(found) > 20 and all(len(types) == 3 for types in found.values())
    test = {words(text) for text in sentences(splits["test"])}
    news = column(CORPORA / "unlabelled_news" / f"{language}.csv")
    assert not test & {
        words(text) for text in [*sentences(splits["train"]), *sentences(splits["valid"]), *news]
    }


def test_the_encoder_never_read_sundanese() -> None:
    read = set(encoder.unlabelled_texts(CORPORA))
    assert len(read) > 30_000 and not read & set(column(CORPORA / "unlabelled_news" / "sundanese.csv"))


def test_every_model_has_a_card_that_names_its_licence() -> None:
    folders = [path for path in (DATA / "models").iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        assert "icence: " in (folder / "README.md").read_text(encoding="utf-8"), folder.name


def test_the_licence_of_the_data_names_what_has_another_and_files_that_are_there() -> None:
    licence = (ROOT / "LICENSE-TEXT-AND-DATA").read_text(encoding="utf-8")
    cards = {path.parent.name: path.read_text(encoding="utf-8") for path in DATA.glob("models/*/README.md")}
    other = {name for name, card in cards.items() if "icence: CC-BY-4.0" not in card}
    assert set(re.findall(r"data/models/([\w-]+)", licence)) == other
    for name in re.findall(r"\b(?:data|course_utils)/[\w./-]*\w", licence):
        assert (ROOT / name).exists(), name


def test_the_language_adapters_card_names_their_weights() -> None:
    folder = DATA / "models" / "language-adapters"
    card = (folder / "README.md").read_text(encoding="utf-8")
    files = sorted(folder.glob("*.safetensors"))
    assert [path.stem for path in files] == ["english", "indonesian", "javanese", "sundanese"]
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() in card for path in files)


def test_the_multilingual_adapters_card_names_their_weights_and_they_fit_the_encoder() -> None:
    folder = DATA / "models" / "multilingual-adapters"
    card = (folder / "README.md").read_text(encoding="utf-8")
    files = sorted(folder.glob("*.safetensors"))
    assert [path.stem for path in files] == sorted(["head", *transfer.LANGUAGES])
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() in card for path in files)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10e6
    adapters = [transfer.read_language(folder / f"{language}.safetensors") for language in transfer.LANGUAGES]
    assert {len(adapter.layers) for adapter in adapters} == {12}
    assert {adapter.layers[0].up.out_features for adapter in adapters} == {384}
    curves = (folder / "loss.jsonl").read_text(encoding="utf-8").splitlines()
    losses: dict[str, list[float]] = {}
    for line in map(json.loads, curves):
        losses.setdefault(line["part"], []).append(line["loss"])
    assert losses.keys() == {"head", *transfer.LANGUAGES}
    assert all(curve[-1] < curve[0] for curve in losses.values())


def test_translations_are_several() -> None:
    lines = (CORPORA / "translation" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    counts = [len(json.loads(line)["indonesian"]) for line in lines]
    assert sum(counts) / len(counts) > 2


def test_the_encoders_card_names_its_weights() -> None:
    folder = DATA / "models" / "encoder"
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert digest in (folder / "README.md").read_text(encoding="utf-8")
    curve = [
        json.loads(line)["loss"] for line in (folder / "loss.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert curve[-1] < curve[0] / 2


def test_sentiment_is_worth_teaching_on() -> None:
    broken = [row for row in report.measure(seeds=(0,)) if not row["kept"]]
    assert not broken
