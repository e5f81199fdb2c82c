"""The 4-bit file of multilingual-e5-small: its weights are read as written, and the cut vocabulary keeps its pieces."""

import json
import struct
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

from course_utils.assets import e5

PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "a", "b", "c", "▁ab", "▁abc", "bc", "語", "<mask>"]
SCORES = [0, 0, 0, 0, -3, -4, -4, -4, -5, -4.5, -4, -9, 0]
KEPT = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12]  # neither "▁abc" nor "語"
HIDDEN, LAYERS, WIDE, LENGTH = 32, 2, 64, 16
ROWS = len(PIECES) + 5  # as in the published file, there are more rows than pieces


def encoder() -> BertModel:
    """A small encoder whose matrices are as rounded as the file makes them."""
    config = BertConfig(
        vocab_size=ROWS, hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=4,
        intermediate_size=WIDE, max_position_embeddings=LENGTH, layer_norm_eps=1e-12,
    )  # fmt: skip
    torch.manual_seed(0)
    model = BertModel(config, add_pooling_layer=False).eval()
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * 0.1
    return model


def names() -> dict[str, tuple[str, bool]]:
    """The file's names -> those of the encoder, and whether the tensor is rounded."""
    found = {"emb.word": ("embeddings.word_embeddings.weight", True)}
    found |= {"emb.pos": ("embeddings.position_embeddings.weight", False)}
    found |= {"emb.type": ("embeddings.token_type_embeddings.weight", False)}
    parts = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value"}
    parts |= {"ao": "attention.output.dense", "aln": "attention.output.LayerNorm", "fi": "intermediate.dense"}
    parts |= {"fo": "output.dense", "oln": "output.LayerNorm"}
    found |= {f"emb.ln.{k[0]}": (f"embeddings.LayerNorm.{k}", False) for k in ("weight", "bias")}
    for i in range(LAYERS):
        for short, part in parts.items():
            for kind in ("weight", "bias"):
                rounded = kind == "weight" and "Norm" not in part
                found[f"l{i}.{short}.{kind[0]}"] = (f"encoder.layer.{i}.{part}.{kind}", rounded)
    return found


def write(folder: Path, model: BertModel) -> list[Path]:
    """The file of weights and its tokenizer.json. The model's matrices become those that the file holds."""
    state, q4 = model.state_dict(), gguf.GGMLQuantizationType.Q4_0
    bodies = {}
    for name, (ours, rounded) in names().items():
        values = state[ours].numpy()
        if rounded:
            packed = gguf.quantize(values, q4)
            state[ours].copy_(torch.tensor(gguf.dequantize(packed, q4)))
            bodies[name] = (1, values.size, packed.tobytes())
        else:
            bodies[name] = (0, values.size, values.astype("<f4").tobytes())
    text = [piece.encode() for piece in PIECES]
    ends = np.cumsum([0, *map(len, text)])
    head = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, 4, WIDE, ROWS, LENGTH, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(ends[-1])) + ends.astype("<u4").tobytes()
    head += np.array(SCORES, "<f4").tobytes() + b"".join(text)
    head += struct.pack("<iI", 7, 5) + b"chars" + struct.pack("<i", len(bodies))
    entries = {name: struct.pack("<H", len(name)) + name.encode() for name in bodies}
    start = len(head) + sum(len(entry) + 21 for entry in entries.values())
    body = b""
    for name, (kind, count, data) in bodies.items():
        head += entries[name] + struct.pack("<BIQQ", kind, count, start + len(body), len(data))
        body += data
    (folder / "e5.bin").write_bytes(head + body)
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None,
        "added_tokens": [
            {"id": i, "content": PIECES[i], "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True} for i in (0, 1, 2, 3, 12)
        ],
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in (("<s>", 0), ("</s>", 2))},
        },
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "model": {"type": "Unigram", "unk_id": 3, "byte_fallback": False,
                  "vocab": [list(pair) for pair in zip(PIECES, SCORES, strict=True)]},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    return [folder / "e5.bin", folder / "tokenizer.json"]


@pytest.fixture
def few_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e5, "kept_tokens", lambda: KEPT)


@pytest.mark.usefixtures("few_tokens")
def test_the_folder_holds_the_encoder_of_the_file(tmp_path: Path) -> None:
    model = encoder()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    e5.write(write(tmp_path, model), tmp_path / "out")
    assert torch.equal(torch.rand(2), expected), "the random state stays"
    folder = tmp_path / "out"
    loaded = AutoModel.from_pretrained(
        folder, dtype="auto", add_pooling_layer=False, local_files_only=True
    ).eval()
    assert loaded.config.vocab_size == len(KEPT) and loaded.config.pad_token_id == 1
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    new = torch.arange(len(KEPT))[None]
    with torch.no_grad():
        states = loaded(new).last_hidden_state
        torch.testing.assert_close(states, model(torch.tensor([KEPT])).last_hidden_state, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("few_tokens")
def test_kept_pieces_cut_a_text_as_before_and_others_fall_apart(tmp_path: Path) -> None:
    e5.write(write(tmp_path, encoder()), tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out", local_files_only=True)
    assert tokenizer.convert_ids_to_tokens(tokenizer("ab ab").input_ids) == ["<s>", "▁ab", "▁ab", "</s>"]
    assert tokenizer.tokenize("abc") == ["▁ab", "c"], "the piece ▁abc is gone"
    assert tokenizer("語").input_ids == [0, 4, 3, 2], "an unknown letter is <unk>"
    assert tokenizer.mask_token_id == KEPT.index(12) and len(tokenizer) == len(KEPT)
    assert tokenizer.model_max_length == LENGTH and tokenizer("a", padding="max_length")["input_ids"][-1] == 1
    assert "token_type_ids" not in tokenizer("a")


def test_no_special_token_may_be_cut(tmp_path: Path) -> None:
    _, vocabulary = write(tmp_path, encoder())
    published = json.loads(vocabulary.read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match=r"special tokens would be lost: \[12\]"):
        e5.cut(published, KEPT[:-1])
    assert len(published["model"]["vocab"]) == len(PIECES), "the original stays"


@pytest.mark.usefixtures("few_tokens")
@pytest.mark.parametrize(
    "harm, reason",
    [
        (lambda data: b"GGUF" + data[4:], "does not begin as this format does"),
        (lambda data: data[:60], "ends in its head"),
        (lambda data: data[:-40], "is not what the file's head says"),
        (lambda data: data.replace(b"l1.oln.b", b"l1.oln.x"), "lacks the tensors .*l1.oln.b"),
        (lambda data: data[:-4] + struct.pack("<f", float("nan")), "is not what the file's head says"),
        (lambda data: data[:8] + struct.pack("<i", HIDDEN * 2) + data[12:], "does not hold the weights"),
    ],
    ids=["another format", "cut in the head", "cut in the weights", "no tensor", "no number", "other sizes"],
)
def test_a_file_that_is_not_whole_is_refused(tmp_path: Path, harm: object, reason: str) -> None:
    weights, vocabulary = write(tmp_path, encoder())
    weights.write_bytes(harm(weights.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ValueError, match=reason):
        e5.write([weights, vocabulary], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_list_of_kept_tokens_has_the_special_ones() -> None:
    kept = e5.kept_tokens()
    assert kept == sorted(set(kept)) and {0, 1, 2, 3, 250_001} <= set(kept)
    assert 30_000 < len(kept) < 35_000
