"""Exercise on a student that is cut from its teacher's layers."""

import copy
from typing import Any

from torch import Generator, Tensor, nn
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from course_utils.checks.compare import difference
from course_utils.checks.edits import edits
from course_utils.checks.intermediate_kd.inputs import filled, small_bert
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import intermediate_kd


def _decoder(generator: Generator, layers: int) -> PreTrainedModel:
    """Its layers differ in kind, each knows its own index, and input and output share their embeddings."""
    kinds = ["full_attention" if index % 3 else "sliding_attention" for index in range(layers)]
    config = Qwen2Config(
        vocab_size=3, hidden_size=4, num_hidden_layers=layers, num_attention_heads=2, num_key_value_heads=1,
        intermediate_size=2, tie_word_embeddings=True, layer_types=kinds, use_sliding_window=True,
    )  # fmt: skip
    return filled(generator, Qwen2ForCausalLM, config)


def _keep_cases(generator: Generator) -> list[Arguments]:
    return [
        {"model": small_bert(generator, 3), "layers": [1, 2]},
        {"model": small_bert(generator, 4), "layers": [2, 4]},
        {"model": _decoder(generator, 5), "layers": [2, 4, 5]},
        {"model": small_bert(generator, 3), "layers": [3, 1, 1]},
    ]


def _layers(model: Any) -> Any:
    body = model.base_model
    return body.encoder.layer if hasattr(body, "encoder") else body.layers


def _outside(model: PreTrainedModel) -> dict[str, Tensor]:
    return {name: weight for name, weight in model.state_dict().items() if ".layer" not in name}


def _shared(model: PreTrainedModel) -> bool:
    output = model.get_output_embeddings()
    return output is not None and output.weight is model.get_input_embeddings().weight


def _observe_student(function: Function, arguments: Arguments) -> Observations:
    """Which of the teacher's layers came back, and what else of the two models is not as it should be."""
    original, numbers = arguments["model"], arguments["layers"]
    teacher = copy.deepcopy(original)
    student = function(teacher, list(numbers))
    changed = [
        part
        for part, before, after in (
            ("number of layers", len(_layers(original)), len(_layers(teacher))),
            ("config", original.config.to_dict(), teacher.config.to_dict()),
            ("weights", dict(original.state_dict()), dict(teacher.state_dict())),
        )
        if difference(before, after)
    ]
    seen: Observations = {INPUTS_CHANGED: f"the teacher's {' and '.join(changed)}" if changed else None}
    if type(student) is not type(original):
        return seen | {RESULT: type(student).__name__ if isinstance(student, nn.Module) else student}
    own, weights = _layers(student), [layer.state_dict() for layer in _layers(original)]
    origins = [
        next((n for n, theirs in enumerate(weights, 1) if not difference(theirs, layer.state_dict())), 0)
        for layer in own
    ]
    held = [{part.layer_idx for part in layer.modules() if hasattr(part, "layer_idx")} for layer in own]
    addresses = {parameter.data_ptr() for parameter in teacher.parameters()}
    other, there = _outside(student), _outside(original)
    return seen | {
        RESULT: type(original).__name__,
        "numbers of its layers in the teacher": origins,
        "layers that are one and the same": len(own) - len({id(layer) for layer in own}),
        "weights that are the teacher's own": any(p.data_ptr() in addresses for p in student.parameters()),
        "new weights outside the layers": [
            n for n in there if n not in other or difference(there[n], other[n])
        ],
        "parameters that do not train": [n for n, p in student.named_parameters() if not p.requires_grad],
        "config.num_hidden_layers": student.config.num_hidden_layers,
        "config.layer_types": getattr(student.config, "layer_types", None),
        "layer_idx": [index for indices in held for index in sorted(indices)],
        "input and output share their embeddings": _shared(student),
    }


def _from_config(model: Any, layers: Any) -> Any:
    return type(model)(intermediate_kd.keep_layers(model, layers).config)


_NUMBERED = "body[number - 1]) for number in layers"

