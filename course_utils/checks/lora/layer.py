"""Exercise on the adapted layer as a whole: how it starts, what it computes, merging and unmerging."""

import copy
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils.checks.compare import describe
from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    HAS_GRADIENT,
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Observations,
)
from course_utils.methods import lora
from course_utils.methods.replacing import Wrapped

KIND, TRAINS = "kind of layer", "what trains"
BEFORE, START = "output before training", "A and B before training"
SECOND = "A and B of a second layer"
READ = "layer.weight and layer.bias, while it is not merged"

# (shape of x without its last dim, out, in, rank, has a bias, lora_alpha, rank_stabilized, dtype). Where all sizes are
# equal, no shape tells a transposed matrix; where they differ, each does.
_SIZES: tuple[tuple[tuple[int, ...], int, int, int, bool, float, bool, torch.dtype], ...] = (
    ((2,), 2, 3, 1, True, 2.0, False, torch.float32),
    ((2,), 2, 2, 2, True, 1.0, False, torch.float32),
    ((3, 2), 5, 4, 4, False, 6.0, True, torch.float32),
    ((2, 5), 3, 6, 3, True, 4.5, True, torch.float32),
    ((4,), 4, 4, 2, False, 0.5, False, torch.float32),
    ((2,), 3, 2, 2, True, 1.0, False, torch.bfloat16),
)


def _layer_cases(generator: Generator) -> list[Arguments]:
    """With A and B as they may be after training. The last layer is in half precision."""

    def whole(*shape: int) -> Tensor:
        """Whole numbers from -2 to 2, never 0: they can be worked out by hand, and are exact in half precision."""
        signs = torch.randint(0, 2, shape, generator=generator) * 2 - 1
        return torch.randint(1, 3, shape, generator=generator) * signs.float()

    return [
        {
            "weight": whole(out, size).to(dtype),
            "bias": whole(out).to(dtype) if has_bias else None,
            "rank": rank,
            "lora_alpha": lora_alpha,
            "rank_stabilized": rank_stabilized,
            "lora_A": whole(rank, size),
            "lora_B": whole(out, rank),
            "x": whole(*rows, size).to(dtype),
        }
        for rows, out, size, rank, has_bias, lora_alpha, rank_stabilized, dtype in _SIZES
    ]


def _observe_layer(function: Function, arguments: Arguments) -> Observations:
    given = copy.deepcopy(arguments)
    x = given["x"]
    out_features, in_features = given["weight"].shape
    linear = nn.Linear(in_features, out_features, given["bias"] is not None, dtype=x.dtype)
    linear.load_state_dict({n: given[n] for n in ("weight", "bias") if given[n] is not None})
    layer = function(linear, *(given[name] for name in ("rank", "lora_alpha", "rank_stabilized")))
    if not isinstance(layer, Wrapped):
        return {KIND: describe(layer), RESULT: None}
    before = layer(x).detach()
    kept = {"linear": (linear.weight, arguments["weight"]), "x": (x, arguments["x"])}
    changed = ", ".join(name for name, pair in kept.items() if not torch.equal(*pair))
    trained = {name: p for name, p in layer.named_parameters() if p.requires_grad}
    seen: Observations = {
        KIND: "a Wrapped layer",
        TRAINS: ", ".join(f"{name} {tuple(p.shape)} {p.dtype}" for name, p in sorted(trained.items())),
        INPUTS_CHANGED: changed or None,
        BEFORE: before,
        START: ", ".join(
            f"{name} is {'random' if p.any() else 'zero'}" for name, p in sorted(trained.items())
        ),
    }
    again = function(
        copy.deepcopy(linear), *(given[name] for name in ("rank", "lora_alpha", "rank_stabilized"))
    )
    seen[SECOND] = "shared" if {*map(id, trained.values())} & {*map(id, again.parameters())} else "its own"
    if changed:
        return seen
    factors = {name: given[name] for name in ("lora_A", "lora_B")}
    if any(name not in trained or trained[name].shape != new.shape for name, new in factors.items()):
        return {**seen, RESULT: None}
    for name, new in factors.items():
        trained[name].data.copy_(new)
    seen |= _output_and_gradients(layer, x, [trained[name] for name in factors])
    with torch.no_grad():
        seen[READ] = {"weight": layer.weight.clone(), "bias": layer.bias}
        for step in ("merge", "merge again", "unmerge"):
            layer.unmerge() if step == "unmerge" else layer.merge()
            seen[f"after {step}"] = {"linear.weight": linear.weight.clone(), "output": layer(x)}
    return seen


