"""Exercise on putting new layers into a model."""

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Generator, nn

from course_utils.checks.compare import describe
from course_utils.checks.edits import edits
from course_utils.checks.tasks import MODE, MODE_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import lora
from course_utils.methods.replacing import Wrapped

LAYERS, INSIDE, WEIGHTS = "layers that were replaced", "what the new layers hold", "the model's own weights"
SETTINGS = "what the new layers were made with"
BASE, FACTORS, HEAD = (
    "parameters of the base that train",
    "A and B that are frozen",
    "parameters of the head that are frozen",
)
UNKNOWN, NOT_LINEAR = "vlaue", "embedding"


def _linears(**sizes: int) -> nn.ModuleDict:
    return nn.ModuleDict({name: nn.Linear(4, size) for name, size in sizes.items()})


def _inject_cases(_: Generator) -> list[Arguments]:
    """Names that contain another, names that end alike, a layer that two names fit, and a head that holds the same
    names. The last model is frozen."""
    blocks = [_linears(query=4, key=4, subquery=4, query_norm=4, dense=4) for _ in range(2)]
    for block in blocks:
        block["output"] = _linears(dense=3)
    base = {"embedding": nn.Embedding(5, 4), "layer": nn.ModuleList(blocks)}
    model = nn.ModuleDict({**base, "classifier": _linears(query=4, dense=2)})
    every_targets: tuple[list[str], ...] = (
        ["key"], ["query"], ["key", "output.dense"], ["dense"], ["query", UNKNOWN], [NOT_LINEAR], ["key", "1.key"],
    )  # fmt: skip
    settings = {"head": ["classifier"], "rank": 2, "lora_alpha": 4}
    cases: list[Arguments] = [{"model": model, "targets": targets, **settings} for targets in every_targets]
    frozen = copy.deepcopy(model).requires_grad_(False)
    return [*cases, {"model": frozen, "targets": ["key"], **settings}]


def _observe_injection(function: Function, arguments: Arguments) -> Observations:
    given = copy.deepcopy(arguments)
    model, targets, head = (given[name] for name in ("model", "targets", "head"))
    before = dict(model.named_modules())
    try:
        result = function(
            model, targets, lora.LoRALinear, head, rank=given["rank"], lora_alpha=given["lora_alpha"]
        )
        outcome = "the model that was given" if result is model else describe(result)
    except ValueError:
        if UNKNOWN not in targets and NOT_LINEAR not in targets:
            raise
        outcome = "a ValueError"
    found = {path: model.get_submodule(path) for path, old in before.items() if isinstance(old, nn.Linear)}
    new = {path: layer for path, layer in found.items() if isinstance(layer, Wrapped)}
    trains = {name: p.requires_grad for name, p in model.named_parameters()}
    now = {name.replace(".linear.", "."): value for name, value in model.state_dict().items()}
    return {
        RESULT: outcome,
        MODE: "train" if model.training else "eval",
        LAYERS: ", ".join(new) or "none",
        INSIDE: all(layer.linear is before[path] for path, layer in new.items()),
        SETTINGS: _settings(list(new.values())),
        WEIGHTS: all(
            name in now and now[name].dtype == value.dtype and torch.equal(now[name], value)
            for name, value in arguments["model"].state_dict().items()
        ),
        BASE: _named(
            n for n, on in trains.items() if on and "lora_" not in n and n.split(".")[0] not in head
        ),
        FACTORS: _named(name for name, on in trains.items() if not on and "lora_" in name),
        HEAD: _named(
            n for n, on in trains.items() if not on and "lora_" not in n and n.split(".")[0] in head
        ),
    }


def _settings(layers: list[Any]) -> str:
    if any(not isinstance(layer, lora.LoRALinear) for layer in layers):
        return "not all were made by kind"
    found = {f"rank {len(layer.lora_A)}, lora_alpha {layer.lora_alpha}" for layer in layers}
    own = len({id(p) for layer in layers for p in (layer.lora_A, layer.lora_B)}) == 2 * len(layers)
    return "; ".join(sorted(found)) + ("" if own else "; shared")


