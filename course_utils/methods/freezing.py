"""Training parts of a model: the head alone, or the top layers too; and what such a model is made of.

Sources: Peters et al. (2018), "Deep Contextualized Word Representations" (ELMo), for a task model on frozen
embeddings; Peters, Ruder and Smith (2019), "To Tune or Not to Tune? Adapting Pretrained Representations to Diverse
Tasks", which compares a frozen encoder with fine-tuning. The methods that train a little more start from `head_only`.
"""

import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from course_utils.methods.validation import Given, checked, kind_of


def head_parts(model: nn.Module, head: Sequence[str]) -> list[str]:
    """The paths of the parts whose own name is in `head`, such as "classifier" and "bert.pooler".

    Raises ValueError where the model has no part with parameters of one of these names, and for a name outside a list.
    """
    if isinstance(head, str):
        raise ValueError(f"head is a list of names, and it is the text {head!r}: write [{head!r}].")
    parts = [path for path, part in model.named_modules() if path and any(True for _ in part.parameters())]
    names = {path.split(".")[-1] for path in parts}
    if missing := [name for name in head if name not in names]:
        raise ValueError(
            f"{kind_of(model)} has no part called {' or '.join(missing)}, so nothing would learn the new task. "
            "Name the parts that are new in head=...: "
            f"the model's own parts are called {', '.join(path for path in parts if '.' not in path)}."
        )
    return [path for path in parts if path.split(".")[-1] in head]


def find_parameters(
    model: nn.Module, own: str = "", parts: Sequence[str] | None = None, outside: Sequence[str] = ()
) -> list[str]:
    """The names of parameters, chosen by their own name and by the part of the model that they lie in.

    own: a text that the parameter's own name holds, which is what follows the last dot: "bias" also fits DeBERTa's
    q_bias, and in_proj_bias of PyTorch's attention. "" fits every parameter.
    parts: names such as "query" or "attention.output.dense". A parameter fits where it lies, however deep, in a part
    whose path is such a name or ends in it after a dot. None stands for the whole model, and [] for no part.
    outside: parts, named in the same way, whose parameters are left out. The names come in the model's order.
    """

    def inside(name: str, names: Sequence[str]) -> bool:
        pieces = name.split(".")
        paths = [".".join(pieces[:end]) for end in range(1, len(pieces))]
        return any(f".{path}".endswith(f".{part}") for path in paths for part in names)

    return [
        name
        for name, _ in model.named_parameters()
        if own in name.rpartition(".")[2]
        and (parts is None or inside(name, parts))
        and not inside(name, outside)
    ]


def _head_stands_alone(given: Given) -> None:
    """No weight of the head is one of the body too; and what else is new is named in a warning."""
    model, paths = given["model"], head_parts(given["model"], given["head"])
    inside = tuple(f"{path}." for path in paths)
    weights = {id(p) for path in paths for p in model.get_submodule(path).parameters()}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if id(parameter) in weights and not name.startswith(inside):
            raise ValueError(
                f"In {kind_of(model)} the head {' and '.join(paths)} shares its weights with {name} (tied embeddings), "
                "so training the head would train that too. A head that was pretrained with the model is not new: "
                "leave it frozen with head=()."
            )
    if new := _other_new_parts(model, paths):
        warnings.warn(
            f"{kind_of(model)} has {' and '.join(new)}, which head={list(given['head'])} leaves frozen. Such parts "
            "come with the task: if the checkpoint had no weights for them, they are random, and stay so. Then "
            "name them in head=... too.",
            stacklevel=4,
        )


def _other_new_parts(model: nn.Module, paths: Sequence[str]) -> list[str]:
    """Parts outside the head that come with the task: those beside the base model, such as DistilBERT's pre_classifier,
    and a pooler whose bias is still exactly 0, as only one is that was never trained."""
    base = getattr(model, "base_model", model)
    beside = [
        name
        for name, part in model.named_children()
        if base is not model and part is not base and any(True for _ in part.parameters())
    ]
    poolers = [
        path
        for path, part in model.named_modules()
        if path.endswith("pooler")
        and any(not (p.is_meta or p.any()) for name, p in part.named_parameters() if name.endswith("bias"))
    ]
    covered = [f"{path}." for path in paths]
    return [
        path
        for path in dict.fromkeys(beside + poolers)
        if paths and not any(f"{path}.".startswith(head) or head.startswith(f"{path}.") for head in covered)
    ]


