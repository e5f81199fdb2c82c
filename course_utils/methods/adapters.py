"""Adapters: small bottlenecks between the sublayers of a frozen model, and only those are trained.

Source: Houlsby, Giurgiu, Jastrzebski, Morrone, de Laroussilhe, Gesmundo, Attariyan and Gelly (2019),
"Parameter-Efficient Transfer Learning for NLP", section 2.1, and section 3.6 for the first weights. The other place is
that of Pfeiffer, Kamath, Rueckle, Cho and Gurevych (2021), "AdapterFusion", as Pfeiffer, Vulic, Gurevych and Ruder
(2020), "MAD-X", write it down. ReLU is that of MAD-X; Houlsby et al. leave the non-linearity open. They train LayerNorm
too: here that is `train_norms`, off unless asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.methods.finding import at_least_one, freeze_base, last_projections
from course_utils.methods.replacing import NewPart, Wrapped, features, replace, wrapped
from course_utils.methods.storing import adapter_state as adapter_state  # shown with adapters, used by all
from course_utils.methods.storing import load
from course_utils.methods.storing import swap_in as swap_in
from course_utils.methods.validation import Given, checked


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
    down_weight = torch.empty(bottleneck_size, width)
    up_weight = torch.empty(width, bottleneck_size)
    for weight in (down_weight, up_weight):
        nn.init.trunc_normal_(weight, std=init_std, a=-2 * init_std, b=2 * init_std)
    return down_weight, up_weight


class Adapter(nn.Module):
    """One bottleneck: down to `bottleneck_size`, ReLU, up to `width` again, and a residual around all (section 2.1).

    Called with `hidden` alone it adds to `hidden`; called with a `residual` it adds to that (MAD-X, equation 1). A part
    that holds several, as the stack of MAD-X does, takes its place if it can be called the same way. The parameters
    stay float32 beside a model in half precision, as those of peft do, and compute so.
    """

    def __init__(self, width: int, bottleneck_size: int, init_std: float = 0.01) -> None:
        super().__init__()
        self.down = nn.Linear(width, bottleneck_size)
        self.up = nn.Linear(bottleneck_size, width)
        weights = adapter_init(width, bottleneck_size, init_std)
        for linear, weight in zip((self.down, self.up), weights, strict=True):
            linear.weight = nn.Parameter(weight)
            nn.init.zeros_(linear.bias)

    def forward(self, hidden: Tensor, residual: Tensor | None = None) -> Tensor:
        """hidden, residual and the result: (..., width), of one dtype."""
        residual = hidden if residual is None else residual
        narrow = F.relu(self.down(hidden.to(self.down.weight.dtype)))
        return residual + self.up(narrow).to(hidden.dtype)


NewPart.register(Adapter)


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
        self.dense = output.dense
        self.dropout = output.dropout
        self.LayerNorm = output.LayerNorm
        self.adapter = adapter
        self.kind = kind
        self.train(output.training)  # new parts start in train mode, whatever the model is in

    def forward(self, hidden_states: Tensor, input_tensor: Tensor) -> Tensor:
        sublayer = self.dropout(self.dense(hidden_states))
        return KINDS[self.kind](sublayer, input_tensor, self.adapter, self.LayerNorm)


class AdaptedLinear(Wrapped):
    """The last projection of a sublayer with an adapter after it, in models that are not of BERT's build.

    What follows (dropout, the skip connection, in some models LayerNorm) is the model's own and stays. `adapter` may be
    exchanged. It cannot be merged.
    """

    mergeable = False

    def __init__(self, linear: nn.Module, adapter: nn.Module) -> None:
        super().__init__(linear)
        self.adapter = adapter

    def forward(self, x: Tensor) -> Tensor:
        return self.adapter(self.linear(x))

    def plain(self, weight: Tensor, bias: Tensor | None, undo: bool = False) -> tuple[Tensor, Tensor | None]:
        return weight, bias  # of the projection alone


def find_outputs(model: nn.Module, kind: str, norms: bool = False) -> dict[str, Any]:
    """Where adapters go, by path: after attention and after the feed-forward network of each layer, for Pfeiffer after
    the latter alone. What is there ends in `dense`, `dropout` and `LayerNorm`, as in BERT, or is the last projection of
    the sublayer, such as Llama's `down_proj`.

    Raises ValueError for an unknown kind, where the model has adapters already, where a layer has no such place, and
    with `norms` where a place has no LayerNorm beside it.
    """
    if kind not in KINDS:
        raise ValueError(f"There is no adapter of the kind {kind!r}. Take one of: {', '.join(KINDS)}.")
    if adapted_outputs(model):
        raise ValueError(
            "This model has adapters already. Put other values into them with load_adapter, or load the model afresh."
        )
    outputs: dict[str, Any] = {}
    for attention, feed_forward in last_projections(model):
        for path in [feed_forward] if kind == "pfeiffer" else [*attention, feed_forward]:
            parent, _, name = path.rpartition(".")
            ends_as_in_bert = {"dense", "dropout", "LayerNorm"} == set(model.get_submodule(parent)._modules)
            place = parent if ends_as_in_bert and name == "dense" else path
            outputs[place] = model.get_submodule(place)
    if norms and (without := [path for path, output in outputs.items() if not hasattr(output, "LayerNorm")]):
        raise ValueError(
            f"There is no LayerNorm beside {without[0]}, so train_norms has nothing to train there."
        )
    return outputs


def adapted(output: nn.Module, adapter: nn.Module, kind: str) -> nn.Module:
    """The end of a sublayer, as `find_outputs` finds it, with an adapter in it."""
    if hasattr(output, "LayerNorm"):
        return AdaptedOutput(output, adapter, kind)
    return AdaptedLinear(output, adapter)


def _has_room(given: Given) -> None:
    at_least_one(bottleneck_size=given["bottleneck_size"])


@checked(_has_room)
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
    `train_norms` the LayerNorm beside each adapter does too. In a model of BERT's build the two kinds compute what the
    papers write. Elsewhere an adapter stands on the last projection of the sublayer, before the skip connection, for
    Pfeiffer that of the feed-forward network alone. Raises ValueError, and changes nothing, where there is no such head
    or kind, or no place in some layer (`find_outputs`), or the bottleneck has no room.
    """
    outputs = find_outputs(model, kind, train_norms)
    freeze_base(model, head)
    for path, output in outputs.items():
        last = getattr(output, "dense", output)
        adapter = Adapter(features(last)[1], bottleneck_size, init_std)
        replace(model, path, adapted(output, adapter.to(last.weight.device), kind))
        if train_norms:
            output.LayerNorm.requires_grad_(True)
    return model


def adapted_outputs(model: nn.Module) -> dict[str, Any]:
    """The places that hold an adapter, by path, first layer first: each has an `adapter`."""
    return wrapped(model, (AdaptedOutput, AdaptedLinear))


def load_adapter(model: nn.Module, stored: Mapping[str, Tensor]) -> nn.Module:
    """Put stored tensors (`adapter_state`) into a model that has the same places: one base, another task. Returns it.

    Raises ValueError, and changes nothing, where the tensors do not fit: other places, another bottleneck,
    another head, or an adapter or a trained part that the tensors would leave as it is.
    """
    places = {path: place.adapter for path, place in adapted_outputs(model).items()}
    own = {
        f"{path}.adapter.{name}"
        for path, adapter in places.items()
        if isinstance(adapter, Adapter)
        for name, _ in adapter.named_parameters()
    }
    return load(model, stored, "adapters", own)
