"""Answers to the exercises of notebook 09 as a reader might write them.

WRONG: for each exercise, the answers that no row of its `edits` expresses, and a piece of the hint that each must get.
RIGHT: other ways to be right.
"""

import functools

import numpy as np
import torch
from torch import nn

from course_utils.methods.madx import bottleneck, invertible_slots, stacks

# --- mask_tokens ---


def mask_in_place(input_ids, asked, draw, random_ids, mask_id):
    labels = torch.where(asked, input_ids, -100)
    input_ids[asked & (draw < 0.8)] = mask_id
    other = asked & (draw >= 0.9)
    input_ids[other] = random_ids[other]
    return input_ids, labels


def mask_by_index(input_ids, asked, draw, random_ids, mask_id):
    shown, labels = input_ids.clone(), torch.full_like(input_ids, -100)
    labels[asked] = input_ids[asked]
    shown[asked & (draw < 0.8)] = mask_id
    other = asked & (draw >= 0.9)
    shown[other] = random_ids[other]
    return [shown, labels]


def mask_in_a_loop(input_ids, asked, draw, random_ids, mask_id):
    shown, rows = [], zip(input_ids.tolist(), asked.tolist(), draw.tolist(), random_ids.tolist(), strict=True)
    for row in rows:
        shown.append([])
        for token, hidden, number, other in zip(*row, strict=True):
            seen = mask_id if number < 0.8 else other if number >= 0.9 else token
            shown[-1].append(seen if hidden else token)
    return torch.tensor(shown), torch.where(asked, input_ids, -100)


def mask_by_fill(input_ids, asked, draw, random_ids, mask_id):
    shown = input_ids.masked_fill(asked & draw.lt(0.8), mask_id)
    shown = shown.where(~(asked & draw.ge(0.9)), random_ids)
    return shown, input_ids.masked_fill(asked.logical_not(), -100)


def mask_by_arithmetic(input_ids, asked, draw, random_ids, mask_id):
    asked = asked.long()
    masked, other = asked * (draw < 0.8).long(), asked * (draw >= 0.9).long()
    shown = masked * mask_id + other * random_ids + (1 - masked - other) * input_ids
    return shown, asked * input_ids - 100 * (1 - asked)


def mask_by_numpy(input_ids, asked, draw, random_ids, mask_id):
    shown = np.where(
        asked, np.where(draw < 0.8, mask_id, np.where(draw >= 0.9, random_ids, input_ids)), input_ids
    )
    return torch.from_numpy(shown), torch.from_numpy(np.where(asked, input_ids, -100))


# --- InvertibleAdapter: __init__ is given ---


