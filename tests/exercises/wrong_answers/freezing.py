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


def head_by_names(model, head=("classifier",)):
    for name, parameter in model.named_parameters():
        parameter.requires_grad = any(piece in head for piece in name.split("."))
    return model


def head_by_modules(model, head=("classifier",)):
    for parameter in model.parameters():
        parameter.requires_grad = False
    for path, part in model.named_modules():
        if path.rpartition(".")[2] in head:
            for parameter in part.parameters():
                parameter.requires_grad = True
    return model


def head_by_identity(model, head=("classifier",)):
    trains = [p for path in head_parts(model, head) for p in model.get_submodule(path).parameters()]
    for parameter in model.parameters():
        parameter.requires_grad_(any(parameter is one for one in trains))
    return model


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


def biases_by_loop(model, head=("classifier",), only=None):
    found = []
    for name, _ in model.named_parameters():
        *path, last = name.split(".")
        if last != "bias" or set(path) & set(head):
            continue
        if only is None or any(path[-len(part.split(".")) :] == part.split(".") for part in only):
            found.append(name)
    return found


def biases_by_modules(model, head=("classifier",), only=None):
    ends = [""] if only is None else [f".{part}" for part in only]
    paths = [path for path, part in model.named_modules() if getattr(part, "bias", None) is not None]
    paths = [path for path in paths if not in_head(path, head)]
    return [f"{path}.bias" for path in paths if any(f".{path}".endswith(end) for end in ends)]


def biases_without_the_head(model, head=("classifier",), only=None):
    of_head = {
        f"{path}.{name}"
        for path in head_parts(model, head)
        for name, _ in model.get_submodule(path).named_parameters()
    }
    names = [
        name for name in dict(model.named_parameters()) if name.endswith(".bias") and name not in of_head
    ]
    return [
        name for name in names if only is None or any(f".{name}".endswith(f".{part}.bias") for part in only)
    ]


WRONG = {
    "freezing.which_moved": [
        ({"return [name": "return {name: True", "name])]": "name])}"}, "return a list of names"),
        (
            {"return": "for name in before:\n        after[name] -= before[name]\n    return"},
            "changes its inputs in place",
        ),
    ],
    "freezing.head_only": [
        ({"return model": "return list(model.parameters())"}, "return the model itself"),
        (
            {"return": "next(model.parameters()).data.zero_()\n    return"},
            "the weights were changed in place",
        ),
        ({"return": "model['norm'] = nn.LayerNorm(2)\n    return"}, "came, went, or were renamed"),
        ({"model.get_submodule(path)": "path"}, "head_parts gives paths, which are text"),
        ({"return": "next(model.parameters()).requires_grad_(True)\n    return"}, "should not be so"),
        ({"in paths": "in paths[:1]", "False": "True", "True": "False"}, "Two things."),
    ],
    "freezing.scalar_mix": [
        ({"shares[": "shares.detach()["}, "no gradient reaches the weights"),
        ({"gamma *": "gamma.item() *"}, "no gradient reaches gamma"),
        ({"* states": "* states.detach()"}, "the gradient of the states is not"),
        ({"* states": "@ states"}, "shapes that do not go together"),
        ({"return gamma": "return gamma.detach()", "(dim=0)": "(dim=0).detach()"}, "through the mix"),
        ({"[:, None, None, None]": "[:, None]"}, "Work the small input above out"),
        ({"softmax": "sigmoid", ", dim=0)": ")", ".sum(": ".mean("}, "Two things."),
    ],
    "freezing.top_layers": [
        ({"encoder_layers(model)": "model.bert.encoder.layer"}, "fits one model only"),
        ({"return model": "return layers"}, "return the model itself"),
        (
            {"in layers[len(layers) - k :]": "in [layers[len(layers) - i] for i in range(k)]"},
            "the list of layers is shorter",
        ),
        ({"return": "next(model.parameters()).requires_grad_(True)\n    return"}, "should not be so"),
    ],
    "freezing.trained_share": [
        ({"trained =": "model.requires_grad_(False)\n    trained ="}, "changes the model in place"),
        ({"head_parts(model, head)": "model.head"}, "parts are called otherwise"),
        ({"return": "return '%',"}, "return one number"),
        ({"p.numel()": "len(p)", "100 * ": ""}, "Two things."),
    ],
    "freezing.find_biases": [
        ({"inside =": "model.requires_grad_(False)\n    inside ="}, "the model is changed in place"),
        ({"    if only is None:\n        return biases\n": ""}, "None cannot be looped over"),
        ({"head_parts(model, head)": "model.head"}, "parts are called otherwise"),
        ({"return biases": "return dict.fromkeys(biases)"}, "return a list of names"),
        ({"return biases": "return ['bias', *biases]"}, "only biases outside the head"),
        ({"return biases": "return biases[1:]"}, "every bias outside the head is meant"),
        ({"return biases": "return biases[::-1]"}, "each name once"),
    ],
}

RIGHT = {
    "freezing.which_moved": [moved_by_any, moved_by_size, moved_as_tuple, moved_by_numpy],
    "freezing.head_only": [head_by_names, head_by_modules, head_by_identity],
    "freezing.scalar_mix": [mix_by_einsum, mix_by_loop, mix_by_tensordot],
    "freezing.top_layers": [top_by_reversed, top_by_index, top_by_names],
    "freezing.trained_share": [share_by_lists, share_by_paths, share_in_numpy],
    "freezing.find_biases": [biases_by_loop, biases_by_modules, biases_without_the_head],
}
