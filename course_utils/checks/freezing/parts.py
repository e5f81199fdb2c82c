"""Exercises on what to freeze: all but the head, all but the head and the top layers."""

from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.freezing.inputs import observe_trainable, small_model
from course_utils.checks.tasks import RESULT, Arguments, Exercise
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


_HEAD = "head_parts(model, head)"
_PATHS = "[path for path, _ in model.named_modules() if "

HEAD_ONLY = Exercise(
    reference=freezing.head_only,
    cases=_head_cases,
    observe=observe_trainable,
    mistakes=edits(
        freezing.head_only,
        (
            {"requires_grad_(False)": "eval()", "requires_grad_(True)": "train()"},
            "nothing was frozen or thawed. eval() only turns dropout off, and `module.requires_grad = False` only sets "
            "an attribute of the module. module.requires_grad_(False) reaches all of its parameters.",
        ),
        (
            {"False": "True", "True": "False"},
            "it is the wrong way round: the head is frozen, and the rest trains.",
        ),
        (
            {"False": "True"},
            "everything trains. First freeze the whole model: model.requires_grad_(False).",
        ),
        (
            {"True": "False"},
            "everything is frozen, the head too. Was it thawed before the rest was frozen? Or did no name fit? A "
            "parameter's name is a whole path, such as classifier.weight, and a part's requires_grad_(True) has an "
            "underscore.",
        ),
        (
            {
                "paths =": "was = {p: p.requires_grad for p in model.parameters()}\n    paths =",
                "return": "for p in was:\n        p.requires_grad_(p.requires_grad and was[p])\n    return",
            },
            "the rest is frozen, but a head that came in frozen stays frozen. Set requires_grad to True there.",
        ),
        (
            {"paths =": "head = head[-1:]\n    paths ="},
            "only the last part of `head` trains. The head may have several parts: the pooler of a model that was "
            "pretrained without one is new, too.",
        ),
        (
            {"in paths": "in paths[:1]"},
            "only the first of the head's parts in the model trains. It may have several: thaw each.",
        ),
        (
            {
                "model.get": "for p in model.get",
                "(path)": "(path).parameters(recurse=False):\n            p",
            },
            "a part of the head may hold parts of its own: in bert.pooler.dense.weight, pooler is not the last name "
            "but one. Compare every piece of the name between the dots.",
        ),
        (
            {
                "return": "for name, p in model.named_parameters():\n"
                "        p.requires_grad_(p.requires_grad and name.endswith('weight'))\n    return"
            },
            "the bias of the head is frozen. It is a part of the head.",
        ),
        (
            {"in paths": "in [path for path in paths if '.' not in path]"},
            "only parts at the top level are found. A part of the head may lie deep inside, such as bert.pooler: "
            "compare every piece of the name between the dots.",
        ),
        (
            {_HEAD: f"{_PATHS}any(part in path for part in head)]"},
            "a part whose name only contains that of the head trains too: pre_classifier of DistilBERT is not its "
            "classifier. Compare whole pieces of the name: name.split('.').",
        ),
        (
            {_HEAD: f"{_PATHS}path.rpartition('.')[2].startswith(tuple(head))]"},
            "a part whose name only begins as that of the head trains too, here classifier_norm. Put the dot behind "
            "the path: name.startswith(f'{path}.').",
        ),
        (
            {_HEAD: f"{_PATHS}path == 'classifier']"},
            "the argument `head` is not used. Not every head is called classifier.",
        ),
        ({"model.requires": "model.bert.requires", "get_submodule(path)": "classifier"}, _NAMES),
    ),
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


def _top_cases(_: Generator) -> list[Arguments]:
    return [
        {"model": small_model(3), "k": 1, "head": ("classifier",)},
        {"model": small_model(3), "k": 0, "head": ("classifier",)},
        {"model": small_model(4, pooler=True), "k": 3, "head": ("pooler", "classifier")},
        {"model": small_model(3, body="roberta", head="score"), "k": 3, "head": ("score",)},
        {"model": small_model(4, pooler=True, frozen=True), "k": 2, "head": ["pooler", "classifier"]},
    ]


_TOP = "len(layers) - k :"

TOP_LAYERS = Exercise(
    reference=freezing.top_layers,
    cases=_top_cases,
    observe=observe_trainable,
    mistakes=edits(
        freezing.top_layers,
        (
            {_TOP: ":k"},
            "these are the lowest layers. The top ones are the last in the list: next to the head.",
        ),
        (
            {_TOP: "k:"},
            "layers[k:] leaves out the k lowest and takes all the others. The k last are layers[len(layers) - k :].",
        ),
        (
            {"model, head)": "model)"},
            "`head` is not passed on: head_only(model, head). Not every head is called classifier.",
        ),
        (
            {"head_only(model, head)": "layers.requires_grad_(False)"},
            "only the layers are frozen or thawed; embeddings and head stay as they came in. Call head_only first, "
            "then thaw the top layers.",
        ),
        (
            {
                "head_only(model, head)": "layers[: len(layers) - k].requires_grad_(False)",
                "layer.requires_grad_(True)": "pass",
            },
            "the lower layers are frozen, and nothing else is set: the embeddings train on, and what came in frozen "
            "stays so. Call head_only first, then thaw the top layers.",
        ),
        (
            {_TOP: "-k:"},
            "with k = 0 every layer trains: layers[-0:] is layers[0:], the whole list. Write "
            "layers[len(layers) - k :].",
        ),
        ({_TOP: "max(0, len(layers) - k - 1) :"}, "one layer too many trains."),
        ({_TOP: "len(layers) - k + 1 :"}, "one layer too few trains."),
        (
            {_TOP: "len(layers) - k : len(layers) - k + 1"},
            "a single layer trains. The k top layers are asked for: that one and all above it.",
        ),
        (
            {"head_only(model, head)": "model.requires_grad_(False)"},
            "the head is frozen. It is new, so it trains with every k.",
        ),
        (
            {"head_only(model, head)": "model.requires_grad_(True)"},
            "the rest of the model trains too. Call head_only first, then thaw the top layers.",
        ),
        (
            {"return": "if k == len(layers):\n        model.requires_grad_(True)\n    return"},
            "with all layers, the embeddings train too. They are not a layer: they stay frozen.",
        ),
        (
            {f"in layers[{_TOP}]": "in [layers[-i] for i in range(k)]"},
            "layers[-0] is layers[0], the lowest: range(k) begins at 0. Counted from the end, the layers are -1 to -k.",
        ),
        (
            {_TOP: ": len(layers) - k"},
            "it is the wrong way round: the top layers are frozen, and those below train.",
        ),
        (
            {"requires_grad_(True)": "requires_grad = True"},
            "only the head trains. Thaw the k top layers too, with layer.requires_grad_(True), and after head_only, "
            "which freezes them. (`layer.requires_grad = True` only sets an attribute of the module.)",
        ),
    ),
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
