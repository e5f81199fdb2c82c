"""Put something around a layer of a model, merge it into the layer, and take it off: the ground of LoRA, (IA)³ and
adapters. Which layers is the business of `finding`, and what to store that of `storing`.

Every refusal comes before the model is changed.
"""

from abc import ABC
from collections.abc import Collection
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

Model = TypeVar("Model", bound=nn.Module)


class NewPart(ABC):  # noqa: B024 (a register of classes)
    """Modules that a method adds to a model, such as the bottleneck of an adapter: `NewPart.register(Adapter)`.

    What is inside one is never a target, and keeps training when a second method is added.
    """


class Wrapped(nn.Module):
    """A layer of the model, frozen, with what a method puts around it. The parent of `LoRALinear` and `IA3Linear`.

    `linear` is the layer that was there: an `nn.Linear` or a subclass, GPT-2's `Conv1D`, or another method's `Wrapped`.
    It is called, so its hooks run. Code that reads `weight` and `bias` instead of calling the layer (T5 does, and
    torch's own attention) gets those of the plain layer that computes the same.
    """

    mergeable = True  # False where no plain layer computes the same

    def __init__(self, linear: nn.Module) -> None:
        super().__init__()
        self.linear: Any = linear if isinstance(linear, Wrapped) else linear.requires_grad_(False)
        self.in_features, self.out_features = features(linear)
        self.merged = False

    def plain(self, weight: Tensor, bias: Tensor | None, undo: bool = False) -> tuple[Tensor, Tensor | None]:
        """Weight (out, in) and bias of the plain layer that does what this one does; with `undo`, the way back."""
        raise NotImplementedError

    @property
    def reversible(self) -> bool:
        """Whether what was merged can be taken out again."""
        return True

    def settings(self) -> dict[str, float | bool]:
        """What the tensors do not tell and a state must, by name, such as `lora_alpha`."""
        return {}

    @property
    def weight(self) -> Tensor:
        weight = _plain(self)[0]
        return weight.T if isinstance(innermost(self), Conv1D) else weight

    @property
    def bias(self) -> Tensor | None:
        return _plain(self)[1]

    def merge(self) -> None:
        """Put the method into the layer's own weight and bias. Twice does no harm. Raises ValueError as `merge`."""
        if not self.merged:
            _check_merge(self, also=())
            self._write(undo=False)

    def unmerge(self) -> None:
        """Take it out again, exact but for rounding. Twice does no harm. Raises ValueError as `unmerge`."""
        if self.merged:
            _check_unmerge(self)
            self._write(undo=True)

    @torch.no_grad()
    def _write(self, undo: bool) -> None:
        own = innermost(self)
        matrix = (
            own.weight.T if isinstance(own, Conv1D) else own.weight
        )  # a view: writing to it changes the layer
        weight, bias = self.plain(matrix, own.bias, undo)
        matrix.copy_(weight)
        if bias is not None:
            own.bias.copy_(bias)
        self.merged = not undo


def innermost(layer: nn.Module) -> Any:
    """The model's own layer, under all that methods put around it."""
    return innermost(layer.linear) if isinstance(layer, Wrapped) else layer


def features(layer: nn.Module) -> tuple[int, int]:
    """How many numbers go into a layer and how many come out. (A `Conv1D` keeps its weight as (in, out).)"""
    own = innermost(layer)
    if isinstance(own, Conv1D):
        return own.weight.shape[0], own.weight.shape[1]
    return own.in_features, own.out_features


def wrapped(model: nn.Module, kind: type | tuple[type, ...] = Wrapped) -> dict[str, Any]:
    """The parts of this kind by path, the outer before the inner."""
    return {path: part for path, part in model.named_modules() if isinstance(part, kind)}


def added_parameters(model: nn.Module) -> set[str]:
    """The names of the parameters that methods added: the model's own are all others."""
    return {
        f"{path}.{name}"
        for path, part in wrapped(model, (Wrapped, NewPart)).items()
        for name, _ in part.named_parameters(recurse=isinstance(part, NewPart))
    }


