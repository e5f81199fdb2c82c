"""Answers to the exercises of notebook 08 as a reader might write them.

WRONG: for each exercise, the answers and a piece of the hint that each must get. RIGHT: other ways to be
right.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# --- count_adapter_parameters ---


def count_slides(width, bottleneck_size, adapters):
    return adapters * (width * bottleneck_size + bottleneck_size * width)


def count_one_matrix(width, bottleneck_size, adapters):
    return adapters * (width * bottleneck_size + bottleneck_size + width)


def count_one_adapter(width, bottleneck_size, adapters):
    return 2 * width * bottleneck_size + width + bottleneck_size


def count_up_bias_only(width, bottleneck_size, adapters):
    return adapters * (2 * width * bottleneck_size + width)


def count_down_bias_only(width, bottleneck_size, adapters):
    return adapters * (2 * width * bottleneck_size + bottleneck_size)


def count_full_matrix(width, bottleneck_size, adapters):
    return adapters * (width * width + width + bottleneck_size)


def count_full_matrix_too(width, bottleneck_size, adapters):
    return adapters * (width * width + 2 * width * bottleneck_size + width + bottleneck_size)


def count_middle(width, bottleneck_size, adapters):
    return adapters * (2 * width * bottleneck_size + bottleneck_size**2 + width + bottleneck_size)


def count_wide_biases(width, bottleneck_size, adapters):
    return adapters * (2 * width * bottleneck_size + 2 * width)


def count_narrow_biases(width, bottleneck_size, adapters):
    return adapters * (2 * width * bottleneck_size + 2 * bottleneck_size)


def count_doubled(width, bottleneck_size, adapters):
    return 2 * adapters * (2 * width * bottleneck_size + width + bottleneck_size)


def count_decimal(width, bottleneck_size, adapters):
    return adapters * (2 * width * bottleneck_size + width + bottleneck_size) / 1


def count_product(width, bottleneck_size, adapters):
    return adapters * (width * bottleneck_size) * (bottleneck_size * width)


def count_biases_once(width, bottleneck_size, adapters):
    return adapters * 2 * width * bottleneck_size + width + bottleneck_size


def count_tensor(width, bottleneck_size, adapters):
    return torch.tensor(adapters * (2 * width * bottleneck_size + width + bottleneck_size))


def count_without_biases_of_one(width, bottleneck_size, adapters):
    return 2 * width * bottleneck_size


def count_biases_twice(width, bottleneck_size, adapters):
    return adapters * (2 * width * bottleneck_size + 2 * (width + bottleneck_size))


def count_three_matrices(width, bottleneck_size, adapters):
    return adapters * (3 * width * bottleneck_size + width + bottleneck_size)


def count_one_number_a_bias(width, bottleneck_size, adapters):
    return adapters * (2 * width * bottleneck_size + 2)


def count_sides(width, bottleneck_size, adapters):
    return adapters * (2 * width + bottleneck_size)


def count_in_numpy(width, bottleneck_size, adapters):
    return adapters * np.int64(2 * width * bottleneck_size + width + bottleneck_size)


def count_by_entries(width, bottleneck_size, adapters):
    down, up = nn.Linear(width, bottleneck_size), nn.Linear(bottleneck_size, width)
    return adapters * sum(p.numel() for part in (down, up) for p in part.parameters())


def count_factored(width, bottleneck_size, adapters):
    return ((width + 1) * bottleneck_size + (bottleneck_size + 1) * width) * adapters


# --- adapter_init ---


def init_default_ends(width, bottleneck_size, init_std=0.01):
    down, up = torch.empty(bottleneck_size, width), torch.empty(width, bottleneck_size)
    return nn.init.trunc_normal_(down, std=init_std), nn.init.trunc_normal_(up, std=init_std)


def init_gaussian(width, bottleneck_size, init_std=0.01):
    return torch.randn(bottleneck_size, width) * init_std, torch.randn(width, bottleneck_size) * init_std


def init_as_linear(width, bottleneck_size, init_std=0.01):
    down, up = nn.Linear(width, bottleneck_size), nn.Linear(bottleneck_size, width)
    return down.weight.detach(), up.weight.detach()


def init_fixed_std(width, bottleneck_size, init_std=0.01):
    return cut(bottleneck_size, width, 0.01), cut(width, bottleneck_size, 0.01)


def init_standard(width, bottleneck_size, init_std=0.01):
    return cut(bottleneck_size, width, 1), cut(width, bottleneck_size, 1)


def init_variance(width, bottleneck_size, init_std=0.01):
    return cut(bottleneck_size, width, math.sqrt(init_std)), cut(width, bottleneck_size, math.sqrt(init_std))


def init_up_zero(width, bottleneck_size, init_std=0.01):
    return cut(bottleneck_size, width, init_std), torch.zeros(width, bottleneck_size)


def init_both_zero(width, bottleneck_size, init_std=0.01):
    return torch.zeros(bottleneck_size, width), torch.zeros(width, bottleneck_size)


def init_down_zero(width, bottleneck_size, init_std=0.01):
    return torch.zeros(bottleneck_size, width), cut(width, bottleneck_size, init_std)


def init_positive(width, bottleneck_size, init_std=0.01):
    return cut(bottleneck_size, width, init_std).abs(), cut(width, bottleneck_size, init_std).abs()


def init_std_as_mean(width, bottleneck_size, init_std=0.01):
    down, up = torch.empty(bottleneck_size, width), torch.empty(width, bottleneck_size)
    ends = {"a": -2 * init_std, "b": 2 * init_std}
    return nn.init.trunc_normal_(down, init_std, **ends), nn.init.trunc_normal_(up, init_std, **ends)


def init_one_std(width, bottleneck_size, init_std=0.01):
    sizes = ((bottleneck_size, width), (width, bottleneck_size))
    return [nn.init.trunc_normal_(torch.empty(s), std=init_std, a=-init_std, b=init_std) for s in sizes]


def init_squared(width, bottleneck_size, init_std=0.01):
    return cut(bottleneck_size, width, init_std**2), cut(width, bottleneck_size, init_std**2)


def init_tied(width, bottleneck_size, init_std=0.01):
    down = cut(bottleneck_size, width, init_std)
    return down, down.T


def init_lying(width, bottleneck_size, init_std=0.01):
    return cut(width, bottleneck_size, init_std), cut(bottleneck_size, width, init_std)


def init_seeded(width, bottleneck_size, init_std=0.01):
    torch.manual_seed(0)
    return cut(bottleneck_size, width, init_std), cut(width, bottleneck_size, init_std)


def init_doubles(width, bottleneck_size, init_std=0.01):
    return cut(bottleneck_size, width, init_std).double(), cut(width, bottleneck_size, init_std).double()


def init_parameters(width, bottleneck_size, init_std=0.01):
    return nn.Parameter(cut(bottleneck_size, width, init_std)), nn.Parameter(
        cut(width, bottleneck_size, init_std)
    )


def init_shapes(width, bottleneck_size, init_std=0.01):
    return (bottleneck_size, width), (width, bottleneck_size)


def init_square(width, bottleneck_size, init_std=0.01):
    return cut(width, width, init_std), cut(width, bottleneck_size, init_std)


def init_half_as_wide(width, bottleneck_size, init_std=0.01):
    return cut(bottleneck_size, width, init_std / 2), cut(width, bottleneck_size, init_std)


def cut(rows, columns, std):
    return nn.init.trunc_normal_(torch.empty(rows, columns), std=std, a=-2 * std, b=2 * std)


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


# --- adapter_forward ---


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


# --- houlsby_output ---


def houlsby_no_skip(sublayer, skip, adapter, layer_norm):
    return layer_norm(adapter(sublayer))


def houlsby_after_skip(sublayer, skip, adapter, layer_norm):
    return layer_norm(adapter(skip + sublayer))


def houlsby_after_norm(sublayer, skip, adapter, layer_norm):
    return adapter(layer_norm(skip + sublayer))


def houlsby_no_norm(sublayer, skip, adapter, layer_norm):
    return skip + adapter(sublayer)


def houlsby_no_adapter(sublayer, skip, adapter, layer_norm):
    return layer_norm(skip + sublayer)


def houlsby_sublayer_twice(sublayer, skip, adapter, layer_norm):
    return layer_norm(skip + sublayer + adapter(sublayer))


def houlsby_skip_adapted(sublayer, skip, adapter, layer_norm):
    return layer_norm(sublayer + adapter(skip))


def houlsby_skip_as_residual(sublayer, skip, adapter, layer_norm):
    return layer_norm(adapter(sublayer, skip))


def houlsby_norm_first(sublayer, skip, adapter, layer_norm):
    return layer_norm(skip + adapter(layer_norm(sublayer)))


def houlsby_norm_of_one(sublayer, skip, adapter, layer_norm):
    return skip + layer_norm(adapter(sublayer))


def houlsby_as_pfeiffer(sublayer, skip, adapter, layer_norm):
    total = sublayer + skip
    return layer_norm(adapter(layer_norm(total), residual=total))


def houlsby_norm_twice(sublayer, skip, adapter, layer_norm):
    return layer_norm(layer_norm(skip + adapter(sublayer)))


def houlsby_norm_of_both(sublayer, skip, adapter, layer_norm):
    return layer_norm(skip + layer_norm(adapter(sublayer)))


def houlsby_skip_adapted_too(sublayer, skip, adapter, layer_norm):
    return layer_norm(adapter(skip) + adapter(sublayer))


def houlsby_norm_of_skip(sublayer, skip, adapter, layer_norm):
    return layer_norm(skip) + adapter(sublayer)


def houlsby_own_norm(sublayer, skip, adapter, layer_norm):
    return F.layer_norm(skip + adapter(sublayer), skip.shape[-1:])


def houlsby_multiplied(sublayer, skip, adapter, layer_norm):
    return layer_norm @ (skip + adapter @ sublayer)


def houlsby_in_place(sublayer, skip, adapter, layer_norm):
    skip += adapter(sublayer)
    return layer_norm(skip)


def houlsby_detached(sublayer, skip, adapter, layer_norm):
    return layer_norm(skip + adapter(sublayer)).detach()


def houlsby_in_steps(sublayer, skip, adapter, layer_norm):
    adapted = adapter(sublayer, sublayer)
    return layer_norm(adapted + skip)


def houlsby_with_residual(sublayer, skip, adapter, layer_norm):
    return layer_norm(adapter(sublayer, residual=skip + sublayer))


# --- pfeiffer_output ---


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


# --- adapter_state ---


def state_everything(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def state_all_parameters(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def state_frozen(model):
    return {name: p.detach().clone() for name, p in model.named_parameters() if not p.requires_grad}


def state_by_name(model):
    return {
        name: p.detach().clone()
        for name, p in model.named_parameters()
        if "adapter" in name or "classifier" in name
    }


def state_no_head(model):
    return {name: p.detach().clone() for name, p in model.named_parameters() if "adapter" in name}


def state_head(model):
    return {
        name: p.detach().clone()
        for name, p in model.named_parameters()
        if p.requires_grad and not name.startswith("encoder")
    }


def state_weights(model):
    return {
        name: p.detach().clone()
        for name, p in model.named_parameters()
        if p.requires_grad and not name.endswith("bias")
    }


def state_shared(model):
    return {name: p.data for name, p in model.named_parameters() if p.requires_grad}


def state_parameters(model):
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def state_attached(model):
    return {name: p.clone() for name, p in model.named_parameters() if p.requires_grad}


def state_short_names(model):
    return {
        ".".join(name.split(".")[-2:]): p.detach().clone()
        for name, p in model.named_parameters()
        if p.requires_grad
    }


def state_empty(model):
    return {name: value for name, value in model.state_dict().items() if value.requires_grad}


def state_of_frozen_model(model):
    state = state_in_a_loop(model)
    model.requires_grad_(False)
    return state


def state_of_half_precision(model):
    return {name: value.half() for name, value in state_in_a_loop(model).items()}


def state_list(model):
    return [p.detach().clone() for p in model.parameters() if p.requires_grad]


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


WRONG = {
    "adapters.count_adapter_parameters": [
        (count_slides, "the biases are missing"),
        (count_one_matrix, "that is one matrix"),
        (count_one_adapter, "that is a single adapter"),
        (count_up_bias_only, "the bias of the way down is missing"),
        (count_down_bias_only, "the bias of the way up is missing"),
        (count_full_matrix, "one full matrix of width * width"),
        (count_full_matrix_too, "does not exist here"),
        (count_middle, "no matrix of bottleneck_size * bottleneck_size"),
        (count_wide_biases, "as wide as the model"),
        (count_narrow_biases, "as narrow as the bottleneck"),
        (count_doubled, "twice as many"),
        (count_decimal, "a count is a whole number"),
        (count_product, "entries of the two matrices are multiplied"),
        (count_biases_once, "counted once in all"),
        (count_biases_twice, "the biases are counted twice"),
        (count_three_matrices, "that is three matrices"),
        (count_one_number_a_bias, "taken for a single number"),
        (count_sides, "count one adapter first"),
        (count_tensor, "return a whole number (an int)"),
        (count_without_biases_of_one, "Two things."),
    ],
    "adapters.adapter_init": [
        (init_default_ends, "the Gaussian is not cut off"),
        (init_as_linear, "how nn.Linear draws its weights"),
        (init_fixed_std, "init_std is not used"),
        (init_standard, "swamp its input"),
        (init_variance, "taken for a variance"),
        (init_up_zero, "would learn (LoRA starts so)"),
        (init_both_zero, "both matrices are zero, and so they stay"),
        (init_down_zero, "nothing comes through ReLU"),
        (init_positive, "all entries are positive"),
        (init_std_as_mean, "That is the mean"),
        (init_one_std, "cut off at one standard deviation"),
        (init_squared, "it is squared"),
        (init_tied, "hold the same numbers"),
        (init_lying, "lie on their side"),
        (init_seeded, "the same at every call"),
        (init_doubles, "make both float32"),
        (init_parameters, "return plain tensors"),
        (init_shapes, "return two tensors with entries"),
        (init_square, "should have the shape"),
        (init_half_as_wide, "the way down is of the wrong spread"),
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
        (houlsby_no_skip, "the skip connection is missing"),
        (houlsby_after_skip, "sees the sum of `skip` and `sublayer`"),
        (houlsby_after_norm, "stands behind the LayerNorm"),
        (houlsby_no_norm, "the LayerNorm is missing"),
        (houlsby_no_adapter, "that is the layer as it was"),
        (houlsby_sublayer_twice, "`sublayer` is added twice"),
        (houlsby_skip_adapted, "It belongs on `sublayer`"),
        (houlsby_skip_as_residual, "`sublayer` itself is lost"),
        (houlsby_norm_first, "goes through the LayerNorm before"),
        (houlsby_norm_of_one, "LayerNorm does not span the whole sum"),
        (houlsby_as_pfeiffer, "the place of Pfeiffer"),
        (houlsby_norm_twice, "the LayerNorm comes twice"),
        (houlsby_norm_of_both, "a LayerNorm of its own"),
        (houlsby_skip_adapted_too, "`skip` goes through an adapter as well"),
        (houlsby_norm_of_skip, "three steps, each once"),
        (houlsby_own_norm, "no weight and bias of its own"),
        (houlsby_multiplied, "Both are functions"),
        (houlsby_in_place, "changes its inputs in place"),
        (houlsby_detached, "no gradient can flow back"),
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
        (state_everything, "that is the whole model"),
        (state_all_parameters, "the frozen parameters are in it too"),
        (state_frozen, "these are the frozen ones"),
        (state_by_name, "chosen by the names adapter and classifier"),
        (state_no_head, "only parts called adapter are kept"),
        (state_head, "the head alone is kept"),
        (state_weights, "the biases are missing"),
        (state_shared, "not copies"),
        (state_attached, "still ask for gradients"),
        (state_parameters, "Two things."),
        (state_short_names, "the names are shortened"),
        (state_empty, "the dict is empty. What"),
        (state_of_frozen_model, "what requires a gradient"),
        (state_of_half_precision, "the dtype changed"),
        (state_list, "return a dict"),
    ],
}

RIGHT = {
    "adapters.count_adapter_parameters": [count_by_entries, count_factored, count_in_numpy],
    "adapters.adapter_init": [init_clamped, init_in_layers, init_by_numpy],
    "adapters.adapter_forward": [forward_by_product, forward_by_modules, forward_by_einsum],
    "adapters.houlsby_output": [houlsby_in_steps, houlsby_with_residual],
    "adapters.pfeiffer_output": [pfeiffer_by_name, pfeiffer_by_difference],
    "adapters.adapter_state": [state_in_a_loop, state_from_the_whole],
}
