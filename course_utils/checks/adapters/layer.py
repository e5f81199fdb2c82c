"""Exercises on an adapter, and on where it sits in a layer."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    HAS_GRADIENT,
    Arguments,
    Exercise,
    Function,
    Observations,
    observe_tensors,
)
from course_utils.methods import adapters

TENSORS, START, DTYPE = "names and shapes of the parameters", "the start", "dtype of the parameters"


def _whole(generator: Generator, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Whole numbers from -4 to 4, never 0: they can be worked out by hand."""
    signs = torch.randint(0, 2, shape, generator=generator) * 2 - 1
    return (torch.randint(1, 5, shape, generator=generator) * signs).to(dtype)


def _adapter_cases(generator: Generator) -> list[Arguments]:
    """With a residual and without; the last in half precision. What is learned is set to whole numbers and halves."""
    sizes = (((2,), 3, 1, False), ((2,), 2, 2, True), ((2, 3), 5, 2, True), ((4,), 3, 6, False))
    cases: list[Arguments] = [
        {
            "width": width,
            "bottleneck_size": size,
            "init_std": 0.001 * width,
            "hidden": _whole(generator, *rows, width),
            "residual": _whole(generator, *rows, width) if residual else None,
        }
        for rows, width, size, residual in sizes
    ]
    half = {"hidden": torch.tensor([[1.0, -1.0]]).bfloat16(), "residual": None}
    return [*cases, {"width": 2, "bottleneck_size": 1, "init_std": 0.01, **half}]


def _observe_adapter(make: Function, arguments: Arguments) -> Observations:
    """The parameters that it makes, and what it computes where these are set to other values."""
    width, size, init_std, hidden, residual = arguments.values()
    adapter = make(width, size, init_std)
    made = adapter.named_parameters()  # in any order
    parameters = dict(sorted(made, key=lambda item: (item[0].rpartition(".")[0], "bias" in item[0])))
    found = {name: p.detach().clone() for name, p in parameters.items()}
    with torch.no_grad():
        for place, parameter in enumerate(parameters.values()):
            values = torch.arange(parameter.numel(), dtype=torch.float32)
            # Halves: nothing meets the kink of ReLU, where one slope is as right as another.
            parameter.copy_(((values * 7 + place) % 5 - 2 + 0.5 * (place % 2)).reshape(parameter.shape))
    given = {"hidden": hidden} if residual is None else {"hidden": hidden, "residual": residual}
    seen = observe_tensors(adapter, given)
    return {
        TENSORS: ", ".join(f"{name} {tuple(p.shape)}" for name, p in found.items()),
        **seen,
        START: ", ".join(f"{name} {_size(tensor, init_std)}" for name, tensor in found.items()),
        DTYPE: ", ".join({str(p.dtype) for p in adapter.parameters()}),
    }


def _size(tensor: Tensor, init_std: float) -> str:
    largest = tensor.abs().max().item()
    return "zero" if largest == 0 else "small" if largest <= 2.001 * init_std else "too large"


_CUT_OFF = (
    "the value is right here, the gradient is not: something was computed under torch.no_grad() or with .detach(), or "
    "the non-linearity is not F.relu. "
)
_BELOW = "The adapters of the layers below learn through this input, so it needs one."
_INSIDE, _ADDED = "self.down(hidden", "residual + self.up(narrow)"
_WEIGHTS = "            linear.weight = nn.Parameter(weight)\n"

