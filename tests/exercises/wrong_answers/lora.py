"""Answers to the exercises of notebook 11 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/lora`, since none of its mistakes fits: replacements in the
reference, or a function, and a piece of the advice. RIGHT: other ways to be right.
"""

import re

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.methods import lora
from course_utils.methods.replacing import Wrapped


def init_gaussian(in_features, out_features, rank):
    return torch.normal(0, 0.02, (rank, in_features)), torch.zeros((out_features, rank))


def init_uniform(in_features, out_features, rank):
    lora_A = (torch.rand(rank, in_features) * 2 - 1) / in_features**0.5
    return [lora_A, torch.randn(rank, out_features).T * 0]


def init_orthogonal(in_features, out_features, rank):
    return nn.init.orthogonal_(torch.empty(rank, in_features)), torch.zeros(out_features, rank)


def low_rank_by_numpy(update, rank):
    left, values, right = np.linalg.svd(update.numpy(), full_matrices=False)
    roots = np.sqrt(values[:rank])
    return torch.from_numpy(roots[:, None] * right[:rank]), torch.from_numpy(left[:, :rank] * roots)


def low_rank_by_eigenvectors(update, rank):
    """The update, seen in the directions of the input in which it is largest."""
    lora_A = torch.linalg.eigh(update.T @ update).eigenvectors.flip(1)[:, :rank].T
    return [lora_A, update @ lora_A.T]


def low_rank_negative(update, rank):
    left, values, v = torch.svd(update)
    return -(v[:, :rank] * values[:rank]).mT, -left[:, :rank]


class LayerByProduct(Wrapped):
    """One matrix at every call."""

    def __init__(self, linear, rank, lora_alpha, rank_stabilized=False):
        super().__init__(linear)
        self.lora_A, self.lora_B = map(
            nn.Parameter, lora.lora_init(linear.in_features, linear.out_features, rank)
        )
        self.scaling = lora_alpha * rank ** (-0.5 if rank_stabilized else -1)

    def forward(self, x):
        if self.merged:
            return self.linear(x)
        return F.linear(x, *self.plain(self.linear.weight, self.linear.bias))

    def plain(self, weight, bias, undo=False):
        sign = -1 if undo else 1
        return (weight + sign * self.scaling * self.lora_B @ self.lora_A).to(weight.dtype), bias


class LayerByEinsum(Wrapped):
    """A under autograd by hand, scaled first; its own merge and unmerge."""

    def __init__(self, linear, rank, lora_alpha, rank_stabilized=False):
        super().__init__(linear)
        out_features, in_features = linear.weight.shape
        self.lora_A = nn.Parameter(torch.randn(rank, in_features) / in_features**0.5)
        self.register_parameter("lora_B", nn.Parameter(torch.zeros(out_features, rank)))
        self.lora_alpha, self.rank = lora_alpha, rank
        if rank_stabilized:
            self.rank = np.sqrt(rank)

    def forward(self, x):
        if not self.merged:
            A, B = self.lora_A.type_as(x), self.lora_B.type_as(x)
            update = torch.einsum("...i,ri,or->...o", x * float(self.lora_alpha / self.rank), A, B)
            return self.linear(x) + update
        return self.linear(x)

    def plain(self, weight, bias, undo=False):
        update = float(self.lora_alpha / self.rank) * self.lora_B.mm(self.lora_A)
        return weight.add(update.type_as(weight), alpha=-1 if undo else 1), bias


class LayerWithItsOwnMerge(lora.LoRALinear):
    """The weight is changed by merge and unmerge themselves, and `plain` only tells."""

    @torch.no_grad()
    def merge(self):
        if not self.merged:
            self.linear.weight.data = self.plain(self.linear.weight, None)[0]
        self.merged = True

    @torch.no_grad()
    def unmerge(self):
        if self.merged:
            self.linear.weight -= self.scaling * (self.lora_B @ self.lora_A).to(self.linear.weight.dtype)
        self.merged = False


def inject_by_hand(model, targets, kind, head, **settings):
    found = []
    for target in targets:
        paths = [
            path
            for path, part in model.named_modules()
            if isinstance(part, nn.Linear)
            and path.split(".")[0] not in head
            and (path == target or path.endswith("." + target))
        ]
        if not paths:
            raise ValueError(f"{target} fits no layer")
        found += [path for path in paths if path not in found]
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.split(".")[0] in head
    for path in found:
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, kind(model.get_submodule(path), **settings))
    return model


