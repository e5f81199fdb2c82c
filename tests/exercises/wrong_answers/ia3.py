"""Answers to the exercises of notebook 07 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/ia3`, since none of its mistakes fits: replacements in the
reference, or a function, and a piece of the advice. RIGHT: other ways to be right.
"""

from copy import deepcopy

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.methods.finding import find_layers, freeze_base
from course_utils.methods.ia3 import IA3Linear, find_scaled
from course_utils.methods.replacing import Wrapped, replace, wrapped

# --- find_scaled ---


def find_and_forgive(model, on_output, on_input, head):
    """A misspelt name is passed over like an empty side."""

    def find(targets):
        try:
            return find_layers(model, targets, head, IA3Linear)
        except ValueError:
            return {}

    outputs, inputs = find(on_output), find(on_input)
    if not outputs and not inputs or set(outputs) & set(inputs):
        raise ValueError("no layer, or one on both sides")
    return dict.fromkeys(outputs, False) | dict.fromkeys(inputs, True)


# --- IA3Linear ---


class IA3ByFolding(IA3Linear):
    """Forward by the plain layer, each time."""

    def forward(self, x):
        if self.merged:
            return self.linear(x)
        return F.linear(x, *self.plain(self.linear.weight, self.linear.bias))


class IA3ByDiagonal(IA3Linear):
    def plain(self, weight, bias, undo=False):
        scale = self.ia3_l.reciprocal() if undo else self.ia3_l
        diagonal = torch.diag(scale)
        if self.on_input:
            return (weight.float() @ diagonal).to(weight.dtype), bias
        if bias is not None:
            bias = (diagonal @ bias.float()).to(weight.dtype)
        return (diagonal @ weight.float()).to(weight.dtype), bias


class IA3InBranches(Wrapped):
    def __init__(self, linear, on_input=False):
        super().__init__(linear)
        self.on_input = on_input
        self.register_parameter(
            "ia3_l", nn.Parameter(linear.weight.new_ones(self._width(), dtype=torch.float32))
        )

    def _width(self):
        return self.in_features if self.on_input else self.out_features

    def forward(self, x):
        scale = torch.ones(self._width()) if self.merged else self.ia3_l
        if self.on_input:
            return self.linear((x * scale).type_as(x))
        output = self.linear(x)
        return (output * scale).type_as(output)

    def plain(self, weight, bias, undo=False):
        if self.on_input:
            return [(weight / self.ia3_l if undo else weight * self.ia3_l).type_as(weight), bias]
        rows = self.ia3_l.view(-1, 1)
        new_weight = (weight / rows if undo else weight * rows).type_as(weight)
        if bias is None:
            return [new_weight, None]
        return [new_weight, (bias / self.ia3_l if undo else bias * self.ia3_l).type_as(bias)]

    def settings(self):
        return {"on_input": self.on_input}

    @property
    def reversible(self):
        return not (self.ia3_l == 0).any().item()


# --- find_scaled ---


def find_in_a_loop(model, on_output, on_input, head):
    if not (on_output or on_input):
        raise ValueError("Name a layer.")
    sides = {}
    for targets, side in ((on_output, False), (on_input, True)):
        if not targets:
            continue
        for path in find_layers(model, targets, head, IA3Linear):
            if path in sides:
                raise ValueError(f"{path} is named twice.")
            sides[path] = side
    return sides


def find_by_sets(model, on_output, on_input, head):
    outputs = list(find_layers(model, on_output, head, kind=IA3Linear)) if len(on_output) else []
    inputs = list(find_layers(model, on_input, head, kind=IA3Linear)) if len(on_input) else []
    if set(outputs) & set(inputs) or not outputs + inputs:
        raise ValueError("A layer is named twice, or none is.")
    return {path: path in inputs for path in outputs + inputs}


def find_by_length(model, on_output, on_input, head):
    sides = {}
    if on_output:
        sides |= dict.fromkeys(find_layers(model, on_output, head, IA3Linear), False)
    if on_input:
        inputs = find_layers(model, on_input, head, IA3Linear)
        if len(sides | inputs) < len(sides) + len(inputs):
            raise ValueError("A layer would be scaled twice.")
        sides.update((path, True) for path in inputs)
    if not sides:
        raise ValueError("There is nothing to scale.")
    return sides


# --- inject_ia3 ---


def inject_by_parents(model, on_output=(), on_input=(), head=()):
    layers = find_scaled(model, on_output, on_input, head)
    model = freeze_base(model, head)
    for path in layers:
        parent, _, name = path.rpartition(".")
        parent = model.get_submodule(parent)
        setattr(parent, name, IA3Linear(getattr(parent, name), on_input=layers[path]))
    return model


def inject_by_walking(model, on_output=(), on_input=(), head=()):
    found = find_scaled(model, on_output, on_input, head)
    sides = {model.get_submodule(path): side for path, side in found.items()}
    freeze_base(model, head)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if child in sides:
                parent.add_module(name, IA3Linear(child, sides[child]))
    return model


