"""Exercise on finding a model's biases, or some of them."""

import copy

from torch import Generator, nn

from course_utils.checks.compare import describe
from course_utils.checks.edits import edits
from course_utils.checks.freezing.inputs import changed_weight, small_model
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import bitfit

BESIDES, MISSING, ORDER = "names that do not belong there", "names that are missing", "order of the names"


def _bias_cases(_: Generator) -> list[Arguments]:
    pooler = ("pooler", "classifier")
    return [
        {"model": small_model(1), "head": ("classifier",), "only": None},
        {"model": small_model(2), "head": ("classifier",), "only": ["query", "intermediate.dense"]},
        {"model": small_model(1, pooler=True), "head": pooler, "only": None},
        {"model": small_model(1, body="roberta", head="score"), "head": ("score",), "only": ["LayerNorm"]},
        {"model": small_model(1), "head": ("classifier",), "only": ["attention.output.dense"]},
        {"model": small_model(1, pooler=True), "head": pooler, "only": ["dense"]},
        {"model": _with_gate(), "head": ("classifier",), "only": None},
        {"model": _with_gate(), "head": ("classifier",), "only": ["key"]},
        {"model": small_model(1, biases=False), "head": ("classifier",), "only": None},
        {
            "model": small_model(1, body="distilbert", pre_classifier=True),
            "head": ("classifier",),
            "only": None,
        },
        {"model": small_model(1, body="roberta", head="score"), "head": ("score",), "only": None},
        {"model": small_model(1, frozen=True), "head": ("classifier",), "only": ["key", "query"]},
    ]


def _with_gate() -> nn.Module:
    """A part called bias_gate, with a weight and a bias, and two whose names only contain that of the key."""
    model = small_model(1)
    model.add_module("bias_gate", nn.Linear(2, 1))
    model.add_module("monkey", nn.Linear(2, 1))
    model.add_module("keyring", nn.Linear(2, 1))
    return model


def _observe_names(function: Function, arguments: Arguments) -> Observations:
    """The differences by name: a list of thirty names could not be shown whole."""
    given = copy.deepcopy(arguments)
    before = copy.deepcopy(given["model"].state_dict())
    value = function(*given.values())
    thawed = (
        name
        for (name, now), old in zip(
            given["model"].named_parameters(), arguments["model"].parameters(), strict=True
        )
        if now.requires_grad != old.requires_grad
    )
    changed = {INPUTS_CHANGED: changed_weight(given["model"], before) or next(thawed, None)}
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        return changed | {RESULT: value if value is None else describe(value)}
    names = bitfit.find_biases(**arguments)
    return changed | {
        RESULT: "a list of names",
        BESIDES: ", ".join(name for name in value if name not in names) or "none",
        MISSING: ", ".join(name for name in names if name not in value) or "none",
        ORDER: "as in the model"
        if [name for name in names if name in value] == list(value)
        else "another, or twice",
    }


_FITS = 'f".{name}".rpartition(".")[0].endswith(ends)'
_PARAMETERS = "these are parameters. Their names are asked for."

FIND_BIASES = Exercise(
    reference=bitfit.find_biases,
    cases=_bias_cases,
    observe=_observe_names,
    mistakes=edits(
        bitfit.find_biases,
        (
            {" and not name.startswith(inside)": ""},
            "the bias of the head is in the list. The head trains as a whole; find those outside it.",
        ),
        (
            {'in name.rpartition(".")[2]': "in name"},
            'a weight is in the list: `"bias" in name` also fits bias_gate.weight. A bias is a parameter whose name '
            "ends in .bias.",
        ),
        (
            {"name.startswith(inside)": "any(part in name for part in head)"},
            "parts whose names only contain that of the head are left out too: pre_classifier is not the classifier. "
            "Compare whole pieces of the name: name.split('.').",
        ),
        (
            {"name.startswith(inside)": "{'classifier', 'pooler'} & set(name.split('.'))"},
            "the argument `head` is not used. Not every head is called classifier.",
        ),
        (
            {'if f".{name}"': 'if all(f".{name}"', "endswith(ends)": "endswith(end) for end in ends)"},
            "a bias counts if its part fits one of the names in `only`; yours must fit all at once. any(), not all().",
        ),
        (
            {"and not": "and 'LayerNorm' not in name and not"},
            "the biases of LayerNorm are missing. They are biases as well.",
        ),
        (
            {"only is None": "True"},
            "`only` is not used: where it is given, only the biases of these parts are meant.",
        ),
        (
            {_FITS: "any(part in name for part in only)"},
            "`only` fits too much: a part is meant where its path ends in the name. "
            '`"key" in name` fits keyring as well.',
        ),
        (
            {'f".{part}"': "part"},
            "`only` fits too much: the path monkey ends in key, but not as a whole name. Put a dot before both: "
            'f".{name}".endswith(f".{part}.bias").',
        ),
        (
            {_FITS: 'name.split(".")[-2] in only'},
            "`only` may hold several names with dots, such as attention.output.dense. Compare the end of the path, not "
            "its last name alone.",
        ),
        (
            {"[name for name": "[name for end in ends for name", "(ends)": "(end)"},
            "the names are right, their order is not: keep that of the model, whatever the order of `only`.",
        ),
        (
            {
                "return biases": "return [name[:-5] for name in biases]",
                "[name for": "[name[:-5] for",
            },
            "these are the paths of the parts. The names of the parameters are asked for: with .bias at the end.",
        ),
        (
            {"name, _": "name, p", "and not": "and p.requires_grad and not"},
            "biases that are frozen at the moment are left out. BitFit will thaw them: list them all.",
        ),
        (
            {
                "name, _": "name, p",
                '"bias" in name.rpartition(".")[2]': "p.ndim == 1",
                'f".{part}"': 'f".{part}.bias"',
                '.rpartition(".")[0].endswith': ".endswith",
            },
            "every vector is in the list. The weight of a LayerNorm is a vector too, and no bias.",
        ),
        ({'"bias"': '"weight"'}, "these are the weights. The biases are asked for."),
        (
            {
                "return biases": "return [model.get_parameter(name) for name in biases]",
                "[name for": "[model.get_parameter(name) for",
            },
            _PARAMETERS,
        ),
        (
            {"name\n": "_\n", " and not name.startswith(inside)": "", "only is None": "True"},
            _PARAMETERS,
        ),
        (
            {"return biases": "return []"},
            "with only=None, no bias is found. None stands for all of them: ask `if only is None`.",
        ),
    ),
    advice={
        INPUTS_CHANGED: "the model is changed in place: its values, or what requires a gradient. Only list the names.",
        "TypeError": "`only` may be None, which stands for every bias, and None cannot be looped over. Ask "
        "`if only is None` first.",
        "AttributeError": "the model's parts are called otherwise. Go by model.named_parameters().",
        RESULT: "return a list of names, in the order of model.named_parameters().",
        BESIDES: "only biases outside the head belong there: the name ends in .bias, and no piece of it is in `head`. "
        "With `only`, the path of the part must end in one of those names, whole pieces of it.",
        MISSING: "every bias outside the head is meant; with `only`, each whose part's path ends in such a name.",
        ORDER: "each name once, in the order of model.named_parameters().",
    },
)
