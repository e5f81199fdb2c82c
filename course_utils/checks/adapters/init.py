"""Exercise on the two matrices before training. What is random is judged by its traits, never by its values."""

import math
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils.checks.compare import describe
from course_utils.checks.tasks import RESULT, Arguments, Exercise, Function, Mistake, Observations, slips
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


def _loose_init(
    width: int,
    bottleneck_size: int,
    init_std: float = 0.01,
    *,
    not_cut_off: bool = False,
    absolute: bool = False,
    one_std: bool = False,
    squared: bool = False,
    tied: bool = False,
    std_ignored: bool = False,
    as_linear: bool = False,
    standard: bool = False,
    up_zero: bool = False,
    both_zero: bool = False,
    down_zero: bool = False,
    positive: bool = False,
    variance: bool = False,
    lying: bool = False,
    exchanged: bool = False,
    seeded: bool = False,
    doubles: bool = False,
    gradients: bool = False,
) -> tuple[Tensor, Tensor]:
    own = torch.Generator().manual_seed(1) if seeded else None
    std = 0.01 if std_ignored else 1.0 if standard else init_std**0.5 if variance else init_std
    std = init_std**2 if squared else std
    down, up = torch.empty(bottleneck_size, width), torch.empty(width, bottleneck_size)
    cut = torch.inf if not_cut_off else 2.0 if absolute else std if one_std else 2 * std
    for weight in (down, up):
        if as_linear:
            nn.init.kaiming_uniform_(weight, a=5**0.5)
        else:
            nn.init.trunc_normal_(weight, std=std, a=-cut, b=cut, generator=own)
    up = down.T if tied else up
    down, up = (down.abs(), up.abs()) if positive else (down, up)
    down = torch.zeros_like(down) if down_zero or both_zero else down
    up = torch.zeros_like(up) if up_zero or both_zero else up
    pair = (down.T, up.T) if lying else (down, up)
    pair = (pair[1], pair[0]) if exchanged else pair
    first, second = (weight.double() if doubles else weight for weight in pair)
    return first.requires_grad_(gradients), second.requires_grad_(gradients)


def _std_as_mean(width: int, bottleneck_size: int, init_std: float = 0.01) -> list[Tensor]:
    sizes, ends = ((bottleneck_size, width), (width, bottleneck_size)), (-2 * init_std, 2 * init_std)
    return [nn.init.trunc_normal_(torch.empty(size), init_std, 1.0, *ends) for size in sizes]


INIT_HINTS = {
    "not_cut_off": "the Gaussian is not cut off. Give nn.init.trunc_normal_ the ends too, a=-2 * init_std and "
    "b=2 * init_std: its own are -2 and 2.",
    "one_std": "it is cut off at one standard deviation. Cut it off at two: a=-2 * init_std, b=2 * init_std.",
    "tied": "the two matrices hold the same numbers. Draw each for itself.",
    "as_linear": "that is how nn.Linear draws its weights: the adapter would change its input a good deal. Draw them "
    "with standard deviation init_std.",
    "std_ignored": "init_std is not used: the spread is the same whatever it is.",
    "standard": "the spread is 1, whatever init_std is: the adapter would swamp its input. Use init_std.",
    "squared": "init_std is a standard deviation already, and it is squared. Give it as it is: std=init_std.",
    "variance": "init_std is a standard deviation, and it is taken for a variance. Do not take the root.",
    "up_zero": "with the way up at zero the adapter changes nothing at all, and it would learn (LoRA starts so). But "
    "the paper draws both; do as it does, so that the two can be compared.",
    "both_zero": "both matrices are zero, and so they stay: ReLU(0) is 0, and its slope there is 0. "
    "Draw both at random.",
    "down_zero": "with the way down at zero nothing comes through ReLU, whose slope at 0 is 0, so neither matrix would "
    "learn. Draw both at random.",
    "positive": "all entries are positive. Draw them around zero.",
    "lying": "both lie on their side. A weight is (outputs, inputs): the way down is (bottleneck_size, width).",
    "exchanged": "the two are exchanged: return the way down first.",
    "seeded": "the matrices are the same at every call. Each adapter should get its own: no seed in the function.",
    "doubles": "make both float32, the dtype of torch.empty.",
    "gradients": "return plain tensors. The module that you build later makes parameters of them.",
}
_SPREAD = (
    "of the wrong spread, or made in another way than asked. Fill torch.empty with nn.init.trunc_normal_, with "
    "std=init_std, a=-2 * init_std and b=2 * init_std."
)

ADAPTER_INIT = Exercise(
    reference=adapters.adapter_init,
    cases=_init_cases,
    observe=_observe_init,
    mistakes=[
        Mistake(lambda *given: _loose_init(*given, absolute=True), INIT_HINTS["not_cut_off"]),
        Mistake(
            _std_as_mean,
            "all values between the two ends are as likely. Is that uniform_? Or is init_std the second argument of "
            "nn.init.trunc_normal_? That is the mean: write std=init_std.",
        ),
        *slips(_loose_init, INIT_HINTS),
    ],
    advice={
        DTYPES: INIT_HINTS["doubles"],
        GRADIENTS: INIT_HINTS["gradients"],
        TIED: INIT_HINTS["tied"],
        DOWN: f"the way down is {_SPREAD}",
        UP: f"the way up is {_SPREAD}",
        KIND: "return two tensors with entries in them: the way down, then the way up.",
        RESULT: "the way down should have the shape (bottleneck_size, width), the way up (width, bottleneck_size).",
    },
)
