"""The published translator: how it is loaded, asked, and cut; with random weights in the layout of its file."""

import hashlib
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers import models as kinds
from transformers import T5Config, T5ForConditionalGeneration

from course_utils import assets, training
from course_utils.assets import catalog, fetching, large_models
from course_utils.models import translators
from course_utils.paths import ROOT

LETTERS = "abcdefghijklmnopqrstuvwxyz"
REVISION = "0123456789abcdef0123456789abcdef01234567"
SPLITS = {"train": "train", "validation": "valid", "test": "test"}
PAIRS = [
    ("the soup was cold", "supnya dingin"),
    ("we liked it", "kami suka"),
    ("the bus was late", "bus telat"),
]


def random_translator() -> tuple[T5ForConditionalGeneration, torch.Tensor, torch.Tensor]:
    """A T5 of the published shape, smaller; its input table, and its output table, which is another one."""
    torch.manual_seed(0)
    size = 4 + 2 * len(LETTERS)
    config = T5Config(
        vocab_size=size, d_model=16, d_kv=4, num_heads=4, d_ff=32, num_layers=5, num_decoder_layers=5,
        feed_forward_proj="gated-gelu", tie_word_embeddings=False, pad_token_id=1, eos_token_id=2,
        decoder_start_token_id=0, initializer_factor=2.0,
    )  # fmt: skip
    return T5ForConditionalGeneration(config).eval(), torch.randn(size, 16), torch.randn(size, 16)


def write_tokenizer(path: Path, tag: str = translators.TAG) -> None:
    """A unigram model without an end token after the text: the letters, alone and at the start of a word."""
    pieces = ["<unk>", "<s>", "</s>", tag, *LETTERS, *(f"▁{letter}" for letter in LETTERS)]
    backend = Tokenizer(kinds.Unigram([(piece, -1.0) for piece in pieces], unk_id=0))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    backend.add_special_tokens(["<unk>", "<s>", "</s>"])
    backend.save(str(path))


def write_model(folder: Path) -> None:
    """The three files, laid out as the published ones: no `shared.weight`, and `tie_word_embeddings` is false."""
    folder.mkdir(parents=True)
    model, table, head = random_translator()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    del weights["shared.weight"], weights["encoder.embed_tokens.weight"]
    weights |= {"decoder.embed_tokens.weight": table, "lm_head.weight": head}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = model.config.to_dict()
    config.pop("scale_decoder_outputs", None)
    config |= {"tie_word_embeddings": False, "architectures": ["T5ForConditionalGeneration"]}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    write_tokenizer(folder / "tokenizer.json")


def write_pairs(folder: Path) -> None:
    """NusaX's layout: a table a language and split, a sentence under one id in each."""
    for place, language in enumerate(("english", "indonesian")):
        for split in SPLITS.values():
            rows = [f"{id},{pair[place]},neutral" for id, pair in enumerate(PAIRS)]
            path = folder / language / f"{split}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(["id,text,label", *rows, ""]), encoding="utf-8")