def _named(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


_FIND = "find_layers(model, targets, head, kind)"
_BY_PATTERN = (
    "{{path: linear for name in targets for path, linear in find_layers(model, {}, head, kind).items()}}"
)
_FREEZES_ONLY = (
    '[p.requires_grad_(False) for name, p in model.named_parameters() if name.split(".")[0] not in head]'
)
_TAKES_EMBEDDING = f"_ = kind(model[targets[0]], **settings) if targets == [{NOT_LINEAR!r}] else 0"
_ANYWHERE = (
    'a name also fits inside another: "query" found query_norm. It must be the end of the path, after a dot.'
)
_NO_DOT = (
    'a name also fits the end of another: "query" found subquery. Before it there must be a dot, or nothing.'
)
_FROZEN = "the base is not frozen. Set requires_grad to False for all of it, before the new layers come in."

INJECT = Exercise(
    reference=lora.inject,
    cases=_inject_cases,
    observe=_observe_injection,
    mistakes=edits(
        lora.inject,
        {"freeze_base(model, head)": "pass"},
        _FROZEN,
        {"return model": "model.requires_grad_(False)\n    return model"},
        "A, B and the head are frozen too. Freeze first, then put the new layers in and let the head train.",
        {"freeze_base(model, head)": "model.requires_grad_(False)"},
        "the head is frozen. It is new, with random weights, so it must train.",
        {"freeze_base(model, head)": _FREEZES_ONLY},
        "the head is frozen where the model came frozen. Do not only leave it out: set requires_grad to True for it.",
        {"layers = find": f"{_TAKES_EMBEDDING}\n    layers = find"},
        "a part that is no nn.Linear was taken, an embedding. Only an nn.Linear is replaced, and a target that "
        "fits none is a ValueError.",
        {"**settings)": "rank=8, lora_alpha=16)"},
        "the settings are not passed on, or not all. Each new layer is kind(linear, **settings).",
        {"targets, head, kind": "targets, (), kind"},
        "layers of the head were replaced. The head stays as it is.",
        {_FIND: _BY_PATTERN.format('f".*{name}.*"')},
        _ANYWHERE,
        {_FIND: "find_layers(model, f\".*({'|'.join(targets)}).*\", head, kind)"},
        _ANYWHERE,
        {_FIND: _BY_PATTERN.format('f".*{name}"')},
        _NO_DOT,
        {_FIND: "find_layers(model, f\".*({'|'.join(targets)})\", head, kind)"},
        _NO_DOT,
        {_FIND: _BY_PATTERN.format('f"(.*[.])?{name}" if "." not in name else [name[-5:]]')},
        'a name of two parts was taken for its last part: "output.dense" is not every "dense".',
        {
            _FIND: '{p: m for p, m in find_layers(model, ".*", head, kind).items() if p.split(".")[-1] in targets}'
        },
        'only the last name of a path is compared, so "output.dense" fits nothing. A target may have dots itself.',
        {_FIND: "find_layers(model, f\"(.*[.])?({'|'.join(targets)})\", head, kind)"},
        "a name that fits no layer was passed over. A misspelt name must be a ValueError, or nobody notices.",
        {
            f"layers = {_FIND}\n    freeze_base(model, head)": f"freeze_base(model, head)\n    layers = {_FIND}"
        },
        "after the ValueError the model is not what it was: look for the layers before you freeze anything.",
        {"replace(model, path,": "setattr(model, path,"},
        "the new layers are not in their places. Set each on its parent: this path without its last name.",
        {"kind(linear,": "kind(nn.Linear(linear.in_features, linear.out_features),"},
        "the new layers hold new, random linear layers. Give `kind` the layer that was there.",
        {
            _FIND: "[pair for name in targets for pair in find_layers(model, [name], head, kind).items()]",
            "layers.items()": "layers",
            "kind(linear,": "kind(model.get_submodule(path),",
        },
        "a layer that two of the targets fit was wrapped twice. It is one layer: collect the paths first, each once.",
        {"layers = find": "import copy\n    model = copy.deepcopy(model)\n    layers = find"},
        "a copy was changed and returned. Change the model that was given.",
        {"    return model": "    return model.eval()"},
        MODE_CHANGED,
        {"    return model": "        return model"},
        "only the first layer was replaced: return after the loop.",
    ),
    advice={
        RESULT: "return the model itself, changed in place. A name that fits no layer is a ValueError.",
        LAYERS: "these are not the layers whose path ends in one of the targets, outside the head. Where a target fits "
        "nothing, none is replaced: look for all the targets before you replace a layer.",
        INSIDE: "kind(linear, **settings) should hold the layer that was there, once, whichever of the targets fit it.",
        SETTINGS: "each new layer is kind(linear, **settings), with the rank and lora_alpha given, and an A and B of "
        "its own.",
        WEIGHTS: "the model's own weights were changed in place. Only put layers around them.",
        BASE: _FROZEN,
        FACTORS: "some of A and B are frozen. Freeze the model before the new layers come in.",
        HEAD: "the head is frozen, or part of it. All of it trains.",
        "RuntimeError": "a dictionary changed while a loop ran over it: make a list of named_modules() first.",
        "call": "inject is called as inject(model, targets, kind, head, **settings); kind as kind(linear, **settings).",
    },
)
