"""Exercises on a model with stacks: a language is put in, and what trains in each stage."""

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Generator, nn
from transformers import BertConfig, BertForMaskedLM, BertForTokenClassification

from course_utils.checks.edits import edits
from course_utils.checks.tasks import RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import madx
from course_utils.methods.adapters import Adapter

WIDTH, LAYERS = 8, 3
BOTTLENECKS, EMBEDDINGS, SCORES = "in the layers", "after the embeddings", "before the scores"
TASKS, TRAINS, OTHERS = "task adapters", "what trains in the adapter", "what else trains now, or no more"


def _language() -> madx.LanguageAdapter:
    return madx.LanguageAdapter(WIDTH, LAYERS, 2)


def _model(kind: type, task: bool, language: bool, head: tuple[str, ...] = ()) -> nn.Module:
    """A small BERT with places."""
    config = BertConfig(
        vocab_size=9, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=1,
        intermediate_size=8, max_position_embeddings=4, num_labels=3,
    )  # fmt: skip
    model = kind(config)
    if "score" in head:  # beside another head, which stays frozen
        model.score = nn.Linear(WIDTH, 3)
    madx.add_stacks(model, head)
    if task:
        madx.put_task(model, [Adapter(WIDTH, 2) for _ in range(LAYERS)])
    return madx.put_language(model, _language()) if language else model


def _put_cases(_: Generator) -> list[Arguments]:
    words, tagger = BertForMaskedLM, BertForTokenClassification
    with torch.random.fork_rng():
        cases = [
            ("a new language, into a masked language model", _model(words, False, False), _language()),
            ("another language than the one that is in", _model(words, False, True), _language()),
            ("None, where a language is in", _model(words, False, True), None),
            ("a language under a task adapter", _model(tagger, True, True), _language()),
            ("None, under a task adapter", _model(tagger, True, True), None),
        ]
    return [{"put in": told, "model": model, "language": language} for told, model, language in cases]


def _names(adapter: madx.LanguageAdapter | None, name: str) -> dict[int, str]:
    if adapter is None:
        return {}
    layers = {id(layer): f"{name}, layer {index}" for index, layer in enumerate(adapter.layers)}
    return {id(adapter): f"{name} as a whole", id(adapter.invertible): f"{name}, invertible", **layers}


def _observe_put(function: Function, arguments: Arguments) -> Observations:
    """Which adapter stands where afterwards, each by its name."""
    _, model, language = copy.deepcopy(tuple(arguments.values()))
    places, slots = madx.stacks(model), madx.invertible_slots(model)
    names = {id(None): "none", id(model): "the model", **_names(language, "the new one")}
    names |= {id(place.language): "the old one" for place in places if place.language is not None}
    names |= {id(slot.invertible): "the old one" for slot in slots if slot.invertible is not None}
    names |= {id(place.task): f"task {index}" for index, place in enumerate(places) if place.task is not None}
    before = {id(p): p.requires_grad for p in model.parameters()}
    result = function(model, language)

    def named(parts: Iterable[Any]) -> str:
        return "; ".join(names.get(id(part), "another one") for part in parts)

    return {
        BOTTLENECKS: named(place.language for place in places),
        EMBEDDINGS: named([slots[0].invertible]),
        SCORES: named(slot.invertible for slot in slots[1:]),
        TASKS: named(place.task for place in places),
        OTHERS: [
            n for n, p in model.named_parameters() if before.get(id(p), p.requires_grad) != p.requires_grad
        ],
        TRAINS: None if language is None else all(p.requires_grad for p in language.parameters()),
        RESULT: None if result is None else named([result]),
    }


_FILLED = "invertible = None if"
PUT_LANGUAGE = Exercise(
    reference=madx.put_language,
    cases=_put_cases,
    observe=_observe_put,
    mistakes=edits(
        madx.put_language,
        (
            {"invertible_slots(model)": "[]"},
            "the bottlenecks are exchanged and the invertible adapter is not: the embeddings would still speak the old "
            "language. Set `invertible` of every module in invertible_slots(model).",
        ),
        (
            {"invertible_slots(model)": "invertible_slots(model)[:1]"},
            "the scores keep what they had, so what is done to the embeddings is not undone before the words are "
            "scored. Set `invertible` of every module in invertible_slots(model).",
        ),
        (
            {"place.language = layer": "pass"},
            "only the invertible adapter is exchanged. Each stack gets its layer's bottleneck, too.",
        ),
        (
            {"place.language": "place.task"},
            "the language's bottlenecks are put where the task's belong. A stack has two places: .language and .task.",
        ),
        (
            {"places = stacks": "if language is None:\n        return model\n    places = stacks"},
            "None must take the language out. Here the old one stays in.",
        ),
        (
            {_FILLED: "invertible = slot.invertible if"},
            "None takes the bottlenecks out, and the old invertible adapter stays in.",
        ),
        ({"= layer\n": "= layers[0]\n"}, "every layer of the model gets the bottleneck of the first layer."),
        (
            {"= layer\n": "= language\n"},
            "every stack gets the whole language adapter. It gets one of its .layers.",
        ),
        (
            {
                "= layer\n": "= layer if place.language is None else place.language\n",
                _FILLED: "invertible = slot.invertible if slot.invertible is not None else None if",
            },
            "a language that is in stays in. It must make room for the new one.",
        ),
        (
            {"place.language = layer": "place.language, place.task = layer, None"},
            "the task adapter is thrown out as well. It stays when the language is exchanged.",
        ),
        (
            {"return model": "model.requires_grad_(True)\n    return model"},
            "everything trains afterwards, the frozen model too. What trains is decided elsewhere, by train_only.",
        ),
        (
            {"return model": "model.requires_grad_(False)\n    return model"},
            "that freezes the adapter. What trains is decided elsewhere, by train_only.",
        ),
        (
            {"= layer\n": "= __import__('copy').deepcopy(layer)\n"},
            "the model holds copies, so training it would leave the adapter that was given as it was. Put the modules "
            "themselves in.",
        ),
    ),
    advice={
        RESULT: "return the model, so that calls can be nested: `return model`.",
        "value": "above stands what is in each place, layer after layer. A stack's .language is the bottleneck of its "
        "own layer, layers[0] in the first; a slot's .invertible is language.invertible; with None all are None.",
        OTHERS: "requires_grad of the model changed. What trains is decided elsewhere, by train_only.",
        "AttributeError": "language may be None, which has no .layers and no .invertible. Then every place gets None.",
        "TypeError": "language may be None. Then every stack's .language and every slot's .invertible become None.",
    },
)

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
            (_model(words, False, True), "language", classifier),
            (_model(tagger, True, True, classifier), "task", classifier),
            (_model(tagger, True, False, classifier), "task", classifier),
            (_model(tagger, True, True, (*classifier, *score)), "task", score),
            (_model(tagger, True, True, classifier), "transfer", classifier),
            (_model(tagger, True, True, classifier), "language", classifier),
        ]
    for model, _stage, _head in cases[1:]:  # as if something else had trained before
        model.requires_grad_(True)
    return [{"model": model, "stage": stage, "head": head} for model, stage, head in cases]


