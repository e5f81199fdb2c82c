"""Exercise on a model with stacks: what trains in each stage."""

import copy
from typing import Any

import torch
from torch import Generator
from transformers import BertForMaskedLM, BertForTokenClassification

from course_utils.checks.edits import edits
from course_utils.checks.madx.model import INTACT, changed_weights, small_model, weights_of
from course_utils.checks.tasks import (
    INPUTS_CHANGED,
    MODE,
    MODE_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Observations,
)
from course_utils.methods import madx

GROUPS = {
    "the language's bottlenecks": ".adapter.language.",
    "the invertible adapter": ".invertible.",
    "the task's bottlenecks": ".adapter.task.",
    "the head": "the head",
    "the frozen model": "",
}


def _train_cases(_: Generator) -> list[Arguments]:
    words, tagger = BertForMaskedLM, BertForTokenClassification
    classifier, score = ("classifier",), ("score",)
    with torch.random.fork_rng():
        cases: list[tuple[Any, str, tuple[str, ...]]] = [
            (small_model(words, False, True), "language", classifier),
            (small_model(tagger, True, True, classifier), "task", classifier),
            (small_model(tagger, True, False, classifier), "task", classifier),
            (small_model(tagger, True, True, (*classifier, *score)), "task", score),
            (small_model(tagger, True, True, classifier), "transfer", classifier),
            (small_model(tagger, True, True, classifier), "language", classifier),
        ]
    for model, _stage, _head in cases[1:]:  # as if something else had trained before
        model.requires_grad_(True)
    return [{"model": model.train(), "stage": stage, "head": head} for model, stage, head in cases]


def _observe_train(function: Function, arguments: Arguments) -> Observations:
    model, stage, head = copy.deepcopy(tuple(arguments.values()))
    weights = weights_of(model)
    result = function(model, stage, head)
    found: dict[str, set[bool]] = {group: set() for group in GROUPS}
    for name, parameter in model.named_parameters():
        group = next(group for group, piece in GROUPS.items() if piece in f".{name}")
        found["the head" if name.split(".")[0] in head else group].add(parameter.requires_grad)
    told = {0: "none here", 2: "some of it trains"}
    seen: Observations = {
        group: told.get(len(flags), "trains" if True in flags else "frozen") for group, flags in found.items()
    }
    seen[INPUTS_CHANGED] = changed_weights(weights)
    seen[MODE] = "train" if model.training else "eval"
    return {**seen, RESULT: "the model" if result is model else None if result is None else "another object"}


_LANGUAGES, _TASKS = "place.language for place in stacks(model)", "place.task for place in stacks(model)"
_INVERTIBLE = "[slot.invertible for slot in invertible_slots(model)]"
_HEAD = "[model.get_submodule(path) for path in head_parts(model, head)]"
_IN_TRANSFER = 'in the stage "transfer" nothing trains: the languages are exchanged.'
_MORE = "    model.requires_grad_(False)"
_FOUND = "[part for place in stacks(model) for part in (place.task, place.language) if part]"
TRAIN_ONLY = Exercise(
    reference=madx.train_only,
    cases=_train_cases,
    observe=_observe_train,
    mistakes=edits(
        madx.train_only,
        {_INVERTIBLE: "[]"},
        "the invertible adapter is part of the language adapter, and trains with it.",
        {_HEAD: "[]"},
        "the head is new, so it trains with the task adapter. head_parts(model, head) lists its modules.",
        {f"[{_TASKS}]": _FOUND},
        "the language's bottlenecks train in the task's stage as well. They are frozen there: or the language "
        "adapter would no longer be one that can be exchanged.",
        {_HEAD: f"{_HEAD} + [part for part in {_INVERTIBLE} if part]"},
        "the invertible adapter trains in the task's stage as well. It is the language's, and frozen.",
        {_INVERTIBLE: f"{_INVERTIBLE} + [p for n, p in model.named_children() if n == 'classifier']"},
        "the head trains in the language's stage as well. That stage has no task, and no labels.",
        {f"[{_LANGUAGES}]": f"[{_LANGUAGES}] + [{_TASKS} if place.task]"},
        "the task's bottlenecks train in the language's stage as well. That stage has no task yet.",
        {f"[{_LANGUAGES}]": "[model]"},
        "in the language's stage everything trains. All but its adapter is frozen.",
        {"[slot.invertible for": "[slot for"},
        "the whole module that holds the invertible adapter trains, with the embeddings in it. Take its .invertible.",
        {'elif stage == "task"': "else"},
        _IN_TRANSFER,
        {'if stage == "language"': 'if stage != "task"'},
        _IN_TRANSFER,
        {"parts: list": 'if stage == "transfer":\n        return model\n    parts: list'},
        'in the stage "transfer" the model is left as it came, and what trained before goes on. Nothing trains '
        "there: freeze it too.",
        {'"language"': '"task"', '"task"': '"language"'},
        "the two stages are exchanged.",
        {"in parts:": "in parts if stage == 'task' else []:"},
        'in the stage "language" nothing trains. Does an `else` that freezes belong to the second `if` alone? '
        "Write elif, or freeze first.",
        {"model.requires_grad_(False)": "model.base_model.requires_grad_(False)"},
        "only model.base_model is frozen. The heads lie outside it: model.requires_grad_(False).",
        {"return model": "model.eval()\n    return model"},
        MODE_CHANGED,
        {"head_parts(model, head)": 'head_parts(model, ["classifier"])'},
        "the argument `head` is not used. A head may have another name than classifier.",
        {f"[{_TASKS}]": "[]"},
        "the task's bottlenecks do not train in their stage. Take .task of every stack.",
        {"stacks(model)": "stacks(model)[:1]"},
        "only the first layer's adapter trains. stacks(model) has one stack for each layer.",
        {f"{_MORE}\n": ""},
        "what trained before goes on training. Freeze the whole model first: model.requires_grad_(False).",
        {"part.requires_grad_(True)": "pass"},
        "nothing trains. Set requires_grad of what belongs to the stage, after all else was frozen, with "
        "part.requires_grad_(True): `part.requires_grad = True` only sets an attribute of a module.",
        {"(False)": "(True)", "(True)": "(False)"},
        "that is turned round: requires_grad is True for what trains.",
    ),
    advice={
        INPUTS_CHANGED: INTACT,
        RESULT: "return the model, so that calls can be nested: `return model`.",
        "AttributeError": "a model for tags has no scores of words, and a place may be empty: with no language adapter "
        "in it, .language and .invertible are None. And head_parts gives paths, which are text: the part is "
        "model.get_submodule(path).",
        "the language's bottlenecks": 'place.language of every stack trains in the stage "language", and is frozen in '
        "the others, whatever trained before.",
        "the invertible adapter": 'it is part of the language adapter: slot.invertible trains in the stage "language", '
        "and is frozen in the others.",
        "the task's bottlenecks": 'place.task of every stack trains in the stage "task", and is frozen in the others.',
        "the head": 'the parts named in `head` train in the stage "task", and are frozen in the others. '
        "head_parts(model, head) lists their paths.",
        "the frozen model": "some of the model beside adapters and head trains: freeze the whole model first, "
        "embeddings and other heads too, model.requires_grad_(False).",
        "TypeError": "`head` is a tuple of names.",
    },
)
