"""Exercises on what to freeze: all but the head, all but the head and the top layers."""

from collections.abc import Sequence

from torch import Generator, nn

from course_utils.checks.freezing.inputs import observe_trainable, small_model
from course_utils.checks.tasks import RESULT, Arguments, Exercise, Mistake, slips
from course_utils.methods import freezing

_RETURN = (
    "return the model itself, changed in place. Neither a copy nor a list of its parameters is asked for."
)
_VALUES = "the weights were changed in place. Freezing touches requires_grad and nothing else."
_PARTS = "parts of the model came, went, or were renamed. Leave them as they are, and set requires_grad only."
_NAMES = (
    "there is no such attribute. `model.bert` or `model.classifier` fits one model only: go by the names in `head`, "
    "for example with model.named_parameters(). And head_parts gives paths, which are text: the part itself is "
    "model.get_submodule(path)."
)

# --- head_only ---


def _head_cases(_: Generator) -> list[Arguments]:
    return [
        {"model": small_model(), "head": ("classifier",)},
        {"model": small_model(pooler=True), "head": ("pooler", "classifier")},
        {"model": small_model(body="roberta", head="score", several_in_head=True), "head": ("score",)},
        {"model": small_model(pooler=True, frozen=True), "head": ["pooler", "classifier"]},
        {"model": small_model(pooler=True), "head": ["classifier", "pooler"]},
        {"model": small_model(body="distilbert", pre_classifier=True), "head": ["classifier"]},
        {"model": small_model(body="roberta", head="score"), "head": ["score"]},
    ]


def _loose_head(
    model: nn.Module,
    head: Sequence[str] = ("classifier",),
    *,
    turned_round: bool = False,
    all_train: bool = False,
    head_frozen: bool = False,
    never_thawed: bool = False,
    last_only: bool = False,
    weights_only: bool = False,
    top_level: bool = False,
    within: bool = False,
    beginning: bool = False,
    head_always: bool = False,
    first_only: bool = False,
    last_module: bool = False,
) -> nn.Module:
    names = ("classifier",) if head_always else head[-1:] if last_only else head
    for name, parameter in model.named_parameters():
        path = name.split(".")
        new = path[0] in names if top_level else bool(set(path) & set(names))
        if within:
            new = any(part in name for part in names)
        if first_only:
            new = name.startswith(f"{freezing.head_parts(model, head)[0]}.")
        if last_module:
            new = path[-2] in names
        if beginning:
            new = any(piece.startswith(part) for part in names for piece in path)
        if weights_only:
            new = new and name.endswith(".weight")
        if never_thawed:
            parameter.requires_grad_(parameter.requires_grad and new)
        else:
            parameter.requires_grad_((new or all_train) != turned_round and not head_frozen)
    return model


def _of_bert(model: nn.Module, head: Sequence[str]) -> nn.Module:
    model.get_submodule("bert").requires_grad_(False)
    model.get_submodule("classifier").requires_grad_(True)
    return model


_HEAD_HINTS = {
    "turned_round": "it is the wrong way round: the head is frozen, and the rest trains.",
    "all_train": "everything trains. First freeze the whole model: model.requires_grad_(False).",
    "head_frozen": "everything is frozen, the head too. Was it thawed before the rest was frozen? Or did no name fit? "
    "A parameter's name is a whole path, such as classifier.weight, and a part's requires_grad_(True) has an "
    "underscore.",
    "never_thawed": "the rest is frozen, but a head that came in frozen stays frozen. Set requires_grad to True there.",
    "last_only": "only the last part of `head` trains. The head may have several parts: the pooler of a model that "
    "was pretrained without one is new, too.",
    "first_only": "only the first of the head's parts in the model trains. It may have several: thaw each.",
    "last_module": "a part of the head may hold parts of its own: in bert.pooler.dense.weight, pooler is not the last "
    "name but one. Compare every piece of the name between the dots.",
    "weights_only": "the bias of the head is frozen. It is a part of the head.",
    "top_level": "only parts at the top level are found. A part of the head may lie deep inside, such as "
    "bert.pooler: compare every piece of the name between the dots.",
    "within": "a part whose name only contains that of the head trains too: pre_classifier of DistilBERT is not its "
    "classifier. Compare whole pieces of the name: name.split('.').",
    "beginning": "a part whose name only begins as that of the head trains too, here classifier_norm. Put the dot "
    "behind the path: name.startswith(f'{path}.').",
    "head_always": "the argument `head` is not used. Not every head is called classifier.",
}

