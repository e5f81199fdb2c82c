"""Exercise on what to freeze: all but the head and the top layers."""

from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.freezing.inputs import observe_trainable, small_model
from course_utils.checks.tasks import MODE_CHANGED, RESULT, Arguments, Exercise
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
        {_TOP: ":k"},
        "these are the lowest layers. The top ones are the last in the list: next to the head.",
        {_TOP: "k:"},
        "layers[k:] leaves out the k lowest and takes all the others. The k last are layers[len(layers) - k :].",
        {"model, head)": "model)"},
        "`head` is not passed on: head_only(model, head). Not every head is called classifier.",
        {"head_only(model, head)": "layers.requires_grad_(False)"},
        "only the layers are frozen or thawed; embeddings and head stay as they came in. Call head_only first, "
        "then thaw the top layers.",
        {
            "head_only(model, head)": "layers[: len(layers) - k].requires_grad_(False)",
            "layer.requires_grad_(True)": "pass",
        },
        "the lower layers are frozen, and nothing else is set: the embeddings train on, and what came in frozen "
        "stays so. Call head_only first, then thaw the top layers.",
        {_TOP: "-k:"},
        "with k = 0 every layer trains: layers[-0:] is layers[0:], the whole list. Write layers[len(layers) - k :].",
        {_TOP: "max(0, len(layers) - k - 1) :"},
        "one layer too many trains.",
        {_TOP: "len(layers) - k + 1 :"},
        "one layer too few trains.",
        {_TOP: "len(layers) - k : len(layers) - k + 1"},
        "a single layer trains. The k top layers are asked for: that one and all above it.",
        {"head_only(model, head)": "model.requires_grad_(False)"},
        "the head is frozen. It is new, so it trains with every k.",
        {"head_only(model, head)": "model.requires_grad_(True)"},
        "the rest of the model trains too. Call head_only first, then thaw the top layers.",
        {"return": "if k == len(layers):\n        model.requires_grad_(True)\n    return"},
        "with all layers, the embeddings train too. They are not a layer: they stay frozen.",
        {f"in layers[{_TOP}]": "in [layers[-i] for i in range(k)]"},
        "layers[-0] is layers[0], the lowest: range(k) begins at 0. Counted from the end, the layers are -1 to -k.",
        {_TOP: ": len(layers) - k"},
        "it is the wrong way round: the top layers are frozen, and those below train.",
        {"return model": "model.eval()\n    return model"},
        MODE_CHANGED,
        {"requires_grad_(True)": "requires_grad = True"},
        "only the head trains. Thaw the k top layers too, with layer.requires_grad_(True), and after head_only, "
        "which freezes them. (`layer.requires_grad = True` only sets an attribute of the module.)",
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
