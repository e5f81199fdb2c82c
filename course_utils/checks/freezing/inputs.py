"""Models for the checks of this notebook: the parts of a BERT and their names, a few numbers each."""

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from course_utils.checks.compare import describe
from course_utils.checks.tasks import RESULT, Arguments, Observations

WIDTH = 2


def small_model(
    layers: int = 2,
    body: str = "bert",
    pooler: bool = False,
    head: str = "classifier",
    biases: bool = True,
    frozen: bool = False,
    several_in_head: bool = False,
    pre_classifier: bool = False,
) -> nn.Module:
    """A BERT's skeleton: it has every part with its name, and cannot be run.

    frozen: everything is frozen already, as after another method. several_in_head: two linear layers in it.
    pre_classifier: a part of that name before the head, as DistilBERT has one, and another, classifier_norm.
    """

    def linear(outputs: int = WIDTH) -> nn.Linear:
        return nn.Linear(WIDTH, outputs, bias=biases)

    def norm() -> nn.LayerNorm:
        return nn.LayerNorm(WIDTH, bias=biases)

    def output(inputs: int = WIDTH) -> nn.ModuleDict:
        return nn.ModuleDict({"dense": nn.Linear(inputs, WIDTH, bias=biases), "LayerNorm": norm()})

    def layer() -> nn.ModuleDict:
        own = nn.ModuleDict({name: linear() for name in ("query", "key", "value")})
        return nn.ModuleDict(
            {
                "attention": nn.ModuleDict({"self": own, "output": output()}),
                "intermediate": nn.ModuleDict({"dense": linear(2 * WIDTH)}),
                "output": output(2 * WIDTH),
            }
        )

    embeddings = nn.ModuleDict({"word_embeddings": nn.Embedding(3, WIDTH), "LayerNorm": norm()})
    encoder = nn.ModuleDict({"layer": nn.ModuleList(layer() for _ in range(layers))})
    parts = {"embeddings": embeddings, "encoder": encoder}
    if pooler:
        parts["pooler"] = nn.ModuleDict({"dense": linear()})
    top = (
        nn.ModuleDict({"dense": linear(), "out_proj": linear(3)}) if several_in_head else nn.Linear(WIDTH, 3)
    )
    before = {"pre_classifier": linear(), "classifier_norm": norm()} if pre_classifier else {}
    return nn.ModuleDict({body: nn.ModuleDict(parts), **before, head: top}).requires_grad_(not frozen)


def changed_weight(model: nn.Module, before: dict[str, Tensor]) -> str | None:
    """The name of the first parameter that is not what it was in `before`, a copy of the state dict; else None."""
    now = model.state_dict()
    for name, old in before.items():
        if name not in now or now[name].dtype != old.dtype or not now[name].equal(old):
            return name
    return None


def observe_trainable(function: Callable[..., Any], arguments: Arguments) -> Observations:
    """What came back, and which parameters require a gradient, one observation each."""
    given = copy.deepcopy(arguments)
    model, before = given["model"], copy.deepcopy(arguments["model"].state_dict())
    names = [name for name, _ in model.named_parameters()]
    value = function(*given.values())
    after = dict(model.named_parameters())
    seen: Observations = {
        RESULT: "the model" if value is model else None if value is None else describe(value)
    }
    if list(after) != names:
        return seen | {"parts of the model": "other parts"}
    seen |= {"parts of the model": "as they were", "values that changed": changed_weight(model, before)}
    seen["in train mode, as it was"] = model.training
    return seen | {f"{name} trains": parameter.requires_grad for name, parameter in after.items()}
