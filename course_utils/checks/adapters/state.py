"""Exercises on what a task has to store, and on putting it back."""

import copy
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils.checks.compare import describe, difference
from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    INPUTS_CHANGED,
    MODE,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Observations,
)
from course_utils.methods import adapters

KIND = "kind of answer"
NAMES = "names"
SHARED = "changes when the model trains on"
GRADIENTS = "one of them asks for gradients"


def small_model(
    generator: Generator, trained: tuple[str, ...], head: str = "classifier", inner: str = "adapter"
) -> nn.Module:
    """An encoder with bottlenecks and a head, all frozen but for the parts named in `trained`."""
    model = nn.ModuleDict(
        {
            "encoder": nn.ModuleDict(
                {
                    "dense": nn.Linear(3, 3),
                    inner: nn.ModuleDict({"down": nn.Linear(3, 1), "up": nn.Linear(1, 3)}),
                    "LayerNorm": nn.LayerNorm(3),
                }
            ),
            "norm": nn.BatchNorm1d(2),  # has buffers, which are not parameters
            head: nn.Linear(3, 2),
        }
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.randint(-4, 5, parameter.shape, generator=generator))
            parameter.requires_grad_(bool(set(name.split(".")) & set(trained)))
    return model


def _cases(generator: Generator) -> list[Arguments]:
    return [
        {"model": small_model(generator, ("adapter", "classifier"))},
        {"model": small_model(generator, ("adapter", "LayerNorm", "classifier"))},
        {"model": small_model(generator, ("bottleneck", "score"), head="score", inner="bottleneck")},
        {"model": small_model(generator, ("up", "classifier"))},
        {"model": small_model(generator, ("adapter",))},
    ]


def _observe(function: Function, arguments: Arguments) -> Observations:
    given: nn.Module = arguments["model"]
    model = copy.deepcopy(given)
    state = function(model)
    flags = [[p.requires_grad for p in each.parameters()] + [each.training] for each in (given, model)]
    intact = not difference(dict(given.state_dict()), dict(model.state_dict())) and flags[0] == flags[1]
    seen: Observations = {INPUTS_CHANGED: None if intact else "model"}
    if not _is_state(state):
        return seen | {KIND: describe(state), RESULT: None}
    kept = {name: value.detach().clone() for name, value in state.items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    return seen | {
        KIND: "a dict of tensors by name",
        NAMES: ", ".join(sorted(kept)),
        RESULT: {name: kept[name] for name in sorted(kept)},
        SHARED: any(not torch.equal(value, kept[name]) for name, value in state.items()),
        GRADIENTS: any(value.requires_grad for value in state.values()),
    }


def _is_state(state: Any) -> bool:
    return isinstance(state, dict) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    )


_SHARED = (
    "these are the model's own tensors, not copies: load the next task, and this one is gone. Add .clone()."
)
_ATTACHED = "the copies still ask for gradients. Take p.detach() first, then .clone()."

ADAPTER_STATE = Exercise(
    reference=adapters.adapter_state,
    cases=_cases,
    observe=_observe,
    mistakes=edits(
        adapters.adapter_state,
        {"named_parameters()": "state_dict().items()", " if p.requires_grad": ""},
        "that is the whole model, frozen parts and all: as large as a full copy. Keep those parameters that "
        "require a gradient.",
        {" if p.requires_grad": ""},
        "the frozen parameters are in it too: as large as a full copy. Keep those that require a gradient.",
        {"if p": "if not p"},
        "it is the wrong way round: these are the frozen ones. Keep those that require a gradient.",
        {"p.requires_grad": '"adapter" in name'},
        "the head is missing, or a trained LayerNorm: only parts called adapter are kept. Ask each parameter "
        "for p.requires_grad.",
        {"p.requires_grad": '"adapter" in name or "classifier" in name'},
        "the parts are chosen by the names adapter and classifier. Not every head is called so, and not every "
        "adapter trains. Ask each parameter for p.requires_grad.",
        {"requires_grad": 'requires_grad and "encoder" not in name'},
        "the head alone is kept. The adapters were trained, too.",
        {"requires_grad": 'requires_grad and name.endswith("weight")'},
        "the biases are missing: they were trained, too.",
        {".clone()": ""},
        _SHARED,
        {".detach()": ""},
        _ATTACHED,
        {"{name": '{".".join(name.split(".")[-2:])'},
        "the names are shortened, so that adapters of two layers would share one. Keep the whole names of "
        "model.named_parameters().",
        {"p.requires_grad": "p.grad is not None"},
        "the dict is empty. What model.state_dict() gives never asks for gradients, and p.grad is None until the "
        "first backward pass. Ask each of model.named_parameters() for p.requires_grad.",
    ),
    advice={
        KIND: "return a dict: the name of each trained parameter, and a copy of its values.",
        NAMES: "other tensors are expected: all those for which p.requires_grad is True, the head's among them, and "
        "no others. Keep the names of model.named_parameters().",
        SHARED: _SHARED,
        GRADIENTS: _ATTACHED,
        INPUTS_CHANGED: "the model itself is changed in place: its values, or what requires a gradient. Read it, and "
        "leave it as it is.",
    },
)


