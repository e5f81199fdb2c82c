"""Adapters: small bottlenecks between the sublayers of a frozen model, and only those are trained.

Source: Houlsby, Giurgiu, Jastrzebski, Morrone, de Laroussilhe, Gesmundo, Attariyan and Gelly (2019),
"Parameter-Efficient Transfer Learning for NLP", section 2.1, and section 3.6 for the first weights. The other place is
that of Pfeiffer, Kamath, Rueckle, Cho and Gurevych (2021), "AdapterFusion", as Pfeiffer, Vulic, Gurevych and Ruder
(2020), "MAD-X", write it down. ReLU is that of MAD-X; Houlsby et al. leave the non-linearity open. They train LayerNorm
too: here that is `train_norms`, off unless asked for.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.methods.freezing import head_only


def count_adapter_parameters(width: int, bottleneck_size: int, adapters: int) -> int:
    """How many parameters `adapters` bottlenecks have: two thin matrices each, and the biases of both.

    N*k + k*N for the matrices of width N and bottleneck k, k + N for the biases. The head does not count.
    """
    return adapters * (2 * width * bottleneck_size + width + bottleneck_size)


def adapter_init(width: int, bottleneck_size: int, init_std: float = 0.01) -> tuple[Tensor, Tensor]:
    """The two matrices before training: so small that the adapter changes next to nothing (section 3.6).

    Returns the weight of the way down, (bottleneck_size, width), and of the way up, (width, bottleneck_size),
    float32, drawn from a Gaussian of standard deviation `init_std` that is cut off at two of them.
    """
    down_weight, up_weight = torch.empty(bottleneck_size, width), torch.empty(width, bottleneck_size)
    for weight in (down_weight, up_weight):
        nn.init.trunc_normal_(weight, std=init_std, a=-2 * init_std, b=2 * init_std)
    return down_weight, up_weight


def adapter_forward(
    hidden: Tensor,
    residual: Tensor,
    down_weight: Tensor,
    down_bias: Tensor,
    up_weight: Tensor,
    up_bias: Tensor,
) -> Tensor:
    """residual + up(ReLU(down(hidden))): MAD-X, equation 1; with residual = hidden, the adapter of Houlsby et al.

    hidden, residual: (..., width); down_weight: (bottleneck, width); up_weight: (width, bottleneck); a bias
    for each. Returns (..., width).
    """
    return residual + F.linear(F.relu(F.linear(hidden, down_weight, down_bias)), up_weight, up_bias)


class Adapter(nn.Module):
    """One bottleneck: down to `bottleneck_size`, ReLU, up to `width` again, and the residual around both.

    Called with `hidden` alone it adds to `hidden`; called with a `residual` it adds to that. A part that holds
    several, as the stack of MAD-X does, takes its place if it can be called the same way.
    """

    def __init__(self, width: int, bottleneck_size: int, init_std: float = 0.01) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, bottleneck_size), nn.Linear(bottleneck_size, width)
        weights = adapter_init(width, bottleneck_size, init_std)
        for linear, weight in zip((self.down, self.up), weights, strict=True):
            linear.weight = nn.Parameter(weight)
            nn.init.zeros_(linear.bias)

    def forward(self, hidden: Tensor, residual: Tensor | None = None) -> Tensor:
        residual = hidden if residual is None else residual
        down, up = self.down, self.up
        return adapter_forward(hidden, residual, down.weight, down.bias, up.weight, up.bias)


def houlsby_output(
    sublayer: Tensor, skip: Tensor, adapter: Callable[..., Tensor], layer_norm: Callable[[Tensor], Tensor]
) -> Tensor:
    """The adapter on the sublayer's output, before the skip connection: LN(skip + adapter(sublayer)).

    sublayer: what attention or feed-forward gave; skip: what went into it; both (..., width).
    """
    return layer_norm(skip + adapter(sublayer))


def pfeiffer_output(
    sublayer: Tensor, skip: Tensor, adapter: Callable[..., Tensor], layer_norm: Callable[[Tensor], Tensor]
) -> Tensor:
    """The adapter after skip connection and LayerNorm; its own residual is their sum from before LayerNorm.

    With r = skip + sublayer: LN(adapter(LN(r), r)), the same LayerNorm twice. Shapes as in `houlsby_output`.
    """
    residual = skip + sublayer
    return layer_norm(adapter(layer_norm(residual), residual))


KINDS = {"houlsby": houlsby_output, "pfeiffer": pfeiffer_output}


class AdaptedOutput(nn.Module):
    """The end of a sublayer of BERT (dense, dropout, skip connection, LayerNorm) with an adapter in it.

    The old parts keep their names, so the base model's state dict keeps its keys. `adapter` may be exchanged.
    """

    def __init__(self, output: Any, adapter: nn.Module, kind: str) -> None:
        super().__init__()
        self.dense, self.dropout, self.LayerNorm = output.dense, output.dropout, output.LayerNorm
        self.adapter, self.kind = adapter, kind
        self.train(output.training)  # new parts start in train mode, whatever the model is in

    def forward(self, hidden_states: Tensor, input_tensor: Tensor) -> Tensor:
        sublayer = self.dropout(self.dense(hidden_states))
        return KINDS[self.kind](sublayer, input_tensor, self.adapter, self.LayerNorm)


def find_outputs(model: nn.Module, kind: str) -> dict[str, Any]:
    """The parts that end a sublayer, by path: of attention and feed-forward, for Pfeiffer of feed-forward alone.

    Raises ValueError for an unknown kind, and where the model has adapters already, or no such part.
    """
    if kind not in KINDS:
        raise ValueError(f"There is no adapter of the kind {kind!r}. Take one of: {', '.join(KINDS)}.")
    if adapted_outputs(model):
        raise ValueError(
            "This model has adapters already. Put other values into them with load_adapter, or load the model afresh."
        )
    outputs = {
        path: part
        for path, part in model.named_modules()
        if {"dense", "dropout", "LayerNorm"} <= {name for name, _ in part.named_children()}
        and not (kind == "pfeiffer" and path.endswith("attention.output"))
    }
    if not outputs:
        raise ValueError(
            "This model has no sublayer that ends in dense, dropout and LayerNorm, as those of BERT do, so adapters "
            "have no place to go. Take a BERT, or give its layers their adapters by hand."
        )
    return outputs


def inject_adapters(
    model: nn.Module,
    bottleneck_size: int,
    kind: str = "houlsby",
    head: Sequence[str] = ("classifier",),
    train_norms: bool = False,
    init_std: float = 0.01,
) -> nn.Module:
    """Freeze the model, and put an adapter after its sublayers: both of each layer, or Pfeiffer's one.

    Changes the model in place and returns it. The parts named in `head` are new and stay trainable, and with
    `train_norms` the LayerNorm beside each adapter does too. Raises ValueError, and changes nothing, where
    there is no such head or kind, or no place (`find_outputs`), or the bottleneck has no room.
    """
    if bottleneck_size < 1:
        raise ValueError(f"bottleneck_size must be 1 or more, and it is {bottleneck_size}.")
    outputs = find_outputs(model, kind)
    head_only(model, head)
    for path, output in outputs.items():
        weight = output.dense.weight
        adapter = Adapter(weight.shape[0], bottleneck_size, init_std).to(weight.device, weight.dtype)
        output.LayerNorm.requires_grad_(train_norms)
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, AdaptedOutput(output, adapter, kind))
    return model


def adapted_outputs(model: nn.Module) -> dict[str, AdaptedOutput]:
    """The places that hold an adapter, by path, first layer first."""
    return {path: part for path, part in model.named_modules() if isinstance(part, AdaptedOutput)}


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    """What a task has to store: the trained tensors by name, head included, copied. The base is not among them."""
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


@torch.no_grad()
def load_adapter(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Put stored tensors (`adapter_state`) into a model that has the same places: one base, another task.

    Raises ValueError, and changes nothing, where the tensors do not fit: other places, another bottleneck,
    another head, or an adapter or a trained part that the tensors would leave as it is.
    """
    places = adapted_outputs(model).items()
    inside = tuple(f"{path}.adapter." for path, place in places if isinstance(place.adapter, Adapter))
    parameters = dict(model.named_parameters())
    shapes = {
        name: p.shape
        for name, p in parameters.items()
        if name in state or p.requires_grad or name.startswith(inside)
    }
    stored = {name: value.shape for name, value in state.items()}
    if misfits := sorted({name for name, _ in shapes.items() ^ stored.items()}):
        raise ValueError(
            f"These tensors do not fit this model; the first that differs is {misfits[0]}. Inject adapters of the "
            "kind and the bottleneck_size, with a head for the classes, that they were stored with."
        )
    for name, value in state.items():
        parameters[name].copy_(value)
