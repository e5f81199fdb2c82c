"""Exercise on a whole model: an adapter in each of its places, and all else frozen."""

import copy
from typing import Any

import torch
from torch import Generator, Tensor, nn
from transformers import BertConfig, BertForSequenceClassification

from course_utils.checks.edits import edits
from course_utils.checks.tasks import MODE, MODE_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import adapters

PLACES, SIZES, START = "where adapters are", "width and bottleneck of the adapters", "their first weights"
OWN, TRAINS, LOGITS = (
    "whose the adapters are",
    "what trains",
    "logits, the adapters' weights set from -1 to 1",
)


def _model(generator: Generator) -> nn.Module:
    config = BertConfig(
        vocab_size=9, hidden_size=6, num_hidden_layers=2, num_attention_heads=1, intermediate_size=10,
        max_position_embeddings=4, num_labels=3, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    with torch.random.fork_rng():
        model = BertForSequenceClassification(config).train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    return model


def _cases(generator: Generator) -> list[Arguments]:
    names = ("model", "bottleneck_size", "kind", "head", "train_norms", "init_std")
    classifier = ("classifier",)
    settings: list[tuple[Any, ...]] = [
        (2, "houlsby", classifier, False, 0.01),
        (4, "pfeiffer", classifier, False, 0.01),
        (1, "houlsby", (*classifier, "pooler"), True, 0.001),
        (3, "pfeiffer", classifier, True, 1.0),
    ]
    return [dict(zip(names, (_model(generator), *row), strict=True)) for row in settings]


def _observe(function: Function, arguments: Arguments) -> Observations:
    model, *settings = copy.deepcopy(tuple(arguments.values()))
    init_std = settings[-1]
    result = function(model, *settings)
    mode = "train" if model.training else "eval"
    places = {path: part.adapter for path, part in model.named_modules() if hasattr(part, "adapter")}
    weights = [p.detach() for place in places.values() for n, p in place.named_parameters() if "weight" in n]
    groups: dict[str, set[bool]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault(_group(name, settings[2]), set()).add(parameter.requires_grad)
    trained = [
        f"{group} in part" if False in flags else group for group, flags in groups.items() if True in flags
    ]
    seen: Observations = {
        RESULT: "the model" if result is model else None if result is None else "another object",
        PLACES: ", ".join(path.removeprefix("bert.encoder.") for path in places),
        SIZES: ", ".join(sorted({f"{_features(place)}" for place in places.values()})),
        OWN: "each place has its own"
        if len({*map(id, places.values())}) == len(places)
        else "they are shared",
        START: _start(weights, init_std),
        TRAINS: ", ".join(trained) or "nothing",
    }
    with torch.no_grad():
        for place in places.values():
            for parameter in place.parameters():
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).reshape(parameter.shape))
        try:
            seen[LOGITS] = model.eval()(torch.tensor([[1, 2, 3], [4, 5, 6]])).logits
        except (RuntimeError, TypeError) as error:
            seen[LOGITS] = f"{type(error).__name__} when the model is called"
    return seen | {MODE: mode}


def _features(adapter: Any) -> tuple[int, int]:
    return adapter.down.in_features, adapter.down.out_features


def _start(weights: list[Tensor], init_std: float) -> str:
    largest = max((weight.abs().max().item() for weight in weights), default=0.0)
    return (
        "too large" if largest > 2.001 * init_std else "too small" if largest < init_std / 20 else "as asked"
    )


def _group(name: str, head: tuple[str, ...]) -> str:
    parts = name.split(".")
    if set(parts) & set(head):
        return "the head"
    if "adapter" in parts:
        return "adapters"
    if "LayerNorm" not in parts:
        return "the base"
    return "LayerNorm of the embeddings" if "embeddings" in parts else f"LayerNorm of {'.'.join(parts[4:-2])}"