OWN, FLAGS = "the model's own parameters", "what requires a gradient"


def _swap_cases(generator: Generator) -> list[Arguments]:
    """What another task stored: in the third case beside a tensor that the model has no parameter for; in the last
    other parts than those that train here."""
    cases: list[Arguments] = []
    for trained in (
        ("adapter", "classifier"),
        ("adapter", "LayerNorm", "classifier"),
        ("adapter", "classifier"),
    ):
        model, other = small_model(generator, trained), small_model(generator, trained)
        cases.append({"model": model, "stored": adapters.adapter_state(other)})
    cases[-1]["stored"] = {"lora_alpha": torch.tensor(4.0), **cases[-1]["stored"]}
    stored = adapters.adapter_state(small_model(generator, ("LayerNorm", "classifier")))
    return [*cases, {"model": small_model(generator, ("adapter", "classifier")), "stored": stored}]


def _observe_swap(function: Function, arguments: Arguments) -> Observations:
    model, stored = copy.deepcopy((arguments["model"], arguments["stored"]))
    before = dict(model.named_parameters())
    result = function(model, stored)
    after = dict(model.named_parameters())
    kept = {name: p.detach().clone() for name, p in after.items()}
    seen: Observations = {
        INPUTS_CHANGED: "stored" if difference(dict(arguments["stored"]), dict(stored)) else None,
        NAMES: ", ".join(after),
        "values": kept,
        OWN: all(after[name] is before[name] for name in before if name in after),
        FLAGS: [name for name, p in after.items() if p.requires_grad],
        MODE: "train" if model.training else "eval",
        RESULT: "the model" if result is model else None if result is None else "another object",
    }
    with torch.no_grad():
        for value in stored.values():
            value.add_(1)
    return {**seen, SHARED: any(not torch.equal(p, kept[name]) for name, p in after.items())}


_COPY, _LOOP = "parameter.copy_(stored[name])", "for name, parameter in model.named_parameters():"
_NEW = "path, _, own = name.rpartition('.'); setattr(model.get_submodule(path), own, nn.Parameter(1 * stored[name]))"
SWAP_IN = Exercise(
    reference=adapters.swap_in,
    cases=_swap_cases,
    observe=_observe_swap,
    mistakes=edits(
        adapters.swap_in,
        {_COPY: "parameter.data = stored[name]"},
        "the model now holds the stored tensors themselves: train it on, and what you stored changes with it. Copy "
        "the values, with copy_.",
        {"if name in": 'if "adapter" in name and name in'},
        "the head is left behind. It was trained with the adapters, and it is among the stored tensors.",
        {"@torch.no_grad()\n": ""},
        "a trained parameter cannot be written to while gradients are recorded: copy under torch.no_grad().",
        {_COPY: _NEW},
        "the parameters are replaced by new ones, so an optimizer, or another model that shares them, still has "
        "the old ones. Write the values into the old ones, with copy_.",
        {_COPY: "parameter.add_(stored[name])"},
        "the stored values are added. They take the place of the old ones.",
        {_COPY: "stored[name].copy_(parameter)"},
        "that is the wrong way round: what was stored is overwritten by what the model has.",
        {_COPY: "parameter = stored[name].clone()"},
        "that only gives a name another value. The model is as it was.",
        {"    return model": "    model.requires_grad_(False)\n    return model"},
        "the model is frozen by the swap. What trains is not its business.",
        {"    return model": "    return model.eval()"},
        "the model is put into eval mode by the swap. The mode is not its business.",
        {"if name in stored:": "if parameter.requires_grad:"},
        "what trains now is asked for. Whatever is stored goes in, also where the model is frozen, and what is not "
        "stored stays: ask `name in stored`.",
        {_LOOP: f"model = __import__('copy').deepcopy(model)\n    {_LOOP}"},
        "a copy got the values. Change the model that was given.",
        {_LOOP: "for name in stored:\n        parameter = model.get_parameter(name)"},
        "a stored tensor that the model has no parameter for ends in an error. Pass it over.",
    ),
    advice={
        RESULT: "change the model itself, and return it: `return model`.",
        "values": "each parameter whose name is among the stored tensors gets that tensor's values; the others keep "
        "theirs.",
        OWN: "the model has new parameters now, so an optimizer, or another model that shares them, still has the old "
        "ones. Write the values into the old ones, with copy_.",
        FLAGS: "what requires a gradient changed. The swap gives other values, and decides nothing else.",
        SHARED: "the model holds the stored tensors themselves. Copy the values, with copy_.",
        "KeyError": "not every parameter of the model is among the stored tensors: the base is not. (If it speaks of a "
        "dot: setattr takes one name, and model.get_parameter(name) a path.)",
        "RuntimeError": "load_state_dict asks for the tensors of the base too, unless strict=False. Or a tensor was "
        "put where another belongs: go by the names.",
    },
)
