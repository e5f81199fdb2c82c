"""Tiny random models of every architecture that a method should work on or refuse, for the matrix of both."""

import copy
from collections.abc import Callable
from functools import cache

import torch
from torch import nn
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    PreTrainedModel,
)

from course_utils.methods import bitfit, early_exit, freezing, prompts

VOCABULARY, WIDTH, LAYERS, HEADS = 100, 32, 2, 4
USUAL = {
    "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": 64,
    "max_position_embeddings": 64,
}  # fmt: skip
GROUPED = {"num_key_value_heads": 2}  # each key-value head serves two heads
MODELS: dict[str, dict[str, object]] = {  # by name: transformers' model type, and its sizes
    "BERT": {"type": "bert", **USUAL},
    "RoBERTa": {"type": "roberta", **USUAL, "pad_token_id": 1},
    "DeBERTa-v2": {
        "type": "deberta-v2", **USUAL, "relative_attention": True, "pos_att_type": ["c2p", "p2c"],
    },
    "MPNet": {"type": "mpnet", **USUAL, "pad_token_id": 1},
    "ModernBERT": {
        "type": "modernbert", **USUAL, "cls_token_id": 2, "sep_token_id": 3, "reference_compile": False,
    },
    "GPT-2": {"type": "gpt2", "n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS, "n_positions": 64},
    "GPT-NeoX": {"type": "gpt_neox", **USUAL},
    "OPT": {"type": "opt", **USUAL, "ffn_dim": 64, "word_embed_proj_dim": WIDTH},
    "BLOOM": {"type": "bloom", "hidden_size": WIDTH, "n_layer": LAYERS, "n_head": HEADS},
    "Llama": {"type": "llama", **USUAL, **GROUPED},
    "Qwen2": {"type": "qwen2", **USUAL, **GROUPED},
    "Qwen3": {"type": "qwen3", **USUAL, **GROUPED, "head_dim": 16},
    "T5": {
        "type": "t5", "d_model": WIDTH, "d_kv": 8, "d_ff": 64, "num_layers": LAYERS,
        "num_decoder_layers": LAYERS, "num_heads": HEADS, "decoder_start_token_id": 0,
    },
}  # fmt: skip
ENCODERS = ("BERT", "RoBERTa", "DeBERTa-v2", "MPNet", "ModernBERT")
DECODERS = ("GPT-2", "GPT-NeoX", "OPT", "BLOOM", "Llama", "Qwen2", "Qwen3")
DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def tiny(
    name: str, language: bool = False, dtype: torch.dtype = torch.float32, **more: object
) -> PreTrainedModel:
    """A random model in eval mode: a language model, or a classifier of three classes. The same at every call."""
    model = copy.deepcopy(_made(name, language, tuple(more.items())))
    torch.manual_seed(0)
    return model.to(dtype)


@cache
def _made(name: str, language: bool, more: tuple[tuple[str, object], ...]) -> PreTrainedModel:
    sizes = {
        "vocab_size": VOCABULARY,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "pad_token_id": 0,
        **MODELS[name],
        **dict(more),
    }
    config = CONFIG_MAPPING[sizes.pop("type")](**sizes, num_labels=3)
    auto = AutoModelForSequenceClassification
    if language:
        auto = AutoModelForMaskedLM if name in ENCODERS else AutoModelForCausalLM
        auto = AutoModelForSeq2SeqLM if name == "T5" else auto
    torch.manual_seed(0)
    model = auto.from_config(config)
    with torch.no_grad():  # larger than the usual start, so that a difference shows
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.2)
    return model.eval()


def head_of(model: PreTrainedModel) -> list[str]:
    """The parts of a classifier that are new with a task: those beside its base model, and BERT's pooler in it."""
    pooler = ["pooler"] if getattr(model.base_model, "pooler", None) else []
    return pooler + [
        name
        for name, part in model.named_children()
        if part is not model.base_model and any(True for _ in part.parameters())
    ]


def batch() -> dict[str, torch.Tensor]:
    """Two texts of seven tokens, the second of them padded on the right; each ends with its end token."""
    ids = torch.randint(5, VOCABULARY, (2, 7), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    ids[0, 6] = ids[1, 4] = 3
    ids[1, 5:] = mask[1, 5:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def prefix_width(model: PreTrainedModel) -> int:
    """The numbers that a prefix needs for each virtual token."""
    config = model.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return config.num_hidden_layers * 2 * heads * size


def vectors(*shape: int) -> torch.Tensor:
    """Random numbers, the same at every call."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


Method = Callable[[PreTrainedModel], nn.Module]

# Of those methods that wrap no layer: does it take a language model, and how it is applied to one.
METHODS: dict[str, tuple[bool, Method]] = {
    "head only": (False, lambda model: freezing.head_only(model, head_of(model))),
    "top layers": (False, lambda model: freezing.top_layers(model, 1, head_of(model))),
    "BitFit": (False, lambda model: bitfit.bitfit(model, head_of(model))),
    "prompt tuning": (True, lambda model: prompts.PromptTuned(model, vectors(1, 3, WIDTH))),
    "prefix tuning": (True, lambda model: prompts.PrefixTuned(model, vectors(3, prefix_width(model)))),
    "early exit": (False, early_exit.InternalClassifiers),
}
REFUSED: dict[
    str, tuple[str, ...]
] = {  # by method: the models that it refuses, with a sentence that says why
    "BitFit": ("ModernBERT", "Llama", "Qwen3", "T5"),
    "prompt tuning": ("T5",),
    "prefix tuning": (*ENCODERS, "T5"),
    "early exit": (*DECODERS, "T5"),
}
