"""Exercises on which layer learns from which, and on the loss of the hidden states."""

import operator

from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.intermediate_kd.inputs import (
    BATCHES,
    SHAPES,
    TEACHER_GRADIENT,
    WHOLE_NUMBERS_AS_MASK,
    draw,
    mask_of,
    student_gradient,
)
from course_utils.checks.tasks import RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import intermediate_kd


def _observe_list(function: Function, arguments: Arguments) -> Observations:
    found = function(*arguments.values())
    if type(found) is list:  # NumPy's whole numbers and torch's are whole numbers, too
        found = [operator.index(entry) if hasattr(entry, "__index__") else entry for entry in found]
    return {RESULT: found}


def _map_cases(_: Generator) -> list[Arguments]:
    sizes = ((2, 4), (3, 12), (4, 6), (2, 5), (3, 3), (11, 15))  # the last tells N / M in floating point
    return [
        {"student_layers": student, "teacher_layers": teacher, "kind": kind}
        for student, teacher in sizes
        for kind in ("uniform", "first", "last")
    ]


_UNIFORM = "step * teacher_layers // student_layers"

LAYER_MAP = Exercise(
    reference=intermediate_kd.layer_map,
    cases=_map_cases,
    observe=_observe_list,
    mistakes=edits(
        intermediate_kd.layer_map,
        {
            "student_layers for": "student_layers - 1 for",
            "list(steps)": "list(range(student_layers))",
            "+ step for": "+ step - 1 for",
        },
        "every layer is one too low: count from 1. Number 0 is the embeddings.",
        {"range(1, student_layers + 1)": "range(student_layers)"},
        "m runs from 0 to M - 1. Let it run from 1 to M: number 0 is the embeddings.",
        {"return [": "return [0] + [", "list(": "[0] + list("},
        "the embeddings, 0, are not to be in the list: it has one entry for each layer.",
        {
            "student_layers for": "student_layers + 1 for",
            "list(steps)": "[step + 1 for step in steps]",
            "+ step for": "+ step + 1 for",
        },
        "every layer is one too high: the last one does not exist.",
        {"step * teacher": "1 + (step - 1) * teacher"},
        "the last layer of the student does not learn from the teacher's last. Uniform is m * N / M, with m from 1 on.",
        {_UNIFORM: "1 + (step - 1) * (teacher_layers - 1) // max(1, student_layers - 1)"},
        "that spreads from layer 1 to the last. Uniform is m * N / M: the first layer of the student stands for "
        "the first N / M layers of the teacher, and learns from the end of them.",
        {"[step * ": "[-(-step * ", "// student_layers": "// student_layers)"},
        "where N / M is not a whole number, round down, not up: //.",
        {"[step * ": "[round(step * ", "// student_layers": "/ student_layers)"},
        "that rounds to the nearest layer. Take the one below m * N / M: //.",
        {_UNIFORM: "step * (teacher_layers // student_layers)"},
        "N // M is rounded too early, and the last layer is missed. First multiply, then divide: m * N // M.",
        {_UNIFORM: "int(step * (teacher_layers / student_layers))"},
        "N / M is rounded as a floating-point number, so its multiple may lie just below a whole number: 11 times "
        "15 / 11 gives 14.999... First multiply, then divide: m * N // M.",
        {"//": "/"},
        "a layer is a whole number: // in place of /.",
        {'"first"': '"last"', '"last"': '"first"'},
        "first and last are exchanged: the first layers are those next to the embeddings.",
        {"in steps]": "in steps][::-1]", "list(steps)": "list(steps)[::-1]"},
        "the order is turned round. Lower layers of the student learn from lower ones.",
        {'kind == "uniform"': "kind"},
        "the kind is not used: there are three.",
        {"+ step for": "+ step - 1 for"},
        'with "last", every layer is one too low: the teacher\'s last layer has the number N.',
        {"list(steps)": "list(range(student_layers))"},
        'with "first", every layer is one too low: the first layer has the number 1.',
    ),
    advice={
        "type": "return a list of whole numbers, one for each layer of the student.",
        "shape": "the list needs one entry for each layer of the student, no more and no fewer.",
        "value": "those are not the layers. Uniform: m * N // M for m from 1 to M. First: 1 to M. Last: the M "
        "layers that end with N, in rising order.",
    },
)

# (student width, teacher width, has a projection), one for each of BATCHES. Where the widths are equal, no shape tells
# a transposed projection; where they differ, each does.
_WIDTHS = ((2, 3, True), (2, 2, True), (4, 4, False), (3, 5, True))