KEEP_LAYERS = Exercise(
    reference=intermediate_kd.keep_layers,
    cases=_keep_cases,
    observe=_observe_student,
    mistakes=edits(
        intermediate_kd.keep_layers,
        {"copy.deepcopy(model)": "model"},
        "the teacher itself loses its layers, and it is still needed. Work on a copy: copy.deepcopy(model).",
        {"student.config.num": "student.config = model.config\n    student.config.num"},
        "the teacher's config changes, because the student holds the same one. Copy it too.",
        {"number - 1": "number"},
        "layers count from 1, and a list from 0: layer number n is at index n - 1.",
        {_NUMBERED: "body[index]) for index in range(len(layers))"},
        "those are always the first layers. Keep the ones that `layers` names.",
        {_NUMBERED: "layer) for n, layer in enumerate(body, 1) if n not in layers"},
        "those are the layers to leave out. Keep the ones that `layers` names.",
        {_NUMBERED: "body[number - 1]) for number in sorted(layers)"},
        "the layers stand in the teacher's order. Keep the order of `layers`.",
        {_NUMBERED: "body[number - 1]) for number in dict.fromkeys(layers)"},
        "a layer that is named twice must become two layers.",
        {"copy.deepcopy(body[number - 1])": "body[number - 1]"},
        "a layer that is named twice is one and the same module twice, so the two would train as one. Copy each.",
        {"copy.deepcopy(body[number - 1])": "encoder_layers(model)[number - 1]"},
        "the student's layers are the teacher's own: training the one would change the other. Copy them.",
        {"    del body[:]\n    body.extend(kept)\n": ""},
        "the copy still has all its layers: the config alone removes none. Empty the list, and put in the layers "
        "to keep.",
        {"    del body[:]\n": ""},
        "the kept layers come after all the old ones. Empty the list first: del body[:].",
        {"    student.config.num_hidden_layers = len(layers)\n": ""},
        "config.num_hidden_layers is still the teacher's. Who saves and loads the student would get new random "
        "layers: set it to the number of layers kept.",
        {'if kinds := getattr(student.config, "layer_types", None)': "if kinds := []"},
        "config.layer_types still lists every layer of the teacher. List the kinds of the layers kept.",
        {"[kinds[number - 1] for number in layers]": "kinds[: len(layers)]"},
        "config.layer_types lists the kinds of the first layers. Each layer keeps its own kind.",
        {"module.layer_idx = index": "pass"},
        "layer_idx is still the teacher's. A decoder finds its cached keys and values by it: set it to the "
        "layer's index in the student.",
        {"enumerate(kept)": "enumerate(kept, start=1)"},
        "layer_idx counts from 0, unlike `layers`.",
        {"return student": "return student.base_model"},
        "the head is gone. Return the whole copy.",
        _from_config,
        "the weights are new and random: a config holds sizes only. Copy the model, and take layers away.",
    ),
    advice={
        RESULT: "return a model of the teacher's own class, with its embeddings and its head.",
        INPUTS_CHANGED: "the teacher must stay as it was: change nothing of it in place. Copy before you change.",
        "numbers of its layers in the teacher": "those are not the layers that `layers` names, in its order, with "
        "the teacher's weights (0: a layer that the teacher does not have).",
        "new weights outside the layers": "embeddings and head must have the teacher's weights.",
        "parameters that do not train": "the copy must train as its teacher does: leave requires_grad as it is.",
        "config.num_hidden_layers": "config.num_hidden_layers must be the number of layers kept. Bring the lists in "
        "step too: config.layer_types where there is one, and each layer_idx.",
        "config.layer_types": "layer_types, where the config has it, lists the kinds of the layers kept.",
        "layer_idx": "each module that has a layer_idx needs the index of its layer in the student, from 0.",
        "input and output share their embeddings": "in the teacher the output layer has the very weight of the input "
        "embeddings (tied), and in the copy they are two. Copy the model as a whole: copy.deepcopy(model).",
        "ValueError": "encoder_layers looks for an nn.ModuleList with as many layers as config.num_hidden_layers says. "
        "Ask for the list before you cut, and change that same list; or set the config first.",
        "AttributeError": "models name their parts differently, and not every config has layer_types. Take "
        'encoder_layers(model) for the list, and getattr(config, "layer_types", None) for the kinds.',
    },
)
