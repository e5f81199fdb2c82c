"""Exercises on a whole model: which layers get factors, putting them there, and turning them."""

import copy
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, nn

from course_utils.checks.compare import describe
from course_utils.checks.edits import edits
from course_utils.checks.freezing.inputs import changed_weight, small_model
from course_utils.checks.tasks import (
    ERROR,
    INPUTS_CHANGED,
    MODE,
    MODE_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Observations,
)
from course_utils.methods import ia3
from course_utils.methods.finding import find_layers
from course_utils.methods.replacing import Wrapped, replace, wrapped

SECOND = r".*\.\d+\.output\.dense"  # the feed-forward's second matrix, in a BERT
OTHERS = "other tensors that changed"
SIDES = "wrapped layers, and whether their input is scaled"
RETURNED, TRAINS = "what is returned", "what trains"
SAME, FACTORS = "the model itself came back", "the factors"
TWICE = "already inside an IA3Linear"

# --- which layers ---


def _find_cases(_: Generator) -> list[Arguments]:
    """On the output, on the input, head. A name twice, misspelt; no name at all; factors that are there already."""
    targets: tuple[tuple[Any, Any, list[str]], ...] = (
        (["key", "value"], SECOND, ["classifier"]),
        ([], ["intermediate.dense"], ["classifier"]),
        (["query"], [], ["classifier"]),
        (["dense"], ["query"], ["pooler", "classifier"]),  # a name that fits in the head as well
        (["key"], r".*\.(key|value)", ["classifier"]),  # keys twice
        ([], [], ["classifier"]),
        (["proj"], ["query"], ["classifier"]),
        (["key"], ["dens"], ["classifier"]),
    )
    cases: list[Arguments] = [
        {"model": small_model(pooler=True), "on_output": outputs, "on_input": inputs, "head": head}
        for outputs, inputs, head in targets
    ]
    return [*cases, cases[2] | {TWICE: "its query layers"}]


def _observe_find(function: Function, arguments: Arguments) -> Observations:
    given = copy.deepcopy(arguments)
    if given.pop(TWICE, None):
        _scale_queries(given["model"], function)
    try:
        found = function(*given.values())
    except ValueError as error:
        return {ERROR: "a ValueError" if str(error) else "a ValueError without a sentence"}
    seen: Observations = {ERROR: None, INPUTS_CHANGED: changed_weight(given["model"], _state(arguments))}
    if not isinstance(found, dict):
        return {**seen, RESULT: describe(found)}
    return {**seen, RESULT: {p: s if isinstance(s, bool) else describe(s) for p, s in found.items()}}


def _scale_queries(model: nn.Module, function: Function) -> None:
    """Put layers of the class that the answer itself calls IA3Linear around them: the reader's own, in a notebook."""
    kind = getattr(inspect.unwrap(function), "__globals__", {}).get("IA3Linear", ia3.IA3Linear)
    for path, layer in find_layers(model, ["query"]).items():
        replace(model, path, kind(layer, False))


def _state(arguments: Arguments) -> dict[str, torch.Tensor]:
    return arguments["model"].state_dict()  # type: ignore[no-any-return]


_CALL = "find_layers(model, targets, head, IA3Linear)"
_FLAGS = "dict.fromkeys(outputs, False) | dict.fromkeys(inputs, True)"

_REFUSAL = (
    "what does not fit is refused with a ValueError that says why, as find_layers does: raise ValueError(...), no "
    "`assert` and no error of another kind."
)
FIND_SCALED = Exercise(
    reference=ia3.find_scaled,
    cases=_find_cases,
    observe=_observe_find,
    mistakes=edits(
        ia3.find_scaled,
        {"targets, head": "targets, ()"},
        "a layer of the head is among them. Give find_layers the head: it leaves out the parts named there.",
        {"outputs, False": "outputs, True", "inputs, True": "inputs, False"},
        "the two sides are exchanged: True is for a layer whose input is scaled.",
        {"if twice :=": "if twice := [] and"},
        "a layer that is named on both sides is to be refused with a ValueError: it would be scaled twice.",
        {"if not outputs and not inputs": "if False"},
        "with no target at all nothing is scaled. Raise a ValueError that says so.",
        {f"{_CALL} if targets else {{}}": _CALL},
        "one of the two sides may be empty, and a ValueError came. find_layers raises one where it is given no "
        "target, so do not ask it then.",
        {" | dict.fromkeys(inputs, True)": ""},
        "the layers of on_input are missing.",
        {"dict.fromkeys(outputs, False) | ": ""},
        "the layers of on_output are missing.",
        {", head, IA3Linear)": ", head)"},
        "a model that has factors already is to be refused with a ValueError, or its layers would be scaled twice. "
        "find_layers does so where it is told the class: find_layers(model, targets, head, IA3Linear).",
        {_FLAGS: "outputs | inputs"},
        "those are the layers themselves. To each path belongs True or False: whether its input is scaled.",
        {_FLAGS: "[*outputs, *inputs]"},
        "those are the paths. Return a dict: to each path True where its input is scaled, else False.",
    ),
    advice={
        ERROR: "a ValueError belongs where find_layers raises one, where both sides are empty, and where a layer is on "
        "both sides; nowhere else. Give it a sentence that says what is wrong.",
        RESULT: "the result is a dict: first the paths that on_output names, each with False, then those of on_input, "
        "each with True, in the order in which find_layers gives them.",
        "AssertionError": _REFUSAL,
        "KeyError": _REFUSAL,
        INPUTS_CHANGED: "the model was changed in place. Here its layers are only found.",
    },
)

