"""Answers to the exercises of notebook 08 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/adapters`, since none of its mistakes fits: replacements in the
reference, or a function, and a piece of the advice. RIGHT: other ways to be right.
"""

import copy

import numpy as np
import torch
from torch import nn

from course_utils.methods import adapters


def init_clamped(width, bottleneck_size, init_std=0.01):
    sizes = ((bottleneck_size, width), (width, bottleneck_size))
    return [torch.normal(0, init_std, size).clamp(-2 * init_std, 2 * init_std) for size in sizes]


def init_in_layers(width, bottleneck_size, init_std=0.01):
    down, up = nn.Linear(width, bottleneck_size), nn.Linear(bottleneck_size, width)
    for layer in (down, up):
        nn.init.trunc_normal_(layer.weight, 0.0, init_std, -2 * init_std, 2 * init_std)
    return down.weight.data, up.weight.data


def init_by_numpy(width, bottleneck_size, init_std=0.01):
    def draw(rows, columns):
        values = np.random.default_rng().normal(size=10 * rows * columns)
        return torch.tensor(values[abs(values) < 2][: rows * columns].reshape(rows, columns)).float()

    return init_std * draw(bottleneck_size, width), init_std * draw(width, bottleneck_size)


class AdapterOfProducts(nn.Module):
    def __init__(self, width, bottleneck_size, init_std=0.01):
        super().__init__()
        self.down, self.up = nn.Linear(width, bottleneck_size), nn.Linear(bottleneck_size, width)
        self.down.weight.data, self.up.weight.data = adapters.adapter_init(width, bottleneck_size, init_std)
        self.down.bias.data.zero_(), self.up.bias.data.zero_()

    def forward(self, hidden, residual=None):
        if residual is None:
            residual = hidden
        narrow = (hidden.float() @ self.down.weight.T + self.down.bias).clamp(min=0)
        return residual + (narrow @ self.up.weight.T + self.up.bias).type_as(hidden)


class AdapterOfASequence(AdapterOfProducts):
    def forward(self, hidden, residual=None):
        layers = nn.Sequential(self.down, nn.ReLU(), self.up)
        return layers(hidden.to(torch.float32)).to(hidden.dtype) + (hidden if residual is None else residual)


class AdapterUpFirst(AdapterOfProducts):
    """The way up is made first, so the parameters come in another order."""

    def __init__(self, width, bottleneck_size, init_std=0.01):
        super().__init__(width, bottleneck_size, init_std)
        self.down = self._modules.pop("down")


class AdapterByHand(AdapterOfProducts):
    def forward(self, hidden, residual=None):
        down = torch.relu(torch.einsum("...i,ki->...k", hidden.float(), self.down.weight) + self.down.bias)
        up = torch.einsum("...k,ok->...o", down, self.up.weight) + self.up.bias
        return torch.add(up.to(hidden.dtype), hidden if residual is None else residual)


def houlsby_in_steps(sublayer, skip, adapter, layer_norm):
    adapted = adapter(sublayer, sublayer)
    return layer_norm(adapted + skip)


def houlsby_with_residual(sublayer, skip, adapter, layer_norm):
    return layer_norm(adapter(sublayer, residual=skip + sublayer))


def houlsby_by_parts(sublayer, skip, adapter, layer_norm):
    bottleneck = adapter(sublayer, torch.zeros_like(sublayer))
    return layer_norm(torch.stack([sublayer, skip, bottleneck]).sum(dim=0))


def inject_by_modules(model, size, kind, head, norms, std):
    places = adapters.find_outputs(model, kind, norms)
    adapters.freeze_base(model, head)
    for path in places:
        parent, _, name = path.rpartition(".")
        place = places[path]
        new = adapters.Adapter(place.dense.out_features, size, std)
        setattr(model.get_submodule(parent), name, adapters.AdaptedOutput(place, new, kind))
        if norms:
            place.LayerNorm.weight.requires_grad = place.LayerNorm.bias.requires_grad = True
    return model


def inject_by_names(model, size, kind, head, norms, std):
    width = model.config.hidden_size
    for path, place in adapters.find_outputs(model, kind).items():
        new = adapters.Adapter(width, size, std)
        model.set_submodule(path, adapters.adapted(place, new, kind))
    ends = ("LayerNorm.weight", "LayerNorm.bias")
    beside = [path for path, part in model.named_modules() if hasattr(part, "adapter")]
    for name, parameter in model.named_parameters():
        norm = norms and name.endswith(ends) and any(name.startswith(f"{path}.") for path in beside)
        parameter.requires_grad = ".adapter." in name or norm or not {*name.split(".")}.isdisjoint(head)
    return model


def inject_backwards(model, size, kind, head, norms, std):
    adapters.freeze_base(model, head)
    for path, place in reversed(adapters.find_outputs(model, kind, norms).items()):
        place.LayerNorm.requires_grad_(norms)
        new = adapters.Adapter(place.LayerNorm.normalized_shape[0], size, std)
        adapters.replace(model, path, adapters.adapted(place, new, kind))
    return model


