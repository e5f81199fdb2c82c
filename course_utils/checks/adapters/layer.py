"""Exercise on the forward pass of an adapter."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.adapters.inputs import whole
from course_utils.checks.tasks import HAS_GRADIENT, Arguments, Exercise, slips
from course_utils.methods import adapters

# (shape of hidden without its last dim, width, bottleneck, dtype). Where the two are equal, no shape tells a
# transposed matrix; where they differ, each does.
_SIZES: tuple[tuple[tuple[int, ...], int, int, torch.dtype], ...] = (
    ((2,), 3, 1, torch.float32),
    ((2,), 2, 2, torch.float64),
    ((2, 3), 5, 2, torch.float64),
    ((4, 2), 3, 6, torch.float32),
    ((6,), 4, 4, torch.float32),
)


def _forward_cases(generator: Generator) -> list[Arguments]:
    return [
        {
            "hidden": whole(generator, *rows, width, dtype=dtype),
            "residual": whole(generator, *rows, width, dtype=dtype),
            "down_weight": whole(generator, size, width, dtype=dtype),
            # Halves: nothing meets the kink of ReLU, where one slope is as right as another.
            "down_bias": whole(generator, size, dtype=dtype) + 0.5,
            "up_weight": whole(generator, width, size, dtype=dtype),
            "up_bias": whole(generator, width, dtype=dtype),
        }
        for rows, width, size, dtype in _SIZES
    ]


def _loose_forward(
    hidden: Tensor,
    residual: Tensor,
    down_weight: Tensor,
    down_bias: Tensor,
    up_weight: Tensor,
    up_bias: Tensor,
    *,
    no_residual: bool = False,
    hidden_added: bool = False,
    both_added: bool = False,
    subtracted: bool = False,
    linear: bool = False,
    relu_twice: bool = False,
    relu_late: bool = False,
    relu_last: bool = False,
    gelu: bool = False,
    silu: bool = False,
    tanh: bool = False,
    sigmoid: bool = False,
    leaky: bool = False,
    relu_first: bool = False,
    norm_last: bool = False,
    multiplied: bool = False,
    both_in: bool = False,
    no_down_bias: bool = False,
    no_up_bias: bool = False,
    lying_down: bool = False,
    lying_up: bool = False,
    residual_in: bool = False,
) -> Tensor:
    other = (
        F.gelu if gelu else F.silu if silu else torch.tanh if tanh else torch.sigmoid if sigmoid else F.relu
    )
    kind = F.leaky_relu if leaky else other
    x = residual if residual_in else hidden + residual if both_in else hidden
    x = F.relu(x) if relu_first else x
    down = x @ (down_weight if lying_down else down_weight.T) + (0 if no_down_bias else down_bias)
    middle = down if linear or relu_late or relu_last else kind(down)
    up = middle @ (up_weight if lying_up else up_weight.T) + (0 if no_up_bias else up_bias)
    up = kind(up) if relu_twice or relu_late else up
    up = -up if subtracted else up
    added = hidden + residual if both_added else hidden if hidden_added else residual
    total = up if no_residual else added * up if multiplied else added + up
    total = F.layer_norm(total, total.shape[-1:]) if norm_last else total
    return F.relu(total) if relu_last else total


FORWARD_HINTS = {
    "no_residual": "the residual is missing: that is the bottleneck alone, and nothing of what came in is left. "
    "Add `residual`.",
    "hidden_added": "`hidden` is added in place of `residual`. Often they are the same; in the layer of Pfeiffer they "
    "are not.",
    "both_added": "`hidden` and `residual` are both added. Add `residual` alone; `hidden` goes through the bottleneck.",
    "multiplied": "`residual` is multiplied with what the bottleneck gave. Add it.",
    "both_in": "`hidden` and `residual` both go through the bottleneck. Only `hidden` does; `residual` goes around it.",
    "subtracted": "the bottleneck is subtracted. Add it.",
    "linear": "there is no non-linearity. Between down and up stands F.relu.",
    "relu_twice": "there is a ReLU after the way up as well: the adapter could only add, never take away.",
    "relu_late": "the ReLU stands after the way up. It belongs between down and up.",
    "relu_last": "the ReLU stands at the end, around the residual too. It belongs between down and up.",
    "gelu": "that is GELU. The exercise asks for ReLU, as MAD-X does.",
    "silu": "that is SiLU (Swish). The exercise asks for ReLU, as MAD-X does.",
    "tanh": "that is tanh. The exercise asks for ReLU, as MAD-X does.",
    "sigmoid": "that is a sigmoid. The exercise asks for ReLU, as MAD-X does.",
    "leaky": "that is a leaky ReLU, which lets a little of what is negative through. The exercise asks for F.relu.",
    "relu_first": "`hidden` goes through a ReLU before the way down. It goes in as it is.",
    "norm_last": "there is a LayerNorm at the end. That belongs to the layer around the adapter, not to the adapter.",
    "no_down_bias": "the bias of the way down is missing. F.linear(x, weight, bias) adds it.",
    "no_up_bias": "the bias of the way up is missing. F.linear(x, weight, bias) adds it.",
    "lying_down": "the matrix of the way down is not turned. It is (bottleneck, width): hidden meets its "
    "transpose, and F.linear does that.",
    "lying_up": "the matrix of the way up is not turned. It is (width, bottleneck): what came down meets its "
    "transpose, and F.linear does that.",
    "residual_in": "`residual` goes through the bottleneck. `hidden` goes through it; `residual` goes around it.",
}
_CUT_OFF = (
    "the value is right here, the gradient is not: something was computed under torch.no_grad() or with .detach(), or "
    "the non-linearity is not F.relu. "
)

ADAPTER_FORWARD = Exercise(
    reference=adapters.adapter_forward,
    cases=_forward_cases,
    mistakes=slips(_loose_forward, FORWARD_HINTS),
    advice={
        HAS_GRADIENT: "no gradient can flow back through the result, so the adapter could not learn. "
        "Something cut it: .item(), .detach(), .numpy(), torch.tensor(...) or torch.no_grad().",
        "gradient of hidden": _CUT_OFF
        + "The adapters of the layers below learn through `hidden`, so it needs one.",
        "gradient of residual": _CUT_OFF
        + "The adapters of the layers below learn through `residual`, so it needs one.",
        **{
            f"gradient of {way}_{part}": f"{_CUT_OFF}As it is, {way}_{part} would not learn."
            for way in ("down", "up")
            for part in ("weight", "bias")
        },
        "value": "down, ReLU, up, and then `residual` is added: each once, and nothing else, no LayerNorm and no "
        "dropout.",
        "shape": "the result is as wide as `hidden`, and the dims before the last stay as they are. F.linear takes "
        "any number of them, so nothing has to be flattened.",
        "RuntimeError": "shapes that do not go together. down_weight is (bottleneck, width), up_weight is (width, "
        "bottleneck); F.linear(x, w, b) is x w^T + b, for any number of dims in front.",
    },
)
