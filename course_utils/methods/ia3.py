"""(IA)³: multiply what some layers compute by vectors that start at one, and train only those.

Source: Liu, Tam, Muqeeth, Mohta, Huang, Bansal and Raffel (2022), "Few-Shot Parameter-Efficient Fine-Tuning is Better
and Cheaper than In-Context Learning", section 3.3: the keys, the values, and the feed-forward's inner activation.
"""

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from course_utils.methods.finding import find_layers, fits_any, freeze_base
from course_utils.methods.peft_format import load_peft, read_peft, save_peft, saved_parts, shortest_names
from course_utils.methods.replacing import Wrapped, innermost, merge_and_unload, replace, wrapped
from course_utils.methods.storing import load, own_parameters, state
from course_utils.methods.validation import Given, checked


def _each_point_has_both(given: Given) -> None:
    sizes, scores = given["sizes"], given["scores"]
    if len(sizes) != len(scores):
        raise ValueError(
            f"There are {len(sizes)} sizes and {len(scores)} scores: one of each for every point."
        )
    if any(math.isnan(number) for number in (*sizes, *scores)):
        raise ValueError(
            "A size or a score is NaN, and nothing is better or worse than that. Leave this point out."
        )


@checked(_each_point_has_both)
def pareto_front(sizes: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Which points are worth their size: no other is as small and as good, and smaller or better.

    sizes (less is better) and scores (more is better) belong together by place. Returns the places of the front's
    points, from the smallest to the largest. Of two equal points it has the first. Raises ValueError where sizes and
    scores are not as many, and for NaN.
    """
    front: list[int] = []
    for place in sorted(range(len(sizes)), key=lambda i: (sizes[i], -scores[i])):
        if not front or scores[place] > scores[front[-1]]:
            front.append(place)
    return front


class IA3Linear(Wrapped):
    """A linear layer, frozen, with a trained factor for each feature of its output, or of its input.

    `linear` is the layer that was there. `ia3_l`, (out,) or with `on_input` (in,), is the only parameter that
    trains; it starts at one, so nothing is changed. As in peft it is float32 also beside a layer in half precision.
    Keys and values are scaled on the output; the feed-forward's inner activation is the input of its second matrix. A
    plain layer can do the same (`plain`): a scale of the output multiplies the rows of its weight, and the bias; one of
    the input multiplies the columns, and the bias stays. While `merged`, the layer's own weight and bias are so.
    """

    def __init__(self, linear: nn.Module, on_input: bool = False) -> None:
        super().__init__(linear)
        size = self.in_features if on_input else self.out_features
        self.ia3_l = nn.Parameter(torch.ones(size, device=self.linear.weight.device))
        self.on_input = on_input

    def forward(self, x: Tensor) -> Tensor:
        if self.merged:
            return self.linear(x)
        scale = self.ia3_l.to(x.dtype)
        return self.linear(x * scale) if self.on_input else self.linear(x) * scale

    def plain(self, weight: Tensor, bias: Tensor | None, undo: bool = False) -> tuple[Tensor, Tensor | None]:
        scale = 1 / self.ia3_l if undo else self.ia3_l
        if self.on_input:
            return (weight * scale).to(weight.dtype), bias
        new_bias = None if bias is None else (bias * scale).to(bias.dtype)
        return (weight * scale[:, None]).to(weight.dtype), new_bias

    def settings(self) -> dict[str, float | bool]:
        return {"on_input": self.on_input}

    @property
    def reversible(self) -> bool:
        return bool(self.ia3_l.all())


def find_scaled(
    model: nn.Module, on_output: Sequence[str] | str, on_input: Sequence[str] | str, head: Sequence[str]
) -> dict[str, bool]:
    """The linear layers that get factors, by path: True where these scale its input, False where its output.

    Targets are a list of names, or one regular expression for whole paths (`finding.find_layers`). Parts named in
    `head` are left out. Raises ValueError where a target fits no such layer, where there is no target, where a layer
    would be scaled twice, and where the model has (IA)³ layers already.
    """
    outputs, inputs = (
        find_layers(model, targets, head, IA3Linear) if targets else {} for targets in (on_output, on_input)
    )
    if twice := [path for path in outputs if path in inputs]:
        raise ValueError(f"{twice[0]} would be scaled twice, on its output and on its input. Name it once.")
    if not outputs and not inputs:
        raise ValueError("on_output and on_input are both empty, so there is nothing to scale.")
    return dict.fromkeys(outputs, False) | dict.fromkeys(inputs, True)


def inject_ia3(
    model: nn.Module,
    on_output: Sequence[str] | str = ("key", "value"),
    on_input: Sequence[str] | str = r".*\.\d+\.output\.dense",
    head: Sequence[str] = ("classifier",),
) -> nn.Module:
    """Freeze the model, and give its targets factors: by default those of the paper, in a model of BERT's build.

    Changes the model in place and returns it. The parts named in `head` are new and stay trainable. Raises
    ValueError, and changes nothing, where there is no such head or target (`find_scaled`).
    """
    layers = find_scaled(model, on_output, on_input, head)
    freeze_base(model, head)
    for path, scales_input in layers.items():
        replace(model, path, IA3Linear(model.get_submodule(path), scales_input))
    return model


@torch.no_grad()
def turned(model: nn.Module, dial: float) -> nn.Module:
    """A copy of the model with each factor l of its (IA)³ layers at 1 + dial * (l - 1); all else is as it was.

    0 takes (IA)³ away, 1 leaves it as it was trained, and 2 doubles each factor's distance from one.
    """
    copied = deepcopy(model)
    for name, parameter in copied.named_parameters():
        if name.endswith("ia3_l"):
            parameter.copy_(1 + dial * (parameter - 1))
    return copied


def ia3_state(model: nn.Module) -> dict[str, Tensor]:
    """What (IA)³ has to store: copies of the trained tensors by name, and for each layer whether it scales its input.
    The base model is not among them. Raises ValueError where the model has no (IA)³."""
    return state(model, IA3Linear)


def load_ia3(model: nn.Module, stored: Mapping[str, Tensor] | str | Path) -> nn.Module:
    """Put a state (`ia3_state`), or a folder in peft's format, into a model: one base, another task. Returns it.

    From a folder, a model without (IA)³ gets its layers first. Raises ValueError, and changes nothing, while factors
    are merged, and where names, shapes or settings differ.
    """
    if isinstance(stored, Mapping):
        return load(model, stored, "IA3Linear", own_parameters(model, IA3Linear))
    config, tensors = read_peft(stored, "IA3", {"target_modules", "feedforward_modules"})
    inputs: Any = config.get("feedforward_modules") or []
    tensors = {name: value.flatten() if name.endswith(".ia3_l") else value for name, value in tensors.items()}

    def add(model: nn.Module) -> nn.Module:
        head = saved_parts(model, config)
        layers = find_layers(model, config["target_modules"], head)
        scaled = {path: fits_any(inputs, path) for path in layers}
        on_output, on_input = ([path for path in layers if scaled[path] is side] for side in (False, True))
        return inject_ia3(model, on_output, on_input, head)

    return load_peft(model, tensors, IA3Linear, lambda path: {"on_input": fits_any(inputs, path)}, add)


def save_ia3(model: nn.Module, folder: str | Path) -> None:
    """Write factors and head as a folder that `peft.PeftModel.from_pretrained(base, folder)` loads, and `load_ia3`.

    Written beside it and renamed, so that it is complete or not there. Raises as `lora.save_lora`.
    """
    layers = wrapped(model, IA3Linear)
    config = {
        "peft_type": "IA3",
        "target_modules": shortest_names(model, layers),
        "feedforward_modules": shortest_names(
            model, [path for path, layer in layers.items() if layer.on_input]
        ),
        "fan_in_fan_out": any(isinstance(innermost(layer), Conv1D) for layer in layers.values()),
    }
    save_peft(model, folder, IA3Linear, config)


def merge_ia3(model: nn.Module) -> nn.Module:
    """Fold every factor into its layer, and take (IA)³ off: a plain model is left. In place; returns the model.

    `replacing.merge(model)` keeps the layers, and can be undone. Raises ValueError as `replacing.merge_and_unload`.
    """
    return merge_and_unload(model, IA3Linear)
