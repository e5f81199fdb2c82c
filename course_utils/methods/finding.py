"""Which layers of a model a method changes, and which parameters train then.

Targets are named as in peft (`LoraConfig.target_modules`): a list of names, or one regular expression.
"""

import re
from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.nn.modules.conv import _ConvNd
from transformers.pytorch_utils import Conv1D

from course_utils.methods.freezing import head_only, head_parts
from course_utils.methods.replacing import (
    Model,
    NewPart,
    Wrapped,
    added_parameters,
    features,
    innermost,
    wrapped,
)


def at_least_one(**sizes: int) -> None:
    """Raises ValueError where a size, such as `rank=0`, leaves no room or is no whole number."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be 1 or more, and it is {size}.")
        if size != int(size):
            raise ValueError(f"{name} must be a whole number, and it is {size}.")


def linear_layers(model: nn.Module, head: Sequence[str] = ()) -> dict[str, nn.Module]:
    """The linear layers of the model by path: a wrapped one counts as one, under the path that it had.

    Left out are the parts named in `head` (see `freezing.head_parts`), and what a method added (`NewPart`).
    """
    heads = tuple(f"{path}." for path in head_parts(model, head))
    inside = tuple(f"{path}." for path in wrapped(model, (Wrapped, NewPart)))
    return {
        path: part
        for path, part in model.named_modules()
        if isinstance(part, nn.Linear | Conv1D | Wrapped)
        and not f"{path}.".startswith(heads)
        and not path.startswith(inside)
    }


def check_not_int8(model: nn.Module) -> None:
    """Raises ValueError where the linear layers were made int8."""
    if any(type(part).__name__ == "Int8Linear" for part in model.modules()):
        raise ValueError(
            "This model's linear layers are int8 (quantize_linears): they compute, and pass no gradient on. "
            "Load the model afresh, train, merge, and quantize last."
        )


def check_all_linear(model: nn.Module, root: str = "") -> None:
    """Raises ValueError where a part under the path `root` keeps many matrices in one tensor, as experts are kept."""
    for path, part in model.get_submodule(root).named_modules(prefix=root):
        own = () if isinstance(part, _ConvNd) else part.named_parameters(recurse=False)
        if stacked := [name for name, p in own if p.dim() == 3 and p.shape[0] > 1]:
            raise ValueError(
                f"{path} keeps {part.get_parameter(stacked[0]).shape[0]} matrices in one tensor, {stacked[0]}, as a "
                "mixture of experts does. They are no linear layers, so this method would leave them out, and they are "
                "most of the model. Take a dense model, or LoRA on the layers of attention."
            )


def fits(target: str, path: str) -> bool:
    """peft's rule for a name in a list: it fits where the path is the name, or ends in it after a dot."""
    return f".{path}".endswith(f".{target}")


def fits_any(targets: Sequence[str] | str, path: str) -> bool:
    """Whether one of the names fits the path; of a single string, whether it matches all of it as a regular
    expression."""
    if isinstance(targets, str):
        try:
            return re.fullmatch(targets, path) is not None
        except re.error as error:
            raise ValueError(
                f"{targets!r} is not a regular expression: {error}. Put names into a list."
            ) from error
    return any(fits(target, path) for target in targets)


def find_layers(
    model: nn.Module,
    targets: Sequence[str] | str,
    head: Sequence[str] = (),
    kind: type[nn.Module] | None = None,
) -> dict[str, nn.Module]:
    """The linear layers that `targets` name, by path, outside the parts named in `head`: target after target, each in
    the model's order.

    targets: a list of names ("query", or the end of a path, "attention.output.dense"); or one string, a regular
    expression that matches whole paths (r".*\\.(query|value)"). kind: the method's own class. Raises ValueError where a
    target fits no linear layer, where one shares its weight with another part, where the model has layers of this kind
    already, and where it was made int8.
    """
    if kind is not None and wrapped(model, kind):
        raise ValueError(
            f"This model has {kind.__name__} layers already. Put other values into them with the method's load "
            "function, or load the model afresh and name all the targets in one call."
        )
    check_not_int8(model)
    if not targets:
        raise ValueError("There are no targets. Name the layers that the method changes.")
    layers = linear_layers(model, head)
    whole = isinstance(targets, str)
    each: dict[str, Any] = {str(targets): targets} if whole else {name: [name] for name in targets}
    found = {target: [path for path in layers if fits_any(given, path)] for target, given in each.items()}
    if unknown := [target for target, paths in found.items() if not paths]:
        raise ValueError(_unknown(unknown, layers, whole))
    shared = shared_weights(model)
    if tied := [path for paths in found.values() for path in paths if path in shared]:
        raise ValueError(
            f"{tied[0]} shares its weight with {shared[tied[0]]} (tied weights): changing one would change both. "
            "Leave it out of the targets, or load the model with tie_word_embeddings=False."
        )
    return {path: layers[path] for paths in found.values() for path in paths}


