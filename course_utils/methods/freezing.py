"""Training parts of a model: the head alone, or the top layers too; and what such a model is made of.

Sources: Peters et al. (2018), "Deep Contextualized Word Representations" (ELMo), for a task model on frozen
embeddings; Peters, Ruder and Smith (2019), "To Tune or Not to Tune? Adapting Pretrained Representations to Diverse
Tasks", which compares a frozen encoder with fine-tuning. The methods that train a little more start from `head_only`.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


def head_parts(model: nn.Module, head: Sequence[str]) -> list[str]:
    """The paths of the parts whose own name is in `head`, such as "classifier" and "bert.pooler".

    Raises ValueError where the model has no part with parameters of one of these names.
    """
    parts = [path for path, part in model.named_modules() if path and any(True for _ in part.parameters())]
    names = {path.split(".")[-1] for path in parts}
    if missing := [name for name in head if name not in names]:
        raise ValueError(
            f"This model has no part called {' or '.join(missing)}, so nothing would learn the new task. "
            "Name the parts that are new in head=...: "
            f"the model's own parts are called {', '.join(path for path in parts if '.' not in path)}."
        )
    return [path for path in parts if path.split(".")[-1] in head]


def head_only(model: nn.Module, head: Sequence[str] = ("classifier",)) -> nn.Module:
    """Freeze the model but for the parts named in `head`. Changes the model in place and returns it.

    Raises ValueError, and changes nothing, where the model has no such part (`head_parts`).
    """
    paths = head_parts(model, head)
    model.requires_grad_(False)
    for path in paths:
        model.get_submodule(path).requires_grad_(True)
    return model


def encoder_layers(model: nn.Module) -> nn.ModuleList:
    """The layers of a Transformer, the lowest first: the longest `nn.ModuleList` in the model.

    Raises ValueError where there is none.
    """
    lists = [part for part in model.modules() if isinstance(part, nn.ModuleList)]
    if not lists:
        raise ValueError(
            "This model keeps no layers in an nn.ModuleList, so it is not known which are its top."
        )
    return max(lists, key=len)


def top_layers(model: nn.Module, k: int, head: Sequence[str] = ("classifier",)) -> nn.Module:
    """Freeze the model but for its k layers next to the head, and the head. In place; returns the model.

    With k = 0 it is `head_only`; with k = all, only the embeddings stay frozen. Raises ValueError, and changes
    nothing, where the model has no such head, or fewer layers.
    """
    layers = encoder_layers(model)
    if not 0 <= k <= len(layers):
        raise ValueError(
            f"This model has {len(layers)} layers, so k must be from 0 to {len(layers)}, not {k}."
        )
    head_only(model, head)
    for layer in layers[len(layers) - k :]:
        layer.requires_grad_(True)
    return model


def trained_share(model: nn.Module, head: Sequence[str] = ("classifier",)) -> float:
    """Of all parameters of the model, how many per cent require a gradient and are not in the head.

    So the papers count: every method trains the head, which is new in any case (Ben Zaken et al. 2022, table 2).
    """
    inside = tuple(f"{path}." for path in head_parts(model, head))
    trained = sum(
        p.numel() for name, p in model.named_parameters() if p.requires_grad and not name.startswith(inside)
    )
    return 100 * trained / sum(p.numel() for p in model.parameters())


def which_moved(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> list[str]:
    """The names of the tensors that are not exactly what they were, in the order of `before`.

    before, after: the same names, and under each a tensor of the same shape. `before` must hold copies: a
    parameter itself changes with the model.
    """
    return [name for name, tensor in before.items() if not torch.equal(tensor, after[name])]


def scalar_mix(states: Tensor, weights: Tensor, gamma: Tensor) -> Tensor:
    """One embedding of each token out of those of all layers: gamma * sum of softmax(weights)[l] * states[l].

    states: (layers, batch, tokens, width); weights: (layers,), any real numbers; gamma: a scalar. Returns
    (batch, tokens, width). The weights and gamma are learned with the task (Peters et al. 2018, equation 1).
    """
    shares = torch.softmax(weights, dim=0)
    return gamma * (shares[:, None, None, None] * states).sum(dim=0)
