"""Published models in notebook 01, played by small ones of the same kinds that a mirror serves."""

import ast
import hashlib
import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import BloomConfig, BloomForCausalLM, GPTNeoXConfig, GPTNeoXForCausalLM

from course_utils import assets, data, plots, results, session
from course_utils.assets import catalog, fetching, mirror, publishers
from course_utils.data import word_puzzles
from course_utils.methods import scale
from course_utils.models import ladder, language_models, published
from course_utils.paths import ROOT
from course_utils.plots import style
from course_utils.results import rows

PAIRS = {
    "cat": "kucing",
    "house": "rumah",
    "river": "sungai",
    "big moon": "bulan",
    "api": "fire",
    "no": "tidak",
}
WRONG = {"cat house": "anjing", "sun": "matahari"}
LABELS = ("negative", "neutral", "positive")
REVISION = "0123456789abcdef0123456789abcdef01234567"
LANGUAGES = ("english", "indonesian", "javanese")
SMALL = {"sentiment_multilingual", "language_model", "glue_sst2", "word_scramble"}
"""What else the later sections of notebook 01 ask."""
ENTRY = """
[assets.{name}]
id = "{id}"
kind = "{kind}"
revision = "{revision}"
licence = "Apache-2.0"
publisher = "an example"
mirror = "{mirror}"
"""
CSV = 'reader = "labelled_csv"\nlanguages = ["english", "indonesian", "javanese"]\nlanguage = "english"\n'
CSV += 'splits = { train = "{language}/train.csv", validation = "{language}/train.csv", '
CSV += 'test = "{language}/test.csv" }\n'


def write_tokenizer(folder: Path, special: list[str]) -> Tokenizer:
    """A byte-level BPE, as those of Pythia and BLOOMZ are. Two new lines in a row are one token of it."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=340, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    rows = [f"{given} => {answer}\n\n" for given, answer in PAIRS.items()] + [f"It is {x}" for x in LABELS]
    tokenizer.train_from_iterator(4 * rows, trainer)
    assert "ĊĊ" in tokenizer.get_vocab() and 1 < len(tokenizer.encode(" matahari").ids) < 9
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def write_pythia(folder: Path) -> None:
    """A GPT-NeoX of few parameters that knows PAIRS by heart, and two rows that end in other ways."""
    folder.mkdir(parents=True)
    tokenizer = write_tokenizer(folder, ["<|endoftext|>"])
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=tokenizer.get_vocab_size() + 3, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=512, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = GPTNeoXForCausalLM(config)
    rows = [f"{given} => {answer}\n" for given, answer in PAIRS.items()] + ["stop => now\n\n"]
    rows = [tokenizer.encode(row).ids for row in rows] + [[*tokenizer.encode("end => here").ids, 0]]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    labels = torch.tensor([row + [-100] * (longest - len(row)) for row in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        model(input_ids=ids, attention_mask=(labels != -100).long(), labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.half().save_pretrained(folder)


def write_bloomz(folder: Path) -> None:
    folder.mkdir(parents=True)
    tokenizer = write_tokenizer(folder, ["<unk>", "<s>", "</s>", "<pad>"])
    torch.manual_seed(0)
    config = BloomConfig(
        vocab_size=tokenizer.get_vocab_size() + 3, hidden_size=32, n_layer=2, n_head=4, initializer_range=0.5,
        bos_token_id=1, eos_token_id=2, pad_token_id=3,
    )  # fmt: skip
    BloomForCausalLM(config).save_pretrained(folder)


def listed(name: str, kind: str, folder: Path, files: list[Path]) -> str:
    """The entry of an asset whose files lie in a folder of the mirror; no network has them."""
    entry = ENTRY.format(
        name=name, id=f"org/{name}", kind=kind, revision=REVISION, mirror=f"{kind}s/{folder.name}"
    )
    rows = [
        f'"{file.relative_to(folder).as_posix()}" = {{ size = {file.stat().st_size}, '
        f'sha256 = "{hashlib.sha256(file.read_bytes()).hexdigest()}", '
        f'url = "https://huggingface.co/org/{name}/resolve/{REVISION}/{file.name}" }}'
        for file in files
    ]
    return "\n".join([entry + (CSV if kind == "dataset" else ""), f"[assets.{name}.files]", *rows, ""])


@pytest.fixture(scope="module")
def stick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mirror with a small Pythia, a small BLOOMZ and sentences, and the catalogue that names them."""
    stick = tmp_path_factory.mktemp("stick")
    write_pythia(stick / "models/pythia")
    write_bloomz(stick / "models/bloomz")
    for language in LANGUAGES:
        for split in ("train", "test"):
            rows = [f"{i},{language} sentence {'long ' * (i % 3)}{i},{LABELS[i % 4 % 3]}" for i in range(160)]
            file = stick / "datasets/nusax" / language / f"{split}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join(["id,text,label", *rows]) + "\n", encoding="utf-8")
    roles = [f'{role} = "{role}"' for role in published.LADDER]
    text = "\n".join(["[notebooks]", "[bundled]", "[real]", *roles, 'published_multilingual = "bloomz"'])
    text += '\nsentiment_multilingual = "nusax"\n'
    weights = ["config.json", "model.safetensors", "tokenizer.json"]
    for name, folder in [*((role, "pythia") for role in published.LADDER), ("bloomz", "bloomz")]:
        place = stick / "models" / folder
        text += listed(name, "model", place, [place / file for file in weights])
    place = stick / "datasets/nusax"
    text += listed("nusax", "dataset", place, sorted(place.rglob("*.csv")))
    (stick / "catalog.toml").write_text(text, encoding="utf-8")
    return stick