ADAPTER = Exercise(
    reference=adapters.Adapter,
    cases=_adapter_cases,
    observe=_observe_adapter,
    mistakes=edits(
        adapters.Adapter,
        {"hidden if residual is None else residual": "residual or hidden"},
        "`residual or hidden` asks a whole tensor whether it is true. Ask `residual is None`.",
        {
            "return residual + self.up(narrow).to(hidden.dtype)": "return F.relu(residual + "
            "self.up(narrow).to(hidden.dtype))"
        },
        "a ReLU stands around the whole sum. It belongs between down and up, and nowhere else.",
        {_ADDED: "self.up(narrow)"},
        "the residual is missing: that is the bottleneck alone, and nothing of what came in is left. Add `residual`.",
        {_ADDED: "hidden + self.up(narrow)"},
        "`hidden` is added in place of `residual`. Often they are the same; in the layer of Pfeiffer they are not.",
        {_ADDED: "hidden + (residual if residual is not hidden else 0) + self.up(narrow)"},
        "`hidden` and `residual` are both added. Add `residual` alone; `hidden` goes through the bottleneck.",
        {_INSIDE: "self.down((hidden + residual if residual is not hidden else hidden)"},
        "`hidden` and `residual` both go through the bottleneck. Only `hidden` does; `residual` goes around it.",
        {_INSIDE: "self.down(residual"},
        "`residual` goes through the bottleneck. `hidden` goes through it; `residual` goes around it.",
        {_ADDED: "residual - self.up(narrow)"},
        "the bottleneck is subtracted. Add it.",
        {"F.relu(": "("},
        "there is no non-linearity. Between down and up stands F.relu.",
        {_ADDED: "residual + F.relu(self.up(narrow))"},
        "there is a ReLU after the way up as well: the adapter could only add, never take away.",
        {"F.relu(": "(", _ADDED: "residual + F.relu(self.up(narrow))"},
        "the ReLU stands after the way up. It belongs between down and up.",
        {"F.relu": "F.gelu"},
        "that is GELU. The exercise asks for ReLU, as MAD-X does.",
        {"return residual": "return F.layer_norm(residual", "dtype)\n": "dtype), hidden.shape[-1:])\n"},
        "there is a LayerNorm at the end. That belongs to the layer around the adapter, not to the adapter.",
        {_WEIGHTS: ""},
        "the weights are those that nn.Linear draws, so a new adapter would damage the model. Give each linear "
        "layer the weight that adapter_init drew, as an nn.Parameter.",
        {"nn.init.zeros_(linear.bias)": "pass"},
        "the biases do not start at zero, so a new adapter would change the model.",
        {", init_std)": ")"},
        "init_std is not passed on to adapter_init: the start is the same whatever it is.",
        {"(hidden.to(self.down.weight.dtype))": "(hidden)"},
        "a model may be in half precision while the adapter is in float32, and then the two do not multiply. Bring "
        "`hidden` to the dtype of the weights, and the result back to that of `hidden`.",
        {".to(hidden.dtype)": ""},
        "in a model in half precision the result is float32, and the next layer cannot read it. Bring it back to "
        "the dtype of `hidden`.",
    ),
    advice={
        TENSORS: "the module has two linear layers with biases, `down` from width to bottleneck_size and `up` back, "
        "and nothing else that trains.",
        DTYPE: "the parameters stay float32. Bring `hidden` to their dtype, not the layers to that of `hidden`.",
        START: "the weights are drawn by adapter_init, with init_std, and the biases are zero.",
        HAS_GRADIENT: "no gradient can flow back through the result, so the adapter could not learn. "
        "Something cut it: .item(), .detach(), .numpy(), torch.tensor(...) or torch.no_grad().",
        "gradient of hidden": _CUT_OFF + _BELOW,
        "gradient of residual": _CUT_OFF + _BELOW,
        "value": "down, ReLU, up, and then `residual` is added: each once, and nothing else, no LayerNorm and no "
        "dropout. Without a residual, `hidden` is the residual.",
        "shape": "the result is as wide as `hidden`, and the dims before the last stay as they are.",
        "TypeError": "`residual` may be missing or None. Then the adapter adds to `hidden`.",
        "AttributeError": "call the two linear layers self.down and self.up, after super().__init__().",
        "RuntimeError": "shapes that do not go together. nn.Linear(inputs, outputs) makes a layer: down is from width "
        "to bottleneck_size, up is the way back.",
    },
)


def _adapter(hidden: Tensor, residual: Tensor | None = None) -> Tensor:
    """Stands in for an adapter: the same call, and a bottleneck that doubles what is positive."""
    return (hidden if residual is None else residual) + 2 * F.relu(hidden)


