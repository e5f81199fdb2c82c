"""LoRA: the update of a weight matrix is the product of two thin ones, and only those are trained.

Source: Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang and Chen (2021), "LoRA: Low-Rank Adaptation of Large Language
Models", section 4.1 (equation 3) and section 4.2. The second scaling is that of Kalajdzievski (2023), "A Rank
Stabilization Scaling Factor for Fine-Tuning with LoRA".
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from course_utils.methods.finding import at_least_one, find_layers, freeze_base
from course_utils.methods.peft_format import load_peft, read_peft, save_peft, saved_parts, shortest_names
from course_utils.methods.replacing import Wrapped, innermost, merge_and_unload, replace, wrapped
from course_utils.methods.storing import load, own_parameters, state
from course_utils.methods.validation import Given, checked, in_float32


def _update_in_float32(given: Given) -> None:
    given["update"] = in_float32(given["update"])  # half precision has no singular value decomposition


@checked(_update_in_float32)
def low_rank(update: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """A and B of the product B A that comes nearest to an update among all of this rank (Eckart and Young 1936).

    update: (out, in). Returns A, (rank, in), and B, (out, rank); with rank 0 their product is zero.
    """
    left, singular_values, right = torch.linalg.svd(update, full_matrices=False)
    return right[:rank], left[:, :rank] * singular_values[:rank]


def lora_init(in_features: int, out_features: int, rank: int) -> tuple[Tensor, Tensor]:
    """The two matrices before training: A is random, B is zero, so B A is zero and the model is unchanged.

    Returns A of shape (rank, in_features) and B of shape (out_features, rank), float32. A is drawn as
    `nn.Linear` draws its weight, as in peft; the paper takes a Gaussian.
    """
    lora_A = torch.empty(rank, in_features)
    nn.init.kaiming_uniform_(lora_A, a=math.sqrt(5))
    return lora_A, torch.zeros(out_features, rank)


def count_lora_parameters(in_features: int, out_features: int, rank: int, layers: int) -> int:
    """How many parameters LoRA trains when it adapts `layers` weight matrices of shape (out, in).

    Each of them gets A, (rank, in), and B, (out, rank). The matrices themselves and the head do not count.
    """
    return layers * rank * (in_features + out_features)


class LoRALinear(Wrapped):
    """A linear layer, frozen, with a trained low-rank update beside it (Hu et al. 2021, equation 3).

    `linear` is the layer that was there. `lora_A` (rank, in) and `lora_B` (out, rank) are the only parameters
    that train. As in peft they are float32 also beside a layer in half precision, where small updates would be
    rounded away; they compute in the input's dtype. The update is multiplied by lora_alpha / rank, or with
    `rank_stabilized` by lora_alpha / sqrt(rank), which keeps it from shrinking as the rank grows (rsLoRA,
    Kalajdzievski 2023). While `merged`, it lies in the layer's weight.
    """

    def __init__(
        self, linear: nn.Module, rank: int, lora_alpha: float, rank_stabilized: bool = False
    ) -> None:
        super().__init__(linear)
        lora_A, lora_B = lora_init(self.in_features, self.out_features, rank)
        self.lora_A = nn.Parameter(lora_A.to(self.linear.weight.device))
        self.lora_B = nn.Parameter(lora_B.to(self.linear.weight.device))
        self.lora_alpha, self.rank_stabilized = lora_alpha, rank_stabilized
        self.scaling = lora_alpha / (math.sqrt(rank) if rank_stabilized else rank)

    def forward(self, x: Tensor) -> Tensor:
        frozen = self.linear(x)
        if self.merged:
            return frozen
        down = F.linear(x, self.lora_A.to(x.dtype))
        return frozen + self.scaling * F.linear(down, self.lora_B.to(x.dtype))

    def plain(self, weight: Tensor, bias: Tensor | None, undo: bool = False) -> tuple[Tensor, Tensor | None]:
        update = (self.scaling * (self.lora_B @ self.lora_A)).to(weight.dtype)
        return weight - update if undo else weight + update, bias

    def settings(self) -> dict[str, float | bool]:
        return {"lora_alpha": self.lora_alpha, "rank_stabilized": self.rank_stabilized}


def inject(
    model: nn.Module,
    targets: Sequence[str] | str,
    kind: type[Wrapped],
    head: Sequence[str],
    **settings: Any,
) -> nn.Module:
    """Freeze the model, and put `kind(linear, **settings)` in place of every linear layer that `targets` name.

    targets: a list of names, or one regular expression for whole paths, as in peft (`finding.find_layers`). Changes
    the model in place and returns it. The parts named in `head` stay as they are, and train. Raises ValueError, and
    changes nothing, where a target or the head fits nothing.
    """
    layers = find_layers(model, targets, head, kind)
    freeze_base(model, head)
    for path, linear in layers.items():
        replace(model, path, kind(linear, **settings))
    return model


def inject_lora(
    model: nn.Module,
    targets: Sequence[str] | str,
    rank: int,
    lora_alpha: float,
    rank_stabilized: bool = False,
    head: Sequence[str] = ("classifier",),
) -> nn.Module:
    """Freeze the model, and give every linear layer that `targets` name a low-rank update: see `inject`.

    Raises ValueError, and changes nothing, as `inject`, and for a rank below 1.
    """
    at_least_one(rank=rank)
    settings = {"rank": rank, "lora_alpha": lora_alpha, "rank_stabilized": rank_stabilized}
    return inject(model, targets, LoRALinear, head, **settings)


def lora_state(model: nn.Module) -> dict[str, Tensor]:
    """What LoRA has to store: copies of the trained tensors by name, and each layer's lora_alpha and rank_stabilized
    as scalars. The base model is not among them. Raises ValueError where the model has no LoRA."""
    return state(model, LoRALinear)


def load_lora(model: nn.Module, stored: Mapping[str, Tensor] | str | Path) -> nn.Module:
    """Put a state (`lora_state`), or a folder in peft's format, into a model: one base, another task. Returns it.

    From a folder, a model without LoRA gets its layers first. Raises ValueError, and changes nothing, while an update
    is merged, where names, shapes or settings differ, and where peft's adapter has what this LoRA has not.
    """
    if isinstance(stored, Mapping):
        return load(model, stored, "LoRALinear", own_parameters(model, LoRALinear))
    config, tensors = read_peft(stored, "LORA", {"r", "lora_alpha", "target_modules", "use_rslora"})
    alpha, stabilized = config["lora_alpha"], bool(config.get("use_rslora"))
    settings = {"lora_alpha": alpha, "rank_stabilized": stabilized}

    def add(model: nn.Module) -> nn.Module:
        head = saved_parts(model, config)
        return inject_lora(model, config["target_modules"], config["r"], alpha, stabilized, head)

    return load_peft(model, tensors, LoRALinear, lambda path: settings, add)


def save_lora(model: nn.Module, folder: str | Path) -> None:
    """Write LoRA and head as a folder that `peft.PeftModel.from_pretrained(base, folder)` loads, and `load_lora`.

    Written beside it and renamed, so that it is complete or not there. Raises ValueError, and writes nothing, where the
    model has no LoRA, is merged, or trains what peft's format cannot hold; FileExistsError where other files lie there.
    """
    layers = wrapped(model, LoRALinear)
    config: dict[str, Any] = {"peft_type": "LORA", "lora_dropout": 0.0, "bias": "none"}
    for layer in layers.values():
        config |= {
            "r": layer.lora_A.shape[0],
            "lora_alpha": layer.lora_alpha,
            "use_rslora": layer.rank_stabilized,
        }
        config |= {"fan_in_fan_out": isinstance(innermost(layer), Conv1D)}
    config["target_modules"] = shortest_names(model, layers)
    save_peft(model, folder, LoRALinear, config)


def merge_lora(model: nn.Module) -> nn.Module:
    """Add every update to its weight, and take LoRA off: a plain model is left. In place; returns the model.

    `replacing.merge(model)` keeps the layers, and can be undone. Raises ValueError as `replacing.merge_and_unload`.
    """
    return merge_and_unload(model, LoRALinear)