@pytest.fixture
def real(stick: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The real track with that mirror, on a machine whose network is away."""
    monkeypatch.setattr(catalog, "CATALOG", stick / "catalog.toml")
    monkeypatch.setattr(fetching, "_fetched", {})
    monkeypatch.setattr(fetching, "BUILD", tmp_path)
    monkeypatch.setattr(rows, "BUILD", tmp_path)
    monkeypatch.setattr(publishers.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("COURSE_TRACK", "real")
    monkeypatch.setenv("COURSE_MIRROR", str(stick))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    return tmp_path


# What is written


def asked() -> tuple[list[str], list[str]]:
    pairs = PAIRS | WRONG
    return [f"{given} =>" for given in pairs], list(pairs.values())


def written(prompts: list[str], role: str = "published_70m", batch_size: int = 64) -> list[str]:
    with published.opened(role) as both:
        return language_models.write(*both, prompts, max_new_tokens=20, stop="\n", batch_size=batch_size)


def test_what_is_written_is_what_teacher_forcing_says(real: Path) -> None:
    prompts, answers = asked()
    texts = written(prompts, batch_size=3)
    with published.opened("published_70m") as (model, tokenizer), torch.no_grad():
        batches = ladder.answer_batches(prompts, [f" {answer}" for answer in answers], tokenizer)
        forced = [
            scale.exact_match(model(**batch).logits, batch["input_ids"], mask) for batch, mask in batches
        ]
    generated = [text == answer for text, answer in zip(texts, answers, strict=True)]
    assert generated == torch.cat(forced).tolist()
    assert generated == [True] * len(PAIRS) + [False] * len(WRONG)


def test_the_batch_changes_nothing_that_is_written(real: Path) -> None:
    """Prompts of several lengths are padded on the left, so that each ends where its answer begins."""
    prompts, _ = asked()
    alone, together = (written(prompts, batch_size=size) for size in (1, len(prompts)))
    assert alone == together and len({len(prompt) for prompt in prompts}) > 2


def test_an_answer_ends_at_any_token_with_a_new_line(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths, generate = [], GPTNeoXForCausalLM.generate

    def counting(self: GPTNeoXForCausalLM, **how: Any) -> torch.Tensor:
        tokens = generate(self, **how)
        lengths.append(tokens.shape[1] - how["input_ids"].shape[1])
        return tokens

    monkeypatch.setattr(GPTNeoXForCausalLM, "generate", counting)
    assert written(["stop =>", "cat =>"], batch_size=1) == ["now", "kucing"]
    assert max(lengths) < 8, "it went on writing after the new line"
    assert written(["end =>", "cat =>"]) == ["here", "kucing"], "the mark is no text"


# What is fetched, kept, and missing


def test_the_weights_are_gone_before_the_next_model_comes(
    real: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, load = [], published.AutoModelForCausalLM.from_pretrained

    def remembering(*where: Any, **how: Any) -> torch.nn.Module:
        assert all(p.is_meta for model in loaded for p in model.parameters())
        loaded.append(load(*where, **how))
        assert {p.dtype for p in loaded[-1].parameters()} == {torch.float32}
        return loaded[-1]

    monkeypatch.setattr(published.AutoModelForCausalLM, "from_pretrained", remembering)
    written(["cat =>"])
    written(["It is"], "published_multilingual")
    assert len(loaded) == 2 and all(p.is_meta for p in loaded[1].parameters())


def test_a_missing_model_is_the_courses_error(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_MIRROR", str(real / "empty"))
    with pytest.raises(assets.AssetError, match="(?s)'published_1b' for the real track.*Next: connect"):
        written(["cat =>"], "published_1b")


def test_the_bundled_track_asks_none_and_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert published.chosen() == ((), ())
    (line,) = capsys.readouterr().out.splitlines()
    assert "nothing is fetched" in line and "COURSE_TRACK=real" in line


def test_without_a_gpu_the_two_smallest_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COURSE_TRACK", "real")
    monkeypatch.setattr(assets, "summary", lambda roles: "")
    monkeypatch.setattr(published, "has_gpu", lambda: False)
    assert published.chosen() == (published.LADDER[:2], ())
    assert "No GPU" in (line := capsys.readouterr().out) and "545.3 MB" in line
    monkeypatch.setattr(published, "has_gpu", lambda: True)
    assert published.chosen() == (published.LADDER, published.ACROSS)
    assert "4.7 GB" in capsys.readouterr().out


def test_where_they_cannot_be_had_the_notebook_goes_on(
    real: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COURSE_MIRROR", str(real / "empty"))
    monkeypatch.setattr(fetching, "remote", lambda asset, folder: [])
    monkeypatch.setattr(published, "has_gpu", lambda: False)
    assert published.chosen() == ((), ())
    assert "Not run: Could not get 'published_160m'" in capsys.readouterr().out


# The catalogue and what the pages say of it


def size(entries: list[assets.Entry]) -> str:
    return assets.readable(sum(file.size or 0 for entry in entries for file in entry.files))


def test_the_first_cell_fetches_none_of_them() -> None:
    tables = tomllib.loads(catalog.CATALOG.read_text(encoding="utf-8"))
    asked = {*published.LADDER, *published.ACROSS}
    assert set(tables["later"]["01_scale"]) == asked | SMALL
    assert not asked & {role for roles in tables["notebooks"].values() for role in roles}
    assert not asked & set(tables["bundled"])


def test_the_sizes_rise_and_share_a_tokenizer() -> None:
    family = [{file.path: file for file in assets.entry(role, "real").files} for role in published.LADDER]
    weights = [files["model.safetensors"].size or 0 for files in family]
    assert all(larger > 2 * smaller for smaller, larger in pairwise(weights))
    assert len({files["tokenizer.json"].sha256 for files in family}) == 1
    assert all(set(files) == {"config.json", "model.safetensors", "tokenizer.json"} for files in family)


def test_a_mirror_for_notebook_01_holds_them_and_the_pages_name_its_size() -> None:
    ours, every = mirror.needed(["01"], later=True), mirror.needed(later=True)
    roles = {*published.LADDER, *published.ACROSS}
    assert {entry.role for entry in ours} == roles | SMALL
    large = size([entry for entry in ours if entry.role in roles])
    workshop = (ROOT / "docs/workshop.md").read_text(encoding="utf-8")
    assert f"the models and data: {size(mirror.needed())}" in workshop
    assert f"for three sections: {size(every)}" in workshop and f"01's are {large}" in workshop
    real_track = (ROOT / "docs/real-track.md").read_text(encoding="utf-8")
    assert f"and BLOOMZ ({large};" in real_track


# The notebook's own cells


def section(words: word_puzzles.Words) -> dict[str, Any]:
    """Run the cells of the section, and the functions of the notebook that they call. Returns the names they leave."""
    cells = [
        cell.source
        for cell in nbformat.read(ROOT / "notebooks/01_scale.ipynb", as_version=4).cells
        if cell.cell_type == "code" and not re.search(r"^\s*[%!]", cell.source, re.MULTILINE)
    ]
    names: dict[str, Any] = {
        "assets": assets, "data": data, "plots": plots, "pd": pd, "published": published, "results": results,
        "session": session,
        "torch": torch, "word_puzzles": word_puzzles, "Sequence": list, "known": words, "seed": 0, "SHOTS": (0, 2),
        "build_prompt": scale.build_prompt, "language_models": language_models,
    }  # fmt: skip
    for node in (node for cell in cells for node in ast.parse(cell).body):
        if isinstance(node, ast.FunctionDef) and node.name in ("asked_of", "prompts_of", "record"):
            exec(compile(ast.Module([node], []), "notebook", "exec"), names)
    for cell in (cell for cell in cells if "published.chosen" in cell or "language_models.choose" in cell):
        exec(compile(cell, "notebook", "exec"), names)
    return names


WORDS = word_puzzles.Words(pairs=[*PAIRS.items()], held_out=["moon", "garden", "window", "paper"])


def test_the_section_runs_and_records_every_model(
    real: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(published, "has_gpu", lambda: True)
    monkeypatch.setattr(session, "notebook", "01_scale")
    shown: list[Any] = []
    monkeypatch.setattr(style, "show", lambda figure, alt: shown.append(figure.axes[0]))
    names = section(WORDS)
    rows = results.load("01", "real").query("source == 'yours'")
    few_shot, across = rows.query("exhibit == 'E02'"), rows.query("exhibit == 'E04'")
    ids = [f"org/{role}" for role in published.LADDER]
    assert sorted(few_shot["model"]) == sorted(2 * ids) and set(few_shot["shots"]) == {0, 2}
    assert sorted(across["model"]) == sorted(3 * ["org/published_410m", "org/bloomz"])
    assert set(across["data"]) == {f"NusaX, {language}" for language in LANGUAGES}
    assert rows["value"].between(0, 1).all()
    (axes,) = shown
    assert [line.get_label() for line in axes.lines] == ids
    printed = capsys.readouterr().out
    assert all(language in printed for language in LANGUAGES) and "org/bloomz" in printed
    assert names["sentiment"]["always the commonest"] == pytest.approx([75 / 150] * 3, abs=0.02)


def test_on_the_bundled_track_the_section_asks_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(rows, "BUILD", tmp_path)
    monkeypatch.setattr(assets, "fetch", lambda role: pytest.fail(f"{role} was fetched"))
    names = section(WORDS)
    assert names["scores"] == names["sentiment"] == {} and not list(tmp_path.iterdir())