def _unknown(unknown: Sequence[str], layers: dict[str, nn.Module], whole: bool) -> str:
    names = ", ".join(sorted({path.split(".")[-1] for path in layers}))
    hint = (
        " A single string is a regular expression for whole paths, such as "
        f"{next(iter(layers), 'encoder.query')}; put names into a list."
    )
    return (
        f"No linear layer of this model is called {' or '.join(unknown)}. Outside the head, its linear layers are "
        f"called {names or 'nothing: there are none'}.{hint if whole else ''}"
    )


def shared_weights(model: nn.Module) -> dict[str, str]:
    """Of modules that own one weight together, as tied embeddings do: path -> another one's path."""
    owners: dict[int, list[str]] = {}
    for path, part in model.named_modules():
        weight = part._parameters.get("weight")
        if weight is not None:
            owners.setdefault(id(weight), []).append(path)
    return {
        path: next(o for o in paths if o != path)
        for paths in owners.values()
        if len(paths) > 1
        for path in paths
    }


def freeze_base(model: Model, head: Sequence[str]) -> Model:
    """Freeze the model but for the parts named in `head`, and for what other methods of the course added to it.

    In place; returns the model. Raises ValueError, and changes nothing, where there is no such head, and where some of
    the model's own linear layers train and others do not: another method, such as BitFit, has chosen them.
    """
    added = added_parameters(model)
    keep = [name for name, p in model.named_parameters() if name in added and p.requires_grad]
    own = {
        f"{path}.{name}": p.requires_grad
        for path, part in linear_layers(model, head).items()
        for name, p in innermost(part).named_parameters(recurse=False)
    }
    if any(own.values()) and not all(own.values()):
        chosen = [name for name, trains in own.items() if trains]
        raise ValueError(
            f"Only some of this model's own tensors train, such as {chosen[0]}: another method (BitFit, top layers) "
            "has chosen them, and this one would freeze them. Add this method first, or undo the other with "
            "model.requires_grad_(True)."
        )
    head_only(model, head)
    for name in keep:
        model.get_parameter(name).requires_grad_(True)
    return model


def last_projections(model: nn.Module) -> list[tuple[list[str], str]]:
    """For each layer of a Transformer, first layer first: the paths of the last linear layer of its attention (in a
    decoder of T5, of both), and of the last one of all, which ends the feed-forward network.

    A layer is an item of a `nn.ModuleList` all of whose items hold attention, which is what its class is called. Raises
    ValueError where a layer does not end so, as one with experts: the adapters of some layers would be missing.
    """
    check_not_int8(model)
    linears = linear_layers(model)
    found = [_ends(model, layer, linears) for layer in _transformer_layers(model)]
    width = getattr(getattr(model, "config", None), "hidden_size", None)
    for attention, feed_forward in found:
        for path in [*attention, feed_forward]:
            parent = model.get_submodule(path.rpartition(".")[0])
            if isinstance(parent, nn.MultiheadAttention | nn.TransformerEncoderLayer):
                raise ValueError(
                    f"{path} has no place for an adapter: torch's own {type(parent).__name__} reads its weight "
                    "and does not call it."
                )
            if "gate" in path.rpartition(".")[2]:
                raise ValueError(
                    f"{path} is a gate, which scales what others compute, so it does not end a sublayer. Adapters have "
                    "no place to go."
                )
            if width and features(linears[path])[1] != width:
                raise ValueError(
                    f"{path} gives {features(linears[path])[1]} numbers a token and the layers of this model pass on "
                    f"{width}, so it does not end a sublayer. Adapters have no place to go."
                )
    return found


def _transformer_layers(model: nn.Module) -> list[str]:
    paths = dict(model.named_modules())
    lists = [
        path
        for path, part in paths.items()
        if isinstance(part, nn.ModuleList) and len(part) and all(_attentions(item) for item in part)
    ]
    inner = [path for path in lists if not any(other.startswith(f"{path}.") for other in lists)]
    layers = [f"{path}.{i}" for path in inner for i in range(len(paths[path])) if f"{path}.{i}" in paths]  # type: ignore[arg-type]
    if not layers:
        raise ValueError(
            "This model has no list of layers with attention in each, so adapters have no place to go. Take a "
            "Transformer, or give its layers their adapters by hand."
        )
    return layers


def _attentions(layer: nn.Module) -> list[str]:
    """The paths, within the layer, of the outermost parts whose class is called attention."""
    paths = [path for path, part in layer.named_modules() if "attention" in type(part).__name__.lower()]
    return [
        path for path in paths if not any(other != path and path.startswith(f"{other}.") for other in paths)
    ]


def _ends(model: nn.Module, layer: str, linears: dict[str, nn.Module]) -> tuple[list[str], str]:
    inside = [path for path in linears if path.startswith(f"{layer}.")]
    attention: list[str] = []
    check_all_linear(model, layer)
    for part in _attentions(model.get_submodule(layer)):
        attention += [path for path in inside if path.startswith(f"{layer}.{part}.")][-1:]
    if (
        not attention
        or inside[-1] in attention
        or len(attention) < len(_attentions(model.get_submodule(layer)))
    ):
        raise ValueError(
            f"{layer} does not end in linear layers, one for attention and one for the feed-forward network, so "
            "adapters have no place to go there."
        )
    return attention, inside[-1]
