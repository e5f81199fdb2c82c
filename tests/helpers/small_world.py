"""A world of a few sentences: corpora, tokenizer, encoder and hashes, written to a temporary folder."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from course_utils.assets import fetching
from course_utils.paths import DATA, ROOT

needs_bundle = pytest.mark.skipif(
    not (DATA / "SHA256SUMS").exists(), reason="data/SHA256SUMS is missing: run `make bundle`"
)
MIRROR = ROOT.parent / "shared" / "mirror"
needs_mirror = pytest.mark.skipif(
    not (MIRROR / "datasets").is_dir(), reason="no mirror of the real data beside the repository"
)
WORDS = ["the", "soup", "was", "cold", "but", "room", "is", "clean", "and", "bus"]
WORDS += ["late", "we", "liked", "it", "not", "at", "all"]


def sentence(length: int, start: int) -> str:
    return " ".join(WORDS[(start * 7 + i * (start % 3 + 1)) % len(WORDS)] for i in range(length))


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a word, with [CLS] and [SEP] around the sentence."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: i for i, word in enumerate(special + sorted(set(WORDS)))}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def write(folder: Path) -> None:
    """Every bundled folder of the catalogue, and SHA256SUMS."""
    for language in ("english", "indonesian", "javanese"):
        for split, first in (("train", 0), ("valid", 40), ("test", 50)):
            rows = [f'{first + i},"{sentence(3 + i % 9, i)}",{["b", "a", "c"][i % 3]}' for i in range(10)]
            for role in ("sentiment", "topic"):
                table = "\n".join(["id,text,label", *rows])
                put(folder / "corpora" / role / language / f"{split}.csv", table)
            tagged = "Ana\tB-PER\nleft\tO\n\nBank\tB-ORG\nX\tI-ORG\n"
            put(folder / "corpora/ner" / language / f"{split}.txt", tagged)
        texts = [f"{i},{sentence(5, i)}" for i in range(6)]
        put(folder / "corpora/unlabelled" / f"{language}.csv", "\n".join(["id,text", *texts]))
    for split in ("train", "valid", "test"):
        pair = {"id": 3, "english": "late bus", "indonesian": ["bus telat", "bus terlambat"]}
        put(folder / "corpora/translation" / f"{split}.jsonl", json.dumps(pair) + "\n")
    config = BertConfig(
        vocab_size=len(tokenizer()), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=64,
    )  # fmt: skip
    torch.manual_seed(0)
    BertForMaskedLM(config).save_pretrained(folder / "models/encoder")
    tokenizer().save_pretrained(folder / "models/encoder")
    config.vocab_size = 30522
    config.save_pretrained(folder / "models/student")
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    put(folder / "SHA256SUMS", "\n".join(lines))


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def enter(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make `course_utils.assets` take the small world for what ships, and forget what was fetched."""
    monkeypatch.setattr(fetching, "DATA", folder)
    monkeypatch.setattr(fetching, "_fetched", {})
