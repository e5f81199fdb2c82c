"""Exercise on the steps of MAD-X: which parameters train in which."""

from collections.abc import Sequence

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
    return {RESULT: function(*arguments.values())}


def _cases(_: Generator) -> list[Arguments]:
    asked: list[tuple[str, str, tuple[str, ...]]] = [
        (name, step, ("classifier",)) for name in _NAMES for step in madx.STEPS
    ]
    asked += [("score.bias", step, ("score",)) for step in madx.STEPS]
    asked += [("classifier.bias", step, ("score",)) for step in madx.STEPS]
    asked += [("pooler.dense.bias", "task", ("pooler", "classifier"))]
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
    found = any(word in name if within_words else word in name.split(".") for word in wanted)
    if everything_in_language and first:
        found = True
    return not found if inverted else found


TRAINS = Exercise(
    reference=madx.trains,
    cases=_cases,
    observe=_observe,
    mistakes=slips(
        _loose,
        {
            "no_invertible": "the invertible adapter is part of the language adapter, and trains with it.",
            "no_head": "the head is new, so it trains with the task adapter.",
            "language_too": "the language adapter trains in the step of the task as well. It is frozen there: "
            "or it would "
            "no longer be the one that can be exchanged.",
            "head_always": "the head trains in the step of the language as well. That step has no task, and no labels.",
            "task_always": "the task adapter trains in the step of the language as well. That step has no task yet.",
            "invertible_always": "the invertible adapter trains in the step of the task as well. It belongs to "
            "the language, "
            "and is frozen there.",
            "everything_in_language": "in the step of the language everything trains. All but its adapter is frozen.",
            "steps_turned": "the two steps are exchanged.",
            "any_adapter": "everything in a part called adapter trains, in either step. What counts is the part "
            "inside it: "
            "language or task.",
            "fixed_head": "the argument `head` is not used. A head may have another name than classifier.",
            "within_words": "the word is looked for anywhere in the name. A part is what stands between two dots: "
            "'language_embeddings' and 'multitask' are parts of the frozen model. Split the name with .split('.').",
            "inverted": "that is turned round: True is for what trains.",
            "scores_too": "the head that scores the words trains too. It is pretrained, and frozen.",
        },
        Mistake(
            lambda name, step, head: step in name.split("."),
            "a part called `language` or `task` is found, but what goes with each is missing: the invertible "
            "adapter with "
            "the language, the head with the task.",
        ),
        Mistake(
            lambda name, step, head: step in name,
            "the step is looked for anywhere in the name, and what goes with each is missing: the invertible "
            "adapter with "
            "the language, the head with the task. A part is what stands between two dots.",
        ),
    ),
    advice={"type": "return True or False."},
)
