"""Exercise on the layer of (IA)³ as a whole: its vector, its forward pass, and the plain layer that it folds into."""

import copy
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

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
    observe_parts,
    observe_tensors,
    observe_values,
)
from course_utils.methods import ia3
from course_utils.methods.replacing import Wrapped

TRAINS, START = "what trains", "output before training"
DEVICE = "device of ia3_l, for a layer on device 'meta'"
PLAIN, WEIGHT, BIAS = "what `plain` returns", "new weight", "new bias"
MERGED, UNMERGED = "output after merge()", "weight and bias after merge() and unmerge()"

# (shape of x without its last dim, out, in, has a bias, on_input, dtype). Where the layer is square, no shape tells
# rows from columns.
_SIZES: tuple[tuple[tuple[int, ...], int, int, bool, bool, torch.dtype], ...] = (
    ((2,), 2, 3, True, False, torch.float32),
    ((2,), 2, 3, True, True, torch.float32),
    ((2,), 3, 3, True, False, torch.float32),
    ((2,), 3, 3, True, True, torch.float32),
    ((2, 2), 4, 2, False, False, torch.float32),
    ((3,), 2, 2, False, True, torch.float32),
    ((2,), 3, 2, True, False, torch.bfloat16),
    ((2,), 2, 3, True, True, torch.bfloat16),
)


def _whole(generator: Generator, *shape: int, dtype: torch.dtype) -> Tensor:
    """Whole numbers from -4 to 4, never 0: they can be worked out by hand, and are exact even in half precision."""
    signs = torch.randint(0, 2, shape, generator=generator) * 2 - 1
    return (torch.randint(1, 5, shape, generator=generator) * signs).to(dtype)


def _factors(generator: Generator, size: int) -> Tensor:
    """Factors as they may be after training: no two alike, the first below zero, none of them 0 or 1."""
    steps = torch.randint(1, 4, (size,), generator=generator).cumsum(0)
    return (steps - steps[0]) / 2 - 0.25


def _cases(generator: Generator) -> list[Arguments]:
    cases: list[Arguments] = []
    for rows, outputs, inputs, has_bias, on_input, dtype in _SIZES:
        weight = _whole(generator, outputs, inputs, dtype=dtype)
        bias = _whole(generator, outputs, dtype=dtype) if has_bias else None
        x = _whole(generator, *rows, inputs, dtype=dtype)
        factors = _factors(generator, inputs if on_input else outputs)
        cases.append({"weight": weight, "bias": bias, "x": x, "ia3_l": factors, "on_input": on_input})
    return cases


def _observe(layer_type: Function, arguments: Arguments) -> Observations:
    """Build the layer, then: what trains, what it computes before and after training, and folded."""
    weight, bias, x, factors, on_input = copy.deepcopy(list(arguments.values()))
    outputs, inputs = weight.shape
    linear = nn.Linear(inputs, outputs, bias=bias is not None, dtype=weight.dtype)
    linear.weight.data.copy_(weight)
    if bias is not None:
        linear.bias.data.copy_(bias)
    layer = layer_type(linear, on_input)
    if not isinstance(layer, Wrapped):
        return {TRAINS: describe(layer)}
    changed = [name for name, p in linear.named_parameters() if not torch.equal(p, arguments[name])]
    if changed:
        return {INPUTS_CHANGED: ", ".join(changed)}
    seen: Observations = {INPUTS_CHANGED: None, TRAINS: _trained(layer)}
    vector: Any = getattr(layer, "ia3_l", None)
    if list(seen[TRAINS]) != ["ia3_l"] or vector.shape != factors.shape:
        return seen
    elsewhere = layer_type(nn.Linear(inputs, outputs, device="meta"), on_input)
    seen[DEVICE] = elsewhere.ia3_l.device.type

    def forward(x: Tensor, ia3_l: Tensor) -> Tensor:
        return functional_call(layer, {"ia3_l": ia3_l}, (x,))  # type: ignore[no-any-return]

    # In half precision a gradient depends on the order of the sums.
    observe = observe_tensors if weight.dtype == torch.float32 else observe_values
    seen |= observe(forward, {"x": x, "ia3_l": factors})
    with torch.no_grad():
        seen[START] = layer(x.clone())
        vector.copy_(factors)
        return seen | _folded(layer, weight, bias, x, seen[INPUTS_CHANGED])


