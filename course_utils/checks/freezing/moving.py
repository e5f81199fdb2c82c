"""Exercise on which tensors moved in training."""

from collections.abc import Mapping

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import (
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Mistake,
    Observations,
    slips,
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


def _loose_moved(
    before: Mapping[str, Tensor],
    after: Mapping[str, Tensor],
    *,
    unmoved: bool = False,
    close: bool = False,
    sums: bool = False,
    upwards: bool = False,
    every_entry: bool = False,
    norms: bool = False,
    threshold: bool = False,
    coarse: bool = False,
    fine: bool = False,
    largest: bool = False,
) -> list[str]:
    def same(old: Tensor, new: Tensor) -> bool:
        if close:
            return torch.allclose(old, new)
        if sums:
            return bool(old.sum() == new.sum())
        if threshold or coarse or fine:
            return bool((new - old).abs().max() <= (1e-4 if coarse else 1e-8 if fine else 1e-6))
        if largest:
            return bool(old.max() == new.max())
        if norms:
            return bool(old.norm() == new.norm())
        if upwards:
            return not bool((new > old).any())
        if every_entry:
            return bool((old == new).any())
        return torch.equal(old, new)

    return [name for name in before if same(before[name], after[name]) == unmoved]


WHICH_MOVED = Exercise(
    reference=freezing.which_moved,
    cases=_moved_cases,
    observe=_observe_moved,
    mistakes=[
        *slips(
            _loose_moved,
            {
                "unmoved": "these are the names of those that did not move.",
                "close": "torch.allclose lets small moves pass, and a few steps of training move a weight by little. "
                "Frozen means the same to the last bit: torch.equal.",
                "sums": "the sums are compared, or the differences are summed. Two entries that changed places cancel. "
                "Compare entry by entry: torch.equal.",
                "threshold": "a threshold lets the smallest moves pass. Frozen means the same to the last bit.",
                "coarse": "a threshold lets small moves pass. Frozen means the same to the last bit: torch.equal.",
                "fine": "a threshold, however small, lets smaller moves pass. Frozen means the same to the last bit.",
                "norms": "the norms are compared. An entry that changed its sign has the same norm. Compare entry by "
                "entry: torch.equal.",
                "largest": "the largest entries are compared. Compare entry by entry: torch.equal.",
                "upwards": "only what grew is found. A weight may shrink, too.",
                "every_entry": "a tensor counts only if all of its entries changed. One entry is enough.",
            },
        ),
        Mistake(
            lambda before, after: [],
            "the list is always empty. Not whether a tensor has or requires a gradient is asked, but whether its "
            "values changed: compare before[name] with after[name].",
        ),
        Mistake(
            lambda before, after: sorted(freezing.which_moved(before, after)),
            "the names are right, but sorted. Keep the order of `before`.",
        ),
        Mistake(
            lambda before, after: len(freezing.which_moved(before, after)),
            "that is how many moved. Their names are asked for.",
        ),
        Mistake(
            lambda before, after: set(freezing.which_moved(before, after)),
            "that is a set, which has no order. Return a list, in the order of `before`.",
        ),
        Mistake(
            lambda before, after: [name for name in before if before[name] is not after[name]],
            "`is not` asks whether they are two objects, and a copy always is. Compare what they hold: torch.equal.",
        ),
        Mistake(
            lambda before, after: [name for name in before if before[name] != after[name]],
            "== and != compare entry by entry, and give a tensor of many answers. torch.equal gives one.",
        ),
    ],
    advice={
        RESULT: "return a list of names, in the order of `before`: those whose tensor is not exactly what it was.",
        "RuntimeError": "== and != compare entry by entry, and give a tensor of many answers. torch.equal gives one.",
    },
)