def state_in_a_loop(model):
    state = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            state[name] = torch.empty_like(parameter, requires_grad=False)
            state[name].copy_(parameter.detach())
    return state


def state_from_the_whole(model):
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    return {name: value.clone() for name, value in model.state_dict().items() if name in trained}


def state_by_deepcopy(model):
    names, parameters = zip(*copy.deepcopy(model).named_parameters(), strict=True)
    trains = [parameter.requires_grad for parameter in parameters]
    return {name: p.data for name, p, kept in zip(names, parameters, trains, strict=True) if kept}


def swap_by_state_dict(model, stored):
    model.load_state_dict(stored, strict=False)
    return model


def swap_by_data(model, stored):
    parameters = dict(model.named_parameters())
    for name in stored.keys() & parameters.keys():
        parameters[name].data.copy_(stored[name])
    return model


def swap_by_slices(model, stored):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter[...] = stored.get(name, parameter)
    return model


WRONG = {
    "adapters.adapter_init": {
        "return two tensors with": {
            "return down_weight, up_weight": "return down_weight.shape, up_weight.shape"
        },
        "should have the shape": {"torch.empty(bottleneck_size": "torch.empty(width"},
        "the way down is of the wrong spread": {"return": "down_weight /= 2\n    return"},
        "the way up is of the wrong spread": {"return": "up_weight *= 5\n    return"},
        "make both float32": {"return down_weight": "return down_weight.double()"},
        "Two things.": {"init_std": "1", "return": "up_weight = down_weight.T\n    return"},
    },
    "adapters.Adapter": {
        "no LayerNorm and no dropout": {"F.relu(": "F.dropout(F.relu(", "dtype)))": "dtype))), 0.5)"},
        "may be missing or None": {"hidden if residual is None else residual": "residual"},
        "two linear layers with biases": {"self.down": "self.narrow", "self.up": "self.wide"},
        "the weights are drawn by": {"linear.bias)": "linear.bias)\n        nn.init.zeros_(self.up.weight)"},
        "the parameters stay float32": {
            "        residual = hidden": "        self.to(hidden.dtype)\n        residual = hidden"
        },
        "changes its inputs in place": {"return residual +": "residual += 1\n        return residual +"},
        "the gradient is not": {"self.down(hidden.to": "self.down(hidden.detach().to"},
        "Two things.": {"F.relu(": "(", "residual + self.up": "self.up"},
    },
    "adapters.houlsby_output": {
        "three steps, each once": {"skip +": "skip *"},
        "Both are functions": {"adapter(sublayer)": "adapter @ sublayer"},
        "changes its inputs in place": {"return": "skip += 1\n    return"},
        "no gradient can flow back": {"sublayer))": "sublayer)).detach()"},
        "Two things.": {"skip +": "adapter(skip) +", "layer_norm": ""},
    },
    "adapters.inject_adapters": {
        "change the model itself, and return it": {"return model": "return outputs"},
        "at its own path": {"replace(model, path,": "replace(model, path + '.dense',"},
        "trainable are the adapters, the head": {
            "freeze_base(model, head)": "model.bert.encoder.requires_grad_(False)"
        },
        "the model computes something else": {
            "replace(model, path, ": "output.dense.weight.data.add_(1), replace(model, path, "
        },
        "shapes that do not go together": {"features(last)[1]": "4"},
        "Two things.": {"freeze_base(model, head)": "pass", ", init_std)": ")"},
    },
    "adapters.adapter_state": {
        "what requires a gradient": {"return": "model.requires_grad_(False)\n    return"},
        "the dtype changed": {"clone()": "clone().half()"},
        "other tensors are expected": {"requires_grad": 'requires_grad or "norm" in name'},
        "return a dict": {"{name: p": "[p", "grad}": "grad]"},
        "Two things.": {".detach()": "", ".clone()": ""},
    },
    "adapters.swap_in": {
        "change the model itself, and return it": {"return model": "return stored"},
        "the others keep theirs": {"if name in stored": "if name.endswith('weight') and name in stored"},
        "not every parameter of the model is among": {"        if name in stored:\n    ": ""},
        "the model has new parameters now": {
            "    for": "    model.load_state_dict(stored, strict=False, assign=True)\n    for"
        },
        "unless strict=False": {"    for": "    model.load_state_dict(stored)\n    for"},
        "Two things.": {
            "copy_(stored[name])": "add_(stored[name])",
            "if name in": 'if "adapter" in name and name in',
        },
    },
}

RIGHT = {
    "adapters.adapter_init": [init_clamped, init_in_layers, init_by_numpy],
    "adapters.Adapter": [AdapterOfProducts, AdapterOfASequence, AdapterUpFirst, AdapterByHand],
    "adapters.houlsby_output": [houlsby_in_steps, houlsby_with_residual, houlsby_by_parts],
    "adapters.inject_adapters": [inject_by_modules, inject_by_names, inject_backwards],
    "adapters.adapter_state": [state_in_a_loop, state_from_the_whole, state_by_deepcopy],
    "adapters.swap_in": [swap_by_state_dict, swap_by_data, swap_by_slices],
}
