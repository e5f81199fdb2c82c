"""The section of notebook 09 on XLM-R and WikiANN, with a tiny XLM-R of the same kind and files of the same layout."""

import ast
import copy
import hashlib
import io
import json
import math
import re
import tarfile
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
import small_world
import torch
from datasets import concatenate_datasets
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import Unigram
from torch import nn
from transformers import AutoModelForMaskedLM, XLMRobertaConfig, XLMRobertaForMaskedLM

import course_utils
from course_utils import assets, data, models, session, training
from course_utils.assets import catalog, fetching, large_models, mirror
from course_utils.data import readers, tags
from course_utils.methods import madx
from course_utils.methods.adapters import Adapter
from course_utils.paths import ROOT
from course_utils.runs import transfer

ROLES = ["large_encoder", "ner_wikipedia", "texts_multilingual"]
LANGUAGES = ["english", "indonesian", "javanese", "sundanese"]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
PIECES = ["▁", *(f"▁{word}" for word in small_world.WORDS), *"abcdefghijklmnopqrstuvwxyz"]
NOTEBOOK = ROOT / "notebooks" / "09_madx.ipynb"
TAKEN = ["hide_words", "masked_loader", "load_words", "new_language", "new_tagger", "train_language"]
TAKEN += ["train_task", "f1", "four_steps"]


def write_encoder(folder: Path) -> None:
    """The four files that the catalogue lists of XLM-R, as its publisher has them: no file of sentencepiece."""
    scores = [(token, 0.0) for token in SPECIAL] + [(piece, -2.0 - len(piece) / 9) for piece in PIECES]
    tokenizer = Tokenizer(Unigram([*scores, ("<mask>", 0.0)], unk_id=3))
    tokenizer.add_special_tokens([*SPECIAL, "<mask>"])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=66, type_vocab_size=1, pad_token_id=1, bos_token_id=0,
        eos_token_id=2, layer_norm_eps=1e-5,
    )  # fmt: skip
    XLMRobertaForMaskedLM(config).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 512}')


def tagged_lines(code: str, rows: int) -> str:
    """Sentences of two names each, as WikiANN has them: a colon among the tokens, and one token of blanks alone."""
    sentence = ["room\tB-PER", "soup\tI-PER", ":\tO", " \tO", "bus\tB-LOC", "xyz\tB-ORG"]
    return "\n".join("\n".join(f"{code}:{line}" for line in sentence) + "\n" for _ in range(rows)) + "\n"


def write_wikiann(path: Path) -> None:
    """A zip of an archive a language, with files train, dev and test."""
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as outer:
        for code in tags.CODES.values():
            inner = io.BytesIO()
            with tarfile.open(fileobj=inner, mode="w:gz") as archive:
                for name, rows in (("dev", 2), ("extra", 1), ("test", 3), ("train", 20)):
                    text = tagged_lines(code, rows).encode()
                    member = tarfile.TarInfo(name)
                    member.size = len(text)
                    archive.addfile(member, io.BytesIO(text))
            outer.writestr(f"{code}.tar.gz", inner.getvalue())


