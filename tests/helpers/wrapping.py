"""What the methods that wrap layers do on every kind of tiny model: the matrix of the tests and of docs/models.md."""

from collections.abc import Callable
from typing import Any

import any_model
import torch
from torch import nn
from transformers import PreTrainedModel

from course_utils.methods import adapters, ia3, lora, madx, quantization

# The keys and values, or what holds them, and the feed-forward network's last layer, as each model calls them.
OUTPUT_DENSE = r".*\.\d+\.output\.dense"  # not the attention's
TARGETS: dict[str, tuple[list[str], list[str] | str]] = {
    "BERT": (["key", "value"], OUTPUT_DENSE),
    "RoBERTa": (["key", "value"], OUTPUT_DENSE),
    "DeBERTa-v2": (["key_proj", "value_proj"], OUTPUT_DENSE),
    "MPNet": (["k", "v"], OUTPUT_DENSE),
    "ModernBERT": (["Wqkv"], ["mlp.Wo"]),
    "GPT-2": (["c_attn"], ["mlp.c_proj"]),
    "GPT-NeoX": (["query_key_value"], ["dense_4h_to_h"]),
    "OPT": (["k_proj", "v_proj"], ["fc2"]),
    "BLOOM": (["query_key_value"], ["dense_4h_to_h"]),
    "Llama": (["k_proj", "v_proj"], ["down_proj"]),
    "Qwen2": (["k_proj", "v_proj"], ["down_proj"]),
    "Qwen3": (["k_proj", "v_proj"], ["down_proj"]),
    "T5": (["k", "v"], ["wo"]),
}
Apply = Callable[[PreTrainedModel, str, list[str]], Any]


def _lora(model: PreTrainedModel, name: str, head: list[str]) -> nn.Module:
    return lora.inject_lora(model, r".*", 2, 4, head=head)  # every linear layer outside the head


def _ia3(model: PreTrainedModel, name: str, head: list[str]) -> nn.Module:
    return ia3.inject_ia3(model, *TARGETS[name], head)


def _rounded(model: PreTrainedModel, name: str, head: list[str]) -> nn.Module:
    quantization.round_base(model, quantization.nf4_levels(), 32, head)
    return model


# By name: how it is applied to a model, given its name in any_model.MODELS and the parts of its head.
METHODS: dict[str, Apply] = {
    "LoRA": _lora,
    "(IA)³": _ia3,
    "Houlsby adapters": lambda model, name, head: adapters.inject_adapters(model, 4, "houlsby", head),
    "Pfeiffer adapters": lambda model, name, head: adapters.inject_adapters(model, 4, "pfeiffer", head),
    "MAD-X": lambda model, name, head: madx.put_language(
        madx.add_stacks(model, head), madx.LanguageAdapter(any_model.WIDTH, any_model.LAYERS, 4)
    ),
    "int8": lambda model, name, head: quantization.quantize_linears(model),
    "NF4 rounding": _rounded,
}
ADD_PARAMETERS = ("LoRA", "(IA)³", "Houlsby adapters", "Pfeiffer adapters", "MAD-X")
REFUSED = {"MAD-X": ("ModernBERT", *any_model.DECODERS, "T5")}
WORKS = [(method, name) for method in METHODS for name in TARGETS if name not in REFUSED.get(method, ())]


def applied(method: str, name: str, dtype: torch.dtype = torch.float32, **more: object) -> Any:
    """A tiny classifier of this kind with the method on it."""
    model = any_model.tiny(name, dtype=dtype, **more)
    return METHODS[method](model, name, any_model.head_of(model))


@torch.no_grad()
def logits(model: nn.Module) -> torch.Tensor:
    """What the model says about the batch, in eval mode."""
    return model.eval()(**any_model.batch()).logits


@torch.no_grad()
def moved(model: nn.Module, spread: float = 0.2) -> Any:
    """As after a long training: all that trains has values far from the first ones."""
    generator = torch.Generator().manual_seed(2)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.add_(torch.randn(parameter.shape, generator=generator) * spread)
    return model


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    """The gradient of every tensor that trains, for one loss."""
    model.zero_grad()
    model(**any_model.batch()).logits.float().square().mean().backward()
    return {name: p.grad for name, p in model.named_parameters() if p.requires_grad}  # type: ignore[misc]
