"""Exercise on the share of a model that trains."""

import copy
import math
import numbers
from collections.abc import Sequence

from torch import Generator, Tensor, nn

from course_utils.checks.freezing.inputs import changed_weight, small_model
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


def _share_cases(_: Generator) -> list[Arguments]:
    models = [
        freezing.head_only(small_model(), ["classifier"]),
        freezing.top_layers(small_model(3), 1),
        freezing.top_layers(small_model(2, pooler=True), 1, ["pooler", "classifier"]),
        small_model(body="roberta", head="score"),
        freezing.head_only(small_model(pooler=True, several_in_head=True)),
        _tied(),
        small_model(body="distilbert", pre_classifier=True),
        _half_frozen_head(),
        freezing.top_layers(small_model(2, pooler=True), 1, ["pooler", "classifier"]),
    ]
    heads: list[Sequence[str]] = [
        ("classifier",),
        ("classifier",),
        ("pooler", "classifier"),
        ("score",),
        ("classifier",),
        ("classifier",),
        ("classifier",),
        ("classifier",),
        ("classifier", "pooler"),
    ]
    return [{"model": model, "head": head} for model, head in zip(models, heads, strict=True)]


def _tied() -> nn.Module:
    """One weight under two names, as a language model ties its output to its embeddings."""
    model = small_model()
    layers = freezing.encoder_layers(model)
    layers[1].get_submodule("output.dense").weight = layers[0].get_submodule("output.dense").weight
    return model


def _half_frozen_head() -> nn.Module:
    model = freezing.top_layers(small_model(), 2)
    model.get_submodule("classifier").bias.requires_grad_(False)
    return model


def _observe_share(function: Function, arguments: Arguments) -> Observations:
    model = copy.deepcopy(arguments["model"])
    before, weights = [p.requires_grad for p in model.parameters()], copy.deepcopy(model.state_dict())
    value = function(model, arguments["head"])
    if isinstance(value, Tensor) and value.numel() == 1:
        value = float(value)
    changed = [p.requires_grad for p in model.parameters()] != before or changed_weight(model, weights)
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return {INPUTS_CHANGED: "model" if changed else None, RESULT: float(value) if real else value}


def _loose_share(
    model: nn.Module,
    head: Sequence[str],
    *,
    with_head: bool = False,
    all_but_head: bool = False,
    fraction: bool = False,
    tensors: bool = False,
    of_body: bool = False,
    of_frozen: bool = False,
    frozen_share: bool = False,
    twice: bool = False,
    no_pooler: bool = False,
    minus_head: bool = False,
    within: bool = False,
    rounded: bool = False,
    floored: bool = False,
    rows: bool = False,
    head_always: bool = False,
    top_level: bool = False,
    not_divided: bool = False,
) -> float:
    names = head[-1:] if no_pooler else ("classifier",) if head_always else head
    parameters = dict(model.named_parameters(remove_duplicate=not twice))

    def size(parameter: Tensor) -> int:
        return 1 if tensors else len(parameter) if rows else parameter.numel()

    def in_head(name: str) -> bool:
        path = name.split(".")[:1] if top_level else name.split(".")
        found = any(part in name for part in names) if within else set(path) & set(names)
        return bool(found) and not with_head

    body = {name: p for name, p in parameters.items() if not in_head(name)}
    trained = sum(size(p) for p in body.values() if all_but_head or p.requires_grad != frozen_share)
    if minus_head:
        trained = sum(size(p) for p in parameters.values() if p.requires_grad)
        trained -= sum(size(p) for name, p in parameters.items() if in_head(name))
    whole = sum(
        size(p) for p in (body if of_body else parameters).values() if not of_frozen or not p.requires_grad
    )
    share = (1 if fraction else 100) * trained / (1 if not_divided else max(whole, 1))
    return float(math.floor(share)) if floored else round(share, 2) if rounded else share


TRAINED_SHARE = Exercise(
    reference=freezing.trained_share,
    cases=_share_cases,
    observe=_observe_share,
    mistakes=slips(
        _loose_share,
        {
            "with_head": "the head is counted as well. Every method trains it: leave it out of what is trained.",
            "all_but_head": "everything outside the head is counted. Count what requires a gradient.",
            "fraction": "that is a share of 1. Per cent are asked for: times 100.",
            "tensors": "tensors are counted, and a bias is a tensor as a large matrix is. Count numbers: p.numel().",
            "of_body": "the trained parameters are divided by those outside the head. Divide by all of the model's.",
            "of_frozen": "the trained parameters are divided by the frozen ones. Divide by all of the model's.",
            "frozen_share": "that is the share that is frozen.",
            "twice": "a weight with two names is counted twice. named_parameters() and parameters() give each once.",
            "no_pooler": "only the last part of `head` is left out. It may have several parts, here pooler and "
            "classifier.",
            "minus_head": "the whole head is subtracted, but a part of it may be frozen. Count what requires a "
            "gradient and is not in the head.",
            "within": "parts whose names only contain that of the head are left out too, here pre_classifier. Compare "
            "whole pieces of the name: name.split('.').",
            "rounded": "the share is rounded to a few digits. Round where it is shown, not where it is computed.",
            "floored": "the share is rounded down: // and int() do that. Divide with /.",
            "rows": "len(p) is the number of rows of a matrix. Count its entries: p.numel().",
            "head_always": "the argument `head` is not used. Not every head is called classifier.",
            "top_level": "only parts at the top level are left out. A part of the head may lie deep inside, such as "
            "bert.pooler: compare every piece of the name between the dots.",
            "not_divided": "that is 100 times a count. Divide by all of the model's parameters.",
        },
        Mistake(
            lambda model, head: (
                freezing.trained_share(model, head)
                * sum(p.numel() for p in model.parameters())
                / sum(p.numel() for p in model.parameters() if not p.requires_grad)
            ),
            "the trained parameters are divided by the frozen ones. Divide by all of the model's.",
        ),
        Mistake(
            lambda model, head: (
                freezing.trained_share(model, head) * sum(p.numel() for p in model.parameters()) / 100
            ),
            "that is how many they are. Per cent are asked for: times 100, over all of the model's parameters.",
        ),
    ),
    advice={
        INPUTS_CHANGED: "the function changes the model in place. It should only look: no requires_grad_() here.",
        "AttributeError": "the model's parts are called otherwise. Go by the names in `head` and by "
        "model.named_parameters().",
        RESULT: "return one number: 100 times the parameters that require a gradient and are not in the head, over "
        "all parameters of the model.",
    },
)
