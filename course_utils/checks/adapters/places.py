"""Exercises on where the adapter sits: before the skip connection, or after the LayerNorm."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.adapters.inputs import adapter, layer_norm, whole
from course_utils.checks.edits import edits
from course_utils.checks.tasks import HAS_GRADIENT, Arguments, Exercise, Mistake, slips
from course_utils.methods import adapters

Callables = Callable[..., Tensor]


def _cases(generator: Generator) -> list[Arguments]:
    shapes = (((1, 3), torch.float64), ((2, 4), torch.float64), ((2, 3, 5), torch.float32))
    return [
        {
            "sublayer": whole(generator, *shape, dtype=dtype),
            "skip": whole(generator, *shape, dtype=dtype),
            "adapter": adapter,
            "layer_norm": layer_norm,
        }
        for shape, dtype in shapes
    ]


def _own_norm(hidden: Tensor) -> Tensor:
    return F.layer_norm(hidden, hidden.shape[-1:])


_CALLS = {
    HAS_GRADIENT: "no gradient can flow back through the result, so nothing below could learn. Something cut it: "
    ".detach(), .numpy(), torch.tensor(...) or torch.no_grad().",
    "TypeError": "`adapter` is called as adapter(hidden) or adapter(hidden, residual), `layer_norm` as "
    "layer_norm(hidden). Both are functions: call them, do not multiply with them.",
}

# --- houlsby_output ---


HOULSBY_OUTPUT = Exercise(
    reference=adapters.houlsby_output,
    cases=_cases,
    mistakes=edits(
        adapters.houlsby_output,
        ({"skip + ": ""}, "the skip connection is missing: add `skip` to what the adapter gave."),
        (
            {"skip + adapter(": "adapter(skip + "},
            "the adapter sees the sum of `skip` and `sublayer`. It should see `sublayer` alone; `skip` goes "
            "around it.",
        ),
        (
            {"layer_norm(skip + adapter(": "adapter(layer_norm(skip + "},
            "the adapter stands behind the LayerNorm. Here it stands at the end of the sublayer, and LayerNorm "
            "comes last.",
        ),
        ({"layer_norm": ""}, "the LayerNorm is missing: it comes last, over the whole sum."),
        ({"adapter": ""}, "the adapter is not used: that is the layer as it was."),
        (
            {"skip +": "skip + sublayer +"},
            "`sublayer` is added twice: the adapter has a residual of its own, which holds it already.",
        ),
        (
            {"skip": "sublayer", "sublayer": "skip"},
            "the adapter is put on `skip`. It belongs on `sublayer`.",
        ),
        (
            {"skip + adapter(sublayer": "adapter(sublayer, skip"},
            "`sublayer` itself is lost. Is `skip` given to the adapter as its residual, or `sublayer` "
            "taken away again? adapter(sublayer) adds its own input; then add `skip`.",
        ),
        ({"skip +": "adapter(skip) +"}, "`skip` goes through an adapter as well. It is added as it is."),
        (
            {"(sublayer)": "(layer_norm(sublayer))"},
            "`sublayer` goes through the LayerNorm before the adapter. LayerNorm comes once, and last.",
        ),
        (
            {"layer_norm(skip + ": "skip + layer_norm("},
            "the LayerNorm does not span the whole sum: add `skip` first, then call layer_norm.",
        ),
        (
            {"adapter(": "layer_norm(adapter(", "sublayer)": "sublayer))"},
            "what the adapter gave goes through a LayerNorm of its own. There is one LayerNorm, over the sum.",
        ),
        (
            {"return ": "return layer_norm(", "sublayer)": "sublayer))"},
            "the LayerNorm comes twice. Once is enough, over the sum.",
        ),
        (
            {"layer_norm(skip + adapter(sublayer))": "pfeiffer_output(sublayer, skip, adapter, layer_norm)"},
            "that is the place of Pfeiffer, which is the next exercise.",
        ),
        (
            {"layer_norm": "(lambda x: F.layer_norm(x, x.shape[-1:]))"},
            "that LayerNorm has no weight and bias of its own. Call layer_norm, which is given.",
        ),
    ),
    advice=_CALLS
    | {
        "value": "three steps, each once: the adapter on `sublayer`; plus `skip`; layer_norm over that sum.",
    },
)

# --- pfeiffer_output ---


def _loose_pfeiffer(
    sublayer: Tensor,
    skip: Tensor,
    adapter: Callables,
    layer_norm: Callables,
    *,
    houlsby: bool = False,
    no_last_norm: bool = False,
    no_first_norm: bool = False,
    residual_after: bool = False,
    exchanged: bool = False,
    no_skip: bool = False,
    skip_again: bool = False,
    sublayer_residual: bool = False,
    skip_residual: bool = False,
    no_adapter: bool = False,
    norm_of_sublayer: bool = False,
    residual_added: bool = False,
    sum_again: bool = False,
    houlsby_too: bool = False,
) -> Tensor:
    last = (lambda x: x) if no_last_norm else layer_norm
    if houlsby:
        return last(skip + adapter(sublayer))
    sublayer = adapter(sublayer) if houlsby_too else sublayer
    total = sublayer if no_skip else skip + sublayer
    hidden = total if no_first_norm else layer_norm(sublayer if norm_of_sublayer else total)
    residual = sublayer if sublayer_residual else skip if skip_residual else total
    residual = hidden if residual_after else residual
    if no_adapter:
        return layer_norm(residual)
    if residual_added:
        return last(adapter(hidden) + residual)
    adapted = adapter(residual, hidden) if exchanged else adapter(hidden, residual)
    adapted = adapted + total if sum_again else adapted
    return last(adapted + skip if skip_again else adapted)


PFEIFFER_HINTS = {
    "houlsby": "that is the place of Houlsby. Here the adapter comes after skip connection and LayerNorm.",
    "no_last_norm": "the last LayerNorm is missing: what the adapter gives goes through it once more.",
    "no_first_norm": "the adapter sees the sum before LayerNorm. It should see layer_norm of the sum; the sum itself "
    "is its residual.",
    "residual_after": "the adapter adds to the sum after LayerNorm. Its residual is the sum from before: give it as "
    "the second argument.",
    "exchanged": "the two arguments of the adapter are exchanged: first what goes through the bottleneck, then the "
    "residual.",
    "no_skip": "the skip connection is missing: the sum of `skip` and `sublayer` is what everything is made of.",
    "skip_again": "`skip` is added once more after the adapter: the residual holds it already.",
    "sublayer_residual": "the residual is `sublayer` alone, so `skip` is lost. Take the sum of both.",
    "skip_residual": "the residual is `skip` alone, so `sublayer` is lost. Take the sum of both.",
    "no_adapter": "the adapter is not used: that is the layer as it was.",
    "residual_added": "too much is added to what the adapter gave, which holds a residual already. Give the sum of "
    "both to the adapter as its second argument, and add nothing afterwards.",
    "sum_again": "the sum is added once more after the adapter, whose residual it is already.",
    "houlsby_too": "`sublayer` goes through an adapter before the sum, too, as with Houlsby. Here there is one "
    "adapter, after it.",
    "norm_of_sublayer": "the adapter sees layer_norm of `sublayer` alone. It should see layer_norm of the sum.",
}

PFEIFFER_OUTPUT = Exercise(
    reference=adapters.pfeiffer_output,
    cases=_cases,
    mistakes=slips(
        _loose_pfeiffer,
        PFEIFFER_HINTS,
        Mistake(
            lambda sublayer, skip, adapter, layer_norm: _own_norm(
                adapter(_own_norm(skip + sublayer), skip + sublayer)
            ),
            "that LayerNorm has no weight and bias of its own. Call layer_norm, which is given.",
        ),
    ),
    advice=_CALLS
    | {
        "value": "with r = skip + sublayer: the adapter gets layer_norm(r), and r as its residual; then layer_norm "
        "once more, over what it gives. Nothing is added afterwards.",
    },
)
