"""Answers to the exercises of notebook 08 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/adapters`, since none of its mistakes fits: replacements in the
reference, or a function, and a piece of the advice. RIGHT: other ways to be right.
"""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def count_in_numpy(width, bottleneck_size, adapters):
    return adapters * np.int64(2 * width * bottleneck_size + width + bottleneck_size)


def count_by_entries(width, bottleneck_size, adapters):
    down, up = nn.Linear(width, bottleneck_size), nn.Linear(bottleneck_size, width)
    return adapters * sum(p.numel() for part in (down, up) for p in part.parameters())


def count_factored(width, bottleneck_size, adapters):
    return ((width + 1) * bottleneck_size + (bottleneck_size + 1) * width) * adapters


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


def forward_no_residual(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return F.linear(F.relu(F.linear(hidden, down_weight, down_bias)), up_weight, up_bias)


def forward_hidden_added(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return hidden + F.linear(F.relu(F.linear(hidden, down_weight, down_bias)), up_weight, up_bias)


def forward_both_added(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual + hidden + F.linear(F.relu(F.linear(hidden, down_weight, down_bias)), up_weight, up_bias)


def forward_subtracted(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual - F.linear(F.relu(F.linear(hidden, down_weight, down_bias)), up_weight, up_bias)


def forward_linear(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual + F.linear(F.linear(hidden, down_weight, down_bias), up_weight, up_bias)


def forward_relu_twice(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    down = F.relu(F.linear(hidden, down_weight, down_bias))
    return residual + F.relu(F.linear(down, up_weight, up_bias))


def forward_relu_late(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual + F.relu(F.linear(F.linear(hidden, down_weight, down_bias), up_weight, up_bias))


def forward_relu_last(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return F.relu(residual + F.linear(F.linear(hidden, down_weight, down_bias), up_weight, up_bias))


def forward_gelu(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual + F.linear(F.gelu(F.linear(hidden, down_weight, down_bias)), up_weight, up_bias)


def forward_tanh(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual + F.linear(torch.tanh(F.linear(hidden, down_weight, down_bias)), up_weight, up_bias)


def forward_silu(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual + F.linear(F.silu(F.linear(hidden, down_weight, down_bias)), up_weight, up_bias)


def forward_sigmoid(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual + F.linear(F.linear(hidden, down_weight, down_bias).sigmoid(), up_weight, up_bias)


def forward_leaky(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual + F.linear(F.leaky_relu(F.linear(hidden, down_weight, down_bias)), up_weight, up_bias)


def forward_relu_first(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return forward_by_product(F.relu(hidden), residual, down_weight, down_bias, up_weight, up_bias)


def forward_norm_last(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    adapted = forward_by_product(hidden, residual, down_weight, down_bias, up_weight, up_bias)
    return F.layer_norm(adapted, adapted.shape[-1:])


def forward_dropout(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    down = F.dropout(F.relu(F.linear(hidden, down_weight, down_bias)), 0.5)
    return residual + F.linear(down, up_weight, up_bias)


def forward_multiplied(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual * F.linear(F.relu(F.linear(hidden, down_weight, down_bias)), up_weight, up_bias)


def forward_both_in(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    down = F.relu(F.linear(hidden + residual, down_weight, down_bias))
    return residual + F.linear(down, up_weight, up_bias)


def forward_no_down_bias(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual + F.linear(F.relu(F.linear(hidden, down_weight)), up_weight, up_bias)


def forward_no_up_bias(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual + F.relu(hidden @ down_weight.T + down_bias) @ up_weight.T


def forward_lying_up(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual + F.relu(F.linear(hidden, down_weight, down_bias)) @ up_weight + up_bias


def forward_lying_down(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual + F.linear(F.relu(hidden @ down_weight + down_bias), up_weight, up_bias)


def forward_residual_in(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual + F.linear(F.relu(F.linear(residual, down_weight, down_bias)), up_weight, up_bias)


def forward_as_columns(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual + up_weight @ F.relu(down_weight @ hidden + down_bias) + up_bias


def forward_in_place(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    residual += F.linear(F.relu(F.linear(hidden, down_weight, down_bias)), up_weight, up_bias)
    return residual


def forward_detached(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    with torch.no_grad():
        return forward_by_product(hidden, residual, down_weight, down_bias, up_weight, up_bias)


def forward_hidden_detached(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return forward_by_product(hidden.detach(), residual, down_weight, down_bias, up_weight, up_bias)


def forward_residual_detached(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return forward_by_product(hidden, residual.detach(), down_weight, down_bias, up_weight, up_bias)


def forward_flattened(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    flat = hidden.reshape(-1, hidden.shape[-1])
    return residual.reshape(flat.shape) + F.linear(
        F.relu(F.linear(flat, down_weight, down_bias)), up_weight, up_bias
    )


def forward_two_things(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return F.linear(F.linear(hidden, down_weight, down_bias), up_weight, up_bias)


def forward_by_product(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    return residual + (hidden @ down_weight.T + down_bias).clamp(min=0) @ up_weight.T + up_bias


def forward_by_modules(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    down = F.threshold(F.linear(hidden, down_weight, down_bias), 0, 0)
    return torch.add(F.linear(down, up_weight, bias=up_bias), residual)


def forward_by_einsum(hidden, residual, down_weight, down_bias, up_weight, up_bias):
    down = torch.relu(torch.einsum("...i,ki->...k", hidden, down_weight) + down_bias)
    return residual + torch.einsum("...k,ok->...o", down, up_weight) + up_bias


def houlsby_in_steps(sublayer, skip, adapter, layer_norm):
    adapted = adapter(sublayer, sublayer)
    return layer_norm(adapted + skip)


def houlsby_with_residual(sublayer, skip, adapter, layer_norm):
    return layer_norm(adapter(sublayer, residual=skip + sublayer))


def houlsby_by_parts(sublayer, skip, adapter, layer_norm):
    bottleneck = adapter(sublayer, torch.zeros_like(sublayer))
    return layer_norm(torch.stack([sublayer, skip, bottleneck]).sum(dim=0))


def pfeiffer_as_houlsby(sublayer, skip, adapter, layer_norm):
    return layer_norm(skip + adapter(sublayer))


def pfeiffer_no_last_norm(sublayer, skip, adapter, layer_norm):
    return adapter(layer_norm(skip + sublayer), skip + sublayer)


def pfeiffer_no_first_norm(sublayer, skip, adapter, layer_norm):
    return layer_norm(adapter(skip + sublayer))


def pfeiffer_residual_after(sublayer, skip, adapter, layer_norm):
    return layer_norm(adapter(layer_norm(skip + sublayer)))


def pfeiffer_exchanged(sublayer, skip, adapter, layer_norm):
    total = skip + sublayer
    return layer_norm(adapter(total, layer_norm(total)))


def pfeiffer_no_skip(sublayer, skip, adapter, layer_norm):
    return layer_norm(adapter(layer_norm(sublayer), sublayer))


def pfeiffer_skip_again(sublayer, skip, adapter, layer_norm):
    total = skip + sublayer
    return layer_norm(skip + adapter(layer_norm(total), total))


def pfeiffer_sublayer_residual(sublayer, skip, adapter, layer_norm):
    return layer_norm(adapter(layer_norm(skip + sublayer), sublayer))


def pfeiffer_skip_residual(sublayer, skip, adapter, layer_norm):
    return layer_norm(adapter(layer_norm(skip + sublayer), skip))


def pfeiffer_no_adapter(sublayer, skip, adapter, layer_norm):
    return layer_norm(skip + sublayer)


def pfeiffer_norm_of_sublayer(sublayer, skip, adapter, layer_norm):
    return layer_norm(adapter(layer_norm(sublayer), skip + sublayer))


def pfeiffer_residual_added(sublayer, skip, adapter, layer_norm):
    return layer_norm(skip + sublayer + adapter(layer_norm(skip + sublayer)))


def pfeiffer_sum_again(sublayer, skip, adapter, layer_norm):
    total = skip + sublayer
    return layer_norm(total + adapter(layer_norm(total), total))


def pfeiffer_both_places(sublayer, skip, adapter, layer_norm):
    total = skip + adapter(sublayer)
    return layer_norm(adapter(layer_norm(total), total))


def pfeiffer_skip_last(sublayer, skip, adapter, layer_norm):
    return skip + layer_norm(adapter(layer_norm(skip + sublayer), skip + sublayer))


def pfeiffer_own_norm(sublayer, skip, adapter, layer_norm):
    total = skip + sublayer
    adapted = adapter(F.layer_norm(total, total.shape[-1:]), total)
    return F.layer_norm(adapted, adapted.shape[-1:])


def pfeiffer_simplest(sublayer, skip, adapter, layer_norm):
    return adapter(layer_norm(skip + sublayer))


def pfeiffer_in_place(sublayer, skip, adapter, layer_norm):
    sublayer += skip
    return layer_norm(adapter(layer_norm(sublayer), sublayer))


def pfeiffer_by_name(sublayer, skip, adapter, layer_norm):
    total = torch.add(skip, sublayer)
    return layer_norm(adapter(hidden=layer_norm(total), residual=total))


def pfeiffer_by_difference(sublayer, skip, adapter, layer_norm):
    normed = layer_norm(skip + sublayer)
    return layer_norm(skip + sublayer + (adapter(normed) - normed))


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


WRONG = {
    "adapters.count_adapter_parameters": [
        ({"* width * bottleneck_size": "* width"}, "count one adapter first"),
        ({"return": "return torch.tensor(1) *"}, "return a whole number (an int)"),
        ({" + width + bottleneck_size": "", "adapters * ": ""}, "Two things."),
    ],
    "adapters.adapter_init": [
        (
            {"return down_weight, up_weight": "return down_weight.shape, up_weight.shape"},
            "return two tensors with",
        ),
        ({"torch.empty(bottleneck_size": "torch.empty(width"}, "should have the shape"),
        ({"return": "down_weight /= 2\n    return"}, "the way down is of the wrong spread"),
        ({"return": "up_weight *= 5\n    return"}, "the way up is of the wrong spread"),
        ({"return down_weight": "return down_weight.double()"}, "make both float32"),
        ({"init_std": "1", "return": "up_weight = down_weight.T\n    return"}, "Two things."),
    ],
    "adapters.adapter_forward": [
        (forward_no_residual, "the residual is missing"),
        (forward_hidden_added, "in place of `residual`"),
        (forward_both_added, "are both added"),
        (forward_subtracted, "the bottleneck is subtracted"),
        (forward_linear, "there is no non-linearity"),
        (forward_relu_twice, "after the way up as well"),
        (forward_relu_late, "stands after the way up"),
        (forward_relu_last, "around the residual too"),
        (forward_gelu, "that is GELU"),
        (forward_silu, "that is SiLU"),
        (forward_multiplied, "multiplied with what the bottleneck gave"),
        (forward_both_in, "both go through the bottleneck"),
        (forward_tanh, "that is tanh"),
        (forward_sigmoid, "that is a sigmoid"),
        (forward_leaky, "that is a leaky ReLU"),
        (forward_relu_first, "goes through a ReLU before the way down"),
        (forward_norm_last, "there is a LayerNorm at the end"),
        (forward_dropout, "no dropout"),
        (forward_no_down_bias, "the bias of the way down is missing"),
        (forward_no_up_bias, "the bias of the way up is missing"),
        (forward_lying_down, "the matrix of the way down is not turned"),
        (forward_lying_up, "the matrix of the way up is not turned"),
        (forward_residual_in, "`residual` goes through the bottleneck"),
        (forward_as_columns, "shapes that do not go together"),
        (forward_in_place, "changes its inputs in place"),
        (forward_detached, "no gradient can flow back"),
        (forward_hidden_detached, "learn through `hidden`"),
        (forward_residual_detached, "learn through `residual`"),
        (forward_flattened, "nothing has to be flattened"),
        (forward_two_things, "Two things."),
    ],
    "adapters.houlsby_output": [
        (
            {"layer_norm(skip + adapter(sublayer))": "layer_norm(skip) + adapter(sublayer)"},
            "three steps, each once",
        ),
        ({"adapter(sublayer)": "adapter @ sublayer"}, "Both are functions"),
        ({"return": "skip += 1\n    return"}, "changes its inputs in place"),
        ({"sublayer))": "sublayer)).detach()"}, "no gradient can flow back"),
        ({"skip +": "adapter(skip) +", "layer_norm": ""}, "Two things."),
    ],
    "adapters.pfeiffer_output": [
        (pfeiffer_as_houlsby, "the place of Houlsby"),
        (pfeiffer_no_last_norm, "the last LayerNorm is missing"),
        (pfeiffer_no_first_norm, "sees the sum before LayerNorm"),
        (pfeiffer_residual_after, "adds to the sum after LayerNorm"),
        (pfeiffer_exchanged, "are exchanged"),
        (pfeiffer_no_skip, "the skip connection is missing"),
        (pfeiffer_skip_again, "the residual holds it already"),
        (pfeiffer_sublayer_residual, "`sublayer` alone, so `skip` is lost"),
        (pfeiffer_skip_residual, "`skip` alone, so `sublayer` is lost"),
        (pfeiffer_no_adapter, "that is the layer as it was"),
        (pfeiffer_norm_of_sublayer, "layer_norm of `sublayer` alone"),
        (pfeiffer_residual_added, "too much is added"),
        (pfeiffer_sum_again, "whose residual it is already"),
        (pfeiffer_both_places, "as with Houlsby"),
        (pfeiffer_skip_last, "Nothing is added afterwards"),
        (pfeiffer_own_norm, "no weight and bias of its own"),
        (pfeiffer_simplest, "Two things."),
        (pfeiffer_in_place, "changes its inputs in place"),
    ],
    "adapters.adapter_state": [
        ({"return": "model.requires_grad_(False)\n    return"}, "what requires a gradient"),
        ({"clone()": "clone().half()"}, "the dtype changed"),
        ({"requires_grad": 'requires_grad or "norm" in name'}, "other tensors are expected"),
        ({"{name: p": "[p", "grad}": "grad]"}, "return a dict"),
        ({".detach()": "", ".clone()": ""}, "Two things."),
    ],
}

RIGHT = {
    "adapters.count_adapter_parameters": [count_by_entries, count_factored, count_in_numpy],
    "adapters.adapter_init": [init_clamped, init_in_layers, init_by_numpy],
    "adapters.adapter_forward": [forward_by_product, forward_by_modules, forward_by_einsum],
    "adapters.houlsby_output": [houlsby_in_steps, houlsby_with_residual, houlsby_by_parts],
    "adapters.pfeiffer_output": [pfeiffer_by_name, pfeiffer_by_difference],
    "adapters.adapter_state": [state_in_a_loop, state_from_the_whole, state_by_deepcopy],
}