def _layer_norm(hidden: Tensor) -> Tensor:
    """LayerNorm over the last dim, with a weight of 3 and a bias of 1."""
    return 3 * F.layer_norm(hidden, hidden.shape[-1:]) + 1


def _places(generator: Generator) -> list[Arguments]:
    shapes = (((1, 3), torch.float64), ((2, 4), torch.float64), ((2, 3, 5), torch.float32))
    return [
        {
            "sublayer": _whole(generator, *shape, dtype=dtype),
            "skip": _whole(generator, *shape, dtype=dtype),
            "adapter": _adapter,
            "layer_norm": _layer_norm,
        }
        for shape, dtype in shapes
    ]


_CALLS = {
    HAS_GRADIENT: "no gradient can flow back through the result, so nothing below could learn. Something cut it: "
    ".detach(), .numpy(), torch.tensor(...) or torch.no_grad().",
    "TypeError": "`adapter` is called as adapter(hidden) or adapter(hidden, residual), `layer_norm` as "
    "layer_norm(hidden). Both are functions: call them, do not multiply with them.",
}

HOULSBY_OUTPUT = Exercise(
    reference=adapters.houlsby_output,
    cases=_places,
    mistakes=edits(
        adapters.houlsby_output,
        {"layer_norm(skip + adapter(sublayer))": "layer_norm(skip) + adapter(sublayer)"},
        "LayerNorm is put on `skip` alone. It comes last, over the whole sum.",
        {"adapter(sublayer)": "sublayer + adapter(skip)"},
        "the adapter stands beside the sublayer and reads what went into it. Houlsby's reads what comes out: "
        "`sublayer`.",
        {"adapter(sublayer)": "adapter(adapter(sublayer))"},
        "the adapter is used twice.",
        {"skip + ": ""},
        "the skip connection is missing: add `skip` to what the adapter gave.",
        {"skip + adapter(": "adapter(skip + "},
        "the adapter sees the sum of `skip` and `sublayer`. It should see `sublayer` alone; `skip` goes around it.",
        {"layer_norm(skip + adapter(": "adapter(layer_norm(skip + "},
        "the adapter comes after the LayerNorm. Here it stands at the end of the sublayer, and LayerNorm comes last.",
        {"layer_norm": ""},
        "the LayerNorm is missing: it comes last, over the whole sum.",
        {"adapter": ""},
        "the adapter is not used: that is the layer as it was.",
        {"skip +": "skip + sublayer +"},
        "`sublayer` is added twice: the adapter has a residual of its own, which holds it already.",
        {"skip": "sublayer", "sublayer": "skip"},
        "the adapter is put on `skip`. It belongs on `sublayer`.",
        {"skip + adapter(sublayer": "adapter(sublayer, skip"},
        "`sublayer` itself is lost. Is `skip` given to the adapter as its residual, or `sublayer` "
        "taken away again? adapter(sublayer) adds its own input; then add `skip`.",
        {"skip +": "adapter(skip) +"},
        "`skip` goes through an adapter as well. It is added as it is.",
        {"(sublayer)": "(layer_norm(sublayer))"},
        "`sublayer` goes through the LayerNorm before the adapter. LayerNorm comes once, and last.",
        {"layer_norm(skip + ": "skip + layer_norm("},
        "the LayerNorm does not span the whole sum: add `skip` first, then call layer_norm.",
        {"adapter(": "layer_norm(adapter(", "sublayer)": "sublayer))"},
        "what the adapter gave goes through a LayerNorm of its own. There is one LayerNorm, over the sum.",
        {"return ": "return layer_norm(", "sublayer)": "sublayer))"},
        "the LayerNorm comes twice. Once is enough, over the sum.",
        {"layer_norm(skip + adapter(sublayer))": "pfeiffer_output(sublayer, skip, adapter, layer_norm)"},
        "that is the place of Pfeiffer, which comes next.",
        {"layer_norm": "(lambda x: F.layer_norm(x, x.shape[-1:]))"},
        "that LayerNorm has no weight and bias of its own. Call layer_norm, which is given.",
    ),
    advice=_CALLS
    | {"value": "three steps, each once: the adapter on `sublayer`; plus `skip`; layer_norm over that sum."},
)
