"""Answers to the exercises of notebook 06 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/freezing`, since none of its mistakes fits: replacements in the
reference, and a piece of the advice. RIGHT: other ways to be right.
"""

import numpy as np
import torch

from course_utils.methods.freezing import encoder_layers, head_only, head_parts


def in_head(name, head):
    return bool(set(name.split(".")) & set(head))


def moved_by_any(before, after):
    return [name for name in before if (before[name] != after[name]).any()]


def moved_by_size(before, after):
    found = []
    for name in after:
        if (after[name] - before[name]).abs().max().item() > 0:
            found.append(name)
    return found


def moved_as_tuple(before, after):
    return tuple(name for name, new in after.items() if not bool((new == before[name]).all()))


def moved_by_numpy(before, after):
    return [name for name in before if not np.array_equal(before[name].numpy(), after[name].numpy())]


def mix_by_einsum(states, weights, gamma):
    return gamma * torch.einsum("l,lbtw->btw", weights.softmax(0), states)


def mix_by_loop(states, weights, gamma):
    shares = weights.exp() / weights.exp().sum()
    mixed = torch.zeros_like(states[0])
    for share, state in zip(shares, states, strict=True):
        mixed = mixed + share * state
    return mixed * gamma


def mix_by_tensordot(states, weights, gamma):
    return torch.tensordot(gamma * torch.softmax(weights, -1), states, dims=1)


def top_by_reversed(model, k, head=("classifier",)):
    head_only(model, head)
    for layer in list(reversed(encoder_layers(model)))[:k]:
        for parameter in layer.parameters():
            parameter.requires_grad = True
    return model


def top_by_index(model, k, head=("classifier",)):
    head_only(model, head)
    layers = encoder_layers(model)
    for i in range(1, k + 1):
        layers[-i].requires_grad_(True)
    return model


def top_by_names(model, k, head=("classifier",)):
    layers = encoder_layers(model)
    trains = {id(p) for layer in list(layers)[len(layers) - k :] for p in layer.parameters()}
    for name, parameter in model.named_parameters():
        parameter.requires_grad = id(parameter) in trains or in_head(name, head)
    return model


def share_by_lists(model, head=("classifier",)):
    sizes = [(p.numel(), p.requires_grad and not in_head(n, head)) for n, p in model.named_parameters()]
    return 100 * sum(size for size, trained in sizes if trained) / sum(size for size, _ in sizes)


def share_by_paths(model, head=("classifier",)):
    new = {id(p) for path in head_parts(model, head) for p in model.get_submodule(path).parameters()}
    trained = torch.tensor([p.numel() for p in model.parameters() if p.requires_grad and id(p) not in new])
    return trained.sum() / sum(p.numel() for p in model.parameters()) * 100


def share_in_numpy(model, head=("classifier",)):
    return np.float32(share_by_lists(model, head))


def found_by_loop(model, own="", parts=None, outside=()):
    def pieces_in(pieces, part):
        wanted = part.split(".")
        return any(pieces[i : i + len(wanted)] == wanted for i in range(len(pieces)))

    found = []
    for name, _ in model.named_parameters():
        *path, last = name.split(".")
        if own not in last or any(pieces_in(path, part) for part in outside):
            continue
        if parts is None or any(pieces_in(path, part) for part in parts):
            found.append(name)
    return found


def found_by_modules(model, own="", parts=None, outside=()):
    def owned(names):
        fitting = (
            (path, module)
            for path, module in model.named_modules()
            if any(path == part or path.endswith("." + part) for part in names)
        )
        return {f"{path}.{name}" for path, module in fitting for name, _ in module.named_parameters()}

    names = dict(model.named_parameters())
    kept = (set(names) if parts is None else owned(parts)) - owned(outside)
    return tuple(name for name in names if name in kept and own in name.split(".")[-1])


def found_by_text(model, own="", parts=None, outside=()):
    def inside(name, part):
        return f".{part}." in f".{name[: name.rindex('.') + 1]}"

    names = [name for name, _ in model.named_parameters() if name[name.rindex(".") :].count(own)]
    if parts is not None:
        names = [name for name in names if any(inside(name, part) for part in parts)]
    return [name for name in names if not any(inside(name, part) for part in outside)]


WRONG = {
    "freezing.which_moved": {
        "return a list of names": {"return [name": "return {name: True", "name])]": "name])}"},
        "changes its inputs in place": {
            "return": "for name in before:\n        after[name] -= before[name]\n    return"
        },
    },
    "freezing.scalar_mix": {
        "no gradient reaches the weights": {"shares[": "shares.detach()["},
        "no gradient reaches gamma": {"gamma *": "gamma.item() *"},
        "the gradient of the states is not": {"* states": "* states.detach()"},
        "shapes that do not go together": {"* states": "@ states"},
        "through the mix": {"return gamma": "return gamma.detach()", "(dim=0)": "(dim=0).detach()"},
        "Work the small input above out": {"[:, None, None, None]": "[:, None]"},
        "Two things.": {"softmax": "sigmoid", ", dim=0)": ")", ".sum(": ".mean("},
    },
    "freezing.top_layers": {
        "fits one model only": {"encoder_layers(model)": "model.bert.encoder.layer"},
        "return the model itself": {"return model": "return layers"},
        "the list of layers is shorter": {
            "in layers[len(layers) - k :]": "in [layers[len(layers) - i] for i in range(k)]"
        },
        "should not be so": {"return": "next(model.parameters()).requires_grad_(True)\n    return"},
    },
    "freezing.trained_share": {
        "changes the model in place": {"trained =": "model.requires_grad_(False)\n    trained ="},
        "parts are called otherwise": {"head_parts(model, head)": "model.head"},
        "return one number": {"return": "return '%',"},
        "Two things.": {"p.numel()": "len(p)", "100 * ": ""},
    },
    "freezing.find_parameters": {
        "the model is changed in place": {"return [": "model.requires_grad_(False)\n    return ["},
        "parts are called otherwise": {"model.named_parameters()": "model.backbone.named_parameters()"},
        "return a list": {
            "return [": "return dict.fromkeys([",
            "(name, outside)\n    ]": "(name, outside)\n    ])",
        },
        "a name belongs there if": {"return [": "return ['bias'] + ["},
        "however deep, if its last piece": {"range(1, len": "range(2, len"},
        "each name once": {"in model.named_parameters()": "in reversed(list(model.named_parameters()))"},
    },
}

RIGHT = {
    "freezing.which_moved": [moved_by_any, moved_by_size, moved_as_tuple, moved_by_numpy],
    "freezing.scalar_mix": [mix_by_einsum, mix_by_loop, mix_by_tensordot],
    "freezing.top_layers": [top_by_reversed, top_by_index, top_by_names],
    "freezing.trained_share": [share_by_lists, share_by_paths, share_in_numpy],
    "freezing.find_parameters": [found_by_loop, found_by_modules, found_by_text],
}