def _hidden_cases(generator: Generator) -> list[Arguments]:
    cases: list[Arguments] = []
    for (lengths, longest, dtype), (narrow, wide, projected) in zip(BATCHES, _WIDTHS, strict=True):
        rows = len(lengths)
        cases.append(
            {
                "student_hidden": draw(generator, rows, longest, narrow, dtype=dtype),
                "teacher_hidden": draw(generator, rows, longest, wide, dtype=dtype),
                "attention_mask": mask_of(*lengths, longest=longest),
                "projection": draw(generator, wide, narrow, dtype=dtype) if projected else None,
            }
        )
    return cases


PROJECTION = (
    "projection is a tensor, (teacher width, student width), and no layer: multiply by its transpose, as "
    "F.linear(student_hidden, projection) does. And it is None where the widths are equal: then nothing is multiplied."
)
_MEAN = "(squares * attention_mask).sum() / attention_mask.sum()"
_ELSE = " if projection is None else F.linear(student_hidden, projection)"

HIDDEN_LOSS = Exercise(
    reference=intermediate_kd.hidden_loss,
    cases=_hidden_cases,
    mistakes=edits(
        intermediate_kd.hidden_loss,
        {"squares =": "attention_mask = attention_mask * 0 + 1\n    squares ="},
        "padding is counted. Multiply by the mask, and divide by the number of real tokens.",
        {".square().mean(dim=-1)": ".square().sum(dim=-1) / student_hidden.shape[-1]"},
        "that is divided by the student's width. The states are compared at the teacher's: divide by that.",
        {"mask.sum()": "mask.numel()"},
        "the sum leaves padding out, but is divided by all places. Divide by the number of real tokens: "
        "attention_mask.sum().",
        {_MEAN: "((squares * attention_mask).sum(dim=1) / attention_mask.sum(dim=1)).mean()"},
        "that averages each sentence first, so that a token of a short one counts more. Sum over all real tokens "
        "of the batch, and divide once.",
        {"/ attention_mask.sum()": "/ len(attention_mask)"},
        "that is divided by the number of sentences. Divide by the number of real tokens.",
        {" / attention_mask.sum()": ""},
        "that is the sum over the tokens. Divide by the number of real tokens.",
        {".mean(": ".sum("},
        "that is summed over the width. Take the mean over it, or wide teachers weigh more.",
        {".square()": ".abs()"},
        "that is the absolute difference. Square it.",
        {"return": "return (", "/ attention_mask.sum()": "/ attention_mask.sum()).sqrt()"},
        "no square root: the mean squared difference is the loss.",
        {"return": "return 0.5 *"},
        "leave out the factor one half.",
        {"F.linear(student_hidden, projection)": "student_hidden @ projection"},
        "the projection has the shape (teacher width, student width): multiply by its transpose, as "
        "F.linear(student_hidden, projection) does.",
        {_ELSE: ""},
        "the projection is not used: it takes the student's states to the teacher's width.",
        {", projection)": ", projection.detach())"},
        "the projection gets no gradient, so it could not learn. Detach the teacher only.",
        {".detach()": ""},
        TEACHER_GRADIENT,
        {"student_hidden" + _ELSE: "F.linear(student_hidden, projection) if projection else student_hidden"},
        "`if projection` asks a whole tensor whether it is true. Ask `if projection is not None`.",
        {_MEAN: "squares[attention_mask].mean()"},
        WHOLE_NUMBERS_AS_MASK,
        {_MEAN: "squares[attention_mask == 0].mean()"},
        "that keeps the padding and leaves out the tokens: the mask is 1 at a token.",
        {_ELSE: "", "teacher_hidden": "(teacher_hidden @ projection)"},
        "the teacher's states are taken to the student's width. Take the student's to the teacher's: what the "
        "teacher says must not depend on weights that train.",
        {"student_hidden if projection is None else": ""},
        "projection may be None, where the widths are equal. Then there is nothing to multiply with.",
    ),
    advice={
        "gradient of teacher_hidden": TEACHER_GRADIENT,
        "gradient of student_hidden": student_gradient("hidden states"),
        "gradient of projection": "the value is right, but the projection could not learn from it: no .detach() "
        "and no torch.no_grad() around it.",
        "RuntimeError": SHAPES
        + "Hidden states are (batch, length, width), the mask is (batch, length): average "
        "over the width first, or give the mask a last dim of 1. The projection is (teacher width, student width).",
        "AttributeError": PROJECTION,
        "TypeError": PROJECTION,
    },
)