HEAD_ONLY = Exercise(
    reference=freezing.head_only,
    cases=_head_cases,
    observe=observe_trainable,
    mistakes=[
        Mistake(
            lambda model, head: model,
            "nothing was frozen or thawed. eval() only turns dropout off, and `module.requires_grad = False` only sets "
            "an attribute of the module. module.requires_grad_(False) reaches all of its parameters.",
        ),
        *slips(_loose_head, _HEAD_HINTS, Mistake(_of_bert, _NAMES)),
    ],
    advice={
        RESULT: _RETURN,
        "values that changed": _VALUES,
        "parts of the model": _PARTS,
        "AttributeError": _NAMES,
        "KeyError": _NAMES,
        "value": "this parameter should not be so. A parameter trains if one of the names in `head` is a piece of its "
        "path between the dots; the others are frozen.",
    },
)

# --- top_layers ---


def _top_cases(_: Generator) -> list[Arguments]:
    return [
        {"model": small_model(3), "k": 1, "head": ("classifier",)},
        {"model": small_model(3), "k": 0, "head": ("classifier",)},
        {"model": small_model(4, pooler=True), "k": 3, "head": ("pooler", "classifier")},
        {"model": small_model(3, body="roberta", head="score"), "k": 3, "head": ("score",)},
        {"model": small_model(4, pooler=True, frozen=True), "k": 2, "head": ["pooler", "classifier"]},
    ]


def _loose_top(
    model: nn.Module,
    k: int,
    head: Sequence[str] = ("classifier",),
    *,
    bottom: bool = False,
    minus_zero: bool = False,
    one_more: bool = False,
    one_fewer: bool = False,
    single: bool = False,
    no_head: bool = False,
    rest_trains: bool = False,
    embeddings_too: bool = False,
    frozen_ones: bool = False,
    from_zero: bool = False,
    from_k: bool = False,
    head_always: bool = False,
    rest_untouched: bool = False,
    only_lower: bool = False,
) -> nn.Module:
    layers = list(freezing.encoder_layers(model))
    if rest_untouched or only_lower:
        for layer in layers[: len(layers) - k] if only_lower else layers:
            layer.requires_grad_(layer in layers[len(layers) - k :])
        return model
    freezing.head_only(model, ("classifier",) if head_always else head)
    if no_head:
        model.requires_grad_(False)
    if rest_trains:
        model.requires_grad_(True)
    k = max(0, min(len(layers), k + one_more - one_fewer))
    top = layers[-k:] if minus_zero else layers[len(layers) - k :]
    top = [layers[-i] for i in range(k)] if from_zero else top
    top = layers[k:] if from_k else top
    chosen = layers[:k] if bottom else layers[len(layers) - k : len(layers) - k + 1] if single else top
    for layer in layers if frozen_ones else chosen:
        layer.requires_grad_(layer not in chosen if frozen_ones else True)
    if embeddings_too and k == len(layers):
        model.requires_grad_(True)
    return model


_TOP_HINTS = {
    "bottom": "these are the lowest layers. The top ones are the last in the list: next to the head.",
    "from_k": "layers[k:] leaves out the k lowest and takes all the others. The k last are layers[len(layers) - k :].",
    "head_always": "`head` is not passed on: head_only(model, head). Not every head is called classifier.",
    "rest_untouched": "only the layers are frozen or thawed; embeddings and head stay as they came in. Call head_only "
    "first, then thaw the top layers.",
    "only_lower": "the lower layers are frozen, and nothing else is set: the embeddings train on, and what came in "
    "frozen stays so. Call head_only first, then thaw the top layers.",
    "minus_zero": "with k = 0 every layer trains: layers[-0:] is layers[0:], the whole list. Write "
    "layers[len(layers) - k :].",
    "one_more": "one layer too many trains.",
    "one_fewer": "one layer too few trains.",
    "single": "a single layer trains. The k top layers are asked for: that one and all above it.",
    "no_head": "the head is frozen. It is new, so it trains with every k.",
    "rest_trains": "the rest of the model trains too. Call head_only first, then thaw the top layers.",
    "embeddings_too": "with all layers, the embeddings train too. They are not a layer: they stay frozen.",
    "from_zero": "layers[-0] is layers[0], the lowest: range(k) begins at 0. Counted from the end, the layers are "
    "-1 to -k.",
    "frozen_ones": "it is the wrong way round: the top layers are frozen, and those below train.",
}

TOP_LAYERS = Exercise(
    reference=freezing.top_layers,
    cases=_top_cases,
    observe=observe_trainable,
    mistakes=[
        *slips(_loose_top, _TOP_HINTS),
        Mistake(
            lambda model, k, head: freezing.head_only(model, head),
            "only the head trains. Thaw the k top layers too, with layer.requires_grad_(True), and after head_only, "
            "which freezes them. (`layer.requires_grad = True` only sets an attribute of the module.)",
        ),
    ],
    advice={
        RESULT: _RETURN,
        "values that changed": _VALUES,
        "parts of the model": _PARTS,
        "AttributeError": _NAMES,
        "KeyError": _NAMES,
        "IndexError": "the list of layers is shorter than that. The k last ones are layers[len(layers) - k :].",
        "value": "this parameter should not be so. The head and the k last entries of encoder_layers(model) train; "
        "embeddings and all other layers are frozen.",
    },
)
