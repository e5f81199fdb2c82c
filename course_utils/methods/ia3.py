"""(IA)³: multiply what some layers compute by vectors that start at one, and train only those.

Source: Liu, Tam, Muqeeth, Mohta, Huang, Bansal and Raffel (2022), "Few-Shot Parameter-Efficient Fine-Tuning is Better
and Cheaper than In-Context Learning", section 3.3: the keys, the values, and the feed-forward's inner activation.
"""

import re
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.methods.freezing import head_only, head_parts


def scaled_output(x: Tensor, weight: Tensor, bias: Tensor | None, scale: Tensor) -> Tensor:
    """(x W^T + bias) * scale: the output, one factor for each of its features (Liu et al. 2022, section 3.3, for
    keys and values).

    x: (..., in); weight: (out, in); bias: (out,) or None; scale: (out,). Returns (..., out).
    """
    return F.linear(x, weight, bias) * scale


def scaled_input(x: Tensor, weight: Tensor, bias: Tensor | None, scale: Tensor) -> Tensor:
    """(x * scale) W^T + bias: the input, one factor for each of its features.

    Before the second matrix of a feed-forward, x is the inner activation: (scale * gamma(W1 x)) W2 in Liu et al.
    (2022), section 3.3. x: (..., in); weight: (out, in); bias: (out,) or None; scale: (in,). Returns (..., out).
    """
    return F.linear(x * scale, weight, bias)


def folded(
    weight: Tensor, bias: Tensor | None, scale: Tensor, on_input: bool = False
) -> tuple[Tensor, Tensor | None]:
    """The weight and the bias of one plain layer that does what the layer and its scale do.

    weight: (out, in); bias: (out,) or None; scale: (in,) where it is on the input, else (out,). A scale of the
    output multiplies rows of the weight, and the bias; one of the input multiplies columns, and the bias stays.
    Returns new tensors of the dtypes that came in; no bias stays no bias.
    """
    if on_input:
        return (weight * scale).to(weight.dtype), None if bias is None else bias.clone()
    new_bias = None if bias is None else (bias * scale).to(bias.dtype)
    return (weight * scale[:, None]).to(weight.dtype), new_bias


def count_ia3_parameters(hidden_size: int, intermediate_size: int, layers: int) -> int:
    """How many parameters (IA)³ trains in an encoder of `layers` layers; the head does not count.

    Each layer has a factor for every feature of the keys and of the values (hidden_size each), and of the
    feed-forward's inner activation (intermediate_size).
    """
    return layers * (2 * hidden_size + intermediate_size)


