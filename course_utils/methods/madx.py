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

from course_utils.methods.adapters import AdaptedOutput, Adapter, find_outputs
from course_utils.methods.finding import freeze_base
from course_utils.methods.freezing import head_parts
from course_utils.methods.replacing import NewPart, replace

STEPS = ("language", "task")


def couple(hidden: Tensor, first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor]) -> Tensor:
    """The invertible adapter: each half of the width gets a function of the other half (section 4.3).

    With e1, e2 the halves of `hidden`, (..., width): o1 = first(e2) + e1, then o2 = second(o1) + e2. Returns
    o1 and o2 side by side, (..., width). `first` and `second` may be any functions from half the width to half.
    """
    left, right = hidden.chunk(2, dim=-1)
    left = left + first(right)
    right = right + second(left)
    return torch.cat([left, right], dim=-1)


def uncouple(
    coupled: Tensor, first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor]
) -> Tensor:
    """The inverse of `couple`, exact but for rounding, whatever the two functions: e2 first, then e1.

    coupled: (..., width), the halves o1 and o2. Returns (..., width).
    """
    left, right = coupled.chunk(2, dim=-1)
    right = right - second(left)
    left = left - first(right)
    return torch.cat([left, right], dim=-1)


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


def stack_adapters(
    hidden: Tensor,
    residual: Tensor,
    language: Callable[..., Tensor] | None,
    task: Callable[..., Tensor] | None,
) -> Tensor:
    """The task adapter on top of the language adapter: what the second reads is what the first gave (section 4.2).

    hidden, residual: (..., width), what an adapter is called with. The language adapter adds to `residual`, the
    task adapter to the language adapter's output, as in the authors' library; equation 2 has `residual` here too.
    Either may be None: then the other works alone. With neither, the result is `residual`. Returns (..., width).
    """
    if language is not None:
        residual = language(hidden, residual)
        hidden = residual
    return residual if task is None else task(hidden, residual)


def trains(name: str, step: str, head: Sequence[str] = ("classifier",)) -> bool:
    """Whether the parameter of this name trains in this step, "language" or "task".

    In the first, the language adapter alone: what belongs to a part called `language` or `invertible`. In the
    second, the task adapter and the new head: what belongs to a part called `task`, or to one named in `head`.
    """
    parts = name.split(".")
    wanted = ("language", "invertible") if step == "language" else ("task", *head)
    return any(part in wanted for part in parts)