def _trained(layer: nn.Module) -> dict[str, str]:
    """The parameters that train, with dtype and shape, by name."""
    return {
        name: f"{p.dtype} of shape {tuple(p.shape)}"
        for name, p in layer.named_parameters()
        if p.requires_grad
    }


def _folded(
    layer: Wrapped, weight: Tensor, bias: Tensor | None, x: Tensor, changed: str | None
) -> Observations:
    parts = observe_parts((WEIGHT, BIAS))(layer.plain, {"weight": weight, "bias": bias})
    touched, returned = parts.pop(INPUTS_CHANGED), parts.pop(RESULT)
    seen: Observations = {INPUTS_CHANGED: changed or touched, PLAIN: returned}
    seen |= parts
    like = [weight.shape, None if bias is None else bias.shape]
    if [getattr(part, "shape", None) for part in parts.values()] != like or seen[INPUTS_CHANGED]:
        return seen  # `merge` could not write that
    layer.merge()
    seen[MERGED] = layer(x)
    layer.unmerge()
    return seen | {UNMERGED: {name: p.detach().clone() for name, p in layer.linear.named_parameters()}}


_SIZE = "self.in_features if on_input else self.out_features"
_VECTOR = "nn.Parameter(torch.ones(size, device=self.linear.weight.device))"
_FORWARD = "self.linear(x * scale) if self.on_input else self.linear(x) * scale"
_COLUMNS, _ROWS = "(weight * scale).to(weight.dtype)", "(weight * scale[:, None]).to(weight.dtype)"
_NEW_BIAS = "(bias * scale).to(bias.dtype)"
_DTYPE = (
    "the dtype changed. The layer may be in half precision, and the vector is float32 always, so their product is "
    "float32: in `forward` bring the vector to x.dtype, in `plain` the results to weight.dtype and bias.dtype."
)
_TWO = "`plain` returns two things: the new weight, then the new bias, which is None where there was none."