def _output_and_gradients(layer: nn.Module, x: Tensor, factors: list[Any]) -> Observations:
    leaf = x.clone().requires_grad_()
    output = layer(leaf.clone())
    seen: Observations = {RESULT: output.detach(), HAS_GRADIENT: output.requires_grad}
    if x.dtype != torch.bfloat16 and output.requires_grad:
        weights = torch.linspace(1, 2, output.numel()).reshape(output.shape)
        found = torch.autograd.grad((output * weights).sum(), [leaf, *factors], allow_unused=True)
        for name, gradient in zip(("x", "lora_A", "lora_B"), found, strict=True):
            seen[f"gradient of {name}"] = gradient
    return seen


_A, _B = (f"nn.Parameter(lora_{side}.to(self.linear.weight.device))" for side in "AB")
_RULE = "(math.sqrt(rank) if rank_stabilized else rank)"
_SIGN = "weight - update if undo else weight + update"
_MERGED = "        if self.merged:\n            return frozen\n"
_NO_BIAS = "forward loses the bias. self.linear(x) adds it; F.linear(x, self.linear.weight) does not."
_CUT = "the value is right, the gradient is not: something was computed with .detach(), .data or torch.no_grad()."

LORA_LINEAR = Exercise(
    reference=lora.LoRALinear,
    cases=_layer_cases,
    observe=_observe_layer,
    mistakes=edits(
        lora.LoRALinear,
        {_A: "lora_A", _B: "lora_B"},
        "A and B are plain tensors, so no optimizer finds them. Make each an nn.Parameter.",
        {
            "super().__init__(linear)": "super().__init__(linear.requires_grad_())\n        linear.requires_grad_()"
        },
        "W trains too. super().__init__(linear) freezes it: leave it so.",
        {"lora_A, lora_B = ": "lora_B, lora_A = "},
        "A and B are exchanged: lora_init returns A first.",
        {".to(self.linear.weight.device)": ".to(self.linear.weight)"},
        "A and B took the dtype of W. Keep them float32: half precision rounds small updates away.",
        {_A: "nn.Parameter(0 * lora_A)"},
        "A and B are both zero, and so they stay: the gradient of B is made with A, that of A with B. lora_init "
        "draws A at random.",
        {_A: "nn.Parameter(0 * lora_A)", _B: "nn.Parameter(torch.randn_like(lora_B))"},
        "that would work too, since B A is zero either way. But the paper and peft draw A and set B to zero, and "
        "lora_init does as they do.",
        {f" / {_RULE}": ""},
        "the scaling is lora_alpha itself. Divide it by the rank, or its square root.",
        {"lora_alpha / (": "1 / lora_alpha * ("},
        "the scaling is upside down: lora_alpha stands above the line.",
        {_RULE: "rank"},
        "rank_stabilized is not used. Where it is True, divide by the square root of the rank.",
        {" if rank_stabilized else rank": ""},
        "the square root belongs to rank_stabilized=True only.",
        {"if rank_stabilized": "if not rank_stabilized"},
        "rank_stabilized is turned round: the root belongs to True.",
        {_RULE: "rank", "lora_alpha / ": "(0.5 if rank_stabilized else 1) * lora_alpha / "},
        "rank**1/2 is half the rank: ** comes before /. The square root is rank**0.5, or math.sqrt(rank).",
        {"+ self.scaling * F": "+ F"},
        "forward does not use the scaling: it multiplies the update.",
        {"+ self.scaling * F": "+ self.scaling**2 * F"},
        "forward multiplies by the scaling twice. Once is right.",
        {"self.scaling * (": "self.scaling**2 * ("},
        "plain multiplies by the scaling twice. Once is right.",
        {"frozen = self.linear(x)": "frozen = F.linear(x, self.linear.weight)"},
        _NO_BIAS,
        {"frozen + self": "frozen - (0 if self.linear.bias is None else self.linear.bias) + self"},
        _NO_BIAS,
        {"frozen + self": "self"},
        "forward returns the update alone. Add what the frozen layer gives.",
        {"+ self.scaling * F": "+ 0 * F"},
        "forward returns what the frozen layer gives. Add the update.",
        {_MERGED: ""},
        "after merge(), the update counts twice: it lies in the weight, and forward adds it again. While "
        "self.merged is True, the linear layer alone gives the result.",
        {".to(x.dtype)": ""},
        "x may be half precision where A and B are float32. Bring them into x.dtype in forward: .to(x.dtype).",
        {_SIGN: "weight + update"},
        "unmerge() adds the update again: with undo=True, plain takes it out.",
        {_SIGN: "weight - update"},
        "plain always subtracts. Add the update, and subtract it only with undo=True.",
        {"if undo": "if not undo"},
        "undo is turned round: True takes the update out.",
        {"self.scaling * (": "1 * ("},
        "plain does not use the scaling, so merging changes what the layer computes.",
        {"self.lora_B @ self.lora_A": "self.lora_A @ self.lora_B"},
        "plain forms A B. The order is B A: (out, rank) times (rank, in) is (out, in), as W.",
        {f"return {_SIGN}, bias": "weight += -update if undo else update\n        return weight, bias"},
        "plain changes the weight that it was given, and merge() then adds the update again. Return a new tensor.",
        {"(self.lora_B @ self.lora_A)": "(self.lora_B @ self.lora_A).T"},
        "in plain, B A is transposed. It has W's shape.",
        {".to(weight.dtype)": ""},
        "plain changes the dtype of the weight. Bring the update into weight.dtype first.",
        {", bias\n": ", None\n"},
        "plain loses the bias. LoRA does not touch it: return it as it came.",
    ),
    advice={
        KIND: "keep `class LoRALinear(Wrapped)`: merge(model) finds the layers by it.",
        TRAINS: "exactly two parameters train: self.lora_A, (rank, in), and self.lora_B, (out, rank), both float32.",
        BEFORE: "before training the layer must give what self.linear(x) gives: in the dtype of x, with the bias once, "
        "and with B at zero, as lora_init makes it, so that the update is nothing at first.",
        SECOND: "two layers hold the same A or B, so training one would change the other. Make new ones in __init__.",
        INPUTS_CHANGED: "x, or the linear layer, was changed in place while nobody called merge(). Build new tensors.",
        HAS_GRADIENT: f"no gradient reaches A and B, so they could not learn. {_CUT}",
        **{f"gradient of {name}": _CUT for name in ("x", "lora_A", "lora_B")},
        READ: "plain(weight, bias) returns weight and bias of the plain layer that computes the same, as new tensors.",
        "after merge": "the merged layer should compute what the layer computed before, with one matrix.",
        "after merge again": "calling merge() twice should change nothing more.",
        "after unmerge": "after unmerge() the weight should be what it was before merge().",
        "call": "the layer is made by LoRALinear(linear, rank, lora_alpha, rank_stabilized), then called with x; "
        "plain gets weight, bias and undo. Keep the parameters of the stub.",
        "RuntimeError": "shapes or dtypes that do not go together. x is (..., in), lora_A (rank, in), lora_B (out, "
        "rank); F.linear(x, m) is x m^T.",
        "AttributeError": "something is used that was never set: set it in __init__, after super().__init__(linear).",
    },
)