# --- putting the factors there ---


def _inject_cases(_: Generator) -> list[Arguments]:
    paper: Arguments = {"on_output": ["key", "value"], "on_input": SECOND, "head": ["classifier"]}
    other: Arguments = {"on_output": [], "on_input": ["query"], "head": ["pooler", "classifier"]}
    return [
        {"model": small_model(layers=1), **paper},
        {"model": small_model(pooler=True), **other},
        {"model": small_model(layers=1, biases=False), **paper, "head": []},
        {"model": small_model(layers=1), **paper, "on_output": ["proj"]},
    ]


def _observe_inject(function: Function, arguments: Arguments) -> Observations:
    given, before = copy.deepcopy(arguments), _state(arguments)
    model = given["model"]
    try:
        value = function(*given.values())
    except ValueError:
        trains = [name for name, p in model.named_parameters() if p.requires_grad]
        return {ERROR: "a ValueError", TRAINS: f"{len(trains)} tensors", SIDES: list(wrapped(model))}
    layers: dict[str, Any] = wrapped(model, Wrapped)
    own = {name.replace(".linear.", "."): v for name, v in model.state_dict().items() if "ia3_l" not in name}
    return {
        ERROR: None,
        SIDES: {path: getattr(layer, "on_input", "unknown") for path, layer in layers.items()},
        INPUTS_CHANGED: next((name for name in before if not _equal(own.get(name), before[name])), None),
        TRAINS: [name for name, p in model.named_parameters() if p.requires_grad],
        RETURNED: "the model" if value is model else describe(value),
        MODE: "train" if model.training else "eval",
    }


def _equal(one: torch.Tensor | None, other: torch.Tensor) -> bool:
    return one is not None and one.dtype == other.dtype and torch.equal(one, other)


_FREEZE = "freeze_base(model, head)"
_WRAP = "replace(model, path, IA3Linear(model.get_submodule(path), scales_input))"

INJECT_IA3 = Exercise(
    reference=ia3.inject_ia3,
    cases=_inject_cases,
    observe=_observe_inject,
    mistakes=edits(
        ia3.inject_ia3,
        {_FREEZE: "pass"},
        "the base model still trains. Freeze it: freeze_base(model, head) freezes all but the head.",
        {_FREEZE: "model.requires_grad_(False)"},
        "the head is frozen too. It is new, so it must train: freeze_base(model, head) leaves it as it is.",
        {f"{_FREEZE}\n": "pass\n", "return model": "model.requires_grad_(False)\n    return model"},
        "all is frozen, the new vectors too. Freeze first, then put them in.",
        {"layers = find": "freeze_base(model, head)\n    layers = find", f"{_FREEZE}\n    for": "for"},
        "where a target does not exist, the model is frozen already when the error comes. Find the layers first: a "
        "model that is refused should stay as it was.",
        {f"    {_FREEZE}\n": "", "    return model": f"    {_FREEZE}\n    return model"},
        "freeze_base comes after the layers were put in, and freezes the new vectors with the rest, or finds a "
        "model that it does not know. Freeze first.",
        {"return model": "model.eval()\n    return model"},
        MODE_CHANGED,
        {"replace(model, path,": "setattr(model, path,"},
        "the new layers are not in their places: a path has dots, and setattr takes one name. replace(model, path, "
        "layer) finds the parent.",
        {", scales_input)": ")"},
        "every layer is scaled on its output. Pass on what find_scaled says of each path.",
        {"on_output, on_input, head": "on_input, on_output, head"},
        "the sides are exchanged: find_scaled takes on_output first, and its True is for a scale of the input.",
        {_WRAP: "layer = IA3Linear(model.get_submodule(path), scales_input)"},
        "the layers are made, and the model never gets them. replace(model, path, layer) puts one in.",
        {"    return model": "    pass"},
        "the model is changed, but not returned. End with `return model`.",
        {"layers = find": "model = deepcopy(model)\n    layers = find"},
        "a copy got the vectors. Change the model that was given, in place, and return that one.",
        {"layers.items():": "list(layers.items())[:1]:"},
        "only the first layer has factors. Go through them all.",
    ),
    advice={
        ERROR: "find_scaled raises a ValueError where a target fits no layer; let it through. Else nothing is refused.",
        SIDES: "not every layer that find_scaled names stands in an IA3Linear of the right side, under its old path.",
        TRAINS: "besides the head, exactly the vectors ia3_l should train, one for each layer that is named.",
        RETURNED: "return the model that was given.",
        INPUTS_CHANGED: "a weight of the model changed. The old layers keep their weights inside IA3Linear.",
        "AttributeError": "layers is a dict, from a path to True or False. model.get_submodule(path) is the layer.",
    },
)