_ADDED = "the vector is added, as a bias is. (IA)3 multiplies."
IA3_LINEAR = Exercise(
    reference=ia3.IA3Linear,
    cases=_cases,
    observe=_observe,
    mistakes=edits(
        ia3.IA3Linear,
        {_VECTOR: "torch.ones(size)"},
        "ia3_l is a plain tensor, so no optimizer finds it. Make it a parameter: nn.Parameter(...).",
        {"torch.ones(size": "torch.zeros(size"},
        "the factors start at zero, and the layer passes on nothing. Before training nothing may change, and "
        "what changes nothing in a product is one.",
        {"torch.ones(size": "torch.ones(1"},
        "that is one factor for all features. Each has its own.",
        {_SIZE: "self.out_features if on_input else self.in_features"},
        "the two sizes are exchanged: with on_input there is a factor for each of in_features.",
        {_SIZE: "self.out_features"},
        "the vector is as long as the output, each time. With on_input it scales x, which has in_features.",
        {"(size, device": "(size, dtype=self.linear.weight.dtype, device"},
        "the vector has the layer's dtype. Beside half precision keep it in float32, as peft does: a factor near "
        "one moves by less than half precision can show.",
        {", device=self.linear.weight.device": ""},
        "the vector is made on the CPU, each time. Put it where the layer's weight is: on a GPU their product "
        "would be an error.",
        {"self.on_input = on_input": "pass"},
        "self.on_input is never set. `forward`, `plain` and `settings` read it.",
        {"if self.merged": "if False"},
        "after merge() the factors count twice: the weights hold them already. While self.merged, call "
        "self.linear alone.",
        {"(x * scale) if self.on_input": "(x * scale) if not self.on_input"},
        "`forward` has the two sides exchanged: with on_input the vector multiplies x, without it the output.",
        {"self.linear(x * scale) if self.on_input else ": ""},
        "`forward` scales the output, each time. With on_input the vector multiplies x, before the layer.",
        {"x * scale)": "x + scale)", "(x) * scale": "(x) + scale"},
        _ADDED,
        {"(x) * scale": "(x) + scale"},
        _ADDED,
        {"(x * scale)": "(x * (1 + scale))", "(x) * scale": "(x) * (1 + scale)"},
        "`forward` multiplies by 1 + the vector. It starts at one, so it is the factor itself.",
        {
            "self.linear(x * scale)": "(x * scale) @ self.linear.weight.T",
            "self.linear(x) * scale": "x @ self.linear.weight.T * scale",
        },
        "the bias of the layer is missing. Calling self.linear(...) adds it.",
        {"(x) * scale": "(x) * scale + (0 if self.linear.bias is None else self.linear.bias * (1 - scale))"},
        "`forward` adds the bias after the scaling. On the slides it stands inside the brackets: (Wx + b) . l.",
        {".to(x.dtype)": ""},
        _DTYPE,
        {"self.ia3_l.to(x.dtype)": "self.ia3_l.detach().to(x.dtype)"},
        "no gradient reaches the vector, so it would not learn. Leave out .data, .detach() and torch.no_grad().",
        {_NEW_BIAS: "bias"},
        "`plain` leaves the bias as it is. With the scale on the output the bias is scaled too: "
        "(Wx + b) . l = (diag(l) W) x + b . l.",
        {_NEW_BIAS: "(bias * self.ia3_l).to(bias.dtype)"},
        "`plain` does not use undo for the bias: unmerge() gives the old weight back, and multiplies the bias again.",
        {f"{_COLUMNS}, bias": f"{_COLUMNS}, None if bias is None else {_NEW_BIAS}"},
        "`plain` scales the bias with on_input too. It is added after x was scaled, so it stays.",
        {"scale[:, None]": "scale"},
        "`plain` multiplies the columns of the weight, each time. A scale of the output belongs to its rows.",
        {_COLUMNS: _ROWS},
        "`plain` multiplies the rows of the weight, each time. A scale of the input belongs to its columns.",
        {"1 / self.ia3_l if undo else self.ia3_l": "self.ia3_l"},
        "`plain` does not use undo: unmerge() multiplies once more. To undo, divide by the vector.",
        {"if undo else": "if not undo else"},
        "`plain` has undo turned round: it divides when it should multiply.",
        {"1 / self.ia3_l if": "-self.ia3_l if"},
        "to undo a product, divide by the factor.",
        {_COLUMNS: "weight * scale", _ROWS: "weight * scale[:, None]", _NEW_BIAS: "bias * scale"},
        _DTYPE,
        {"None if bias is None else (": "("},
        "`plain` multiplies a bias that may be None. Ask `if bias is None` first.",
        {f"{_COLUMNS}, bias": _COLUMNS, f"{_ROWS}, new_bias": _ROWS},
        _TWO,
    ),
    advice={
        TRAINS: "exactly one parameter should train: ia3_l, in float32, with a factor for each feature of the output, "
        "or with on_input of the input. The old layer stays in self.linear, frozen, as super().__init__ left it.",
        DEVICE: "put the vector on the device of the layer's weight.",
        START: "before training the layer should compute what the old layer did: the vector starts at one.",
        HAS_GRADIENT: "no gradient can flow back through the output, so the vector could not learn. Something cut it: "
        ".detach(), .data or torch.no_grad().",
        "gradient of x": "the output is right, but the gradient of x is not: the layers below would not learn.",
        "gradient of ia3_l": "the output is right, but the gradient of ia3_l is not: the vector would not learn.",
        PLAIN: _TWO,
        WEIGHT: "that is not the weight of the plain layer. Entry (i, j) of W is multiplied by l[j] with on_input, "
        "else by l[i]; shape (out, in) and dtype stay.",
        BIAS: "that is not the bias of the plain layer. With on_input it stays as it is; else entry i is multiplied by "
        "l[i]. The dtype stays. No bias stays None.",
        MERGED: "after merge() the layer computes something else than before. While self.merged, call self.linear "
        "alone.",
        UNMERGED: "merge() and then unmerge() should give the old weight and bias back: with undo, `plain` "
        "divides by the vector, the bias too where it was multiplied.",
        "shape": "the output is (..., out): the vector changes no shape.",
        "dtype": _DTYPE,
        "RuntimeError": "shapes or dtypes that do not go together. The vector has out entries and multiplies the "
        "output of self.linear; with on_input it has in entries and multiplies x. In `plain`, l[:, None] meets rows.",
    },
)
