"""Exercises on tensors: which moved in training, and ELMo's mix of the layers."""

import torch
from torch import Generator, Tensor

from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    HAS_GRADIENT,
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Observations,
)
from course_utils.methods import freezing


def _moved_cases(generator: Generator) -> list[Arguments]:
    """Large moves, tiny ones, one entry of many, two that change places, one to the negative, and none."""
    before = {
        "dense.weight": torch.randn(2, 3, generator=generator),
        "dense.bias": torch.tensor([1.0, -2.0, 0.5]),
        "LayerNorm.weight": torch.ones(3),
        "LayerNorm.bias": torch.tensor([0.25, 0.0, -0.25]),
    }

    def case(**moves: Tensor) -> Arguments:
        after = {name: moves.get(name.replace(".", "_"), tensor).clone() for name, tensor in before.items()}
        return {"before": {name: tensor.clone() for name, tensor in before.items()}, "after": after}

    bias, norm = before["dense.bias"], before["LayerNorm.bias"]
    return [
        case(dense_bias=bias + 1),
        case(),
        case(dense_bias=bias + torch.tensor([1.0, 0.0, 0.0])),
        case(dense_bias=bias + torch.tensor([0.0, 1.0, 0.0])),
        case(
            LayerNorm_bias=norm + torch.tensor([0.0, 1e-7, 0.0]), dense_weight=before["dense.weight"] + 2e-6
        ),
        case(LayerNorm_bias=norm + torch.tensor([0.0, 1e-20, 0.0])),
        case(dense_bias=bias.flip(0), LayerNorm_bias=-norm),
        case(**{name.replace(".", "_"): tensor - 1 for name, tensor in before.items()}),
        case(LayerNorm_weight=before["LayerNorm.weight"] * 0.5, LayerNorm_bias=norm - 0.5),
    ]


def _observe_moved(function: Function, arguments: Arguments) -> Observations:
    given = [{name: tensor.clone() for name, tensor in tensors.items()} for tensors in arguments.values()]
    value = function(*given)
    changed = [
        which
        for which, tensors in zip(arguments, given, strict=True)
        if tensors.keys() != arguments[which].keys()
        or any(not torch.equal(tensors[name], tensor) for name, tensor in arguments[which].items())
    ]
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value)) or "none"
    return {INPUTS_CHANGED: ", ".join(changed) or None, RESULT: value}


_EQUAL = "torch.equal(tensor, after[name])"
_MOVE = "(tensor - after[name]).abs().max()"

WHICH_MOVED = Exercise(
    reference=freezing.which_moved,
    cases=_moved_cases,
    observe=_observe_moved,
    mistakes=edits(
        freezing.which_moved,
        {"if not": "if"},
        "these are the names of those that did not move.",
        {"equal": "allclose"},
        "torch.allclose lets small moves pass, and a few steps of training move a weight by little. Frozen means "
        "the same to the last bit: torch.equal.",
        {_EQUAL: "tensor.sum() == after[name].sum()"},
        "the sums are compared, or the differences are summed. Two entries that changed places cancel. Compare "
        "entry by entry: torch.equal.",
        {_EQUAL: "(tensor - after[name]).sum() == 0"},
        "the differences are summed, and two entries that changed places cancel. Compare entry by entry: torch.equal.",
        {_EQUAL: f"{_MOVE} <= 1e-6"},
        "a threshold lets the smallest moves pass. Frozen means the same to the last bit.",
        {_EQUAL: f"{_MOVE} <= 1e-4"},
        "a threshold lets small moves pass. Frozen means the same to the last bit: torch.equal.",
        {_EQUAL: f"{_MOVE} <= 1e-8"},
        "a threshold, however small, lets smaller moves pass. Frozen means the same to the last bit.",
        {_EQUAL: "tensor.norm() == after[name].norm()"},
        "the norms are compared. An entry that changed its sign has the same norm. Compare entry by entry: "
        "torch.equal.",
        {_EQUAL: "tensor.max() == after[name].max()"},
        "the largest entries are compared. Compare entry by entry: torch.equal.",
        {_EQUAL: "(tensor >= after[name]).all()"},
        "only what grew is found. A weight may shrink, too.",
        {_EQUAL: "(tensor == after[name]).any()"},
        "a tensor counts only if all of its entries changed. One entry is enough.",
        {f"not {_EQUAL}": "tensor.requires_grad"},
        "the list is always empty. Not whether a tensor has or requires a gradient is asked, but whether its "
        "values changed: compare before[name] with after[name].",
        {"return [": "return sorted([", "name])]": "name])])"},
        "the names are right, but sorted. Keep the order of `before`.",
        {"return [": "return len([", "name])]": "name])])"},
        "that is how many moved. Their names are asked for.",
        {"return [": "return {", "name])]": "name])}"},
        "that is a set, which has no order. Return a list, in the order of `before`.",
        {_EQUAL: "tensor is after[name]"},
        "`is not` asks whether they are two objects, and a copy always is. Compare what they hold: torch.equal.",
        {_EQUAL: "tensor == after[name]"},
        "== and != compare entry by entry, and give a tensor of many answers. torch.equal gives one.",
    ),
    advice={
        RESULT: "return a list of names, in the order of `before`: those whose tensor is not exactly what it was.",
        "RuntimeError": "== and != compare entry by entry, and give a tensor of many answers. torch.equal gives one.",
    },
)