_MADE = "Adapter(features(last)[1], bottleneck_size, init_std)"
_LOOP = "    for path, output in outputs.items():\n"
_NORMS = "            output.LayerNorm.requires_grad_(True)"
INJECT_ADAPTERS = Exercise(
    reference=adapters.inject_adapters,
    cases=_cases,
    observe=_observe,
    mistakes=edits(
        adapters.inject_adapters,
        {"return model": "model.eval()\n    return model"},
        MODE_CHANGED,
        {"replace(model, path,": "setattr(model, path,"},
        "the adapters are not in their places: a path has dots, and setattr takes one name. replace(model, path, "
        "new) finds the parent.",
        {"freeze_base(model, head)": "pass"},
        "the base still trains. Freeze it, with freeze_base(model, head), before the adapters are put in.",
        {"freeze_base(model, head)": "model.requires_grad_(False)"},
        "the head is frozen too, and it is new. freeze_base(model, head) leaves it trainable.",
        {"return model": "model.requires_grad_(False)\n    return model"},
        "the adapters are frozen as well: the model was frozen after they were put in. Freeze it first.",
        {
            _LOOP: f"    adapter = Adapter(model.config.hidden_size, bottleneck_size, init_std)\n{_LOOP}",
            f"adapter = {_MADE}": "pass",
        },
        "all places share one adapter. Make a new one for each, inside the loop.",
        {"find_outputs(model, kind": 'find_outputs(model, "houlsby"'},
        "adapters are put into the places of Houlsby, whatever the kind. Pass `kind` to find_outputs.",
        {"device), kind": 'device), "houlsby"'},
        "the layers compute Houlsby's formula, whatever the kind. Pass `kind` to adapted.",
        {"features(last)[1]": "features(last)[0]"},
        "the adapter is as wide as what goes into the dense layer. It reads what comes out of it: features(...)[1].",
        {"features(last)[1], bottleneck_size": "bottleneck_size, features(last)[1]"},
        "width and bottleneck are exchanged: Adapter(width, bottleneck_size, init_std).",
        {", init_std)": ")"},
        "init_std is not passed on: the adapters' first weights are always the same size.",
        {_NORMS: "            pass"},
        "train_norms is not used: with it the LayerNorm beside each adapter trains.",
        {"if train_norms": "if True"},
        "the LayerNorms train even where train_norms is False.",
        {
            _NORMS: "            [m.requires_grad_(True) for m in model.modules() if isinstance(m, nn.LayerNorm)]"
        },
        "every LayerNorm of the model trains. Only those beside an adapter do: output.LayerNorm.",
        {"outputs.items()": "list(outputs.items())[:1]"},
        "only the first place gets an adapter. The loop ends too early: is `return` inside it?",
        {"outputs.items()": "list(outputs.items())[-1:]"},
        "only the last place gets an adapter. Is `replace` after the loop? It belongs inside.",
        {"replace(model, path, adapted": "(model, path, adapted"},
        "the model is as it was: no place holds an adapter. replace(model, path, new) puts it in.",
    ),
    advice={
        RESULT: "change the model itself, and return it: `return model`.",
        PLACES: "find_outputs(model, kind, train_norms) says where: a dict, path -> the end of a sublayer. Each is "
        "replaced by adapted(output, adapter, kind), at its own path.",
        TRAINS: "trainable are the adapters, the head, and with train_norms the LayerNorm beside each adapter.",
        OWN: "some places share an adapter. Make a new one for each, inside the loop.",
        START: "the adapters' first weights are those that Adapter(width, bottleneck_size, init_std) draws.",
        LOGITS: "the adapters are in their places, but the model computes something else with them, or nothing at all. "
        "What stands at a place is adapted(output, adapter, kind), made of the output that was there.",
        SIZES: "shapes that do not go together. Each adapter is as wide as the model's hidden states, and has this "
        "bottleneck.",
        "AttributeError": "`output` is the end of a sublayer: it has .dense, .dropout and .LayerNorm.",
    },
)