def _observe_train(function: Function, arguments: Arguments) -> Observations:
    model, stage, head = copy.deepcopy(tuple(arguments.values()))
    result = function(model, stage, head)
    found: dict[str, set[bool]] = {group: set() for group in GROUPS}
    for name, parameter in model.named_parameters():
        group = next(group for group, piece in GROUPS.items() if piece in f".{name}")
        found["the head" if name.split(".")[0] in head else group].add(parameter.requires_grad)
    told = {0: "none here", 2: "some of it trains"}
    seen: Observations = {
        group: told.get(len(flags), "trains" if True in flags else "frozen") for group, flags in found.items()
    }
    return {**seen, RESULT: "the model" if result is model else None if result is None else "another object"}


_LANGUAGES, _TASKS = "place.language for place in stacks(model)", "place.task for place in stacks(model)"
_INVERTIBLE = "[slot.invertible for slot in invertible_slots(model)]"
_HEAD = "[model.get_submodule(path) for path in head_parts(model, head)]"
_MORE = "    model.requires_grad_(False)"
_FOUND = "[part for place in stacks(model) for part in (place.task, place.language) if part]"
TRAIN_ONLY = Exercise(
    reference=madx.train_only,
    cases=_train_cases,
    observe=_observe_train,
    mistakes=edits(
        madx.train_only,
        (
            {_INVERTIBLE: "[]"},
            "the invertible adapter is part of the language adapter, and trains with it.",
        ),
        (
            {_HEAD: "[]"},
            "the head is new, so it trains with the task adapter. head_parts(model, head) lists its modules.",
        ),
        (
            {f"[{_TASKS}]": _FOUND},
            "the language's bottlenecks train in the task's stage as well. They are frozen there: or the language "
            "adapter would no longer be one that can be exchanged.",
        ),
        (
            {_HEAD: f"{_HEAD} + [part for part in {_INVERTIBLE} if part]"},
            "the invertible adapter trains in the task's stage as well. It is the language's, and frozen.",
        ),
        (
            {_INVERTIBLE: f"{_INVERTIBLE} + [p for n, p in model.named_children() if n == 'classifier']"},
            "the head trains in the language's stage as well. That stage has no task, and no labels.",
        ),
        (
            {f"[{_LANGUAGES}]": f"[{_LANGUAGES}] + [{_TASKS} if place.task]"},
            "the task's bottlenecks train in the language's stage as well. That stage has no task yet.",
        ),
        (
            {f"[{_LANGUAGES}]": "[model]"},
            "in the language's stage everything trains. All but its adapter is frozen.",
        ),
        (
            {"[slot.invertible for": "[slot for"},
            "the whole module that holds the invertible adapter trains, with the embeddings in it. Take its "
            ".invertible.",
        ),
        (
            {'elif stage == "task"': "else"},
            'in the stage "transfer" nothing trains: the languages are exchanged.',
        ),
        (
            {"head_parts(model, head)": 'head_parts(model, ["classifier"])'},
            "the argument `head` is not used. A head may have another name than classifier.",
        ),
        (
            {f"[{_TASKS}]": "[]"},
            "the task's bottlenecks do not train in their stage. Take .task of every stack.",
        ),
        (
            {"stacks(model)": "stacks(model)[:1]"},
            "only the first layer's adapter trains. stacks(model) has one stack for each layer.",
        ),
        (
            {f"{_MORE}\n": ""},
            "what trained before goes on training. Freeze the whole model first: model.requires_grad_(False).",
        ),
        (
            {"part.requires_grad_(True)": "pass"},
            "nothing trains. Set requires_grad of what belongs to the stage.",
        ),
        (
            {"(False)": "(True)", "(True)": "(False)"},
            "that is turned round: requires_grad is True for what trains.",
        ),
    ),
    advice={
        RESULT: "return the model, so that calls can be nested: `return model`.",
        "AttributeError": "a model for tags has no scores of words, and a place may be empty: with no language adapter "
        "in it, .language and .invertible are None.",
        "TypeError": "`head` is a tuple of names.",
        "value": "which adapters train in this stage, and which modules beside them? All else is frozen, whatever "
        "trained before.",
    },
)
