"""BitFit: train the biases, and freeze every weight matrix.

Source: Ben Zaken, Goldberg and Ravfogel (2022), "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based
Masked Language-models", sections 3 and 4.
"""

from collections.abc import Sequence

from torch import nn

from course_utils.methods.freezing import find_parameters, head_only, head_parts
from course_utils.methods.replacing import NewPart, Wrapped, wrapped
from course_utils.methods.validation import Given, checked, kind_of


def _has_such_biases(given: Given) -> None:
    """There are biases outside the head, and every part in `only` has one."""
    model, head, only = given["model"], given["head"], given["only"]
    if added := wrapped(model, (Wrapped, NewPart)):
        raise ValueError(
            f"{kind_of(model)} has another method's layers already, such as {next(iter(added))}, and BitFit would "
            "freeze them. Merge them first (merge_lora, merge_ia3), or load the model afresh."
        )
    if isinstance(only, str):
        raise ValueError(f"only is a list of names, and it is the text {only!r}: write [{only!r}].")
    head_parts(model, head)
    if not (biases := find_parameters(model, "bias", outside=head)):
        raise ValueError(
            f"{kind_of(model)} has no biases outside its head, so BitFit has nothing to train. Many language models "
            "are built without them: take another method, such as LoRA, or a model that has biases, such as BERT."
        )
    if unknown := [part for part in only or () if not find_parameters(model, "bias", [part], head)]:
        owners = dict.fromkeys(name.split(".")[-2] for name in biases if "." in name)
        raise ValueError(
            f"No part of {kind_of(model)} that is called {' or '.join(unknown)} has a bias. Those that have one are "
            f"called {', '.join(owners)}."
        )


@checked(_has_such_biases)
def bitfit(
    model: nn.Module, head: Sequence[str] = ("classifier",), only: Sequence[str] | None = None
) -> nn.Module:
    """Freeze the model but for its biases, those of LayerNorm too, and its head. In place; returns the model.

    A bias is a parameter with "bias" in its own name. only: train the biases of these parts and no others (see
    `find_parameters`; under "Fewer bias parameters" in section 4 the paper trains those of the query and of the
    feed-forward block's first layer). Raises ValueError, and changes nothing, where the model has no such head, or no
    such bias outside it.
    """
    head_only(model, head)
    for name in find_parameters(model, "bias", only, outside=head):
        model.get_parameter(name).requires_grad_(True)
    return model