def replace(model: nn.Module, path: str, new: nn.Module) -> None:
    """Put `new` in the place of the module at `path`, and wherever else the model uses that same module.

    It takes the old one's mode, training or evaluation.
    """
    old = model.get_submodule(path)
    new.train(old.training)
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):
            if child is old:
                setattr(parent, name, new)


def merge(model: Model, kind: type[nn.Module] = Wrapped) -> Model:
    """Put LoRA and (IA)³, or one `kind` of layer alone, into the weights of the model; the wrappers stay, so that
    `unmerge` can undo it. In place; returns the model.

    Raises ValueError, and changes nothing, where the model has no such layer, and where one cannot be merged: it is an
    adapter, or stands around a layer of another method that is not merged, or its weight is not one of numbers that can
    be written.
    """
    layers = wrapped(model, kind)
    if not layers:
        raise ValueError(
            f"This {type(model).__name__} has no layers that this course's LoRA or (IA)³ put around its own, so there "
            "is nothing to merge. A model that peft has wrapped is merged by peft: model.merge_and_unload()."
        )
    for layer in layers.values():
        _check_merge(layer, also=layers.values())
    for layer in reversed(layers.values()):  # the inner first
        layer.merge()
    return model


def unmerge(model: Model, kind: type[nn.Module] = Wrapped) -> Model:
    """Take out what `merge` put in, exact but for rounding. In place; returns the model.

    Raises ValueError, and changes nothing, where what was multiplied in is zero, and where another method that is
    merged stands around.
    """
    layers = wrapped(model, kind)
    for layer in layers.values():
        _check_unmerge(layer)
    for path, outer in wrapped(model).items():
        if outer.merged and path not in layers and f"{path}.linear" in layers:
            raise ValueError(
                f"{path} is merged around the layer that is to be unmerged. Unmerge all: unmerge(model)."
            )
    for layer in layers.values():
        layer.unmerge()
    return model


def merge_and_unload(model: Model, kind: type[nn.Module] = Wrapped) -> Model:
    """Merge as `merge` does and take the wrappers off: a plain model is left, for `save_pretrained` and for others.

    In place; returns the model. Raises ValueError, and changes nothing, as `merge`, and where adapters would be left.
    """
    if kind is Wrapped and (left := next(iter(wrapped(model, NewPart)), None)):
        raise ValueError(
            f"{left} is not linear, so no plain layer computes what it does, and it cannot be merged. It stays."
        )
    merge(model, kind)
    for path, layer in reversed(wrapped(model, kind).items()):
        replace(model, path, layer.linear)
    return model


def _plain(layer: Any) -> tuple[Tensor, Tensor | None]:
    if not isinstance(layer, Wrapped):
        return layer.weight.T if isinstance(layer, Conv1D) else layer.weight, layer.bias
    inner = _plain(layer.linear)
    return inner if layer.merged else layer.plain(*inner)


def _check_merge(layer: Wrapped, also: Collection[Wrapped]) -> None:
    inner, own = layer.linear, innermost(layer)
    if not layer.mergeable:
        raise ValueError(
            "An adapter is not linear: no plain layer computes what it does, so it is not merged."
        )
    if isinstance(inner, Wrapped) and not inner.merged and not any(inner is other for other in also):
        raise ValueError(
            f"This {type(layer).__name__} stands around a {type(inner).__name__} that is not merged. Merge both at "
            "once: replacing.merge(model)."
        )
    weight = own._parameters.get("weight")
    if weight is None or weight.is_meta or not weight.is_floating_point():
        raise ValueError(
            f"The weight of this {type(own).__name__} is quantized, computed from others or elsewhere, so nothing can "
            "be merged into it. Load the base model in float, unquantized, and put the stored state into it."
        )


def _check_unmerge(layer: Wrapped) -> None:
    if layer.merged and not layer.reversible:
        raise ValueError(
            "A factor that was merged is zero, and nobody can divide by zero: the weights it multiplied are lost. Load "
            "the base model again."
        )
