"""Exercise on the steps of MAD-X: which parameters train in which."""

from collections.abc import Sequence

import numpy as np
from torch import Generator

from course_utils.checks.tasks import RESULT, Arguments, Exercise, Function, Mistake, Observations, slips
from course_utils.methods import madx

_LAYER = "bert.encoder.layer.0.output"
_NAMES = (
    f"{_LAYER}.adapter.language.down.weight",
    f"{_LAYER}.adapter.task.up.bias",
    f"{_LAYER}.dense.weight",
    f"{_LAYER}.LayerNorm.bias",
    "bert.embeddings.invertible.first.0.weight",
    "bert.embeddings.embeddings.word_embeddings.weight",
    "cls.predictions.bias",
    "classifier.weight",
    "bert.language_embeddings.weight",
    "multitask.pooler.weight",
)


def _observe(function: Function, arguments: Arguments) -> Observations:
    found = function(*arguments.values())
    return {RESULT: bool(found) if isinstance(found, np.bool_) else found}


def _cases(_: Generator) -> list[Arguments]:
    asked: list[tuple[str, str, tuple[str, ...]]] = [
        (name, step, ("classifier",)) for name in _NAMES for step in madx.STEPS
    ]
    asked += [("score.bias", step, ("score",)) for step in madx.STEPS]
    asked += [("classifier.bias", step, ("score",)) for step in madx.STEPS]
    asked += [("pooler.dense.bias", "task", ("pooler", "classifier"))]
    asked += [("bert.pooler.dense.weight", step, ("pooler", "classifier")) for step in madx.STEPS]
    asked += [("classifier_norm.weight", "task", ("classifier",))]
    return [{"name": name, "step": step, "head": head} for name, step, head in asked]


def _loose(
    name: str,
    step: str,
    head: Sequence[str],
    *,
    no_invertible: bool = False,
    no_head: bool = False,
    language_too: bool = False,
    head_always: bool = False,
    task_always: bool = False,
    invertible_always: bool = False,
    everything_in_language: bool = False,
    steps_turned: bool = False,
    any_adapter: bool = False,
    fixed_head: bool = False,
    whole_head: bool = False,
    step_ignored: bool = False,
    everything: bool = False,
    nothing: bool = False,
    within_words: bool = False,
    inverted: bool = False,
    scores_too: bool = False,
) -> bool:
    first = (step == "language") is not steps_turned
    names = ["classifier"] if fixed_head else list(head)
    language = ["language"] + ([] if no_invertible else ["invertible"])
    task = ["task"] + ([] if no_head else names)
    wanted = list(language if first else task)
    if language_too and not first:
        wanted += language
    if invertible_always:
        wanted += ["invertible"]
    if head_always:
        wanted += names
    if task_always:
        wanted += ["task"]
    if any_adapter:
        wanted += ["adapter"]
    if scores_too and first:
        wanted += ["cls"]
    if step_ignored:
        wanted = language + task
    parts = name.split(".")
    found = any(word in name if within_words else word in parts for word in wanted)
    if whole_head and not first:
        found = "task" in parts or all(word in parts for word in names)
    if everything or nothing or (everything_in_language and first):
        found = not nothing
    return not found if inverted else found


def _head_in_front(name: str, step: str, head: Sequence[str], within_word: bool = False) -> bool:
    """Asks for the head at the beginning of the name alone: as its first part, or as its first letters."""
    if step == "language":
        return madx.trains(name, step)
    in_head = name.startswith(tuple(head)) if within_word else name.split(".")[0] in head
    return in_head or "task" in name.split(".")


_FRONT = (
    "the head is looked for at the beginning of the name alone. It may lie deeper, as `pooler` in "
    "bert.pooler.dense.weight; and a part that only begins like it is another one. Ask every part."
)

TRAINS = Exercise(
    reference=madx.trains,
    cases=_cases,
    observe=_observe,
    mistakes=slips(
        _loose,
        {
            "no_invertible": "the invertible adapter is part of the language adapter, and trains with it.",
            "no_head": "the head is new, so it trains with the task adapter. `head` is a tuple of names: ask for each "
            "of them.",
            "language_too": "the language adapter trains in the step of the task as well. It is frozen there: or it "
            "would no longer be the one that can be exchanged.",
            "head_always": "the head trains in the step of the language as well. That step has no task, and no labels.",
            "task_always": "the task adapter trains in the step of the language as well. That step has no task yet.",
            "invertible_always": "the invertible adapter trains in the step of the task as well. It belongs to the "
            "language, and is frozen there.",
            "everything_in_language": "in the step of the language everything trains. All but its adapter is frozen.",
            "steps_turned": "the two steps are exchanged.",
            "any_adapter": "everything in a part called adapter trains, in either step. What counts is the part inside "
            "it: language or task.",
            "fixed_head": "the argument `head` is not used. A head may have another name than classifier.",
            "whole_head": "a parameter lies in one part of the head, not in all of them: any, not all.",
            "step_ignored": "the argument `step` is not used. Each step trains its own adapter.",
            "everything": "that is True for every name. Most of the model is frozen in either step.",
            "nothing": "that is False for every name. One part that is wanted is enough: any of them, not all.",
            "within_words": "the word is looked for anywhere in the name. A part is what stands between two dots: "
            "'language_embeddings' and 'multitask' are parts of the frozen model. Split the name with .split('.').",
            "inverted": "that is turned round: True is for what trains.",
            "scores_too": "the head that scores the words trains too. It is pretrained, and frozen.",
        },
        Mistake(
            lambda name, step, head: step in name.split("."),
            "a part called `language` or `task` is found, but what goes with each is missing: the invertible adapter "
            "with the language, the head with the task.",
        ),
        Mistake(
            lambda name, step, head: step in name,
            "the step is looked for anywhere in the name, and what goes with each is missing: the invertible adapter "
            "with the language, the head with the task. A part is what stands between two dots.",
        ),
        Mistake(_head_in_front, _FRONT),
        Mistake(lambda name, step, head: _head_in_front(name, step, head, within_word=True), _FRONT),
    ),
    advice={
        "type": "return True or False; bool(...) makes one of a set, a list or a number.",
        "value": "split the name above at its dots. True if one of its parts, wherever it stands, is wanted in this "
        "step; else False.",
        "TypeError": '`head` is a tuple of names. Put it behind others as in ("task", *head), or ask for each of '
        "its names.",
    },
)