def inject_and_freeze_by_name(model, on_output=(), on_input=(), head=()):
    for path, side in find_scaled(model, on_output, on_input, head).items():
        replace(model, path, IA3Linear(model.get_submodule(path), side))
    for name, parameter in model.named_parameters():
        parameter.requires_grad = "ia3_l" in name or bool(set(name.split(".")) & set(head))
    return model


# --- turned ---


def turned_by_lerp(model, dial):
    copied = deepcopy(model)
    for layer in wrapped(copied).values():
        layer.ia3_l.data = torch.lerp(torch.ones_like(layer.ia3_l), layer.ia3_l, dial).data
    return copied


def turned_by_state(model, dial):
    state = model.state_dict()
    turned = {name: dial * v + (1 - dial) for name, v in state.items() if name.endswith("ia3_l")}
    copied = deepcopy(model)
    copied.load_state_dict(state | turned)
    return copied


def turned_in_place_of_the_copy(model, dial):
    copied = deepcopy(model)
    with torch.no_grad():
        for name, parameter in copied.named_parameters():
            if "ia3_l" in name:
                parameter.sub_(1).mul_(dial).add_(1)
    return copied


# --- pareto_front ---


def front_by_pandas(sizes, scores):
    table = pd.DataFrame({"size": sizes, "score": scores}).sort_values(
        ["size", "score"], ascending=[True, False]
    )
    return table.index[table["score"] > table["score"].cummax().shift(fill_value=float("-inf"))]


def front_by_pairs(sizes, scores):
    kept = [
        i
        for i, (size, score) in enumerate(zip(sizes, scores, strict=True))
        if not any(
            (other <= size and best > score) or (other < size and best >= score)
            for other, best in zip(sizes, scores, strict=True)
        )
    ]
    return sorted(kept, key=lambda i: sizes[i])


def front_by_numpy(sizes, scores):
    order = np.lexsort((-np.array(scores), np.array(sizes)))
    kept, best = [], -np.inf
    for i in order:
        if scores[i] > best:
            kept.append(i)
            best = scores[i]
    return kept


def front_by_torch(sizes, scores):
    return torch.tensor(front_by_pairs(sizes, scores))


def front_as_array(sizes, scores):
    return np.array(front_by_pairs(sizes, scores))


def front_from_the_best_down(sizes, scores):
    kept, places = [], list(range(len(sizes)))
    while places:
        best = max(places, key=lambda i: (scores[i], -sizes[i]))
        kept.insert(0, best)
        places = [i for i in places if sizes[i] < sizes[best]]
    return tuple(kept)


WRONG = {
    "ia3.IA3Linear": {
        "exactly one parameter should train": {"self.ia3_l": "self.scale"},
        "changes its inputs": {"return self.linear(x * scale) if": "return self.linear(x.mul_(scale)) if"},
        "the layers below would not": {
            "x * scale": "x.detach() * scale",
            "(x) * scale": "(x.detach()) * scale",
        },
        "not the type to return": {"else self.linear(x) * scale": "else (self.linear(x) * scale).tolist()"},
        "else by l[i]; shape": {"scale[:, None]": "scale[:, None] ** 2"},
        "No bias stays None": {"(bias * scale)": "(bias * scale * scale)"},
        "should give the old weight and bias back": {"1 / self.ia3_l if": "1 / self.ia3_l**2 if"},
        "computes something else than before": {"return self.linear(x)\n": "return self.linear(x) * 2\n"},
        "before training the layer should compute": {"torch.ones(size": "torch.rand(size"},
        "Two things.": {
            "self.linear(x * scale) if self.on_input else self.linear(x)": "self.linear(x)",
            "if undo": "if not undo",
        },
    },
    "ia3.find_scaled": {
        "no error of another kind": {"raise ValueError(f": "raise KeyError(f"},
        "the result is a dict": {"return": "return None and"},
        "belongs where find_layers raises one": find_and_forgive,
    },
    "ia3.inject_ia3": {"return the model that was given": {"return model": "return layers"}},
    "ia3.turned": {
        "other weights than the factors": {'name.endswith("ia3_l")': 'name.endswith(("ia3_l", "bias"))'},
        "return the copy, a model": {"return copied": "return copied.state_dict()"},
        "should train in its copy too": {"return copied": "return copied.requires_grad_(False)"},
        "on a straight line through the two": {"dial * (": "dial**2 * ("},
    },
    "ia3.pareto_front": {
        "return a list of whole numbers": {"return front": "return set(front)"},
        "changes its inputs in place": {"return": "scores.sort()\n    return"},
        "not the points of the front": {"return": "front[0] = 0\n    return"},
        "Two things.": {"> scores": ">= scores", ", -scores[i]": ""},
    },
}

RIGHT = {
    "ia3.IA3Linear": [IA3ByFolding, IA3ByDiagonal, IA3InBranches],
    "ia3.find_scaled": [find_in_a_loop, find_by_sets, find_by_length],
    "ia3.inject_ia3": [inject_by_parents, inject_by_walking, inject_and_freeze_by_name],
    "ia3.turned": [turned_by_lerp, turned_by_state, turned_in_place_of_the_copy],
    "ia3.pareto_front": [
        front_by_pairs,
        front_by_numpy,
        front_by_torch,
        front_as_array,
        front_by_pandas,
        front_from_the_best_down,
    ],
}