class InvertibleStub(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first, self.second = (bottleneck(width // 2, width // 4) for _ in range(2))


class InvertibleBySlices(InvertibleStub):
    def forward(self, hidden):
        half = hidden.shape[-1] // 2
        left = hidden[..., :half] + self.first(hidden[..., half:])
        return torch.cat((left, self.second(left) + hidden[..., half:]), -1)

    def inverse(self, coupled):
        half = coupled.shape[-1] // 2
        right = coupled[..., half:] - self.second(coupled[..., :half])
        return torch.cat((coupled[..., :half] - self.first(right), right), -1)


class InvertibleByUnflatten(InvertibleStub):
    def forward(self, hidden):
        e1, e2 = hidden.unflatten(-1, (2, -1)).unbind(-2)
        o1 = self.first(e2) + e1
        return torch.stack([o1, self.second(o1) + e2], dim=-2).flatten(-2)

    def inverse(self, coupled):
        o1, o2 = torch.tensor_split(coupled, 2, dim=-1)
        e2 = -self.second(o1) + o2
        return (
            torch.hstack([o1 - self.first(e2), e2])
            if o1.dim() < 3
            else torch.cat([o1 - self.first(e2), e2], 2)
        )


class InvertibleIntoEmpty(InvertibleStub):
    def _moved(self, halves, order, sign):
        out = torch.empty_like(halves)
        parts = list(halves.chunk(2, dim=-1))
        for index in order:
            function = self.second if index else self.first
            parts[index] = parts[index] + sign * function(parts[1 - index])
        out[..., : parts[0].shape[-1]], out[..., parts[0].shape[-1] :] = parts
        return out

    def forward(self, hidden):
        return self._moved(hidden, (0, 1), 1)

    def inverse(self, coupled):
        return self._moved(coupled, (1, 0), -1)


# --- Stack ---


class StackStub(nn.Module):
    def __init__(self):
        super().__init__()
        self.language = self.task = None


class StackByLoop(StackStub):
    def forward(self, hidden, residual):
        for adapter in (self.language, self.task):
            if adapter is not None:
                hidden = residual = adapter(hidden, residual)
        return residual


class StackByCases(StackStub):
    def forward(self, hidden, residual):
        if self.language is None and self.task is None:
            return residual
        if self.language is None:
            return self.task(hidden, residual)
        below = self.language(hidden, residual)
        return below if self.task is None else self.task(below, below)


class StackByReduce(StackStub):
    def forward(self, hidden, residual):
        given = filter(None, (self.language, self.task))
        return functools.reduce(lambda both, adapter: (adapter(*both),) * 2, given, (hidden, residual))[1]


class StackByKeyword(StackStub):
    def forward(self, hidden, residual):
        if self.language is None:
            return residual if self.task is None else self.task(hidden=hidden, residual=residual)
        below = self.language(hidden, residual=residual)
        return below if self.task is None else self.task(below)


# --- put_language ---


def put_by_cases(model, language):
    if language is None:
        for stack in stacks(model):
            stack.language = None
    else:
        for index, stack in enumerate(stacks(model)):
            stack.language = language.layers[index]
    for slot in invertible_slots(model):
        slot.invertible = language.invertible if language else None
    return model


def put_by_attributes(model, language):
    layers = iter(() if language is None else language.layers)
    for part in list(model.modules()):
        if hasattr(part, "invertible"):
            part.invertible = getattr(language, "invertible", None)
        if hasattr(part, "language") and hasattr(part, "task"):
            part.language = next(layers, None)
    return model


def put_by_setattr(model, language):
    layers = language.layers if language is not None else [None] * 99
    [setattr(stack, "language", layer) for stack, layer in zip(stacks(model), layers, strict=False)]
    [setattr(slot, "invertible", getattr(language, "invertible", None)) for slot in invertible_slots(model)]
    return model


# --- train_only ---


def train_by_names(model, stage, head=("classifier",)):
    wanted = {"language": {"language", "invertible"}, "task": {"task", *head}, "transfer": set()}[stage]
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not wanted.isdisjoint(name.split("."))
    return model


def train_by_parameters(model, stage, head=("classifier",)):
    chosen = []
    for place in stacks(model):
        chosen += [place.language] if stage == "language" else [place.task] if stage == "task" else []
    if stage == "language":
        chosen.append(model.base_model.embeddings.invertible)
    if stage == "task":
        chosen += [getattr(model, name) for name in head]
    ids = {id(parameter) for part in chosen for parameter in part.parameters()}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in ids)
    return model


def train_by_stage(model, stage, head=("classifier",)):
    model.requires_grad_(False)
    if stage == "transfer":
        return model
    for place in stacks(model):
        getattr(place, stage).requires_grad_()
    if stage == "task":
        return [model.get_submodule(name).requires_grad_() for name in head] and model
    invertible_slots(model)[0].invertible.requires_grad_()
    return model


_CHUNKS = "left, right = coupled.chunk(2, dim=-1)"
_SLICES = "half = coupled.shape[-1] // 2\n        left, right = coupled[..., :half], coupled[..., half:]"

WRONG = {
    "madx.mask_tokens": {
        "changes its inputs in place": mask_in_place,
        "return two tensors, shown and labels": {"shown, torch.where(asked, input_ids, -100)": "shown"},
        "Do not pick the asked places out": {"torch.where(asked, input_ids, -100)": "input_ids[asked]"},
        "both results hold token ids": {"return shown": "return shown.float()"},
        "ask a whole tensor whether it is true": {"asked & (draw < 0.8)": "asked and draw < 0.8"},
        "Draw nothing yourself": {"draw < 0.8": "torch.rand_like(draw) < 0.8"},
        "Two things.": {"-100": "0", "< 0.8": "< 0.9"},
    },
    "madx.InvertibleAdapter": {
        "two likely reasons": {"left = left + ": "left += "},
        "the inverse changes what it is given": {_CHUNKS: _SLICES, "right = right - ": "right -= "},
        "torch.stack makes a new dim": {"torch.cat": "torch.stack"},
        "return one tensor": {"torch.cat([left, right], dim=-1)": "left, right"},
        "the gradient is not": {"self.first(right)": "self.first(right).detach()"},
        "each with weights of its own": {
            "        self.second = ": "        self.second = self.first\n        _ = "
        },
        "both methods, forward and inverse": {"def inverse": "def undo"},
        "Count from the end": {"coupled.chunk(2, dim=-1)": "coupled.chunk(2, dim=2)"},
        "the numbers are not": {"left + self.first(right)": "self.first(right)", "- self": "+ self"},
    },
    "madx.Stack": {
        "needs its own `return`": {
            "return residual if self.task is None else self": "if self.task is not None:\n            return self"
        },
        "is called with two things": {"(hidden, residual)\n": "(hidden, residual, None)\n"},
        "that variable was never set": {
            "residual = self.l": "below = self.l",
            "= residual\n": "= below\n",
            "residual if self": "below if self",
            "self.task(hidden, residual)": "self.task(hidden, below)",
        },
        "the gradient is not": {"hidden = residual": "hidden = residual.detach()"},
    },
    "madx.put_language": {
        "so that calls can be nested": {"return model": ""},
        "requires_grad of the model changed": {
            "return model": "model.base_model.embeddings.requires_grad_(True)\n    return model"
        },
        "which has no .layers": {"None if language is None else language.invertible": "language.invertible"},
        "Two things.": {"invertible_slots(model)": "[]", "= layer\n": "= layers[0]\n"},
    },
    "madx.train_only": {
        "slot.invertible trains in": {"[slot.invertible for": "[slot.invertible.first for"},
        "lists their paths": {
            "[model.get_submodule(path) for": "[next(model.get_submodule(path).parameters()) for"
        },
        "embeddings and other heads": {
            "for part in parts:": "for part in [*parts, model.base_model.encoder.layer[0].attention]:"
        },
        "so that calls can be nested": {"return model": ""},
        "place.task of every stack trains": {"[place.task for": "[place.task.up for"},
        "Two things.": {
            "[slot.invertible for": "[slot for",
            "head_parts(model, head)": "head_parts(model, head)[:0]",
        },
    },
}

RIGHT = {
    "madx.mask_tokens": [mask_by_index, mask_in_a_loop, mask_by_fill, mask_by_arithmetic, mask_by_numpy],
    "madx.InvertibleAdapter": [InvertibleBySlices, InvertibleByUnflatten, InvertibleIntoEmpty],
    "madx.Stack": [StackByLoop, StackByCases, StackByReduce, StackByKeyword],
    "madx.put_language": [put_by_cases, put_by_attributes, put_by_setattr],
    "madx.train_only": [train_by_names, train_by_parameters, train_by_stage],
}