class InvertibleAdapter(nn.Module):
    """What a language adapter does to the embeddings, and undoes before the words are scored.

    Two bottlenecks from half of `width` to half, by way of a quarter. `width` must be even.
    """

    def __init__(self, width: int, init_std: float = 0.01) -> None:
        super().__init__()
        self.first, self.second = (_bottleneck(width // 2, width // 4, init_std) for _ in range(2))

    def forward(self, hidden: Tensor) -> Tensor:
        own = next(self.parameters()).dtype  # it computes in its own, whatever the model's
        return couple(hidden.to(own), self.first, self.second).to(hidden.dtype)

    def inverse(self, coupled: Tensor) -> Tensor:
        """The `hidden` that `forward` made `coupled` of."""
        own = next(self.parameters()).dtype
        return uncouple(coupled.to(own), self.first, self.second).to(coupled.dtype)


NewPart.register(InvertibleAdapter)


def _bottleneck(width: int, bottleneck_size: int, init_std: float) -> nn.Sequential:
    down, up = nn.Linear(width, bottleneck_size), nn.Linear(bottleneck_size, width)
    for linear in (down, up):
        nn.init.normal_(linear.weight, std=init_std)
        nn.init.zeros_(linear.bias)
    return nn.Sequential(down, nn.ReLU(), up)


class LanguageAdapter(nn.Module):
    """All that is learned of one language: a bottleneck for each layer, and an invertible adapter."""

    def __init__(self, width: int, layers: int, bottleneck_size: int) -> None:
        super().__init__()
        self.invertible = InvertibleAdapter(width)
        self.layers = nn.ModuleList(Adapter(width, bottleneck_size) for _ in range(layers))


class Stack(nn.Module):
    """A language adapter and a task adapter in the place of one adapter; either may be absent."""

    def __init__(self) -> None:
        super().__init__()
        self.language: nn.Module | None = None
        self.task: nn.Module | None = None

    def forward(self, hidden: Tensor, residual: Tensor | None = None) -> Tensor:
        residual = hidden if residual is None else residual
        return stack_adapters(hidden, residual, self.language, self.task)


NewPart.register(Stack)


def _couple_after(embeddings: Any, inputs: tuple[Any, ...], hidden: Tensor) -> Tensor:
    """The hook on the model's embeddings: the invertible adapter of the language that is put in follows them."""
    return hidden if embeddings.invertible is None else embeddings.invertible(hidden)


class InvertedScores(nn.Module):
    """The last layer of a masked language model, which scores the vocabulary, behind the inverse.

    It holds that layer's weight and bias under their own names: the model's keys, and the tie to its embeddings, stay.
    """

    def __init__(self, decoder: Any) -> None:
        super().__init__()
        self.weight, self.bias = decoder.weight, decoder.bias
        self.invertible: InvertibleAdapter | None = None

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = hidden if self.invertible is None else self.invertible.inverse(hidden)
        return F.linear(hidden, self.weight, self.bias)


def add_stacks(model: nn.Module, head: Sequence[str] = ()) -> nn.Module:
    """Freeze a model of BERT's build, and give each layer, its embeddings and its scores of words a place for adapters.

    All places are empty, so the model computes what it did. In place; returns the model. The parts named in
    `head` are new and stay trainable; a masked language model has none. The model's keys stay; resize its vocabulary
    before. Raises ValueError, and changes nothing, where there is no such head, where the model is of another build,
    and where it has places already.
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
        replace(model, path, AdaptedOutput(output, Stack(), "pfeiffer"))
    embeddings.invertible = None
    embeddings.register_forward_hook(_couple_after)
    if decoder is not None:
        bert.set_output_embeddings(InvertedScores(decoder))
    return model


def stacks(model: nn.Module) -> list[Stack]:
    """The stack of each layer, the first layer first. Raises ValueError where the model has none."""
    if found := [part for part in model.modules() if isinstance(part, Stack)]:
        return found
    raise ValueError("This model has no stacks, so no adapter can be put in. Call add_stacks(model) first.")


def put_language(model: nn.Module, language: LanguageAdapter | None) -> nn.Module:
    """Put a language in, in the place of the one that was there; None takes it out. Returns the model.

    The model holds the adapter itself, not a copy. Raises ValueError, and changes nothing, where the number of
    layers differs.
    """
    places = stacks(model)
    layers = [None] * len(places) if language is None else list(language.layers)
    _same_number(places, layers)
    for place, layer in zip(places, layers, strict=True):
        place.language = layer
    for part in list(model.modules()):
        if hasattr(part, "invertible"):
            setattr(part, "invertible", None if language is None else language.invertible)  # noqa: B010
    return model


def put_task(model: nn.Module, layers: Sequence[nn.Module] | nn.ModuleList) -> nn.Module:
    """Put a task adapter in, one bottleneck a layer. Returns the model. Raises ValueError as `put_language`."""
    places = stacks(model)
    _same_number(places, list(layers))
    for place, layer in zip(places, layers, strict=True):
        place.task = layer
    return model


def _same_number(places: Sequence[Stack], layers: Sequence[nn.Module | None]) -> None:
    if len(places) != len(layers):
        raise ValueError(
            f"The adapter has {len(layers)} layers and the model {len(places)}. An adapter belongs to the model that "
            "it was made for: make one with as many layers."
        )


def train_only(model: nn.Module, step: str, head: Sequence[str] = ("classifier",)) -> nn.Module:
    """Freeze all but what trains in this step (`trains`). Returns the model.

    Raises ValueError, and changes nothing, for a step that is neither "language" nor "task", where the step's
    adapter is not in its place, and where the task has no head of this name.
    """
    if step not in STEPS:
        raise ValueError(f"There is no step {step!r}. Take one of: {', '.join(STEPS)}.")
    if any(getattr(place, step) is None for place in stacks(model)):
        raise ValueError(f"No {step} adapter is in its place. Call put_{step} first.")
    if step == "task":
        head_parts(model, head)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(trains(name, step, head))
    return model
