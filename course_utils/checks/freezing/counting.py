"""Exercise on the share of a model that trains."""

import copy
import numbers
from collections.abc import Sequence

from torch import Generator, Tensor, nn

from course_utils.checks.edits import edits
from course_utils.checks.freezing.inputs import changed_weight, small_model
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import freezing


def _share_cases(_: Generator) -> list[Arguments]:
    pooled = freezing.top_layers(small_model(2, pooler=True), 1, ["pooler", "classifier"])
    given: list[tuple[nn.Module, Sequence[str]]] = [
        (freezing.head_only(small_model(), ["classifier"]), ("classifier",)),
        (freezing.top_layers(small_model(3), 1), ("classifier",)),
        (pooled, ("pooler", "classifier")),
        (small_model(body="roberta", head="score"), ("score",)),
        (freezing.head_only(small_model(pooler=True, several_in_head=True)), ("classifier",)),
        (_tied(), ("classifier",)),
        (small_model(body="distilbert", pre_classifier=True), ("classifier",)),
        (_half_frozen_head(), ("classifier",)),
        (pooled, ("classifier", "pooler")),
    ]
    return [{"model": model, "head": head} for model, head in given]


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


_SUM = "sum(p.numel() for p in model.parameters())"
_HEAD = "head_parts(model, head)"
_BY_FROZEN = "the trained parameters are divided by the frozen ones. Divide by all of the model's."

TRAINED_SHARE = Exercise(
    reference=freezing.trained_share,
    cases=_share_cases,
    observe=_observe_share,
    mistakes=edits(
        freezing.trained_share,
        {" and not name.startswith(inside)": ""},
        "the head is counted as well. Every method trains it: leave it out of what is trained.",
        {"p.requires_grad and ": ""},
        "everything outside the head is counted. Count what requires a gradient.",
        {"100 * ": ""},
        "that is a share of 1. Per cent are asked for: times 100.",
        {"p.numel()": "1"},
        "tensors are counted, and a bias is a tensor as a large matrix is. Count numbers: p.numel().",
        {"p in model.parameters()": "n, p in model.named_parameters() if not n.startswith(inside)"},
        "the trained parameters are divided by those outside the head. Divide by all of the model's.",
        {"/ sum": "/ max(1, sum", "model.parameters())": "model.parameters() if not p.requires_grad))"},
        _BY_FROZEN,
        {"if p": "if not p"},
        "that is the share that is frozen.",
        {
            "model.named_parameters()": "model.named_parameters(remove_duplicate=False)",
            "p in model.parameters()": "_, p in model.named_parameters(remove_duplicate=False)",
        },
        "a weight with two names is counted twice. named_parameters() and parameters() give each once.",
        {"inside =": "head = head[-1:]\n    inside ="},
        "only the last part of `head` is left out. It may have several parts, here pooler and classifier.",
        {
            " and not name.startswith(inside)": "",
            "return": "trained -= sum(p.numel() for n, p in model.named_parameters() if n.startswith(inside))"
            "\n    return",
        },
        "the whole head is subtracted, but a part of it may be frozen. Count what requires a gradient and is not "
        "in the head.",
        {"{path}.": "{path}"},
        "a part whose name only begins with that of the head is left out too, here classifier_norm. Put a dot after "
        "the path before you compare.",
        {"name.startswith(inside)": "any(part in name for part in head)"},
        "parts whose names only contain that of the head are left out too, here pre_classifier. Compare whole "
        "pieces of the name: name.split('.').",
        {"return": "return round(", "model.parameters())": "model.parameters()), 2)"},
        "the share is rounded to a few digits. Round where it is shown, not where it is computed.",
        {"/": "//"},
        "the share is rounded down: // and int() do that. Divide with /.",
        {"p.numel()": "len(p)"},
        "len(p) is the number of rows of a matrix. Count its entries: p.numel().",
        {_HEAD: "['classifier']"},
        "the argument `head` is not used. Not every head is called classifier.",
        {_HEAD: "head"},
        "only parts at the top level are left out. A part of the head may lie deep inside, such as bert.pooler: "
        "compare every piece of the name between the dots.",
        {f" / {_SUM}": ""},
        "that is 100 times a count. Divide by all of the model's parameters.",
        {"model.parameters())": "model.parameters() if not p.requires_grad)"},
        _BY_FROZEN,
        {"100 * ": "", f" / {_SUM}": ""},
        "that is how many they are. Per cent are asked for: times 100, over all of the model's parameters.",
    ),
    advice={
        INPUTS_CHANGED: "the function changes the model in place. It should only look: no requires_grad_() here.",
        "AttributeError": "the model's parts are called otherwise. Go by the names in `head` and by "
        "model.named_parameters().",
        RESULT: "return one number: 100 times the parameters that require a gradient and are not in the head, over "
        "all parameters of the model.",
    },
)
