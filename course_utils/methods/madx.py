"""MAD-X: one adapter for the language and one for the task, stacked, so that either can be exchanged alone.

Source: Pfeiffer, Vulic, Gurevych and Ruder (2020), "MAD-X: An Adapter-Based Framework for Multi-Task Cross-Lingual
Transfer", sections 4.1 (language adapters), 4.2 (task adapters) and 4.3 (invertible adapters, whose coupling is that
of Dinh, Krueger and Bengio, 2015, "NICE"). Masked words as in Devlin et al. (2019), section 3.1.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.methods.adapters import AdaptedOutput, Adapter, adapted_outputs, find_outputs
from course_utils.methods.finding import freeze_base
from course_utils.methods.freezing import head_parts
from course_utils.methods.replacing import NewPart, replace
from course_utils.methods.validation import Given, checked

STAGES = ("language", "task", "transfer")


def mask_tokens(
    input_ids: Tensor, asked: Tensor, draw: Tensor, random_ids: Tensor, mask_id: int
) -> tuple[Tensor, Tensor]:
    """What the model is shown, and what it is asked, both (batch, tokens) of int64 (Devlin et al. 2019, section 3.1).

    asked: (batch, tokens), True where the model must say which token stood there; the label of every other
    place is -100. draw: (batch, tokens), uniform in 0 to 1. A place that is asked shows `mask_id` where its draw
    is below 0.8, the token of `random_ids` where it is 0.9 or more, and the token itself in between.
    """
    shown = torch.where(asked & (draw < 0.8), mask_id, input_ids)
    shown = torch.where(asked & (draw >= 0.9), random_ids, shown)
    return shown, torch.where(asked, input_ids, -100)


def bottleneck(width: int, bottleneck_size: int) -> nn.Sequential:
    """A small function from `width` to `width` with weights near zero, so that a new one returns nearly 0."""
    down, up = nn.Linear(width, bottleneck_size), nn.Linear(bottleneck_size, width)
    for linear in (down, up):
        nn.init.normal_(linear.weight, std=0.01)
        nn.init.zeros_(linear.bias)
    return nn.Sequential(down, nn.ReLU(), up)


class InvertibleAdapter(nn.Module):
    """What a language adapter does to the embeddings, and undoes before the words are scored (section 4.3).

    Each half of the even `width` gets a function of the other half added, so that both sums can be undone again,
    whatever the two functions. They are bottlenecks by way of a quarter of `width`.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = bottleneck(width // 2, width // 4)
        self.second = bottleneck(width // 2, width // 4)

    def forward(self, hidden: Tensor) -> Tensor:
        """hidden and the result: (..., width)."""
        left, right = hidden.chunk(2, dim=-1)
        left = left + self.first(right)
        right = right + self.second(left)
        return torch.cat([left, right], dim=-1)

    def inverse(self, coupled: Tensor) -> Tensor:
        """The `hidden` that `forward` made `coupled` of, exact but for rounding. Both (..., width)."""
        left, right = coupled.chunk(2, dim=-1)
        right = right - self.second(left)
        left = left - self.first(right)
        return torch.cat([left, right], dim=-1)


NewPart.register(InvertibleAdapter)


class LanguageAdapter(nn.Module):
    """All that is learned of one language: an invertible adapter, and a bottleneck for each layer."""

    def __init__(self, width: int, layers: int, bottleneck_size: int) -> None:
        super().__init__()
        self.invertible = InvertibleAdapter(width)
        self.layers = nn.ModuleList(Adapter(width, bottleneck_size) for _ in range(layers))


class Stack(nn.Module):
    """A language adapter and a task adapter where one adapter was (section 4.2); either may be absent, None.

    The task adapter reads what the language adapter returned, and adds to it, as in the authors' library; in equation
    2 it adds to `residual` once more.
    """

    def __init__(self) -> None:
        super().__init__()
        self.language: nn.Module | None = None
        self.task: nn.Module | None = None

    def forward(self, hidden: Tensor, residual: Tensor) -> Tensor:
        """hidden, residual and the result: (..., width). An adapter is called with both, and adds to the second."""
        if self.language is not None:
            residual = self.language(hidden, residual)
            hidden = residual
        return residual if self.task is None else self.task(hidden, residual)


NewPart.register(Stack)


def _couple_after(embeddings: Any, inputs: tuple[Any, ...], hidden: Tensor) -> Tensor:
    """The hook on the model's embeddings: the invertible adapter of the language that is put in follows them."""
    adapter = embeddings.invertible
    return hidden if adapter is None else _in_its_dtype(adapter, adapter, hidden)


def _in_its_dtype(adapter: nn.Module, function: Callable[[Tensor], Tensor], hidden: Tensor) -> Tensor:
    """An adapter computes in the dtype of its own parameters, whatever the model's is."""
    return function(hidden.to(next(adapter.parameters()).dtype)).to(hidden.dtype)


class InvertedScores(nn.Module):
    """The last layer of a masked language model, which scores the vocabulary, after the inverse.

    It holds that layer's weight and bias under their own names: the model's keys, and the tie to its embeddings, stay.
    """

    def __init__(self, decoder: Any) -> None:
        super().__init__()
        self.weight, self.bias = decoder.weight, decoder.bias
        self.invertible: InvertibleAdapter | None = None

    def forward(self, hidden: Tensor) -> Tensor:
        if self.invertible is not None:
            hidden = _in_its_dtype(self.invertible, self.invertible.inverse, hidden)
        return F.linear(hidden, self.weight, self.bias)


def add_stacks(model: nn.Module, head: Sequence[str] = (), stack: Callable[[], Any] = Stack) -> nn.Module:
    """Freeze a model of BERT's build, and give each layer, its embeddings and its scores of words a place for adapters.

    All places are empty, so the model computes what it did. In place; returns the model. The parts named in
    `head` are new and stay trainable; a masked language model has none. `stack` makes what a layer gets. The model's
    keys stay; resize its vocabulary before. Raises ValueError, and changes nothing, where there is no such head, where
    the model is of another build, and where it has places already.
    """
    outputs, bert = find_outputs(model, "pfeiffer"), cast(Any, model)  # transformers' own names
    embeddings = getattr(getattr(bert, "base_model", None), "embeddings", None)
    decoder = bert.get_output_embeddings() if embeddings is not None else None
    bert_like = all(hasattr(output, "LayerNorm") for output in outputs.values())
    if not bert_like or embeddings is None or not isinstance(decoder, nn.Linear | None):
        raise ValueError(
            f"MAD-X needs a model of BERT's build, whose embeddings are one part and whose layers end in dense, "
            f"dropout and LayerNorm; {type(model).__name__} is of another. Take BERT, RoBERTa or XLM-R."
        )
    freeze_base(model, head)
    for path, output in outputs.items():
        replace(model, path, AdaptedOutput(output, stack(), "pfeiffer"))
    embeddings.invertible = None
    embeddings.register_forward_hook(_couple_after)
    if decoder is not None:
        bert.set_output_embeddings(InvertedScores(decoder))
    return model


def stacks(model: nn.Module) -> list[Any]:
    """The stack of each layer, the first layer first. Raises ValueError where the model has none."""
    adapters = [place.adapter for place in adapted_outputs(model).values()]
    if found := [adapter for adapter in adapters if hasattr(adapter, "language")]:
        return found
    raise ValueError("This model has no stacks, so no adapter can be put in. Call add_stacks(model) first.")


def invertible_slots(model: nn.Module) -> list[Any]:
    """The modules whose `invertible` is a language's invertible adapter or None: the embeddings, which are followed by
    it, and in a masked language model the scores of the words, which follow its inverse."""
    return [part for part in model.modules() if hasattr(part, "invertible")]


def _one_for_each_layer(given: Given) -> None:
    places, adapter = stacks(given["model"]), list(given.values())[1]
    layers = getattr(adapter, "layers", adapter)
    if layers is not None and len(layers) != len(places):
        raise ValueError(
            f"The adapter has {len(layers)} layers and the model {len(places)}. An adapter belongs to the model that "
            "it was made for: make one with as many layers."
        )
    width = next(iter(adapted_outputs(given["model"]).values())).dense.out_features
    for part in layers or ():
        if isinstance(part, Adapter) and part.down.in_features != width:
            raise ValueError(
                f"The adapter is {part.down.in_features} wide and the model's layers {width}. An adapter belongs to "
                "the model that it was made for: make one with this width."
            )


@checked(_one_for_each_layer)
def put_language(model: nn.Module, language: "LanguageAdapter | None") -> nn.Module:
    """Put a language in, in the place of the one that was there; None takes it out. In place; returns the model.

    The model holds the adapter itself, not a copy. Raises ValueError, and changes nothing, where the number of
    layers or their width differs.
    """
    places = stacks(model)
    layers = [None] * len(places) if language is None else language.layers
    for place, layer in zip(places, layers, strict=True):
        place.language = layer
    for slot in invertible_slots(model):
        slot.invertible = None if language is None else language.invertible
    return model


@checked(_one_for_each_layer)
def put_task(model: nn.Module, layers: Sequence[nn.Module] | nn.ModuleList) -> nn.Module:
    """Put a task adapter in, one bottleneck a layer. Returns the model. Raises ValueError as `put_language`."""
    for place, layer in zip(stacks(model), layers, strict=True):
        place.task = layer
    return model


def _ready_for_the_stage(given: Given) -> None:
    model, stage, head = given["model"], given["stage"], given["head"]
    if stage not in STAGES:
        raise ValueError(f"There is no stage {stage!r}. Take one of: {', '.join(STAGES)}.")
    if stage != "transfer" and any(getattr(place, stage) is None for place in stacks(model)):
        raise ValueError(f"No {stage} adapter is in its place. Call put_{stage} first.")
    if stage == "task":
        head_parts(model, head)


@checked(_ready_for_the_stage)
def train_only(model: nn.Module, stage: str, head: Sequence[str] = ("classifier",)) -> nn.Module:
    """Let those parameters train that train in this stage, and freeze all others. In place; returns the model.

    stage: "language" (its adapters in all layers, and its invertible adapter), "task" (the task's adapters, and the
    parts named in `head`, which are new) or "transfer" (nothing: the language is exchanged, and the model used).
    Raises ValueError, and changes nothing, for another stage, where the stage's adapter is not in its place, and
    where the task has no head of this name.
    """
    parts: list[Any] = []
    if stage == "language":
        parts += [place.language for place in stacks(model)]
        parts += [slot.invertible for slot in invertible_slots(model)]
    elif stage == "task":
        parts += [place.task for place in stacks(model)]
        parts += [model.get_submodule(path) for path in head_parts(model, head)]
    model.requires_grad_(False)
    for part in parts:
        part.requires_grad_(True)
    return model
