"""LoRA: the update of a weight matrix is the product of two thin ones, and only those are trained.

Source: Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang and Chen (2021), "LoRA: Low-Rank Adaptation of Large Language
Models", section 4.1 (equation 3) and section 4.2. The other scaling is that of Kalajdzievski (2023), "A Rank
Stabilization Scaling Factor for Fine-Tuning with LoRA".
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.methods.freezing import head_only, head_parts


def lora_scaling(rank: int, lora_alpha: float, rank_stabilized: bool = False) -> float:
    """The factor before B A: lora_alpha / rank (Hu et al. 2021, section 4.1).

    With `rank_stabilized` it is lora_alpha / sqrt(rank), which keeps the size of the update from shrinking
    as the rank grows (rsLoRA, Kalajdzievski 2023).
    """
    return lora_alpha / (math.sqrt(rank) if rank_stabilized else rank)


def lora_init(in_features: int, out_features: int, rank: int) -> tuple[Tensor, Tensor]:
    """The two matrices before training: A is random, B is zero, so B A is zero and the model is unchanged.

    Returns A of shape (rank, in_features) and B of shape (out_features, rank), float32. A is drawn as
    `nn.Linear` draws its weight, as in peft; the paper takes a Gaussian.
    """
    lora_A = torch.empty(rank, in_features)
    nn.init.kaiming_uniform_(lora_A, a=math.sqrt(5))
    return lora_A, torch.zeros(out_features, rank)


def lora_forward(
    x: Tensor, weight: Tensor, bias: Tensor | None, lora_A: Tensor, lora_B: Tensor, scaling: float
) -> Tensor:
    """The adapted layer: x W^T + bias + scaling * x A^T B^T (Hu et al. 2021, equation 3, with
    the scaling of the text below it).

    x: (..., in); weight: (out, in); bias: (out,) or None; lora_A: (rank, in); lora_B: (out, rank).
    Returns (..., out). B A is never formed: two thin products cost far less than one of full size.
    """
    return F.linear(x, weight, bias) + scaling * F.linear(F.linear(x, lora_A), lora_B)


def merged_weight(weight: Tensor, lora_A: Tensor, lora_B: Tensor, scaling: float) -> Tensor:
    """W' = W + scaling * B A: one matrix again, which costs at run time what W costs.

    weight: (out, in); lora_A: (rank, in); lora_B: (out, rank). Returns a new tensor of W's shape and dtype.
    """
    return weight + (scaling * (lora_B @ lora_A)).to(weight.dtype)


def count_lora_parameters(in_features: int, out_features: int, rank: int, layers: int) -> int:
    """How many parameters LoRA trains when it adapts `layers` weight matrices of shape (out, in).

    Each of them gets A, (rank, in), and B, (out, rank). The matrices themselves and the head do not count.
    """
    return layers * rank * (in_features + out_features)


class LoRALinear(nn.Module):
    """A linear layer, frozen, with a trained low-rank update beside it.

    `linear` is the layer that was there. `lora_A` (rank, in) and `lora_B` (out, rank) are the only parameters
    that train. While `merged`, the update lies in `linear.weight` and the forward pass is that of a plain layer.
    """

    def __init__(
        self, linear: nn.Linear, rank: int, lora_alpha: float, rank_stabilized: bool = False
    ) -> None:
        super().__init__()
        self.linear = linear.requires_grad_(False)
        lora_A, lora_B = lora_init(linear.in_features, linear.out_features, rank)
        self.lora_A = nn.Parameter(lora_A.to(linear.weight.device))
        self.lora_B = nn.Parameter(lora_B.to(linear.weight.device))
        self.scaling = lora_scaling(rank, lora_alpha, rank_stabilized)
        self.merged = False

    def forward(self, x: Tensor) -> Tensor:
        if self.merged:
            return self.linear(x)
        weight, bias = self.linear.weight, self.linear.bias
        return lora_forward(x, weight, bias, self.lora_A, self.lora_B, self.scaling)

    @torch.no_grad()
    def merge(self, on: bool = True) -> None:
        """Put the update into the weight, or with `on=False` take it out again. Twice does no harm."""
        if on != self.merged:
            scaling = self.scaling if on else -self.scaling
            self.linear.weight.copy_(merged_weight(self.linear.weight, self.lora_A, self.lora_B, scaling))
            self.merged = on


def find_targets(model: nn.Module, targets: Sequence[str], head: Sequence[str]) -> dict[str, nn.Linear]:
    """The linear layers whose path ends in one of `targets`, by path; none of the parts named in `head`.

    A target is a name ("query") or the end of a path ("attention.output.dense"). Raises ValueError where one of
    them fits no such layer, and where the model has LoRA layers already.
    """
    if any(isinstance(part, LoRALinear) for part in model.modules()):
        raise ValueError(
            "This model has LoRA layers already. Put other values into them with load_lora, or load the model "
            "afresh and name all the targets in one call."
        )
    inside = tuple(f"{path}." for path in head_parts(model, head))
    layers = {
        path: part
        for path, part in model.named_modules()
        if isinstance(part, nn.Linear) and not f"{path}.".startswith(inside)
    }
    found = {target: [path for path in layers if f".{path}".endswith(f".{target}")] for target in targets}
    if unknown := [target for target, paths in found.items() if not paths]:
        names = sorted({path.split(".")[-1] for path in layers})
        raise ValueError(
            f"No linear layer of this model is called {' or '.join(unknown)}, so LoRA has no place to go. "
            f"Outside the head, its linear layers are called {', '.join(names)}."
        )
    return {path: layers[path] for paths in found.values() for path in paths}


def inject_lora(
    model: nn.Module,
    targets: Sequence[str],
    rank: int,
    lora_alpha: float,
    rank_stabilized: bool = False,
    head: Sequence[str] = ("classifier",),
) -> nn.Module:
    """Freeze the model, and give every linear layer whose path ends in one of `targets` a low-rank update.

    Changes the model in place and returns it. The parts named in `head` are new and stay trainable. Raises
    ValueError, and changes nothing, where there is no such head or target (`find_targets`).
    """
    layers = find_targets(model, targets, head)
    head_only(model, head)
    for path, linear in layers.items():
        parent, _, name = path.rpartition(".")
        lora = LoRALinear(linear, rank, lora_alpha, rank_stabilized)
        setattr(model.get_submodule(parent), name, lora)
    return model


def lora_state(model: nn.Module) -> dict[str, Tensor]:
    """What LoRA has to store: the trained tensors by name, copied. The base model is not among them."""
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


@torch.no_grad()
def load_lora(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Put stored tensors (`lora_state`) into a model that has the same layers: one base, another task.

    Raises ValueError, and changes nothing, while an update is merged, since taking it out again would need
    the matrices that go; and where the tensors do not fit: other layers, another rank, another head.
    """
    if any(part.merged for part in model.modules() if isinstance(part, LoRALinear)):
        raise ValueError("This model's LoRA is merged into its weights. Unmerge it before you load another.")
    parameters = dict(model.named_parameters())
    shapes = {
        name: p.shape
        for name, p in parameters.items()
        if name in state or name.endswith(("lora_A", "lora_B"))
    }
    stored = {name: value.shape for name, value in state.items()}
    if misfits := sorted({name for name, _ in shapes.items() ^ stored.items()}):
        raise ValueError(
            f"These tensors do not fit this model; the first that differs is {misfits[0]}. "
            "Inject LoRA with the targets and the rank, and a head for the classes, that they were stored with."
        )
    for name, value in state.items():
        parameters[name].copy_(value)


def merge_lora(model: nn.Module, on: bool = True) -> nn.Module:
    """Merge every LoRA layer of the model, or with `on=False` unmerge it. Returns the model."""
    for part in model.modules():
        if isinstance(part, LoRALinear):
            part.merge(on)
    return model
