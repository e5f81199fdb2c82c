"""A language model in a GGUF file (llama.cpp's format) -> a folder that `from_pretrained` reads.

transformers reads the weights. The tokenizer is built here from what the file says of it: some versions of transformers
that the course admits take another token for the end of a text, or put one before it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

NOTE = """The publisher of the GGUF file rounded the weights of the model to 4 bits (Q4_1). Here they are unpacked to
bfloat16, which does not undo the rounding: this model's answers may differ from those of the unrounded one."""
CONTROL = 3  # the file's type of a token that is never text, such as the end of a turn
SPECIAL = {"bos": "bos", "eos": "eos", "pad": "padding", "unk": "unknown"}  # ours -> the file's names


def write(sources: Sequence[Path], out: Path) -> None:
    """Write config, bfloat16 weights (safetensors), tokenizer and chat template of a GGUF file, the one of `sources`.

    The global random state is left as it was. Raises ValueError where the file holds a tokenizer of another kind, or
    weights that are no numbers.
    """
    import torch
    from transformers import AutoModelForCausalLM, GenerationConfig

    (file,) = sources
    fields = _fields(file)
    tokenizer = _tokenizer(fields)
    with torch.random.fork_rng(devices=[]):
        model = AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=torch.bfloat16, local_files_only=True, **_unpacked()
        )
    if not all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters()):
        raise ValueError(f"{file.name} holds weights that are no numbers")
    if len(tokenizer) > model.config.vocab_size:
        raise ValueError(f"{file.name} has {len(tokenizer):,} tokens for {model.config.vocab_size:,} rows")
    model.config.update({f"{ours}_token_id": _token(fields, theirs) for ours, theirs in SPECIAL.items()})
    model.generation_config = GenerationConfig.from_model_config(model.config)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def _unpacked() -> dict[str, Any]:
    """What tells transformers to give plain weights. Versions without the setting always do."""
    try:
        from transformers import GgufConfig
    except ImportError:
        return {}
    return {"quantization_config": GgufConfig(dequantize=True)}


def _fields(file: Path) -> dict[str, Any]:
    """What the head of the file says, by the format's names, such as "tokenizer.ggml.tokens"."""
    from gguf import GGUFReader

    return {name: field.contents() for name, field in GGUFReader(file).fields.items()}


def _token(fields: dict[str, Any], kind: str) -> int | None:
    return fields.get(f"tokenizer.ggml.{kind}_token_id")


def _tokenizer(fields: dict[str, Any]) -> "PreTrainedTokenizerFast":
    """The byte-level BPE tokenizer of the file. Raises ValueError for any other kind.

    `pre` names how the text is split before that: SmolLM's takes each digit alone.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    kind = (fields["tokenizer.ggml.model"], fields.get("tokenizer.ggml.pre"))
    if kind != ("gpt2", "smollm"):
        raise ValueError(f"the file has a tokenizer of the kind {kind}, and only SmolLM's is known here")
    tokens = fields["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    backend = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), byte_level]
    )
    backend.decoder = decoders.ByteLevel()
    control = [i for i, kind in enumerate(fields["tokenizer.ggml.token_type"]) if kind == CONTROL]
    backend.add_special_tokens([AddedToken(tokens[i], special=True, normalized=False) for i in control])
    special = {ours: _token(fields, theirs) for ours, theirs in SPECIAL.items()}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=fields[f"{fields['general.architecture']}.context_length"],
        clean_up_tokenization_spaces=False,
        **{f"{ours}_token": tokens[i] for ours, i in special.items() if i is not None},
    )
    tokenizer.chat_template = fields.get("tokenizer.chat_template")
    return tokenizer