def inject_by_recursion(model, targets, kind, head, **settings):
    wanted = [target.split(".") for target in targets]
    used = set()

    def visit(module, path, change):
        for name, child in list(module.named_children()):
            here = [*path, name]
            fitting = [i for i, target in enumerate(wanted) if here[-len(target) :] == target]
            if isinstance(child, nn.Linear) and fitting:
                used.update(fitting)
                if change:
                    module.add_module(name, kind(child, **settings))
            elif name not in head:
                visit(child, here, change)

    visit(model, [], change=False)
    if len(used) < len(wanted):
        raise ValueError("a target fits nothing")
    model.requires_grad_(False)
    visit(model, [], change=True)
    for name in head:
        model.get_submodule(name).requires_grad_(True)
    return model


def inject_by_regular_expression(model, targets, kind, head, **settings):
    parts = {p: m for p, m in model.named_modules() if type(m) is nn.Linear and not p.startswith(tuple(head))}
    found = {t: [p for p in parts if re.search(rf"(^|\.){re.escape(t)}$", p)] for t in targets}
    if not all(found.values()):
        raise ValueError("unknown targets")
    for p in model.parameters():
        p.requires_grad_(False)
    for name in head:
        model.get_submodule(name).requires_grad_(True)
    for path in sum(found.values(), []):
        model.set_submodule(path, kind(parts[path], **settings))
    return model


def count_by_entries(in_features, out_features, rank, layers):
    lora_A, lora_B = torch.zeros(rank, in_features), torch.zeros(out_features, rank)
    return (lora_A.numel() + lora_B.numel()) * layers


def count_by_numpy(in_features, out_features, rank, layers):
    return np.int64(layers) * rank * (in_features + out_features)


def count_in_a_loop(in_features, out_features, rank, layers):
    return sum(rank * side for _ in range(layers) for side in (in_features, out_features))


WRONG = {
    "lora.lora_init": {
        "return two tensors with entries": {"lora_A, torch.zeros(": "(rank, in_features), ("},
        "A should have the shape": {"empty(rank, in_features)": "empty(rank, rank)"},
    },
    "lora.low_rank": {
        "A should have the shape": {"left[:, :rank] *": "left[:, :rank].mean() *"},
        "B A is not the nearest matrix": {"return right[:rank], left": "return right[:rank], 2 * left"},
        "return two tensors: A, then B": {
            "right[:rank], left[:, :rank] *": "left[:, :rank] @ right[:rank] *"
        },
    },
    "lora.LoRALinear": {
        "something is used": {
            "super().__init__(linear)": "nn.Module.__init__(self)\n        self.linear = linear"
        },
        "before training the layer must give": {"nn.Parameter(lora_B": "nn.Parameter(1 + lora_B"},
        "two layers hold the same A or B": {
            "nn.Parameter(lora_A": "globals().setdefault(f'A {lora_A.shape}', nn.Parameter(lora_A)); _ = (lora_A"
        },
        "while nobody called merge()": {"frozen = self.linear(x)": "frozen = self.linear(x)\n        x *= 2"},
        "computed with .detach()": {"self.lora_A.to(x.dtype)": "self.lora_A.detach().to(x.dtype)"},
        "as new tensors": {"return weight -": "weight += 1\n        return weight -"},
        "shapes or dtypes that do not go together": {"self.lora_A.to(x.dtype)": "self.lora_B.to(x.dtype)"},
        "Two things.": {"+ self.scaling * F": "+ F", "if undo": "if not undo"},
    },
    "lora.inject": {
        "return the model itself": {"return model": "return layers"},
        "these are not the layers": {"layers.items()": "[*layers.items()][1:]"},
        "the base is not frozen": {
            "kind(linear,": "kind(linear.requires_grad_(True),",
            "freeze_base": "print",
        },
        "and an A and B of its own": {
            "    return model": "    for layer in wrapped(model).values():\n"
            "        layer.lora_A = next(iter(wrapped(model).values())).lora_A\n    return model"
        },
        "changed in place. Only put layers": {"replace(": "linear.weight.data.add_(1)\n        replace("},
        "Two things.": {"freeze_base(model, head)": "pass", "    return model": "        return model"},
    },
    "lora.count_lora_parameters": {
        "return a whole number (an int)": {"return": "return torch.tensor(1) *"},
        "the numbers are not": {
            "rank * (in_features + out_features)": "(rank * (in_features + out_features) + out_features)"
        },
    },
}

RIGHT = {
    "lora.lora_init": [init_gaussian, init_uniform, init_orthogonal],
    "lora.low_rank": [low_rank_by_numpy, low_rank_by_eigenvectors, low_rank_negative],
    "lora.LoRALinear": [LayerByProduct, LayerByEinsum, LayerWithItsOwnMerge],
    "lora.inject": [inject_by_hand, inject_by_recursion, inject_by_regular_expression],
    "lora.count_lora_parameters": [count_by_entries, count_in_a_loop, count_by_numpy],
}
