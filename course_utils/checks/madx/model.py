"""Exercise on a model with stacks: a language is put in."""

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Generator, nn
from transformers import BertConfig, BertForMaskedLM, BertForTokenClassification

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
from course_utils.methods import madx
from course_utils.methods.adapters import Adapter

WIDTH, LAYERS = 8, 3
BOTTLENECKS, EMBEDDINGS, SCORES = "in the layers", "after the embeddings", "before the scores"
TASKS, TRAINS, OTHERS = "task adapters", "what trains in the adapter", "what else trains now, or no more"


def _language() -> madx.LanguageAdapter:
    return madx.LanguageAdapter(WIDTH, LAYERS, 2)


def small_model(kind: type, task: bool, language: bool, head: tuple[str, ...] = ()) -> nn.Module:
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


def weights_of(*parts: nn.Module | None) -> list[tuple[nn.Parameter, torch.Tensor]]:
    """Every parameter, with a copy of its value now."""
    return [(p, p.detach().clone()) for part in parts if part is not None for p in part.parameters()]


def changed_weights(before: list[tuple[nn.Parameter, torch.Tensor]]) -> str | None:
    """What to say of weights that are no longer what `weights_of` saw; None where all are."""
    same = all(p.dtype == value.dtype and torch.equal(p, value) for p, value in before)
    return None if same else "the weights of the model"


def _put_cases(_: Generator) -> list[Arguments]:
    words, tagger = BertForMaskedLM, BertForTokenClassification
    with torch.random.fork_rng():
        cases = [
            ("a new language, into a masked language model", small_model(words, False, False), _language()),
            ("another language than the one that is in", small_model(words, False, True), _language()),
            ("None, where a language is in", small_model(words, False, True), None),
            ("a language under a task adapter", small_model(tagger, True, True), _language()),
            ("None, under a task adapter", small_model(tagger, True, True), None),
        ]
    return [{"put in": told, "model": model.train(), "language": language} for told, model, language in cases]


def _names(adapter: madx.LanguageAdapter | None, name: str) -> dict[Any, str]:
    if adapter is None:
        return {}
    layers = {layer: f"{name}, layer {index}" for index, layer in enumerate(adapter.layers)}
    return {adapter: f"{name} as a whole", adapter.invertible: f"{name}, invertible", **layers}


def _observe_put(function: Function, arguments: Arguments) -> Observations:
    """Which adapter stands where afterwards, each by its name."""
    _, model, language = copy.deepcopy(tuple(arguments.values()))
    places, slots = madx.stacks(model), madx.invertible_slots(model)
    # `names` keeps the modules alive: one that is thrown out and freed would hand its id on to a new one.
    names = {None: "none", model: "the model", **_names(language, "the new one")}
    names |= {place.language: "the old one" for place in places if place.language is not None}
    names |= {slot.invertible: "the old one" for slot in slots if slot.invertible is not None}
    names |= {place.task: f"task {index}" for index, place in enumerate(places) if place.task is not None}
    told = {id(module): name for module, name in names.items()}
    before, weights = {p: p.requires_grad for p in model.parameters()}, weights_of(model, language)
    result = function(model, language)

    def named(parts: Iterable[Any]) -> str:
        return "; ".join(told.get(id(part), "another one") for part in parts)

    return {
        INPUTS_CHANGED: changed_weights(weights),
        BOTTLENECKS: named(place.language for place in places),
        EMBEDDINGS: named([slots[0].invertible]),
        SCORES: named(slot.invertible for slot in slots[1:]),
        TASKS: named(place.task for place in places),
        OTHERS: [n for n, p in model.named_parameters() if before.get(p, p.requires_grad) != p.requires_grad],
        TRAINS: None if language is None else all(p.requires_grad for p in language.parameters()),
        RESULT: None if result is None else named([result]),
        MODE: "train" if model.training else "eval",
    }


INTACT = "the model's weights are changed in place. Their values stay: only what the docstring names changes."
_FILLED = "invertible = None if"
PUT_LANGUAGE = Exercise(
    reference=madx.put_language,
    cases=_put_cases,
    observe=_observe_put,
    mistakes=edits(
        madx.put_language,
        {"invertible_slots(model)": "[]"},
        "the bottlenecks are exchanged and the invertible adapter is not: the embeddings would still speak the old "
        "language. Set `invertible` of every module in invertible_slots(model).",
        {"invertible_slots(model)": "invertible_slots(model)[:1]"},
        "the scores keep what they had, so what is done to the embeddings is not undone before the words are "
        "scored. Set `invertible` of every module in invertible_slots(model).",
        {"place.language = layer": "pass"},
        "only the invertible adapter is exchanged. Each stack gets its layer's bottleneck, too.",
        {"place.language": "place.task"},
        "the language's bottlenecks are put where the task's belong. A stack has two places: .language and .task.",
        {"places = stacks": "if language is None:\n        return model\n    places = stacks"},
        "None must take the language out. Here the old one stays in.",
        {_FILLED: "invertible = slot.invertible if"},
        "None takes the bottlenecks out, and the old invertible adapter stays in.",
        {"= layer\n": "= layers[0]\n"},
        "every layer of the model gets the bottleneck of the first layer.",
        {"= layer\n": "= language\n"},
        "every stack gets the whole language adapter. It gets one of its .layers.",
        {
            "= layer\n": "= layer if place.language is None else place.language\n",
            _FILLED: "invertible = slot.invertible if slot.invertible is not None else None if",
        },
        "a language that is in stays in. It must make room for the new one.",
        {"place.language = layer": "place.language, place.task = layer, None"},
        "the task adapter is thrown out as well. It stays when the language is exchanged.",
        {"return model": "model.requires_grad_(True)\n    return model"},
        "everything trains afterwards, the frozen model too. What trains is decided elsewhere, by train_only.",
        {"return model": "return model.eval()"},
        "the model was put into eval mode. The mode switches dropout, and is left as it was.",
        {"return model": "model.requires_grad_(False)\n    return model"},
        "that freezes the adapter. What trains is decided elsewhere, by train_only.",
        {"= layer\n": "= __import__('copy').deepcopy(layer)\n"},
        "the model holds copies, so training it would leave the adapter that was given as it was. Put the modules "
        "themselves in.",
    ),
    advice={
        INPUTS_CHANGED: INTACT,
        RESULT: "return the model, so that calls can be nested: `return model`.",
        "value": "above stands what is in each place, layer after layer. A stack's .language is the bottleneck of its "
        "own layer, layers[0] in the first; a slot's .invertible is language.invertible; with None all are None.",
        OTHERS: "requires_grad of the model changed. What trains is decided elsewhere, by train_only.",
        "AttributeError": "language may be None, which has no .layers and no .invertible. Then every place gets None.",
        "TypeError": "language may be None. Then every stack's .language and every slot's .invertible become None.",
    },
)