def entry_of(name: str, folder: Path, fields: str) -> str:
    """The catalogue's lines for an asset whose files lie in `folder`, under the mirror."""
    lines = [
        f'"{path.relative_to(folder).as_posix()}" = {{ size = {path.stat().st_size}, '
        f'sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}" }}'
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    head = (
        f'[assets.{name}]\nid = "org/{name}"\nrevision = "{REVISION}"\nlicence = "MIT"\npublisher = "org"\n'
    )
    return f"{head}{fields}\n[assets.{name}.files]\n" + "\n".join(lines) + "\n"


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The real track with a mirror that holds a random translator and three pairs. Returns the translator's folder."""
    write_model(tmp_path / "models/t5")
    write_pairs(tmp_path / "datasets/pairs")
    data = 'reader = "nusax_parallel"\nlanguages = ["indonesian"]\nlanguage = "indonesian"\nmirror = "datasets/pairs"\n'
    splits = (f'{split} = "{{language}}/{file}.csv"' for split, file in SPLITS.items())
    data += f"splits = {{ {', '.join(splits)} }}"
    text = '[notebooks]\n[bundled]\n[real]\npublished_translator = "t5"\ntranslation = "pairs"\n'
    text += entry_of("t5", tmp_path / "models/t5", 'kind = "model"\nmirror = "models/t5"')
    text += entry_of("pairs", tmp_path / "datasets/pairs", f'kind = "dataset"\n{data}')
    (tmp_path / "catalog.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(catalog, "CATALOG", tmp_path / "catalog.toml")
    monkeypatch.setattr(fetching, "_fetched", {})
    monkeypatch.setenv("COURSE_TRACK", "real")
    monkeypatch.setenv("COURSE_MIRROR", str(tmp_path))
    monkeypatch.setattr(translators, "fastest_device", lambda: torch.device("cpu"))
    return tmp_path / "models/t5"


# --- where it runs ---


def test_nothing_is_fetched_where_it_does_not_run(
    real: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert translators.ready(wanted=True) is False
    without_gpu = capsys.readouterr().out
    monkeypatch.setenv("COURSE_TRACK", "bundled")
    assert translators.ready(wanted=True) is False
    bundled = capsys.readouterr().out
    monkeypatch.setenv("COURSE_TRACK", "real")
    monkeypatch.setattr(large_models, "lacking", lambda memory: "")
    assert translators.ready(wanted=False) is False
    unasked = capsys.readouterr().out
    for line, reason in (
        (without_gpu, "no CUDA GPU"),
        (bundled, "COURSE_TRACK=real"),
        (unasked, "wanted=True"),
    ):
        assert line.startswith("Not run: ") and reason in line and "It takes org/t5, " in line
        assert line.count("\n") == 2
    assert not fetching._fetched


def test_what_is_wanted_is_fetched_and_listed(
    real: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(large_models, "lacking", lambda memory: "")
    assert translators.ready(wanted=True) is True
    shown = capsys.readouterr().out
    assert "org/t5@0123456789ab" in shown and "org/pairs@0123456789ab" in shown


def test_a_small_gpu_is_told(
    real: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    memory = type("Properties", (), {"total_memory": 8 * 10**9})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: memory)
    assert translators.ready(wanted=True) is False
    assert "this GPU has 8 GB, and 14 are needed" in capsys.readouterr().out


def test_the_first_cell_fetches_nothing_of_it() -> None:
    assert "published_translator" not in assets.notebook_roles("04_sequence_distillation")
    assert set(translators.ROLES) <= set(assets.later_roles("04_sequence_distillation"))


# --- what is loaded ---


def test_both_tables_are_those_of_the_file(real: Path) -> None:
    model, _ = translators.load_published()
    _, table, head = random_translator()
    assert all(torch.equal(part.weight, table) for part in (model.shared, model.encoder.embed_tokens))
    assert torch.equal(model.decoder.embed_tokens.weight, table) and torch.equal(model.lm_head.weight, head)


def test_what_it_computes_is_decoder_then_output_table_unscaled(real: Path) -> None:
    model, tokenizer = translators.load_published()
    _, _, head = random_translator()
    source = tokenizer(translators.tagged(["we liked it"]), return_tensors="pt")["input_ids"]
    so_far = torch.tensor([[0, 7, 9]])
    with torch.no_grad():
        read = model.encoder(input_ids=source).last_hidden_state
        hidden = model.decoder(input_ids=so_far, encoder_hidden_states=read).last_hidden_state
        logits = model(input_ids=source, decoder_input_ids=so_far).logits
    torch.testing.assert_close(logits, hidden @ head.T)


def test_a_source_is_tag_text_end_and_a_translation_is_text_again(real: Path) -> None:
    _, tokenizer = translators.load_published()
    ids = tokenizer(translators.tagged(["we liked it"]))["input_ids"][0]
    assert tokenizer.convert_ids_to_tokens(ids) == [
        "<2id>",
        "▁w",
        "e",
        "▁l",
        "i",
        "k",
        "e",
        "d",
        "▁i",
        "t",
        "</s>",
    ]
    target = tokenizer("kami suka")["input_ids"]
    assert target[-1] == 2 and tokenizer.decode(target, skip_special_tokens=True).strip() == "kami suka"
    assert tokenizer(["a", "a b"], padding=True)["input_ids"][0][-1] == 1


def test_a_tokenizer_without_the_tag_is_refused(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tokenizer(real / "tokenizer.json", tag="<2xx>")
    monkeypatch.setattr(assets, "fetch", lambda role: real)
    with pytest.raises(ValueError, match="has no token <2id>"):
        translators.load_published()


# --- the student ---


def test_a_student_has_the_first_the_last_and_evenly_spread_layers(real: Path) -> None:
    teacher, _ = translators.load_published()
    student = translators.cut(teacher, layers=3)
    for side in ("encoder", "decoder"):
        theirs, ours = getattr(teacher, side).block, getattr(student, side).block
        assert len(ours) == 3
        for place, origin in enumerate((0, 2, 4)):
            for name, value in ours[place].state_dict().items():
                assert torch.equal(value, theirs[origin].state_dict()[name]), (side, place, name)
    assert torch.equal(student.shared.weight, teacher.shared.weight)
    assert torch.equal(student.lm_head.weight, teacher.lm_head.weight)
    frozen = {name for name, value in student.named_parameters() if not value.requires_grad}
    assert frozen == {"shared.weight", "lm_head.weight"}


def test_a_student_with_all_layers_is_the_teacher(real: Path) -> None:
    teacher, tokenizer = translators.load_published()
    student = translators.cut(teacher, layers=5)
    asked = translators.tagged(["the soup was cold", "we liked it"])
    for k in (1, 3):
        assert translators.translate(student, tokenizer, asked, k) == translators.translate(
            teacher, tokenizer, asked, k
        )


@pytest.mark.parametrize("layers", [1, 6])
def test_layers_that_the_teacher_lacks_are_refused(real: Path, layers: int) -> None:
    teacher, _ = translators.load_published()
    with pytest.raises(ValueError, match=f"layers must be from 2 to the teacher's 5, and it is {layers}"):
        translators.cut(teacher, layers)


# --- the section of the notebook ---


def test_the_section_of_the_notebook_runs(
    real: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its cells as they stand, with a yes to what they ask, and few steps."""
    monkeypatch.setattr(large_models, "lacking", lambda memory: "")
    losses, fit = [], training.fit

    def few_steps(*arguments, steps, **more):  # type: ignore[no-untyped-def]
        history = fit(*arguments, steps=6, progress=False, **more)
        losses.append(history.losses)
        return history

    monkeypatch.setattr(training, "fit", few_steps)
    notebook = nbformat.read(ROOT / "notebooks/04_sequence_distillation.ipynb", as_version=4)
    first, second = (
        cell.source for cell in notebook.cells if cell.id in ("c-91-published", "c-95-published")
    )
    assert "wanted=False" in first
    names: dict[str, Any] = {"seed": 0, "settings": {"shuffle": True, "seed": 0}}
    exec(
        "from copy import deepcopy\nimport torch\nfrom course_utils import data, training\n"
        "from course_utils.data import pairs\nfrom course_utils.models import translators\n"
        "from course_utils.training import metrics",
        names,
    )
    exec(first.replace("wanted=False", "wanted=True"), names)
    exec(second, names)
    shown = capsys.readouterr().out
    for system in ("published teacher", "student: gold", "student: seq-KD"):
        for k in (1, 5):
            assert f"{system}, K = {k}: BLEU " in shown
    assert shown.count("tok:13a|smooth:exp") == 6
    assert len(losses) == 2 and losses[0] != losses[1], "each student learns from texts of its own"
    student, start = names["student"], names["start"]
    assert torch.equal(student.lm_head.weight, start.lm_head.weight), "the tables are frozen"
    assert not torch.equal(student.decoder.final_layer_norm.weight, start.decoder.final_layer_norm.weight)
