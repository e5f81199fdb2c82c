"""Exercise on which layer of the student learns from which layer of the teacher."""

import math
import operator

from torch import Generator

from course_utils.checks.tasks import RESULT, Arguments, Exercise, Function, Mistake, Observations, slips
from course_utils.methods import intermediate_kd


def _observe_list(function: Function, arguments: Arguments) -> Observations:
    found = function(*arguments.values())
    if type(found) is list:  # NumPy's whole numbers and torch's are whole numbers, too
        found = [operator.index(entry) if hasattr(entry, "__index__") else entry for entry in found]
    return {RESULT: found}


def _map_cases(_: Generator) -> list[Arguments]:
    sizes = ((2, 4), (3, 12), (4, 6), (2, 5), (3, 3))
    return [
        {"student_layers": student, "teacher_layers": teacher, "kind": kind}
        for student, teacher in sizes
        for kind in ("uniform", "first", "last")
    ]


def _loose_map(
    student_layers: int,
    teacher_layers: int,
    kind: str,
    *,
    from_zero: bool = False,
    embedding: bool = False,
    one_late: bool = False,
    spread_low: bool = False,
    to_both_ends: bool = False,
    rounded_up: bool = False,
    to_nearest: bool = False,
    whole_steps: bool = False,
    decimal: bool = False,
    exchanged: bool = False,
    backwards: bool = False,
    always_uniform: bool = False,
) -> list[float]:
    steps = range(1, student_layers + 1)
    if exchanged:
        kind = {"first": "last", "last": "first"}.get(kind, kind)
    if kind == "first" and not always_uniform:
        layers: list[float] = list(steps)
    elif kind == "last" and not always_uniform:
        layers = [teacher_layers - student_layers + step for step in steps]
    elif spread_low:
        layers = [1 + (step - 1) * teacher_layers // student_layers for step in steps]
    elif to_both_ends:
        gaps = max(student_layers - 1, 1)
        layers = [1 + (step - 1) * (teacher_layers - 1) // gaps for step in steps]
    elif whole_steps:
        layers = [step * (teacher_layers // student_layers) for step in steps]
    elif rounded_up:
        layers = [math.ceil(step * teacher_layers / student_layers) for step in steps]
    elif to_nearest:
        layers = [round(step * teacher_layers / student_layers) for step in steps]
    elif decimal:
        layers = [step * teacher_layers / student_layers for step in steps]
    else:
        layers = [step * teacher_layers // student_layers for step in steps]
    if embedding:
        layers = [0, *layers]
    if backwards:
        layers = layers[::-1]
    return [layer - from_zero + one_late for layer in layers]


LAYER_MAP = Exercise(
    reference=intermediate_kd.layer_map,
    cases=_map_cases,
    observe=_observe_list,
    mistakes=slips(
        _loose_map,
        {
            "from_zero": "every layer is one too low: count from 1. Number 0 is the embeddings.",
            "embedding": "the embeddings, 0, are not to be in the list: it has one entry for each layer.",
            "one_late": "every layer is one too high: the last one does not exist.",
            "spread_low": "the last layer of the student does not learn from the teacher's last. Uniform is "
            "m * N / M, with m from 1 on.",
            "to_both_ends": "that spreads from layer 1 to the last. Uniform is m * N / M: the first layer of the "
            "student stands for the first N / M layers of the teacher, and learns from the end of them.",
            "rounded_up": "where N / M is not a whole number, round down, not up: //.",
            "to_nearest": "that rounds to the nearest layer. Take the one below m * N / M: //.",
            "whole_steps": "N // M is rounded too early, and the last layer is missed. First multiply, then "
            "divide: m * N // M.",
            "decimal": "a layer is a whole number: // in place of /.",
            "exchanged": "first and last are exchanged: the first layers are those next to the embeddings.",
            "backwards": "the order is turned round. Lower layers of the student learn from lower ones.",
            "always_uniform": "the kind is not used: there are three.",
        },
        Mistake(
            lambda student_layers, teacher_layers, kind: (
                list(range(teacher_layers - student_layers, teacher_layers))
                if kind == "last"
                else intermediate_kd.layer_map(student_layers, teacher_layers, kind)
            ),
            'with "last", every layer is one too low: the teacher\'s last layer has the number N.',
        ),
        Mistake(
            lambda student_layers, teacher_layers, kind: (
                list(range(student_layers))
                if kind == "first"
                else intermediate_kd.layer_map(student_layers, teacher_layers, kind)
            ),
            'with "first", every layer is one too low: the first layer has the number 1.',
        ),
    ),
    advice={
        "type": "return a list of whole numbers, one for each layer of the student.",
        "shape": "the list needs one entry for each layer of the student, no more and no fewer.",
        "value": "those are not the layers. Uniform: m * N // M for m from 1 to M. First: 1 to M. Last: the M "
        "layers that end with N, in rising order.",
    },
)