def write_texts(folder: Path) -> None:
    for language in LANGUAGES:
        for split in ("train", "valid", "test"):
            rows = [f"{i},{small_world.sentence(4 + i % 3, i)},neutral" for i in range(12)]
            small_world.put(folder / language / f"{split}.csv", "\n".join(["id,text,label", *rows]))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror with what the section takes, the catalogue with its sizes and hashes, and the real track."""
    tables = copy.deepcopy(catalog._catalog(catalog.CATALOG))
    write_encoder(tmp_path / tables["assets"]["xlmr"]["mirror"])
    write_wikiann(tmp_path / tables["assets"]["wikiann"]["mirror"] / "panx_dataset.zip")
    write_texts(tmp_path / tables["assets"]["nusax"]["mirror"])
    for name in ("xlmr", "wikiann", "nusax"):
        asset = tables["assets"][name]
        folder = tmp_path / asset["mirror"]
        files = (
            [f"{g}/{s}.csv" for g in LANGUAGES for s in ("train", "valid", "test")]
            if name == "nusax"
            else asset["files"]
        )
        asset["files"] = {
            file: {
                "size": (folder / file).stat().st_size,
                "sha256": hashlib.sha256((folder / file).read_bytes()).hexdigest(),
            }
            for file in files
        }
    monkeypatch.setattr(catalog, "_catalog", lambda path: tables)
    monkeypatch.setattr(fetching, "_fetched", {})
    monkeypatch.setenv("COURSE_MIRROR", str(tmp_path))
    monkeypatch.setenv("COURSE_TRACK", "real")
    return tmp_path


def statements() -> list[ast.stmt]:
    source = "\n".join(c.source for c in nbformat.read(NOTEBOOK, 4).cells if c.cell_type == "code")
    return ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE)).body


@pytest.fixture
def cells(world: Path) -> dict[str, Any]:
    """The functions of the notebook that the section calls; what they take by default is not there to be taken."""
    taken = [n for n in statements() if isinstance(n, ast.FunctionDef) and n.name in TAKEN]
    assert sorted(node.name for node in taken) == sorted(TAKEN)
    space: dict[str, Any] = dict.fromkeys(("tokenizer", "news", "SIZE", "train_sets", "tests"))
    space |= {"SEED": 0, "STEPS": 3, "RATE": None, "TAGS": readers.TAGS, "Adapter": Adapter, "pd": pd}
    space |= {"assets": assets, "data": data, "madx": madx, "models": models, "training": training}
    space |= {"torch": torch, "partial": partial, "mask_tokens": madx.mask_tokens}
    space |= {"LanguageAdapter": madx.LanguageAdapter, "Stack": madx.Stack}
    space |= {"put_language": madx.put_language, "train_only": madx.train_only}
    space["AutoModelForMaskedLM"] = AutoModelForMaskedLM
    exec(compile(ast.Module(taken, []), str(NOTEBOOK), "exec"), space)
    return space


def names() -> dict[str, Any]:
    return {g: data.load("ner_wikipedia", g) for g in LANGUAGES}


def texts() -> dict[str, Any]:
    return {g: data.load("texts_multilingual", g)["train"] for g in LANGUAGES}


@torch.no_grad()
def scattered(part: nn.Module, seed: int = 2) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    for parameter in part.parameters():
        parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return part


# What is read


def test_wikiann_is_read_out_of_its_archives(world: Path) -> None:
    loaded = data.load("ner_wikipedia", "javanese")
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 20, "validation": 2, "test": 3}
    row = loaded["test"][0]
    assert row["tokens"] == ["room", "soup", ":", "bus", "xyz"]
    assert [readers.TAGS[tag] for tag in row["ner_tags"]] == ["B-PER", "I-PER", "O", "B-LOC", "B-ORG"]
    ids = [row["id"] for rows in loaded.values() for row in rows]
    assert ids == list(range(25))


def test_labels_stand_on_the_first_piece_of_each_word(world: Path) -> None:
    tokenizer = models.load_tokenizer("large_encoder")
    assert tokenizer.is_fast and tokenizer.mask_token_id == len(tokenizer) - 1
    row = data.tokenize_tags(data.load("ner_wikipedia", "english")["test"], tokenizer)[0]
    pieces = tokenizer.convert_ids_to_tokens(row["input_ids"])
    assert pieces[0] == "<s>" and pieces[-1] == "</s>"
    assert pieces[-5:-1] == ["▁", "x", "y", "z"], "the last word has four pieces"
    counted = [i for i, label in enumerate(row["labels"]) if label != data.NO_LABEL]
    assert [pieces[i][0] for i in counted] == ["▁"] * 5 and counted[-1] == len(pieces) - 5
    assert row["labels"][len(pieces) - 5] == readers.TAGS.index("B-ORG")


def test_hidden_words_are_those_of_its_tokenizer(cells: dict[str, Any]) -> None:
    tokenizer = models.load_tokenizer("large_encoder")
    batch = next(iter(cells["masked_loader"]("sundanese", texts=texts(), tokenizer=tokenizer, seed=0)))
    ids, asked = batch["input_ids"], batch["labels"] != -100
    assert asked.any() and (ids[asked] == tokenizer.mask_token_id).any()
    assert not (ids[~asked] == tokenizer.mask_token_id).any()
    special = torch.tensor(tokenizer.all_special_ids)
    assert not torch.isin(batch["labels"][asked], special).any(), "no special token is asked for"


# What is computed


def test_the_inverse_stands_before_its_own_head(cells: dict[str, Any]) -> None:
    model = cells["load_words"]("large_encoder").eval()
    batch = {"input_ids": torch.tensor([[0, 5, 6, 7, 2]]), "attention_mask": torch.ones(1, 5).long()}
    with torch.no_grad():
        before = model(**batch).logits
        assert torch.equal(madx.add_stacks(model)(**batch).logits, before), "empty places change nothing"
        language = scattered(cells["new_language"](model.config))
        heard: dict[str, torch.Tensor] = {}
        scores = madx.put_language(model, language).get_output_embeddings()
        scores.register_forward_hook(lambda _, given, scored: heard.update(given=given[0], scored=scored))
        moved = model(**batch).logits
        hidden = language.invertible.inverse(heard["given"])
        assert (moved - before).abs().max() > 0.1 and (hidden - heard["given"]).abs().max() > 0.1
        expected = nn.functional.linear(hidden, scores.weight, scores.bias)
        torch.testing.assert_close(heard["scored"], expected, atol=1e-5, rtol=0)
        assert torch.equal(madx.put_language(model, None)(**batch).logits, before)


def changed(model: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


def test_only_the_adapters_move(cells: dict[str, Any]) -> None:
    tokenizer, words = models.load_tokenizer("large_encoder"), cells["load_words"]("large_encoder")
    size = words.config
    madx.add_stacks(words)
    base = {name: value.clone() for name, value in words.state_dict().items()}
    language, history = cells["train_language"](
        words, "javanese", 2, 1e-2, size, texts=texts(), tokenizer=tokenizer
    )
    assert history.trainable_parameters == sum(p.numel() for p in language.parameters())
    assert changed(madx.put_language(words, None), base) == set(), "XLM-R is what it was"
    stored = copy.deepcopy(language.requires_grad_(False).state_dict())
    rows = {"english": data.tokenize_tags(data.load("ner_wikipedia", "english")["train"], tokenizer)}
    prepare = partial(cells["new_tagger"], encoder="large_encoder", size=size)
    model = prepare(language, 0)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    model, _ = cells["train_task"]("english", language, 0, prepare, rows, tokenizer, 1e-2)
    moved = changed(model, start)
    assert moved and all(".adapter.task." in name or name.startswith("classifier.") for name in moved)
    assert all(torch.equal(value, stored[name]) for name, value in language.state_dict().items())


def test_the_four_steps_fill_the_heat_map(cells: dict[str, Any]) -> None:
    sources = ["english", "indonesian"]
    alone, stacked = cells["four_steps"]("large_encoder", names(), texts(), sources, steps=2, rate=1e-2)
    for scores in (alone, stacked):
        assert list(scores.index) == sources and list(scores.columns) == LANGUAGES
        assert all(0 <= value <= 100 and math.isfinite(value) for value in scores.to_numpy().flatten())


def test_the_cell_that_runs_it_reads_what_the_catalogue_names(
    cells: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (cell,) = [
        n for n in statements() if isinstance(n, ast.If) and "large_models.ready" in ast.unparse(n.test)
    ]
    maps: list[pd.DataFrame] = []
    cells |= {
        "LANGUAGES": LANGUAGES,
        "assets": assets,
        "large_models": large_models,
        "concatenate_datasets": concatenate_datasets,
    }
    cells["four_steps"] = partial(cells["four_steps"], steps=2)
    cells |= {"RATE": 1e-2, "show_map": lambda gains, title: maps.append(gains)}
    monkeypatch.setattr(large_models, "lacking", lambda: "")
    monkeypatch.setattr(large_models, "ready", lambda roles, lacks: roles == ROLES and not lacks)
    exec(compile(ast.Module([cell], []), str(NOTEBOOK), "exec"), cells)
    assert len(cells["plain"]["javanese"]) == 36, "all three splits of the plain text"
    assert maps[0].shape == (2, 4) and maps[0].notna().all(axis=None)
    assert "the task adapter alone" in capsys.readouterr().out


def test_each_target_gets_its_own_language(cells: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    put: list[Any] = []
    evaluate, original = training.evaluate, madx.put_language

    def noted(model: nn.Module, loader: Any, metric: str) -> float:
        put.append(madx.stacks(model)[0].language)
        return evaluate(model, loader, metric)

    trained: list[Any] = []
    train = cells["train_language"]

    def train_and_note(*given: Any, **named: Any) -> Any:
        trained.append(train(*given, **named)[0])
        return trained[-1], None

    monkeypatch.setattr(training, "evaluate", noted)
    cells["train_language"] = train_and_note
    cells["four_steps"]("large_encoder", names(), texts(), ["english"], steps=1, rate=1e-2)
    assert madx.put_language is original
    expected = [layer for adapter in trained for layer in (None, adapter.layers[0])]
    assert len(put) == 8 and all(one is other for one, other in zip(put, expected, strict=True))


# Where it runs, and what is fetched


@pytest.fixture
def nothing_fetched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(role: str) -> Path:
        raise AssertionError(f"{role} was fetched")

    monkeypatch.setattr(assets, "fetch", refuse)
    yield


@pytest.mark.parametrize("track, gpu", [("bundled", False), ("bundled", True), ("real", False)])
def test_elsewhere_one_line_says_so_and_nothing_is_fetched(
    track: str,
    gpu: bool,
    nothing_fetched: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COURSE_TRACK", track)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert large_models.ready(ROLES, large_models.lacking()) is False
    line, needed = capsys.readouterr().out.splitlines()
    assert re.search(r"takes FacebookAI/xlm-roberta-base, WikiANN .*, 1\.\d GB", needed)
    assert "CUDA GPU" in line and ("COURSE_TRACK=real" in line) == (track == "bundled")


def test_on_a_gpu_of_the_real_track_it_is_fetched_and_listed(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert large_models.ready(ROLES, large_models.lacking()) is True
    shown = capsys.readouterr().out
    for role in ROLES:
        assert re.search(rf"^{role} .* mirror ", shown, re.MULTILINE)


def test_a_source_that_fails_is_told_and_the_notebook_goes_on(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(fetching, "remote", lambda asset, folder: [])
    (world / "datasets/wikiann/panx_dataset.zip").unlink()
    assert large_models.ready(ROLES, large_models.lacking()) is False
    shown = capsys.readouterr().out
    assert shown.count("Not run: Could not get 'ner_wikipedia'") == 1 and "Next: " in shown


def test_the_set_up_fetches_none_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COURSE_TRACK", "real")
    monkeypatch.setattr(session, "notebook", "")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    course_utils.start("09_madx")
    shown = capsys.readouterr().out
    assert not any(f"{role} " in shown for role in ROLES)
    assert "A section near the end goes on with published ones." in shown


def test_a_mirror_knows_of_it_where_it_is_used() -> None:
    taken = {"models/FacebookAI/xlm-roberta-base", "datasets/wikiann", "datasets/nusax-senti"}
    assert assets.later_roles("09_madx") == [*transfer.Table.roles, *ROLES]
    encoder = "models/intfloat/multilingual-e5-small-q4"
    assert {asset.mirror for asset in mirror.needed(["09"])} == {encoder, "datasets/nusax-senti"}
    assert {asset.mirror for asset in mirror.needed(["09"], later=True)} == {encoder, *taken}
    assert taken <= {asset.mirror for asset in mirror.needed(later=True)}
    for others in (mirror.needed(), mirror.needed(["09"]), mirror.needed(["08"], later=True)):
        assert "datasets/wikiann" not in {asset.mirror for asset in others}


def test_the_small_files_of_the_catalogue_are_what_their_hashes_say() -> None:
    pinned = {file.path: file for file in assets.entry("large_encoder", "real").files}
    text = json.dumps({"model_max_length": 512}).encode()
    assert pinned["tokenizer_config.json"].sha256 == hashlib.sha256(text).hexdigest()
    assert pinned["tokenizer_config.json"].size == len(text)
