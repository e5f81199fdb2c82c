"""Exercise on choosing parameters: by their own name, and by the part of the model that they lie in."""

import copy
from collections.abc import Sequence

from torch import Generator, nn

from course_utils.checks.compare import describe
from course_utils.checks.edits import edits
from course_utils.checks.freezing.inputs import changed_weight, small_model
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import freezing

BESIDES, MISSING, ORDER = "names that do not belong there", "names that are missing", "order of the names"


def _cases(_: Generator) -> list[Arguments]:
    given: tuple[tuple[nn.Module, str, list[str] | None, Sequence[str]], ...] = (
        (small_model(1), "", ["classifier"], ()),
        (small_model(1), "bias", None, ("classifier",)),
        (small_model(2), "bias", ["query", "intermediate.dense"], ("classifier",)),
        (small_model(1, pooler=True), "", ["pooler", "classifier"], ()),
        (small_model(1, pooler=True), "bias", ["dense"], ("pooler", "classifier")),
        (small_model(1, body="roberta", head="score"), "bias", ["attention.output.dense"], ()),
        (_with_gate(), "bias", None, ()),
        (_with_gate(), "", ["key"], ()),
        (small_model(2), "weight", ["layer.1"], ("LayerNorm",)),
        (small_model(1, biases=False), "bias", None, ()),
        (small_model(1, body="distilbert", pre_classifier=True), "", None, ["classifier"]),
        (small_model(1, frozen=True), "as", ["key", "query"], ()),
        (small_model(1), "", [], ()),
    )
    names = ("model", "own", "parts", "outside")
    return [dict(zip(names, each, strict=True)) for each in given]


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
    names = freezing.find_parameters(**arguments)
    return changed | {
        RESULT: "a list of names",
        BESIDES: ", ".join(name for name in value if name not in names) or "none",
        MISSING: ", ".join(name for name in names if name not in value) or "none",
        ORDER: "as in the model"
        if [name for name in names if name in value] == list(value)
        else "another, or twice",
    }


_FITS = 'f".{path}".endswith(f".{part}")'
_OWN = 'own in name.rpartition(".")[2]'

FIND_PARAMETERS = Exercise(
    reference=freezing.find_parameters,
    cases=_cases,
    observe=_observe_names,
    mistakes=edits(
        freezing.find_parameters,
        {"and not inside(name, outside)": ""},
        "`outside` is not used: leave out the parameters of these parts.",
        {"and not inside": "and inside"},
        "`outside` is turned round: the parameters that lie in these parts are to be left out.",
        {_OWN: "own in name"},
        "`own` is looked for in the whole path: so bias_gate.weight passes for a bias. Only what follows the last "
        "dot is the parameter's own name.",
        {_OWN: 'own == name.rpartition(".")[2]'},
        "`own` is compared as a whole. It is a text that the own name holds: DeBERTa has a q_bias, and the empty "
        "text fits every name.",
        {"(parts is None or inside(name, parts))": "True"},
        "`parts` is not used: where it is given, only the parameters in these parts are meant.",
        {"parts is None": "not parts"},
        "an empty list names no part, so nothing fits. Only None stands for all.",
        {"parts is None or ": ""},
        "`parts` may be None, which stands for the whole model, and None cannot be looped over.",
        {_FITS: "part in path"},
        'too much fits: the name only occurs somewhere in the path. "key" is in keyring, and "layer.1" in '
        "layer.10. Compare whole pieces between the dots.",
        {_FITS: "path.endswith(part)"},
        "too much fits: the path monkey ends in key, but not as a whole name. Put a dot before both.",
        {_FITS: 'f".{path}.".find(f".{part}.") == 0'},
        "a path must begin with the name. It may stand anywhere: bert.encoder.layer.0.attention.self.query ends in "
        "query.",
        {"for end in range(1, len(pieces))": "for end in [len(pieces) - 1]"},
        "only the part to which a parameter belongs directly is compared. It may lie deeper: "
        "bert.pooler.dense.weight is in the pooler.",
        {_FITS: 'path.rpartition(".")[2] == part'},
        "a name may have dots, such as attention.output.dense. Compare the end of the path, not its last piece alone.",
        {"any(": "all("},
        "it is enough to lie in one of the parts, in one of the ways: any(), not all().",
        {
            "for name, _ in": "for wanted in parts or [None]\n        for name, _ in",
            "inside(name, parts)": "inside(name, [wanted])",
        },
        "the names are right, their order is not: keep that of the model, whatever the order of `parts`.",
        {"name, _": "name, p", _OWN: f"p.requires_grad and {_OWN}"},
        "parameters that are frozen at the moment are left out. The next step will thaw them: list them all.",
        {"        name\n        for": "        _\n        for"},
        "these are parameters. Their names are asked for.",
        {"        name\n        for": '        name.rpartition(".")[0]\n        for'},
        "these are the paths of the parts. The names of the parameters are asked for, with their own name at the end.",
    ),
    advice={
        INPUTS_CHANGED: "the model is changed in place: its values, or what requires a gradient. Only list the names.",
        "TypeError": "`parts` may be None, which stands for the whole model, and None cannot be looped over.",
        "AttributeError": "the model's parts are called otherwise. Go by model.named_parameters().",
        RESULT: "return a list of names, in the order of model.named_parameters().",
        BESIDES: "a name belongs there if its last piece holds `own`, if it lies in one of `parts`, and if it lies in "
        "none of `outside`. It lies in a part whose path is the given name, or ends in it after a dot.",
        MISSING: "everything in one of the parts is meant, however deep, if its last piece holds `own` and it does not "
        "lie in one of `outside`.",
        ORDER: "each name once, in the order of model.named_parameters().",
    },
)