_SIZES: tuple[tuple[int, int, int, int, float, torch.dtype], ...] = (
    (2, 1, 2, 2, 2.0, torch.float32),
    (3, 2, 4, 2, 0.5, torch.float64),
    (5, 3, 2, 4, 1.5, torch.float32),
    (4, 4, 4, 4, 3.0, torch.float64),
)


def _mix_cases(generator: Generator) -> list[Arguments]:
    """Where all sizes are equal, no shape tells a wrong dim; where they differ, each does."""
    return [
        {
            "states": torch.randn(layers, batch, tokens, width, generator=generator).to(dtype),
            "weights": torch.randn(layers, generator=generator).to(dtype),
            "gamma": torch.tensor(gamma, dtype=dtype),
        }
        for layers, batch, tokens, width, gamma, dtype in _SIZES
    ]


SCALAR_MIX = Exercise(
    reference=freezing.scalar_mix,
    cases=_mix_cases,
    mistakes=edits(
        freezing.scalar_mix,
        {"torch.softmax": "", ", dim=0)": ")"},
        "the weights are used as they are. They may be any numbers: the softmax makes shares of them that are "
        "above 0 and sum to 1.",
        {"softmax": "sigmoid", ", dim=0)": ")"},
        "that is a sigmoid of each weight. The softmax, over the layers, makes them sum to 1.",
        {"torch.softmax": "", ", dim=0)": ") / weights.sum()"},
        "the weights are divided by their sum, which may be 0 or below. Take the softmax.",
        {"softmax": "log_softmax"},
        "these are the logarithms of the shares. torch.softmax gives the shares themselves.",
        {"shares[": "(weights == weights.max())["},
        "only the layer of the largest weight is taken. Every layer counts, by its share.",
        {"gamma *": "gamma +"},
        "gamma is added. It multiplies the whole mix.",
        {"gamma * ": ""},
        "gamma is not used: it multiplies the whole mix.",
        {"gamma * ": "", "(weights": "(gamma * weights"},
        "gamma multiplies the weights before the softmax. It belongs outside: it sets the size of the mix, not how "
        "sharply a layer is chosen.",
        {".sum(": ".mean("},
        "that is the mean over the layers of what was weighted. The shares sum to 1 already: sum.",
        {"shares[": "torch.full_like(weights, 1 / len(weights))["},
        "all layers count alike: the weights are not used.",
        {"shares[": "torch.eye(len(weights))[-1].to(weights)["},
        "that is the last layer alone. Every layer counts, by its share.",
        {".sum(dim=0)": ""},
        "the layers are weighted but not added up: sum over the first dim.",
        {"[:, None, None, None]": ""},
        "the weights meet the wrong dim: (layers,) beside (layers, batch, tokens, width) lines up with the width, "
        "which is last. Give them three more dims: weights[:, None, None, None].",
        {"(dim=0)": "(dim=1)"},
        "the sum runs over the sentences of the batch. The layers are dim 0.",
    ),
    advice={
        HAS_GRADIENT: "no gradient can flow back through the mix, so the weights could not learn. Something cut it: "
        ".item(), .tolist(), .detach(), torch.tensor(...) or torch.no_grad().",
        "gradient of weights": "the value is right, but no gradient reaches the weights: they could not learn. "
        "Something cut it, such as .item(), .tolist() or .detach().",
        "gradient of gamma": "the value is right, but no gradient reaches gamma. Do not call .item() on it.",
        "gradient of states": "the value is right, the gradient of the states is not. The encoder is frozen outside "
        "this function: here, plain arithmetic is enough, without .detach().",
        "value": "the mix is gamma times the sum over all layers of share times state, and the shares are the softmax "
        "of the weights. Work the small input above out by hand.",
        "shape": "the result is (batch, tokens, width): the layers, dim 0, are summed away.",
        "RuntimeError": "shapes that do not go together. weights is (layers,), states is (layers, batch, tokens, "
        "width): give the weights three more dims, weights[:, None, None, None].",
    },
)