# --- turning them ---


def _turn_cases(generator: Generator) -> list[Arguments]:
    model = ia3.inject_ia3(small_model(layers=1))
    for name, parameter in model.named_parameters():
        if name.endswith("ia3_l"):
            drawn = torch.randint(1, 4, parameter.shape, generator=generator).cumsum(0)
            parameter.data.copy_(drawn / 2 - 0.75)
    return [{"model": model, "dial": dial} for dial in (1, 0, 0.5, 2, -1)]


def _observe_turn(function: Callable[..., Any], arguments: Arguments) -> Observations:
    given, before = copy.deepcopy(arguments), _state(arguments)
    model = given["model"]
    value = function(*given.values())
    seen: Observations = {INPUTS_CHANGED: changed_weight(model, before), SAME: value is model}
    if not isinstance(value, nn.Module):
        return seen | {RESULT: describe(value)}
    state = {name: v.detach().clone() for name, v in value.state_dict().items()}
    factors = {name: v for name, v in state.items() if name.endswith("ia3_l")}
    others = changed_weight(value, before | factors)
    trains = [name for name, p in value.named_parameters() if p.requires_grad]
    mode = "train" if value.training else "eval"
    return seen | {RESULT: "a model", FACTORS: factors, OTHERS: others, TRAINS: trains, MODE: mode}


_TURN = "1 + dial * (parameter - 1)"

TURNED = Exercise(
    reference=ia3.turned,
    cases=_turn_cases,
    observe=_observe_turn,
    mistakes=edits(
        ia3.turned,
        {_TURN: "dial * parameter"},
        "at 0 all factors are zero, and every scaled layer is mute. There they are one.",
        {_TURN: "1 + dial * parameter"},
        "at 1 that is 1 + l. There the factors are what training found.",
        {_TURN: "parameter + dial * (1 - parameter)"},
        "the dial is turned round: 0 should give ones, 1 the factors.",
        {_TURN: "parameter.abs() ** dial * parameter.sign()"},
        "that is a power. The factors go along a straight line: halfway lies at the mean of one and l.",
        {_TURN: "parameter**dial"},
        "that is a power, and of a factor below zero a broken one has no value. The factors go along a straight line.",
        {"dial *": "min(max(dial, 0), 1) *"},
        "the dial stops at 0 and 1. It may go below and beyond.",
        {"deepcopy(model)": "model"},
        "the model that was given is changed, so the next turn would start from turned factors. Turn those of a "
        "copy: deepcopy(model).",
        {f"parameter.copy_({_TURN})": f"parameter = {_TURN}"},
        "nothing was turned: an assignment gives the name another tensor, and the model keeps the old one. "
        "parameter.copy_(...) writes into it.",
        {'name.endswith("ia3_l")': "True"},
        "every parameter of the model is turned. Take the factors alone, whose names end in ia3_l.",
        {"return copied": "return copied.eval()"},
        "the copy is in eval mode. It stays in the mode of the model.",
        {'name.endswith("ia3_l")': "parameter.requires_grad"},
        "the head is turned as well. Take the factors alone.",
        {"@torch.no_grad()\n": ""},
        "PyTorch lets nobody write into a parameter while it records gradients. Put it under torch.no_grad().",
    ),
    advice={
        INPUTS_CHANGED: "the model that was given is changed in place. Work on a copy: deepcopy(model).",
        SAME: "return a copy, not the model itself.",
        RESULT: "return the copy, a model.",
        FACTORS: "those are not the factors. At 0 each is one, at 1 what training found, and between and beyond they "
        "lie on a straight line through the two.",
        TRAINS: "what trains in the model should train in its copy too.",
        OTHERS: "other weights than the factors changed. Take those alone whose names end in ia3_l.",
    },
)