@checked(_head_stands_alone)
def head_only(model: nn.Module, head: Sequence[str] = ("classifier",)) -> nn.Module:
    """Freeze the model but for the parts named in `head`. Changes the model in place and returns it.

    Raises ValueError, and changes nothing, where the model has no such part (`head_parts`), or where the head shares
    its weights with the embeddings. Warns where other parts seem to be new too, and would stay random.
    """
    model.requires_grad_(False)
    for name in find_parameters(model, parts=head):
        model.get_parameter(name).requires_grad_(True)
    return model


def encoder_layers(model: nn.Module) -> nn.ModuleList:
    """The layers of a Transformer that lead to its head, the lowest first: the decoder's, where it has a decoder.

    They are the longest `nn.ModuleList` that lies in no other one. Raises ValueError where there is none, where its
    length is not the number of layers (as in ALBERT, whose layers share their weights), and where a layer is spread
    over several lists (as in XLM).
    """
    body = getattr(getattr(model, "base_model", model), "decoder", None) or model
    lists = _outermost_lists(body)
    if not lists:
        raise ValueError(
            f"{kind_of(model)} keeps no layers in an nn.ModuleList, so it is not known which are its top."
        )
    longest = max(lists, key=len)
    if sum(len(other) == len(longest) for other in lists) > 1:
        raise ValueError(
            f"{kind_of(model)} spreads each of its {len(longest)} layers over several lists, so none can be trained "
            "whole. Name what is to train by hand, or take a model whose layers are one list, such as BERT."
        )
    layers = getattr(getattr(body, "config", None), "num_hidden_layers", None)
    if body is model and layers not in (None, len(longest)):
        raise ValueError(
            f"{kind_of(model)} has {layers} layers but keeps {len(longest)} of them, so its layers share their "
            "weights: to train one of them is to train all. Take head_only, full fine-tuning, or a model such as BERT."
        )
    return longest


def _outermost_lists(part: nn.Module) -> list[nn.ModuleList]:
    """The lists of layers in a module, but none that lies in another, as the experts of one layer do."""
    lists: list[nn.ModuleList] = []
    for child in part.children():
        lists += [child] if isinstance(child, nn.ModuleList) else _outermost_lists(child)
    return lists


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


def _copies_were_kept(given: Given) -> None:
    after = given["after"]
    for name, tensor in given["before"].items():
        if name in after and tensor.numel() and tensor.data_ptr() == after[name].data_ptr():
            raise ValueError(
                f"{name} is the same memory in before and after, so it would never seem to have moved. A parameter "
                "changes with its model: keep copies, p.detach().clone(), of what is there before."
            )


@checked(_copies_were_kept)
def which_moved(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> list[str]:
    """The names of the tensors that are not exactly what they were, in the order of `before`.

    before, after: the same names, and under each a tensor of the same shape. `before` must hold copies: a
    parameter itself changes with the model. Raises ValueError where it holds none.
    """
    return [name for name, tensor in before.items() if not torch.equal(tensor, after[name])]


def scalar_mix(states: Tensor, weights: Tensor, gamma: Tensor) -> Tensor:
    """One embedding of each token out of those of all layers: gamma * sum of softmax(weights)[l] * states[l].

    states: (layers, batch, tokens, width); weights: (layers,), any real numbers; gamma: a scalar. Returns
    (batch, tokens, width). The weights and gamma are learned with the task (Peters et al. 2018, equation 1).
    """
    shares = torch.softmax(weights, dim=0)
    return gamma * (shares[:, None, None, None] * states).sum(dim=0)
