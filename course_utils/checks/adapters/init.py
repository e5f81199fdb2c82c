"""Exercise on the two matrices before training. What is random is judged by its traits, never by its values."""

import math
from typing import Any

import torch
from torch import Generator, Tensor

from course_utils.checks.compare import describe
from course_utils.checks.edits import edits
from course_utils.checks.tasks import RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import adapters

KIND = "kind of answer"
DTYPES = "dtypes of the two"
GRADIENTS = "one of the two asks for gradients"
DOWN, UP = "weight of the way down", "weight of the way up"
TIED = "the two hold the same numbers"
# Of init_std: a Gaussian that is cut off at two of them has 0.88, a plain one 1, and its tails tell it.
SPREADS = 0.75, 1.08


def _init_cases(_: Generator) -> list[Arguments]:
    sizes = ((64, 32, 0.01), (120, 20, 0.001), (48, 48, 0.1), (40, 80, 0.03))
    names = ("width", "bottleneck_size", "init_std")
    return [dict(zip(names, size, strict=True)) for size in sizes]


def _observe_init(function: Function, arguments: Arguments) -> Observations:
    pair, again = function(*arguments.values()), function(*arguments.values())
    if not (_are_two_tensors(pair) and _are_two_tensors(again)):
        return {KIND: describe(pair), RESULT: None}
    down, up = (weight.detach() for weight in pair)
    std = arguments["init_std"]
    return {
        KIND: "two tensors",
        RESULT: f"down of shape {tuple(down.shape)}, up of shape {tuple(up.shape)}",
        DTYPES: f"{down.dtype}, {up.dtype}",
        GRADIENTS: any(weight.requires_grad for weight in pair),
        TIED: _are_tied(down, up),
        DOWN: _kind(down, again[0].detach(), std),
        UP: _kind(up, again[1].detach(), std),
    }


def _are_two_tensors(result: Any) -> bool:
    return (
        isinstance(result, tuple | list)
        and len(result) == 2
        and all(isinstance(part, Tensor) and part.device.type == "cpu" for part in result)
        and all(part.layout == torch.strided and part.numel() for part in result)
    )


def _are_tied(down: Tensor, up: Tensor) -> bool:
    """Whether one matrix is the other, turned or laid out anew: both zero does not count."""
    same = (
        down.dim() == up.dim() == 2
        and down.numel() == up.numel()
        and (torch.equal(down.flatten(), up.flatten()) or torch.equal(down.T.flatten(), up.flatten()))
    )
    return same and bool(down.any())


def _kind(weight: Tensor, again: Tensor, init_std: float) -> str:
    """What a learner would say of a matrix; `again` is that of a second call."""
    weight, again = weight.double(), again.double()
    spread = weight.square().mean().sqrt().item() / init_std
    if spread == 0:
        return "all zeros"
    if weight.unique().numel() < weight.numel() / 2:
        return "entries that are alike"
    if torch.equal(weight, again):
        return "the same at every call"
    if abs(weight.mean().item()) > 0.5 * weight.std().item():
        return "not around zero"
    if not SPREADS[0] <= spread <= SPREADS[1]:
        return _spread(spread * init_std, init_std, weight.shape[-1])
    return "not cut off" if weight.abs().max().item() > 2.001 * init_std else "small and random"


def _spread(std: float, init_std: float, fan_in: int) -> str:
    """A spread that is not init_std, by where it may come from."""
    sources = {
        "of the spread 1": 1.0,
        "of the spread 0.01": 0.01,
        "of the spread of a square root": math.sqrt(init_std),
        "of the spread of nn.Linear": 1 / math.sqrt(3 * fan_in) / 0.9,
    }
    found = [name for name, value in sources.items() if SPREADS[0] <= std / value <= SPREADS[1]]
    return (found or ["too small" if std < init_std else "too large"])[0]


_TIED = "the two matrices hold the same numbers. Draw each for itself."
_DOUBLES = "make both float32, the dtype of torch.empty."
_GRADIENTS = "return plain tensors. The module that you build later makes parameters of them."
_DRAWN = "trunc_normal_(weight, std=init_std, a=-2 * init_std, b=2 * init_std)"
_BOTH = "down_weight, up_weight = (weight{} for weight in (down_weight, up_weight))\n    return"
_SPREAD = (
    "of the wrong spread, or made in another way than asked. Fill torch.empty with nn.init.trunc_normal_, with "
    "std=init_std, a=-2 * init_std and b=2 * init_std."
)

ADAPTER_INIT = Exercise(
    reference=adapters.adapter_init,
    cases=_init_cases,
    observe=_observe_init,
    mistakes=edits(
        adapters.adapter_init,
        {"2 * init_std": "2"},
        "the Gaussian is not cut off. Give nn.init.trunc_normal_ the ends too, a=-2 * init_std and "
        "b=2 * init_std: its own are -2 and 2.",
        {"std=init_std": "mean=init_std"},
        "all values between the two ends are as likely. Is that uniform_? Or is init_std the second argument of "
        "nn.init.trunc_normal_? That is the mean: write std=init_std.",
        {"2 * init_std": "init_std"},
        "it is cut off at one standard deviation. Cut it off at two: a=-2 * init_std, b=2 * init_std.",
        {"return": "up_weight = down_weight.T\n    return"},
        _TIED,
        {_DRAWN: "kaiming_uniform_(weight, a=5**0.5)"},
        "that is how nn.Linear draws its weights: the adapter would change its input a good deal. Draw them "
        "with standard deviation init_std.",
        {"init_std": "0.01"},
        "init_std is not used: the spread is the same whatever it is.",
        {"init_std": "1"},
        "the spread is 1, whatever init_std is: the adapter would swamp its input. Use init_std.",
        {"init_std": "init_std**2"},
        "init_std is a standard deviation already, and it is squared. Give it as it is: std=init_std.",
        {"init_std": "init_std**0.5"},
        "init_std is a standard deviation, and it is taken for a variance. Do not take the root.",
        {"return": "up_weight = 0 * up_weight\n    return"},
        "with the way up at zero the adapter changes nothing at all, and it would learn (LoRA starts so). But "
        "the paper draws both; do as it does, so that the two can be compared.",
        {"return": _BOTH.format(" * 0")},
        "both matrices are zero, and so they stay: ReLU(0) is 0, and its slope there is 0. Draw both at random.",
        {"return": "down_weight = 0 * down_weight\n    return"},
        "with the way down at zero nothing comes through ReLU, whose slope at 0 is 0, so neither matrix would "
        "learn. Draw both at random.",
        {"return": _BOTH.format(".abs()")},
        "all entries are positive. Draw them around zero.",
        {"return": _BOTH.format(".T")},
        "both lie on their side. A weight is (outputs, inputs): the way down is (bottleneck_size, width).",
        {"for": "torch.manual_seed(1)\n    for"},
        "the matrices are the same at every call. Each adapter should get its own: no seed in the function.",
        {"return": _BOTH.format(".double()")},
        _DOUBLES,
        {"return": _BOTH.format(".requires_grad_()")},
        _GRADIENTS,
    ),
    advice={
        DTYPES: _DOUBLES,
        GRADIENTS: _GRADIENTS,
        TIED: _TIED,
        DOWN: f"the way down is {_SPREAD}",
        UP: f"the way up is {_SPREAD}",
        KIND: "return two tensors with entries in them: the way down, then the way up.",
        RESULT: "the way down should have the shape (bottleneck_size, width), the way up (width, bottleneck_size).",
    },
)
