"""What a method has to store: the trained tensors and their settings, as a dict by name."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from course_utils.methods.replacing import Model, Wrapped, wrapped


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    """What a task has to store: the trained tensors by name, head included, copied. The base is not among them."""
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


def state(model: nn.Module, kind: type[nn.Module]) -> dict[str, Tensor]:
    """`adapter_state`, and beside it the settings of each wrapped layer, such as `...query.lora_alpha`, as scalars.

    Raises ValueError where the model has no layers of this kind.
    """
    if not wrapped(model, kind):
        raise ValueError(
            f"This model has no {kind.__name__} layers, so there is nothing to store. Inject them first."
        )
    return adapter_state(model) | settings(model)


def own_parameters(model: nn.Module, kind: type[Wrapped]) -> set[str]:
    """The names of the parameters of the wrapped layers of this kind."""
    layers = wrapped(model, kind).items()
    return {f"{path}.{name}" for path, layer in layers for name, _ in layer.named_parameters(recurse=False)}


def settings(model: nn.Module) -> dict[str, Tensor]:
    """The settings of the wrapped layers, `path.name` -> a scalar."""
    return {
        f"{path}.{name}": torch.tensor(value)
        for path, layer in wrapped(model).items()
        for name, value in layer.settings().items()
    }


@torch.no_grad()
def swap_in(model: Model, stored: Mapping[str, Tensor]) -> Model:
    """Put stored tensors into the model's parameters of the same names; all else stays as it is. Returns the model.

    Names that the model has no parameter for are passed over: `load` refuses what does not fit.
    """
    for name, parameter in model.named_parameters():
        if name in stored:
            parameter.copy_(stored[name])
    return model


def load(model: Model, stored: Mapping[str, Tensor], method: str, own: Collection[str]) -> Model:
    """Put stored tensors into a model that has the same layers with the same settings. Returns the model.

    own: the names of the method's parameters, which the state must have even where they do not train.

    Raises ValueError, and changes nothing, while a layer is merged, since taking it out again would need the tensors
    that go; and where names, shapes or settings differ: other layers, another rank, alpha or head.
    """
    _refuse_misfits(model, stored, method, own)
    return swap_in(model, stored)


def _refuse_misfits(
    model: nn.Module, stored: Mapping[str, Tensor], method: str, own: Collection[str]
) -> None:
    if any(layer.merged for layer in wrapped(model).values()):
        raise ValueError("This model is merged. Unmerge it before you load another state.")
    parameters, here = dict(model.named_parameters()), settings(model)
    wanted = {
        name: tuple(p.shape)
        for name, p in parameters.items()
        if name in stored or name in own or p.requires_grad
    }
    given = {name: tuple(value.shape) for name, value in stored.items() if name not in here}
    if misfits := sorted({name for name, _ in wanted.items() ^ given.items()}):
        raise ValueError(
            f"These tensors do not fit this model; the first that differs is {misfits[0]}. Inject {method} as "
            "it was when they were stored: the same targets and sizes, and a head for the same classes."
        )
    for name, value in here.items():
        if name not in stored or stored[name].item() != value.item():
            there = stored[name].item() if name in stored else "not stored"
            raise ValueError(
                f"These tensors do not fit this model: {name} is {value.item()} here and was {there} when they were "
                "stored, so they would compute something else. Inject with the settings that they were stored with."
            )
