"""Exercise on TinyBERT's losses of all layers at once, over a layer map."""

import copy
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils.checks.compare import difference
from course_utils.checks.edits import edits
from course_utils.checks.intermediate_kd.inputs import TEACHER_GRADIENT, draw, mask_of, small_bert
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import intermediate_kd


def _losses_cases(generator: Generator) -> list[Arguments]:
    cases: list[Arguments] = []
    for lengths, layers, depth in (((2, 1), [2, 4], 4), ((3,), [3], 3), ((1, 3), [1, 3, 4], 5)):
        models, hidden = [], []
        for own_depth, width in ((len(layers), 2), (depth, 4)):
            models.append(small_bert(generator, own_depth, width))
            shape = (len(lengths), max(lengths), width)
            hidden.append([draw(generator, *shape, dtype=torch.float32) for _ in range(own_depth + 1)])
        projection = nn.utils.skip_init(nn.Linear, 2, 4, bias=False)
        projection.weight.data = draw(generator, 4, 2, dtype=torch.float32)
        models[0].projection = projection
        cases.append(
            {
                "student": models[0],
                "teacher": models[1],
                "student_hidden": hidden[0],
                "teacher_hidden": hidden[1],
                "attention_mask": mask_of(*lengths, longest=max(lengths)),
                "layers": layers,
            }
        )
    return cases


_NAMES = ["attention", "embedding", "hidden"]


def _observe_losses(function: Function, arguments: Arguments) -> Observations:
    """The three losses; and who learns from them: their sum is differentiated."""
    given = copy.deepcopy(arguments)
    for name in ("student_hidden", "teacher_hidden"):
        given[name] = [state.requires_grad_() for state in given[name]]
    losses = function(*given.values())
    changed = [
        name for name, before in arguments.items() if difference(_numbers(before), _numbers(given[name]))
    ]
    seen: Observations = {INPUTS_CHANGED: ", ".join(changed) or None}
    if not isinstance(losses, dict) or sorted(map(str, losses)) != _NAMES:
        return seen | {RESULT: losses}
    seen[RESULT] = {name: _plain(losses[name]) for name in _NAMES}
    if not all(isinstance(loss, Tensor) and loss.requires_grad for loss in losses.values()):
        return seen
    student, teacher = given["student"], given["teacher"]
    sources = {
        "gradient of the teacher": [*given["teacher_hidden"], *teacher.parameters()],
        "gradient of the projection": [student.projection.weight],
        "gradient of the student": [*given["student_hidden"], *student.parameters()],
    }
    total = torch.stack(list(losses.values())).sum()
    for name, tensors in sources.items():
        gradients = torch.autograd.grad(total, tensors, retain_graph=True, allow_unused=True)
        seen[name] = [gradient is not None and bool(gradient.any()) for gradient in gradients]
    return seen


def _numbers(value: Any) -> Any:
    return dict(value.state_dict()) if isinstance(value, nn.Module) else value


def _plain(loss: Any) -> Any:
    return loss.detach() if isinstance(loss, Tensor) else loss


_MAP = "the map gives the number of the teacher's layer: {}"
_EMBEDDING = "hidden_loss(student_hidden[0], teacher_hidden[0], attention_mask, weight)"

TINYBERT_LOSSES = Exercise(
    reference=intermediate_kd.tinybert_losses,
    cases=_losses_cases,
    observe=_observe_losses,
    mistakes=edits(
        intermediate_kd.tinybert_losses,
        {"teacher_hidden[theirs]": "teacher_hidden[theirs - 1]"},
        "the hidden states of the teacher are one layer too low: number 0 is the embeddings, so layer m left its "
        "states at number m.",
        {"teacher_hidden[theirs]": "teacher_hidden[mine]"},
        _MAP.format("hidden states number m are compared with number m, whatever the map says."),
        {"teacher_hidden, theirs": "teacher_hidden, mine"},
        _MAP.format("the scores of layer m are compared with those of layer m, whatever the map says."),
        {"student_hidden[mine]": "student_hidden[mine - 1]"},
        "the hidden states of the student are one layer too low: number 0 is the embeddings.",
        {"score_map(student, student_hidden, mine)": "score_map(student, student_hidden, mine - 1)"},
        "the scores of the student are those of one layer too low: score_map counts the layers from 1.",
        {"start=1": "start=0"},
        "layers count from 1 on both sides. Counted from 0, the student's first layer is its embeddings: "
        "enumerate(layers, start=1).",
        {"torch.stack(hidden).mean()": "torch.stack(hidden).sum()"},
        "the hidden losses are summed over the layers. Average them.",
        {"torch.stack(attention).mean()": "torch.stack(attention).sum()"},
        "the attention losses are summed over the layers. Average them.",
        {"torch.stack(hidden).mean()": "hidden[-1]", "torch.stack(attention).mean()": "attention[-1]"},
        "only the last layer of the student counts. Collect the losses of all layers, and average them.",
        {"hidden = []": f"hidden = [{_EMBEDDING}]"},
        "the embeddings are among the hidden losses. They have a loss of their own.",
        {"hidden[0]": "hidden[-1]"},
        "that compares the last hidden states. The embeddings are number 0.",
        {", attention_mask, weight)": ", attention_mask)"},
        "student and teacher have two widths, in the embeddings as in the layers. Hand the projection's weight to "
        "each hidden_loss.",
        {"weight = student.projection.weight": "weight = student.projection.weight.detach()"},
        "the projection gets no gradient, so it would stay random. No .detach() on it.",
        {"weight = ": "attention_mask = attention_mask * 0 + 1\n    weight = "},
        "padding counts. Pass the attention_mask on to each of the losses.",
        {"student_hidden, mine)": "student_hidden, mine).detach()"},
        "the student's scores carry no gradient. Only the teacher's belong under torch.no_grad().",
    ),
    advice={
        "type": 'return a dict of three scalars: "embedding", "hidden", "attention". They are tensors, so that the '
        "student can learn from them: no .item() and no float(...).",
        "AttributeError": "student.projection is a layer, and hidden_loss takes its matrix: student.projection.weight.",
        "gradient of the teacher": TEACHER_GRADIENT,
        "gradient of the student": "some of the student's layers do not learn: no torch.no_grad() and no .detach() on "
        "the student's side.",
    },
)
