"""BitFit: train the biases, and freeze every weight matrix.

Source: Ben Zaken, Goldberg and Ravfogel (2022), "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based
Masked Language-models", sections 3 and 4.
"""

from collections.abc import Sequence

from torch import nn

from course_utils.methods.freezing import head_only, head_parts


def find_biases(
    model: nn.Module, head: Sequence[str] = ("classifier",), only: Sequence[str] | None = None
) -> list[str]:
    """The names of the biases outside the head, those of LayerNorm too, in the model's order.

    only: the parts whose bias is meant, such as ["query", "intermediate.dense"]: each fits where the part's path
    ends in it, whole names between the dots. Raises ValueError where the model has no such head.
    """
    inside = tuple(f"{path}." for path in head_parts(model, head))
    biases = [
        name for name, _ in model.named_parameters() if name.endswith(".bias") and not name.startswith(inside)
    ]
    if only is None:
        return biases
    ends = tuple(f".{part}.bias" for part in only)
    return [name for name in biases if f".{name}".endswith(ends)]


def bitfit(
    model: nn.Module, head: Sequence[str] = ("classifier",), only: Sequence[str] | None = None
) -> nn.Module:
    """Freeze the model but for its biases, those of LayerNorm too, and its head. In place; returns the model.

    only: train the biases of these parts and no others (see `find_biases`; under "Fewer bias parameters" in section 4
    the paper trains those of the query and of the feed-forward block's first layer). Raises ValueError, and changes
    nothing, where the model has no such head, or no such bias outside it.
    """
    if not find_biases(model, head):
        raise ValueError(
            "This model has no biases outside its head, so BitFit has nothing to train. Many language models "
            "are built without them: take another method, such as LoRA, or a model that has biases, such as BERT."
        )
    if unknown := [part for part in only or () if not find_biases(model, head, [part])]:
        raise ValueError(f"No part of this model that is called {' or '.join(unknown)} has a bias.")
    head_only(model, head)
    for name in find_biases(model, head, only):
        model.get_parameter(name).requires_grad_(True)
    return model