def pareto_front(sizes: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Which points are worth their size: no other is as small and as good, and smaller or better.

    sizes (less is better) and scores (more is better) belong together by place. Returns the places of the front's
    points, from the smallest to the largest. Of two equal points it has the first.
    """
    front: list[int] = []
    for place in sorted(range(len(sizes)), key=lambda i: (sizes[i], -scores[i])):
        if not front or scores[place] > scores[front[-1]]:
            front.append(place)
    return front


class IA3Linear(nn.Module):
    """A linear layer, frozen, with a trained factor for each feature of its output, or of its input.

    `linear` is the layer that was there. `ia3_l`, (out,) or with `on_input` (in,), is the only parameter that
    trains; it starts at one, so nothing is changed. While `merged`, it lies in `linear`'s own weight and bias.
    """

    def __init__(self, linear: nn.Linear, on_input: bool = False) -> None:
        super().__init__()
        self.linear = linear.requires_grad_(False)
        size = linear.in_features if on_input else linear.out_features
        self.ia3_l = nn.Parameter(torch.ones_like(linear.weight[0, 0]).repeat(size))
        self.on_input = on_input
        self.merged = False

    def forward(self, x: Tensor) -> Tensor:
        if self.merged:
            return self.linear(x)
        scaled = scaled_input if self.on_input else scaled_output
        return scaled(x, self.linear.weight, self.linear.bias, self.ia3_l)

    @torch.no_grad()
    def merge(self, on: bool = True) -> None:
        """Fold the factors into the layer, or with `on=False` divide by them again. Twice does no harm."""
        if on != self.merged:
            scale = self.ia3_l if on else 1 / self.ia3_l
            weight, bias = folded(self.linear.weight, self.linear.bias, scale, self.on_input)
            self.linear.weight.copy_(weight)
            if bias is not None:
                self.linear.bias.copy_(bias)
            self.merged = on


def find_scaled(
    model: nn.Module, on_output: Sequence[str], on_input: Sequence[str], head: Sequence[str]
) -> dict[str, bool]:
    """The linear layers that get factors, by path: True where these scale its input, False where its output.

    A target is the end of a path, as a regular expression: "key", or r"\\d+\\.output\\.dense", where the number is
    the layer's. Parts named in `head` are left out. Raises ValueError where a target fits no such layer, where a
    layer would be scaled twice, and where the model has (IA)³ layers already.
    """
    if any(isinstance(part, IA3Linear) for part in model.modules()):
        raise ValueError(
            "This model has (IA)³ layers already. Put other values into them with load_ia3, or load the model "
            "afresh and name all the targets in one call."
        )
    inside = tuple(f"{path}." for path in head_parts(model, head))
    layers = [
        path
        for path, part in model.named_modules()
        if isinstance(part, nn.Linear) and not f"{path}.".startswith(inside)
    ]
    found: dict[str, bool] = {}
    for target, scales_input in [*((end, False) for end in on_output), *((end, True) for end in on_input)]:
        paths = [path for path in layers if re.fullmatch(rf"(.*\.)?({target})", path)]
        if not paths or not found.keys().isdisjoint(paths):
            names = ", ".join(sorted({path.split(".")[-1] for path in layers}))
            problem = "would scale a layer twice" if paths else "is the end of no linear layer's path"
            raise ValueError(
                f"{target} {problem}. Outside the head, this model's linear layers are called {names}."
            )
        found |= dict.fromkeys(paths, scales_input)
    return found


def inject_ia3(
    model: nn.Module,
    on_output: Sequence[str] = ("key", "value"),
    on_input: Sequence[str] = (r"\d+\.output\.dense",),
    head: Sequence[str] = ("classifier",),
) -> nn.Module:
    """Freeze the model, and give its targets factors: by default those of the paper, in a model of BERT's build.

    Changes the model in place and returns it. The parts named in `head` are new and stay trainable. Raises
    ValueError, and changes nothing, where there is no such head or target (`find_scaled`).
    """
    layers = find_scaled(model, on_output, on_input, head)
    head_only(model, head)
    for path, scales_input in layers.items():
        parent, _, name = path.rpartition(".")
        linear = model.get_submodule(path)
        assert isinstance(linear, nn.Linear)
        setattr(model.get_submodule(parent), name, IA3Linear(linear, scales_input))
    return model


def ia3_state(model: nn.Module) -> dict[str, Tensor]:
    """What (IA)³ has to store: the trained tensors by name, copied. The base model is not among them."""
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


@torch.no_grad()
def load_ia3(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Put stored tensors (`ia3_state`) into a model that has the same layers: one base, another task.

    Raises ValueError, and changes nothing, while the factors are folded in, since taking them out again would
    need those that go; and where the tensors do not fit: other layers, another head.
    """
    if any(part.merged for part in model.modules() if isinstance(part, IA3Linear)):
        raise ValueError(
            "This model's factors are folded into its weights. Unfold them before you load others."
        )
    parameters = dict(model.named_parameters())
    shapes = {name: p.shape for name, p in parameters.items() if name in state or name.endswith("ia3_l")}
    stored = {name: value.shape for name, value in state.items()}
    if misfits := sorted({name for name, _ in shapes.items() ^ stored.items()}):
        raise ValueError(
            f"These tensors do not fit this model; the first that differs is {misfits[0]}. "
            "Inject (IA)³ with the targets, and a head for the classes, that they were stored with."
        )
    for name, value in state.items():
        parameters[name].copy_(value)


def merge_ia3(model: nn.Module, on: bool = True) -> nn.Module:
    """Fold the factors of every (IA)³ layer into its weight, or with `on=False` take them out. Returns the model.

    Taking out divides. Raises ValueError, and changes nothing, where a folded factor is zero: what it multiplied
    is gone.
    """
    layers = [part for part in model.modules() if isinstance(part, IA3Linear)]
    if not on and any(layer.merged and not layer.ia3_l.all() for layer in layers):
        raise ValueError(
            "A factor that was folded in is zero, and nobody can divide by zero: the weights it multiplied are "
            "lost. Load the base model again."
        )
    for layer in layers:
        layer.merge(on)
    return model
