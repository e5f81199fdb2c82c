"""Language models of well-known sizes that weigh nothing: fake tensors have a shape and a dtype, and no content.

A training step on them runs every operation for its shapes alone, so a ledger can follow the step of a model that no
laptop could hold. The shapes are those of the papers: Radford et al. (2019), Brown et al. (2020, table 2.1), Touvron et
al. (2023, table 2). The GPT models are built as OPT, which has their layers; their weights are not needed here.
"""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import psutil
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from transformers import AttentionInterface, AutoModelForCausalLM, LlamaConfig, OPTConfig, PretrainedConfig
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from course_utils.measure import ledger

DEVICES = {"T4": 16 * 10**9, "A100": 80 * 10**9}
"""Bytes of two GPUs: the one of a free Colab notebook, and a large one of a data centre (NVIDIA's data sheets)."""

# torch's fused attention under a name that transformers has no mask for. A real text without padding needs none, but
# on fake tensors transformers cannot look, and would make one.
UNMASKED = "sdpa_without_mask"
AttentionInterface.register(UNMASKED, sdpa_attention_forward)


@dataclass(frozen=True)
class Shape:
    """The size of a decoder. `gated`: LLaMA's kind of feed-forward part, of width `wide`; else GPT's."""

    layers: int
    hidden: int
    heads: int
    wide: int
    vocabulary: int
    positions: int
    gated: bool = False

    def config(self) -> PretrainedConfig:
        """The configuration for transformers. No dropout: its masks would be activations too."""
        common = {
            "vocab_size": self.vocabulary,
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "max_position_embeddings": self.positions,
            "use_cache": False,
            "attn_implementation": UNMASKED,
        }
        if self.gated:
            return LlamaConfig(intermediate_size=self.wide, **common)
        return OPTConfig(
            ffn_dim=self.wide,
            word_embed_proj_dim=self.hidden,
            activation_function="gelu",
            dropout=0.0,
            **common,
        )


SHAPES = {
    "GPT-2, 124M": Shape(12, 768, 12, 3072, 50257, 1024),
    "GPT-2, 1.5B": Shape(48, 1600, 25, 6400, 50257, 1024),
    "LLaMA, 7B": Shape(32, 4096, 32, 11008, 32000, 2048, gated=True),
    "LLaMA, 13B": Shape(40, 5120, 40, 13824, 32000, 2048, gated=True),
    "LLaMA, 65B": Shape(80, 8192, 64, 22016, 32000, 2048, gated=True),
    "GPT-3, 175B": Shape(96, 12288, 96, 49152, 50257, 2048),
}

MakeOptimizer = Callable[[Iterable[Tensor]], torch.optim.Optimizer]


def fake_step(
    shape: Shape,
    batch_size: int,
    length: int,
    optimizer: MakeOptimizer,
    *,
    prepare: Callable[[nn.Module], nn.Module] = lambda model: model,
    dtype: torch.dtype = torch.float32,
    autocast: bool = False,
) -> tuple[ledger.Ledger, int]:
    """One training step of a decoder on fake tensors. Returns its ledger, and the number of trained parameters.

    prepare: freezes or adds what a method freezes or adds, and returns the model. optimizer: makes one for the
    trained parameters; its state is there before the step, as in all steps but the first. dtype: of the
    parameters; with `autocast` the products are in bfloat16. Raises ValueError if the text is longer than the model's
    positions.
    """
    if length > shape.positions:
        raise ValueError(f"This model reads at most {shape.positions} tokens, and {length} were asked for.")
    with FakeTensorMode():
        model = prepare(AutoModelForCausalLM.from_config(shape.config(), dtype=dtype).train())
        for part in model.modules():
            # Some versions of OPT draw a number to leave out layers (at a rate of 0: never). A fake one has no value.
            if hasattr(part, "layerdrop"):
                part.training = False
        trained = ready(model, optimizer)
        tokens = torch.zeros(batch_size, length, dtype=torch.long)
        products = torch.autocast("cpu", torch.bfloat16) if autocast else contextlib.nullcontext()

        def loss(model: nn.Module, batch: Tensor) -> Tensor:
            with products:
                return model(input_ids=batch, labels=batch).loss

        count = sum(p.numel() for group in trained.param_groups for p in group["params"])
        return ledger.second_step(model, tokens, loss, trained, steps_before=0), count


def ready(model: nn.Module, optimizer: MakeOptimizer) -> torch.optim.Optimizer:
    """An optimizer for what trains in the model, with its state there already, as in all steps but the first."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    made = optimizer(trained)
    for parameter in trained:
        parameter.grad = torch.zeros_like(parameter)
    made.step()
    made.zero_grad()
    return made


def own_memory() -> int:
    """The bytes that this computer trains in: the GPU's memory, or else the machine's."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_properties(0).total_memory
    return psutil.virtual_memory().total
