"""BitFit: train the biases, and freeze every weight matrix.

Source: Ben Zaken, Goldberg and Ravfogel (2022), "BitFit: Simple Parameter-efficient Fine-tuning for Transformer-based
Masked Language-models", section 3.
"""

from collections.abc import Sequence

from torch import nn

from course_utils.methods.freezing import head_only, head_parts


def bitfit(model: nn.Module, head: Sequence[str] = ("classifier",)) -> nn.Module:
    """Freeze the model but for its biases, those of LayerNorm too, and its head. In place; returns the model.

    Raises ValueError, and changes nothing, where the model has no such head, or no bias outside it.
    """
    inside = tuple(f"{path}." for path in head_parts(model, head))
    biases = [
        p for name, p in model.named_parameters() if name.endswith(".bias") and not name.startswith(inside)
    ]
    if not biases:
        raise ValueError(
            "This model has no biases outside its head, so BitFit has nothing to train. Many language models "
            "are built without them: take another method, such as LoRA, or a model that has biases, such as BERT."
        )
    head_only(model, head)
    for bias in biases:
        bias.requires_grad_(True)
    return model
